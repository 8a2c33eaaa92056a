/* Three kinds of readings behind one cache, and readings of some figures only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/stats/fakes.h"

#define S MW_NS_PER_S
#define USAGE FIGURE(MW_MEMORY_USAGE_BYTES)
#define CACHE FIGURE(MW_MEMORY_CACHE_BYTES)

struct fixture {
  struct mw_clock_manual clock;
  struct mw_stats *stats;
  struct fake fake;
  struct mw_cgroup_sample container;
  struct mw_network_sample network;
  struct mw_process_sample processes;
  struct mw_error err;
};

static int start(void **state)
{
  static struct fixture f;

  f = (struct fixture){0};
  mw_clock_manual_init(&f.clock);
  f.stats = mw_stats_new(&(struct mw_stats_config){.clock = &f.clock.clock}, NULL);
  fake_init(&f.fake, "fake", 0);
  *state = &f;
  return f.stats && mw_stats_add_collector(f.stats, &f.fake.collector, NULL) == 0 ? 0 : -1;
}

static int finish(void **state)
{
  struct fixture *f = *state;

  mw_stats_free(f->stats);
  mw_cgroup_sample_deinit(&f->container);
  mw_network_sample_deinit(&f->network);
  mw_process_sample_deinit(&f->processes);
  return 0;
}

static const struct mw_container_ref ref = {.id = "x"};

static int read_figures(struct fixture *f, int64_t max_age_ms, mw_figure_set wanted)
{
  return mw_stats_container(f->stats, &ref, max_age_ms, wanted, &f->container, &f->err);
}

static int read_network(struct fixture *f, int64_t max_age_ms)
{
  return mw_stats_network(f->stats, &ref, max_age_ms, &f->network, &f->err);
}

static int read_processes(struct fixture *f, int64_t max_age_ms)
{
  return mw_stats_processes(f->stats, &ref, max_age_ms, &f->processes, &f->err);
}

static void expect_readings(struct fixture *f, unsigned count)
{
  assert_int_equal(f->fake.readings, count);
  f->fake.readings = 0;
}

/* ---- Kinds ---- */

static void each_kind_is_kept_for_itself(void **state)
{
  struct fixture *f = *state;

  f->fake.pid = 7;
  f->fake.has_network = 15;
  assert_int_equal(read_figures(f, 60000, MW_FIGURE_SET_ALL), 0);
  assert_int_equal(read_network(f, 60000), 0);
  assert_int_equal(read_processes(f, 60000), 0);
  expect_readings(f, 3);
  f->fake.base = 5000;
  f->fake.pid = 8;
  assert_int_equal(read_figures(f, 0, MW_FIGURE_SET_ALL), 0);
  assert_int_equal(read_network(f, 60000), 0);
  assert_int_equal(read_processes(f, 60000), 0);
  expect_readings(f, 1);
  assert_int_equal(f->container.inode, 5000);
  assert_int_equal(f->network.values[0], 1000);
  assert_int_equal(f->processes.pids.count, 1);
  assert_int_equal(f->processes.pids.pids[0], 7);
  assert_int_equal(f->processes.totals.processes_count, 1);
  assert_int_equal(f->processes.read_ns, 1000);
  assert_string_equal(f->processes.origin.collector, "fake");
}

static void each_kind_keeps_its_failures(void **state)
{
  struct fixture *f = *state;

  f->fake.code = EIO;
  assert_int_equal(read_network(f, 60000), -EIO);
  f->fake.code = 0;
  assert_int_equal(read_network(f, 60000), -EIO);
  assert_string_equal(f->err.text, "fake says no");
  assert_int_equal(read_processes(f, 60000), 0);
  assert_int_equal(read_network(f, 0), 0);
}

static void a_reading_without_an_id_is_refused_for_every_kind(void **state)
{
  struct fixture *f = *state;
  const struct mw_container_ref nothing = {.runtime = "docker"};

  assert_int_equal(mw_stats_network(f->stats, &nothing, 0, &f->network, NULL), -EINVAL);
  assert_int_equal(mw_stats_processes(f->stats, &nothing, 0, &f->processes, NULL), -EINVAL);
}

static void sweeping_drops_what_is_too_old_and_tells_the_collectors(void **state)
{
  struct mw_stats_usage usage;
  struct fixture *f = *state;

  assert_int_equal(read_network(f, 0), 0);
  f->clock.now_monotonic_ns += 30 * S;
  assert_int_equal(read_processes(f, 0), 0);
  mw_stats_sweep(f->stats);
  mw_stats_usage(f->stats, &usage);
  assert_int_equal(usage.entries, 2); /* 30 is not more than 30 */
  f->clock.now_monotonic_ns += 1;
  mw_stats_sweep(f->stats);
  mw_stats_usage(f->stats, &usage);
  assert_int_equal(usage.entries, 1);
  assert_int_equal(usage.expired_total, 1);
  assert_int_equal(f->fake.sweeps, 2);
}

static void the_age_of_a_reading_is_that_of_its_numbers(void **state)
{
  struct fixture *f = *state;

  f->fake.base = 10 * S; /* which the collector has kept since then */
  f->clock.now_monotonic_ns = 11 * S;
  assert_int_equal(read_network(f, 1500), 0);
  f->clock.now_monotonic_ns += S / 2;
  assert_int_equal(read_network(f, 1500), 0);
  expect_readings(f, 1);
  f->clock.now_monotonic_ns += 1;
  assert_int_equal(read_network(f, 1500), 0);
  expect_readings(f, 1);
  f->fake.code = EIO; /* a failure is as old as it is */
  assert_int_equal(read_network(f, 0), -EIO);
  f->clock.now_monotonic_ns += S;
  assert_int_equal(read_network(f, 1000), -EIO);
  expect_readings(f, 1);
}

/* ---- Some figures only ---- */

static void a_reading_serves_who_wants_no_more(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(read_figures(f, 0, USAGE | CACHE), 0);
  assert_true(f->fake.asked_wanted == (USAGE | CACHE));
  assert_int_equal(read_figures(f, 60000, CACHE), 0);
  assert_int_equal(read_figures(f, 60000, 0), 0);
  expect_readings(f, 1);
  assert_int_equal(read_figures(f, 60000, MW_FIGURE_SET_DEVICES), 0);
  expect_readings(f, 1);
}

static void a_reading_serves_for_all_that_it_covers(void **state)
{
  struct fixture *f = *state;

  f->fake.covers = MW_FIGURE_SET_ALL;
  assert_int_equal(read_figures(f, 0, USAGE), 0);
  assert_int_equal(read_figures(f, 60000, MW_FIGURE_SET_ALL), 0);
  expect_readings(f, 1);
}

static void what_a_collector_does_not_know_is_not_looked_for_again_and_again(void **state)
{
  struct fixture *f = *state;

  f->fake.covers = USAGE;
  assert_int_equal(read_figures(f, 0, USAGE | CACHE), 0);
  assert_int_equal(read_figures(f, 60000, CACHE), 0);
  expect_readings(f, 1);
}

static void a_second_reading_has_what_the_first_had_while_that_is_fresh(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(read_figures(f, 1000, USAGE), 0);
  assert_int_equal(read_figures(f, 1000, CACHE), 0);
  assert_true(f->fake.asked_wanted == (USAGE | CACHE));
  assert_int_equal(read_figures(f, 1000, USAGE), 0);
  assert_int_equal(read_figures(f, 1000, CACHE), 0);
  expect_readings(f, 2);
  f->clock.now_monotonic_ns += 2 * S; /* who does not ask any more does not cost for ever */
  assert_int_equal(read_figures(f, 1000, CACHE), 0);
  assert_true(f->fake.asked_wanted == CACHE);
}

static void a_failure_serves_who_wanted_no_more(void **state)
{
  struct fixture *f = *state;

  f->fake.code = ENODATA;
  assert_int_equal(read_figures(f, 60000, USAGE | CACHE), -ENODATA);
  assert_int_equal(read_figures(f, 60000, USAGE), -ENODATA);
  expect_readings(f, 1);
  f->fake.code = 0;
  assert_int_equal(read_figures(f, 60000, MW_FIGURE_SET_ALL), 0);
  expect_readings(f, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
  const struct CMUnitTest tests[] = {
      TEST(each_kind_is_kept_for_itself),
      TEST(each_kind_keeps_its_failures),
      TEST(a_reading_without_an_id_is_refused_for_every_kind),
      TEST(sweeping_drops_what_is_too_old_and_tells_the_collectors),
      TEST(the_age_of_a_reading_is_that_of_its_numbers),
      TEST(a_reading_serves_who_wants_no_more),
      TEST(a_reading_serves_for_all_that_it_covers),
      TEST(what_a_collector_does_not_know_is_not_looked_for_again_and_again),
      TEST(a_second_reading_has_what_the_first_had_while_that_is_fresh),
      TEST(a_failure_serves_who_wanted_no_more),
  };

  return cmocka_run_group_tests_name("core/stats: kinds and figures", tests, NULL, NULL);
}
