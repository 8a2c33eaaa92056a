/**
 * @file runner.h
 * The agent at work: its scripts (agent/crew.h), every sink with its cursor, and what they share.
 * It has no loop of its own: whoever owns it calls mw_runner_look now and then, from one thread.
 * What runs may change meanwhile (agent/apply.h).
 */
#ifndef MW_RUNNER_H
#define MW_RUNNER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/crew.h"
#include "agent/folders.h"
#include "agent/settings.h"
#include "agent/sink.h"
#include "agent/worker.h"
#include "bindings/context.h"
#include "moonwatch/error.h"

struct mw_runner;

/** How long a start that fails waits for the end of what it has begun. */
#define MW_RUNNER_PATIENCE_NS (10 * MW_NS_PER_S)

/**
 * Start everything. A script that does not load is an error of this script alone.
 * @param settings borrowed, unless they say whose memory they are: then that is held.
 * @param hangs becomes true when it fails and what was started does not end: see mw_runner_stop.
 * @return NULL with @p err: no thread, no memory, or a sink that nobody knows (-EINVAL).
 */
struct mw_runner *mw_runner_start(const struct mw_settings *settings, bool *hangs,
                                  struct mw_error *err);

/** Have all scripts been loaded, and the sources spoken, or had their time? */
bool mw_runner_is_ready(struct mw_runner *runner);

/** Look for changed files, for sources that take too long, and for scripts that have gone.
 * @return when to look again, in ns. */
int64_t mw_runner_look(struct mw_runner *runner);

/** When to look again for changed files, by what the last look found. */
int64_t mw_runner_look_interval_ns(const struct mw_runner *runner, enum mw_watch_answer answer);

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
void mw_runner_reopen_sinks(struct mw_runner *runner);

/* ---- For agent/apply.h: what runs is changed ---- */

/** What of the settings is neither a script nor a sink, and needs no restart. */
void mw_runner_set_limits(struct mw_runner *runner, const struct mw_settings *settings);
struct mw_crew *mw_runner_crew(struct mw_runner *runner);
struct mw_folders *mw_runner_folders(struct mw_runner *runner);

/** What @p order points to is held. @return 0, -ENOMEM, or -EINVAL: an option is wrong. */
int mw_runner_add_sink(struct mw_runner *runner, const struct mw_script_order *order,
                       struct mw_error *err);

/**
 * Deliver what waits for it, for a moment, and end it. Those behind it move up. What it has not
 * delivered waits for the next one of its name.
 */
void mw_runner_remove_sink(struct mw_runner *runner, size_t index);
const struct mw_script_order *mw_runner_sink_order(const struct mw_runner *runner, size_t index);

/** Sinks have been changed: tell when none of them is left that was not given up. */
void mw_runner_note_sinks(struct mw_runner *runner);

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
