/**
 * @file delivery.h
 * The core's side of every sink: takes messages off the queue in order, hands them over in batches,
 * and decides what follows. One batch is on its way at a time; what was not delivered comes again.
 *
 *   a batch fails                 the same messages again, after a pause that grows and differs a
 *                                 little each time, or that the far end has asked for
 *   it is refused for good        the half of it, at once, until one message alone is refused:
 *                                 that one is set aside
 *   the sink itself fails at it   the half of it, after the pause, until one message alone has
 *                                 made it fail tries_max times: that one is set aside
 *   its messages are too old      they are passed over, and counted
 *
 * So a far end that is away costs nothing, however long, but what the queue has no room for.
 *
 * It has no thread and does not wait: whoever owns it asks when the next try is. Clocks are
 * arguments.
 * Thread-safety: one thread delivers; mw_delivery_status may be called from any.
 */
#ifndef MW_DELIVERY_H
#define MW_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/clock.h"
#include "moonwatch/error.h"
#include "moonwatch/queue.h"

#define MW_DELIVERY_BATCH_BYTES_DEFAULT ((size_t)1 << 20)
#define MW_DELIVERY_TRIES_DEFAULT 10

#define MW_DELIVERY_PAUSE_MIN_NS (MW_NS_PER_S / 4)
#define MW_DELIVERY_PAUSE_MAX_NS (60 * MW_NS_PER_S)
#define MW_DELIVERY_RETRY_AFTER_MAX_NS (3600 * MW_NS_PER_S) /**< of what a far end asks for */

/** Between two messages that are set aside in a row: a far end that refuses everything, because
 *  its address is wrong, is not to empty the queue. The first few are forgiven. */
#define MW_DELIVERY_REFUSALS_FORGIVEN 8
#define MW_DELIVERY_REFUSED_PAUSE_MAX_NS (4 * MW_NS_PER_S)

struct mw_delivery;

struct mw_delivery_limits {
  size_t batch_messages; /**< 0: as many as a batch of the queue has */
  size_t batch_bytes;    /**< of bodies; 0: the default */
  int64_t max_age_ns;    /**< older messages are passed over; 0: any age */
  unsigned tries_max;    /**< 0: the default */
};

struct mw_delivery_config {
  const char *name;       /**< of the sink, and of its cursor; copied */
  struct mw_queue *queue; /**< borrowed */
  enum mw_queue_start start_at;
  const struct mw_clock *clock; /**< borrowed; NULL: the system's */
  bool owner_tells;             /**< of failures and of their end: the log is not told of them */
};

/** What a failure is about. */
enum mw_delivery_fault {
  MW_DELIVERY_FAR_END, /**< or the way there: it is tried again, as often as it takes */
  MW_DELIVERY_TIME,    /**< ran out: likewise, with half of the batch */
  MW_DELIVERY_BATCH,   /**< is refused, and would be again */
  MW_DELIVERY_SINK,    /**< itself: an error in a script, or more than its budget */
};

/** What became of a batch; zeroed by whoever asks. */
struct mw_verdict {
  size_t delivered; /**< so many of its first messages, also when the rest failed */
  enum mw_delivery_fault fault;
  int64_t retry_after_ns; /**< the far end asks for this; 0: it does not */
};

/**
 * Deliver @p batch. @return 0: all of it; -EPIPE: nobody will ever take a message, the sink is
 * given up; or another -errno, with @p err filled.
 */
typedef int mw_deliver(void *data, struct mw_queue_batch *batch, struct mw_verdict *verdict,
                       struct mw_error *err);

/** @return NULL with @p err: -ENOMEM, or what mw_queue_add_cursor returns. */
struct mw_delivery *mw_delivery_new(const struct mw_delivery_config *config, struct mw_error *err);

/** Leave the cursor where it is. Accepts NULL. */
void mw_delivery_free(struct mw_delivery *delivery);

/** From the next batch on. By the thread that delivers. */
void mw_delivery_set_limits(struct mw_delivery *delivery, const struct mw_delivery_limits *limits);

enum mw_delivery_step {
  MW_DELIVERY_IDLE,     /**< nothing waits */
  MW_DELIVERY_GOES_ON,  /**< one step further: try again at once */
  MW_DELIVERY_PAUSES,   /**< it failed: try again at mw_delivery_due_ns, or when it is hurried */
  MW_DELIVERY_GIVEN_UP, /**< for ever; its cursor is gone */
};

/**
 * Deliver one batch, whether or not it is time.
 * @param err why it pauses, or is given up.
 */
enum mw_delivery_step mw_delivery_try(struct mw_delivery *delivery, mw_deliver *deliver, void *data,
                                      struct mw_error *err);

/** When the next try is, on the monotonic clock; 0: at any time. By the thread that delivers. */
int64_t mw_delivery_due_ns(const struct mw_delivery *delivery);

/** Things have changed: the next try is due within @p within_ns, unless the far end has asked to be
 *  left alone, and pauses begin small again. By the thread that delivers. */
void mw_delivery_hurry(struct mw_delivery *delivery, int64_t within_ns);

int mw_delivery_cursor(const struct mw_delivery *delivery); /**< -1: it is given up */

struct mw_delivery_status {
  const char *name;                /**< valid as long as the delivery */
  struct mw_queue_cursor usage;    /**< set aside without those that were too old */
  uint64_t stale_total;            /**< messages passed over because they were too old */
  uint64_t failures_total;         /**< tries that failed, refusals included */
  unsigned failures_in_a_row;      /**< 0: the last one went well */
  int64_t next_try_in_ns;          /**< 0: at any time */
  char error[MW_ERROR_TEXT_BYTES]; /**< of the last try, until one succeeds; "": fine */
};

void mw_delivery_status(struct mw_delivery *delivery, struct mw_delivery_status *out);

#endif
