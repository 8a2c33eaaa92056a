/* The cache of statistics under a clock that is moved by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/stats/one_collector.h"
#include "moonwatch/stats.h"

#define S MW_NS_PER_S
#define MS MW_NS_PER_MS

/* ---- A collector that gives the value it is set to, and takes as long as it is told ---- */

struct fixture {
  struct mw_clock_manual clock;
  struct mw_stats *stats;
  struct mw_cgroup_sample out;
  struct mw_error err;
  uint64_t value;       /* of the next reading */
  int failure_code;     /* of the next reading; 0: none */
  int64_t takes_ns;     /* of clock time */
  size_t devices_count; /* in the next reading */
  uint64_t fetches_total;
};

static int fetch(void *data, const struct mw_stats_request *request, struct mw_cgroup_sample *out,
                 struct mw_error *err)
{
  struct fixture *f = data;

  f->fetches_total++;
  f->clock.now_monotonic_ns += f->takes_ns;
  out->figures.present = 0;
  out->devices_count = 0;
  out->covered = MW_FIGURE_SET_ALL;
  if (f->failure_code)
    return mw_error_set(err, f->failure_code, "cannot read %s", request->container.id);
  if (f->value)
    mw_figures_set(&out->figures, MW_MEMORY_USAGE_BYTES, f->value);
  if (f->devices_count > out->devices_capacity) {
    out->devices = realloc(out->devices, f->devices_count * sizeof *out->devices);
    out->devices_capacity = f->devices_count;
  }
  if (f->devices_count > 0)
    memset(out->devices, 0, f->devices_count * sizeof *out->devices);
  out->devices_count = f->devices_count;
  return 0;
}

static void start_with(struct fixture *f, struct mw_stats_config config)
{
  *f = (struct fixture){.value = 1};
  mw_clock_manual_init(&f->clock);
  f->clock.now_monotonic_ns = 0;
  config.clock = &f->clock.clock;
  f->stats = one_collector_new(&config, fetch, f);
  assert_non_null(f->stats);
}

static void start(struct fixture *f)
{
  start_with(f, (struct mw_stats_config){0});
}

static void finish(struct fixture *f)
{
  mw_stats_free(f->stats);
  mw_cgroup_sample_deinit(&f->out);
}

static int ask_ref(struct fixture *f, const struct mw_container_ref *ref, int64_t max_age_ms)
{
  f->err = (struct mw_error){0};
  return mw_stats_container(f->stats, ref, max_age_ms, MW_FIGURE_SET_ALL, &f->out, &f->err);
}

static int ask(struct fixture *f, const char *id, int64_t max_age_ms)
{
  return ask_ref(f, &(struct mw_container_ref){.id = id}, max_age_ms);
}

/* Store @p value for @p id at @p at_ns. */
static void store(struct fixture *f, int64_t at_ns, const char *id, uint64_t value)
{
  f->clock.now_monotonic_ns = at_ns;
  f->value = value;
  assert_int_equal(ask(f, id, 0), 0);
}

/* The value that is answered, 0 when the reading has none. */
static uint64_t value_of(struct fixture *f, const char *id, int64_t max_age_ms)
{
  uint64_t value = 0;

  assert_int_equal(ask(f, id, max_age_ms), 0);
  mw_figures_get(&f->out.figures, MW_MEMORY_USAGE_BYTES, &value);
  return value;
}

static bool is_hit(struct fixture *f, int64_t at_ns, const char *id, int64_t max_age_ms)
{
  uint64_t before = f->fetches_total;

  f->clock.now_monotonic_ns = at_ns;
  ask(f, id, max_age_ms);
  return f->fetches_total == before;
}

static struct mw_stats_usage usage_of(struct fixture *f)
{
  struct mw_stats_usage usage;

  mw_stats_usage(f->stats, &usage);
  return usage;
}

/* ---- Age ---- */

static void an_age_equal_to_the_bound_is_a_hit(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  store(&f, 0, "k", 1);
  f.value = 2;
  f.clock.now_monotonic_ns = 500 * MS;
  assert_int_equal(value_of(&f, "k", 500), 1);
  assert_true(is_hit(&f, 500 * MS, "k", 500));
  assert_int_equal(usage_of(&f).hits_total, 2);
  finish(&f);
}

static void any_part_of_a_millisecond_over_the_bound_is_a_miss(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  store(&f, 0, "k", 1);
  assert_false(is_hit(&f, 500 * MS + 1, "k", 500));
  store(&f, S, "k", 1);
  assert_false(is_hit(&f, S + 501 * MS, "k", 500));
  finish(&f);
}

static void a_bound_of_zero_or_less_always_reads_and_still_stores(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  store(&f, 0, "k", 100);
  f.value = 150;
  assert_int_equal(value_of(&f, "k", 60000), 100);
  assert_int_equal(value_of(&f, "k", 0), 150);
  assert_int_equal(value_of(&f, "k", 60000), 150);
  assert_false(is_hit(&f, 0, "k", -1));
  assert_false(is_hit(&f, 0, "k", INT64_MIN));
  assert_true(is_hit(&f, S, "k", INT64_MAX));
  finish(&f);
}

static void a_reading_is_stamped_when_it_is_complete(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  f.takes_ns = 10 * S;
  store(&f, 0, "k", 1);
  f.takes_ns = 0;
  assert_true(is_hit(&f, 11 * S, "k", 1000));
  assert_false(is_hit(&f, 11 * S + 1, "k", 1000));
  finish(&f);
}

/* ---- What is kept ---- */

static void a_failure_is_kept_like_a_reading(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  f.clock.now_monotonic_ns = S;
  f.failure_code = EIO;
  assert_int_equal(ask(&f, "k", 1000), -EIO);
  assert_true(is_hit(&f, 1200 * MS, "k", 1000));
  assert_int_equal(ask(&f, "k", 1000), -EIO);
  assert_int_equal(f.err.code, EIO);
  assert_string_equal(f.err.text, "cannot read k");

  f.failure_code = ENOENT;
  assert_int_equal(ask(&f, "k", 0), -ENOENT);
  assert_int_equal(ask(&f, "k", 1000), -ENOENT);
  finish(&f);
}

static void a_reading_takes_the_place_of_a_failure_and_the_other_way_round(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  store(&f, 0, "k", 7);
  f.failure_code = EIO;
  assert_int_equal(ask(&f, "k", 0), -EIO);
  assert_int_equal(ask(&f, "k", 1000), -EIO);
  f.failure_code = 0;
  assert_int_equal(value_of(&f, "k", 0), 7);
  assert_int_equal(value_of(&f, "k", 1000), 7);
  finish(&f);
}

static void a_reading_without_figures_is_a_hit_without_figures(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  store(&f, S, "k", 0);
  f.value = 5;
  assert_int_equal(value_of(&f, "k", 1000), 0);
  assert_true(f.out.figures.present == 0);
  finish(&f);
}

static void the_devices_of_a_reading_are_given_again(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  f.devices_count = 3;
  store(&f, 0, "many", 1);
  f.devices_count = 1;
  store(&f, 0, "one", 1);
  assert_int_equal(ask(&f, "many", 1000), 0);
  assert_int_equal(f.out.devices_count, 3);
  assert_int_equal(ask(&f, "one", 1000), 0);
  assert_int_equal(f.out.devices_count, 1);
  finish(&f);
}

/* ---- Who leaves ---- */

static void entries_leave_one_by_one_when_older_than_the_retention(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  store(&f, 0, "a", 1);
  store(&f, 29 * S, "b", 1);
  assert_true(is_hit(&f, 29 * S, "a", 60000));
  store(&f, 30 * S, "c", 1);
  assert_true(is_hit(&f, 30 * S, "a", 60000)); /* 30 is not more than 30 */
  store(&f, 31 * S, "d", 1);
  assert_int_equal(usage_of(&f).expired_total, 1);
  assert_int_equal(usage_of(&f).entries, 3);
  assert_true(is_hit(&f, 31 * S, "b", 60000));
  assert_true(is_hit(&f, 31 * S, "c", 60000));
  assert_false(is_hit(&f, 31 * S, "a", 60000));
  finish(&f);
}

static void a_store_renews_an_entry(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  store(&f, 0, "a", 1);
  store(&f, 1 * S, "b", 1);
  store(&f, 20 * S, "a", 1);
  store(&f, 32 * S, "c", 1);
  assert_true(is_hit(&f, 32 * S, "a", 60000));
  assert_false(is_hit(&f, 32 * S, "b", 60000));
  finish(&f);
}

static void the_retention_is_an_option(void **state)
{
  struct fixture f;

  (void)state;
  start_with(&f, (struct mw_stats_config){.retention_ms = 100});
  store(&f, 0, "a", 1);
  store(&f, 101 * MS, "b", 1);
  assert_int_equal(usage_of(&f).entries, 1);
  finish(&f);
}

static void the_oldest_leaves_at_the_bound(void **state)
{
  struct fixture f;

  (void)state;
  start_with(&f, (struct mw_stats_config){.entries_max = 2});
  store(&f, 0, "a", 1);
  store(&f, 1, "b", 1);
  store(&f, 2, "a", 1);
  store(&f, 3, "c", 1);
  assert_int_equal(usage_of(&f).entries, 2);
  assert_int_equal(usage_of(&f).evicted_total, 1);
  assert_true(is_hit(&f, 3, "a", 60000));
  assert_true(is_hit(&f, 3, "c", 60000));
  assert_false(is_hit(&f, 3, "b", 60000));
  finish(&f);
}

/* ---- Keys ---- */

static void references_that_only_look_alike_when_joined_are_apart(void **state)
{
  static const struct mw_container_ref refs[] = {
      {.id = "abc"},
      {.id = "c", .namespace_ = "ab"},
      {.id = "c", .runtime = "ab"},
      {.id = "c", .runtime = "a", .namespace_ = "b"},
      {.id = "bc", .runtime = "a"},
      {.id = "bc", .namespace_ = "a"},
  };
  const size_t count = sizeof refs / sizeof refs[0];
  struct fixture f;

  (void)state;
  start(&f);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(ask_ref(&f, &refs[i], 60000), 0);
  assert_int_equal(f.fetches_total, count);
  assert_int_equal(usage_of(&f).entries, count);
  finish(&f);
}

static void null_stands_for_an_empty_text(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  store(&f, 0, "k", 1);
  assert_int_equal(
      ask_ref(&f, &(struct mw_container_ref){.id = "k", .runtime = "", .namespace_ = ""}, 1000), 0);
  assert_int_equal(f.fetches_total, 1);
  finish(&f);
}

static void a_reference_needs_an_id_of_bounded_length(void **state)
{
  char id[MW_STATS_KEY_BYTES + 2];
  struct fixture f;

  (void)state;
  start(&f);
  assert_int_equal(ask(&f, NULL, 1000), -EINVAL);
  assert_int_equal(ask(&f, "", 1000), -EINVAL);
  memset(id, 'x', sizeof id);
  id[MW_STATS_KEY_BYTES + 1] = '\0';
  assert_int_equal(ask(&f, id, 1000), -ENAMETOOLONG);
  id[MW_STATS_KEY_BYTES] = '\0';
  assert_int_equal(ask(&f, id, 1000), 0);
  assert_int_equal(usage_of(&f).entries, 1);
  finish(&f);
}

static void a_caller_need_not_care_about_the_error(void **state)
{
  struct fixture f;

  (void)state;
  start(&f);
  f.failure_code = EIO;
  for (int i = 0; i < 2; i++)
    assert_int_equal(mw_stats_container(f.stats, &(struct mw_container_ref){.id = "k"}, 1000,
                                        MW_FIGURE_SET_ALL, &f.out, NULL),
                     -EIO);
  assert_int_equal(f.fetches_total, 1);
  finish(&f);
  mw_stats_free(NULL);
}

static void counts_in_how_many_containers_a_figure_was_at_the_last_reading(void **state)
{
  struct fixture f;
  struct mw_stats_presence presence;

  (void)state;
  start(&f);
  store(&f, 0, "a", 5);
  store(&f, 0, "b", 6);
  store(&f, 0, "c", 0); /* without the figure */
  f.failure_code = EIO;
  ask(&f, "d", 0);
  mw_stats_presence(f.stats, &presence);
  assert_int_equal(presence.containers, 3);
  assert_int_equal(presence.unread, 1);
  assert_int_equal(presence.present[MW_MEMORY_USAGE_BYTES], 2);
  assert_int_equal(presence.looked[MW_MEMORY_USAGE_BYTES], 3);
  assert_int_equal(presence.present[MW_CPU_TOTAL_NS], 0);
  f.failure_code = 0;
  store(&f, S, "a", 0); /* the last reading counts */
  mw_stats_presence(f.stats, &presence);
  assert_int_equal(presence.present[MW_MEMORY_USAGE_BYTES], 1);
  finish(&f);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_age_equal_to_the_bound_is_a_hit),
      cmocka_unit_test(any_part_of_a_millisecond_over_the_bound_is_a_miss),
      cmocka_unit_test(a_bound_of_zero_or_less_always_reads_and_still_stores),
      cmocka_unit_test(a_reading_is_stamped_when_it_is_complete),
      cmocka_unit_test(a_failure_is_kept_like_a_reading),
      cmocka_unit_test(a_reading_takes_the_place_of_a_failure_and_the_other_way_round),
      cmocka_unit_test(a_reading_without_figures_is_a_hit_without_figures),
      cmocka_unit_test(the_devices_of_a_reading_are_given_again),
      cmocka_unit_test(entries_leave_one_by_one_when_older_than_the_retention),
      cmocka_unit_test(a_store_renews_an_entry),
      cmocka_unit_test(the_retention_is_an_option),
      cmocka_unit_test(the_oldest_leaves_at_the_bound),
      cmocka_unit_test(counts_in_how_many_containers_a_figure_was_at_the_last_reading),
      cmocka_unit_test(references_that_only_look_alike_when_joined_are_apart),
      cmocka_unit_test(null_stands_for_an_empty_text),
      cmocka_unit_test(a_reference_needs_an_id_of_bounded_length),
      cmocka_unit_test(a_caller_need_not_care_about_the_error),
  };

  return cmocka_run_group_tests_name("core/stats", tests, NULL, NULL);
}
