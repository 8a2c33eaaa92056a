/**
 * @file cpu.h
 * A count of CPUs that is expensive to get, or not to be had yet: read once, then kept.
 *
 * A count that was read is kept for ever; it is read again at each call until then, and the answer
 * meanwhile is the affinity mask, which is never kept. A caller that waited while another one
 * tried and failed shares that failure. The third failure is logged, once.
 *
 * Source: sched_getaffinity(2).
 * Thread-safety: every function may be called from any thread.
 */
#ifndef MW_HOST_CPU_H
#define MW_HOST_CPU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "moonwatch/error.h"

/** Failures that a host may have while it starts; the next one is logged. */
#define MW_CPU_ATTEMPTS_QUIET 2

/** How long a caller waits for another one that is reading. */
#define MW_CPU_WAIT_MS 1000

struct mw_cpu_counter {
  _Atomic uint32_t kept; /**< 0: none yet; read without the mutex */
  int64_t wait_ms;
  /** Count anew. @return 0 with @p err filled when that failed. */
  uint32_t (*count_now)(void *data, struct mw_error *err);
  void *count_data;

  pthread_mutex_t mutex;    /**< guards reading; not held while it reads */
  pthread_cond_t read_done; /**< reading became false */
  bool reading;
  uint32_t attempts_failed; /**< belongs to the one who is reading */
};

void mw_cpu_counter_init(struct mw_cpu_counter *counter,
                         uint32_t (*count_now)(void *data, struct mw_error *err), void *count_data);
void mw_cpu_counter_deinit(struct mw_cpu_counter *counter);

/** At least 1. */
uint32_t mw_cpu_counter_get(struct mw_cpu_counter *counter);

/** CPUs that this process may run on, at least 1; a container's set of CPUs makes it smaller. */
uint32_t mw_cpu_affinity_count(void);

#endif
