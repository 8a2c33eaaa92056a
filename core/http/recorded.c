#include "http/recorded.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "http/recorded_index.h"

#define PIECE_BYTES ((size_t)4 << 10)

struct recorded {
  struct mw_http_transport transport; /* first, so that its functions find the rest */
  char *dir;
  int dir_fd;
  struct mw_recorded_answer *answers;
};

/* ---- Which answer ---- */

/* Of those with the same method and URL: the last one whose step has come. */
static const struct mw_recorded_answer *at_step(struct mw_recorded_answer *first)
{
  uint64_t step = ++first->asked_count;
  const struct mw_recorded_answer *found = NULL;

  for (struct mw_recorded_answer *answer = first; answer;
       answer = mw_recorded_find(answer->next, first->method, first->url))
    if (answer->step <= step)
      found = answer;
  return found;
}

static int unknown(const struct recorded *recorded, const struct mw_http_call *call,
                   struct mw_error *err)
{
  return mw_error_set(err, ECONNREFUSED, "nobody answers: %s/%s has no %s%s", recorded->dir,
                      MW_RECORDED_INDEX, call->request->method,
                      call->url.query.len_bytes > 0 ? " of this URL with this query"
                                                    : " of this URL");
}

static int fail(enum mw_recorded_failure failure, struct mw_receiver *receiver,
                struct mw_error *err)
{
  enum mw_http_phase *phase = &receiver->answer.phase;

  switch (failure) {
  case MW_RECORDED_TIMEOUT:
    *phase = MW_HTTP_PHASE_SEND;
    return mw_error_set(err, ETIMEDOUT, "no answer in time (as recorded)");
  case MW_RECORDED_UNTRUSTED:
    *phase = MW_HTTP_PHASE_TLS;
    return mw_error_set(err, EACCES, "the certificate is not believed (as recorded)");
  case MW_RECORDED_RESET:
    return mw_error_set(err, ECONNRESET, "the connection ended early (as recorded)");
  default:
    *phase = MW_HTTP_PHASE_CONNECT;
    return mw_error_set(err, ECONNREFUSED, "connection refused (as recorded)");
  }
}

/* ---- Telling it ---- */

static bool tell_headers(const struct mw_recorded_answer *answer, struct mw_receiver *receiver)
{
  struct mw_slice rest = {answer->headers.data, answer->headers.len_bytes}, line, name, value;

  while (mw_slice_next_line(&rest, &line))
    if (mw_http_split_field(line, &name, &value) &&
        !mw_receive_field(receiver, name, value, line.len_bytes + 2))
      return false;
  mw_receive_header_end(receiver);
  return true;
}

static bool tell_text(struct mw_slice text, struct mw_receiver *receiver)
{
  while (text.len_bytes > 0) {
    size_t step_bytes = text.len_bytes < PIECE_BYTES ? text.len_bytes : PIECE_BYTES;
    if (!mw_receive_body(receiver, (struct mw_slice){text.data, step_bytes}))
      return false;
    text.data += step_bytes;
    text.len_bytes -= step_bytes;
  }
  return true;
}

/* The first @p most_bytes of the file. */
static int tell_file(int fd, const char *name, size_t most_bytes, struct mw_receiver *receiver,
                     struct mw_error *err)
{
  char piece[PIECE_BYTES];
  size_t told_bytes = 0;

  while (told_bytes < most_bytes) {
    size_t left = most_bytes - told_bytes;
    ssize_t got = pread(fd, piece, left < PIECE_BYTES ? left : PIECE_BYTES, (off_t)told_bytes);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return mw_error_set(err, errno, "cannot read %s: %s", name, strerror(errno));
    if (got == 0 || !mw_receive_body(receiver, (struct mw_slice){piece, (size_t)got}))
      return 0;
    told_bytes += (size_t)got;
  }
  return 0;
}

static int tell_body_file(const struct recorded *recorded, const struct mw_recorded_answer *answer,
                          bool half, struct mw_receiver *receiver, struct mw_error *err)
{
  MW_AUTO_CLOSE int fd = mw_file_open(recorded->dir_fd, answer->body_file, err);
  size_t most_bytes = SIZE_MAX;

  if (fd < 0) {
    mw_error_prefix(err, "recorded answer in %s", recorded->dir);
    return fd;
  }
  if (half) {
    off_t end = lseek(fd, 0, SEEK_END);
    most_bytes = end > 0 ? (size_t)end / 2 : 0;
  }
  return tell_file(fd, answer->body_file, most_bytes, receiver, err);
}

static int tell(const struct recorded *recorded, const struct mw_http_call *call,
                const struct mw_recorded_answer *answer, struct mw_receiver *receiver,
                struct mw_error *err)
{
  bool half = answer->fails == MW_RECORDED_RESET;

  if (!mw_receive_status(receiver, answer->status, answer->version, 0) ||
      !tell_headers(answer, receiver))
    return receiver->rc;
  if (strcmp(call->request->method, "HEAD") == 0)
    return 0;
  if (answer->body_file) {
    int rc = tell_body_file(recorded, answer, half, receiver, err);
    return rc < 0 ? rc : receiver->rc;
  }
  size_t len_bytes = half ? answer->body.len_bytes / 2 : answer->body.len_bytes;
  tell_text((struct mw_slice){answer->body.data, len_bytes}, receiver);
  return receiver->rc;
}

static int ask(struct mw_http_transport *transport, const struct mw_http_call *call,
               struct mw_receiver *receiver, struct mw_error *err)
{
  struct recorded *recorded = (struct recorded *)transport;
  struct mw_recorded_answer *first =
      mw_recorded_find(recorded->answers, call->request->method, call->url_text);
  const struct mw_recorded_answer *answer = first ? at_step(first) : NULL;

  if (!answer) {
    receiver->answer.phase = MW_HTTP_PHASE_CONNECT;
    return unknown(recorded, call, err);
  }
  if (answer->fails != MW_RECORDED_ANSWERS && answer->fails != MW_RECORDED_RESET)
    return fail(answer->fails, receiver, err);
  int rc = tell(recorded, call, answer, receiver, err);
  return rc == 0 && answer->fails == MW_RECORDED_RESET ? fail(answer->fails, receiver, err) : rc;
}

/* ---- Life cycle ---- */

static void recorded_free(struct mw_http_transport *transport)
{
  struct recorded *recorded = (struct recorded *)transport;

  mw_recorded_index_free(recorded->answers);
  if (recorded->dir_fd >= 0)
    close(recorded->dir_fd);
  free(recorded->dir);
  free(recorded);
}

static int read_index(struct recorded *recorded, struct mw_error *err)
{
  MW_AUTO_BUF text;

  mw_buf_init(&text, MW_RECORDED_INDEX_MAX_BYTES);
  recorded->dir_fd = mw_dir_open(AT_FDCWD, recorded->dir, err);
  if (recorded->dir_fd < 0)
    return recorded->dir_fd;
  int rc = mw_file_read(recorded->dir_fd, MW_RECORDED_INDEX, &text, err);
  if (rc == 0)
    rc = mw_recorded_index_parse((struct mw_slice){text.data, text.len_bytes}, &recorded->answers,
                                 err);
  if (rc == 0 || rc == -ENOMEM)
    return rc;
  mw_error_prefix(err, "recorded answers in %s/%s", recorded->dir, MW_RECORDED_INDEX);
  return rc;
}

struct mw_http_transport *mw_transport_recorded_new(const char *dir, struct mw_error *err)
{
  struct recorded *recorded = calloc(1, sizeof *recorded);
  char *copy = strdup(dir);

  if (!recorded || !copy) {
    free(recorded);
    free(copy);
    mw_error_set(err, ENOMEM, "out of memory for recorded answers");
    return NULL;
  }
  recorded->transport = (struct mw_http_transport){.ask = ask, .free = recorded_free};
  recorded->dir = copy;
  recorded->dir_fd = -1;
  if (read_index(recorded, err) < 0) {
    recorded_free(&recorded->transport);
    return NULL;
  }
  return &recorded->transport;
}
