#include "agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/context.h"

#define START_NS (1000 * MW_NS_PER_S) /* the same for each agent, and so is its pattern */

static const char *const check_names[BENCH_WORK_COUNT] = {
    [BENCH_ROWS] = "bench_rows",
    [BENCH_UNSENT] = "bench_unsent",
    [BENCH_WHOLE] = "container_rt",
};

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
  if (!agent->ids)
    return mw_error_set(err, ENOMEM, "out of memory for a list of containers");
  return mw_cgroups_each(agent->cgroups, note_id, agent, err);
}

static struct mw_task *open_task(struct bench_agent *agent, const struct bench_agent_config *config,
                                 enum mw_task_kind kind, const char *name, struct mw_error *err)
{
  static const struct mw_option always_anew = {.key = "max_age_ms", .text = "0"};
  bool has_options = kind == MW_TASK_CHECK && strcmp(name, check_names[BENCH_ROWS]) != 0;
  struct mw_task_config task = {.kind = kind,
                                .name = name,
                                .script_dirs = config->script_dirs,
                                .context = agent->context,
                                .options = has_options ? &always_anew : NULL,
                                .options_count = has_options,
                                .emit = count_message,
                                .emit_data = agent,
                                .group_ids = &agent->group_ids};

  return mw_task_open(&task, err);
}

static int open_tasks(struct bench_agent *agent, const struct bench_agent_config *config,
                      struct mw_error *err)
{
  agent->source = open_task(agent, config, MW_TASK_SOURCE, "cgroup", err);
  if (!agent->source)
    return -err->code;
  for (int i = config->parts ? BENCH_ROWS : BENCH_WHOLE; i < BENCH_WORK_COUNT; i++) {
    agent->checks[i] = open_task(agent, config, MW_TASK_CHECK, check_names[i], err);
    if (!agent->checks[i])
      return -err->code;
  }
  return 0;
}

int bench_agent_open(struct bench_agent *agent, const struct bench_agent_config *config,
                     struct mw_error *err)
{
  *agent = (struct bench_agent){0};
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
  agent->stats = agent->cgroups ? mw_context_stats(agent->context, err) : NULL;
  if (!agent->stats)
    return -err->code;
  int rc = list_ids(agent, err);
  return rc == 0 ? open_tasks(agent, config, err) : rc;
}

void bench_agent_close(struct bench_agent *agent)
{
  for (int i = 0; i < BENCH_WORK_COUNT; i++)
    mw_task_close(agent->checks[i]);
  mw_task_close(agent->source);
  mw_context_free(agent->context);
  mw_cgroup_sample_deinit(&agent->sample);
  free(agent->ids);
  *agent = (struct bench_agent){0};
}

static int gather(struct bench_agent *agent, struct mw_error *err)
{
  uint32_t cpus = mw_host_cpu_count(agent->host);
  int rc = mw_cgroups_refresh(agent->cgroups, err);

  for (size_t i = 0; rc == 0 && i < agent->ids_count; i++)
    rc = mw_cgroups_read(agent->cgroups, agent->ids[i], cpus, MW_FIGURE_SET_ALL, &agent->sample,
                         err);
  return rc;
}

static int gather_through_cache(struct bench_agent *agent, struct mw_error *err)
{
  int rc = mw_cgroups_refresh(agent->cgroups, err);

  for (size_t i = 0; rc == 0 && i < agent->ids_count; i++) {
    struct mw_container_ref ref = {.id = agent->ids[i]};
    rc = mw_stats_container(agent->stats, &ref, 0, MW_FIGURE_SET_ALL, &agent->sample, err);
  }
  return rc;
}

int bench_agent_run(struct bench_agent *agent, enum bench_work work, struct mw_error *err)
{
  agent->clock.now_monotonic_ns += BENCH_INTERVAL_NS;
  agent->clock.now_wall_ns += BENCH_INTERVAL_NS;
  agent->runs++;
  agent->messages = agent->emitted_bytes = 0;
  if (work == BENCH_GATHER)
    return gather(agent, err);
  if (work == BENCH_CACHED)
    return gather_through_cache(agent, err);
  int rc = mw_task_run(agent->source, err);
  return rc == 0 ? mw_task_run(agent->checks[work], err) : rc;
}

int bench_agent_warm_up(struct bench_agent *agent, struct mw_error *err)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < BENCH_PERIOD; i++) {
    enum bench_work work = (enum bench_work)(i % BENCH_WORK_COUNT);
    bool can = work < BENCH_ROWS || agent->checks[work];
    rc = bench_agent_run(agent, can ? work : BENCH_WHOLE, err);
  }
  return rc;
}
