/**
 * @file reload.h
 * The configuration of an agent that runs: read again when a file of it changes, or when somebody
 * wants it so, checked as a whole, and applied by difference (agent/apply.h). While there is a
 * mistake in the new one the old one goes on, and what is wrong is kept for whoever asks.
 *
 * Files are the main one, conf.d and what lies in it; with a mistake, also the scripts that the new
 * one names, since one of them may be what has to be mended.
 *
 * It is read in a thread (agent/loader.h), and applied in the one that calls. Thread-safety: that
 * of the runner.
 */
#ifndef MW_RELOAD_H
#define MW_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/config.h"
#include "agent/loader.h"
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
  struct mw_loader loader;
  bool wanted;            /**< somebody wants it read, and it is not yet being read for that */
  bool anew;              /**< what is being read is wanted, and not found to have changed */
  bool unfinished;        /**< see struct mw_applied */
  int64_t loaded_wall_ns; /**< when the current one was */
  uint64_t reloads_total; /**< configurations that have taken the place of another */
  struct mw_buf mistakes; /**< lines about the one that was refused; empty: none was */
  struct mw_buf restarts; /**< keys that differ and need a restart, with ", " between them */
  struct mw_log_limit refusals;
};

/**
 * @param config that the runner was started with; a reference to it is taken.
 * @return 0, or -errno.
 */
int mw_reload_init(struct mw_reload *reload, const struct mw_config_request *request,
                   struct mw_config *config, struct mw_runner *runner, struct mw_error *err);

/** Accepts a zeroed one. @return false: reading hangs, long after @p deadline_ns; it is in use. */
bool mw_reload_stop(struct mw_reload *reload, int64_t deadline_ns);

/**
 * Have the configuration read, all scripts loaded, and what sinks write to opened, anew: by the new
 * configuration, or by the old one when there is a mistake. When it is being read already, it is
 * read once more behind that.
 */
void mw_reload_want(struct mw_reload *reload);

/** Is something wanted, or being read? */
bool mw_reload_is_busy(const struct mw_reload *reload);

/** Readable (poll(2)) when there is something to take. */
int mw_reload_fd(const struct mw_reload *reload);

/**
 * Take what was read, and begin with what is wanted. Without waiting.
 * @param rc becomes, when something was taken: 0; -EINVAL: there are mistakes, which were logged;
 * or why it could not be read, with @p err.
 * @return whether something was taken.
 */
bool mw_reload_take(struct mw_reload *reload, int *rc, struct mw_error *err);

/** Has a file changed? Then it is read. @return when to look again, in ns. */
int64_t mw_reload_look(struct mw_reload *reload);

#endif
