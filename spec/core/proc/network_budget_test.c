/* What is kept of network namespaces, for how long, and what is done without: without room for
 * descriptors, without rights. */
#include "test_network.h"

#include <sys/stat.h>
#include <sys/wait.h>

/* ---- Budget and forgetting ---- */

static void what_is_over_the_budget_is_opened_each_time(void **state)
{
  struct test_finder first = {.pids = {12}}, second = {.pids = {13}};
  size_t files_before = test_proc_open_files();

  (void)state;
  mw_proc_close(proc);
  proc = test_proc_open(&host, (struct mw_proc_config){.kept_files_max = 1});
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 6, 700);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(rcvd("abc", &first), 500);
    assert_int_equal(rcvd("def", &second), 700);
  }
  assert_int_equal(first.calls + second.calls, 2);
  assert_int_equal(test_proc_usage(proc).kept_files, 1);
  assert_int_equal(test_proc_usage(proc).kept_files_max, 1);
  assert_int_equal(test_proc_open_files(), files_before + 1);
  /* another process under the id, and another namespace, are noticed each time */
  test_proc_stat(&host, 13, 'S', 1, 101);
  second.pids[0] = 0;
  assert_int_equal(network("def", 0, &second), -ENOENT);
}

static void what_is_not_kept_is_not_read_in_another_namespace(void **state)
{
  struct test_finder keeper = {.pids = {12}}, mover = {.pids = {13}};

  (void)state;
  mw_proc_close(proc);
  proc = test_proc_open(&host, (struct mw_proc_config){.kept_files_max = 1});
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 6, 700);
  rcvd("abc", &keeper);
  rcvd("def", &mover);
  test_proc_enter(&host, 13, 7);
  test_proc_rcvd(&host, 13, 1);
  assert_int_equal(rcvd("def", &mover), 1);
  assert_int_equal(sample.namespace_id, 7);
  assert_int_equal(mover.calls, 2);
}

static void the_number_of_a_namespace_that_is_not_held_may_be_used_again(void **state)
{
  struct test_finder keeper = {.pids = {12}}, first = {.pids = {13}}, second = {.pids = {14}};

  (void)state;
  mw_proc_close(proc);
  proc = test_proc_open(&host, (struct mw_proc_config){.kept_files_max = 1});
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 6, 700);
  rcvd("abc", &keeper);
  rcvd("def", &first);
  test_proc_remove(&host, 13);
  test_proc_add(&host, 14, 6, 1);
  assert_int_equal(network("ghi", MW_NS_PER_S, &second), 0);
  assert_int_equal(sample.values[MW_NETWORK_RCVD_BYTES], 1);
}

static void kept_files_are_out_of_the_way_of_select(void **state)
{
  struct test_finder finder = {.pids = {12}};
  int low_before = open("/dev/null", O_RDONLY), low_after;

  (void)state;
  close(low_before);
  test_proc_add(&host, 12, 5, 500);
  rcvd("abc", &finder);
  low_after = open("/dev/null", O_RDONLY);
  close(low_after);
  assert_int_equal(low_after, low_before);
  assert_true(fcntl(1024, F_GETFD) >= 0);
}

static void sweeping_closes_what_the_dead_held(void **state)
{
  struct test_finder first = {.pids = {12}}, second = {.pids = {13}};
  size_t files_before = test_proc_open_files();

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 5, 500);
  rcvd("abc", &first);
  rcvd("def", &second);
  mw_proc_sweep(proc);
  test_proc_remove(&host, 12);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).witnesses, 1);
  assert_int_equal(test_proc_usage(proc).namespaces, 1); /* another is in it */
  assert_int_equal(test_proc_open_files(), files_before + 1);
  test_proc_remove(&host, 13);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).witnesses, 0);
  assert_int_equal(test_proc_usage(proc).namespaces, 0);
  assert_int_equal(test_proc_open_files(), files_before);
}

static void containers_that_nobody_asks_for_are_forgotten(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  rcvd("abc", &finder);
  rcvd("def", &finder);
  pass_s(200);
  rcvd("abc", &finder);
  pass_s(101);
  rcvd("ghi", &finder); /* by the way */
  assert_int_equal(test_proc_usage(proc).witnesses, 2);
  pass_s(301);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).witnesses, 0);
  assert_int_equal(test_proc_usage(proc).kept_files, 0);
}

/* ---- Rights ---- */

/* In a child without root's rights: 0 when the message is as expected. */
static int look_without_rights(struct test_finder *finder, const char *expected)
{
  pid_t child = fork();
  int status;

  if (child == 0) {
    if (setresuid(65534, 65534, 65534) < 0)
      _exit(2);
    int rc = network("abc", 0, finder);
    _exit(expected ? rc != -EACCES || !strstr(err.text, expected) : rc != 0);
  }
  waitpid(child, &status, 0);
  return status;
}

static void what_is_not_permitted_is_told_with_the_cure(void **state)
{
  struct test_finder finder = {.pids = {12, 13}};

  (void)state;
  if (geteuid() != 0)
    skip(); /* only root can give its rights away */
  assert_int_equal(chmod(host.root, 0755), 0);
  test_proc_add(&host, 12, 5, 500);
  assert_int_equal(chmod(test_proc_path(&host, 12, "net/dev"), 0600), 0);
  assert_int_equal(look_without_rights(&finder, "/12/net/dev: Permission denied (it takes root, or "
                                                "CAP_SYS_PTRACE)"),
                   0);
  test_proc_add(&host, 13, 6, 700); /* the next one will do */
  assert_int_equal(look_without_rights(&finder, NULL), 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      ON_A_FOLDER(what_is_over_the_budget_is_opened_each_time),
      ON_A_FOLDER(what_is_not_kept_is_not_read_in_another_namespace),
      ON_A_FOLDER(the_number_of_a_namespace_that_is_not_held_may_be_used_again),
      ON_A_FOLDER(kept_files_are_out_of_the_way_of_select),
      ON_A_FOLDER(sweeping_closes_what_the_dead_held),
      ON_A_FOLDER(containers_that_nobody_asks_for_are_forgotten),
      ON_A_FOLDER(what_is_not_permitted_is_told_with_the_cure),
  };

  return cmocka_run_group_tests_name("core/proc/network, kept", tests, NULL, NULL);
}
