/**
 * @file floor.h
 * The floor of a run: what the kernel alone takes to give out the files that the run reads.
 *
 * The files of a run are not always the same: those that change rarely are read now and then, each
 * container at its own time. With a clock that moves by the same step for each run the pattern
 * repeats after a period of so many runs, and it depends on nothing but the containers' ids. So the
 * files of each run of one period are recorded once, with one agent, and another agent, at the same
 * place in the period, is then measured against them.
 *
 * The floor reads the files of a run in their order with pread(2) on descriptors that are all kept
 * open, into one buffer, and looks at nothing. Where there are more files than descriptors another
 * floor opens, reads and closes each, by its path. It lives in a process of its own, so that its
 * descriptors and its memory are not the agent's.
 * Thread-safety: none.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "moonwatch/error.h"

#define BENCH_PERIOD_MAX 31

struct bench_path;

struct bench_list {
  uint32_t *paths;
  size_t count, capacity;
};

/** Zero but for the period. */
struct bench_reads {
  size_t period;            /**< in runs; BENCH_PERIOD_MAX at most */
  struct bench_path *paths; /**< each once, in the order of their numbers */
  size_t paths_count;
  struct bench_list lists[2 * BENCH_PERIOD_MAX]; /**< the second period only proves the first */
  struct bench_list *recording;                  /**< NULL: none */
  bool failed;                                   /**< out of memory */
};

/** An on_read of struct mw_context_config; @p reads is a struct bench_reads. */
void bench_reads_add(void *reads, const char *path);
void bench_reads_deinit(struct bench_reads *reads);

/** @return 0, or -EPROTO when the second period differs from the first. */
int bench_reads_check(const struct bench_reads *reads, struct mw_error *err);

/** Files in a run, on average. */
double bench_reads_per_run(const struct bench_reads *reads);

/** How a floor reads a file: on a descriptor that is kept, or by open, read and close. */
enum bench_floor_kind { BENCH_FLOOR_KEPT, BENCH_FLOOR_OPENED };

struct bench_floor {
  pid_t pid;
  int socket;
};

/**
 * Read each file once; open all, where they are kept. @return 0, or -errno. Stop it whatever this
 * returned.
 */
int bench_floor_start(struct bench_floor *floor, const struct bench_reads *reads,
                      enum bench_floor_kind kind, struct mw_error *err);
void bench_floor_stop(struct bench_floor *floor);

/** Read the files of run @p position of the period. @p cpu_ns is user and system time. */
int bench_floor_run(struct bench_floor *floor, size_t position, int64_t *cpu_ns,
                    struct mw_error *err);

#endif
