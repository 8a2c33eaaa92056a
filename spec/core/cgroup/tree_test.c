/* Which cgroups exist: where events, link counts and walks disagree, and what cannot be read. */
#include "test_host.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- inotify, that of the system or one that says nothing ---- */

static bool inotify_is_silent;

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
  static int (*real)(int fd, const char *path, uint32_t mask);
  static int next_watch = 1 << 20;

  if (inotify_is_silent)
    return next_watch++;
  if (!real)
    *(void **)&real = dlsym(RTLD_NEXT, "inotify_add_watch");
  return real(fd, path, mask);
}

/* ---- getdents64, that of the system or one that a signal cuts short each time ---- */

static bool answers_are_short;

ssize_t getdents64(int fd, void *buffer, size_t size_bytes)
{
  return syscall(SYS_getdents64, fd, buffer, answers_are_short ? 128 : size_bytes);
}

/* ---- What was reported ---- */

static char problems[8192];

static void note_problem(void *data, const char *id, const struct mw_error *problem)
{
  (void)data;
  snprintf(problems + strlen(problems), sizeof problems - strlen(problems), "%s%s%s\n", id,
           *id ? ": " : "", problem->text);
}

/* ---- A host and its cgroups ---- */

static struct test_host host;
static struct mw_clock_manual clock_;
static struct mw_cgroups *cgroups;

static int set_up_v2(void **state)
{
  (void)state;
  inotify_is_silent = answers_are_short = false;
  problems[0] = '\0';
  mw_clock_manual_init(&clock_);
  clock_.now_monotonic_ns = 1;
  test_host_init_v2(&host);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  mw_cgroups_close(cgroups);
  cgroups = NULL;
  test_host_deinit(&host);
  return 0;
}

static void open_cgroups(bool no_inotify)
{
  cgroups = test_host_open(&host, (struct mw_cgroups_config){.clock = &clock_.clock,
                                                             .no_inotify = no_inotify,
                                                             .on_problem = note_problem});
}

static void add_container(const char *path)
{
  char name[512];

  snprintf(name, sizeof name, TEST_HOST_V2 "%s/pids.current", path);
  test_host_write(&host, name, "1\n");
}

static void remove_container(const char *path)
{
  char name[512];

  snprintf(name, sizeof name, TEST_HOST_V2 "%s", path);
  test_host_remove(&host, name);
}

static void expect_ids_after_refresh(const char *ids)
{
  struct mw_error err = {0};

  if (mw_cgroups_refresh(cgroups, &err) < 0)
    fail_msg("%s", err.text);
  assert_string_equal(test_host_ids(cgroups), ids);
}

static struct mw_cgroups_usage usage(void)
{
  struct mw_cgroups_usage now;

  mw_cgroups_usage(cgroups, &now);
  return now;
}

static bool note_container(void *data, const struct mw_cgroup_container *container)
{
  struct mw_cgroup_container *out = data;

  *out = *container;
  out->path = NULL;
  return true;
}

/* The last container of all. */
static struct mw_cgroup_container last_container(void)
{
  struct mw_cgroup_container found = {0};

  assert_int_equal(mw_cgroups_each(cgroups, note_container, &found, NULL), 0);
  return found;
}

/* ---- Without inotify ---- */

static void finds_what_comes_and_goes_by_link_counts_alone(void **state)
{
  (void)state;
  add_container("docker/" TEST_ID("01"));
  open_cgroups(true);
  expect_ids_after_refresh("01 ");
  assert_int_equal(usage().inotify_watches, 0);
  assert_false(usage().inotify_trusted);

  add_container("docker/" TEST_ID("02"));
  expect_ids_after_refresh("01 02 ");
  add_container("docker/" TEST_ID("01") "/" TEST_ID("03")); /* inside another one */
  expect_ids_after_refresh("01 02 03 ");
  remove_container("docker/" TEST_ID("01"));
  expect_ids_after_refresh("02 ");
  remove_container("docker");
  expect_ids_after_refresh("");
}

static void no_walk_is_done_while_nothing_changes(void **state)
{
  (void)state;
  add_container("docker/" TEST_ID("01"));
  open_cgroups(true);
  expect_ids_after_refresh("01 ");
  for (int i = 0; i < 10; i++)
    expect_ids_after_refresh("01 ");
  assert_int_equal(usage().walks_total, 1);
  assert_int_equal(usage().directories, 3);
}

static void a_new_cgroup_under_an_old_id_is_another_container(void **state)
{
  (void)state;
  for (int no_inotify = 0; no_inotify < 2; no_inotify++) {
    add_container("docker/" TEST_ID("01"));
    open_cgroups(no_inotify);
    expect_ids_after_refresh("01 ");
    uint64_t inode = last_container().inode, generation = mw_cgroups_generation(cgroups);

    /* the new one is made before the old one goes, so that it has an inode of its own */
    add_container("elsewhere");
    remove_container("docker/" TEST_ID("01"));
    assert_int_equal(rename(test_host_path(&host, TEST_HOST_V2 "elsewhere"),
                            test_host_path(&host, TEST_HOST_V2 "docker/" TEST_ID("01"))),
                     0);
    assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
    assert_string_equal(test_host_ids(cgroups), "01 ");
    assert_true(last_container().inode != inode);
    assert_true(mw_cgroups_generation(cgroups) > generation);
    mw_cgroups_close(cgroups);
    cgroups = NULL;
    remove_container("docker");
  }
}

/* ---- An inotify that misses changes ---- */

static void a_silent_inotify_is_found_out_and_not_trusted_any_more(void **state)
{
  (void)state;
  inotify_is_silent = true;
  add_container("docker/" TEST_ID("01"));
  open_cgroups(false);
  expect_ids_after_refresh("01 ");
  assert_true(usage().inotify_trusted);

  add_container("docker/" TEST_ID("02"));
  for (int i = 0; i < 3; i++)
    mw_cgroups_refresh(cgroups, NULL);
  assert_true(usage().inotify_trusted); /* its event may be on its way */
  clock_.now_monotonic_ns += 2 * MW_NS_PER_S;
  expect_ids_after_refresh("01 02 ");
  assert_false(usage().inotify_trusted);
  assert_non_null(strstr(problems, "inotify did not tell of a change in /docker"));

  remove_container("docker/" TEST_ID("01"));
  expect_ids_after_refresh("02 ");
}

static void a_change_that_inotify_tells_of_leaves_the_trust(void **state)
{
  (void)state;
  open_cgroups(false);
  for (int i = 0; i < 20; i++) {
    add_container("docker/" TEST_ID("01"));
    expect_ids_after_refresh("01 ");
    clock_.now_monotonic_ns += 2 * MW_NS_PER_S;
    expect_ids_after_refresh("01 ");
    remove_container("docker/" TEST_ID("01"));
    expect_ids_after_refresh("");
    clock_.now_monotonic_ns += 2 * MW_NS_PER_S;
    expect_ids_after_refresh("");
  }
  assert_true(usage().inotify_trusted);
  assert_int_equal(usage().walks_total, 1);
  assert_string_equal(problems, "");
}

static void sees_what_came_while_a_walk_threw_events_away(void **state)
{
  (void)state;
  add_container("docker/" TEST_ID("01"));
  open_cgroups(false);
  expect_ids_after_refresh("01 ");

  add_container("docker/" TEST_ID("01") "/" TEST_ID("02"));
  assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
  assert_string_equal(test_host_ids(cgroups), "01 02 ");
  assert_true(usage().inotify_trusted);
}

static void an_overflowing_queue_of_events_loses_nothing(void **state)
{
  char name[64];
  long queue_max = 16384;

  (void)state;
  FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
  if (file) {
    assert_int_equal(fscanf(file, "%ld", &queue_max), 1);
    fclose(file);
  }
  if (queue_max > 100000)
    skip();
  add_container("docker/" TEST_ID("01"));
  add_container("docker/" TEST_ID("02"));
  open_cgroups(false);
  expect_ids_after_refresh("01 02 ");
  test_host_mkdir(&host, TEST_HOST_V2 "docker/storm0");
  test_host_mkdir(&host, TEST_HOST_V2 "docker/storm1");
  for (long i = 0; i < queue_max / 2 + 100; i++) {
    snprintf(name, sizeof name, TEST_HOST_V2 "docker/storm%ld", i % 2);
    rmdir(test_host_path(&host, name));
    mkdir(test_host_path(&host, name), 0755);
  }
  remove_container("docker/" TEST_ID("01"));
  add_container("docker/" TEST_ID("02") "/" TEST_ID("03"));
  expect_ids_after_refresh("02 03 ");
  assert_true(usage().inotify_trusted);
  assert_int_equal(usage().walks_total, 2);
}

/* ---- One id in two places ---- */

static void of_two_directories_with_one_id_the_upper_one_counts(void **state)
{
  (void)state;
  for (int no_inotify = 0; no_inotify < 2; no_inotify++) {
    add_container("b/" TEST_ID("01"));
    add_container("a/below/docker-" TEST_ID("01") ".scope");
    open_cgroups(no_inotify);
    expect_ids_after_refresh("01 ");
    assert_string_equal(last_container().runtime, "");
    uint64_t generation = mw_cgroups_generation(cgroups);
    for (int i = 0; i < 3; i++)
      assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
    assert_string_equal(last_container().runtime, "");

    remove_container("b/" TEST_ID("01"));
    mw_cgroups_refresh(cgroups, NULL);
    expect_ids_after_refresh("01 ");
    assert_string_equal(last_container().runtime, "docker"); /* what the other path says */
    assert_true(mw_cgroups_generation(cgroups) > generation);
    mw_cgroups_close(cgroups);
    cgroups = NULL;
    remove_container("a");
  }
}

static void a_container_of_two_hierarchies_keeps_its_inode(void **state)
{
  (void)state;
  test_host_deinit(&host);
  test_host_init_hybrid(&host);
  open_cgroups(false);
  expect_ids_after_refresh("");

  /* version 1 first, which is walked last */
  test_host_mkdir(&host, "sys/fs/cgroup/pids/docker/" TEST_ID("01"));
  test_host_mkdir(&host, "sys/fs/cgroup/unified/docker/" TEST_ID("01"));
  expect_ids_after_refresh("01 ");
  uint64_t inode = last_container().inode;
  assert_int_equal(mw_cgroups_walk(cgroups, NULL), 0);
  assert_int_equal(last_container().inode, inode);

  /* the other side alone makes it another one, but it stays */
  test_host_remove(&host, "sys/fs/cgroup/unified/docker/" TEST_ID("01"));
  expect_ids_after_refresh("01 ");
  assert_true(last_container().inode != inode);
  test_host_remove(&host, "sys/fs/cgroup/pids/docker/" TEST_ID("01"));
  expect_ids_after_refresh("");
}

/* ---- What cannot be read, or is no cgroup ---- */

/* Root reads everything: be somebody else meanwhile. */
static void drop_rights(void)
{
  if (geteuid() == 0)
    assert_int_equal(seteuid(65534), 0);
}

static void regain_rights(void)
{
  assert_int_equal(seteuid(getuid()), 0);
}

static void what_cannot_be_listed_stays_known_and_is_reported(void **state)
{
  (void)state;
  add_container("pod1/" TEST_ID("01"));
  add_container("pod12/" TEST_ID("02"));
  open_cgroups(true);
  expect_ids_after_refresh("01 02 ");

  assert_int_equal(chmod(test_host_path(&host, TEST_HOST_V2 "pod1"), 0), 0);
  remove_container("pod12/" TEST_ID("02"));
  add_container("pod3/" TEST_ID("03"));
  drop_rights();
  int rc = mw_cgroups_walk(cgroups, NULL);
  regain_rights();
  chmod(test_host_path(&host, TEST_HOST_V2 "pod1"), 0755);
  assert_int_equal(rc, 0);
  assert_string_equal(test_host_ids(cgroups), "01 03 ");
  assert_non_null(strstr(problems, "cannot list "));
  assert_non_null(strstr(problems, "/pod1: Permission denied\n"));
}

static void a_hierarchy_that_cannot_be_listed_is_a_failure_until_it_can(void **state)
{
  struct mw_error err = {0};

  (void)state;
  add_container("docker/" TEST_ID("01"));
  open_cgroups(false);
  for (int known = 0; known < 2; known++) {
    assert_int_equal(chmod(test_host_path(&host, TEST_HOST_V2), 0), 0);
    drop_rights();
    for (int i = 0; i < 2; i++) {
      int rc = known && i == 0 ? mw_cgroups_walk(cgroups, &err) : mw_cgroups_refresh(cgroups, &err);
      assert_int_equal(rc, -EACCES);
      assert_non_null(strstr(err.text, "cannot list "));
    }
    regain_rights();
    assert_string_equal(test_host_ids(cgroups), known ? "01 " : "");
    chmod(test_host_path(&host, TEST_HOST_V2), 0755);
    expect_ids_after_refresh("01 ");
  }
}

static void one_hierarchy_of_two_is_enough(void **state)
{
  struct mw_error err = {.text = "untouched"};

  (void)state;
  test_host_deinit(&host);
  test_host_init_hybrid(&host);
  test_host_mkdir(&host, "sys/fs/cgroup/unified/docker/" TEST_ID("01"));
  open_cgroups(true);
  chmod(test_host_path(&host, "sys/fs/cgroup/pids"), 0);
  drop_rights();
  int rc = mw_cgroups_refresh(cgroups, &err);
  regain_rights();
  chmod(test_host_path(&host, "sys/fs/cgroup/pids"), 0755);
  assert_int_equal(rc, 0);
  assert_string_equal(err.text, "untouched");
  assert_non_null(strstr(problems, "/pids: Permission denied"));
  assert_string_equal(test_host_ids(cgroups), "01 ");
}

static void what_is_no_directory_is_no_container(void **state)
{
  (void)state;
  test_host_write(&host, TEST_HOST_V2 "docker/" TEST_ID("01"), "a file\n");
  assert_int_equal(mkfifo(test_host_path(&host, TEST_HOST_V2 "docker/" TEST_ID("02")), 0644), 0);
  assert_int_equal(symlink("..", test_host_path(&host, TEST_HOST_V2 "docker/" TEST_ID("03"))), 0);
  assert_int_equal(
      symlink(TEST_ID("04"), test_host_path(&host, TEST_HOST_V2 "docker/" TEST_ID("04"))), 0);
  add_container("docker/" TEST_ID("05"));
  open_cgroups(false);
  expect_ids_after_refresh("05 ");
  assert_int_equal(symlink("..", test_host_path(&host, TEST_HOST_V2 "docker/" TEST_ID("06"))), 0);
  add_container("docker/" TEST_ID("07"));
  expect_ids_after_refresh("05 07 ");
}

static void reads_a_listing_to_its_end(void **state)
{
  (void)state;
  for (char last = '1'; last <= '9'; last++) {
    char path[128] = "docker/" TEST_ID("00");
    path[strlen(path) - 1] = last;
    add_container(path);
  }
  answers_are_short = true;
  open_cgroups(false);
  expect_ids_after_refresh("01 02 03 04 05 06 07 08 09 ");
}

static void rests_without_inotify_once_a_change_was_seen(void **state)
{
  (void)state;
  open_cgroups(true);
  expect_ids_after_refresh("");
  add_container("docker/" TEST_ID("01"));
  expect_ids_after_refresh("01 ");
  uint64_t walks_total = usage().walks_total;
  expect_ids_after_refresh("01 ");
  expect_ids_after_refresh("01 ");
  assert_int_equal(usage().walks_total, walks_total);
}

/* ---- Cgroups that vanish while they are walked ---- */

static void remove_a_neighbour(const char *name)
{
  remove_container(strcmp(name, TEST_ID("01")) == 0 ? "docker/" TEST_ID("02")
                                                    : "docker/" TEST_ID("01"));
}

/* Knows all ids, and removes another container as soon as it has seen one. */
static bool recognize_and_remove(const char *parent_path, const char *name,
                                 struct mw_cgroup_container *out)
{
  static bool removed;

  (void)parent_path;
  if (strlen(name) != 64)
    return false;
  *out = (struct mw_cgroup_container){0};
  strcpy(out->id, name);
  if (!removed) {
    removed = true;
    remove_a_neighbour(name);
  }
  return true;
}

static void cgroups_that_vanish_during_a_walk_are_no_failure(void **state)
{
  static mw_cgroup_recognizer *const recognizers[] = {recognize_and_remove, NULL};

  (void)state;
  add_container("docker/" TEST_ID("01") "/inside");
  add_container("docker/" TEST_ID("02") "/inside");
  cgroups = test_host_open(
      &host, (struct mw_cgroups_config){.recognizers = recognizers, .on_problem = note_problem});
  assert_int_equal(mw_cgroups_refresh(cgroups, NULL), 0);
  assert_string_equal(problems, "");
  assert_int_equal(mw_cgroups_refresh(cgroups, NULL), 0);
  assert_int_equal(usage().containers, 1);
}

static bool stop_at_second(void *data, const struct mw_cgroup_container *container)
{
  (void)container;
  return ++*(int *)data < 2;
}

static void visits_no_further_than_it_is_told(void **state)
{
  int visits = 0;

  (void)state;
  for (int i = 1; i <= 3; i++) {
    char path[128];
    snprintf(path, sizeof path, "docker/%062d%02d", 0, i);
    add_container(path);
  }
  open_cgroups(false);
  expect_ids_after_refresh("01 02 03 ");
  assert_int_equal(mw_cgroups_each(cgroups, stop_at_second, &visits, NULL), 0);
  assert_int_equal(visits, 2);
}

static void everything_is_listed_anew_when_the_last_walk_is_old(void **state)
{
  (void)state;
  inotify_is_silent = true;
  open_cgroups(false);
  expect_ids_after_refresh("");
  clock_.now_monotonic_ns += 300 * MW_NS_PER_S;
  expect_ids_after_refresh("");
  assert_int_equal(usage().walks_total, 1);
  clock_.now_monotonic_ns += 1;
  expect_ids_after_refresh("");
  assert_int_equal(usage().walks_total, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_v2, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(finds_what_comes_and_goes_by_link_counts_alone),
      TEST(no_walk_is_done_while_nothing_changes),
      TEST(reads_a_listing_to_its_end),
      TEST(rests_without_inotify_once_a_change_was_seen),
      TEST(a_new_cgroup_under_an_old_id_is_another_container),
      TEST(a_silent_inotify_is_found_out_and_not_trusted_any_more),
      TEST(a_change_that_inotify_tells_of_leaves_the_trust),
      TEST(sees_what_came_while_a_walk_threw_events_away),
      TEST(an_overflowing_queue_of_events_loses_nothing),
      TEST(of_two_directories_with_one_id_the_upper_one_counts),
      TEST(a_container_of_two_hierarchies_keeps_its_inode),
      TEST(what_cannot_be_listed_stays_known_and_is_reported),
      TEST(a_hierarchy_that_cannot_be_listed_is_a_failure_until_it_can),
      TEST(one_hierarchy_of_two_is_enough),
      TEST(what_is_no_directory_is_no_container),
      TEST(cgroups_that_vanish_during_a_walk_are_no_failure),
      TEST(visits_no_further_than_it_is_told),
      TEST(everything_is_listed_anew_when_the_last_walk_is_old),
  };

  return cmocka_run_group_tests_name("core/cgroup/tree", tests, NULL, NULL);
}
