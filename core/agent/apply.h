/**
 * @file apply.h
 * Other settings for an agent that runs, applied by difference: what is new is started, what is
 * gone ends, what differs is changed, and the rest notices nothing.
 *
 * A script whose interval, options, budget, priority, time until it is stale or folders differ is
 * loaded anew, as when its file changes. A sink that differs is ended and started. Keys that need a
 * restart are left as they are.
 *
 * Thread-safety: as the runner.
 */
#ifndef MW_APPLY_H
#define MW_APPLY_H

#include "agent/runner.h"

struct mw_applied {
  size_t started, stopped, changed; /**< scripts and sinks; started, or tried to */
  bool unfinished; /**< a script waits for another one of its name to end: apply the same again */
};

/**
 * @param settings held by their configuration.
 * @param anew load every script, and open what sinks write to, anew.
 * What cannot be started, for want of memory or threads, is logged.
 */
void mw_apply(struct mw_runner *runner, const struct mw_settings *settings, bool anew,
              struct mw_applied *out);

#endif
