#include "agent/sink.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/thread.h"
#include "moonwatch/clock.h"

#define STACK_BYTES ((size_t)128 << 10) /* of a batch, two errors, and the C library's needs */
#define BATCH_MAX_BYTES ((size_t)1 << 20)
#define DELIVERY_MAX_NS (1 * MW_NS_PER_S) /* then the thread looks whether it is to end */

/* What the thread may take to come to its end: so long behind the deadline, and so long at least.
 */
#define END_BEHIND_NS (MW_NS_PER_S / 2)
#define END_MIN_NS (2 * DELIVERY_MAX_NS)

#define PAUSE_MIN_NS (MW_NS_PER_S / 4)
#define PAUSE_MAX_NS (60 * MW_NS_PER_S)

struct mw_sink {
  char *name;
  const struct mw_sink_ops *ops;
  void *data;
  struct mw_queue *queue;
  void (*on_given_up)(void *data);
  void *on_given_up_data;
  int cursor; /* set by the thread with the mutex held; -1: the sink is given up */
  pthread_t thread;
  atomic_bool reopen_wanted;
  unsigned seed;    /* of the jitter; the thread's */
  int64_t pause_ns; /* after the next failure; the thread's */
  struct mw_log_limit log_limit;

  pthread_cond_t changed;
  pthread_mutex_t mutex; /* guards the rest */
  bool stopping, ended;
  int64_t stop_by_ns;
  uint64_t failures_total;
  struct mw_queue_cursor last_usage; /* of one that is given up */
  char error[MW_ERROR_TEXT_BYTES];
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

/* ---- The thread ---- */

/* @return false: it is to end now. */
static bool goes_on(struct mw_sink *sink, bool has_some)
{
  pthread_mutex_lock(&sink->mutex);
  bool on = !sink->stopping || (has_some && now_ns() < sink->stop_by_ns);
  pthread_mutex_unlock(&sink->mutex);
  return on;
}

/* Who stops the sink wakes it; a wake before the question would be lost, but for the answer. */
static int64_t patience_ends_ns(struct mw_sink *sink)
{
  pthread_mutex_lock(&sink->mutex);
  bool stopping = sink->stopping;
  pthread_mutex_unlock(&sink->mutex);
  return stopping ? 0 : INT64_MAX;
}

static int64_t delivery_ends_ns(struct mw_sink *sink)
{
  int64_t ends_ns = now_ns() + DELIVERY_MAX_NS;

  pthread_mutex_lock(&sink->mutex);
  if (sink->stopping && sink->stop_by_ns < ends_ns)
    ends_ns = sink->stop_by_ns;
  pthread_mutex_unlock(&sink->mutex);
  return ends_ns;
}

static void note_outcome(struct mw_sink *sink, int rc, const struct mw_error *err)
{
  pthread_mutex_lock(&sink->mutex);
  bool had_failed = sink->error[0] != '\0';
  if (rc < 0)
    sink->failures_total++;
  snprintf(sink->error, sizeof sink->error, "%s", rc < 0 ? err->text : "");
  pthread_mutex_unlock(&sink->mutex);
  if (rc == -EPIPE)
    mw_log(MW_LOG_ERROR, sink->name, "%s; nobody reads it any more: the sink is given up",
           err->text);
  else if (rc < 0)
    mw_log_limited(&sink->log_limit, MW_LOG_ERROR, sink->name, "%s; it is tried again", err->text);
  else if (had_failed)
    mw_log(MW_LOG_INFO, sink->name, "delivers again");
}

/* The jitter keeps those that failed together from coming back together. */
static void pause_after_failure(struct mw_sink *sink)
{
  int rc = 0;

  pthread_mutex_lock(&sink->mutex);
  bool was_stopping = sink->stopping;
  if (was_stopping) /* what is left of the time is for another try or two */
    sink->pause_ns = PAUSE_MIN_NS;
  int64_t pause_ns = sink->pause_ns / 2 + rand_r(&sink->seed) % (sink->pause_ns / 2);
  int64_t until_ns = now_ns() + pause_ns;
  struct timespec until = {.tv_sec = until_ns / MW_NS_PER_S, .tv_nsec = until_ns % MW_NS_PER_S};
  while (rc == 0 && sink->stopping == was_stopping && !atomic_load(&sink->reopen_wanted))
    rc = pthread_cond_timedwait(&sink->changed, &sink->mutex, &until);
  pthread_mutex_unlock(&sink->mutex);
  sink->pause_ns = sink->pause_ns < PAUSE_MAX_NS / 2 ? sink->pause_ns * 2 : PAUSE_MAX_NS;
}

/* With the mutex held. */
static void take_usage(struct mw_sink *sink, struct mw_queue_cursor *out)
{
  if (sink->cursor >= 0)
    mw_queue_cursor_usage(sink->queue, sink->cursor, out);
  else
    *out = sink->last_usage;
}

static void give_up(struct mw_sink *sink)
{
  mw_queue_leave_cursor(sink->queue, sink->cursor);
  pthread_mutex_lock(&sink->mutex);
  take_usage(sink, &sink->last_usage);
  sink->last_usage.dropped_total += sink->last_usage.waiting;
  sink->last_usage.waiting = 0;
  sink->cursor = -1; /* the place may become another sink's */
  pthread_mutex_unlock(&sink->mutex);
  mw_queue_drop_cursor(sink->queue, sink->name, NULL);
  if (sink->on_given_up)
    sink->on_given_up(sink->on_given_up_data);
}

/* @return false: the sink is given up. */
static bool deliver(struct mw_sink *sink)
{
  struct mw_queue_batch batch;
  struct mw_error err;
  size_t delivered = 0;

  mw_queue_take(sink->queue, sink->cursor, 0, BATCH_MAX_BYTES, &batch);
  int rc = sink->ops->deliver(sink->data, &batch, delivery_ends_ns(sink), &delivered, &err);
  mw_queue_end(sink->queue, sink->cursor, &batch, delivered);
  note_outcome(sink, rc, &err);
  if (rc == -EPIPE)
    give_up(sink);
  else if (rc < 0)
    pause_after_failure(sink);
  else
    sink->pause_ns = PAUSE_MIN_NS;
  return rc != -EPIPE;
}

static void *work(void *data)
{
  struct mw_sink *sink = data;
  bool has_some = false, has_reader = true;

  pthread_setname_np(pthread_self(), "sink");
  do {
    if (atomic_exchange(&sink->reopen_wanted, false) && sink->ops->reopen)
      sink->ops->reopen(sink->data);
    has_some = mw_queue_wait(sink->queue, sink->cursor, patience_ends_ns(sink));
    if (has_some && !atomic_load(&sink->reopen_wanted) && goes_on(sink, true))
      has_reader = deliver(sink);
  } while (has_reader && goes_on(sink, has_some));
  pthread_mutex_lock(&sink->mutex);
  sink->ended = true;
  pthread_cond_broadcast(&sink->changed);
  pthread_mutex_unlock(&sink->mutex);
  return NULL;
}

/* ---- Life cycle ---- */

static void free_sink(struct mw_sink *sink)
{
  if (sink->cursor >= 0)
    mw_queue_leave_cursor(sink->queue, sink->cursor);
  sink->ops->free(sink->data);
  pthread_cond_destroy(&sink->changed);
  pthread_mutex_destroy(&sink->mutex);
  free(sink->name);
  free(sink);
}

/* Signals are for the program's first thread. */
static int start_thread(struct mw_sink *sink, struct mw_error *err)
{
  int rc = mw_thread_start(&sink->thread, STACK_BYTES, work, sink);

  return rc == 0 ? 0
                 : mw_error_set(err, -rc, "cannot start the thread of sink %s: %s", sink->name,
                                strerror(-rc));
}

struct mw_sink *mw_sink_start(const struct mw_sink_config *config, struct mw_error *err)
{
  struct mw_sink *sink = calloc(1, sizeof *sink);

  if (!sink) {
    config->ops->free(config->data);
    mw_error_set(err, ENOMEM, "out of memory for a sink");
    return NULL;
  }
  sink->ops = config->ops;
  sink->data = config->data;
  sink->queue = config->queue;
  sink->on_given_up = config->on_given_up;
  sink->on_given_up_data = config->on_given_up_data;
  sink->cursor = -1;
  sink->pause_ns = PAUSE_MIN_NS;
  sink->seed = (unsigned)now_ns();
  pthread_mutex_init(&sink->mutex, NULL);
  mw_cond_init(&sink->changed);
  sink->name = strdup(config->name);
  if (!sink->name)
    mw_error_set(err, ENOMEM, "out of memory for a sink");
  else if ((sink->cursor =
                mw_queue_add_cursor(config->queue, config->name, config->start_at, err)) >= 0 &&
           start_thread(sink, err) == 0)
    return sink;
  free_sink(sink);
  return NULL;
}

static bool wait_for_end(struct mw_sink *sink, int64_t deadline_ns)
{
  int64_t soonest_ns = now_ns() + END_MIN_NS, until_ns = deadline_ns + END_BEHIND_NS;
  int rc = 0;

  if (until_ns < soonest_ns)
    until_ns = soonest_ns;
  struct timespec until = {.tv_sec = until_ns / MW_NS_PER_S, .tv_nsec = until_ns % MW_NS_PER_S};
  pthread_mutex_lock(&sink->mutex);
  while (rc == 0 && !sink->ended)
    rc = pthread_cond_timedwait(&sink->changed, &sink->mutex, &until);
  bool ended = sink->ended;
  pthread_mutex_unlock(&sink->mutex);
  return ended;
}

bool mw_sink_stop(struct mw_sink *sink, int64_t deadline_ns, size_t *left)
{
  struct mw_queue_cursor usage;

  *left = 0;
  if (!sink)
    return true;
  pthread_mutex_lock(&sink->mutex);
  sink->stopping = true;
  sink->stop_by_ns = deadline_ns;
  pthread_cond_broadcast(&sink->changed);
  pthread_mutex_unlock(&sink->mutex);
  mw_queue_wake(sink->queue);
  bool ended = wait_for_end(sink, deadline_ns);
  pthread_mutex_lock(&sink->mutex);
  take_usage(sink, &usage);
  pthread_mutex_unlock(&sink->mutex);
  *left = usage.waiting;
  if (!ended)
    return false;
  pthread_join(sink->thread, NULL);
  free_sink(sink);
  return true;
}

void mw_sink_reopen(struct mw_sink *sink)
{
  atomic_store(&sink->reopen_wanted, true);
  pthread_mutex_lock(&sink->mutex);
  pthread_cond_broadcast(&sink->changed);
  pthread_mutex_unlock(&sink->mutex);
  mw_queue_wake(sink->queue);
}

void mw_sink_status(struct mw_sink *sink, struct mw_sink_status *out)
{
  out->name = sink->name;
  pthread_mutex_lock(&sink->mutex);
  take_usage(sink, &out->usage);
  out->failures_total = sink->failures_total;
  memcpy(out->error, sink->error, sizeof out->error);
  pthread_mutex_unlock(&sink->mutex);
}
