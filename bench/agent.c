#include "agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/context.h"

#define MAX_AGE_MS 500 /* as the checks: less than any interval, so each run reads anew */
#define START_NS (1000 * MW_NS_PER_S) /* the same for each agent, and so is its pattern */

/* The periods are primes: each kind of work, in turn, comes to all places of a period. */
const struct bench_pace bench_paces[BENCH_CHECK_COUNT] = {
    [BENCH_CONTAINER_RT] = {"container_rt", 2, 31},
    [BENCH_CONTAINER] = {"container", 10, 7},
};

static const char *check_name(const struct bench_agent *agent, enum bench_work work)
{
  return work == BENCH_ROWS     ? "bench_rows"
         : work == BENCH_UNSENT ? "bench_unsent"
                                : agent->pace->check;
}

static int count_message(void *data, const struct mw_message *message, struct mw_error *err)
{
  struct bench_agent *agent = data;

  (void)err;
  agent->messages++;
  agent->emitted_bytes += message->body.len_bytes;
  return 0;
}

static bool note_id(void *data, const struct mw_cgroup_container *container)
{
  struct bench_agent *agent = data;

  memcpy(agent->ids[agent->ids_count++], container->id, sizeof container->id);
  return true;
}

static int list_ids(struct bench_agent *agent, struct mw_error *err)
{
  struct mw_cgroups_usage usage;

  if (mw_cgroups_refresh(agent->cgroups, err) < 0)
    return -err->code;
  mw_cgroups_usage(agent->cgroups, &usage);
  agent->ids = calloc(usage.containers + 1, sizeof *agent->ids);
  agent->places = calloc(usage.containers + 1, sizeof *agent->places);
  if (!agent->ids || !agent->places)
    return mw_error_set(err, ENOMEM, "out of memory for a list of containers");
  return mw_cgroups_each(agent->cgroups, note_id, agent, err);
}

static struct mw_task *open_task(struct bench_agent *agent, const struct bench_agent_config *config,
                                 enum mw_task_kind kind, const char *name, struct mw_error *err)
{
  struct mw_task_config task = {.kind = kind,
                                .name = name,
                                .script_dirs = config->script_dirs,
                                .context = agent->context,
                                .interval_s = (double)agent->pace->interval_s,
                                .emit = count_message,
                                .emit_data = agent,
                                .group_ids = &agent->group_ids};

  return mw_task_open(&task, err);
}

static int open_tasks(struct bench_agent *agent, const struct bench_agent_config *config,
                      struct mw_error *err)
{
  static const char *const source_names[BENCH_SOURCE_COUNT] = {
      [BENCH_CGROUP] = "cgroup", [BENCH_NAMES] = "bench_names"};

  for (int i = 0; i < BENCH_SOURCE_COUNT; i++) {
    agent->sources[i] = open_task(agent, config, MW_TASK_SOURCE, source_names[i], err);
    if (!agent->sources[i])
      return -err->code;
  }
  for (int i = config->parts ? BENCH_ROWS : BENCH_WHOLE; i < BENCH_WORK_COUNT; i++) {
    const char *name = check_name(agent, (enum bench_work)i);
    agent->checks[i] = open_task(agent, config, MW_TASK_CHECK, name, err);
    if (!agent->checks[i])
      return -err->code;
  }
  return 0;
}

int bench_agent_open(struct bench_agent *agent, const struct bench_agent_config *config,
                     struct mw_error *err)
{
  *agent = (struct bench_agent){.pace = config->pace};
  mw_clock_manual_init(&agent->clock);
  agent->clock.now_monotonic_ns = START_NS;
  agent->clock.now_wall_ns = START_NS;
  mw_group_ids_init(&agent->group_ids, 1);

  struct mw_context_config context = {.clock = &agent->clock.clock,
                                      .kept_files_max = config->kept_files_max,
                                      .on_read = config->reads ? bench_reads_add : NULL,
                                      .on_read_data = config->reads};
  agent->context = mw_context_new(&context, err);
  if (!agent->context)
    return -err->code;
  agent->host = mw_context_host(agent->context);
  agent->cgroups = mw_context_cgroups(agent->context, err);
  agent->proc = agent->cgroups ? mw_context_proc(agent->context, err) : NULL;
  agent->stats = agent->proc ? mw_context_stats(agent->context, err) : NULL;
  if (!agent->stats)
    return -err->code;
  int rc = list_ids(agent, err);
  return rc == 0 ? open_tasks(agent, config, err) : rc;
}

void bench_agent_close(struct bench_agent *agent)
{
  for (int i = 0; i < BENCH_WORK_COUNT; i++)
    mw_task_close(agent->checks[i]);
  for (int i = 0; i < BENCH_SOURCE_COUNT; i++)
    mw_task_close(agent->sources[i]);
  mw_context_free(agent->context);
  mw_cgroup_sample_deinit(&agent->sample);
  mw_network_sample_deinit(&agent->network);
  free(agent->ids);
  free(agent->places);
  *agent = (struct bench_agent){0};
}

/* ---- Gathering in C ---- */

/* What the checks ask for (moonwatch/container_numbers.lua). That it takes the same files is proved
 * when those are noted. */
static mw_figure_set figures_of_checks(void)
{
  static const enum mw_figure figures[] = {
      MW_CPU_TOTAL_NS,       MW_CPU_USER_NS,
      MW_CPU_SYSTEM_NS,      MW_MEMORY_USAGE_BYTES,
      MW_MEMORY_RSS_BYTES,   MW_MEMORY_CACHE_BYTES,
      MW_MEMORY_LIMIT_BYTES, MW_MEMORY_WORKING_SET_BYTES,
      MW_IO_READ_BYTES,      MW_IO_WRITE_BYTES,
      MW_PIDS_CURRENT,       MW_PIDS_LIMIT,
  };
  mw_figure_set set = MW_FIGURE_SET_CPU_LIMIT;

  for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++)
    set |= UINT64_C(1) << figures[i];
  return set;
}

struct search {
  struct mw_cgroups *cgroups;
  const char *id;
};

static int find_pids(void *data, struct mw_pids *out, struct mw_error *err)
{
  const struct search *search = data;

  return mw_cgroups_processes(search->cgroups, search->id, out, err);
}

/* No interface but lo is no failure: where namespaces are refused the host may have none. */
static int gather_network(struct bench_agent *agent, size_t index, struct mw_error *err)
{
  const char *id = agent->ids[index];
  struct search search = {agent->cgroups, id};
  int rc = mw_proc_network_at(agent->proc, &agent->places[index].network, id,
                              MAX_AGE_MS * MW_NS_PER_MS, find_pids, &search, &agent->network, err);

  return rc == -ENODATA ? 0 : rc;
}

static int gather(struct bench_agent *agent, struct mw_error *err)
{
  uint32_t cpus = mw_host_cpu_count(agent->host);
  mw_figure_set wanted = figures_of_checks();
  int rc = mw_cgroups_refresh(agent->cgroups, err);

  for (size_t i = 0; rc == 0 && i < agent->ids_count; i++) {
    rc = mw_cgroups_read_at(agent->cgroups, &agent->places[i].cgroup, agent->ids[i], cpus, wanted,
                            &agent->sample, err);
    if (rc == 0)
      rc = gather_network(agent, i, err);
  }
  return rc;
}

static int gather_through_cache(struct bench_agent *agent, struct mw_error *err)
{
  mw_figure_set wanted = figures_of_checks();
  int rc = mw_cgroups_refresh(agent->cgroups, err);

  for (size_t i = 0; rc == 0 && i < agent->ids_count; i++) {
    struct mw_container_ref ref = {.id = agent->ids[i], .places = &agent->places[i]};
    rc = mw_stats_container(agent->stats, &ref, MAX_AGE_MS, wanted, &agent->sample, err);
    if (rc == 0)
      rc = mw_stats_network(agent->stats, &ref, MAX_AGE_MS, &agent->network, err);
    if (rc == -ENODATA)
      rc = 0;
  }
  return rc;
}

/* ---- Runs ---- */

size_t bench_agent_kept_files(const struct bench_agent *agent)
{
  struct mw_cgroups_usage cgroups;
  struct mw_proc_usage proc;

  mw_cgroups_usage(agent->cgroups, &cgroups);
  mw_proc_usage(agent->proc, &proc);
  return cgroups.kept_files + proc.kept_files;
}

bool bench_agent_can(const struct bench_agent *agent, enum bench_work work)
{
  return work < BENCH_ROWS || agent->checks[work];
}

int bench_agent_run(struct bench_agent *agent, enum bench_work work, struct mw_error *err)
{
  int64_t interval_ns = agent->pace->interval_s * MW_NS_PER_S;

  agent->clock.now_monotonic_ns += interval_ns;
  agent->clock.now_wall_ns += interval_ns;
  agent->runs++;
  agent->messages = agent->emitted_bytes = 0;
  if (work == BENCH_GATHER)
    return gather(agent, err);
  if (work == BENCH_CACHED)
    return gather_through_cache(agent, err);
  int rc = 0;
  for (int i = 0; rc == 0 && i < BENCH_SOURCE_COUNT; i++)
    rc = mw_task_run(agent->sources[i], err);
  return rc == 0 ? mw_task_run(agent->checks[work], err) : rc;
}

int bench_agent_warm_up(struct bench_agent *agent, struct mw_error *err)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < agent->pace->period; i++) {
    enum bench_work work = (enum bench_work)(i % BENCH_WORK_COUNT);
    rc = bench_agent_run(agent, bench_agent_can(agent, work) ? work : BENCH_WHOLE, err);
  }
  return rc;
}
