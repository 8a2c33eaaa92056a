#include "measure.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "timing.h"

#define ROUNDS_MIN BENCH_PERIOD
#define EVICT_BYTES ((size_t)96 << 20)
#define DEFAULT_BUDGET_ROUNDS 15

struct bench {
  const struct bench_measure_config *config;
  struct bench_result *out;
  struct bench_reads reads;
  struct bench_floor floor;
  struct bench_agent agent;
  struct bench_samples floor_samples, works[BENCH_WORK_COUNT], unchanged, walk;
  unsigned char *evict; /* NULL unless cold */
};

/* ---- Preparing ---- */

/* All on one CPU: what the floor left in its caches the agent finds, and the other way round. */
static void stay_on_this_cpu(void)
{
  cpu_set_t set;
  int cpu = sched_getcpu();

  if (cpu < 0)
    return;
  CPU_ZERO(&set);
  CPU_SET((unsigned)cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static uint32_t descriptors_max(void)
{
  struct rlimit files;

  return getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < UINT32_MAX / 2
             ? (uint32_t)files.rlim_cur
             : UINT32_MAX / 2;
}

static int record(struct bench *bench, struct mw_error *err)
{
  struct bench_agent_config config = {.script_dirs = bench->config->script_dirs,
                                      .kept_files_max = descriptors_max(),
                                      .reads = &bench->reads};
  int rc = bench_agent_open(&bench->agent, &config, err);

  if (rc == 0)
    rc = bench_agent_warm_up(&bench->agent, err);
  for (size_t i = 0; rc == 0 && i < 2 * BENCH_PERIOD; i++) {
    bench->reads.recording = &bench->reads.lists[i];
    rc = bench_agent_run(&bench->agent, BENCH_GATHER, err);
  }
  bench->reads.recording = NULL;
  bench_agent_close(&bench->agent);
  return rc == 0 ? bench_reads_check(&bench->reads, err) : rc;
}

/* An agent at the same place in its period as the one that was recorded. */
static int open_agent(struct bench *bench, uint32_t kept_files_max, struct mw_error *err)
{
  struct bench_agent_config config = {
      .script_dirs = bench->config->script_dirs, .kept_files_max = kept_files_max, .parts = true};
  int rc = bench_agent_open(&bench->agent, &config, err);

  return rc == 0 ? bench_agent_warm_up(&bench->agent, err) : rc;
}

/* ---- Measuring ---- */

static void evict_caches(struct bench *bench)
{
  if (bench->evict)
    for (size_t i = 0; i < EVICT_BYTES; i += 64)
      bench->evict[i]++;
}

static int run_floor(struct bench *bench, int64_t *floor_ns, struct mw_error *err)
{
  evict_caches(bench);
  int rc = bench_floor_run(&bench->floor, bench->agent.runs - BENCH_PERIOD, floor_ns, err);
  evict_caches(bench);
  return rc;
}

static int measure_work(struct bench *bench, enum bench_work work, struct bench_samples *samples,
                        struct mw_error *err)
{
  int64_t floor_ns;
  int rc = run_floor(bench, &floor_ns, err);

  if (rc < 0)
    return rc;
  int64_t start_ns = bench_cpu_ns();
  rc = bench_agent_run(&bench->agent, work, err);
  bench_samples_add(samples, bench_cpu_ns() - start_ns, floor_ns);
  bench_samples_add(&bench->floor_samples, floor_ns, floor_ns);
  if (work == BENCH_WHOLE)
    bench->out->message_bytes = (double)bench->agent.emitted_bytes / (double)bench->out->containers;
  return rc;
}

/* Against the floor of the run that comes next; the clock does not move. */
static int measure_discovery(struct bench *bench, struct mw_error *err)
{
  int64_t floor_ns;
  int rc = run_floor(bench, &floor_ns, err);

  if (rc < 0)
    return rc;
  int64_t start_ns = bench_cpu_ns();
  rc = mw_cgroups_refresh(bench->agent.cgroups, err);
  int64_t refreshed_ns = bench_cpu_ns();
  if (rc == 0)
    rc = mw_cgroups_walk(bench->agent.cgroups, err);
  int64_t walked_ns = bench_cpu_ns();
  bench_samples_add(&bench->unchanged, refreshed_ns - start_ns, floor_ns);
  bench_samples_add(&bench->walk, walked_ns - refreshed_ns, floor_ns);
  return rc;
}

/* A period has a prime number of runs, so each kind of work meets all its places in turn. */
static int measure_rounds(struct bench *bench, struct mw_error *err)
{
  int64_t end_ns = mw_clock_monotonic_ns(mw_clock_system()) +
                   (int64_t)(bench->config->seconds * (double)MW_NS_PER_S);
  int rc = 0;

  for (size_t round = 0; rc == 0 && round < BENCH_SAMPLES_MAX; round++) {
    if (round >= ROUNDS_MIN && mw_clock_monotonic_ns(mw_clock_system()) > end_ns)
      break;
    for (int work = 0; rc == 0 && work < BENCH_WORK_COUNT; work++)
      rc = measure_work(bench, (enum bench_work)work, &bench->works[work], err);
    if (rc == 0)
      rc = measure_discovery(bench, err);
    bench->out->rounds = round + 1;
  }
  return rc;
}

/* ---- Results ---- */

static struct bench_cost cost_of(const struct bench *bench, struct bench_samples *samples)
{
  return (struct bench_cost){
      .us = bench_samples_median_ns(samples) / 1000 / (double)bench->out->containers,
      .ratio = bench_samples_median_ratio(samples),
  };
}

static size_t kept_files(const struct bench *bench)
{
  struct mw_cgroups_usage usage;

  mw_cgroups_usage(bench->agent.cgroups, &usage);
  return usage.kept_files;
}

static void take_results(struct bench *bench)
{
  struct bench_result *out = bench->out;

  out->files = bench_reads_per_run(&bench->reads) / (double)out->containers;
  out->kept_files = kept_files(bench);
  out->floor_us = cost_of(bench, &bench->floor_samples).us;
  for (int i = 0; i < BENCH_WORK_COUNT; i++)
    out->works[i] = cost_of(bench, &bench->works[i]);
  out->unchanged = cost_of(bench, &bench->unchanged);
  out->walk = cost_of(bench, &bench->walk);
}

/* The same with the budget that the agent takes by itself, when that is not enough for all. */
static int measure_default_budget(struct bench *bench, struct mw_error *err)
{
  struct bench_result *out = bench->out;

  if (mw_cgroup_kept_files_default() >= out->kept_files)
    return 0;
  bench_agent_close(&bench->agent);
  int rc = open_agent(bench, 0, err);
  bench->works[BENCH_GATHER].count = bench->works[BENCH_WHOLE].count = 0;
  for (size_t i = 0; rc == 0 && i < DEFAULT_BUDGET_ROUNDS; i++) {
    rc = measure_work(bench, BENCH_GATHER, &bench->works[BENCH_GATHER], err);
    if (rc == 0)
      rc = measure_work(bench, BENCH_WHOLE, &bench->works[BENCH_WHOLE], err);
  }
  if (rc < 0)
    return rc;
  out->has_default_budget = true;
  out->default_kept_files = kept_files(bench);
  out->default_gather = cost_of(bench, &bench->works[BENCH_GATHER]);
  out->default_whole = cost_of(bench, &bench->works[BENCH_WHOLE]);
  return 0;
}

static void note_error(char out[static 128], const struct mw_error *err)
{
  snprintf(out, 128, "%.127s", err->text);
}

/* What fresh processes tell; each part may fail alone. */
static void measure_processes(const struct bench_measure_config *config, struct bench_result *out)
{
  struct bench_worker_config worker = {.program = config->program,
                                       .containers = config->containers,
                                       .script_dirs = config->script_dirs,
                                       .kept_files_max = 0};
  double runs = (double)BENCH_PERIOD * (double)out->containers;
  uint64_t whole, gather;
  struct mw_error err;

  if (bench_worker_measure(&worker, &out->worker, &err) < 0)
    note_error(out->worker_error, &err);
  worker.kept_files_max = descriptors_max();
  if (bench_worker_count_calls(&worker, &whole, &gather, &err) < 0) {
    note_error(out->calls_error, &err);
  } else {
    out->calls_whole = (double)whole / runs;
    out->calls_gather = (double)gather / runs;
  }
  if (!config->instructions)
    return;
  if (bench_worker_count_instructions(&worker, &whole, &gather, &err) < 0) {
    note_error(out->instructions_error, &err);
  } else {
    out->instructions_whole = (double)whole / runs;
    out->instructions_gather = (double)gather / runs;
  }
}

static int measure(struct bench *bench, struct mw_error *err)
{
  int rc = bench_containers_isolate(bench->config->containers, err);

  if (rc < 0)
    return rc;
  stay_on_this_cpu();
  rc = record(bench, err);
  if (rc == 0)
    rc = bench_floor_start(&bench->floor, &bench->reads, err);
  if (rc == 0)
    rc = open_agent(bench, descriptors_max(), err);
  if (rc == 0 && bench->agent.ids_count != bench->out->containers)
    rc = mw_error_set(err, EPROTO, "the agent sees %zu containers, not %zu", bench->agent.ids_count,
                      bench->out->containers);
  if (rc == 0)
    rc = measure_rounds(bench, err);
  if (rc < 0)
    return rc;
  take_results(bench);
  return measure_default_budget(bench, err);
}

void bench_measure(const struct bench_measure_config *config, struct bench_result *out)
{
  struct bench *bench = calloc(1, sizeof *bench);

  *out = (struct bench_result){.containers = config->containers->count};
  if (!bench) {
    mw_error_set(&out->failure, ENOMEM, "out of memory for the samples");
    return;
  }
  bench->config = config;
  bench->out = out;
  bench->floor = (struct bench_floor){.pid = -1, .socket = -1};
  bench->evict = config->cold ? calloc(1, EVICT_BYTES) : NULL;
  int rc = measure(bench, &out->failure);
  bench_agent_close(&bench->agent);
  bench_floor_stop(&bench->floor);
  bench_reads_deinit(&bench->reads);
  free(bench->evict);
  free(bench);
  if (rc < 0)
    return;
  out->failure.code = 0;
  measure_processes(config, out);
}
