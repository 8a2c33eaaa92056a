/*
 * What the budget of a run costs beside the run: the timers of CPU time and of time that are set
 * and cleared for each, and a run of container_rt at made-up containers. In turn, in CPU time of
 * the thread, medians. tools/bench --daemon runs it; docs/benchmarks.md explains.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "containers.h"
#include "script/script.h"
#include "timing.h"

#define ROUNDS 300
#define CALLS 100 /* in a row: one alone is too short for the clock */
#define WALL_MS 10000
#define CPU_MS 1000

#ifndef BENCH_SCRIPT_DIRS
#error "the build says where the scripts are"
#endif

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
  stop = number;
}

static int do_nothing(lua_State *L)
{
  (void)L;
  return 0;
}

static int64_t time_calls(struct mw_script *script, int64_t wall_ms, int64_t cpu_ms)
{
  mw_script_limit_cpu(script, cpu_ms);
  int64_t before_ns = bench_cpu_ns();
  for (int i = 0; i < CALLS; i++)
    mw_script_call(script, do_nothing, NULL, wall_ms, NULL);
  return (bench_cpu_ns() - before_ns) / CALLS;
}

static int measure_rounds(struct bench_agent *agent, struct mw_script *script, struct mw_error *err)
{
  static struct bench_samples with, without, runs;

  for (int i = 0; !stop && i < ROUNDS; i++) {
    bench_samples_add(&without, time_calls(script, 0, 0), 1);
    bench_samples_add(&with, time_calls(script, WALL_MS, CPU_MS), 1);
    int64_t before_ns = bench_cpu_ns();
    if (bench_agent_run(agent, BENCH_WHOLE, err) < 0)
      return -err->code;
    bench_samples_add(&runs, bench_cpu_ns() - before_ns, 1);
  }
  /* A run here is one of two sources and one of the check, and each of the three has a budget. */
  double budget_ns = bench_samples_median_ns(&with) - bench_samples_median_ns(&without);
  double run_ns = bench_samples_median_ns(&runs);
  printf("a budget costs %.2f us, container_rt at %zu containers with its sources %.0f us: "
         "three budgets are %.2f %% of it\n",
         budget_ns / 1e3, agent->ids_count, run_ns / 1e3, 300 * budget_ns / run_ns);
  return 0;
}

static int measure(const struct bench_containers *containers, struct mw_error *err)
{
  static const char *const script_dirs[] = {BENCH_SCRIPT_DIRS, NULL};
  const struct bench_agent_config config = {.pace = &bench_paces[BENCH_CONTAINER_RT],
                                            .script_dirs = script_dirs};
  struct bench_agent agent;

  if (bench_containers_isolate(containers, err) < 0)
    return -err->code;
  struct mw_script *script = mw_script_new(&(struct mw_script_config){.name = "empty"}, err);
  int rc = script ? bench_agent_open(&agent, &config, err) : -err->code;
  if (rc == 0)
    rc = bench_agent_warm_up(&agent, err);
  if (rc == 0)
    rc = measure_rounds(&agent, script, err);
  if (script)
    bench_agent_close(&agent);
  mw_script_free(script);
  return rc;
}

static int measure_apart(const struct bench_containers *containers)
{
  struct mw_error err;
  int status = 0;

  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    int rc = measure(containers, &err);
    if (rc < 0)
      fprintf(stderr, "budget: %s\n", err.text);
    exit(rc < 0 ? 1 : 0);
  }
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
    kill(pid, SIGTERM);
  return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
  struct sigaction action = {.sa_handler = on_signal};
  struct bench_containers containers;
  struct mw_error err;
  size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
  int code = 1;

  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  if (count == 0 || bench_containers_init(&containers, &err) < 0) {
    fprintf(stderr, "budget: %s\n", count == 0 ? "how many containers?" : err.text);
    return 1;
  }
  if (bench_containers_make(&containers, count, &stop, &err) < 0)
    fprintf(stderr, "budget: %s\n", err.text);
  else
    code = measure_apart(&containers);
  if (bench_containers_remove(&containers, &err) < 0) {
    fprintf(stderr, "budget: %s\n", err.text);
    code = 1;
  }
  bench_containers_deinit(&containers);
  return code;
}
