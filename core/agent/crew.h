/**
 * @file crew.h
 * The scripts at work, each in a worker of its own: sources and checks, which may come, change and
 * go while the others work.
 *
 * The sources run first. When each has spoken once, or has had its time, the checks begin; what
 * comes later begins at once.
 *
 * Thread-safety: none, but that workers tell it by themselves that they are ready.
 */
#ifndef MW_CREW_H
#define MW_CREW_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/message.h"
#include "agent/script_job.h"
#include "agent/worker.h"
#include "base/gate.h"

/** How long the checks wait for the sources, and who waits for the agent for all. */
#define MW_CREW_PATIENCE_NS (10 * MW_NS_PER_S)

struct mw_crew_script;

/** What the scripts share; borrowed. */
struct mw_crew_shared {
  struct mw_context *context;
  struct mw_queue *queue;
  struct mw_folders *folders;
  struct mw_running *running; /**< NULL: what runs is not noted */
};

/** Its fields are private. */
struct mw_crew {
  struct mw_crew_shared shared;
  struct mw_gate gate;
  struct mw_group_ids group_ids;
  struct mw_crew_script *scripts[MW_SETTINGS_SCRIPTS_MAX];
  size_t count;
  struct mw_crew_script *leaving; /* those that are to end, as a list */
  int64_t began_ns;
  pthread_mutex_t mutex; /* guards the rest, and changes of the array of scripts */
  size_t silent;         /* sources that have not spoken */
  size_t unready;        /* scripts that are not ready */
  bool begun, released, ready;
};

void mw_crew_init(struct mw_crew *crew, unsigned parallel_runs);

/** To be told before the first script is added. */
void mw_crew_set_shared(struct mw_crew *crew, const struct mw_crew_shared *shared);

/** Start a script that is not there. A script that does not load is an error of this script alone.
 * @return 0; -ENOMEM; -E2BIG: there are MW_SETTINGS_SCRIPTS_MAX; or why there is no thread. */
int mw_crew_add(struct mw_crew *crew, const struct mw_script_order *order, struct mw_error *err);

/** What was added so far is the whole for now: the checks begin when its sources have spoken. */
void mw_crew_begin(struct mw_crew *crew);

/** The script is made of @p order when it is opened the next time, and (@p anew) soon. */
void mw_crew_change(struct mw_crew *crew, size_t index, const struct mw_script_order *order,
                    bool anew);

/** The script is to end; the run that is going on goes on. Those behind it move up. */
void mw_crew_remove(struct mw_crew *crew, size_t index);

/** Is one of this name about to end? It has to, before it can be added again. */
bool mw_crew_is_leaving(const struct mw_crew *crew, const char *name);
bool mw_crew_has_leaving(const struct mw_crew *crew);

/** Free those that have ended; what a source has said counts no more. */
void mw_crew_reap(struct mw_crew *crew);

/** Has each script been loaded, and each source spoken, or had its time? Once true, it stays so. */
bool mw_crew_is_ready(struct mw_crew *crew);

/** Let the checks begin without the sources when these take too long, look for changed files.
 * @return MW_WATCH_UNSETTLED: look again soon. */
enum mw_watch_answer mw_crew_look(struct mw_crew *crew);

/** How many compute at once, from now on. */
void mw_crew_set_parallel_runs(struct mw_crew *crew, unsigned parallel_runs);

/** End all, and interrupt those whose run takes longer than a moment. @return whether all have. */
bool mw_crew_stop(struct mw_crew *crew, int64_t deadline_ns);
void mw_crew_deinit(struct mw_crew *crew); /**< all have ended */

size_t mw_crew_count(const struct mw_crew *crew);
struct mw_worker *mw_crew_worker(const struct mw_crew *crew, size_t index);
const struct mw_script_settings *mw_crew_settings(const struct mw_crew *crew, size_t index);
const char *const *mw_crew_script_dirs(const struct mw_crew *crew, size_t index);

#endif
