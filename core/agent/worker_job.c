/* What a worker does with its job: opens it, again when it has changed, and runs it. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "agent/worker_internal.h"

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

/* ---- Opening ---- */

/* With the mutex held. */
static void plan_runs(struct mw_worker *worker, double interval_s)
{
  worker->status.interval_s = interval_s;
  if (worker->schedule.interval_ns > 0) {
    mw_schedule_set_interval(&worker->schedule, worker->name, interval_s, mw_worker_now_ns());
    return;
  }
  mw_schedule_init(&worker->schedule, worker->name, interval_s, mw_worker_now_ns());
  if (worker->due_at_once)
    mw_schedule_hurry(&worker->schedule, mw_worker_now_ns());
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

/* What was known of the old one says nothing of another. */
static void note_new_version(struct mw_worker_status *status)
{
  status->error[0] = status->last_error[0] = '\0';
  status->last_error_wall_ns = 0;
  status->last = status->most = (struct mw_job_usage){0};
  status->loaded_wall_ns = wall_ns();
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
    mw_schedule_hurry(&worker->schedule, mw_worker_now_ns());
}

static void note_opened(struct mw_worker *worker, void *instance, enum mw_opening opening,
                        const struct mw_error *err)
{
  struct mw_worker_status *status = &worker->status;

  if (instance) {
    plan_runs(worker, worker->ops->interval_s(instance));
    status->memory_bytes = worker->ops->memory_bytes(instance);
    status->load_error[0] = '\0';
    if (opening != MW_OPENING_RESTART)
      note_new_version(status);
    worker->held_until_ns = worker->not_before_ns = 0;
  } else if (worker->instance) {
    snprintf(status->load_error, sizeof status->load_error, "%s", err->text);
  } else {
    snprintf(status->error, sizeof status->error, "%s", err->text);
  }
}

/* What the system lacks now it may have later, though no file changes. */
static bool may_pass(const struct mw_error *err)
{
  return err->code == ENOMEM || err->code == EMFILE || err->code == ENFILE || err->code == EAGAIN;
}

/* A file that is gone means that the script is not wanted any more; one that is wrong does not. */
static bool is_gone(const void *instance, const struct mw_error *err)
{
  return !instance && err->code == ENOENT;
}

static void log_opened(struct mw_worker *worker, const void *instance, enum mw_opening opening,
                       const struct mw_error *err)
{
  bool is_first = worker->status.reloads_total == 0 && !worker->instance;

  if (!instance && worker->instance)
    mw_log(MW_LOG_ERROR, worker->name, "%s; %s", err->text,
           is_gone(instance, err) ? "it stops until its file is back" : "the old one goes on");
  else if (!instance)
    mw_log(MW_LOG_ERROR, worker->name, "%s", err->text);
  else if (!is_first && opening != MW_OPENING_RESTART)
    mw_log(MW_LOG_INFO, worker->name, "was loaded anew");
}

/* An instance that was made, or was not. */
struct attempt {
  enum mw_opening opening;
  void *instance; /* NULL: it could not be opened */
  struct mw_watch watch;
  struct mw_error err, restore_err; /* their codes are 0: fine */
};

/* @return what is to be closed: the old one, when another takes its place. */
static void *take_instance(struct mw_worker *worker, struct attempt *attempt)
{
  const struct mw_error *err = &attempt->err;
  enum mw_opening opening = attempt->opening;
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
  worker->reopen_at_ns = !instance && !worker->instance && may_pass(err)
                             ? mw_worker_now_ns() + worker->reopen_ns
                             : INT64_MAX;
  take_watch(worker, &attempt->watch, instance != NULL);
  if (instance)
    worker->instance = instance;
  if (instance && opening == MW_OPENING_RELOAD)
    note_reloaded(worker, &attempt->restore_err);
  pthread_mutex_unlock(&worker->mutex);
  if (opening != MW_OPENING_RESTART)
    worker->log_limit = (struct mw_log_limit){0}; /* another script: its errors are news */
  return unwanted;
}

void mw_worker_close_instance(struct mw_worker *worker, void *instance)
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

void mw_worker_open_job(struct mw_worker *worker, enum mw_opening opening)
{
  struct attempt attempt = {.opening = opening};

  if (!mw_gate_enter(worker->gate))
    return;
  mw_running_note(worker->slot, MW_RUNNING_OPENING);
  open_once(worker, &attempt);
  if (opening == MW_OPENING_RELOAD)
    hand_over(worker, &attempt);
  mw_running_note(worker->slot, MW_RUNNING_IDLE);
  mw_gate_leave(worker->gate);
  void *unwanted =
      mw_worker_is_stopping(worker) ? attempt.instance : take_instance(worker, &attempt);
  if (unwanted)
    mw_worker_close_instance(worker, unwanted);
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

static uint64_t larger(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

static void count_usage(struct mw_worker *worker)
{
  struct mw_job_usage *last = &worker->status.last, *most = &worker->status.most;

  if (!worker->ops->usage)
    return;
  worker->ops->usage(worker->instance, last);
  most->memory_peak_bytes = (size_t)larger(most->memory_peak_bytes, last->memory_peak_bytes);
  most->messages_count = larger(most->messages_count, last->messages_count);
  most->messages_bytes = larger(most->messages_bytes, last->messages_bytes);
  most->http_requests_count = larger(most->http_requests_count, last->http_requests_count);
}

static void keep_error(struct mw_worker_status *status, const struct mw_error *err)
{
  snprintf(status->last_error, sizeof status->last_error, "%s", err->text);
  status->last_error_wall_ns = wall_ns();
}

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
  count_usage(worker);
  snprintf(status->error, sizeof status->error, "%s", failed ? outcome->err.text : "");
  if (failed)
    keep_error(status, &outcome->err);
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
  mw_worker_open_job(worker, MW_OPENING_RESTART);
  pthread_mutex_lock(&worker->mutex);
  int64_t pause_ns = mw_penalty_offend_ns(&worker->penalty);
  unsigned offences = worker->penalty.offences;
  if (pause_ns > 0)
    worker->held_until_ns = mw_worker_now_ns() + pause_ns;
  pthread_mutex_unlock(&worker->mutex);
  if (pause_ns > 0)
    mw_log(MW_LOG_WARN, worker->name, "was over its budget %u times in a row: it pauses for %lld s",
           offences, (long long)(pause_ns / MW_NS_PER_S));
}

static void do_run(struct mw_worker *worker, struct outcome *outcome)
{
  int64_t began_ns = mw_worker_now_ns(), cpu_before_ns = cpu_ns();

  pthread_mutex_lock(&worker->mutex);
  worker->status.last_run_wall_ns = wall_ns();
  outcome->late_ns = began_ns - worker->due_ns;
  pthread_mutex_unlock(&worker->mutex);
  outcome->limit = MW_LIMIT_NONE;
  mw_running_note(worker->slot, MW_RUNNING_RUNNING);
  outcome->rc = worker->ops->run(worker->instance, &outcome->limit, &outcome->err);
  mw_running_note(worker->slot, MW_RUNNING_IDLE);
  outcome->took_ns = mw_worker_now_ns() - began_ns;
  outcome->cpu_ns = cpu_ns() - cpu_before_ns;
}

void mw_worker_run_job(struct mw_worker *worker)
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
  worker->status.skips_total += mw_schedule_advance(&worker->schedule, mw_worker_now_ns());
  worker->ops->watch(worker->instance, &worker->watch);
  if (worker->ops->not_before_ns)
    worker->not_before_ns = worker->ops->not_before_ns(worker->instance);
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
