#include "http/receiver.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "http/retry_after.h"
#include "http/url.h"
#include "moonwatch/clock.h"

/* What an answer that says no may have to say: reading on keeps the connection for the next one. */
#define REFUSAL_MAX_BYTES ((size_t)64 << 10)

bool mw_http_is_success(int status)
{
  return status >= 200 && status <= 299;
}

bool mw_http_is_redirect(int status)
{
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* ---- Life cycle ---- */

static void forget(struct mw_receiver *receiver)
{
  receiver->answer = (struct mw_http_answer){.retry_after_ms = -1};
  receiver->headers_bytes = 0;
  receiver->in_header = receiver->enough = false;
  mw_buf_deinit(&receiver->location);
}

void mw_receiver_init(struct mw_receiver *receiver, const struct mw_http_request *request,
                      const struct mw_http_sink *sink, const struct mw_stop *stop,
                      struct mw_error *err)
{
  *receiver = (struct mw_receiver){.request = request, .sink = sink, .stop = stop, .err = err};
  mw_buf_init(&receiver->location, MW_URL_MAX_BYTES);
  mw_buf_init(&receiver->line, 2 * request->headers_max_bytes + 2);
  forget(receiver);
}

void mw_receiver_deinit(struct mw_receiver *receiver)
{
  mw_buf_deinit(&receiver->location);
  mw_buf_deinit(&receiver->line);
}

void mw_receiver_restart(struct mw_receiver *receiver)
{
  forget(receiver);
}

/* ---- Ending it ---- */

static bool ended(struct mw_receiver *receiver, int rc)
{
  receiver->rc = rc;
  return rc == 0;
}

bool mw_receiver_fail(struct mw_receiver *receiver, int code, const char *fmt, ...)
{
  char text[1024];
  va_list args;

  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  return ended(receiver, mw_error_set(receiver->err, code, "%s", text));
}

static bool goes_on(struct mw_receiver *receiver)
{
  return !mw_stop_is(receiver->stop) || mw_receiver_fail(receiver, ECANCELED, "canceled");
}

/* "3 bytes", "64 KiB": as a person would set it. */
static bool too_large(struct mw_receiver *receiver, const char *what, size_t max_bytes)
{
  const char *unit = "bytes";

  if (max_bytes >= (size_t)1 << 20 && max_bytes % ((size_t)1 << 20) == 0) {
    max_bytes >>= 20;
    unit = "MiB";
  } else if (max_bytes >= 1024 && max_bytes % 1024 == 0) {
    max_bytes >>= 10;
    unit = "KiB";
  }
  return mw_receiver_fail(receiver, EMSGSIZE, "%s is larger than the limit of %zu %s", what,
                          max_bytes, unit);
}

static bool count_header(struct mw_receiver *receiver, size_t line_bytes)
{
  size_t max_bytes = receiver->request->headers_max_bytes;

  if (line_bytes > max_bytes - receiver->headers_bytes)
    return too_large(receiver, "the header of the answer", max_bytes);
  receiver->headers_bytes += line_bytes;
  return true;
}

/* ---- Header ---- */

bool mw_http_split_field(struct mw_slice line, struct mw_slice *name, struct mw_slice *value)
{
  while (line.len_bytes > 0 && strchr(" \t\r\n", line.data[line.len_bytes - 1]))
    line.len_bytes--;
  const char *colon = line.len_bytes > 0 ? memchr(line.data, ':', line.len_bytes) : NULL;
  if (!colon || colon == line.data)
    return false;

  const char *start = colon + 1, *end = line.data + line.len_bytes;
  while (start < end && (*start == ' ' || *start == '\t'))
    start++;
  *name = (struct mw_slice){line.data, (size_t)(colon - line.data)};
  *value = (struct mw_slice){start, (size_t)(end - start)};
  return true;
}

bool mw_receive_status(struct mw_receiver *receiver, int status, int version, size_t line_bytes)
{
  receiver->answer.phase = MW_HTTP_PHASE_SEND;
  receiver->answer.status = status;
  receiver->answer.version = version;
  receiver->in_header = true;
  return count_header(receiver, line_bytes) && goes_on(receiver);
}

/* Name and value as two texts behind each other; NULL: out of memory. */
static const char *spell(struct mw_receiver *receiver, struct mw_slice name, struct mw_slice value)
{
  struct mw_buf *line = &receiver->line;

  mw_buf_clear(line);
  if (mw_buf_append(line, name.data, name.len_bytes, receiver->err) < 0 ||
      mw_buf_append(line, "", 1, receiver->err) < 0 ||
      mw_buf_append(line, value.data, value.len_bytes, receiver->err) < 0)
    return NULL;
  for (char *byte = line->data; *byte; byte++)
    if (*byte >= 'A' && *byte <= 'Z')
      *byte = (char)(*byte - 'A' + 'a');
  return line->data + name.len_bytes + 1;
}

static bool note(struct mw_receiver *receiver, const char *name, const char *value)
{
  struct mw_http_answer *answer = &receiver->answer;

  if (strcmp(name, "retry-after") == 0)
    mw_retry_after_parse(value, mw_clock_wall_ns(mw_clock_system()), &answer->retry_after_ms);
  if (strcmp(name, "location") != 0 || !mw_http_is_redirect(answer->status))
    return true;
  mw_buf_clear(&receiver->location);
  return ended(receiver, mw_buf_append_text(&receiver->location, value, receiver->err));
}

bool mw_receive_field(struct mw_receiver *receiver, struct mw_slice name, struct mw_slice value,
                      size_t line_bytes)
{
  int status = receiver->answer.status;

  if (!count_header(receiver, line_bytes))
    return false;
  /* Interim answers and trailers are nobody's business. */
  if (!receiver->in_header || status < 200 || memchr(name.data, '\0', name.len_bytes))
    return goes_on(receiver);
  const char *text = spell(receiver, name, value);
  if (!text)
    return ended(receiver, receiver->err ? -receiver->err->code : -ENOMEM);
  if (!note(receiver, receiver->line.data, text))
    return false;
  bool is_passed_over = receiver->follows && mw_http_is_redirect(status);
  if (receiver->sink->header && !is_passed_over)
    return ended(receiver, receiver->sink->header(receiver->sink->data, receiver->line.data, text,
                                                  receiver->err));
  return goes_on(receiver);
}

void mw_receive_header_end(struct mw_receiver *receiver)
{
  receiver->in_header = false;
  if (receiver->answer.status >= 200)
    receiver->answer.phase = MW_HTTP_PHASE_BODY;
}

/* ---- Body ---- */

static void keep_said(struct mw_http_answer *answer, struct mw_slice piece)
{
  size_t used = strlen(answer->said);

  for (size_t i = 0; i < piece.len_bytes && used + 1 < sizeof answer->said; i++) {
    char byte = piece.data[i];
    if (byte == '\n' || byte == '\r' || byte == '\t')
      byte = ' ';
    bool doubled = byte == ' ' && (used == 0 || answer->said[used - 1] == ' ');
    if (!doubled)
      answer->said[used++] = byte >= ' ' && byte <= '~' ? byte : '?';
  }
  answer->said[used] = '\0';
}

void mw_receiver_end_said(struct mw_receiver *receiver)
{
  char *said = receiver->answer.said;
  size_t used = strlen(said);

  if (used > 0 && said[used - 1] == ' ')
    said[used - 1] = '\0';
}

bool mw_receive_body(struct mw_receiver *receiver, struct mw_slice piece)
{
  struct mw_http_answer *answer = &receiver->answer;
  size_t max_bytes = receiver->request->body_max_bytes;

  if (!goes_on(receiver))
    return false;
  if (!mw_http_is_success(answer->status)) {
    keep_said(answer, piece);
    answer->body_bytes += piece.len_bytes;
    receiver->enough = answer->body_bytes > REFUSAL_MAX_BYTES || answer->body_bytes > max_bytes;
    return !receiver->enough;
  }
  if (piece.len_bytes > max_bytes - answer->body_bytes)
    return too_large(receiver, "the answer", max_bytes);
  answer->body_bytes += piece.len_bytes;
  if (!receiver->sink->body)
    return true;
  return ended(receiver, receiver->sink->body(receiver->sink->data, piece.data, piece.len_bytes,
                                              receiver->err));
}
