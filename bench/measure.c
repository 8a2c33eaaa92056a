#include "measure.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "timing.h"

#define ROUNDS_MIN BENCH_PERIOD_MAX
#define EVICT_BYTES ((size_t)96 << 20)
#define DEFAULT_BUDGET_ROUNDS 15
#define OTHER_DESCRIPTORS 256

/* One check of one size. */
struct bench {
  const struct bench_measure_config *config;
  const struct bench_pace *pace;
  struct bench_check_result *out;
  size_t containers;
  struct bench_reads reads;
  struct bench_floor floor;
  struct bench_agent agent;
  struct bench_samples floor_samples, works[BENCH_WORK_COUNT], unchanged, walk;
  unsigned char *evict; /* NULL unless cold */
};

static bool is_container_rt(const struct bench *bench)
{
  return bench->pace == &bench_paces[BENCH_CONTAINER_RT];
}

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

/* For files alone; some are for other things. */
static uint32_t descriptors_max(void)
{
  struct rlimit files;

  if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur > UINT32_MAX / 2)
    return UINT32_MAX / 2;
  return files.rlim_cur > 2 * OTHER_DESCRIPTORS ? (uint32_t)files.rlim_cur - OTHER_DESCRIPTORS
                                                : OTHER_DESCRIPTORS;
}

/* The first period of whole runs, the second gathered in C: both have to read the same. */
static int record(struct bench *bench, struct mw_error *err)
{
  struct bench_agent_config config = {.pace = bench->pace,
                                      .script_dirs = bench->config->script_dirs,
                                      .kept_files_max = descriptors_max(),
                                      .reads = &bench->reads};
  int rc = bench_agent_open(&bench->agent, &config, err);

  if (rc == 0)
    rc = bench_agent_warm_up(&bench->agent, err);
  for (size_t i = 0; rc == 0 && i < 2 * bench->pace->period; i++) {
    bench->reads.recording = &bench->reads.lists[i];
    rc = bench_agent_run(&bench->agent, i < bench->pace->period ? BENCH_WHOLE : BENCH_GATHER, err);
  }
  bench->reads.recording = NULL;
  bench_agent_close(&bench->agent);
  return rc == 0 ? bench_reads_check(&bench->reads, err) : rc;
}

/* An agent at the same place in its period as the one that was recorded. */
static int open_agent(struct bench *bench, uint32_t kept_files_max, struct mw_error *err)
{
  struct bench_agent_config config = {.pace = bench->pace,
                                      .script_dirs = bench->config->script_dirs,
                                      .kept_files_max = kept_files_max,
                                      .parts = is_container_rt(bench)};
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
  int rc = bench_floor_run(&bench->floor, bench->agent.runs - bench->pace->period, floor_ns, err);
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
    bench->out->message_bytes = (double)bench->agent.emitted_bytes / (double)bench->containers;
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

static int measure_rounds(struct bench *bench, struct mw_error *err)
{
  double seconds = bench->config->seconds / BENCH_CHECK_COUNT;
  int64_t end_ns = mw_clock_monotonic_ns(mw_clock_system()) + (int64_t)(seconds * MW_NS_PER_S);
  int rc = 0;

  for (size_t round = 0; rc == 0 && round < BENCH_SAMPLES_MAX; round++) {
    if (round >= ROUNDS_MIN && mw_clock_monotonic_ns(mw_clock_system()) > end_ns)
      break;
    for (enum bench_work work = 0; rc == 0 && work < BENCH_WORK_COUNT; work++)
      if (bench_agent_can(&bench->agent, work))
        rc = measure_work(bench, work, &bench->works[work], err);
    if (rc == 0 && is_container_rt(bench))
      rc = measure_discovery(bench, err);
    bench->out->rounds = round + 1;
  }
  return rc;
}

/* ---- Results ---- */

static struct bench_cost cost_of(const struct bench *bench, struct bench_samples *samples)
{
  return (struct bench_cost){
      .us = bench_samples_median_ns(samples) / 1000 / (double)bench->containers,
      .ratio = bench_samples_median_ratio(samples),
  };
}

static void take_results(struct bench *bench)
{
  struct bench_check_result *out = bench->out;

  out->kept_files = bench_agent_kept_files(&bench->agent);
  out->floor_us = cost_of(bench, &bench->floor_samples).us;
  for (int i = 0; i < BENCH_WORK_COUNT; i++)
    out->works[i] = cost_of(bench, &bench->works[i]);
}

/* Gathering and whole runs beside the floor that is there. */
static int measure_budget_rounds(struct bench *bench, struct bench_cost *gather,
                                 struct bench_cost *whole, struct mw_error *err)
{
  int rc = 0;

  bench->works[BENCH_GATHER].count = bench->works[BENCH_WHOLE].count = 0;
  bench->floor_samples.count = 0;
  for (size_t i = 0; rc == 0 && i < DEFAULT_BUDGET_ROUNDS; i++) {
    rc = measure_work(bench, BENCH_GATHER, &bench->works[BENCH_GATHER], err);
    if (rc == 0)
      rc = measure_work(bench, BENCH_WHOLE, &bench->works[BENCH_WHOLE], err);
  }
  *gather = cost_of(bench, &bench->works[BENCH_GATHER]);
  *whole = cost_of(bench, &bench->works[BENCH_WHOLE]);
  return rc;
}

static bool can_keep_all(const struct bench *bench)
{
  return bench->reads.paths_count <= descriptors_max();
}

/* The same with the budget that the agent takes by itself, when that is not enough for all. */
static int measure_default_budget(struct bench *bench, struct bench_result *out,
                                  struct mw_error *err)
{
  if (mw_cgroup_kept_files_default() >= bench->reads.paths_count)
    return 0;
  bench_agent_close(&bench->agent);
  int rc = open_agent(bench, 0, err);
  if (rc == 0 && can_keep_all(bench))
    rc = measure_budget_rounds(bench, &out->default_gather, &out->default_whole, err);
  bench_floor_stop(&bench->floor);
  if (rc == 0)
    rc = bench_floor_start(&bench->floor, &bench->reads, BENCH_FLOOR_OPENED, err);
  if (rc == 0)
    rc = measure_budget_rounds(bench, &out->opened_gather, &out->opened_whole, err);
  if (rc < 0)
    return rc;
  out->has_default_budget = true;
  out->opened_floor_us = cost_of(bench, &bench->floor_samples).us;
  out->default_kept_files = bench_agent_kept_files(&bench->agent);
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
  double runs = (double)bench_paces[BENCH_CONTAINER_RT].period * (double)out->containers;
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

/* With all files kept, by the floor and by the agent. */
static int measure_kept(struct bench *bench, struct bench_result *out, struct mw_error *err)
{
  int rc = bench_floor_start(&bench->floor, &bench->reads, BENCH_FLOOR_KEPT, err);

  if (rc == 0)
    rc = open_agent(bench, descriptors_max(), err);
  if (rc == 0 && bench->agent.ids_count != bench->containers)
    rc = mw_error_set(err, EPROTO, "the agent sees %zu containers, not %zu", bench->agent.ids_count,
                      bench->containers);
  if (rc == 0)
    rc = measure_rounds(bench, err);
  if (rc < 0)
    return rc;
  take_results(bench);
  if (!is_container_rt(bench))
    return 0;
  out->unchanged = cost_of(bench, &bench->unchanged);
  out->walk = cost_of(bench, &bench->walk);
  return 0;
}

static int measure_bench(struct bench *bench, struct bench_result *out, struct mw_error *err)
{
  int rc = record(bench, err);

  bench->out->files = bench_reads_per_run(&bench->reads) / (double)bench->containers;
  if (rc == 0 && can_keep_all(bench))
    rc = measure_kept(bench, out, err);
  return rc == 0 && is_container_rt(bench) ? measure_default_budget(bench, out, err) : rc;
}

static int measure_check(const struct bench_measure_config *config, enum bench_check check,
                         struct bench_result *out, struct mw_error *err)
{
  struct bench *bench = calloc(1, sizeof *bench);

  if (!bench)
    return mw_error_set(err, ENOMEM, "out of memory for the samples");
  bench->config = config;
  bench->pace = &bench_paces[check];
  bench->out = &out->checks[check];
  bench->containers = out->containers;
  bench->reads.period = bench->pace->period;
  bench->floor = (struct bench_floor){.pid = -1, .socket = -1};
  bench->evict = config->cold ? calloc(1, EVICT_BYTES) : NULL;
  int rc = measure_bench(bench, out, err);
  bench_agent_close(&bench->agent);
  bench_floor_stop(&bench->floor);
  bench_reads_deinit(&bench->reads);
  free(bench->evict);
  free(bench);
  return rc;
}

void bench_measure(const struct bench_measure_config *config, struct bench_result *out)
{
  struct mw_error *err = &out->failure;

  *out = (struct bench_result){.containers = config->containers->count,
                               .networks = config->containers->networks.count};
  if (config->containers->networks_error.code != 0)
    note_error(out->networks_error, &config->containers->networks_error);
  int rc = bench_containers_isolate(config->containers, err);
  if (rc == 0)
    stay_on_this_cpu();
  for (int i = 0; rc == 0 && i < BENCH_CHECK_COUNT; i++)
    rc = measure_check(config, (enum bench_check)i, out, err);
  if (rc < 0)
    return;
  out->failure.code = 0;
  measure_processes(config, out);
}
