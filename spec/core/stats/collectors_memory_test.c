/* Collectors when memory runs out at the n-th allocation, for every n: those of a test, and that of
 * this host. Linked as support/failing_malloc.h says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/stats/fakes.h"
#include "core/stats/local_host.h"
#include "support/failing_malloc.h"

struct samples {
  struct mw_cgroup_sample container;
  struct mw_network_sample network;
  struct mw_process_sample processes;
};

static void samples_deinit(struct samples *samples)
{
  mw_cgroup_sample_deinit(&samples->container);
  mw_network_sample_deinit(&samples->network);
  mw_process_sample_deinit(&samples->processes);
}

/* Ask everything that can be asked. @return how many answers were not 0. */
static int ask_all(struct mw_stats *stats, const char *id, uint64_t inode, int64_t max_age_ms,
                   struct samples *samples)
{
  const struct mw_container_ref ref = {.id = id};
  char found[MW_CGROUP_ID_BYTES];
  const int rcs[] = {
      mw_stats_container(stats, &ref, max_age_ms, MW_FIGURE_SET_ALL, &samples->container, NULL),
      mw_stats_network(stats, &ref, max_age_ms, &samples->network, NULL),
      mw_stats_processes(stats, &ref, max_age_ms, &samples->processes, NULL),
      mw_stats_id_of_pid(stats, 101, found, NULL),
      mw_stats_id_of_inode(stats, inode ? inode : samples->container.inode, found, NULL),
  };
  int failed = 0;

  mw_stats_sweep(stats);
  for (size_t i = 0; i < sizeof rcs / sizeof rcs[0]; i++) {
    assert_true(rcs[i] == 0 || rcs[i] == -ENOMEM || rcs[i] == -ENOENT);
    failed += rcs[i] != 0;
  }
  return failed;
}

/* ---- Collectors of a test: one that lacks much, one that fills in ---- */

static void init_fakes(struct fake *poor, struct fake *rich)
{
  fake_init(poor, "poor", 0);
  fake_init(rich, "rich", 1);
  poor->id = "x", poor->id_pid = 101;
  rich->collector.fills_gaps = true;
  rich->has = FIGURE(MW_MEMORY_CACHE_BYTES);
  rich->devices_count = rich->interfaces_count = 1;
  rich->has_network = 15;
}

static struct mw_stats *open_fakes(struct fake *poor, struct fake *rich)
{
  struct mw_stats *stats = mw_stats_new(&(struct mw_stats_config){0}, NULL);

  init_fakes(poor, rich);
  if (stats) {
    assert_int_equal(mw_stats_add_collector(stats, &poor->collector, NULL), 0);
    assert_int_equal(mw_stats_add_collector(stats, &rich->collector, NULL), 0);
  }
  return stats;
}

static void every_allocation_of_several_collectors_may_fail(void **state)
{
  struct fake poor, rich;

  (void)state;
  for (long n = 1;; n++) {
    struct samples samples = {0};
    allocations_total = 0;
    failing_allocation = n;
    struct mw_stats *stats = open_fakes(&poor, &rich);
    if (stats)
      assert_true(ask_all(stats, "c", poor.base, 0, &samples) <= 1);
    bool reached = allocations_total >= n;
    failing_allocation = 0;
    assert_int_equal(stats ? ask_all(stats, "c", poor.base, 0, &samples) : 0, 0);
    if (stats) {
      assert_int_equal(samples.container.devices_count, 1);
      assert_int_equal(samples.network.interfaces_count, 1);
      assert_string_equal(samples.network.origin.gaps, "rich");
    }
    samples_deinit(&samples);
    mw_stats_free(stats);
    if (!reached)
      break;
  }
}

static void filling_gaps_allocates_nothing_in_the_long_run(void **state)
{
  struct samples samples = {0};
  struct fake poor, rich;

  (void)state;
  failing_allocation = 0;
  struct mw_stats *stats = open_fakes(&poor, &rich);
  assert_non_null(stats);
  for (int i = 0; i < 3; i++)
    assert_int_equal(ask_all(stats, "c", poor.base, 0, &samples), 0);
  allocations_total = 0;
  for (int i = 0; i < 100; i++)
    assert_int_equal(ask_all(stats, "c", poor.base, i % 2 ? 60000 : 0, &samples), 0);
  assert_int_equal(allocations_total, 0);
  samples_deinit(&samples);
  mw_stats_free(stats);
}

/* ---- The collector of this host ---- */

/* Too little memory is a failure, never a shorter list. */
static void expect_no_guess(struct mw_stats *stats, const char *id, struct samples *samples)
{
  int rc = mw_stats_processes(stats, &(struct mw_container_ref){.id = id}, INT64_MAX,
                              &samples->processes, NULL);

  assert_true(rc != 0 || samples->processes.pids.count == 2);
}

static void every_allocation_of_the_collector_of_this_host_may_fail(void **state)
{
  struct local_host host;
  struct mw_error err;

  (void)state;
  failing_allocation = 0;
  local_host_init(&host);
  local_host_write(&host, LOCAL_CGROUP("01") "/cgroup.procs", "0\n"); /* so that a walk is needed */
  for (long n = 1;; n++) {
    struct samples samples = {0};
    allocations_total = 0;
    failing_allocation = n;
    int rc = local_host_open(&host, &err);
    assert_true(rc == 0 || rc == -ENOMEM);
    if (rc == 0)
      ask_all(host.stats, LOCAL_ID("01"), 0, 0, &samples);
    bool reached = allocations_total >= n;
    failing_allocation = 0;
    if (rc == 0)
      expect_no_guess(host.stats, LOCAL_ID("01"), &samples);
    if (rc == 0)
      assert_int_equal(ask_all(host.stats, LOCAL_ID("01"), 0, 0, &samples), 0);
    assert_int_equal(rc == 0 ? samples.processes.pids.count : 2, 2);
    samples_deinit(&samples);
    local_host_close(&host);
    if (!reached)
      break;
  }
  local_host_remove(&host);
}

/* Without memory nobody knows; that there is none is nobody's answer. */
static void every_allocation_of_a_search_for_zombies_may_fail(void **state)
{
  const struct mw_container_ref one = {.id = LOCAL_ID("01")};
  struct local_host host;
  bool reached = true;

  (void)state;
  failing_allocation = 0;
  local_host_init(&host);
  local_host_zombie(&host, 103, "01");
  local_host_write(&host, "sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
  local_host_write(&host, LOCAL_CGROUP("01") "/pids.current", "7\n");
  for (long n = 1; reached; n++) {
    struct mw_process_sample sample = {0};
    struct mw_error err;
    assert_int_equal(local_host_open(&host, &err), 0);
    allocations_total = 0;
    failing_allocation = n;
    int rc = mw_stats_processes(host.stats, &one, 0, &sample, &err);
    reached = allocations_total >= n;
    failing_allocation = 0;
    assert_true(rc == 0 || rc == -ENOMEM || rc == -ENOENT);
    if (rc == 0)
      assert_int_equal(sample.totals.zombies_count, 1);
    assert_int_equal(mw_stats_processes(host.stats, &one, 0, &sample, &err), 0);
    assert_int_equal(sample.totals.zombies_count, 1);
    mw_process_sample_deinit(&sample);
    local_host_close(&host);
  }
  local_host_remove(&host);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_of_several_collectors_may_fail),
      cmocka_unit_test(filling_gaps_allocates_nothing_in_the_long_run),
      cmocka_unit_test(every_allocation_of_the_collector_of_this_host_may_fail),
      cmocka_unit_test(every_allocation_of_a_search_for_zombies_may_fail),
  };

  return cmocka_run_group_tests_name("core/stats: collectors without memory", tests, NULL, NULL);
}
