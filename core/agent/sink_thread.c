/* Sinks in C, each with a thread of its own. */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/sink.h"
#include "base/thread.h"
#include "moonwatch/clock.h"

#define MOMENT_NS (20 * MW_NS_PER_MS)
#define STACK_BYTES ((size_t)128 << 10)   /* of a batch, two errors, and the C library's needs */
#define DELIVERY_MAX_NS (1 * MW_NS_PER_S) /* then the thread looks whether it is to end */

struct thread {
  struct mw_sink front; /* first */
  char *name;
  const struct mw_sink_ops *ops;
  void *data;
  struct mw_queue *queue;
  struct mw_delivery *delivery;
  void (*on_given_up)(void *data);
  void *on_given_up_data;
  pthread_t thread;
  atomic_bool reopen_wanted;

  pthread_cond_t changed;
  pthread_mutex_t mutex; /* guards the rest */
  bool stopping, ended;
  int64_t stop_by_ns;
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

static struct thread *own(struct mw_sink *front)
{
  return (struct thread *)front;
}

/* ---- The thread ---- */

/* @return false: it is to end now. */
static bool goes_on(struct thread *sink, bool has_some)
{
  pthread_mutex_lock(&sink->mutex);
  bool on = !sink->stopping || (has_some && now_ns() < sink->stop_by_ns);
  pthread_mutex_unlock(&sink->mutex);
  return on;
}

/* Who stops the sink wakes it; a wake before the question would be lost, but for the answer. */
static int64_t patience_ends_ns(struct thread *sink)
{
  pthread_mutex_lock(&sink->mutex);
  bool stopping = sink->stopping;
  pthread_mutex_unlock(&sink->mutex);
  return stopping ? 0 : INT64_MAX;
}

static int64_t delivery_ends_ns(struct thread *sink)
{
  int64_t ends_ns = now_ns() + DELIVERY_MAX_NS;

  pthread_mutex_lock(&sink->mutex);
  if (sink->stopping && sink->stop_by_ns < ends_ns)
    ends_ns = sink->stop_by_ns;
  pthread_mutex_unlock(&sink->mutex);
  return ends_ns;
}

/* When it is to end, what is left of the time is for another try or two. */
static void wait_for_next_try(struct thread *sink)
{
  int rc = 0;

  pthread_mutex_lock(&sink->mutex);
  bool was_stopping = sink->stopping;
  pthread_mutex_unlock(&sink->mutex);
  if (was_stopping)
    mw_delivery_hurry(sink->delivery, MW_DELIVERY_PAUSE_MIN_NS);
  int64_t until_ns = mw_delivery_due_ns(sink->delivery);
  pthread_mutex_lock(&sink->mutex);
  if (was_stopping && sink->stop_by_ns < until_ns)
    until_ns = sink->stop_by_ns;
  struct timespec until = {.tv_sec = until_ns / MW_NS_PER_S, .tv_nsec = until_ns % MW_NS_PER_S};
  while (rc == 0 && sink->stopping == was_stopping && !atomic_load(&sink->reopen_wanted))
    rc = pthread_cond_timedwait(&sink->changed, &sink->mutex, &until);
  pthread_mutex_unlock(&sink->mutex);
}

/* A message that has no line is nobody's fault but its own. */
static int hand_over(void *data, struct mw_queue_batch *batch, struct mw_verdict *verdict,
                     struct mw_error *err)
{
  struct thread *sink = data;
  int rc = sink->ops->deliver(sink->data, batch, delivery_ends_ns(sink), &verdict->delivered, err);

  if (rc == -EMSGSIZE)
    verdict->fault = MW_DELIVERY_BATCH;
  return rc;
}

/* @return false: the sink is given up. */
static bool deliver(struct thread *sink)
{
  static const struct timespec moment = {.tv_nsec = MOMENT_NS};
  struct mw_error err;
  enum mw_delivery_step step = mw_delivery_try(sink->delivery, hand_over, sink, &err);

  if (step == MW_DELIVERY_PAUSES)
    wait_for_next_try(sink);
  if (step == MW_DELIVERY_IDLE) /* there is something that cannot be read now */
    nanosleep(&moment, NULL);
  if (step == MW_DELIVERY_GIVEN_UP && sink->on_given_up)
    sink->on_given_up(sink->on_given_up_data);
  return step != MW_DELIVERY_GIVEN_UP;
}

static void *work(void *data)
{
  struct thread *sink = data;
  bool has_some = false, has_reader = true;

  pthread_setname_np(pthread_self(), "sink");
  do {
    if (atomic_exchange(&sink->reopen_wanted, false) && sink->ops->reopen)
      sink->ops->reopen(sink->data);
    has_some =
        mw_queue_wait(sink->queue, mw_delivery_cursor(sink->delivery), patience_ends_ns(sink));
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

static void free_sink(struct thread *sink)
{
  sink->ops->free(sink->data);
  mw_delivery_free(sink->delivery);
  pthread_cond_destroy(&sink->changed);
  pthread_mutex_destroy(&sink->mutex);
  free(sink->name);
  free(sink);
}

/* Signals are for the program's first thread. */
static int start_thread(struct thread *sink, struct mw_error *err)
{
  int rc = mw_thread_start(&sink->thread, STACK_BYTES, work, sink);

  return rc == 0 ? 0
                 : mw_error_set(err, -rc, "cannot start the thread of sink %s: %s", sink->name,
                                strerror(-rc));
}

static int start_delivery(struct thread *sink, const struct mw_sink_config *config,
                          struct mw_error *err)
{
  const struct mw_delivery_config delivery_config = {
      .name = config->name, .queue = config->queue, .start_at = config->start_at};

  sink->name = strdup(config->name);
  if (!sink->name)
    return mw_error_set(err, ENOMEM, "out of memory for a sink");
  sink->delivery = mw_delivery_new(&delivery_config, err);
  if (!sink->delivery)
    return -ENOMEM;
  mw_delivery_set_limits(sink->delivery, &config->limits);
  return 0;
}

static bool wait_for_end(struct mw_sink *front, int64_t deadline_ns, int64_t until_ns)
{
  struct timespec until = {.tv_sec = until_ns / MW_NS_PER_S, .tv_nsec = until_ns % MW_NS_PER_S};
  struct thread *sink = own(front);
  int rc = 0;

  (void)deadline_ns; /* what delivers was told of it */
  pthread_mutex_lock(&sink->mutex);
  while (rc == 0 && !sink->ended)
    rc = pthread_cond_timedwait(&sink->changed, &sink->mutex, &until);
  bool ended = sink->ended;
  pthread_mutex_unlock(&sink->mutex);
  return ended;
}

static void finish(struct mw_sink *front, int64_t deadline_ns)
{
  struct thread *sink = own(front);

  pthread_mutex_lock(&sink->mutex);
  sink->stopping = true;
  sink->stop_by_ns = deadline_ns;
  pthread_cond_broadcast(&sink->changed);
  pthread_mutex_unlock(&sink->mutex);
  mw_queue_wake(sink->queue);
}

static void free_ended(struct mw_sink *front)
{
  struct thread *sink = own(front);

  pthread_join(sink->thread, NULL);
  free_sink(sink);
}

static void reopen(struct mw_sink *front)
{
  struct thread *sink = own(front);

  atomic_store(&sink->reopen_wanted, true);
  pthread_mutex_lock(&sink->mutex);
  pthread_cond_broadcast(&sink->changed);
  pthread_mutex_unlock(&sink->mutex);
  mw_queue_wake(sink->queue);
}

static void status(struct mw_sink *front, struct mw_delivery_status *out)
{
  mw_delivery_status(own(front)->delivery, out);
}

static const struct mw_sink_driver thread_driver = {
    .finish = finish, .wait = wait_for_end, .free = free_ended, .reopen = reopen, .status = status};

struct mw_sink *mw_sink_start(const struct mw_sink_config *config, struct mw_error *err)
{
  struct thread *sink = calloc(1, sizeof *sink);

  if (!sink) {
    config->ops->free(config->data);
    mw_error_set(err, ENOMEM, "out of memory for a sink");
    return NULL;
  }
  sink->front.driver = &thread_driver;
  sink->ops = config->ops;
  sink->data = config->data;
  sink->queue = config->queue;
  sink->on_given_up = config->on_given_up;
  sink->on_given_up_data = config->on_given_up_data;
  pthread_mutex_init(&sink->mutex, NULL);
  mw_cond_init(&sink->changed);
  if (start_delivery(sink, config, err) == 0 && start_thread(sink, err) == 0)
    return &sink->front;
  free_sink(sink);
  return NULL;
}
