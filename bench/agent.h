/**
 * @file agent.h
 * What is measured: the agent's work of one run of a check, whole or in parts, under a clock that
 * moves by the check's interval for each run.
 * Thread-safety: none.
 */
#ifndef BENCH_AGENT_H
#define BENCH_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include "agent/task.h"
#include "floor.h"
#include "moonwatch/cgroup.h"
#include "moonwatch/proc.h"

enum bench_check { BENCH_CONTAINER_RT, BENCH_CONTAINER, BENCH_CHECK_COUNT };

/** A check, and the pace of its runs. */
struct bench_pace {
  const char *check;
  int64_t interval_s;
  size_t period; /**< runs until the same files are read: limits are read when older than 60 s */
};

extern const struct bench_pace bench_paces[BENCH_CHECK_COUNT];

enum bench_source { BENCH_CGROUP, BENCH_NAMES, BENCH_SOURCE_COUNT };

/** What a run may do; each has all that the one before it has. */
enum bench_work {
  BENCH_GATHER, /**< refresh the set of containers, read each and its network: C alone */
  BENCH_CACHED, /**< the same through the cache of moonwatch.stats */
  BENCH_ROWS,   /**< sources and check as scripts; each container becomes a row in Lua */
  BENCH_UNSENT, /**< rates and batches as in container_rt, but nothing is encoded; of it alone */
  BENCH_WHOLE,  /**< the check, to the last byte of JSON */
  BENCH_WORK_COUNT
};

struct bench_agent_config {
  const struct bench_pace *pace;
  const char *const *script_dirs; /**< ends with NULL; borrowed */
  uint32_t kept_files_max;        /**< 0: what the agent takes by itself */
  struct bench_reads *reads;      /**< records; NULL: no hook, as when it is timed */
  bool parts;                     /**< can do BENCH_ROWS and BENCH_UNSENT, too: container_rt */
};

struct bench_agent {
  const struct bench_pace *pace;
  struct mw_clock_manual clock;
  struct mw_context *context;
  struct mw_cgroups *cgroups; /**< of the context, as are all four */
  struct mw_proc *proc;
  struct mw_stats *stats;
  struct mw_host *host;
  struct mw_task *sources[BENCH_SOURCE_COUNT], *checks[BENCH_WORK_COUNT];
  struct mw_group_ids group_ids;
  char (*ids)[MW_CGROUP_ID_BYTES];    /**< of the containers, sorted */
  struct mw_container_places *places; /**< where each was found last */
  size_t ids_count;
  size_t runs;
  size_t emitted_bytes, messages; /**< of the last run */
  struct mw_cgroup_sample sample;
  struct mw_network_sample network;
};

/** @return 0, or -errno; close it whatever this returned. */
int bench_agent_open(struct bench_agent *agent, const struct bench_agent_config *config,
                     struct mw_error *err);
void bench_agent_close(struct bench_agent *agent);

/** Descriptors that the agent keeps open. */
size_t bench_agent_kept_files(const struct bench_agent *agent);

bool bench_agent_can(const struct bench_agent *agent, enum bench_work work);

/** Move the clock and do @p work once. @return 0, or -errno. */
int bench_agent_run(struct bench_agent *agent, enum bench_work work, struct mw_error *err);

/** A period of runs: until limits are read as in the long run, and all is in memory. */
int bench_agent_warm_up(struct bench_agent *agent, struct mw_error *err);

#endif
