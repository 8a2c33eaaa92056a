/**
 * @file script_job.h
 * A script as the job of a worker: loaded, run within its budget, its messages put into the queue.
 * Thread-safety: that of the worker; see worker.h.
 */
#ifndef MW_SCRIPT_JOB_H
#define MW_SCRIPT_JOB_H

#include <pthread.h>

#include "agent/folders.h"
#include "agent/running.h"
#include "agent/settings.h"
#include "agent/task.h"
#include "agent/worker.h"
#include "bindings/context.h"
#include "moonwatch/queue.h"

/** What a script is made of. */
struct mw_script_order {
  const struct mw_script_settings *settings;
  const char *const *script_dirs;
  struct mw_config *config; /**< whose memory these are; NULL: for good */
};

/** The data of a worker's config; all of it is borrowed, but for the order's configuration, to
 * which the job and each instance have a reference. */
struct mw_script_job {
  struct mw_script_order order; /**< set by mw_script_job_order alone */
  pthread_mutex_t mutex;        /**< guards the order */
  struct mw_context *context;
  struct mw_group_ids *group_ids;
  struct mw_queue *queue;
  struct mw_folders *folders;   /**< told of the script's files */
  struct mw_running_slot *slot; /**< may be NULL; asked whether it may be loaded */
  void (*on_ready)(void *data);
  void *on_ready_data;
};

extern const struct mw_job_ops mw_script_job_ops;

/* ---- For jobs that run their script themselves ---- */

/** The data that an instance of mw_script_job_ops was opened with. */
void *mw_script_job_of(void *instance);

/** The settings that the instance was made of. */
const struct mw_script_settings *mw_script_job_settings(const void *instance);

/** The task of an instance of mw_script_job_ops. */
struct mw_task *mw_script_job_task(void *instance);

/** Which limit a call that returned @p rc has gone beyond; @p err then names it, and its key. */
enum mw_limit mw_script_job_limit(void *instance, int rc, struct mw_error *err);
void mw_script_job_init(struct mw_script_job *job);   /**< its mutex and its order */
void mw_script_job_deinit(struct mw_script_job *job); /**< its worker is gone */

/** What is opened from now on is made of @p order; what is open stays as it is. Any thread. */
void mw_script_job_order(struct mw_script_job *job, const struct mw_script_order *order);

#endif
