#include "agent/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/worker_internal.h"
#include "base/thread.h"

/* A script may use 128 KiB by recursion through the library, and the host's functions as much
 * again (script/script.h); libcurl, TLS and a resolver may be called from there. It is address
 * space: only what is touched becomes memory, about 40 KB. */
#define STACK_BYTES ((size_t)512 << 10)

#define REOPEN_DEFAULT_NS (60 * MW_NS_PER_S)
#define INTERRUPT_EVERY_NS (10 * MW_NS_PER_MS)

int64_t mw_worker_now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

bool mw_worker_is_stopping(struct mw_worker *worker)
{
  pthread_mutex_lock(&worker->mutex);
  bool stopping = worker->stopping;
  pthread_mutex_unlock(&worker->mutex);
  return stopping;
}

/* Whoever ends has nobody left who waits for it. */
static void tell_ready(struct mw_worker *worker)
{
  if (worker->told_ready || mw_worker_is_stopping(worker))
    return;
  if (worker->ops->ready)
    worker->ops->ready(worker->data);
  worker->told_ready = true;
}

/* ---- The thread ---- */

enum work { WORK_END, WORK_RELOAD, WORK_RUN };

/* When the next run is, all told. With the mutex held. @return INT64_MAX: none is planned. */
static int64_t next_run_ns(const struct mw_worker *worker)
{
  if (worker->instance && worker->run_wanted)
    return 0;
  if (!worker->instance || worker->paused || (!worker->released && !worker->due_at_once))
    return INT64_MAX;
  int64_t at_ns = worker->schedule.due_ns;
  if (worker->held_until_ns > at_ns)
    at_ns = worker->held_until_ns;
  return worker->not_before_ns > at_ns ? worker->not_before_ns : at_ns;
}

static void begin_run(struct mw_worker *worker)
{
  /* Points of the grid that pass during a pause are nobody's. */
  if (worker->held_until_ns > worker->schedule.due_ns || worker->run_wanted)
    worker->schedule.due_ns = mw_worker_now_ns();
  worker->due_ns = worker->schedule.due_ns;
  worker->held_until_ns = 0;
  worker->run_wanted = worker->due_at_once = false;
  worker->running = true;
}

/* With the mutex held, which is given up meanwhile. */
static enum work wait_for_work(struct mw_worker *worker)
{
  for (;;) {
    if (worker->stopping || (worker->finishing && !(worker->run_wanted && worker->instance)))
      return WORK_END;
    if (worker->reload_wanted || worker->reopen_at_ns <= mw_worker_now_ns()) {
      worker->reload_wanted = false;
      return WORK_RELOAD;
    }
    int64_t at_ns = next_run_ns(worker);
    if (at_ns <= mw_worker_now_ns()) {
      begin_run(worker);
      return WORK_RUN;
    }
    if (worker->reopen_at_ns < at_ns)
      at_ns = worker->reopen_at_ns;
    struct timespec until = {.tv_sec = at_ns / MW_NS_PER_S, .tv_nsec = at_ns % MW_NS_PER_S};
    pthread_cond_timedwait(&worker->changed, &worker->mutex, &until);
  }
}

static enum work next_work(struct mw_worker *worker)
{
  pthread_mutex_lock(&worker->mutex);
  enum work work = wait_for_work(worker);
  pthread_mutex_unlock(&worker->mutex);
  return work;
}

static void set(struct mw_worker *worker, bool *flag)
{
  pthread_mutex_lock(&worker->mutex);
  *flag = true;
  pthread_cond_broadcast(&worker->changed);
  pthread_mutex_unlock(&worker->mutex);
}

static void *work(void *data)
{
  struct mw_worker *worker = data;
  char thread_name[16]; /* as much as the kernel keeps */
  enum work next;

  snprintf(thread_name, sizeof thread_name, "%s", worker->name);
  pthread_setname_np(pthread_self(), thread_name);
  mw_running_enter_thread(worker->slot);
  mw_worker_open_job(worker, MW_OPENING_FIRST);
  if (!worker->instance || !worker->due_at_once)
    tell_ready(worker);
  while ((next = next_work(worker)) != WORK_END) {
    if (next == WORK_RELOAD)
      mw_worker_open_job(worker, MW_OPENING_RELOAD);
    else
      mw_worker_run_job(worker);
    tell_ready(worker);
  }
  if (worker->instance)
    mw_worker_close_instance(worker, worker->instance);
  mw_running_leave_thread();
  set(worker, &worker->ended);
  return NULL;
}

/* ---- Life cycle ---- */

static void free_worker(struct mw_worker *worker)
{
  mw_watch_deinit(&worker->watch);
  pthread_cond_destroy(&worker->changed);
  pthread_mutex_destroy(&worker->mutex);
  free(worker->kind);
  free(worker->name);
  free(worker);
}

/* Signals are for the program's first thread; that of deadlines is unblocked where a script runs.
 */
static int start_thread(struct mw_worker *worker, struct mw_error *err)
{
  int rc = mw_thread_start(&worker->thread, STACK_BYTES, work, worker);

  return rc == 0 ? 0
                 : mw_error_set(err, -rc, "cannot start the thread of %s %s: %s", worker->kind,
                                worker->name, strerror(-rc));
}

struct mw_worker *mw_worker_start(const struct mw_worker_config *config, struct mw_error *err)
{
  struct mw_worker *worker = calloc(1, sizeof *worker);

  if (!worker) {
    mw_error_set(err, ENOMEM, "out of memory for %s %s", config->kind, config->name);
    return NULL;
  }
  worker->ops = config->ops;
  worker->data = config->data;
  worker->gate = config->gate;
  worker->slot = config->slot;
  worker->due_at_once = config->runs_at_once;
  worker->reopen_ns = config->reopen_ns > 0 ? config->reopen_ns : REOPEN_DEFAULT_NS;
  worker->reopen_at_ns = INT64_MAX;
  pthread_mutex_init(&worker->mutex, NULL);
  mw_cond_init(&worker->changed);
  worker->kind = strdup(config->kind);
  worker->name = strdup(config->name);
  if (!worker->kind || !worker->name)
    mw_error_set(err, ENOMEM, "out of memory for %s %s", config->kind, config->name);
  else if (start_thread(worker, err) == 0)
    return worker;
  free_worker(worker);
  return NULL;
}

/* @return whether it has ended. */
static bool wait_for_end(struct mw_worker *worker, int64_t until_ns)
{
  struct timespec until = {.tv_sec = until_ns / MW_NS_PER_S, .tv_nsec = until_ns % MW_NS_PER_S};
  int rc = 0;

  pthread_mutex_lock(&worker->mutex);
  while (!worker->ended && rc == 0)
    rc = pthread_cond_timedwait(&worker->changed, &worker->mutex, &until);
  bool ended = worker->ended;
  pthread_mutex_unlock(&worker->mutex);
  return ended;
}

static bool wait_for_all(struct mw_worker *const *workers, size_t count, int64_t until_ns)
{
  bool all = true;

  for (size_t i = 0; i < count; i++)
    all = wait_for_end(workers[i], until_ns) && all;
  return all;
}

static void interrupt_all(struct mw_worker *const *workers, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (workers[i]->ops->interrupt && !mw_worker_has_ended(workers[i]))
      workers[i]->ops->interrupt(workers[i]->thread);
}

bool mw_worker_has_ended(struct mw_worker *worker)
{
  pthread_mutex_lock(&worker->mutex);
  bool ended = worker->ended;
  pthread_mutex_unlock(&worker->mutex);
  return ended;
}

/* In rounds over all: one that is stuck must not use up the time of the others. */
bool mw_workers_wait(struct mw_worker *const *workers, size_t count, int64_t interrupt_ns,
                     int64_t deadline_ns)
{
  int64_t until_ns = interrupt_ns < deadline_ns ? interrupt_ns : deadline_ns;

  while (!wait_for_all(workers, count, until_ns)) {
    if (mw_worker_now_ns() >= deadline_ns)
      return false;
    interrupt_all(workers, count);
    until_ns = mw_worker_now_ns() + INTERRUPT_EVERY_NS;
  }
  return true;
}

void mw_worker_free(struct mw_worker *worker)
{
  if (!worker)
    return;
  pthread_join(worker->thread, NULL);
  free_worker(worker);
}

/* ---- What others want ---- */

static enum mw_worker_state state_of(const struct mw_worker *worker)
{
  if (worker->running)
    return MW_WORKER_RUNNING;
  if (!worker->instance && !*worker->status.error)
    return MW_WORKER_OPENING;
  if (!worker->instance)
    return mw_running_is_quarantined(worker->slot) ? MW_WORKER_QUARANTINED : MW_WORKER_BROKEN;
  if (worker->paused)
    return MW_WORKER_PAUSED;
  return worker->held_until_ns > mw_worker_now_ns() ? MW_WORKER_HELD : MW_WORKER_WAITING;
}

void mw_worker_release(struct mw_worker *worker)
{
  pthread_mutex_lock(&worker->mutex);
  if (!worker->released && worker->schedule.interval_ns > 0 && !worker->due_at_once &&
      worker->status.runs_total == 0)
    mw_schedule_init(&worker->schedule, worker->name, worker->status.interval_s,
                     mw_worker_now_ns());
  worker->released = true;
  pthread_cond_broadcast(&worker->changed);
  pthread_mutex_unlock(&worker->mutex);
}

void mw_worker_stop(struct mw_worker *worker)
{
  set(worker, &worker->stopping);
}

void mw_worker_finish(struct mw_worker *worker)
{
  pthread_mutex_lock(&worker->mutex);
  worker->finishing = true;
  worker->run_wanted = !worker->paused;
  pthread_cond_broadcast(&worker->changed);
  pthread_mutex_unlock(&worker->mutex);
}

int mw_worker_run_now(struct mw_worker *worker, struct mw_error *err)
{
  int rc = 0;

  pthread_mutex_lock(&worker->mutex);
  enum mw_worker_state state = state_of(worker);
  if (state == MW_WORKER_BROKEN || state == MW_WORKER_QUARANTINED)
    rc = mw_error_set(err, EBADMSG, "%s cannot run: %s", worker->name, worker->status.error);
  worker->run_wanted |= rc == 0;
  pthread_cond_broadcast(&worker->changed);
  pthread_mutex_unlock(&worker->mutex);
  return rc;
}

void mw_worker_pause(struct mw_worker *worker)
{
  set(worker, &worker->paused);
}

void mw_worker_resume(struct mw_worker *worker)
{
  pthread_mutex_lock(&worker->mutex);
  if ((worker->paused || worker->held_until_ns > 0) && worker->schedule.interval_ns > 0)
    mw_schedule_init(&worker->schedule, worker->name, worker->status.interval_s,
                     mw_worker_now_ns());
  worker->paused = false;
  worker->held_until_ns = 0;
  mw_penalty_forgive(&worker->penalty);
  if (mw_running_is_quarantined(worker->slot)) {
    mw_running_forgive(worker->slot);
    worker->reload_wanted = true;
  }
  pthread_cond_broadcast(&worker->changed);
  pthread_mutex_unlock(&worker->mutex);
}

enum mw_watch_answer mw_worker_look(struct mw_worker *worker, bool force)
{
  pthread_mutex_lock(&worker->mutex);
  enum mw_watch_answer answer = mw_watch_look(&worker->watch);
  if (answer == MW_WATCH_CHANGED || force) {
    mw_watch_settle(&worker->watch);
    worker->reload_wanted = true;
    pthread_cond_broadcast(&worker->changed);
  }
  pthread_mutex_unlock(&worker->mutex);
  return answer;
}

/* ---- Status ---- */

void mw_worker_status(struct mw_worker *worker, struct mw_worker_status *out)
{
  pthread_mutex_lock(&worker->mutex);
  *out = worker->status;
  out->kind = worker->kind;
  out->name = worker->name;
  out->state = state_of(worker);
  out->offences = worker->penalty.offences;
  out->held_for_ns = out->state == MW_WORKER_HELD ? worker->held_until_ns - mw_worker_now_ns() : 0;
  if (!worker->instance)
    out->loaded_wall_ns = 0;
  int64_t at_ns = next_run_ns(worker);
  int64_t in_ns = at_ns - mw_worker_now_ns();
  out->next_run_in_ns = at_ns == INT64_MAX ? -1 : in_ns > 0 ? in_ns : 0;
  mw_durations_summarise(&worker->took, &out->took);
  mw_durations_summarise(&worker->late, &out->late);
  pthread_mutex_unlock(&worker->mutex);
}

const char *mw_worker_name(const struct mw_worker *worker)
{
  return worker->name;
}
