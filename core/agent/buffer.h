/**
 * @file buffer.h
 * Messages on their way from checks to sinks: an ordered queue in memory, bounded in bytes, with a
 * cursor for each sink. Who puts a message in never waits: where there is no room the oldest ones
 * are dropped, and counted for each sink that has not had them. A sink's cursor moves when it says
 * that what it took is delivered; what was not comes again.
 *
 * Thread-safety: a buffer may be shared by all threads; a cursor belongs to one of them.
 */
#ifndef MW_BUFFER_H
#define MW_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/message.h"
#include "moonwatch/error.h"

#define MW_BUFFER_CURSORS_MAX 16
#define MW_BATCH_MESSAGES_MAX 256

struct mw_buffer;

/** The messages taken by one sink; what they point to is valid until the batch is ended. */
struct mw_batch {
  size_t count;
  uint64_t first; /**< number of the first one; the numbers of a batch follow each other */
  size_t late;    /**< for the sink: so many that counted as dropped already it has delivered */
  const struct mw_message *messages[MW_BATCH_MESSAGES_MAX];
};

struct mw_buffer_usage {
  size_t messages; /**< that wait for at least one sink */
  size_t bytes;
  uint64_t put_total;
};

struct mw_cursor_usage {
  size_t waiting; /**< messages that it has not delivered */
  uint64_t delivered_total, dropped_total;
};

/** @p max_bytes counts bodies, texts, and what the buffer needs itself. */
struct mw_buffer *mw_buffer_new(size_t max_bytes, struct mw_error *err);
void mw_buffer_free(struct mw_buffer *buffer); /**< accepts NULL; no batch is taken */

/**
 * A cursor that will get what is put in from now on.
 * @return its number, or -ENOSPC: there are MW_BUFFER_CURSORS_MAX.
 */
int mw_buffer_add_cursor(struct mw_buffer *buffer, struct mw_error *err);

/**
 * Copy @p message to the end. @return 0; -EMSGSIZE: it is larger than the whole buffer; -ENOMEM.
 * Without cursors it is counted, and gone.
 */
int mw_buffer_put(struct mw_buffer *buffer, const struct mw_message *message, struct mw_error *err);

/**
 * Wait until there is something for @p cursor, until @p deadline_ns of the monotonic clock, or
 * until the buffer is woken or closed. @return whether there is something.
 */
bool mw_buffer_wait(struct mw_buffer *buffer, int cursor, int64_t deadline_ns);

/** End the waits that are going on, or the next one of a cursor that does not wait. */
void mw_buffer_wake(struct mw_buffer *buffer);

/** Take the next messages, at most @p max_bytes of bodies, but one at least when there is one. */
void mw_buffer_take(struct mw_buffer *buffer, int cursor, size_t max_bytes, struct mw_batch *out);

/** Give a batch back: its first @p delivered messages were delivered, the rest comes again. */
void mw_buffer_end(struct mw_buffer *buffer, int cursor, struct mw_batch *batch, size_t delivered);

/**
 * Nobody will deliver for @p cursor any more: what waited for it counts as dropped, and what is put
 * in from now on is not for it. No batch of it is taken.
 */
void mw_buffer_close_cursor(struct mw_buffer *buffer, int cursor);

/** Its number is for another one from now on. No batch of it is taken, and nobody waits with it. */
void mw_buffer_remove_cursor(struct mw_buffer *buffer, int cursor);

void mw_buffer_usage(struct mw_buffer *buffer, struct mw_buffer_usage *out);
void mw_buffer_cursor_usage(struct mw_buffer *buffer, int cursor, struct mw_cursor_usage *out);

#endif
