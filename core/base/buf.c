#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY_BYTES 256

void mw_buf_init(struct mw_buf *buf, size_t max_bytes)
{
  *buf = (struct mw_buf){.max_bytes = max_bytes};
}

void mw_buf_deinit(struct mw_buf *buf)
{
  free(buf->data);
  mw_buf_init(buf, buf->max_bytes);
}

void mw_buf_clear(struct mw_buf *buf)
{
  buf->len_bytes = 0;
  if (buf->data)
    buf->data[0] = '\0';
}

int mw_buf_reserve(struct mw_buf *buf, size_t extra_bytes, struct mw_error *err)
{
  if (extra_bytes > buf->max_bytes - buf->len_bytes)
    return mw_error_set(err, EMSGSIZE, "larger than the limit of %zu bytes", buf->max_bytes);

  size_t needed_bytes = buf->len_bytes + extra_bytes + 1;
  if (needed_bytes <= buf->capacity_bytes)
    return 0;

  size_t capacity_bytes = buf->capacity_bytes ? buf->capacity_bytes : FIRST_CAPACITY_BYTES;
  while (capacity_bytes < needed_bytes)
    capacity_bytes *= 2;
  if (capacity_bytes > buf->max_bytes + 1)
    capacity_bytes = buf->max_bytes + 1;

  char *data = realloc(buf->data, capacity_bytes);
  if (!data)
    return mw_error_set(err, ENOMEM, "out of memory for %zu bytes", capacity_bytes);
  buf->data = data;
  buf->capacity_bytes = capacity_bytes;
  buf->data[buf->len_bytes] = '\0';
  return 0;
}

int mw_buf_append(struct mw_buf *buf, const void *bytes, size_t len_bytes, struct mw_error *err)
{
  int rc = mw_buf_reserve(buf, len_bytes, err);
  if (rc < 0)
    return rc;
  if (len_bytes > 0)
    memcpy(buf->data + buf->len_bytes, bytes, len_bytes);
  buf->len_bytes += len_bytes;
  buf->data[buf->len_bytes] = '\0';
  return 0;
}

int mw_buf_append_text(struct mw_buf *buf, const char *text, struct mw_error *err)
{
  return mw_buf_append(buf, text, strlen(text), err);
}

int mw_buf_printf(struct mw_buf *buf, struct mw_error *err, const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  int len_bytes = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  if (len_bytes < 0)
    return mw_error_set(err, EINVAL, "cannot format text");

  int rc = mw_buf_reserve(buf, (size_t)len_bytes, err);
  if (rc < 0)
    return rc;
  va_start(args, fmt);
  vsnprintf(buf->data + buf->len_bytes, (size_t)len_bytes + 1, fmt, args);
  va_end(args);
  buf->len_bytes += (size_t)len_bytes;
  return 0;
}
