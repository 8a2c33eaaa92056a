/**
 * @file measure.h
 * One size of the benchmark: the floor and the agent's work in turn, A B A B, and what is counted.
 * Thread-safety: none.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "agent.h"
#include "worker.h"

struct bench_cost {
  double us;    /**< of CPU time, per container */
  double ratio; /**< to the floor */
};

/** Runs of one check. */
struct bench_check_result {
  size_t rounds; /**< 0: not measured, since all files are more than a process may keep open */
  size_t kept_files;
  double files; /**< that a run reads for a container, on average */
  double floor_us;
  struct bench_cost works[BENCH_WORK_COUNT]; /**< ratio 0: not done */
  double message_bytes;                      /**< of JSON for a container */
};

/** A number that could not be found out is 0, and *_error says why. Counts are per container and
 *  run of container_rt, but for the memory. */
struct bench_result {
  size_t containers, networks;
  char networks_error[128];
  struct bench_check_result checks[BENCH_CHECK_COUNT];
  struct bench_cost unchanged, walk;

  bool has_default_budget; /**< it is smaller than what all files take */
  size_t default_kept_files;
  struct bench_cost default_gather, default_whole; /**< ratio 0: no floor can keep all files */
  double opened_floor_us;                          /**< open, read and close of the same files */
  struct bench_cost opened_gather, opened_whole;   /**< the same, measured beside this floor */

  struct bench_worker_report worker;
  char worker_error[128];
  double calls_whole, calls_gather;
  char calls_error[128];
  double instructions_whole, instructions_gather;
  char instructions_error[128];

  struct mw_error failure; /**< code 0: none */
};

struct bench_measure_config {
  struct bench_containers *containers; /**< made already */
  const char *const *script_dirs;      /**< ends with NULL */
  const char *program;
  double seconds; /**< about, for the rounds of all checks */
  bool cold;      /**< push everything out of the caches before each run */
  bool instructions;
};

/** Fill @p out, in a process of its own: it moves into a mount namespace and to one CPU. */
void bench_measure(const struct bench_measure_config *config, struct bench_result *out);

#endif
