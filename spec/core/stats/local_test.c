/* The collector of this host on a folder: figures, network and processes of one container. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/stats/local_host.h"
#include "stats/procmap.h"

struct fixture {
  struct local_host host;
  struct mw_cgroup_sample container;
  struct mw_network_sample network;
  struct mw_process_sample processes;
  char id[MW_CGROUP_ID_BYTES];
  struct mw_error err;
};

#define USAGE (UINT64_C(1) << MW_MEMORY_USAGE_BYTES) /* the one figure that they have */

static int start(void **state)
{
  static struct fixture f;

  f = (struct fixture){0};
  local_host_init(&f.host);
  local_host_open(&f.host, &f.err);
  *state = &f;
  return f.host.stats ? 0 : -1;
}

static int finish(void **state)
{
  struct fixture *f = *state;

  mw_cgroup_sample_deinit(&f->container);
  mw_network_sample_deinit(&f->network);
  mw_process_sample_deinit(&f->processes);
  local_host_close(&f->host);
  local_host_remove(&f->host);
  return 0;
}

static const struct mw_container_ref one = {.id = LOCAL_ID("01"), .runtime = "docker"};
static const struct mw_container_ref two = {.id = LOCAL_ID("02"), .runtime = "docker"};

static int read_processes(struct fixture *f, const struct mw_container_ref *ref, int64_t max_age_ms)
{
  return mw_stats_processes(f->host.stats, ref, max_age_ms, &f->processes, &f->err);
}

static void expect_pids(struct fixture *f, const struct mw_container_ref *ref, int64_t max_age_ms,
                        int32_t first, int32_t second)
{
  assert_int_equal(read_processes(f, ref, max_age_ms), 0);
  assert_int_equal(f->processes.pids.count, 2);
  assert_int_equal(f->processes.pids.pids[0], first);
  assert_int_equal(f->processes.pids.pids[1], second);
}

/* ---- What there is ---- */

static void it_is_called_cgroup_and_reads_figures(void **state)
{
  struct fixture *f = *state;
  uint64_t value = 0;

  assert_int_equal(
      mw_stats_container(f->host.stats, &one, 0, MW_FIGURE_SET_ALL, &f->container, &f->err), 0);
  assert_true(mw_figures_get(&f->container.figures, MW_MEMORY_USAGE_BYTES, &value));
  assert_int_equal(value, 4096);
  assert_true(f->container.cpu_limit_present);
  assert_string_equal(f->container.origin.collector, "cgroup");
}

static void it_lists_processes_and_their_threads(void **state)
{
  struct fixture *f = *state;

  expect_pids(f, &one, 0, 101, 102);
  assert_int_equal(f->processes.totals.processes_count, 2);
  assert_int_equal(f->processes.totals.threads_count, 6);
  assert_true(f->processes.totals.threads_present);
  assert_int_equal(f->processes.totals.zombies_count, 0);
  assert_int_equal(f->processes.read_ns, f->host.clock.now_monotonic_ns);
}

static void it_reads_the_network_of_a_process(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(mw_stats_network(f->host.stats, &one, 0, &f->network, &f->err), 0);
  assert_int_equal(f->network.values[MW_NETWORK_RCVD_BYTES], 1345);
  assert_int_equal(f->network.values[MW_NETWORK_SENT_PACKETS], 3);
  assert_string_equal(f->network.origin.collector, "cgroup");
}

static void threads_do_not_stand_in_for_a_missing_pids_controller(void **state)
{
  struct fixture *f = *state;
  uint64_t value;

  expect_pids(f, &one, 0, 101, 102);
  assert_int_equal(
      mw_stats_container(f->host.stats, &one, 0, MW_FIGURE_SET_ALL, &f->container, &f->err), 0);
  assert_false(mw_figures_get(&f->container.figures, MW_PIDS_CURRENT, &value));
}

static void what_is_not_there_is_not_there(void **state)
{
  static const struct mw_container_ref none = {.id = LOCAL_ID("99")};
  struct fixture *f = *state;

  assert_int_equal(read_processes(f, &none, 0), -ENOENT);
  assert_int_equal(mw_stats_network(f->host.stats, &none, 0, &f->network, &f->err), -ENOENT);
  assert_int_equal(f->host.walks, 0);
}

static void an_empty_container_has_no_processes(void **state)
{
  struct fixture *f = *state;

  local_host_write(&f->host, LOCAL_CGROUP("01") "/cgroup.procs", "");
  assert_int_equal(read_processes(f, &one, 0), 0);
  assert_int_equal(f->processes.pids.count, 0);
  assert_int_equal(f->processes.totals.processes_count, 0);
  assert_int_equal(f->host.walks, 0);
}

static void without_proc_only_figures_are_offered(void **state)
{
  struct fixture *f = *state;

  local_host_close(&f->host);
  f->host.without_proc = true;
  local_host_open(&f->host, &f->err);
  assert_int_equal(mw_stats_container(f->host.stats, &one, 0, USAGE, &f->container, &f->err), 0);
  assert_int_equal(mw_stats_network(f->host.stats, &one, 0, &f->network, &f->err), -ENOTSUP);
  assert_int_equal(read_processes(f, &one, 0), -ENOTSUP);
  assert_int_equal(mw_stats_id_of_pid(f->host.stats, 101, f->id, &f->err), -ENOENT);
  mw_stats_sweep(f->host.stats);
}

/* ---- Where cgroup.procs does not tell ---- */

static void hide_processes(struct fixture *f)
{
  local_host_write(&f->host, LOCAL_CGROUP("01") "/cgroup.procs", "0\n0\n");
  local_host_write(&f->host, LOCAL_CGROUP("02") "/cgroup.procs", "0\n");
}

static void hidden_processes_are_found_by_their_cgroups(void **state)
{
  struct fixture *f = *state;

  hide_processes(f);
  expect_pids(f, &one, 0, 101, 102);
  assert_int_equal(f->processes.totals.threads_count, 6);
  assert_int_equal(f->processes.pids.hidden_count, 0);
}

static void processes_of_an_unreadable_list_are_found_too(void **state)
{
  struct fixture *f = *state;

  local_host_unlink(&f->host, LOCAL_CGROUP("01") "/cgroup.procs");
  local_host_mkdir(&f->host, LOCAL_CGROUP("01") "/cgroup.procs");
  expect_pids(f, &one, 0, 101, 102);
}

/* As version 1 does with processes of other pid namespaces. */
static void processes_that_the_list_leaves_out_are_found(void **state)
{
  static const char top[] = "sys/fs/cgroup/pids/docker/" LOCAL_ID("01");
  struct fixture *f = *state;
  char name[256];

  local_host_close(&f->host);
  local_host_write(&f->host, "proc/mounts", "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n");
  snprintf(name, sizeof name, "%s/cgroup.procs", top);
  local_host_write(&f->host, name, "");
  snprintf(name, sizeof name, "%s/pids.current", top);
  local_host_write(&f->host, name, "6\n");
  assert_int_equal(local_host_open(&f->host, &f->err), 0);
  expect_pids(f, &one, 0, 101, 102);
  assert_int_equal(mw_stats_network(f->host.stats, &one, 0, &f->network, &f->err), 0);
  f->host.walks = 0;
  local_host_write(&f->host, name, "0\n");
  assert_int_equal(read_processes(f, &one, 0), 0);
  assert_int_equal(f->processes.totals.processes_count, 0);
  assert_int_equal(f->host.walks, 0); /* it is empty indeed */

  local_host_write(&f->host, name, "6\n");
  local_host_process(&f->host, 101, NULL);
  local_host_process(&f->host, 102, NULL);
  assert_int_equal(read_processes(f, &one, 0), -EACCES); /* some, and not none */
}

static void one_walk_serves_all_containers_for_the_age(void **state)
{
  struct fixture *f = *state;

  hide_processes(f);
  expect_pids(f, &one, 1000, 101, 102);
  assert_int_equal(f->host.walks, 1);
  int64_t walked_ns = f->host.clock.now_monotonic_ns;
  local_host_process(&f->host, 203, "02");
  f->host.clock.now_monotonic_ns += 1000 * MW_NS_PER_MS;
  assert_int_equal(read_processes(f, &two, 1000), 0);
  assert_int_equal(f->processes.pids.count, 1);
  assert_int_equal(f->processes.read_ns, walked_ns);
  assert_int_equal(f->host.walks, 1);
  f->host.clock.now_monotonic_ns += 1;
  expect_pids(f, &two, 1000, 201, 203);
  assert_int_equal(f->host.walks, 2);
  expect_pids(f, &two, 0, 201, 203);
  assert_int_equal(f->host.walks, 3);
}

static void a_walk_that_fails_leaves_the_last_one(void **state)
{
  struct fixture *f = *state;

  hide_processes(f);
  expect_pids(f, &one, 0, 101, 102);
  local_host_break_proc(&f->host);
  assert_int_equal(read_processes(f, &one, 0), 0);
  assert_int_equal(f->processes.pids.count, 2);
}

/* In the middle of a walk, where nothing tells a process that cannot be read from one that ended.
 */
static void a_walk_without_descriptors_leaves_the_last_one(void **state)
{
  struct fixture *f = *state;
  struct rlimit files;
  int64_t read_ns = 0;
  struct mw_procmap *map = mw_procmap_new(f->host.proc, &f->host.clock.clock, NULL, &f->err);

  assert_non_null(map);
  assert_int_equal(mw_procmap_find(map, one.id, 0, &f->processes.pids, &read_ns, &f->err), 0);
  f->host.clock.now_monotonic_ns += MW_NS_PER_S;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
  f->host.files_max_after_first = 3;
  int rc = mw_procmap_find(map, one.id, 0, &f->processes.pids, &read_ns, &f->err);
  setrlimit(RLIMIT_NOFILE, &files);
  f->host.files_max_after_first = 0;
  mw_procmap_free(map);
  assert_int_equal(rc, 0);
  assert_int_equal(f->processes.pids.count, 2);
  assert_int_equal(read_ns, 1000 * MW_NS_PER_S);
}

static void what_no_walk_finds_stays_hidden(void **state)
{
  struct fixture *f = *state;

  hide_processes(f);
  local_host_break_proc(&f->host);
  assert_int_equal(read_processes(f, &one, 0), 0);
  assert_int_equal(f->processes.pids.count, 0);
  assert_int_equal(f->processes.pids.hidden_count, 2);
  assert_int_equal(f->processes.totals.processes_count, 2);
  assert_false(f->processes.totals.threads_present);
  assert_false(f->processes.totals.zombies_present);
}

static void the_network_of_hidden_processes_takes_one_walk_a_second(void **state)
{
  struct fixture *f = *state;

  hide_processes(f);
  assert_int_equal(mw_stats_network(f->host.stats, &one, 0, &f->network, &f->err), 0);
  assert_int_equal(mw_stats_network(f->host.stats, &two, 0, &f->network, &f->err), 0);
  assert_int_equal(f->network.values[MW_NETWORK_RCVD_BYTES], 1345);
  assert_int_equal(f->host.walks, 1);
}

static void a_walk_that_nobody_needs_is_forgotten(void **state)
{
  struct fixture *f = *state;

  hide_processes(f);
  expect_pids(f, &one, 0, 101, 102);
  f->host.clock.now_monotonic_ns += 59 * MW_NS_PER_S;
  mw_stats_sweep(f->host.stats);
  expect_pids(f, &one, 3600000, 101, 102);
  assert_int_equal(f->host.walks, 1);
  f->host.clock.now_monotonic_ns += 61 * MW_NS_PER_S;
  mw_stats_sweep(f->host.stats);
  expect_pids(f, &one, 3600000, 101, 102);
  assert_int_equal(f->host.walks, 2);
}

/* ---- Processes that ended, and that nobody has waited for ---- */

/* Container 01 has so many tasks by the count of its cgroup; 103 has ended, and is in no list. */
static void count_tasks(struct fixture *f, const char *tasks)
{
  local_host_zombie(&f->host, 103, "01");
  local_host_close(&f->host);
  local_host_write(&f->host, "sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n");
  local_host_write(&f->host, LOCAL_CGROUP("01") "/pids.current", tasks);
  assert_int_equal(local_host_open(&f->host, &f->err), 0);
}

static void zombies_are_found_by_their_cgroups(void **state)
{
  struct fixture *f = *state;

  count_tasks(f, "7\n");
  assert_int_equal(read_processes(f, &one, 0), 0);
  assert_int_equal(f->processes.totals.zombies_count, 1);
  assert_int_equal(f->processes.totals.processes_count, 3);
  assert_int_equal(f->processes.totals.threads_count, 7);
  assert_int_equal(f->processes.pids.count, 3);
  assert_int_equal(f->processes.pids.pids[2], 103);
}

static void nobody_walks_for_zombies_where_the_cgroup_counts_none(void **state)
{
  struct fixture *f = *state;

  count_tasks(f, "6\n");
  expect_pids(f, &one, 0, 101, 102);
  assert_int_equal(f->host.walks, 0);
}

static void what_lives_and_is_not_listed_is_no_zombie(void **state)
{
  struct fixture *f = *state;

  count_tasks(f, "10\n");
  local_host_process(&f->host, 103, "01");
  expect_pids(f, &one, 0, 101, 102);
  assert_int_equal(f->host.walks, 1);
}

static void what_no_walk_finds_are_no_zombies(void **state)
{
  struct fixture *f = *state;

  count_tasks(f, "7\n");
  local_host_break_proc(&f->host);
  assert_int_equal(read_processes(f, &one, 0), 0);
  assert_int_equal(f->processes.totals.zombies_count, 0);
}

/* ---- Which container is it? ---- */

static void a_process_is_known_by_its_cgroup(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(mw_stats_id_of_pid(f->host.stats, 201, f->id, &f->err), 0);
  assert_string_equal(f->id, LOCAL_ID("02"));
  assert_int_equal(mw_stats_id_of_pid(f->host.stats, 1, f->id, &f->err), -ENOENT);
  assert_int_equal(mw_stats_id_of_pid(f->host.stats, 999, f->id, &f->err), -ENOENT);
}

static void a_container_is_known_by_the_inode_of_its_cgroup(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(mw_stats_container(f->host.stats, &two, 0, USAGE, &f->container, &f->err), 0);
  assert_int_equal(mw_stats_id_of_inode(f->host.stats, f->container.inode, f->id, &f->err), 0);
  assert_string_equal(f->id, LOCAL_ID("02"));
  assert_int_equal(mw_stats_id_of_inode(f->host.stats, 1, f->id, &f->err), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
  const struct CMUnitTest tests[] = {
      TEST(it_is_called_cgroup_and_reads_figures),
      TEST(it_lists_processes_and_their_threads),
      TEST(it_reads_the_network_of_a_process),
      TEST(threads_do_not_stand_in_for_a_missing_pids_controller),
      TEST(what_is_not_there_is_not_there),
      TEST(an_empty_container_has_no_processes),
      TEST(without_proc_only_figures_are_offered),
      TEST(hidden_processes_are_found_by_their_cgroups),
      TEST(processes_of_an_unreadable_list_are_found_too),
      TEST(processes_that_the_list_leaves_out_are_found),
      TEST(one_walk_serves_all_containers_for_the_age),
      TEST(a_walk_that_fails_leaves_the_last_one),
      TEST(a_walk_without_descriptors_leaves_the_last_one),
      TEST(what_no_walk_finds_stays_hidden),
      TEST(the_network_of_hidden_processes_takes_one_walk_a_second),
      TEST(a_walk_that_nobody_needs_is_forgotten),
      TEST(zombies_are_found_by_their_cgroups),
      TEST(nobody_walks_for_zombies_where_the_cgroup_counts_none),
      TEST(what_lives_and_is_not_listed_is_no_zombie),
      TEST(what_no_walk_finds_are_no_zombies),
      TEST(a_process_is_known_by_its_cgroup),
      TEST(a_container_is_known_by_the_inode_of_its_cgroup),
  };

  return cmocka_run_group_tests_name("core/stats: the collector of this host", tests, NULL, NULL);
}
