/**
 * @file reload.h
 * The configuration of an agent that runs: read again when a file of it changes, or when somebody
 * wants it so, checked as a whole, and applied by difference (agent/apply.h). While there is a
 * mistake in the new one the old one goes on, and what is wrong is kept for whoever asks.
 *
 * Files are the main one, conf.d and what lies in it; with a mistake, also the scripts that the new
 * one names, since one of them may be what has to be mended.
 *
 * Thread-safety: that of the runner.
 */
#ifndef MW_RELOAD_H
#define MW_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/config.h"
#include "agent/runner.h"
#include "agent/watch.h"
#include "base/buf.h"
#include "base/log.h"

#define MW_RELOAD_MISTAKES_MAX_BYTES ((size_t)1 << 20)

/** Its fields are for reading alone. */
struct mw_reload {
  const struct mw_config_request *request; /**< as at the start; borrowed */
  struct mw_runner *runner;                /**< borrowed */
  struct mw_config *started;               /**< what needs a restart is as this one says */
  struct mw_config *current;
  struct mw_watch watch;
  bool unfinished;        /**< see struct mw_applied */
  int64_t loaded_wall_ns; /**< when the current one was */
  uint64_t reloads_total; /**< configurations that have taken the place of another */
  struct mw_buf mistakes; /**< lines about the one that was refused; empty: none was */
  struct mw_buf restarts; /**< keys that differ and need a restart, with ", " between them */
  struct mw_log_limit refusals;
};

/** @param config that the runner was started with; a reference to it is taken. */
void mw_reload_init(struct mw_reload *reload, const struct mw_config_request *request,
                    struct mw_config *config, struct mw_runner *runner);
void mw_reload_deinit(struct mw_reload *reload); /**< accepts a zeroed one */

/**
 * Read the configuration, and load all scripts and open what sinks write to anew: with the new one,
 * or with the old one when there is a mistake.
 * @return 0; -EINVAL: there are mistakes, which were logged; -ENOMEM, -EMSGSIZE.
 */
int mw_reload_now(struct mw_reload *reload, struct mw_error *err);

/** Has a file changed? Then read the configuration. @return when to look again, in ns. */
int64_t mw_reload_look(struct mw_reload *reload);

#endif
