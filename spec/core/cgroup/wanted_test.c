/* Readings of some figures only, and files that a host may do without: which are read, which are
 * kept, which are looked for again. */
#include "test_host.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#define ID TEST_ID("01")
#define CGROUP TEST_HOST_V2 "docker/" ID "/"
#define PRESSURE "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\nfull avg10=0.00 total=5\n"

static struct test_host host;
static struct mw_clock_manual clock_;
static struct mw_cgroups *cgroups;
static struct mw_cgroup_sample sample;
static char reads[4096]; /* names of the files that were read, each with a blank behind it */
static int problems;

/* As a kernel that has pressure compiled in and switched off: the files are there, and refuse. The
 * executable's own function is the one that is found. */
static int refused_reads = -1; /* -1: switched on */

ssize_t pread(int fd, void *buffer, size_t size_bytes, off_t offset)
{
  char link[64], path[1024] = "";

  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (refused_reads >= 0 && readlink(link, path, sizeof path - 1) > 0 &&
      strstr(path, ".pressure")) {
    refused_reads++;
    errno = EOPNOTSUPP;
    return -1;
  }
  return syscall(SYS_pread64, fd, buffer, size_bytes, offset);
}

static void note_read(void *data, const char *path)
{
  (void)data;
  strcat(reads, strrchr(path, '/') + 1);
  strcat(reads, " ");
}

static void note_problem(void *data, const char *id, const struct mw_error *problem)
{
  (void)data, (void)id, (void)problem;
  problems++;
}

static void write_files(const char *folder)
{
  static const char *const files[][2] = {
      {"cpu.stat", "usage_usec 3\nuser_usec 2\nsystem_usec 1\n"},
      {"cpu.max", "50000 100000\n"},
      {"cpu.weight", "100\n"},
      {"memory.current", "4096\n"},
      {"memory.stat", "anon 1\nfile 2\nkernel_stack 8\nslab 4\ninactive_file 1024\n"},
      {"memory.max", "8192\n"},
      {"memory.low", "0\n"},
      {"memory.min", "0\n"},
      {"memory.high", "max\n"},
      {"memory.events", "max 1\noom 0\noom_kill 0\n"},
      {"memory.swap.current", "6\n"},
      {"io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4\n"},
      {"io.max", "8:0 rbps=7 wbps=max riops=max wiops=max\n"},
      {"pids.current", "5\n"},
      {"pids.max", "max\n"},
      {"cpu.pressure", PRESSURE},
      {"memory.pressure", PRESSURE},
      {"io.pressure", PRESSURE},
  };
  char name[512];

  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf(name, sizeof name, "%s%s", folder, files[i][0]);
    test_host_write(&host, name, files[i][1]);
  }
}

static void open_cgroups(void)
{
  cgroups = test_host_open(&host, (struct mw_cgroups_config){.clock = &clock_.clock,
                                                             .kept_files_max = 100,
                                                             .on_read = note_read,
                                                             .on_problem = note_problem});
}

static int set_up(void **state)
{
  (void)state;
  problems = 0;
  reads[0] = '\0';
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
  refused_reads = -1;
  mw_cgroup_sample_deinit(&sample);
  test_host_deinit(&host);
  return 0;
}

static const char *files_of(const char *id, mw_figure_set wanted)
{
  struct mw_error err = {0};

  reads[0] = '\0';
  if (mw_cgroups_read(cgroups, id, 8, wanted, &sample, &err) < 0)
    fail_msg("%s", err.text);
  return reads;
}

/* A walk, and the turn of the limits of each container. */
static void let_all_fall_due(void)
{
  clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
}

static bool has(enum mw_figure figure)
{
  return sample.figures.present >> figure & 1;
}

#define SET(figure) mw_figure_set_of(figure)

/* ---- What is wanted ---- */

static void reads_the_files_of_what_is_wanted_and_no_others(void **state)
{
  static const struct {
    enum mw_figure figures[2];
    const char *files;
  } examples[] = {
      {{MW_CPU_TOTAL_NS, MW_CPU_TOTAL_NS}, "cpu.stat "},
      {{MW_CPU_TOTAL_NS, MW_PIDS_CURRENT}, "cpu.stat pids.current "},
      {{MW_CPU_USER_NS, MW_CPU_THROTTLED_NS}, "cpu.stat "},
      {{MW_MEMORY_USAGE_BYTES, MW_MEMORY_USAGE_BYTES}, "memory.current "},
      {{MW_MEMORY_WORKING_SET_BYTES, MW_MEMORY_WORKING_SET_BYTES}, "memory.current memory.stat "},
      {{MW_MEMORY_KERNEL_BYTES, MW_MEMORY_KERNEL_BYTES}, "memory.stat "},
      {{MW_MEMORY_OOM_KILLS_TOTAL, MW_MEMORY_SWAP_BYTES}, "memory.swap.current memory.events "},
      {{MW_POD_OOM_KILLS_TOTAL, MW_POD_OOM_KILLS_TOTAL}, "memory.events "},
      {{MW_IO_READ_BYTES, MW_IO_PRESSURE_FULL_NS}, "io.stat io.pressure "},
      {{MW_CPU_PRESSURE_SOME_NS, MW_MEMORY_PRESSURE_SOME_NS}, "cpu.pressure memory.pressure "},
      {{MW_MEMORY_LIMIT_BYTES, MW_PIDS_LIMIT}, ""},
  };

  (void)state;
  open_cgroups();
  files_of(ID, MW_FIGURE_SET_ALL);
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    mw_figure_set wanted = SET(examples[i].figures[0]) | SET(examples[i].figures[1]);
    assert_string_equal(files_of(ID, wanted), examples[i].files);
    assert_int_equal(sample.covered & wanted, wanted);
    assert_int_equal(sample.figures.present & ~sample.covered, 0);
    assert_int_equal(sample.problems_count, 0);
    assert_int_equal(sample.devices_count, 0);
    assert_true(has(MW_MEMORY_LIMIT_BYTES)); /* limits stay for as long as they are young */
    assert_false(sample.cpu_limit_present);
  }
}

static void reads_the_limits_that_are_wanted_once_while_they_are_young(void **state)
{
  const mw_figure_set cpu_limit = MW_FIGURE_SET_CPU_LIMIT, pids_limit = SET(MW_PIDS_LIMIT);

  (void)state;
  open_cgroups();
  assert_string_equal(files_of(ID, cpu_limit), "cpu.max ");
  assert_true(sample.cpu_limit_percent == 50);
  assert_false(sample.covered & pids_limit);
  assert_string_equal(files_of(ID, cpu_limit), "");
  assert_true(sample.cpu_limit_percent == 50);
  /* what was there already comes along: two callers do not take turns in reading */
  assert_string_equal(files_of(ID, pids_limit), "cpu.max pids.max ");
  assert_true(sample.covered & pids_limit);
  assert_string_equal(files_of(ID, cpu_limit | pids_limit), "");
  assert_true(sample.cpu_limit_percent == 50);
  let_all_fall_due();
  assert_string_equal(files_of(ID, pids_limit), "pids.max ");
  assert_false(sample.covered & SET(MW_CPU_QUOTA_NS));
  assert_false(has(MW_CPU_QUOTA_NS));
}

static void covers_everything_when_everything_is_wanted(void **state)
{
  (void)state;
  open_cgroups();
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_true(sample.covered == MW_FIGURE_SET_ALL);
  assert_true(has(MW_MEMORY_WORKING_SET_BYTES) && has(MW_MEMORY_KERNEL_BYTES));
  files_of(ID, SET(MW_CPU_TOTAL_NS));
  static const enum mw_figure left_out[] = {MW_MEMORY_USAGE_BYTES, MW_MEMORY_WORKING_SET_BYTES,
                                            MW_MEMORY_KERNEL_BYTES, MW_POD_OOM_KILLS_TOTAL,
                                            MW_IO_PRESSURE_FULL_NS};
  for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++)
    assert_false(sample.covered & SET(left_out[i]));
  assert_false(sample.covered & MW_FIGURE_SET_DEVICES);
  /* what this host has no file for was looked for as well as can be */
  assert_true(sample.covered & SET(MW_CPU_SHARES));
}

static void names_devices_only_when_they_are_wanted(void **state)
{
  (void)state;
  open_cgroups();
  assert_null(strstr(files_of(ID, SET(MW_IO_READ_BYTES)), "diskstats"));
  assert_int_equal(sample.devices_count, 0);
  assert_true(has(MW_IO_WRITE_BYTES)); /* of the same file */
  assert_string_equal(files_of(ID, MW_FIGURE_SET_DEVICES), "io.stat io.max diskstats ");
  assert_true(sample.covered & MW_FIGURE_SET_DEVICES);
  assert_int_equal(sample.devices_count, 1);
  assert_string_equal(sample.devices[0].name, "sda");
  assert_int_equal(sample.devices[0].values[MW_IO_DEVICE_READ_LIMIT_BYTES_PER_S], 7);
}

static void keeps_open_what_was_read_alone(void **state)
{
  struct mw_cgroups_usage usage;

  (void)state;
  open_cgroups();
  files_of(ID, SET(MW_CPU_TOTAL_NS) | SET(MW_PIDS_CURRENT));
  mw_cgroups_usage(cgroups, &usage);
  assert_int_equal(usage.kept_files, 2);
}

/* A kept file would tell, but none is read. */
static void tells_that_it_is_gone_when_no_file_is_wanted(void **state)
{
  struct mw_error err = {0};

  (void)state;
  open_cgroups();
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_string_equal(files_of(ID, SET(MW_PIDS_LIMIT)), "");
  test_host_remove(&host, CGROUP);
  assert_int_equal(mw_cgroups_read(cgroups, ID, 8, SET(MW_PIDS_LIMIT), &sample, &err), -ENOENT);
  assert_string_equal(err.text, "container " ID " is gone");
}

/* A kept file tells only when it is read: what is opened anew may be another container's. */
static void tells_a_new_cgroup_from_the_one_whose_files_are_kept(void **state)
{
  struct mw_error err = {0};

  (void)state;
  open_cgroups();
  files_of(ID, SET(MW_CPU_TOTAL_NS));
  uint64_t inode = sample.inode;
  write_files(TEST_HOST_V2 "elsewhere/");
  test_host_remove(&host, CGROUP);
  assert_int_equal(rename(test_host_path(&host, TEST_HOST_V2 "elsewhere"),
                          test_host_path(&host, TEST_HOST_V2 "docker/" ID)),
                   0);
  assert_int_equal(mw_cgroups_read(cgroups, ID, 8, SET(MW_PIDS_CURRENT), &sample, &err), -ENOENT);
  files_of(ID, SET(MW_PIDS_CURRENT));
  assert_true(sample.inode != inode);
}

/* ---- Files that a kernel may lack ---- */

#define SECOND TEST_HOST_V2 "docker/" TEST_ID("02") "/"

static size_t count_reads(const char *name)
{
  size_t count = 0;

  for (const char *at = reads; (at = strstr(at, name)); at++)
    count++;
  return count;
}

static void remove_file(const char *folder, const char *name)
{
  char path[512];

  snprintf(path, sizeof path, "%s%s", folder, name);
  assert_int_equal(unlink(test_host_path(&host, path)), 0);
}

static void does_without_pressure_and_looks_again_after_a_walk(void **state)
{
  (void)state;
  write_files(SECOND);
  remove_file(CGROUP, "cpu.pressure");
  test_host_write(&host, TEST_HOST_V2 "cpu.pressure", PRESSURE); /* the kernel has it */
  open_cgroups();
  for (int i = 0; i < 3; i++) {
    files_of(ID, MW_FIGURE_SET_ALL);
    assert_int_equal(sample.problems_count, 0);
    assert_false(has(MW_CPU_PRESSURE_SOME_NS));
    assert_true(has(MW_IO_PRESSURE_SOME_NS));
    files_of(TEST_ID("02"), MW_FIGURE_SET_ALL); /* one that has it is read all the same */
    assert_true(has(MW_CPU_PRESSURE_SOME_NS));
  }
  assert_int_equal(problems, 0);

  test_host_write(&host, CGROUP "cpu.pressure", PRESSURE);
  clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_false(has(MW_CPU_PRESSURE_SOME_NS)); /* the limits alone are no reason */
  let_all_fall_due();
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_true(has(MW_CPU_PRESSURE_SOME_NS));
}

/* What one container lacks, and the root too, is not looked for in the others until a walk. */
static void a_kernel_without_pressure_is_asked_once(void **state)
{
  (void)state;
  write_files(SECOND);
  remove_file(CGROUP, "memory.pressure");
  open_cgroups();
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_null(strstr(files_of(TEST_ID("02"), MW_FIGURE_SET_ALL), "memory.pressure"));
  assert_false(has(MW_MEMORY_PRESSURE_SOME_NS));
  assert_true(sample.covered == MW_FIGURE_SET_ALL);
  let_all_fall_due();
  assert_non_null(strstr(files_of(TEST_ID("02"), MW_FIGURE_SET_ALL), "memory.pressure"));
  assert_true(has(MW_MEMORY_PRESSURE_SOME_NS));
}

static void pressure_that_is_switched_off_is_asked_for_once(void **state)
{
  (void)state;
  write_files(SECOND);
  for (int i = 0; i < 2; i++) /* it is in the root as well */
    test_host_write(&host, i ? TEST_HOST_V2 "cpu.pressure" : TEST_HOST_V2 "io.pressure", PRESSURE);
  refused_reads = 0;
  open_cgroups();
  for (int i = 0; i < 3; i++) {
    files_of(ID, MW_FIGURE_SET_ALL);
    assert_int_equal(sample.problems_count, 0);
    files_of(TEST_ID("02"), MW_FIGURE_SET_ALL);
    assert_int_equal(sample.problems_count, 0);
    clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  }
  assert_int_equal(refused_reads, 3); /* three files, in one container */
  assert_int_equal(problems, 0);
  let_all_fall_due();
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_int_equal(refused_reads, 6);
}

static void a_kernel_that_does_not_count_swap_is_asked_once(void **state)
{
  (void)state;
  write_files(SECOND);
  remove_file(CGROUP, "memory.swap.current");
  open_cgroups();
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_int_equal(sample.problems_count, 0);
  assert_null(strstr(files_of(TEST_ID("02"), MW_FIGURE_SET_ALL), "memory.swap"));
}

/* Where memory is not delegated all its files are missing: that says nothing of other containers.
 */
static void a_container_without_memory_says_nothing_of_others(void **state)
{
  (void)state;
  write_files(SECOND);
  remove_file(CGROUP, "memory.swap.current");
  remove_file(CGROUP, "memory.current");
  open_cgroups();
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_int_equal(sample.problems_count, 1);
  assert_non_null(strstr(files_of(TEST_ID("02"), MW_FIGURE_SET_ALL), "memory.swap.current"));
}

static void an_optional_file_that_is_wrong_is_told(void **state)
{
  (void)state;
  test_host_write(&host, CGROUP "cpu.pressure", "some\n");
  open_cgroups();
  for (int i = 0; i < 3; i++) {
    files_of(ID, MW_FIGURE_SET_ALL);
    assert_int_equal(sample.problems_count, 1);
  }
  assert_int_equal(problems, 1);
  remove_file(CGROUP, "cpu.pressure");
  assert_int_equal(mkfifo(test_host_path(&host, CGROUP "cpu.pressure"), 0600), 0);
  mw_cgroups_close(cgroups);
  open_cgroups();
  for (int i = 0; i < 3; i++) {
    files_of(ID, MW_FIGURE_SET_ALL);
    assert_int_equal(sample.problems_count, 1);
  }
  assert_int_equal(problems, 2);
}

/* ---- Version 1 with version 2 beside it ---- */

static void reads_pressure_where_version_2_is_mounted(void **state)
{
  (void)state;
  test_host_deinit(&host);
  test_host_init_empty(&host);
  test_host_write(&host, "proc/mounts",
                  "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n"
                  "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n");
  test_host_write(&host, "sys/fs/cgroup/unified/cgroup.controllers", "\n");
  test_host_write(&host, "sys/fs/cgroup/pids/docker/" ID "/pids.current", "3\n");
  test_host_write(&host, "sys/fs/cgroup/pids/docker/" ID "/pids.max", "max\n");
  test_host_write(&host, "sys/fs/cgroup/pids/docker/" ID "/cgroup.procs", "77\n");
  test_host_write(&host, "proc/77/cgroup", "3:pids:/docker/" ID "\n0::/pods/" ID "/init\n");
  test_host_write(&host, "sys/fs/cgroup/unified/pods/" ID "/io.pressure", PRESSURE);
  test_host_write(&host, "sys/fs/cgroup/pids/docker/" TEST_ID("02") "/pids.current", "4\n");
  test_host_write(&host, "sys/fs/cgroup/pids/docker/" TEST_ID("02") "/pids.max", "max\n");
  open_cgroups();
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_int_equal(sample.figures.values[MW_IO_PRESSURE_SOME_NS], 7000);
  assert_int_equal(sample.figures.values[MW_IO_PRESSURE_FULL_NS], 5000);
  assert_int_equal(sample.problems_count, 0);
  files_of(TEST_ID("02"), MW_FIGURE_SET_ALL);
  assert_false(has(MW_IO_PRESSURE_SOME_NS));
  assert_int_equal(sample.problems_count, 0);
  assert_int_equal(count_reads("pids."), 2);
  assert_int_equal(problems, 0);
  assert_string_equal(test_host_ids(cgroups), "01 02 "); /* each once */
}

/* Looking for a container where it is not costs more than a file: once a walk is enough. */
static void looks_for_the_container_beside_version_1_after_a_walk(void **state)
{
  (void)state;
  test_host_deinit(&host);
  test_host_init_empty(&host);
  test_host_write(&host, "proc/mounts",
                  "cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n"
                  "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n");
  test_host_mkdir(&host, "sys/fs/cgroup/unified");
  test_host_write(&host, "sys/fs/cgroup/pids/docker/" ID "/pids.current", "3\n");
  open_cgroups();
  files_of(ID, MW_FIGURE_SET_ALL);
  test_host_write(&host, "sys/fs/cgroup/unified/docker/" ID "/io.pressure", PRESSURE);
  clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_false(has(MW_IO_PRESSURE_SOME_NS));
  let_all_fall_due();
  files_of(ID, MW_FIGURE_SET_ALL);
  assert_true(has(MW_IO_PRESSURE_SOME_NS));
}

static void version_2_without_controllers_is_a_host_too(void **state)
{
  (void)state;
  test_host_write(&host, TEST_HOST_V2 "cgroup.controllers", "\n");
  open_cgroups();
  assert_string_equal(files_of(ID, MW_FIGURE_SET_ALL), "cpu.pressure memory.pressure io.pressure ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(reads_the_files_of_what_is_wanted_and_no_others),
      TEST(reads_the_limits_that_are_wanted_once_while_they_are_young),
      TEST(covers_everything_when_everything_is_wanted),
      TEST(names_devices_only_when_they_are_wanted),
      TEST(keeps_open_what_was_read_alone),
      TEST(tells_that_it_is_gone_when_no_file_is_wanted),
      TEST(tells_a_new_cgroup_from_the_one_whose_files_are_kept),
      TEST(does_without_pressure_and_looks_again_after_a_walk),
      TEST(a_kernel_without_pressure_is_asked_once),
      TEST(pressure_that_is_switched_off_is_asked_for_once),
      TEST(a_kernel_that_does_not_count_swap_is_asked_once),
      TEST(a_container_without_memory_says_nothing_of_others),
      TEST(an_optional_file_that_is_wrong_is_told),
      TEST(reads_pressure_where_version_2_is_mounted),
      TEST(looks_for_the_container_beside_version_1_after_a_walk),
      TEST(version_2_without_controllers_is_a_host_too),
  };

  return cmocka_run_group_tests_name("core/cgroup/wanted", tests, NULL, NULL);
}
