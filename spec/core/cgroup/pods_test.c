/* Running out of memory: what a pod's cgroup keeps of containers that are gone. */
#include "test_host.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define POD "kubepods/burstable/pod15513b48-7cbc-4a7b-9d9a-34ee1b2a2a7c"
#define V1_TOP "sys/fs/cgroup/memory/"
#define POD_KILLS (UINT64_C(1) << MW_POD_OOM_KILLS_TOTAL)
#define POD_EVENTS (UINT64_C(1) << MW_POD_OOM_EVENTS_TOTAL)

static struct test_host host;
static struct mw_clock_manual clock_;
static struct mw_cgroups *cgroups;
static struct mw_cgroup_sample sample;
static char last_problem[sizeof(struct mw_error)];
static int pod_reads;

static void note_read(void *data, const char *path)
{
  (void)data;
  pod_reads += strstr(path, POD "/memory.") != NULL;
}

static void note_problem(void *data, const char *id, const struct mw_error *problem)
{
  (void)data, (void)id;
  snprintf(last_problem, sizeof last_problem, "%s", problem->text);
}

/* The file of @p cgroup that counts. */
static void write_kills(int version, const char *cgroup, int events, int kills)
{
  char name[512], text[128];

  snprintf(name, sizeof name, "%s%s/%s", version == 1 ? V1_TOP : TEST_HOST_V2, cgroup,
           version == 1 ? "memory.oom_control" : "memory.events");
  if (version == 1)
    snprintf(text, sizeof text, "oom_kill_disable 0\nunder_oom 0\noom_kill %d\n", kills);
  else
    snprintf(text, sizeof text, "low 0\nhigh 0\nmax 9\noom %d\noom_kill %d\n", events, kills);
  test_host_write(&host, name, text);
}

static void open_host(int version)
{
  if (version == 1) {
    test_host_init_empty(&host);
    test_host_write(&host, "proc/mounts", "cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n");
  } else {
    test_host_init_v2(&host);
  }
  write_kills(version, POD, 0, 0);
  write_kills(version, POD "/" TEST_ID("01"), 0, 0);
  write_kills(version, POD "/" TEST_ID("02"), 0, 0);
  cgroups = test_host_open(&host, (struct mw_cgroups_config){.clock = &clock_.clock,
                                                             .kept_files_max = 100,
                                                             .on_read = note_read,
                                                             .on_problem = note_problem});
}

static int set_up(void **state)
{
  (void)state;
  pod_reads = 0;
  last_problem[0] = '\0';
  mw_clock_manual_init(&clock_);
  clock_.now_monotonic_ns = 1000 * MW_NS_PER_S;
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  mw_cgroups_close(cgroups);
  cgroups = NULL;
  mw_cgroup_sample_deinit(&sample);
  if (*host.root)
    test_host_deinit(&host);
  host.root[0] = '\0';
  return 0;
}

/* What container @p id says of its pod's kills; -1: nothing. */
static int64_t pod_kills(const char *id)
{
  struct mw_error err = {0};
  uint64_t value;

  if (mw_cgroups_read(cgroups, id, 8, POD_KILLS | POD_EVENTS, &sample, &err) < 0)
    fail_msg("%s", err.text);
  return mw_figures_get(&sample.figures, MW_POD_OOM_KILLS_TOTAL, &value) ? (int64_t)value : -1;
}

static int64_t pod_events(void)
{
  uint64_t value;
  return mw_figures_get(&sample.figures, MW_POD_OOM_EVENTS_TOTAL, &value) ? (int64_t)value : -1;
}

static void remove_container(int version, const char *id)
{
  char name[512], away[64];
  static int removed;

  /* moved away: plain folders use an inode again at once, the kernel does not */
  snprintf(name, sizeof name, "%s" POD "/%s", version == 1 ? V1_TOP : TEST_HOST_V2, id);
  snprintf(away, sizeof away, "removed-%d", removed++);
  assert_int_equal(rename(test_host_path(&host, name), test_host_path(&host, away)), 0);
  assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
}

/* The first reading of a pod is dated back: let it fall due, then read it. */
static void settle(void)
{
  pod_kills(TEST_ID("01"));
  clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  pod_kills(TEST_ID("01"));
  pod_reads = 0;
}

/* ---- Version 2: the pod's own file has all ---- */

static void version_2_keeps_what_a_dead_container_had(void **state)
{
  (void)state;
  open_host(2);
  assert_int_equal(pod_kills(TEST_ID("01")), 0);
  assert_int_equal(pod_kills(TEST_ID("02")), 0);
  assert_int_equal(pod_events(), 0);
  write_kills(2, POD, 2, 1);
  write_kills(2, POD "/" TEST_ID("01"), 2, 1); /* the pod's own count has it */
  assert_int_equal(pod_kills(TEST_ID("01")), 1);
  write_kills(2, POD, 4, 2);
  remove_container(2, TEST_ID("01"));
  assert_int_equal(pod_kills(TEST_ID("02")), 2);
  assert_int_equal(pod_events(), 4);
}

static void reads_the_pod_again_when_something_moved_or_it_is_old(void **state)
{
  (void)state;
  open_host(2);
  settle();
  write_kills(2, POD, 7, 7);
  clock_.now_monotonic_ns += 60 * MW_NS_PER_S;
  assert_int_equal(pod_kills(TEST_ID("01")), 0);
  assert_int_equal(pod_reads, 0);
  write_kills(2, POD "/" TEST_ID("01"), 1, 0); /* tried, though nobody was killed */
  assert_int_equal(pod_kills(TEST_ID("01")), 7);
  assert_int_equal(pod_reads, 1);
  assert_int_equal(pod_kills(TEST_ID("01")), 7);
  assert_int_equal(pod_kills(TEST_ID("02")), 7);
  assert_int_equal(pod_reads, 1); /* one reading serves all containers of the pod */

  write_kills(2, POD, 8, 8);
  clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  assert_int_equal(pod_kills(TEST_ID("02")), 8);
  assert_int_equal(pod_reads, 2);
}

static void does_not_read_the_pod_for_those_who_do_not_ask(void **state)
{
  (void)state;
  open_host(2);
  write_kills(2, POD, 7, 7);
  assert_int_equal(mw_cgroups_read(cgroups, TEST_ID("01"), 8,
                                   MW_FIGURE_SET_ALL & ~(POD_KILLS | POD_EVENTS), &sample, NULL),
                   0);
  assert_int_equal(pod_reads, 0);
  assert_int_equal(sample.figures.present & (POD_KILLS | POD_EVENTS), 0);
  assert_int_equal(sample.covered & (POD_KILLS | POD_EVENTS), 0);
  assert_int_equal(mw_cgroups_read(cgroups, TEST_ID("01"), 8, MW_FIGURE_SET_ALL, &sample, NULL), 0);
  assert_int_equal(sample.figures.values[MW_POD_OOM_KILLS_TOTAL], 7);
}

static void a_container_outside_of_pods_has_no_figures_of_one(void **state)
{
  (void)state;
  open_host(2);
  write_kills(2, "kubepods/burstable", 3, 3);
  write_kills(2, "kubepods/burstable/" TEST_ID("03"), 1, 1);
  for (int i = 0; i < 2; i++) {
    assert_int_equal(pod_kills(TEST_ID("03")), -1);
    assert_int_equal(pod_events(), -1);
  }
}

static void a_pod_whose_file_is_wrong_is_told_once(void **state)
{
  (void)state;
  open_host(2);
  pod_kills(TEST_ID("01"));
  uint32_t other_problems = sample.problems_count; /* this host has few files */
  test_host_write(&host, TEST_HOST_V2 POD "/memory.events", "oom x\noom_kill 3\n");
  clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  for (int i = 0; i < 3; i++) {
    assert_int_equal(pod_kills(TEST_ID("01")), 3);
    assert_int_equal(pod_events(), -1);
    assert_int_equal(sample.problems_count, other_problems + 1);
    if (i == 0)
      assert_non_null(strstr(last_problem, POD "/memory.events has a value that is not a number"));
    else
      assert_string_equal(last_problem, "");
    last_problem[0] = '\0';
    clock_.now_monotonic_ns += 61 * MW_NS_PER_S;
  }
  assert_int_equal(unlink(test_host_path(&host, TEST_HOST_V2 POD "/memory.events")), 0);
  assert_int_equal(pod_kills(TEST_ID("01")), -1); /* memory is not enabled there: absent */
}

static void a_lack_of_descriptors_costs_one_reading_of_the_pod(void **state)
{
  struct rlimit files;

  (void)state;
  open_host(2);
  settle();
  write_kills(2, POD, 1, 1);
  write_kills(2, POD "/" TEST_ID("01"), 1, 1);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
  const struct rlimit none = {.rlim_cur = 3, .rlim_max = files.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  int64_t without = pod_kills(TEST_ID("01"));
  setrlimit(RLIMIT_NOFILE, &files);
  assert_int_equal(without, -1);
  assert_int_equal(pod_kills(TEST_ID("01")), 1);
}

/* ---- Version 1: each cgroup counts alone ---- */

static void version_1_adds_up_the_pod_and_its_containers(void **state)
{
  (void)state;
  open_host(1);
  assert_int_equal(pod_kills(TEST_ID("01")), 0);
  assert_int_equal(pod_events(), -1); /* not counted by version 1 */
  write_kills(1, POD, 0, 1);
  write_kills(1, POD "/" TEST_ID("01"), 0, 2);
  assert_int_equal(pod_kills(TEST_ID("01")), 3);
  write_kills(1, POD "/" TEST_ID("02"), 0, 4);
  assert_int_equal(pod_kills(TEST_ID("02")), 7);
  assert_int_equal(pod_kills(TEST_ID("01")), 7);
  write_kills(1, POD "/" TEST_ID("01"), 0, 3);
  assert_int_equal(pod_kills(TEST_ID("01")), 8);
}

static void version_1_keeps_what_a_dead_container_had(void **state)
{
  (void)state;
  open_host(1);
  write_kills(1, POD "/" TEST_ID("01"), 0, 2);
  assert_int_equal(pod_kills(TEST_ID("01")), 2);
  remove_container(1, TEST_ID("01"));
  assert_int_equal(pod_kills(TEST_ID("02")), 2);
  write_kills(1, POD "/" TEST_ID("01"), 0, 1); /* started anew: it counts from nought */
  assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
  assert_int_equal(pod_kills(TEST_ID("01")), 3);
  remove_container(1, TEST_ID("01"));
  remove_container(1, TEST_ID("02"));
  write_kills(1, POD "/" TEST_ID("04"), 0, 0); /* nobody was left to hold on to the pod */
  assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
  assert_int_equal(pod_kills(TEST_ID("04")), 3);
}

/* A container that was read for its own figures alone counts as well. */
static void version_1_keeps_what_was_read_for_the_container_itself(void **state)
{
  (void)state;
  open_host(1);
  write_kills(1, POD "/" TEST_ID("01"), 0, 2);
  assert_int_equal(mw_cgroups_read(cgroups, TEST_ID("01"), 8,
                                   mw_figure_set_of(MW_MEMORY_OOM_KILLS_TOTAL), &sample, NULL),
                   0);
  remove_container(1, TEST_ID("01"));
  assert_int_equal(pod_kills(TEST_ID("02")), 2);
}

static void a_pod_that_is_made_anew_starts_from_nought(void **state)
{
  (void)state;
  open_host(1);
  write_kills(1, POD "/" TEST_ID("01"), 0, 2);
  assert_int_equal(pod_kills(TEST_ID("01")), 2);
  test_host_remove(&host, V1_TOP POD);
  assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
  write_kills(1, POD, 0, 0);
  write_kills(1, POD "/" TEST_ID("01"), 0, 0);
  assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
  assert_int_equal(pod_kills(TEST_ID("01")), 0);
}

static void forgets_nothing_of_a_pod_that_goes_down_again_and_again(void **state)
{
  char id[MW_CGROUP_ID_BYTES], cgroup[256];

  (void)state;
  open_host(1);
  write_kills(1, POD "/" TEST_ID("01"), 0, 1);
  assert_int_equal(pod_kills(TEST_ID("01")), 1);
  for (int i = 0; i < 50; i++) {
    snprintf(id, sizeof id, "%064d", 1000 + i);
    snprintf(cgroup, sizeof cgroup, POD "/%s", id);
    write_kills(1, cgroup, 0, 1);
    assert_int_equal(mw_cgroups_refresh(cgroups, NULL), 0);
    assert_int_equal(pod_kills(id), 2 + i);
    remove_container(1, id);
  }
  write_kills(1, POD "/" TEST_ID("01"), 0, 5); /* it is told apart still: four more, not five */
  assert_int_equal(pod_kills(TEST_ID("01")), 55);
}

static void counts_those_once_that_are_too_many_to_be_told_apart(void **state)
{
  char cgroup[256], id[MW_CGROUP_ID_BYTES];
  const int count = 18;

  (void)state;
  open_host(1);
  for (int kills = 1; kills <= 3; kills++) {
    for (int i = 0; i < count; i++) {
      snprintf(id, sizeof id, "%064d", 1000 + i);
      snprintf(cgroup, sizeof cgroup, POD "/%s", id);
      write_kills(1, cgroup, 0, kills);
      assert_int_equal(mw_cgroups_refresh(cgroups, NULL), 0);
      assert_int_equal(pod_kills(id), (kills - 1) * count + i + 1);
    }
  }
}

/* ---- The cgroups of this machine ---- */

static char real_top[300];
static const char *real_mounts[2]; /* where containers are found, and where memory is */

#define REAL_POD "pod15513b48-7cbc-4a7b-9d9a-34ee1b2a2a7c"

static const char *real_path(const char *mount, const char *below)
{
  static char paths[4][1024];
  static int next;
  char *path = paths[next++ % 4];

  snprintf(path, sizeof paths[0], "%s%s%s", mount, real_top, below);
  return path;
}

static bool write_real(const char *path, const char *name, const char *text)
{
  char file_name[1200];

  snprintf(file_name, sizeof file_name, "%s/%s", path, name);
  FILE *file = fopen(file_name, "w");
  if (!file)
    return false;
  bool written = fputs(text, file) >= 0;
  return fclose(file) == 0 && written;
}

static void remove_at(const char *below)
{
  for (int i = 0; i < 2; i++) /* busy for a moment after its last process ended */
    for (int tries = 0; real_mounts[i] && rmdir(real_path(real_mounts[i], below)) < 0 &&
                        errno == EBUSY && tries < 1000000;
         tries++)
      sched_yield();
}

static bool make_at(const char *below)
{
  for (int i = 0; i < 2; i++) {
    if (mkdir(real_path(real_mounts[i], below), 0755) < 0 && errno != EEXIST)
      return false;
    write_real(real_path(real_mounts[i], below), "cgroup.subtree_control", "+memory");
  }
  return true;
}

static int remove_real(void **state)
{
  (void)state;
  if (*real_top) {
    remove_at("/" REAL_POD "/" TEST_ID("01"));
    remove_at("/" REAL_POD "/" TEST_ID("02"));
    remove_at("/" REAL_POD);
    remove_at("");
  }
  real_top[0] = '\0';
  return tear_down(state);
}

/* A process that takes more than it may have. @return whether it was killed for that. */
static bool is_killed_in(const char *cgroup)
{
  const size_t size_bytes = (size_t)64 << 20;
  int status;
  pid_t child = fork();

  if (child == 0) {
    alarm(20);
    if (!write_real(cgroup, "cgroup.procs", "0"))
      _exit(1);
    char *memory =
        mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (size_t at = 0; memory != MAP_FAILED && at < size_bytes; at += 4096)
      memory[at] = 1;
    _exit(0);
  }
  return waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static bool find_mounts(void)
{
  struct mw_controller_info pids, memory;

  mw_cgroups_controller(cgroups, MW_CONTROLLER_PIDS, &pids);
  mw_cgroups_controller(cgroups, MW_CONTROLLER_MEMORY, &memory);
  real_mounts[0] = pids.mount_path;
  real_mounts[1] = memory.mount_path;
  return pids.version != 0 && memory.version != 0;
}

static void sees_a_real_kill_and_keeps_it_when_the_container_is_gone(void **state)
{
  (void)state;
  cgroups = mw_cgroups_open(&(struct mw_cgroups_config){.clock = &clock_.clock}, NULL);
  if (!cgroups || !find_mounts())
    skip(); /* no cgroups here */
  snprintf(real_top, sizeof real_top, "/mwtest-%d", (int)getpid());
  if (!make_at("") || !make_at("/" REAL_POD) || !make_at("/" REAL_POD "/" TEST_ID("01")) ||
      !make_at("/" REAL_POD "/" TEST_ID("02")))
    skip(); /* no right to make a cgroup */
  const char *cgroup = real_path(real_mounts[1], "/" REAL_POD "/" TEST_ID("01"));
  write_real(cgroup, "memory.swap.max", "0");
  if (!write_real(cgroup, "memory.limit_in_bytes", "8388608") &&
      !write_real(cgroup, "memory.max", "8388608"))
    skip();
  write_real(cgroup, "memory.memsw.limit_in_bytes", "8388608");

  assert_int_equal(pod_kills(TEST_ID("01")), 0);
  assert_int_equal(pod_kills(TEST_ID("02")), 0);
  if (!is_killed_in(cgroup))
    skip(); /* something here does without the limit */
  assert_int_equal(pod_kills(TEST_ID("01")), 1);
  assert_int_equal(sample.figures.values[MW_MEMORY_OOM_KILLS_TOTAL], 1);
  assert_int_equal(sample.problems_count, 0);
  remove_at("/" REAL_POD "/" TEST_ID("01"));
  assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
  assert_int_equal(pod_kills(TEST_ID("02")), 1);
  assert_int_equal(sample.figures.values[MW_MEMORY_OOM_KILLS_TOTAL], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(version_2_keeps_what_a_dead_container_had),
      TEST(reads_the_pod_again_when_something_moved_or_it_is_old),
      TEST(does_not_read_the_pod_for_those_who_do_not_ask),
      TEST(a_container_outside_of_pods_has_no_figures_of_one),
      TEST(a_pod_whose_file_is_wrong_is_told_once),
      TEST(a_lack_of_descriptors_costs_one_reading_of_the_pod),
      TEST(version_1_adds_up_the_pod_and_its_containers),
      TEST(version_1_keeps_what_a_dead_container_had),
      TEST(version_1_keeps_what_was_read_for_the_container_itself),
      TEST(a_pod_that_is_made_anew_starts_from_nought),
      TEST(forgets_nothing_of_a_pod_that_goes_down_again_and_again),
      TEST(counts_those_once_that_are_too_many_to_be_told_apart),
      cmocka_unit_test_setup_teardown(sees_a_real_kill_and_keeps_it_when_the_container_is_gone,
                                      set_up, remove_real),
  };

  return cmocka_run_group_tests_name("core/cgroup/pods", tests, NULL, NULL);
}
