/* The sink stdout: lines to a descriptor that somebody else has opened. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/lines.h"
#include "agent/sink.h"
#include "base/outlet.h"

struct stream {
  int fd;
  int own_fd; /* the same for this sink alone, which does not block; -1: none */
  struct mw_lines lines;
};

void *mw_sink_stream_new(int fd, struct mw_error *err)
{
  struct stream *stream = calloc(1, sizeof *stream);

  if (!stream) {
    mw_error_set(err, ENOMEM, "out of memory for a sink");
    return NULL;
  }
  stream->own_fd = mw_outlet_open(fd);
  stream->fd = stream->own_fd >= 0 ? stream->own_fd : fd;
  mw_lines_init(&stream->lines);
  return stream;
}

static void stream_free(void *data)
{
  struct stream *stream = data;

  if (stream->own_fd >= 0)
    close(stream->own_fd);
  mw_lines_deinit(&stream->lines);
  free(stream);
}

static int stream_deliver(void *data, struct mw_queue_batch *batch, int64_t deadline_ns,
                          size_t *delivered, struct mw_error *err)
{
  struct stream *stream = data;
  size_t written_bytes;
  int rc = mw_lines_write_late(&stream->lines, stream->fd, batch, deadline_ns, &written_bytes, err);

  *delivered = 0;
  while (rc == 0 && *delivered < batch->count) {
    rc = mw_lines_write(&stream->lines, stream->fd, batch, *delivered, deadline_ns, &written_bytes,
                        err);
    *delivered += rc == 0;
  }
  if (rc < 0)
    mw_error_prefix(err, "standard output");
  return rc;
}

const struct mw_sink_ops mw_sink_stream_ops = {.deliver = stream_deliver, .free = stream_free};
