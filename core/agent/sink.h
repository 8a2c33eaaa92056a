/**
 * @file sink.h
 * One far end of the queue. In C: a thread that delivers what waits for it (agent/delivery.h), or
 * waits itself, for messages or for the time of the next try. In Lua: the job of a worker.
 *
 * Thread-safety: every function may be called from any thread, but for the start and the stop.
 */
#ifndef MW_SINK_H
#define MW_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/delivery.h"
#include "moonwatch/error.h"
#include "moonwatch/queue.h"

struct mw_budget;
struct mw_sink;
struct mw_worker;

/** What delivers; called by the sink's thread alone. */
struct mw_sink_ops {
  /**
   * Deliver the messages of @p batch, until @p deadline_ns of the monotonic clock at most.
   * @param delivered becomes how many of them were, from the first on, whatever is returned.
   * @return 0: all; -EPIPE: nobody will ever take one, the sink is given up; -EMSGSIZE: the first
   *         that was not delivered never can be; or another -errno, with @p err filled.
   */
  int (*deliver)(void *data, struct mw_queue_batch *batch, int64_t deadline_ns, size_t *delivered,
                 struct mw_error *err);
  void (*reopen)(void *data); /**< at SIGHUP; NULL: there is nothing to open */
  void (*free)(void *data);
};

struct mw_sink_config {
  const char *name;              /**< "stdout"; copied */
  const struct mw_sink_ops *ops; /**< borrowed for ever */
  void *data;                   /**< belongs to the sink from now on, even when it does not start */
  struct mw_queue *queue;       /**< borrowed */
  enum mw_queue_start start_at; /**< when it is new there */
  struct mw_delivery_limits limits;
  void (*on_given_up)(void *data); /**< called by the sink's thread, once; NULL: nobody asks */
  void *on_given_up_data;
};

/** One in C. @return NULL with @p err filled. */
struct mw_sink *mw_sink_start(const struct mw_sink_config *config, struct mw_error *err);

/** The worker of a sink in Lua, which belongs to it, and its budget; NULL: it is none. */
struct mw_worker *mw_sink_worker(struct mw_sink *sink);
const struct mw_budget *mw_sink_budget(struct mw_sink *sink);

/** Deliver what is in the queue, until @p deadline_ns, and end; nobody waits for that. */
void mw_sink_finish(struct mw_sink *sink, int64_t deadline_ns);

/**
 * Finish it, wait for its end, and free it.
 * Accepts NULL.
 * @param left becomes how many messages were left behind.
 * @return false: the thread does not end, long after the deadline, because what it writes to hangs;
 *         the sink, and the queue, are then still in use.
 */
bool mw_sink_stop(struct mw_sink *sink, int64_t deadline_ns, size_t *left);

/** Open what it writes to, or its script, anew before the next message. */
void mw_sink_reopen(struct mw_sink *sink);

void mw_sink_status(struct mw_sink *sink, struct mw_delivery_status *out);

/* ---- How sinks are made ---- */

/** What a kind of sink does; see the functions above. */
struct mw_sink_driver {
  void (*finish)(struct mw_sink *sink, int64_t deadline_ns);
  /** Until @p until_ns; what still goes on at @p deadline_ns is to be interrupted. */
  bool (*wait)(struct mw_sink *sink, int64_t deadline_ns, int64_t until_ns);
  void (*free)(struct mw_sink *sink); /**< it has ended */
  void (*reopen)(struct mw_sink *sink);
  void (*status)(struct mw_sink *sink, struct mw_delivery_status *out);
  struct mw_worker *(*worker)(struct mw_sink *sink);       /**< NULL: it has none */
  const struct mw_budget *(*budget)(struct mw_sink *sink); /**< NULL: it has none */
};

/** The first member of each. */
struct mw_sink {
  const struct mw_sink_driver *driver;
};

/* ---- Sinks that ship ---- */

/** JSON lines to @p fd, which stays open. @return its data; NULL: -ENOMEM. */
void *mw_sink_stream_new(int fd, struct mw_error *err);
extern const struct mw_sink_ops mw_sink_stream_ops;

#define MW_SINK_FILE_BYTES_DEFAULT ((uint64_t)100 << 20)
#define MW_SINK_FILE_AGE_DEFAULT_S 86400
#define MW_SINK_FILE_KEEP_DEFAULT 5

struct mw_sink_file_config {
  const char *path;   /**< copied; opened at the first message */
  uint64_t max_bytes; /**< 0: the default */
  int64_t max_age_s;  /**< 0: the default */
  unsigned keep;      /**< old ones, PATH.1 the youngest */
};

/**
 * JSON lines to a file, which becomes PATH.1 before the line that would make it too large, or when
 * it is too old. @return its data; NULL: -ENOMEM.
 */
void *mw_sink_file_new(const struct mw_sink_file_config *config, struct mw_error *err);
extern const struct mw_sink_ops mw_sink_file_ops;

#endif
