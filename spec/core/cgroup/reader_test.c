/* Reading one container: kept descriptors, the age of limits, what lacks for a while, real cgroups.
 */
#include "test_host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define ID TEST_ID("01")
#define CGROUP TEST_HOST_V2 "docker/" ID "/"

static struct test_host host;
static struct mw_clock_manual clock_;
static struct mw_cgroups *cgroups;
static struct mw_cgroup_sample sample;
static char problems[8192];
static int reads;

static void note_problem(void *data, const char *id, const struct mw_error *problem)
{
  (void)data;
  snprintf(problems + strlen(problems), sizeof problems - strlen(problems), "%s%s%s\n", id,
           *id ? ": " : "", problem->text);
}

static void note_read(void *data, const char *path)
{
  (void)data, (void)path;
  reads++;
}

static void write_files(const char *folder)
{
  static const char *const files[][2] = {
      {"cpu.stat", "usage_usec 3\nuser_usec 2\nsystem_usec 1\n"},
      {"cpu.max", "max 100000\n"},
      {"cpu.weight", "100\n"},
      {"memory.current", "4096\n"},
      {"memory.stat", "anon 1\nfile 2\ninactive_file 1024\n"},
      {"memory.max", "8192\n"},
      {"memory.low", "0\n"},
      {"memory.min", "0\n"},
      {"memory.high", "max\n"},
      {"memory.peak", "5000\n"},
      {"memory.events", "max 1\noom 0\noom_kill 0\n"},
      {"io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n"},
      {"io.max", "8:0 rbps=7 wbps=max riops=max wiops=max\n"},
      {"pids.current", "5\n"},
      {"pids.max", "max\n"},
  };
  char name[512];

  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf(name, sizeof name, "%s%s", folder, files[i][0]);
    test_host_write(&host, name, files[i][1]);
  }
}

static int set_up(void **state)
{
  (void)state;
  problems[0] = '\0';
  mw_clock_manual_init(&clock_);
  clock_.now_monotonic_ns = 1000 * MW_NS_PER_S;
  test_host_init_v2(&host);
  test_host_write(&host, "proc/diskstats", "   8       0 sda 1 0 8 0 0 0 0 0 0 0 0\n");
  write_files(CGROUP);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  mw_cgroups_close(cgroups);
  cgroups = NULL;
  mw_cgroup_sample_deinit(&sample);
  test_host_deinit(&host);
  return 0;
}

static void open_cgroups(uint32_t kept_files_max)
{
  cgroups = test_host_open(&host, (struct mw_cgroups_config){.clock = &clock_.clock,
                                                             .kept_files_max = kept_files_max,
                                                             .on_read = note_read,
                                                             .on_problem = note_problem});
}

static void read_container(void)
{
  struct mw_error err = {0};

  if (mw_cgroups_read(cgroups, ID, 8, MW_FIGURE_SET_ALL, &sample, &err) < 0)
    fail_msg("%s", err.text);
}

static uint64_t figure(enum mw_figure which)
{
  uint64_t value = 0;

  if (!mw_figures_get(&sample.figures, which, &value))
    fail_msg("%s is absent", mw_figure_info(which)->name);
  return value;
}

static size_t kept_files(void)
{
  struct mw_cgroups_usage usage;

  mw_cgroups_usage(cgroups, &usage);
  return usage.kept_files;
}

/* cpu.stat, memory.current, memory.stat, memory.events, io.stat, pids.current */
#define HOT_FILES 6

/* ---- Limits ---- */

static void reads_limits_again_when_they_are_old(void **state)
{
  (void)state;
  open_cgroups(0);
  read_container();
  assert_int_equal(figure(MW_MEMORY_LIMIT_BYTES), 8192);
  assert_int_equal(figure(MW_MEMORY_WORKING_SET_BYTES), 3072);
  assert_string_equal(sample.devices[0].name, "sda");

  /* the first reading is dated back by up to an interval: let them fall due together */
  clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  read_container();
  test_host_write(&host, CGROUP "memory.max", "16384\n");
  test_host_write(&host, CGROUP "memory.current", "512\n");
  reads = 0;
  clock_.now_monotonic_ns += 60 * MW_NS_PER_S;
  read_container();
  assert_int_equal(figure(MW_MEMORY_LIMIT_BYTES), 8192);
  assert_int_equal(figure(MW_MEMORY_USAGE_BYTES), 512);
  assert_int_equal(figure(MW_MEMORY_WORKING_SET_BYTES), 0);
  assert_int_equal(sample.devices[0].values[MW_IO_DEVICE_READ_LIMIT_BYTES_PER_S], 7);
  assert_int_equal(reads, HOT_FILES);

  clock_.now_monotonic_ns += 1;
  read_container();
  assert_int_equal(figure(MW_MEMORY_LIMIT_BYTES), 16384);
}

static void containers_do_not_fall_due_at_the_same_moment(void **state)
{
  char folder[256], id[MW_CGROUP_ID_BYTES];
  int due = 0;

  (void)state;
  for (int i = 0; i < 20; i++) {
    snprintf(folder, sizeof folder, TEST_HOST_V2 "docker/%064d/", i);
    write_files(folder);
  }
  open_cgroups(0);
  for (int round = 0; round < 2; round++) {
    due = 0;
    for (int i = 0; i < 20; i++) {
      snprintf(id, sizeof id, "%064d", i);
      reads = 0;
      assert_int_equal(mw_cgroups_read(cgroups, id, 8, MW_FIGURE_SET_ALL, &sample, NULL), 0);
      due += reads > HOT_FILES + 1; /* and the names of the disks */
    }
    clock_.now_monotonic_ns += 30 * MW_NS_PER_S;
  }
  assert_in_range(due, 1, 19);
}

static void takes_the_limit_of_the_parent_when_there_is_no_own(void **state)
{
  (void)state;
  test_host_write(&host, TEST_HOST_V2 "docker/cpu.max", "25000 100000\n");
  open_cgroups(0);
  for (int i = 0; i < 2; i++) { /* the second time from memory */
    read_container();
    assert_true(sample.cpu_limit_percent == 25);
    assert_false(sample.cpu_limit_defaulted);
  }
}

/* ---- Kept descriptors ---- */

static void keeps_what_changes_all_the_time_above_1023(void **state)
{
  struct rlimit files;
  int high = 0;

  (void)state;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
  if (files.rlim_cur <= 1024 + HOT_FILES)
    skip();
  open_cgroups(100);
  read_container();
  assert_int_equal(kept_files(), HOT_FILES);
  for (int fd = 1024; fd < 1024 + 100; fd++) {
    int flags = fcntl(fd, F_GETFD);
    high += flags >= 0;
    assert_true(flags < 0 || (flags & FD_CLOEXEC));
  }
  assert_int_equal(high, HOT_FILES);
  test_host_remove(&host, CGROUP);
  assert_int_equal(mw_cgroups_refresh(cgroups, NULL), 0);
  assert_int_equal(kept_files(), 0);
  for (int fd = 1024; fd < 1024 + 100; fd++)
    assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void keeps_within_a_limit_on_files_that_leaves_no_room_above(void **state)
{
  struct rlimit files, low;

  (void)state;
  open_cgroups(100);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
  low = (struct rlimit){.rlim_cur = 256, .rlim_max = files.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  read_container();
  assert_int_equal(kept_files(), HOT_FILES);
  for (int fd = 3; fd < 256; fd++) {
    int flags = fcntl(fd, F_GETFD);
    char path[512] = "", link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (flags >= 0 && readlink(link, path, sizeof path - 1) > 0 && strstr(path, host.root))
      assert_true(flags & FD_CLOEXEC);
  }
  setrlimit(RLIMIT_NOFILE, &files);
}

static void reads_the_same_beyond_the_budget(void **state)
{
  struct mw_cgroup_sample kept = {0};

  (void)state;
  open_cgroups(100);
  read_container();
  assert_int_equal(mw_cgroup_sample_copy(&kept, &sample, NULL), 0);
  mw_cgroups_close(cgroups);
  open_cgroups(2);
  for (int i = 0; i < 2; i++) {
    read_container();
    assert_int_equal(kept_files(), 2);
    assert_memory_equal(&sample.figures, &kept.figures, sizeof kept.figures);
    assert_int_equal(sample.devices_count, kept.devices_count);
    assert_memory_equal(sample.devices, kept.devices, sizeof *kept.devices);
  }
  mw_cgroup_sample_deinit(&kept);
}

static void tells_a_new_cgroup_from_an_old_one_without_kept_files(void **state)
{
  struct mw_error err = {0};

  (void)state;
  open_cgroups(1); /* one file for the other container, none for this one */
  write_files(TEST_HOST_V2 "docker/" TEST_ID("02") "/");
  assert_int_equal(mw_cgroups_read(cgroups, TEST_ID("02"), 8, MW_FIGURE_SET_ALL, &sample, NULL), 0);
  read_container();
  uint64_t inode = sample.inode;
  write_files(TEST_HOST_V2 "elsewhere/");
  test_host_remove(&host, CGROUP);
  assert_int_equal(rename(test_host_path(&host, TEST_HOST_V2 "elsewhere"),
                          test_host_path(&host, TEST_HOST_V2 "docker/" ID)),
                   0);
  assert_int_equal(mw_cgroups_read(cgroups, ID, 8, MW_FIGURE_SET_ALL, &sample, &err), -ENOENT);
  assert_string_equal(err.text, "container " ID " is gone");
  read_container();
  assert_true(sample.inode != inode);
}

/* ---- Files that are missing, and a lack that passes ---- */

static void a_lack_of_descriptors_passes(void **state)
{
  struct rlimit files, none;

  (void)state;
  open_cgroups(100);
  assert_int_equal(mw_cgroups_refresh(cgroups, NULL), 0);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
  int next_fd = dup(0);
  close(next_fd);
  none = (struct rlimit){.rlim_cur = (rlim_t)next_fd, .rlim_max = files.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  int rc = mw_cgroups_read(cgroups, ID, 8, MW_FIGURE_SET_ALL, &sample, NULL);
  setrlimit(RLIMIT_NOFILE, &files);
  assert_int_equal(rc, -ENODATA);
  assert_non_null(strstr(problems, "cpu.stat cannot be read: Too many open files"));

  read_container();
  assert_int_equal(sample.problems_count, 0);
  assert_int_equal(figure(MW_MEMORY_LIMIT_BYTES), 8192);
  assert_int_equal(figure(MW_PIDS_CURRENT), 5);
}

static void a_missing_file_is_told_once_and_looked_for_with_the_limits(void **state)
{
  uint32_t failed[MW_FIGURE_COUNT];
  (void)state;
  unlink(test_host_path(&host, CGROUP "cpu.stat"));
  unlink(test_host_path(&host, CGROUP "memory.max"));
  open_cgroups(0);
  read_container();
  assert_int_equal(sample.problems_count, 2);
  mw_cgroups_count_failed(cgroups, failed);
  assert_int_equal(failed[MW_CPU_TOTAL_NS], 1);
  assert_int_equal(failed[MW_MEMORY_USAGE_BYTES], 0);
  assert_non_null(strstr(problems, ID ": "));
  assert_non_null(strstr(problems, "/cpu.stat cannot be read: No such file or directory\n"));
  assert_non_null(strstr(problems, "/memory.max cannot be read: "));

  problems[0] = '\0';
  for (int i = 0; i < 5; i++) {
    clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
    read_container();
    assert_int_equal(sample.problems_count, 2);
  }
  assert_string_equal(problems, "");

  test_host_write(&host, CGROUP "cpu.stat", "usage_usec 4\n");
  read_container();
  assert_false(sample.figures.present >> MW_CPU_TOTAL_NS & 1);
  clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  read_container();
  assert_int_equal(figure(MW_CPU_TOTAL_NS), 4000);
}

static void a_file_that_is_not_understood_is_told_until_it_is_again(void **state)
{
  (void)state;
  test_host_write(&host, CGROUP "cpu.stat", "usage_usec x\nuser_usec y\n");
  open_cgroups(0);
  for (int i = 0; i < 3; i++) {
    read_container();
    assert_int_equal(sample.problems_count, 1); /* one file, whatever is wrong with it */
  }
  const char *told = strstr(problems, "/cpu.stat has a value that is not a number: ");
  assert_non_null(told);
  assert_null(strstr(told + 1, "/cpu.stat"));

  test_host_write(&host, CGROUP "cpu.stat", "usage_usec 5\n");
  read_container();
  assert_int_equal(sample.problems_count, 0);
  problems[0] = '\0';
  test_host_write(&host, CGROUP "cpu.stat", "");
  read_container();
  assert_non_null(strstr(problems, "/cpu.stat is empty: \"\""));
}

static void a_container_without_a_readable_file_has_no_data(void **state)
{
  struct mw_error err = {0};

  (void)state;
  test_host_mkdir(&host, TEST_HOST_V2 "docker/" TEST_ID("02"));
  open_cgroups(0);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(mw_cgroups_read(cgroups, TEST_ID("02"), 8, MW_FIGURE_SET_ALL, &sample, &err),
                     -ENODATA);
    assert_non_null(strstr(err.text, "no file of container " TEST_ID("02") " can be read below "));
  }
  assert_int_equal(mw_cgroups_read(cgroups, "unknown", 8, MW_FIGURE_SET_ALL, &sample, &err),
                   -ENOENT);
  assert_string_equal(err.text, "no cgroup of a container has the id unknown");
}

/* ---- Where processes say that it is ---- */

static void does_not_take_the_root_or_what_is_outside_for_a_container(void **state)
{
  static const char *const elsewhere[] = {"/init", "/../../docker/init", "/"};
  char text[512];

  (void)state;
  for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
    test_host_deinit(&host);
    test_host_init_hybrid(&host);
    test_host_write(&host, "sys/fs/cgroup/pids/docker/" ID "/pids.current", "3\n");
    test_host_write(&host, "sys/fs/cgroup/pids/docker/" ID "/cgroup.procs", "77\n");
    test_host_write(&host, "sys/fs/cgroup/unified/memory.current", "666\n");
    test_host_write(&host, "sys/fs/cgroup/docker/memory.current", "666\n");
    snprintf(text, sizeof text, "3:pids:/docker/" ID "/init\n0::%s\n", elsewhere[i]);
    test_host_write(&host, "proc/77/cgroup", text);
    open_cgroups(0);
    read_container();
    assert_int_equal(figure(MW_PIDS_CURRENT), 3);
    assert_false(sample.figures.present >> MW_MEMORY_USAGE_BYTES & 1);
    mw_cgroups_close(cgroups);
  }
  cgroups = NULL;
}

/* A hybrid host, with a container at /pods/ID of version 2, and one in pids at /docker/ID. */
static void open_hybrid_host(const char *cgroup_of_process)
{
  test_host_deinit(&host);
  test_host_init_hybrid(&host);
  test_host_write(&host, "sys/fs/cgroup/unified/pods/" ID "/memory.current", "5\n");
  test_host_write(&host, "sys/fs/cgroup/unified/pods/" ID "/cgroup.procs", "77\n");
  test_host_write(&host, "sys/fs/cgroup/pids/docker/" ID "/pids.current", "3\n");
  test_host_write(&host, "sys/fs/cgroup/pids/docker/" ID "/inner/pids.current", "2\n");
  test_host_write(&host, "sys/fs/cgroup/pids/unnamed/pids.current", "6\n");
  test_host_write(&host, "proc/77/cgroup", cgroup_of_process);
  open_cgroups(0);
  read_container();
  assert_int_equal(figure(MW_MEMORY_USAGE_BYTES), 5);
}

static void finds_the_container_where_its_process_is_deeper(void **state)
{
  static const char *const texts[] = {
      "3:pids:/docker/" ID "/inner\n0::/pods/" ID "/init\n",
      "3:pids:/docker/" ID "/init\n0::/pods/" ID "\n",
      "3:pids:/docker/" ID "\n0::/pods/" ID "\n",
      /* from a cgroup namespace three levels deep in one, two in the other */
      "3:pids:/../../../docker/" ID "/init\n0::/../../pods/" ID "/init\n",
  };

  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    open_hybrid_host(texts[i]);
    assert_int_equal(figure(MW_PIDS_CURRENT), 3);
    mw_cgroups_close(cgroups);
  }
  cgroups = NULL;
}

static void does_not_believe_a_path_without_the_id_or_beside_another(void **state)
{
  static const char *const texts[] = {
      "3:pids:/unnamed/init\n0::/pods/" ID "\n",
      "3:pids:/docker/" ID "\n0::/elsewhere/" ID "\n",
      "3:pids:/docker/" ID "\n0::/../" ID "\n", /* seen from within pods */
      "3:pids:/docker/../docker/" ID "\n0::/pods/" ID "\n",
      "3:pids:/..\n0::/pods/" ID "\n",
  };

  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    open_hybrid_host(texts[i]);
    assert_false(sample.figures.present >> MW_PIDS_CURRENT & 1);
    mw_cgroups_close(cgroups);
  }
  cgroups = NULL;
}

/* ---- The cgroups of this machine ---- */

static char real_path[256], other_real_path[256];

static int remove_real(void **state)
{
  if (*real_path)
    rmdir(real_path);
  if (*other_real_path)
    rmdir(other_real_path);
  *real_path = *other_real_path = '\0';
  mw_cgroups_close(cgroups);
  cgroups = NULL;
  mw_cgroup_sample_deinit(&sample);
  (void)state;
  return 0;
}

static void a_kept_file_of_a_removed_cgroup_tells_that_it_is_gone(void **state)
{
  struct mw_controller_info pids;
  struct mw_error err = {0};
  char id[65];

  (void)state;
  cgroups =
      mw_cgroups_open(&(struct mw_cgroups_config){.kept_files_max = 100, .no_inotify = true}, NULL);
  if (!cgroups)
    skip(); /* no cgroups here */
  mw_cgroups_controller(cgroups, MW_CONTROLLER_PIDS, &pids);
  snprintf(id, sizeof id, "%064x", (unsigned)getpid());
  snprintf(real_path, sizeof real_path, "%s/%s", pids.version ? pids.mount_path : "", id);
  if (pids.version == 0 || mkdir(real_path, 0755) < 0) {
    *real_path = '\0';
    skip(); /* no right to make a cgroup */
  }
  assert_int_equal(mw_cgroups_read(cgroups, id, 1, MW_FIGURE_SET_ALL, &sample, &err), 0);
  assert_int_equal(figure(MW_PIDS_CURRENT), 0);
  assert_true(kept_files() > 0);
  assert_int_equal(rmdir(real_path), 0);
  *real_path = '\0';
  assert_int_equal(mw_cgroups_read(cgroups, id, 1, MW_FIGURE_SET_ALL, &sample, &err), -ENOENT);
  assert_non_null(strstr(err.text, " is gone"));
  assert_int_equal(kept_files(), 0);
}

static void count_problem(void *data, const char *id, const struct mw_error *problem)
{
  (void)id;
  (void)problem;
  ++*(size_t *)data;
}

/* @return false: there is no such controller, or no right to make a cgroup. */
static bool make_real(enum mw_controller controller, const char *id, char path[static 256])
{
  struct mw_controller_info info;

  mw_cgroups_controller(cgroups, controller, &info);
  snprintf(path, 256, "%s/%s", info.mount_path, id);
  if (info.version != 0 && (mkdir(path, 0755) == 0 || errno == EEXIST))
    return true;
  *path = '\0';
  return false;
}

/* With version 1 it is gone from several hierarchies, and files of each are kept. */
static void a_removed_container_is_gone_and_nothing_is_wrong(void **state)
{
  size_t problems_count = 0;
  struct mw_error err = {0};
  char id[65];

  (void)state;
  cgroups = mw_cgroups_open(&(struct mw_cgroups_config){.kept_files_max = 100,
                                                        .no_inotify = true,
                                                        .on_problem = count_problem,
                                                        .callback_data = &problems_count},
                            NULL);
  if (!cgroups)
    skip(); /* no cgroups here */
  snprintf(id, sizeof id, "%064x", (unsigned)getpid() + 1);
  if (!make_real(MW_CONTROLLER_CPU, id, real_path) ||
      !make_real(MW_CONTROLLER_PIDS, id, other_real_path))
    skip();
  assert_int_equal(mw_cgroups_read(cgroups, id, 1, MW_FIGURE_SET_ALL, &sample, &err), 0);
  rmdir(real_path);
  rmdir(other_real_path);
  problems_count = 0;
  assert_int_equal(mw_cgroups_read(cgroups, id, 1, MW_FIGURE_SET_ALL, &sample, &err), -ENOENT);
  assert_non_null(strstr(err.text, " is gone"));
  assert_int_equal(problems_count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(reads_limits_again_when_they_are_old),
      TEST(containers_do_not_fall_due_at_the_same_moment),
      TEST(takes_the_limit_of_the_parent_when_there_is_no_own),
      TEST(keeps_what_changes_all_the_time_above_1023),
      TEST(keeps_within_a_limit_on_files_that_leaves_no_room_above),
      TEST(reads_the_same_beyond_the_budget),
      TEST(tells_a_new_cgroup_from_an_old_one_without_kept_files),
      TEST(a_lack_of_descriptors_passes),
      TEST(a_missing_file_is_told_once_and_looked_for_with_the_limits),
      TEST(a_file_that_is_not_understood_is_told_until_it_is_again),
      TEST(a_container_without_a_readable_file_has_no_data),
      TEST(does_not_take_the_root_or_what_is_outside_for_a_container),
      TEST(finds_the_container_where_its_process_is_deeper),
      TEST(does_not_believe_a_path_without_the_id_or_beside_another),
      cmocka_unit_test_teardown(a_kept_file_of_a_removed_cgroup_tells_that_it_is_gone, remove_real),
      cmocka_unit_test_teardown(a_removed_container_is_gone_and_nothing_is_wrong, remove_real),
  };

  return cmocka_run_group_tests_name("core/cgroup/reader", tests, NULL, NULL);
}
