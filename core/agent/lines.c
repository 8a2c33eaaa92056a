#include "agent/lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/outlet.h"
#include "base/rfc3339.h"
#include "moonwatch/clock.h"
#include "json/writer.h"

#define LINE_MAX_BYTES ((size_t)64 << 20)

/* ---- One line ---- */

int mw_line_append(struct mw_buf *out, const struct mw_message *message, struct mw_error *err)
{
  struct mw_json_writer w;
  char time[MW_RFC3339_BYTES];

  mw_json_writer_init(&w, out, err);
  mw_json_begin_object(&w);
  mw_json_write_key(&w, "body");
  mw_json_write_encoded(&w, message->body);
  mw_json_write_key(&w, "emitted_at");
  mw_json_write_text(&w, mw_rfc3339(message->emitted_at_ns, time));
  mw_json_write_key(&w, "kind");
  mw_json_write_text(&w, message->kind);
  mw_json_write_key(&w, "number");
  mw_json_write_u64(&w, message->number);
  mw_json_write_key(&w, "schema");
  mw_json_write_i64(&w, message->schema);
  mw_json_write_key(&w, "script");
  mw_json_write_text(&w, message->script);
  mw_json_end_object(&w);
  int rc = mw_json_writer_finish(&w);
  return rc < 0 ? rc : mw_buf_append(out, "\n", 1, err);
}

/* ---- Writing ---- */

void mw_lines_init(struct mw_lines *lines)
{
  *lines = (struct mw_lines){0};
  mw_buf_init(&lines->pending, LINE_MAX_BYTES);
}

void mw_lines_deinit(struct mw_lines *lines)
{
  mw_buf_deinit(&lines->pending);
}

void mw_lines_forget(struct mw_lines *lines)
{
  mw_buf_clear(&lines->pending);
  lines->written_bytes = 0;
}

static int write_rest(struct mw_lines *lines, int fd, int64_t deadline_ns, size_t *written_bytes,
                      struct mw_error *err)
{
  *written_bytes = 0;
  while (lines->written_bytes < lines->pending.len_bytes) {
    ssize_t used =
        mw_outlet_write(fd, lines->pending.data + lines->written_bytes,
                        lines->pending.len_bytes - lines->written_bytes, deadline_ns, err);
    if (used < 0)
      return (int)used;
    lines->written_bytes += (size_t)used;
    *written_bytes += (size_t)used;
  }
  mw_lines_forget(lines);
  return 0;
}

int mw_lines_write_late(struct mw_lines *lines, int fd, struct mw_queue_batch *batch,
                        int64_t deadline_ns, size_t *written_bytes, struct mw_error *err)
{
  *written_bytes = 0;
  if (lines->written_bytes == 0 || lines->number >= batch->first)
    return 0;
  int rc = write_rest(lines, fd, deadline_ns, written_bytes, err);
  batch->late = rc == 0;
  return rc;
}

/* Older messages may have been found in the file: they come before the one that was begun. */
static int write_other(struct mw_lines *lines, int fd, uint64_t number, int64_t deadline_ns,
                       size_t *written_bytes, struct mw_error *err)
{
  if (lines->written_bytes == 0 || lines->number == number)
    return 0;
  return write_rest(lines, fd, deadline_ns, written_bytes, err);
}

int mw_lines_write(struct mw_lines *lines, int fd, const struct mw_queue_batch *batch, size_t index,
                   int64_t deadline_ns, size_t *written_bytes, struct mw_error *err)
{
  const struct mw_message *message = batch->messages[index];
  size_t other_bytes = 0;
  int rc = write_other(lines, fd, message->number, deadline_ns, &other_bytes, err);

  *written_bytes = other_bytes;
  if (rc < 0)
    return rc;
  if (lines->written_bytes == 0) { /* nothing of it was written: the message may be another one */
    mw_lines_forget(lines);
    lines->number = message->number;
    rc = mw_line_append(&lines->pending, message, err);
  }
  if (rc < 0)
    return rc;
  rc = write_rest(lines, fd, deadline_ns, written_bytes, err);
  *written_bytes += other_bytes;
  return rc;
}
