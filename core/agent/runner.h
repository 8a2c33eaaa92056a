/**
 * @file runner.h
 * The agent at work: every script of the settings in a worker of its own, every sink with its
 * cursor, and what they share. It has no loop of its own: whoever owns it calls mw_runner_look now
 * and then, from one thread.
 *
 * The sources run first. When each has spoken once, or has had its time, the checks begin.
 */
#ifndef MW_RUNNER_H
#define MW_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/message.h"
#include "agent/settings.h"
#include "agent/sink.h"
#include "agent/worker.h"
#include "bindings/context.h"
#include "moonwatch/error.h"

struct mw_runner;

/** How long the checks wait for the sources, and who waits for the agent for all. */
#define MW_RUNNER_PATIENCE_NS (10 * MW_NS_PER_S)

/**
 * Start everything. A script that does not load is an error of this script alone; without a sink
 * in the settings there is the sink stdout.
 * @param settings borrowed.
 * @param hangs becomes true when it fails and what was started does not end: see mw_runner_stop.
 * @return NULL with @p err: no thread, no memory, or a sink that nobody knows (-EINVAL).
 */
struct mw_runner *mw_runner_start(const struct mw_settings *settings, bool *hangs,
                                  struct mw_error *err);

/** Have all scripts been loaded, and the sources spoken, or had their time? */
bool mw_runner_is_ready(struct mw_runner *runner);

/** Look for changed files, and for sources that take too long. @return when to look again, in ns.
 */
int64_t mw_runner_look(struct mw_runner *runner);

/**
 * Readable (poll(2)) when files may have changed: take the hints, and look soon. -1: there will be
 * no hints.
 */
int mw_runner_hints_fd(const struct mw_runner *runner);

/** Readable (poll(2)) when no sink is left: nobody will ever read what is sent. */
int mw_runner_sinkless_fd(const struct mw_runner *runner);
bool mw_runner_take_hints(struct mw_runner *runner); /**< @return whether there was one */

/** Open what sinks write to anew, and load every script anew. */
void mw_runner_reload(struct mw_runner *runner);

/**
 * End all scripts, interrupting those that go on for longer than a moment, and deliver what there
 * is; all within @p timeout_ns. Frees the runner, unless something hangs: then the process has to
 * end without it. Accepts NULL. @return whether all has ended.
 */
bool mw_runner_stop(struct mw_runner *runner, int64_t timeout_ns);

/* For the status, and for whoever controls the agent. */
size_t mw_runner_workers_count(const struct mw_runner *runner);
struct mw_worker *mw_runner_worker(const struct mw_runner *runner, size_t index);
size_t mw_runner_sinks_count(const struct mw_runner *runner);
struct mw_sink *mw_runner_sink(const struct mw_runner *runner, size_t index);
struct mw_queue *mw_runner_queue(const struct mw_runner *runner);
struct mw_context *mw_runner_context(const struct mw_runner *runner);
const struct mw_budget *mw_runner_budget(const struct mw_runner *runner, size_t worker);
int64_t mw_runner_uptime_ns(const struct mw_runner *runner);

#endif
