#include "agent/worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/schedule.h"
#include "base/log.h"
#include "base/thread.h"

/* A script may use 128 KiB by recursion through the library, and the host's functions as much
 * again (script/script.h); libcurl, TLS and a resolver may be called from there. It is address
 * space: only what is touched becomes memory, about 40 KB. */
#define STACK_BYTES ((size_t)512 << 10)

#define INTERRUPT_EVERY_NS (10 * MW_NS_PER_MS)

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
  bool due_at_once;      /* its first run */
  int64_t held_until_ns; /* 0: not held */
  struct mw_penalty penalty;
  int64_t due_ns; /* of the run that goes on */
  struct mw_durations took, late;
  struct mw_worker_status status; /* what of it can be kept; state, next run and so on are made */
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

static int64_t wall_ns(void)
{
  return mw_clock_wall_ns(mw_clock_system());
}

static int64_t cpu_ns(void)
{
  struct timespec now;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * MW_NS_PER_S + now.tv_nsec;
}

static bool is_stopping(struct mw_worker *worker)
{
  pthread_mutex_lock(&worker->mutex);
  bool stopping = worker->stopping;
  pthread_mutex_unlock(&worker->mutex);
  return stopping;
}

/* Whoever ends has nobody left who waits for it. */
static void tell_ready(struct mw_worker *worker)
{
  if (worker->told_ready || is_stopping(worker))
    return;
  if (worker->ops->ready)
    worker->ops->ready(worker->data);
  worker->told_ready = true;
}

/* ---- Opening ---- */

enum opening {
  OPENING_FIRST,
  OPENING_RELOAD,  /* it has changed, or somebody wants it so */
  OPENING_RESTART, /* the same again: what is known of it holds on */
};

/* With the mutex held. */
static void plan_runs(struct mw_worker *worker, double interval_s)
{
  worker->status.interval_s = interval_s;
  if (worker->schedule.interval_ns > 0) {
    mw_schedule_set_interval(&worker->schedule, worker->name, interval_s, now_ns());
    return;
  }
  mw_schedule_init(&worker->schedule, worker->name, interval_s, now_ns());
  if (worker->due_at_once)
    mw_schedule_hurry(&worker->schedule, now_ns());
}

/* What a failed attempt was made of is watched as well: it may be what has to change. */
static void take_watch(struct mw_worker *worker, struct mw_watch *fresh, bool opened)
{
  struct mw_watch old = worker->watch;

  if (opened) {
    worker->watch = *fresh;
    *fresh = old;
  } else {
    mw_watch_merge(&worker->watch, fresh);
  }
}

/* Whoever changed it wants to see what it does. With the mutex held. */
static void note_reloaded(struct mw_worker *worker, const struct mw_error *restore_err)
{
  struct mw_worker_status *status = &worker->status;

  status->reloads_total++;
  snprintf(status->restore_error, sizeof status->restore_error, "%s",
           restore_err->code ? restore_err->text : "");
  mw_penalty_forgive(&worker->penalty);
  if (worker->released)
    mw_schedule_hurry(&worker->schedule, now_ns());
}

static void note_opened(struct mw_worker *worker, void *instance, enum opening opening,
                        const struct mw_error *err)
{
  struct mw_worker_status *status = &worker->status;

  if (instance) {
    plan_runs(worker, worker->ops->interval_s(instance));
    status->memory_bytes = worker->ops->memory_bytes(instance);
    status->load_error[0] = '\0';
    if (opening != OPENING_RESTART)
      status->error[0] = '\0';
    worker->held_until_ns = 0;
  } else if (worker->instance) {
    snprintf(status->load_error, sizeof status->load_error, "%s", err->text);
  } else {
    snprintf(status->error, sizeof status->error, "%s", err->text);
  }
}

/* A file that is gone means that the script is not wanted any more; one that is wrong does not. */
static bool is_gone(const void *instance, const struct mw_error *err)
{
  return !instance && err->code == ENOENT;
}

static void log_opened(struct mw_worker *worker, const void *instance, enum opening opening,
                       const struct mw_error *err)
{
  bool is_first = worker->status.reloads_total == 0 && !worker->instance;

  if (!instance && worker->instance)
    mw_log(MW_LOG_ERROR, worker->name, "%s; %s", err->text,
           is_gone(instance, err) ? "it stops until its file is back" : "the old one goes on");
  else if (!instance)
    mw_log(MW_LOG_ERROR, worker->name, "%s", err->text);
  else if (!is_first && opening != OPENING_RESTART)
    mw_log(MW_LOG_INFO, worker->name, "was loaded anew");
}

/* An instance that was made, or was not. */
struct attempt {
  enum opening opening;
  void *instance; /* NULL: it could not be opened */
  struct mw_watch watch;
  struct mw_error err, restore_err; /* their codes are 0: fine */
};

/* @return what is to be closed: the old one, when another takes its place. */
static void *take_instance(struct mw_worker *worker, struct attempt *attempt)
{
  const struct mw_error *err = &attempt->err;
  enum opening opening = attempt->opening;
  void *instance = attempt->instance, *unwanted = NULL;

  log_opened(worker, instance, opening, err);
  if (instance && attempt->restore_err.code)
    mw_log(MW_LOG_WARN, worker->name, "keeps nothing of what the old one knew: %s",
           attempt->restore_err.text);
  pthread_mutex_lock(&worker->mutex);
  if (instance || is_gone(instance, err)) {
    unwanted = worker->instance;
    worker->instance = NULL;
  }
  note_opened(worker, instance, opening, err);
  take_watch(worker, &attempt->watch, instance != NULL);
  if (instance)
    worker->instance = instance;
  if (instance && opening == OPENING_RELOAD)
    note_reloaded(worker, &attempt->restore_err);
  pthread_mutex_unlock(&worker->mutex);
  if (opening != OPENING_RESTART)
    worker->log_limit = (struct mw_log_limit){0}; /* another script: its errors are news */
  return unwanted;
}

/* Finalizers of the script run then. */
static void close_instance(struct mw_worker *worker, void *instance)
{
  mw_running_note(worker->slot, MW_RUNNING_RUNNING);
  worker->ops->close(instance);
  mw_running_note(worker->slot, MW_RUNNING_IDLE);
}

static void open_once(struct mw_worker *worker, struct attempt *attempt)
{
  attempt->instance = worker->ops->open(worker->data, &attempt->watch, &attempt->err);
}

/* One that was given only a part of what the old one keeps may be in any condition. */
static void hand_over(struct mw_worker *worker, struct attempt *attempt)
{
  if (!worker->ops->hand_over || !worker->instance || !attempt->instance ||
      worker->ops->hand_over(worker->instance, attempt->instance, &attempt->restore_err) == 0)
    return;
  worker->ops->close(attempt->instance);
  open_once(worker, attempt);
}

/* What the end of the program interrupts has not failed. */
static void open_job(struct mw_worker *worker, enum opening opening)
{
  struct attempt attempt = {.opening = opening};

  if (!mw_gate_enter(worker->gate))
    return;
  mw_running_note(worker->slot, MW_RUNNING_OPENING);
  open_once(worker, &attempt);
  if (opening == OPENING_RELOAD)
    hand_over(worker, &attempt);
  mw_running_note(worker->slot, MW_RUNNING_IDLE);
  mw_gate_leave(worker->gate);
  void *unwanted = is_stopping(worker) ? attempt.instance : take_instance(worker, &attempt);
  if (unwanted)
    close_instance(worker, unwanted);
  if (attempt.instance)
    mw_running_note_opened(worker->slot);
  mw_watch_deinit(&attempt.watch);
}

/* ---- Runs ---- */

struct outcome {
  int rc;
  enum mw_limit limit;
  int64_t late_ns, took_ns, cpu_ns;
  struct mw_error err;
};

/* With the mutex held. */
static void count_run(struct mw_worker *worker, const struct outcome *outcome)
{
  struct mw_worker_status *status = &worker->status;
  bool failed = outcome->rc < 0;

  mw_durations_add(&worker->took, outcome->took_ns);
  mw_durations_add(&worker->late, outcome->late_ns);
  status->runs_total++;
  status->failures_total += failed;
  status->over_budget_total += outcome->limit != MW_LIMIT_NONE;
  status->last_cpu_ns = outcome->cpu_ns;
  if (outcome->cpu_ns > status->max_cpu_ns)
    status->max_cpu_ns = outcome->cpu_ns;
  status->memory_bytes = worker->ops->memory_bytes(worker->instance);
  snprintf(status->error, sizeof status->error, "%s", failed ? outcome->err.text : "");
}

static void log_run(struct mw_worker *worker, const struct outcome *outcome, bool had_failed)
{
  if (outcome->rc < 0)
    mw_log_limited(&worker->log_limit, MW_LOG_ERROR, worker->name, "%s", outcome->err.text);
  else if (had_failed)
    mw_log(MW_LOG_INFO, worker->name, "runs without errors again");
}

/* The state that went over its limit may be in any condition: another one takes its place. */
static void punish(struct mw_worker *worker)
{
  open_job(worker, OPENING_RESTART);
  pthread_mutex_lock(&worker->mutex);
  int64_t pause_ns = mw_penalty_offend_ns(&worker->penalty);
  unsigned offences = worker->penalty.offences;
  if (pause_ns > 0)
    worker->held_until_ns = now_ns() + pause_ns;
  pthread_mutex_unlock(&worker->mutex);
  if (pause_ns > 0)
    mw_log(MW_LOG_WARN, worker->name, "was over its budget %u times in a row: it pauses for %lld s",
           offences, (long long)(pause_ns / MW_NS_PER_S));
}

static void do_run(struct mw_worker *worker, struct outcome *outcome)
{
  int64_t began_ns = now_ns(), cpu_before_ns = cpu_ns();

  pthread_mutex_lock(&worker->mutex);
  worker->status.last_run_wall_ns = wall_ns();
  outcome->late_ns = began_ns - worker->due_ns;
  pthread_mutex_unlock(&worker->mutex);
  outcome->limit = MW_LIMIT_NONE;
  mw_running_note(worker->slot, MW_RUNNING_RUNNING);
  outcome->rc = worker->ops->run(worker->instance, &outcome->limit, &outcome->err);
  mw_running_note(worker->slot, MW_RUNNING_IDLE);
  outcome->took_ns = now_ns() - began_ns;
  outcome->cpu_ns = cpu_ns() - cpu_before_ns;
}

static void run_once(struct mw_worker *worker)
{
  struct outcome outcome;

  if (!mw_gate_enter(worker->gate))
    return;
  do_run(worker, &outcome);
  mw_gate_leave(worker->gate);

  pthread_mutex_lock(&worker->mutex);
  bool had_failed = worker->status.error[0] != '\0';
  bool stopping = worker->stopping;
  worker->running = false;
  worker->status.skips_total += mw_schedule_advance(&worker->schedule, now_ns());
  worker->ops->watch(worker->instance, &worker->watch);
  if (!stopping)
    count_run(worker, &outcome);
  if (outcome.limit == MW_LIMIT_NONE)
    mw_penalty_forgive(&worker->penalty);
  pthread_mutex_unlock(&worker->mutex);
  if (stopping)
    return;
  log_run(worker, &outcome, had_failed);
  if (outcome.limit != MW_LIMIT_NONE)
    punish(worker);
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
  return worker->held_until_ns > worker->schedule.due_ns ? worker->held_until_ns
                                                         : worker->schedule.due_ns;
}

static void begin_run(struct mw_worker *worker)
{
  /* Points of the grid that pass during a pause are nobody's. */
  if (worker->held_until_ns > worker->schedule.due_ns || worker->run_wanted)
    worker->schedule.due_ns = now_ns();
  worker->due_ns = worker->schedule.due_ns;
  worker->held_until_ns = 0;
  worker->run_wanted = worker->due_at_once = false;
  worker->running = true;
}

/* With the mutex held, which is given up meanwhile. */
static enum work wait_for_work(struct mw_worker *worker)
{
  for (;;) {
    if (worker->stopping)
      return WORK_END;
    if (worker->reload_wanted) {
      worker->reload_wanted = false;
      return WORK_RELOAD;
    }
    int64_t at_ns = next_run_ns(worker);
    if (at_ns <= now_ns()) {
      begin_run(worker);
      return WORK_RUN;
    }
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
  open_job(worker, OPENING_FIRST);
  if (!worker->instance || !worker->due_at_once)
    tell_ready(worker);
  while ((next = next_work(worker)) != WORK_END) {
    if (next == WORK_RELOAD)
      open_job(worker, OPENING_RELOAD);
    else
      run_once(worker);
    tell_ready(worker);
  }
  if (worker->instance)
    close_instance(worker, worker->instance);
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
    if (now_ns() >= deadline_ns)
      return false;
    interrupt_all(workers, count);
    until_ns = now_ns() + INTERRUPT_EVERY_NS;
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
  return worker->held_until_ns > now_ns() ? MW_WORKER_HELD : MW_WORKER_WAITING;
}

void mw_worker_release(struct mw_worker *worker)
{
  pthread_mutex_lock(&worker->mutex);
  if (!worker->released && worker->schedule.interval_ns > 0 && !worker->due_at_once &&
      worker->status.runs_total == 0)
    mw_schedule_init(&worker->schedule, worker->name, worker->status.interval_s, now_ns());
  worker->released = true;
  pthread_cond_broadcast(&worker->changed);
  pthread_mutex_unlock(&worker->mutex);
}

void mw_worker_stop(struct mw_worker *worker)
{
  set(worker, &worker->stopping);
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
    mw_schedule_init(&worker->schedule, worker->name, worker->status.interval_s, now_ns());
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
  int64_t at_ns = next_run_ns(worker);
  int64_t in_ns = at_ns - now_ns();
  out->next_run_in_ns = at_ns == INT64_MAX ? -1 : in_ns > 0 ? in_ns : 0;
  mw_durations_summarise(&worker->took, &out->took);
  mw_durations_summarise(&worker->late, &out->late);
  pthread_mutex_unlock(&worker->mutex);
}

const char *mw_worker_name(const struct mw_worker *worker)
{
  return worker->name;
}
