/* The processes of a container and of what is inside of it. */
#include "test_host.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#define ID TEST_ID("01")
#define CGROUP TEST_HOST_V2 "docker/" ID "/"

static struct test_host host;
static struct mw_cgroups *cgroups;
static struct mw_pids pids;

static int set_up(void **state)
{
  (void)state;
  test_host_init_v2(&host);
  test_host_write(&host, CGROUP "cgroup.procs", "30\n10\n20\n");
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  mw_cgroups_close(cgroups);
  cgroups = NULL;
  mw_pids_deinit(&pids);
  test_host_deinit(&host);
  return 0;
}

/* "10 20 30", and " +2" when two are hidden; valid until the next call. */
static const char *processes(void)
{
  static char text[4096];
  struct mw_error err = {0};
  size_t used = 0;

  if (!cgroups)
    cgroups = test_host_open(&host, (struct mw_cgroups_config){0});
  if (mw_cgroups_processes(cgroups, ID, &pids, &err) < 0)
    fail_msg("%s", err.text);
  text[0] = '\0';
  for (size_t i = 0; i < pids.count; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", i ? " " : "", pids.pids[i]);
  if (pids.hidden_count > 0)
    snprintf(text + used, sizeof text - used, " +%zu", pids.hidden_count);
  return text;
}

static void expect_failure(int code, const char *message)
{
  struct mw_error err = {0};

  if (!cgroups)
    cgroups = test_host_open(&host, (struct mw_cgroups_config){0});
  assert_int_equal(mw_cgroups_processes(cgroups, ID, &pids, &err), -code);
  assert_int_equal(err.code, code);
  if (!strstr(err.text, message))
    fail_msg("%s", err.text);
}

static void lists_those_of_all_sub_cgroups_sorted_and_each_once(void **state)
{
  (void)state;
  assert_string_equal(processes(), "10 20 30");
  test_host_write(&host, CGROUP "init.scope/cgroup.procs", "5\n20\n");
  test_host_write(&host, CGROUP "system.slice/a.service/cgroup.procs", "7\n");
  test_host_write(&host, CGROUP "system.slice/cgroup.procs", "");
  test_host_write(&host, CGROUP TEST_ID("02") "/cgroup.procs", "2147483647\n");
  test_host_write(&host, TEST_HOST_V2 "docker/cgroup.procs", "1\n");
  assert_string_equal(processes(), "5 7 10 20 30 2147483647");
}

static void counts_those_that_are_out_of_sight(void **state)
{
  (void)state;
  test_host_write(&host, CGROUP "cgroup.procs", "0\n0\n12\n");
  test_host_write(&host, CGROUP "inner/cgroup.procs", "0\n");
  assert_string_equal(processes(), "12 +3");
  test_host_write(&host, CGROUP "cgroup.procs", "");
  assert_string_equal(processes(), " +1");
}

static void goes_on_without_a_sub_cgroup_that_vanishes(void **state)
{
  (void)state;
  test_host_mkdir(&host, CGROUP "going");
  test_host_write(&host, CGROUP "stays/cgroup.procs", "4\n");
  assert_string_equal(processes(), "4 10 20 30");
}

static void refuses_what_is_no_list_of_process_ids(void **state)
{
  static const struct {
    const char *text, *message;
  } examples[] = {
      {"10\nx\n", "cgroup.procs has a line that is not a process id: \"x\""},
      {"-1\n", "is not a process id"},
      {"2147483648\n", "is not a process id"},
      {"\n", "is not a process id"},
      {"10\n11", "cgroup.procs is cut in the middle of a line"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    test_host_write(&host, CGROUP "cgroup.procs", examples[i].text);
    expect_failure(EBADMSG, examples[i].message);
    test_host_write(&host, CGROUP "cgroup.procs", "10\n");
    test_host_write(&host, CGROUP "inner/cgroup.procs", examples[i].text);
    expect_failure(EBADMSG, examples[i].message);
    test_host_remove(&host, CGROUP "inner");
  }
  assert_string_equal(processes(), "10"); /* the list serves again */
}

static void refuses_a_list_without_end(void **state)
{
  (void)state;
  FILE *file = fopen(test_host_path(&host, CGROUP "cgroup.procs"), "w");
  assert_non_null(file);
  for (int i = 0; i < 150000; i++)
    fprintf(file, "1234567\n");
  assert_int_equal(fclose(file), 0);
  expect_failure(EMSGSIZE, "larger than the limit of 1048576 bytes");
}

static void says_that_a_container_is_gone_or_unknown(void **state)
{
  struct mw_error err = {0};

  (void)state;
  assert_string_equal(processes(), "10 20 30");
  test_host_remove(&host, CGROUP);
  expect_failure(ENOENT, "container " ID " is gone");
  expect_failure(ENOENT, "no cgroup of a container has the id " ID);
  assert_int_equal(mw_cgroups_processes(cgroups, "unknown", &pids, &err), -ENOENT);
}

static void takes_another_hierarchy_where_one_cannot_be_read(void **state)
{
  (void)state;
  test_host_deinit(&host);
  test_host_init_hybrid(&host);
  test_host_mkdir(&host, "sys/fs/cgroup/pids/docker/" ID);
  expect_failure(ENOENT, "cgroup.procs");
  test_host_write(&host, "sys/fs/cgroup/unified/docker/" ID "/cgroup.procs", "8\n");
  test_host_write(&host, "sys/fs/cgroup/unified/docker/" ID "/in/cgroup.procs", "9\n");
  mw_cgroups_close(cgroups);
  cgroups = NULL;
  assert_string_equal(processes(), "8 9");
}

/* ---- The cgroups of this machine ---- */

static char real_path[512], real_inner[600];
static pid_t child;

static void enter(const char *path)
{
  char name[700];

  snprintf(name, sizeof name, "%s/cgroup.procs", path);
  FILE *file = fopen(name, "w");
  if (file) {
    fprintf(file, "0\n");
    fclose(file);
  }
}

static int remove_real(void **state)
{
  (void)state;
  if (child > 0) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  child = 0;
  for (int tries = 0; *real_inner && rmdir(real_inner) < 0 && errno == EBUSY && tries < 100000;)
    tries++;
  if (*real_path)
    rmdir(real_path);
  *real_path = *real_inner = '\0';
  mw_cgroups_close(cgroups);
  cgroups = NULL;
  mw_pids_deinit(&pids);
  return 0;
}

static void lists_a_process_in_a_sub_cgroup_of_this_machine(void **state)
{
  struct mw_controller_info controller;
  struct mw_error err = {0};
  char id[65], byte;
  int ready[2];

  (void)state;
  cgroups = mw_cgroups_open(&(struct mw_cgroups_config){0}, NULL);
  if (!cgroups)
    skip(); /* no cgroups here */
  mw_cgroups_controller(cgroups, MW_CONTROLLER_PIDS, &controller);
  snprintf(id, sizeof id, "%064x", (unsigned)getpid());
  if (controller.version == 0)
    skip();
  snprintf(real_path, sizeof real_path, "%s/%s", controller.mount_path, id);
  snprintf(real_inner, sizeof real_inner, "%s/init.scope", real_path);
  if (mkdir(real_path, 0755) < 0 || mkdir(real_inner, 0755) < 0) {
    *real_inner = '\0';
    skip(); /* no right to make a cgroup */
  }
  assert_int_equal(mw_cgroups_processes(cgroups, id, &pids, &err), 0);
  assert_int_equal(pids.count, 0);
  assert_int_equal(pipe(ready), 0);
  child = fork();
  if (child == 0) {
    enter(real_inner);
    close(ready[0]);
    close(ready[1]);
    pause();
    _exit(0);
  }
  close(ready[1]);
  assert_int_equal(read(ready[0], &byte, 1), 0);
  close(ready[0]);
  assert_int_equal(mw_cgroups_processes(cgroups, id, &pids, &err), 0);
  assert_int_equal(pids.count, 1);
  assert_int_equal(pids.pids[0], child);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(lists_those_of_all_sub_cgroups_sorted_and_each_once),
      TEST(counts_those_that_are_out_of_sight),
      TEST(goes_on_without_a_sub_cgroup_that_vanishes),
      TEST(refuses_what_is_no_list_of_process_ids),
      TEST(refuses_a_list_without_end),
      TEST(says_that_a_container_is_gone_or_unknown),
      TEST(takes_another_hierarchy_where_one_cannot_be_read),
      cmocka_unit_test_teardown(lists_a_process_in_a_sub_cgroup_of_this_machine, remove_real),
  };

  return cmocka_run_group_tests_name("core/cgroup/processes", tests, NULL, NULL);
}
