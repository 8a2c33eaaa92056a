/* The cgroups of a host when memory runs out at the n-th allocation, for every n.
 * Linked as support/failing_malloc.h says. */
#include "test_host.h"

#include <errno.h>
#include <fcntl.h>

#include "support/failing_malloc.h"

#define POD "sys/fs/cgroup/unified/kubepods/pod15513b48-7cbc-4a7b-9d9a-34ee1b2a2a7c"

static struct test_host host;

static void write_container(const char *folder)
{
  static const char *const files[][2] = {
      {"memory.current", "4096\n"},
      {"memory.stat", "anon 1\nfile 2\n"},
      {"memory.max", "8192\n"},
      {"memory.events", "max 1\noom 1\noom_kill 1\n"},
      {"io.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=5\n"},
      {"io.stat", "8:0 rbytes=1\n8:1 rbytes=1\n8:2 rbytes=1\n8:3 rbytes=1\n8:4 rbytes=1\n"},
      {"io.max", "8:0 rbps=7\n9:0 rbps=7\n"},
  };
  char name[512];

  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf(name, sizeof name, "%s/%s", folder, files[i][0]);
    test_host_write(&host, name, files[i][1]);
  }
}

/* Both versions, three containers, one in a pod, one with a process that says where it is. */
static int set_up(void **state)
{
  (void)state;
  test_host_init_hybrid(&host);
  test_host_write(&host, "sys/fs/cgroup/unified/cgroup.controllers", "memory io\n");
  test_host_write(&host, "proc/diskstats", "   8       0 sda 1 0 8 0 0 0 0 0 0 0 0\n");
  test_host_write(&host, "proc/77/cgroup", "3:pids:/elsewhere\n0::/docker/" TEST_ID("01") "\n");
  write_container("sys/fs/cgroup/unified/docker/" TEST_ID("01"));
  write_container(POD "/" TEST_ID("02"));
  test_host_write(&host, POD "/" TEST_ID("02") "/cgroup.procs", "79\n");
  test_host_write(&host, POD "/memory.events", "max 1\noom 3\noom_kill 2\n");
  test_host_write(&host, "sys/fs/cgroup/unified/docker/" TEST_ID("01") "/inner/cgroup.procs",
                  "78\n");
  test_host_write(&host, "sys/fs/cgroup/unified/docker/" TEST_ID("01") "/cgroup.procs", "77\n");
  test_host_write(&host, "sys/fs/cgroup/pids/elsewhere/pids.current", "3\n");
  test_host_write(&host, "sys/fs/cgroup/pids/docker/" TEST_ID("03") "/pids.current", "4\n");
  test_host_write(&host, "sys/fs/cgroup/pids/docker/" TEST_ID("03") "/cgroup.procs", "80\n");
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  test_host_deinit(&host);
  return 0;
}

static size_t open_files(void)
{
  size_t count = 0;

  for (int fd = 0; fd < 4096; fd++)
    count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static bool count_visit(void *data, const struct mw_cgroup_container *container)
{
  (void)container;
  ++*(int *)data;
  return true;
}

static const char *const ids[] = {TEST_ID("01"), TEST_ID("02"), TEST_ID("03")};

/* With whatever fails: only what is promised comes back. */
static void use(struct mw_cgroups *cgroups)
{
  struct mw_cgroup_sample sample = {0};
  struct mw_pids pids = {0};
  int visits = 0;

  mw_cgroups_refresh(cgroups, NULL);
  for (size_t i = 0; i < 3; i++) {
    int rc = mw_cgroups_read(cgroups, ids[i], 8, MW_FIGURE_SET_ALL, &sample, NULL);
    assert_true(rc == 0 || rc == -ENOMEM || rc == -ENOENT || rc == -ENODATA);
    rc = mw_cgroups_processes(cgroups, ids[i], &pids, NULL);
    assert_true(rc == 0 || rc == -ENOMEM || rc == -ENOENT);
    assert_true(rc < 0 || pids.count == (i == 0 ? 2 : 1));
  }
  int rc = mw_cgroups_each(cgroups, count_visit, &visits, NULL);
  assert_true(rc == 0 || (rc == -ENOMEM && visits == 0));
  mw_cgroup_sample_deinit(&sample);
  mw_pids_deinit(&pids);
}

static void expect_all_right(struct mw_cgroups *cgroups)
{
  struct mw_cgroup_sample sample = {0};
  struct mw_pids pids = {0};
  uint64_t value;

  assert_int_equal(mw_cgroups_refresh(cgroups, NULL), 0);
  assert_string_equal(test_host_ids(cgroups), "01 02 03 ");
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(mw_cgroups_read(cgroups, ids[i], 8, MW_FIGURE_SET_ALL, &sample, NULL), 0);
    assert_int_equal(mw_figures_get(&sample.figures, MW_MEMORY_USAGE_BYTES, &value), i < 2);
    assert_int_equal(mw_figures_get(&sample.figures, MW_POD_OOM_KILLS_TOTAL, &value), i == 1);
    assert_int_equal(mw_cgroups_processes(cgroups, ids[i], &pids, NULL), 0);
    assert_int_equal(pids.count, i == 0 ? 2 : 1);
  }
  mw_pids_deinit(&pids);
  mw_cgroup_sample_deinit(&sample);
}

static void every_allocation_may_fail_and_all_works_afterwards(void **state)
{
  struct mw_cgroups_config config = {.host_root = host.root, .kept_files_max = 100};
  size_t files_before = open_files();

  (void)state;
  for (long n = 1;; n++) {
    struct mw_error err = {0};
    allocations_total = 0;
    failing_allocation = n;
    struct mw_cgroups *cgroups = mw_cgroups_open(&config, &err);
    if (!cgroups)
      assert_int_equal(err.code, ENOMEM);
    if (cgroups)
      use(cgroups);
    bool reached = allocations_total >= n;
    failing_allocation = 0;
    if (cgroups)
      expect_all_right(cgroups);
    mw_cgroups_close(cgroups);
    assert_int_equal(open_files(), files_before);
    if (!reached)
      break;
  }
}

static void a_warm_reading_allocates_nothing(void **state)
{
  struct mw_cgroups_config config = {.host_root = host.root, .kept_files_max = 100};
  struct mw_cgroup_sample samples[3] = {0};
  struct mw_pids pids[3] = {0};
  struct mw_cgroups *cgroups = mw_cgroups_open(&config, NULL);

  (void)state;
  failing_allocation = 0;
  assert_non_null(cgroups);
  for (int round = 0; round < 20; round++) {
    if (round == 1)
      allocations_total = 0;
    assert_int_equal(mw_cgroups_refresh(cgroups, NULL), 0);
    for (size_t i = 0; i < 3; i++) {
      assert_int_equal(mw_cgroups_read(cgroups, ids[i], 8, MW_FIGURE_SET_ALL, &samples[i], NULL),
                       0);
      assert_int_equal(mw_cgroups_processes(cgroups, ids[i], &pids[i], NULL), 0);
    }
  }
  assert_int_equal(allocations_total, 0);
  for (size_t i = 0; i < 3; i++) {
    mw_cgroup_sample_deinit(&samples[i]);
    mw_pids_deinit(&pids[i]);
  }
  mw_cgroups_close(cgroups);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_allocation_may_fail_and_all_works_afterwards, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_warm_reading_allocates_nothing, set_up, tear_down),
  };

  return cmocka_run_group_tests_name("core/cgroup without memory", tests, NULL, NULL);
}
