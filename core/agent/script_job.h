/**
 * @file script_job.h
 * A script as the job of a worker: loaded, run within its budget, its messages put into the queue.
 * Thread-safety: that of the worker; see worker.h.
 */
#ifndef MW_SCRIPT_JOB_H
#define MW_SCRIPT_JOB_H

#include "agent/folders.h"
#include "agent/running.h"
#include "agent/settings.h"
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
  struct mw_folders *folders;   /**< told of the script's files */
  struct mw_running_slot *slot; /**< may be NULL; asked whether it may be loaded */
  void (*on_ready)(void *data);
  void *on_ready_data;
};

extern const struct mw_job_ops mw_script_job_ops;

#endif
