/*
 * Inside of a pid namespace of its own, as in a container, and behind hidepid=2, where processes of
 * other users are as if they were not there.
 * Needs root (CAP_SYS_ADMIN); skipped elsewhere.
 */
#include "test_proc.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#define NOBODY 65534
#define PIDS_OF(...)                                                                               \
  (struct mw_pids)                                                                                 \
  {                                                                                                \
    .pids = (int32_t[]){__VA_ARGS__}, .count = sizeof((int32_t[]){__VA_ARGS__}) / sizeof(int32_t)  \
  }

/* Exit codes of the processes that stand in for a test. */
enum { FINE, NOT_PERMITTED = 77 };

/* What @p work returns in a process of @p user, in a namespace where process 1 and 2 are root's and
 * stay. It must not use assertions: these would be lost in there. */
static int in_namespace(const char *proc_options, uid_t user, int (*work)(void))
{
  int status;

  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
      _exit(NOT_PERMITTED);
    pid_t first = fork();
    if (first == 0) {
      if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
          mount("proc", "/proc", "proc", 0, proc_options) < 0)
        _exit(NOT_PERMITTED);
      if (fork() == 0)
        for (;;)
          pause();
      pid_t worker = fork();
      if (worker == 0)
        _exit(setgid(user) == 0 && setuid(user) == 0 ? work() : NOT_PERMITTED);
      waitpid(worker, &status, 0);
      _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1); /* and with it all in the namespace */
    }
    waitpid(first, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
  }
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void run(const char *proc_options, uid_t user, int (*work)(void))
{
  int code = in_namespace(proc_options, user, work);

  if (code == NOT_PERMITTED)
    skip();
  assert_int_equal(code, FINE);
}

/* @return FINE, or the line in which something was not as it should be. */
#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition))                                                                              \
      return fprintf(stderr, "line %d: %s\n", __LINE__, #condition), 1;                            \
  } while (0)

static int count_hidden(void)
{
  struct mw_process_totals totals;
  struct mw_proc *proc = mw_proc_open(&(struct mw_proc_config){0}, NULL);

  CHECK(proc);
  CHECK(mw_proc_totals(proc, &PIDS_OF(2), &totals, NULL) == 0);
  CHECK(totals.processes_count == 1);
  CHECK(!totals.threads_present && !totals.open_files_present && !totals.zombies_present);
  CHECK(mw_proc_totals(proc, &PIDS_OF(2, getpid()), &totals, NULL) == 0);
  CHECK(totals.processes_count == 2);
  CHECK(!totals.threads_present && totals.open_files_present);
  CHECK(totals.zombies_present && totals.zombies_count == 0);
  mw_proc_close(proc);
  return FINE;
}

static void processes_that_are_hidden_count(void **state)
{
  (void)state;
  run("hidepid=2", NOBODY, count_hidden);
}

static int ask_for_hidden(void)
{
  struct mw_network_sample sample = {0};
  struct test_finder finder = {.pids = {2}};
  struct mw_error err = {0};
  struct mw_proc *proc = mw_proc_open(&(struct mw_proc_config){0}, NULL);

  CHECK(proc);
  CHECK(mw_proc_network(proc, "abc", 0, test_proc_find, &finder, &sample, &err) == -EACCES);
  CHECK(strstr(err.text, "hidepid") && strstr(err.text, "CAP_SYS_PTRACE"));
  finder.pids[1] = getpid();
  CHECK(mw_proc_network(proc, "abc", 0, test_proc_find, &finder, &sample, &err) == 0 ||
        err.code == ENODATA); /* where the host has no interface but lo */
  mw_network_sample_deinit(&sample);
  mw_proc_close(proc);
  return FINE;
}

static void a_network_behind_hidden_processes_says_so(void **state)
{
  (void)state;
  run("hidepid=2", NOBODY, ask_for_hidden);
}

/* As in a container that has no other /proc: process 1 is its own, in the same cgroup. */
static int ask_for_own_network(void)
{
  struct mw_network_sample sample = {0};
  struct test_finder finder = {.pids = {getpid()}};
  struct mw_proc *proc = mw_proc_open(&(struct mw_proc_config){0}, NULL);

  CHECK(proc);
  int rc = mw_proc_network(proc, "abc", 0, test_proc_find, &finder, &sample, NULL);
  CHECK(rc == 0 || rc == -ENODATA);
  CHECK(sample.namespace_id != 0);
  CHECK(sample.host_network == MW_HOST_NETWORK_UNKNOWN);
  mw_network_sample_deinit(&sample);
  mw_proc_close(proc);
  return FINE;
}

static void the_first_process_of_a_container_is_not_the_hosts(void **state)
{
  (void)state;
  run(NULL, 0, ask_for_own_network);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(processes_that_are_hidden_count),
      cmocka_unit_test(a_network_behind_hidden_processes_says_so),
      cmocka_unit_test(the_first_process_of_a_container_is_not_the_hosts),
  };

  return cmocka_run_group_tests_name("core/proc in pid namespaces", tests, NULL, NULL);
}
