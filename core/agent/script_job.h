/**
 * @file script_job.h
 * A script as the job of a worker: loaded, run within its budget, its messages put into the queue.
 * Thread-safety: that of the worker; see worker.h.
 */
#ifndef MW_SCRIPT_JOB_H
#define MW_SCRIPT_JOB_H

#include "agent/folders.h"
#include "agent/settings.h"
#include "agent/task.h"
#include "agent/worker.h"
#include "bindings/context.h"
#include "moonwatch/queue.h"

/** The data of a worker's config; all of it is borrowed. */
struct mw_script_job {
  const struct mw_script_settings *settings;
  const char *const *script_dirs;
  struct mw_context *context;
  struct mw_group_ids *group_ids;
  struct mw_queue *queue;
  struct mw_folders *folders; /**< told of the script's files */
  void (*on_ready)(void *data);
  void *on_ready_data;
};

extern const struct mw_job_ops mw_script_job_ops;

/* ---- For jobs that run their script themselves ---- */

/** The data that an instance of mw_script_job_ops was opened with. */
void *mw_script_job_of(void *instance);

/** The task of an instance of mw_script_job_ops. */
struct mw_task *mw_script_job_task(void *instance);

/** Which limit a call that returned @p rc has gone beyond; @p err then names it, and its key. */
enum mw_limit mw_script_job_limit(void *instance, int rc, struct mw_error *err);

#endif
