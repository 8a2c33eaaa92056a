/**
 * @file lines.h
 * Messages as lines of JSON, written to a descriptor that may take them slowly, or in parts.
 *
 *   {"body":{...},"emitted_at":"2026-11-26T12:00:00.123Z","kind":"container_rt",
 *    "number":4711,"schema":1,"script":"container_rt"}
 *
 * A line that was written in part is finished before anything else is written, so that a reader
 * finds whole lines.
 * Thread-safety: none.
 */
#ifndef MW_LINES_H
#define MW_LINES_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/message.h"
#include "base/buf.h"
#include "moonwatch/error.h"
#include "moonwatch/queue.h"

/** Append the line of @p message, with its end. @return 0, -EMSGSIZE or -ENOMEM. */
int mw_line_append(struct mw_buf *out, const struct mw_message *message, struct mw_error *err);

/** A line on its way. */
struct mw_lines {
  struct mw_buf pending;
  size_t written_bytes; /**< of it */
  uint64_t number;      /**< of the message that it is */
};

void mw_lines_init(struct mw_lines *lines);
void mw_lines_deinit(struct mw_lines *lines); /**< accepts a zeroed one */

/** Forget a line that was written in part: what it was written to is gone. */
void mw_lines_forget(struct mw_lines *lines);

/**
 * Write message @p index of @p batch to @p fd until @p deadline_ns of the monotonic clock. Called
 * again for the same message it goes on where it was.
 * @param written_bytes becomes how much was written, whatever is returned.
 * @return 0, or -errno: -ETIMEDOUT: nobody takes it; -EPIPE: nobody ever will.
 */
int mw_lines_write(struct mw_lines *lines, int fd, const struct mw_queue_batch *batch, size_t index,
                   int64_t deadline_ns, size_t *written_bytes, struct mw_error *err);

/**
 * When the rest of a line that was written in part is not of @p batch, because the message was
 * dropped meanwhile: write it, as mw_lines_write, and tell the batch that it was delivered late.
 */
int mw_lines_write_late(struct mw_lines *lines, int fd, struct mw_queue_batch *batch,
                        int64_t deadline_ns, size_t *written_bytes, struct mw_error *err);

#endif
