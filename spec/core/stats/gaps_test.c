/* More than one collector for a reading: who answers when the first fails, and who fills its gaps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/stats/fakes.h"

#define USAGE MW_MEMORY_USAGE_BYTES
#define CACHE MW_MEMORY_CACHE_BYTES

/* Three collectors for everything; b and c fill gaps. */
struct fixture {
  struct mw_stats *stats;
  struct fake a, b, c;
  struct mw_cgroup_sample out;
  struct mw_network_sample network;
  struct mw_error err;
};

static int start(void **state)
{
  static struct fixture f;

  f = (struct fixture){0};
  f.stats = mw_stats_new(&(struct mw_stats_config){0}, NULL);
  fake_init(&f.a, "a", 0);
  fake_init(&f.b, "b", 1);
  fake_init(&f.c, "c", 2);
  f.b.base = 2000;
  f.c.base = 3000;
  f.b.collector.fills_gaps = f.c.collector.fills_gaps = true;
  *state = &f;
  return f.stats ? 0 : -1;
}

static int finish(void **state)
{
  struct fixture *f = *state;

  mw_stats_free(f->stats);
  mw_cgroup_sample_deinit(&f->out);
  mw_network_sample_deinit(&f->network);
  return 0;
}

static void add_all(struct fixture *f)
{
  struct fake *const fakes[] = {&f->c, &f->a, &f->b};

  for (size_t i = 0; i < 3; i++)
    assert_int_equal(mw_stats_add_collector(f->stats, &fakes[i]->collector, NULL), 0);
}

static const struct mw_container_ref ref = {.id = "x"};

static int read_figures(struct fixture *f, mw_figure_set wanted)
{
  return mw_stats_container(f->stats, &ref, 0, wanted, &f->out, &f->err);
}

static uint64_t value_of(const struct fixture *f, enum mw_figure figure)
{
  uint64_t value = 0;

  mw_figures_get(&f->out.figures, figure, &value);
  return value;
}

static void expect_origin(struct mw_origin origin, const char *collector, const char *gaps)
{
  assert_string_equal(origin.collector, collector);
  assert_string_equal(origin.gaps ? origin.gaps : "nobody", gaps);
}

/* ---- Failures ---- */

static void the_next_answers_when_the_first_fails(void **state)
{
  struct fixture *f = *state;

  add_all(f);
  f->a.code = EIO;
  assert_int_equal(read_figures(f, FIGURE(USAGE)), 0);
  assert_int_equal(value_of(f, USAGE), 2000 + USAGE);
  assert_int_equal(f->out.inode, 2000);
  expect_origin(f->out.origin, "b", "nobody");
  f->b.code = ENOENT;
  assert_int_equal(read_figures(f, FIGURE(USAGE)), 0);
  expect_origin(f->out.origin, "c", "nobody");
  f->a.code = 0;
  assert_int_equal(read_figures(f, FIGURE(USAGE)), 0);
  expect_origin(f->out.origin, "a", "nobody");
}

static void another_origin_is_not_to_be_compared_with(void **state)
{
  struct fixture *f = *state;

  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE)), 0);
  struct mw_origin first = f->out.origin;
  assert_int_equal(read_figures(f, FIGURE(USAGE)), 0);
  assert_true(mw_origin_equal(first, f->out.origin));
  f->a.code = EIO;
  assert_int_equal(read_figures(f, FIGURE(USAGE)), 0);
  assert_false(mw_origin_equal(first, f->out.origin));
}

static void all_failing_the_first_counts_and_the_others_are_told(void **state)
{
  struct fixture *f = *state;

  add_all(f);
  f->a.code = EACCES;
  f->b.code = ENOENT;
  f->c.code = EIO;
  assert_int_equal(read_figures(f, FIGURE(USAGE)), -EACCES);
  assert_int_equal(f->err.code, EACCES);
  assert_string_equal(f->err.text, "a says no; b: b says no; c: c says no");
}

static void a_collector_is_asked_with_the_age_and_the_figures_of_the_caller(void **state)
{
  struct fixture *f = *state;

  add_all(f);
  assert_int_equal(mw_stats_container(f->stats, &ref, 700, FIGURE(USAGE), &f->out, NULL), 0);
  assert_int_equal(f->a.asked_age_ms, 700);
  assert_true(f->a.asked_wanted == FIGURE(USAGE));
}

/* ---- Figures of a container ---- */

static void what_the_first_lacks_comes_from_one_behind_it(void **state)
{
  struct fixture *f = *state;

  f->b.has = FIGURE(USAGE) | FIGURE(CACHE) | FIGURE(MW_MEMORY_RSS_BYTES);
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  assert_int_equal(value_of(f, USAGE), 1000 + USAGE);
  assert_int_equal(value_of(f, CACHE), 2000 + CACHE);
  assert_int_equal(value_of(f, MW_MEMORY_RSS_BYTES), 0); /* nobody wants it */
  assert_true(f->b.asked_wanted == FIGURE(CACHE));
  assert_int_equal(f->out.inode, 1000);
  assert_int_equal(f->out.read_ns, 1000);
  expect_origin(f->out.origin, "a", "b");
  assert_int_equal(f->c.readings, 0);
}

static void nobody_is_asked_when_nothing_is_lacking(void **state)
{
  struct fixture *f = *state;

  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE)), 0);
  assert_int_equal(f->b.readings + f->c.readings, 0);
  assert_int_equal(read_figures(f, FIGURE(USAGE) | UINT64_C(1) << 61), 0); /* no such figure */
  assert_int_equal(f->b.readings + f->c.readings, 0);
}

static void who_is_not_cheap_fills_no_gaps(void **state)
{
  struct fixture *f = *state;

  f->b.collector.fills_gaps = f->c.collector.fills_gaps = false;
  f->b.has = FIGURE(CACHE);
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  assert_int_equal(f->b.readings, 0);
  expect_origin(f->out.origin, "a", "nobody");
}

static void who_is_not_cheap_is_passed_over_for_who_is(void **state)
{
  struct fixture *f = *state;

  f->b.collector.fills_gaps = false;
  f->b.has = f->c.has = FIGURE(CACHE);
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  assert_int_equal(f->b.readings, 0);
  expect_origin(f->out.origin, "a", "c");
}

static void a_figure_that_is_there_is_not_replaced(void **state)
{
  struct fixture *f = *state;

  f->a.has = f->b.has = FIGURE(MW_CPU_QUOTA_NS);
  f->b.has_cpu_limit = true;
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(MW_CPU_QUOTA_NS) | MW_FIGURE_SET_CPU_LIMIT), 0);
  assert_true(f->out.cpu_limit_present);
  assert_int_equal(value_of(f, MW_CPU_QUOTA_NS), 1000 + MW_CPU_QUOTA_NS);
}

static void the_limit_of_cpus_and_the_devices_are_filled_in_whole(void **state)
{
  struct fixture *f = *state;

  f->b.has_cpu_limit = true;
  f->b.devices_count = 1;
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE)), 0);
  assert_false(f->out.cpu_limit_present);
  for (int i = 0; i < 3; i++) /* the memory of devices changes hands */
    assert_int_equal(read_figures(f, MW_FIGURE_SET_ALL), 0);
  assert_true(f->out.cpu_limit_present);
  assert_true(f->out.cpu_limit_percent > 1999);
  assert_int_equal(f->out.devices_count, 1);
  assert_int_equal(f->out.devices[0].major, 2000);

  f->a.has_cpu_limit = true;
  f->a.devices_count = 1;
  assert_int_equal(read_figures(f, MW_FIGURE_SET_ALL), 0);
  assert_true(f->out.cpu_limit_percent < 1001);
  assert_int_equal(f->out.devices[0].major, 1000);
}

static void who_has_nothing_of_it_is_no_filler(void **state)
{
  struct fixture *f = *state;

  f->c.has = FIGURE(CACHE);
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  assert_int_equal(f->b.readings, 1);
  assert_int_equal(value_of(f, CACHE), 3000 + CACHE);
  expect_origin(f->out.origin, "a", "c");
}

/* ---- Counters of two fillers never take turns ---- */

static void a_filler_that_fails_leaves_the_gap_open(void **state)
{
  struct fixture *f = *state;

  f->b.has = f->c.has = FIGURE(CACHE);
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  f->b.code = EIO;
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  assert_int_equal(value_of(f, CACHE), 0);
  expect_origin(f->out.origin, "a", "b");
  assert_int_equal(f->c.readings, 0);
  f->b.code = 0;
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  assert_int_equal(value_of(f, CACHE), 2000 + CACHE);
}

static void a_filler_stays_for_who_wants_nothing_of_it(void **state)
{
  struct fixture *f = *state;

  f->b.has = FIGURE(CACHE);
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  assert_int_equal(read_figures(f, FIGURE(USAGE)), 0);
  expect_origin(f->out.origin, "a", "b");
}

static void a_filler_that_forgot_the_container_makes_way(void **state)
{
  struct fixture *f = *state;

  f->b.has = f->c.has = FIGURE(CACHE);
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  f->b.code = ENOENT;
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  assert_int_equal(value_of(f, CACHE), 3000 + CACHE);
  expect_origin(f->out.origin, "a", "c");
  f->b.code = 0; /* and has no right to come back */
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  expect_origin(f->out.origin, "a", "c");
}

static void who_answers_alone_begins_without_a_filler(void **state)
{
  struct fixture *f = *state;

  f->b.has = f->c.has = FIGURE(CACHE);
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  f->a.code = EIO;
  assert_int_equal(read_figures(f, FIGURE(CACHE)), 0);
  expect_origin(f->out.origin, "b", "nobody");
}

/* ---- What a reading serves for ---- */

static void a_gap_is_filled_for_who_wants_it_next(void **state)
{
  struct fixture *f = *state;

  f->a.covers = MW_FIGURE_SET_ALL;
  f->b.has = FIGURE(CACHE);
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE)), 0);
  assert_int_equal(mw_stats_container(f->stats, &ref, INT64_MAX, FIGURE(CACHE), &f->out, NULL), 0);
  assert_int_equal(value_of(f, CACHE), 2000 + CACHE);
}

/* ---- Network ---- */

static void read_network(struct fixture *f)
{
  assert_int_equal(mw_stats_network(f->stats, &ref, 0, &f->network, &f->err), 0);
}

static void what_the_network_lacks_comes_from_one_behind_it(void **state)
{
  struct fixture *f = *state;

  f->a.has_network = 1U << MW_NETWORK_RCVD_BYTES;
  f->b.has_network = 1U << MW_NETWORK_RCVD_BYTES | 1U << MW_NETWORK_SENT_BYTES;
  f->b.interfaces_count = 1;
  f->b.host_network = MW_HOST_NETWORK_YES;
  add_all(f);
  for (int i = 0; i < 3; i++)
    read_network(f);
  assert_int_equal(f->network.present, f->b.has_network);
  assert_int_equal(f->network.values[MW_NETWORK_RCVD_BYTES], 1000);
  assert_int_equal(f->network.values[MW_NETWORK_SENT_BYTES], 2000 + MW_NETWORK_SENT_BYTES);
  assert_int_equal(f->network.interfaces_count, 1);
  assert_int_equal(f->network.interfaces[0].rcvd_bytes, 2000);
  assert_int_equal(f->network.host_network, MW_HOST_NETWORK_YES);
  assert_int_equal(f->network.namespace_id, 1000);
  expect_origin(f->network.origin, "a", "b");
}

static void what_the_network_has_stays(void **state)
{
  struct fixture *f = *state;

  f->a.has_network = 15;
  f->a.interfaces_count = 1;
  f->a.host_network = MW_HOST_NETWORK_NO;
  f->b.host_network = MW_HOST_NETWORK_YES;
  add_all(f);
  read_network(f);
  assert_int_equal(f->b.readings, 0);
  f->a.has_network = 7;
  f->b.has_network = 15;
  f->b.interfaces_count = 1;
  read_network(f);
  assert_int_equal(f->network.interfaces[0].rcvd_bytes, 1000);
  assert_int_equal(f->network.host_network, MW_HOST_NETWORK_NO);
  assert_int_equal(f->network.values[3], 2003);
}

/* ---- Time ---- */

static void nobody_is_asked_after_the_deadline(void **state)
{
  struct fixture *f = *state;

  mw_stats_free(f->stats);
  f->stats = mw_stats_new(&(struct mw_stats_config){.wait_max_ms = 1}, NULL);
  assert_non_null(f->stats);
  f->b.has = FIGURE(CACHE);
  f->a.takes_ms = 2;
  add_all(f);
  assert_int_equal(read_figures(f, FIGURE(USAGE) | FIGURE(CACHE)), 0);
  assert_int_equal(f->b.readings, 0);
  f->a.code = EIO;
  assert_int_equal(read_figures(f, FIGURE(USAGE)), -EIO);
  assert_string_equal(f->err.text, "a says no");
  assert_int_equal(f->b.readings, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
  const struct CMUnitTest tests[] = {
      TEST(the_next_answers_when_the_first_fails),
      TEST(another_origin_is_not_to_be_compared_with),
      TEST(all_failing_the_first_counts_and_the_others_are_told),
      TEST(a_collector_is_asked_with_the_age_and_the_figures_of_the_caller),
      TEST(what_the_first_lacks_comes_from_one_behind_it),
      TEST(nobody_is_asked_when_nothing_is_lacking),
      TEST(who_is_not_cheap_fills_no_gaps),
      TEST(who_is_not_cheap_is_passed_over_for_who_is),
      TEST(a_figure_that_is_there_is_not_replaced),
      TEST(the_limit_of_cpus_and_the_devices_are_filled_in_whole),
      TEST(who_has_nothing_of_it_is_no_filler),
      TEST(a_filler_that_fails_leaves_the_gap_open),
      TEST(a_filler_stays_for_who_wants_nothing_of_it),
      TEST(a_filler_that_forgot_the_container_makes_way),
      TEST(who_answers_alone_begins_without_a_filler),
      TEST(a_gap_is_filled_for_who_wants_it_next),
      TEST(what_the_network_lacks_comes_from_one_behind_it),
      TEST(what_the_network_has_stays),
      TEST(nobody_is_asked_after_the_deadline),
  };

  return cmocka_run_group_tests_name("core/stats: several collectors", tests, NULL, NULL);
}
