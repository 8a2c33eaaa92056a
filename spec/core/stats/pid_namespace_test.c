/*
 * In a pid namespace of its own with the /proc of another one, as in a container below /host: what
 * cgroup.procs calls 1 is not what that /proc calls 1.
 * Needs root (CAP_SYS_ADMIN); skipped elsewhere.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/stats/local_host.h"

enum { FINE, WRONG, NOT_PERMITTED = 77 };

static const struct mw_container_ref one = {.id = LOCAL_ID("01"), .runtime = "docker"};
static struct local_host host;

/* Opened as always, but for the /proc of this machine. */
static int open_with_real_proc(void)
{
  struct mw_error err;

  host.without_proc = true;
  if (local_host_open(&host, &err) < 0)
    return -1;
  mw_stats_free(host.stats);
  mw_stats_cgroup_source_free(host.source);
  host.proc = mw_proc_open(&(struct mw_proc_config){.proc_root = "/proc"}, NULL);
  const struct mw_stats_cgroup_config source_config = {
      .cgroups = host.cgroups, .proc = host.proc, .host = host.host};
  host.source = host.proc ? mw_stats_cgroup_source_new(&source_config, NULL) : NULL;
  host.stats = mw_stats_new(&(struct mw_stats_config){0}, NULL);
  if (!host.source || !host.stats)
    return -1;
  const struct mw_stats_collector collector = mw_stats_cgroup_collector(host.source);
  return mw_stats_add_collector(host.stats, &collector, NULL);
}

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition))                                                                              \
      return fprintf(stderr, "line %d: %s\n", __LINE__, #condition), WRONG;                        \
  } while (0)

/* As process 1 of its namespace, which cgroup.procs says is in the container. */
static int ask(void)
{
  struct mw_process_sample processes = {0};
  struct mw_network_sample network = {0};
  struct mw_error err;

  CHECK(getpid() == 1);
  CHECK(open_with_real_proc() == 0);
  CHECK(mw_stats_processes(host.stats, &one, 0, &processes, &err) == 0);
  CHECK(processes.pids.count == 0 && processes.pids.hidden_count == 1);
  CHECK(processes.totals.processes_count == 1 && !processes.totals.threads_present);
  CHECK(mw_stats_network(host.stats, &one, 0, &network, &err) == -ENOENT);
  CHECK(strstr(err.text, "can be seen from this pid namespace"));
  local_host_close(&host);
  return FINE;
}

static void ids_of_one_namespace_are_not_looked_up_in_another(void **state)
{
  int status;

  (void)state;
  local_host_init(&host);
  local_host_write(&host, LOCAL_CGROUP("01") "/cgroup.procs", "1\n");
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (unshare(CLONE_NEWPID) < 0)
      _exit(NOT_PERMITTED);
    pid_t first = fork();
    if (first == 0)
      _exit(ask());
    waitpid(first, &status, 0);
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : WRONG);
  }
  waitpid(child, &status, 0);
  local_host_remove(&host);
  assert_true(WIFEXITED(status));
  if (WEXITSTATUS(status) == NOT_PERMITTED)
    skip();
  assert_int_equal(WEXITSTATUS(status), FINE);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ids_of_one_namespace_are_not_looked_up_in_another),
  };

  return cmocka_run_group_tests_name("core/stats in a pid namespace", tests, NULL, NULL);
}
