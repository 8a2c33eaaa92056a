/**
 * @file refresh.h
 * A job that blocks, done on a thread of its own for all who want its result: one at a time, and
 * nobody waits for it longer than he likes, nor all together longer than it deserves.
 * Thread-safety: a refresh may be shared by all threads.
 */
#ifndef MW_STATS_REFRESH_H
#define MW_STATS_REFRESH_H

#include <stdbool.h>
#include <stdint.h>

#include "moonwatch/error.h"

struct mw_refresh;

struct mw_refresh_config {
  const char *what; /**< for messages: "the kubelet's summary"; a constant */
  void *data;       /**< of the functions; outlives the refresh */
  void (*job)(void *data);
  void (*cancel)(void *data); /**< makes the job that is under way end soon; NULL: it does anyway */
  int64_t later_wait_ns;      /**< from its start on, for a job that is not the first */
  bool without_thread;        /**< the first who waits does it himself */
};

/** @return NULL with -ENOMEM in @p err. */
struct mw_refresh *mw_refresh_new(const struct mw_refresh_config *config, struct mw_error *err);
void mw_refresh_free(struct mw_refresh *refresh); /**< accepts NULL; waits for the job's end */

/**
 * Begin the job, unless it is under way, and wait for its end.
 * @param deadline_ns of the system's CLOCK_MONOTONIC.
 * @return 0; -ETIMEDOUT: it goes on; -EAGAIN or -ENOMEM: there is no thread for it.
 */
int mw_refresh_wait(struct mw_refresh *refresh, int64_t deadline_ns, struct mw_error *err);

#endif
