/**
 * @file worker_internal.h
 * What the parts of a worker share; nobody else includes it. What is done with the job is in
 * worker_job.c, when it is done, and what others want, in worker.c.
 */
#ifndef MW_WORKER_INTERNAL_H
#define MW_WORKER_INTERNAL_H

#include "agent/schedule.h"
#include "agent/worker.h"
#include "base/log.h"

struct mw_worker {
  char *kind, *name;
  const struct mw_job_ops *ops;
  void *data;
  struct mw_gate *gate;
  struct mw_running_slot *slot;
  pthread_t thread;

  /* The thread's own. */
  void *instance; /* NULL: broken */
  struct mw_log_limit log_limit;
  bool told_ready;

  pthread_cond_t changed;
  pthread_mutex_t mutex; /* guards the rest; never held while the job is opened or runs */
  struct mw_watch watch;
  struct mw_schedule schedule;
  bool released, stopping, ended, reload_wanted, run_wanted, paused, running;
  bool finishing;                  /* it ends when no run is wanted any more */
  bool due_at_once;                /* its first run */
  int64_t not_before_ns;           /* that the job wants */
  int64_t held_until_ns;           /* 0: not held */
  int64_t reopen_ns, reopen_at_ns; /* INT64_MAX: only when a file changes */
  struct mw_penalty penalty;
  int64_t due_ns; /* of the run that goes on */
  struct mw_durations took, late;
  struct mw_worker_status status; /* what of it can be kept; state, next run and so on are made */
};

enum mw_opening {
  MW_OPENING_FIRST,
  MW_OPENING_RELOAD,  /* it has changed, or somebody wants it so */
  MW_OPENING_RESTART, /* the same again: what is known of it holds on */
};

int64_t mw_worker_now_ns(void);
bool mw_worker_is_stopping(struct mw_worker *worker);

/* For the worker's thread, without the mutex. */

/** Open the job, once it is let in; it takes the place of the one that is open. What the end of the
 * program interrupts has not failed. */
void mw_worker_open_job(struct mw_worker *worker, enum mw_opening opening);

/** Run the job, once it is let in. One that went over a limit is opened again. */
void mw_worker_run_job(struct mw_worker *worker);

/** Finalizers of a script run then. */
void mw_worker_close_instance(struct mw_worker *worker, void *instance);

#endif
