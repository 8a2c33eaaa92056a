/**
 * @file worker.h
 * A fresh process that does the agent's work and nothing else, for what is of a process and not of
 * a run: memory, allocations, system calls, instructions.
 *
 * It warms up, then does a period of whole runs of container_rt, then a period of gathering in C.
 * Who traces it is stopped for before and after each of the two (SIGSTOP). Thread-safety: none.
 */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "containers.h"
#include "moonwatch/error.h"

/** What a worker tells at its end; allocations are those of a whole period. */
struct bench_worker_report {
  uint64_t anon_bytes, resident_bytes, cgroup_bytes; /**< after the whole runs */
  uint64_t kept_files;
  uint64_t whole_c_allocations, whole_lua_allocations;
  uint64_t gather_c_allocations;
};

struct bench_worker_config {
  const char *program; /**< this one's path */
  const struct bench_containers *containers;
  const char *const *script_dirs; /**< ends with NULL */
  uint32_t kept_files_max;        /**< 0: what the agent takes by itself */
};

/** Run a worker in the cgroup "agent" and take its report. */
int bench_worker_measure(const struct bench_worker_config *config, struct bench_worker_report *out,
                         struct mw_error *err);

/** System calls in a period of whole runs, and in one of gathering. -EPERM: no tracing here. */
int bench_worker_count_calls(const struct bench_worker_config *config, uint64_t *whole,
                             uint64_t *gather, struct mw_error *err);

/** Instructions in user space, likewise, by valgrind. -ENOENT: it is not installed. */
int bench_worker_count_instructions(const struct bench_worker_config *config, uint64_t *whole,
                                    uint64_t *gather, struct mw_error *err);

/** The worker's own main: "worker MODE KEPT_FILES_MAX SCRIPT_DIR...". @return an exit code. */
int bench_worker_main(int argc, char **argv);

#endif
