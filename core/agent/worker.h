/**
 * @file worker.h
 * One thread that does one job over and over: when its schedule says so, while the gate lets it in.
 * It knows nothing of scripts; what a job is, is told by its functions, which are called by the
 * worker's thread alone.
 *
 * A job that cannot be opened is opened again when one of its files changes, or, where memory,
 * descriptors or threads were lacking, after a while. A job that is open is
 * opened a second time when one of its files changes, between two runs; if that succeeds the new
 * one is given what the old one keeps, takes its place, and runs at once; else the old one goes on.
 *
 * Thread-safety: every function may be called from any thread, but for start, wait and free.
 */
#ifndef MW_WORKER_H
#define MW_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/durations.h"
#include "agent/running.h"
#include "agent/watch.h"
#include "base/gate.h"
#include "moonwatch/error.h"

struct mw_worker;

/** What a run was stopped for, or has gone beyond. */
enum mw_limit {
  MW_LIMIT_NONE,
  MW_LIMIT_CPU,
  MW_LIMIT_WALL,
  MW_LIMIT_MEMORY,
  MW_LIMIT_MESSAGES,
};

/** What a run has used. */
struct mw_job_usage {
  size_t memory_peak_bytes; /**< since the instance was opened */
  uint64_t messages_count, messages_bytes, http_requests_count;
};

struct mw_job_ops {
  /** @return an instance, ready to run, or NULL with @p err. Tells @p watch what it was made of. */
  void *(*open)(void *data, struct mw_watch *watch, struct mw_error *err);
  void (*close)(void *instance);

  /**
   * Give @p fresh, which was opened and has not run, what @p old keeps; NULL: nothing is kept.
   * @return 0, or -errno with @p err: @p fresh is then opened again, and begins with nothing.
   */
  int (*hand_over)(void *old, void *fresh, struct mw_error *err);
  double (*interval_s)(void *instance);

  /** @return 0 or -errno with @p err. @p limit, which is MW_LIMIT_NONE, may become another one. */
  int (*run)(void *instance, enum mw_limit *limit, struct mw_error *err);

  /** After a run: when the next one may begin, on the monotonic clock, unless somebody asks for it.
   *  NULL: whenever it is planned. */
  int64_t (*not_before_ns)(void *instance);

  /** After a run: tell @p watch of files that were read since it was opened. */
  void (*watch)(void *instance, struct mw_watch *watch);
  size_t (*memory_bytes)(void *instance);
  void (*usage)(void *instance, struct mw_job_usage *out); /**< after a run; NULL: nobody knows */

  /** The first run is over, or there will be none for now. Not told by one that is to end. */
  void (*ready)(void *data);

  /** Make what runs in @p thread end soon; called again and again until it has. */
  void (*interrupt)(pthread_t thread);
};

struct mw_worker_config {
  const char *kind, *name; /**< "check", "container_rt"; copied */
  const struct mw_job_ops *ops;
  void *data;           /**< borrowed */
  struct mw_gate *gate; /**< borrowed */
  bool runs_at_once;    /**< its first run does not wait for mw_worker_release */
  int64_t reopen_ns; /**< between tries to open what the system lacked the means for; 0: a minute */
  struct mw_running_slot *slot; /**< borrowed; NULL: what it does is not noted */
};

enum mw_worker_state {
  MW_WORKER_OPENING,
  MW_WORKER_BROKEN,      /**< could not be opened: the error says why */
  MW_WORKER_WAITING,     /**< for its time */
  MW_WORKER_RUNNING,     /**< or waiting for the gate */
  MW_WORKER_PAUSED,      /**< somebody wants it so */
  MW_WORKER_HELD,        /**< was over its budget again and again */
  MW_WORKER_QUARANTINED, /**< as broken; it brought the last agent down */
};

struct mw_worker_status {
  const char *kind, *name; /**< valid as long as the worker */
  enum mw_worker_state state;
  double interval_s;
  int64_t last_run_wall_ns;         /**< its start; 0: none yet */
  int64_t next_run_in_ns;           /**< negative: none is planned */
  struct mw_durations_summary took; /**< runs */
  struct mw_durations_summary late; /**< runs began behind their time: waits for the gate count */
  int64_t last_cpu_ns, max_cpu_ns;
  size_t memory_bytes;
  struct mw_job_usage last, most; /**< of the last run; the most of each since it was loaded */
  int64_t loaded_wall_ns;         /**< since when this version of it is at work; 0: none is */
  int64_t held_for_ns;            /**< of MW_WORKER_HELD: until it goes on */
  unsigned offences;              /**< runs over the budget, one after the other */
  uint64_t runs_total, failures_total, skips_total, over_budget_total, reloads_total;
  char error[MW_ERROR_TEXT_BYTES];         /**< of the last run, or why it is broken; "": fine */
  char load_error[MW_ERROR_TEXT_BYTES];    /**< of a reload: the old one goes on; "": fine */
  char restore_error[MW_ERROR_TEXT_BYTES]; /**< of the last reload: it began with nothing */
  char last_error[MW_ERROR_TEXT_BYTES];    /**< of the last run that failed, since it was loaded */
  int64_t last_error_wall_ns;
};

/** @return NULL with @p err filled. */
struct mw_worker *mw_worker_start(const struct mw_worker_config *config, struct mw_error *err);

/** Its schedule begins now. */
void mw_worker_release(struct mw_worker *worker);

/** Ask it to end; the run that is going on goes on. */
void mw_worker_stop(struct mw_worker *worker);

/** Ask it to run once more, unless it is paused, and then to end. */
void mw_worker_finish(struct mw_worker *worker);

/**
 * Wait for the end of all, which have been asked to, until @p deadline_ns of the monotonic clock;
 * from @p interrupt_ns on interrupt what those do that have not ended. @return whether all have.
 */
bool mw_workers_wait(struct mw_worker *const *workers, size_t count, int64_t interrupt_ns,
                     int64_t deadline_ns);
bool mw_worker_has_ended(struct mw_worker *worker);

/** Free one that has ended, or ends soon. Accepts NULL. */
void mw_worker_free(struct mw_worker *worker);

/** Look at its files, and open it anew when they have changed, or (@p force) in any case. */
enum mw_watch_answer mw_worker_look(struct mw_worker *worker, bool force);

/** Also while it is paused. @return 0, or -EBADMSG: it is broken, and @p err says why. */
int mw_worker_run_now(struct mw_worker *worker, struct mw_error *err);
void mw_worker_pause(struct mw_worker *worker);
void mw_worker_resume(struct mw_worker *worker); /**< forgives it everything, quarantine too */

void mw_worker_status(struct mw_worker *worker, struct mw_worker_status *out);
const char *mw_worker_name(const struct mw_worker *worker);

#endif
