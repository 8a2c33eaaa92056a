#include "agent/delivery.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

struct mw_delivery {
  char *name;
  struct mw_queue *queue;
  const struct mw_clock *clock;
  struct mw_delivery_limits limits;
  unsigned seed; /* of the jitter */
  int64_t pause_ns, refused_pause_ns;

  /* What is known of a batch that was refused. */
  size_t take_max;      /* messages; less than batch_messages while one is looked for */
  uint64_t suspect_end; /* the number behind the last one that may be it; 0: none is looked for */
  uint64_t tried;       /* the message at whose delivery alone the sink itself failed */
  unsigned tries;       /* how often */
  unsigned refusals;    /* messages set aside since one was delivered */
  bool has_passed;      /* messages, since the last try, which the queue does not call dropped */

  struct mw_log_limit log_limit, stale_limit;
  bool had_failed; /* and that was told */
  bool owner_tells;

  pthread_mutex_t mutex; /* guards what status reads */
  int cursor;            /* -1: given up */
  int64_t due_ns;
  bool is_asked_for; /* the pause, by the far end */
  struct mw_queue_cursor last_usage;
  uint64_t stale_total, failures_total;
  unsigned failures_in_a_row;
  char error[MW_ERROR_TEXT_BYTES];
};

static int64_t now_ns(const struct mw_delivery *delivery)
{
  return mw_clock_monotonic_ns(delivery->clock);
}

/* ---- Pauses ---- */

/* The jitter keeps those that failed together from coming back together. */
static int64_t jitter(struct mw_delivery *delivery, int64_t most_ns)
{
  return (int64_t)((double)most_ns * rand_r(&delivery->seed) / RAND_MAX);
}

static void pause_until(struct mw_delivery *delivery, int64_t due_ns, bool is_asked_for)
{
  pthread_mutex_lock(&delivery->mutex);
  delivery->due_ns = due_ns;
  delivery->is_asked_for = is_asked_for;
  pthread_mutex_unlock(&delivery->mutex);
}

static int64_t twice(int64_t pause_ns, int64_t max_ns)
{
  return pause_ns < max_ns / 2 ? pause_ns * 2 : max_ns;
}

/* As long as the far end asks, and never earlier. */
static void pause_as_asked(struct mw_delivery *delivery, int64_t asked_ns)
{
  if (asked_ns > MW_DELIVERY_RETRY_AFTER_MAX_NS)
    asked_ns = MW_DELIVERY_RETRY_AFTER_MAX_NS;
  pause_until(delivery, now_ns(delivery) + asked_ns + jitter(delivery, asked_ns / 10), true);
}

static void pause_after_failure(struct mw_delivery *delivery)
{
  int64_t half_ns = delivery->pause_ns / 2;

  pause_until(delivery, now_ns(delivery) + half_ns + jitter(delivery, half_ns), false);
  delivery->pause_ns = twice(delivery->pause_ns, MW_DELIVERY_PAUSE_MAX_NS);
}

static void pause_after_refusal(struct mw_delivery *delivery)
{
  pause_until(delivery, now_ns(delivery) + delivery->refused_pause_ns, false);
  delivery->refused_pause_ns = twice(delivery->refused_pause_ns, MW_DELIVERY_REFUSED_PAUSE_MAX_NS);
}

static void forget_pauses(struct mw_delivery *delivery)
{
  delivery->pause_ns = MW_DELIVERY_PAUSE_MIN_NS;
  delivery->refused_pause_ns = MW_DELIVERY_PAUSE_MIN_NS;
  pause_until(delivery, 0, false);
}

int64_t mw_delivery_due_ns(const struct mw_delivery *delivery)
{
  return delivery->due_ns;
}

void mw_delivery_hurry(struct mw_delivery *delivery, int64_t within_ns)
{
  int64_t due_ns = within_ns > 0 ? now_ns(delivery) + within_ns : 0;

  if (delivery->is_asked_for)
    return;
  delivery->tries = 0;
  if (due_ns > delivery->due_ns)
    due_ns = delivery->due_ns;
  forget_pauses(delivery);
  pause_until(delivery, due_ns, false);
}

/* ---- What is known of a try ---- */

static void note_failure(struct mw_delivery *delivery, const struct mw_error *err)
{
  pthread_mutex_lock(&delivery->mutex);
  delivery->failures_total++;
  delivery->failures_in_a_row++;
  snprintf(delivery->error, sizeof delivery->error, "%s", err->text);
  pthread_mutex_unlock(&delivery->mutex);
}

static void note_success(struct mw_delivery *delivery)
{
  pthread_mutex_lock(&delivery->mutex);
  delivery->failures_in_a_row = 0;
  delivery->error[0] = '\0';
  pthread_mutex_unlock(&delivery->mutex);
  if (delivery->had_failed)
    mw_log(MW_LOG_INFO, delivery->name, "delivers again");
  delivery->had_failed = false;
}

static void tell_failure(struct mw_delivery *delivery, const struct mw_error *err)
{
  if (delivery->owner_tells)
    return;
  mw_log_limited(&delivery->log_limit, MW_LOG_ERROR, delivery->name, "%s; it is tried again",
                 err->text);
  delivery->had_failed = true;
}

/* ---- The search for a message that is refused ---- */

static size_t batch_messages(const struct mw_delivery *delivery)
{
  size_t wanted = delivery->limits.batch_messages;

  return wanted > 0 && wanted < MW_QUEUE_BATCH_MAX ? wanted : MW_QUEUE_BATCH_MAX;
}

/* Up to @p first everything has arrived, or is set aside. */
static void search_on(struct mw_delivery *delivery, uint64_t first)
{
  if (delivery->suspect_end > first) { /* it is in the other half */
    size_t left = (size_t)(delivery->suspect_end - first);
    delivery->take_max = left / 2 > 1 ? left / 2 : 1;
    return;
  }
  delivery->suspect_end = 0;
  if (delivery->take_max < batch_messages(delivery))
    delivery->take_max *= 2;
  if (delivery->take_max > batch_messages(delivery))
    delivery->take_max = batch_messages(delivery);
}

/* One of the last @p count messages up to before @p end is refused. */
static void search_in_half(struct mw_delivery *delivery, uint64_t end, size_t count)
{
  delivery->suspect_end = end;
  delivery->take_max = count / 2;
}

static void set_aside(struct mw_delivery *delivery, const struct mw_message *message,
                      const struct mw_error *err)
{
  mw_log(MW_LOG_ERROR, delivery->name,
         "message %" PRIu64 " (%s of %s, %zu bytes) is set aside, it will not be delivered: %s",
         message->number, message->kind, message->script, message->body.len_bytes, err->text);
}

/* ---- Messages that are too old ---- */

static bool is_stale(const struct mw_delivery *delivery, const struct mw_message *message)
{
  return delivery->limits.max_age_ns > 0 &&
         mw_clock_wall_ns(delivery->clock) - message->emitted_at_ns > delivery->limits.max_age_ns;
}

/* So many messages at the beginning of @p batch are like the first one, too old or not, and follow
 * it without a gap: behind one, the queue's next message would not be that which is passed. */
static size_t count_alike(const struct mw_delivery *delivery, const struct mw_queue_batch *batch)
{
  const struct mw_message *first = batch->messages[0];
  size_t count = 1;

  while (count < batch->count && batch->messages[count]->number == first->number + count &&
         is_stale(delivery, batch->messages[count]) == is_stale(delivery, first))
    count++;
  return count;
}

static void pass_over(struct mw_delivery *delivery, struct mw_queue_batch *batch, size_t count)
{
  uint64_t numbers[MW_QUEUE_BATCH_MAX];

  for (size_t i = 0; i < count; i++)
    numbers[i] = batch->messages[i]->number;
  mw_queue_end(delivery->queue, delivery->cursor, batch, 0);
  for (size_t i = 0; i < count; i++)
    mw_queue_set_aside(delivery->queue, delivery->cursor, numbers[i]);
  delivery->has_passed = true;
  mw_log_limited(&delivery->stale_limit, MW_LOG_WARN, delivery->name,
                 "passes over messages that are older than %.15g s (max_age_s)",
                 (double)delivery->limits.max_age_ns / (double)MW_NS_PER_S);
  pthread_mutex_lock(&delivery->mutex);
  delivery->stale_total += count;
  pthread_mutex_unlock(&delivery->mutex);
}

/* ---- One try ---- */

/* What came of it, before the batch is given back. */
struct trial {
  int rc;
  struct mw_verdict verdict;
  struct mw_error *err;
  size_t count;                    /* messages that were tried */
  uint64_t end;                    /* the number behind the last of them */
  const struct mw_message *failed; /* the first that was not delivered; NULL: all were */
};

static void give_up(struct mw_delivery *delivery, const struct mw_error *err)
{
  mw_log(MW_LOG_ERROR, delivery->name, "%s; nobody reads it any more: the sink is given up",
         err->text);
  mw_queue_leave_cursor(delivery->queue, delivery->cursor);
  pthread_mutex_lock(&delivery->mutex);
  mw_queue_cursor_usage(delivery->queue, delivery->cursor, &delivery->last_usage);
  delivery->last_usage.dropped_total += delivery->last_usage.waiting;
  delivery->last_usage.waiting = 0;
  delivery->cursor = -1; /* the place may become another one's */
  pthread_mutex_unlock(&delivery->mutex);
  mw_queue_drop_cursor(delivery->queue, delivery->name, NULL);
}

static bool failed_too_often(struct mw_delivery *delivery, const struct mw_message *message)
{
  unsigned max =
      delivery->limits.tries_max > 0 ? delivery->limits.tries_max : MW_DELIVERY_TRIES_DEFAULT;

  if (delivery->tried != message->number)
    delivery->tries = 0;
  delivery->tried = message->number;
  return ++delivery->tries >= max;
}

/* Is the first message that failed to be set aside? Else the next try may be of fewer. */
static bool is_hopeless(struct mw_delivery *delivery, const struct trial *trial)
{
  size_t left = trial->count - trial->verdict.delivered;

  if (trial->verdict.fault == MW_DELIVERY_FAR_END)
    return false;
  if (left > 1) {
    search_in_half(delivery, trial->end, left);
    return false;
  }
  if (trial->verdict.fault == MW_DELIVERY_TIME)
    return false;
  return trial->verdict.fault == MW_DELIVERY_BATCH || failed_too_often(delivery, trial->failed);
}

/* @return whether it goes on without a pause. */
static bool pace(struct mw_delivery *delivery, const struct trial *trial, bool is_set_aside)
{
  if (is_set_aside && ++delivery->refusals > MW_DELIVERY_REFUSALS_FORGIVEN) {
    pause_after_refusal(delivery);
    return false;
  }
  if (is_set_aside || trial->verdict.fault == MW_DELIVERY_BATCH)
    return true;
  if (trial->verdict.retry_after_ns > 0)
    pause_as_asked(delivery, trial->verdict.retry_after_ns);
  else
    pause_after_failure(delivery);
  return false;
}

static void note_progress(struct mw_delivery *delivery, const struct trial *trial)
{
  if (trial->verdict.delivered == 0)
    return;
  forget_pauses(delivery);
  delivery->refusals = 0;
  pthread_mutex_lock(&delivery->mutex);
  delivery->failures_in_a_row = 0;
  pthread_mutex_unlock(&delivery->mutex);
  search_on(delivery, trial->failed ? trial->failed->number : trial->end);
}

/* A batch that failed. @return what follows. */
static enum mw_delivery_step take_failure(struct mw_delivery *delivery,
                                          struct mw_queue_batch *batch, const struct trial *trial)
{
  uint64_t number = trial->failed->number;

  note_failure(delivery, trial->err);
  bool hopeless = is_hopeless(delivery, trial);
  if (hopeless)
    set_aside(delivery, trial->failed, trial->err);
  mw_queue_end(delivery->queue, delivery->cursor, batch, trial->verdict.delivered);
  if (hopeless)
    mw_queue_set_aside(delivery->queue, delivery->cursor, number);
  if (pace(delivery, trial, hopeless))
    return MW_DELIVERY_GOES_ON;
  tell_failure(delivery, trial->err);
  return MW_DELIVERY_PAUSES;
}

static enum mw_delivery_step take_trial(struct mw_delivery *delivery, struct mw_queue_batch *batch,
                                        const struct trial *trial)
{
  note_progress(delivery, trial);
  if (trial->rc == -EPIPE) {
    note_failure(delivery, trial->err);
    mw_queue_end(delivery->queue, delivery->cursor, batch, trial->verdict.delivered);
    give_up(delivery, trial->err);
    return MW_DELIVERY_GIVEN_UP;
  }
  if (trial->rc < 0 && trial->failed)
    return take_failure(delivery, batch, trial);
  mw_queue_end(delivery->queue, delivery->cursor, batch, trial->verdict.delivered);
  note_success(delivery);
  return MW_DELIVERY_GOES_ON;
}

/* Hand over the first @p count messages of @p batch. */
static enum mw_delivery_step hand_over(struct mw_delivery *delivery, struct mw_queue_batch *batch,
                                       size_t count, mw_deliver *deliver, void *data,
                                       struct mw_error *err)
{
  struct trial trial = {.err = err, .count = count, .end = batch->messages[count - 1]->number + 1};
  size_t taken = batch->count;

  batch->count = count; /* the rest is another batch */
  trial.rc = deliver(data, batch, &trial.verdict, err);
  batch->count = taken;
  if (delivery->has_passed) /* what was late counted as set aside, not as dropped */
    batch->late = 0;
  delivery->has_passed = false;
  if (trial.rc == 0 || trial.verdict.delivered > count)
    trial.verdict.delivered = count;
  if (trial.verdict.delivered < count)
    trial.failed = batch->messages[trial.verdict.delivered];
  return take_trial(delivery, batch, &trial);
}

enum mw_delivery_step mw_delivery_try(struct mw_delivery *delivery, mw_deliver *deliver, void *data,
                                      struct mw_error *err)
{
  struct mw_queue_batch batch;
  size_t bytes = delivery->limits.batch_bytes;

  if (delivery->cursor < 0)
    return MW_DELIVERY_GIVEN_UP;
  mw_queue_take(delivery->queue, delivery->cursor, delivery->take_max,
                bytes > 0 ? bytes : MW_DELIVERY_BATCH_BYTES_DEFAULT, &batch);
  if (batch.count == 0) {
    mw_queue_end(delivery->queue, delivery->cursor, &batch, 0);
    return MW_DELIVERY_IDLE;
  }
  size_t alike = count_alike(delivery, &batch);
  if (!is_stale(delivery, batch.messages[0]))
    return hand_over(delivery, &batch, alike, deliver, data, err);
  pass_over(delivery, &batch, alike);
  return MW_DELIVERY_GOES_ON;
}

/* ---- Life cycle ---- */

struct mw_delivery *mw_delivery_new(const struct mw_delivery_config *config, struct mw_error *err)
{
  struct mw_delivery *delivery = calloc(1, sizeof *delivery);
  char *name = strdup(config->name);

  if (!delivery || !name) {
    free(delivery);
    free(name);
    mw_error_set(err, ENOMEM, "out of memory for a sink");
    return NULL;
  }
  delivery->name = name;
  delivery->queue = config->queue;
  delivery->clock = config->clock ? config->clock : mw_clock_system();
  delivery->owner_tells = config->owner_tells;
  delivery->take_max = MW_QUEUE_BATCH_MAX;
  delivery->seed = (unsigned)now_ns(delivery);
  pthread_mutex_init(&delivery->mutex, NULL);
  forget_pauses(delivery);
  delivery->cursor = mw_queue_add_cursor(config->queue, name, config->start_at, err);
  if (delivery->cursor >= 0)
    return delivery;
  mw_delivery_free(delivery);
  return NULL;
}

void mw_delivery_free(struct mw_delivery *delivery)
{
  if (!delivery)
    return;
  if (delivery->cursor >= 0)
    mw_queue_leave_cursor(delivery->queue, delivery->cursor);
  pthread_mutex_destroy(&delivery->mutex);
  free(delivery->name);
  free(delivery);
}

void mw_delivery_set_limits(struct mw_delivery *delivery, const struct mw_delivery_limits *limits)
{
  delivery->limits = *limits;
  if (delivery->suspect_end == 0 || delivery->take_max > batch_messages(delivery))
    delivery->take_max = batch_messages(delivery);
}

int mw_delivery_cursor(const struct mw_delivery *delivery)
{
  return delivery->cursor;
}

/* ---- Status ---- */

/* With the mutex held. The queue calls all of them set aside. */
static void take_usage(struct mw_delivery *delivery, struct mw_queue_cursor *out)
{
  if (delivery->cursor >= 0)
    mw_queue_cursor_usage(delivery->queue, delivery->cursor, out);
  else
    *out = delivery->last_usage;
  out->set_aside_total -=
      delivery->stale_total < out->set_aside_total ? delivery->stale_total : out->set_aside_total;
}

void mw_delivery_status(struct mw_delivery *delivery, struct mw_delivery_status *out)
{
  pthread_mutex_lock(&delivery->mutex);
  *out = (struct mw_delivery_status){.name = delivery->name,
                                     .stale_total = delivery->stale_total,
                                     .failures_total = delivery->failures_total,
                                     .failures_in_a_row = delivery->failures_in_a_row};
  take_usage(delivery, &out->usage);
  if (delivery->due_ns > now_ns(delivery))
    out->next_try_in_ns = delivery->due_ns - now_ns(delivery);
  memcpy(out->error, delivery->error, sizeof out->error);
  pthread_mutex_unlock(&delivery->mutex);
}
