/* One struct mw_proc, many threads: they read, count, list and sweep at once, while processes come
 * and go. For the thread checker. */
#include "test_proc.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define READERS 4
#define READINGS 300
#define CONTAINERS 6
#define MORTALS 2 /* of the containers: their processes die now and then */

static struct mw_proc *proc;
static _Atomic pid_t pids[CONTAINERS];
static atomic_bool is_done;

static pid_t start(void)
{
  pid_t child = fork();

  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
      pause();
  }
  return child;
}

static int find(void *data, struct mw_pids *out, struct mw_error *err)
{
  return mw_pids_append(out, (int32_t) * (_Atomic pid_t *)data, err);
}

static void *read_on(void *data)
{
  struct mw_network_sample sample = {0};
  int *wrong_total = data;

  for (int i = 0; i < READINGS; i++) {
    size_t which = (size_t)i % CONTAINERS;
    char id[8];
    snprintf(id, sizeof id, "c%zu", which);
    int rc = mw_proc_network(proc, id, i % 2 ? MW_NS_PER_MS : 0, find, &pids[which], &sample, NULL);
    if (rc != 0 && rc != -ENODATA && !(rc == -ENOENT && which < MORTALS))
      ++*wrong_total;
  }
  mw_network_sample_deinit(&sample);
  return NULL;
}

static bool count_visit(void *data, int32_t pid)
{
  *(size_t *)data += pid > 0;
  return true;
}

static void *sweep_on(void *data)
{
  int *wrong_total = data;

  while (!is_done) {
    int32_t own = (int32_t)getpid();
    struct mw_pids list = {.pids = &own, .count = 1};
    struct mw_process_totals totals;
    struct mw_proc_usage usage;
    size_t visits = 0;
    mw_proc_sweep(proc);
    mw_proc_usage(proc, &usage);
    if (usage.kept_files > 5 || mw_proc_totals(proc, &list, &totals, NULL) < 0 ||
        totals.processes_count != 1 || mw_proc_each(proc, count_visit, &visits, NULL) < 0 ||
        visits < CONTAINERS - MORTALS)
      ++*wrong_total;
  }
  return NULL;
}

static void *kill_on(void *data)
{
  for (size_t i = 0; !is_done; i++) {
    pid_t old = pids[i % MORTALS];
    pids[i % MORTALS] = start();
    kill(old, SIGKILL);
    waitpid(old, NULL, 0);
  }
  return data;
}

static void readers_sweeps_and_deaths_get_along(void **state)
{
  pthread_t readers[READERS], sweeper, killer;
  int wrong[READERS] = {0}, wrong_sweeps = 0;

  (void)state;
  proc = mw_proc_open(&(struct mw_proc_config){.kept_files_max = 5}, NULL);
  assert_non_null(proc);
  for (size_t i = 0; i < CONTAINERS; i++)
    pids[i] = start();
  assert_int_equal(pthread_create(&sweeper, NULL, sweep_on, &wrong_sweeps), 0);
  assert_int_equal(pthread_create(&killer, NULL, kill_on, NULL), 0);
  for (size_t i = 0; i < READERS; i++)
    assert_int_equal(pthread_create(&readers[i], NULL, read_on, &wrong[i]), 0);
  for (size_t i = 0; i < READERS; i++) {
    pthread_join(readers[i], NULL);
    assert_int_equal(wrong[i], 0);
  }
  is_done = true;
  pthread_join(sweeper, NULL);
  pthread_join(killer, NULL);
  assert_int_equal(wrong_sweeps, 0);
  for (size_t i = 0; i < CONTAINERS; i++) {
    kill(pids[i], SIGKILL);
    waitpid(pids[i], NULL, 0);
  }
  mw_proc_sweep(proc);
  mw_proc_sweep(proc); /* those without a pidfd were seen alive after the last sweep */
  assert_int_equal(test_proc_usage(proc).witnesses, 0);
  assert_int_equal(test_proc_usage(proc).kept_files, 0);
  mw_proc_close(proc);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_sweeps_and_deaths_get_along),
  };

  return cmocka_run_group_tests_name("core/proc with threads", tests, NULL, NULL);
}
