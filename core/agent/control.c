#include "agent/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/log.h"
#include "moonwatch/clock.h"

/* What makes accept(2) fail, such as a lack of descriptors, is not over at once. */
#define ACCEPT_AGAIN_NS MW_NS_PER_S

#define DRAINED_PARTS_MAX 64

/* Somebody who asks. */
struct stream {
  int fd; /* -1: free */
  int64_t ends_ns;
  struct mw_buf question, answer;
  size_t sent_bytes;
  bool answers;
  bool waits; /* for an answer that is not known yet */
};

struct mw_control {
  int epoll;
  struct mw_control_socket listener;
  char *path;
  mw_control_answer *answer;
  void *data;
  int64_t accepts_again_ns; /* 0: it listens */
  struct mw_log_limit accept_failures;
  struct stream streams[MW_CONTROL_STREAMS_MAX];
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

/* ---- Listening ---- */

static int watch(const struct mw_control *control, int fd, uint32_t events, void *who, int how)
{
  struct epoll_event event = {.events = events, .data.ptr = who};

  return epoll_ctl(control->epoll, how, fd, &event);
}

static int start_listening(const struct mw_control *control, struct mw_error *err)
{
  return watch(control, control->listener.fd, EPOLLIN, NULL, EPOLL_CTL_ADD) == 0
             ? 0
             : mw_error_set(err, errno, "cannot wait for questions: %s", strerror(errno));
}

struct mw_control *mw_control_open(const struct mw_control_place *place, mw_control_answer *answer,
                                   void *data, struct mw_error *err)
{
  struct mw_control_place kept = *place;
  struct mw_control *control = calloc(1, sizeof *control);

  if (!control) {
    mw_error_set(err, ENOMEM, "out of memory for the control socket");
    return NULL;
  }
  control->answer = answer;
  control->data = data;
  for (size_t i = 0; i < MW_CONTROL_STREAMS_MAX; i++)
    control->streams[i].fd = -1;
  kept.path = control->path = strdup(place->path);
  control->epoll = epoll_create1(EPOLL_CLOEXEC);
  control->listener.fd = -1;
  if (!control->path || control->epoll < 0)
    mw_error_set(err, errno, "cannot wait for questions: %s", strerror(errno));
  else if (mw_control_socket_listen(&control->listener, &kept, err) == 0 &&
           start_listening(control, err) == 0)
    return control;
  mw_control_close(control);
  return NULL;
}

static void end_stream(struct stream *stream)
{
  if (stream->fd < 0)
    return;
  close(stream->fd);
  stream->fd = -1;
  mw_buf_deinit(&stream->question);
  mw_buf_deinit(&stream->answer);
}

void mw_control_close(struct mw_control *control)
{
  if (!control)
    return;
  for (size_t i = 0; i < MW_CONTROL_STREAMS_MAX; i++)
    end_stream(&control->streams[i]);
  mw_control_socket_close(&control->listener);
  if (control->epoll >= 0)
    close(control->epoll);
  free(control->path);
  free(control);
}

int mw_control_fd(const struct mw_control *control)
{
  return control->epoll;
}

/* ---- Answering ---- */

static void fill_answer(struct stream *stream, int rc, const struct mw_buf *body,
                        const struct mw_error *err)
{
  if (rc < 0)
    rc = mw_buf_printf(&stream->answer, NULL, "error %s\n", err->text);
  else
    rc = mw_buf_append_text(&stream->answer, "ok\n", NULL);
  if (rc == 0 && body && body->len_bytes > 0)
    mw_buf_append(&stream->answer, body->data, body->len_bytes, NULL);
  stream->answers = true;
}

/* @return false: the stream is to be ended. */
static bool send_answer(struct mw_control *control, struct stream *stream)
{
  while (stream->sent_bytes < stream->answer.len_bytes) {
    ssize_t sent = send(stream->fd, stream->answer.data + stream->sent_bytes,
                        stream->answer.len_bytes - stream->sent_bytes, MSG_NOSIGNAL);
    if (sent < 0)
      return errno == EAGAIN && watch(control, stream->fd, EPOLLOUT, stream, EPOLL_CTL_MOD) == 0;
    stream->sent_bytes += (size_t)sent;
  }
  return false;
}

/* Who is closed with bytes unread loses the answer on the way; no more than a while, all the same.
 */
static void drain(const struct stream *stream)
{
  char part[MW_CONTROL_LINE_MAX_BYTES];

  for (int i = 0; i < DRAINED_PARTS_MAX; i++)
    if (recv(stream->fd, part, sizeof part, 0) <= 0)
      return;
}

/* @return false: the stream is to be ended. */
static bool refuse_question(struct mw_control *control, struct stream *stream, const char *why)
{
  drain(stream);
  stream->answers = true;
  return mw_buf_printf(&stream->answer, NULL, "error %s\n", why) == 0 &&
         send_answer(control, stream);
}

/* @return false: the stream is to be ended. */
static bool answer_question(struct mw_control *control, struct stream *stream)
{
  struct mw_error err = {0};
  MW_AUTO_BUF body;

  mw_buf_init(&body, MW_CONTROL_BODY_MAX_BYTES);
  int rc = control->answer(control->data, stream->question.data, &body, &err);
  if (rc == MW_CONTROL_LATER) { /* what it says meanwhile would wake the agent over and over */
    stream->waits = true;
    stream->ends_ns = now_ns() + MW_CONTROL_LATER_NS;
    return watch(control, stream->fd, 0, stream, EPOLL_CTL_MOD) == 0;
  }
  fill_answer(stream, rc, &body, &err);
  return send_answer(control, stream);
}

void mw_control_answer_waiting(struct mw_control *control, int rc, const struct mw_buf *body,
                               const struct mw_error *err)
{
  for (size_t i = 0; i < MW_CONTROL_STREAMS_MAX; i++) {
    struct stream *stream = &control->streams[i];
    if (stream->fd < 0 || !stream->waits)
      continue;
    stream->waits = false;
    fill_answer(stream, rc, body, err);
    if (!send_answer(control, stream))
      end_stream(stream);
  }
}

/* @return false: the stream is to be ended. */
static bool read_question(struct mw_control *control, struct stream *stream)
{
  char part[MW_CONTROL_LINE_MAX_BYTES];
  struct mw_buf *question = &stream->question;
  ssize_t used = recv(stream->fd, part, sizeof part, 0);

  if (used <= 0)
    return used < 0 && errno == EAGAIN;
  int rc = mw_buf_append(question, part, (size_t)used, NULL);
  char *end = rc == 0 ? memchr(question->data, '\n', question->len_bytes) : NULL;
  if (!end && (rc == -EMSGSIZE || question->len_bytes == MW_CONTROL_LINE_MAX_BYTES))
    return refuse_question(control, stream, "line too long");
  if (!end)
    return rc == 0;
  *end = '\0';
  if (strlen(question->data) < (size_t)(end - question->data))
    return refuse_question(control, stream, "line has a NUL byte");
  return answer_question(control, stream);
}

/* ---- Accepting ---- */

/* The listener stays readable: waited for, it would wake the agent over and over. */
static void rest(struct mw_control *control, int code)
{
  mw_log_limited(&control->accept_failures, MW_LOG_WARN, "agent", "cannot take questions at %s: %s",
                 control->path, strerror(code));
  if (watch(control, control->listener.fd, 0, NULL, EPOLL_CTL_MOD) == 0)
    control->accepts_again_ns = now_ns() + ACCEPT_AGAIN_NS;
}

static void end_rest(struct mw_control *control)
{
  if (control->accepts_again_ns > 0 && now_ns() >= control->accepts_again_ns &&
      watch(control, control->listener.fd, EPOLLIN, NULL, EPOLL_CTL_MOD) == 0)
    control->accepts_again_ns = 0;
}

static void turn_away(int fd)
{
  static const char answer[] = "error busy\n";

  (void)!send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL); /* who has gone needs none */
  close(fd);
}

static void accept_stream(struct mw_control *control)
{
  struct stream *stream = NULL;
  int fd = accept4(control->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd < 0) {
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
      rest(control, errno);
    return;
  }
  for (size_t i = 0; i < MW_CONTROL_STREAMS_MAX; i++)
    if (control->streams[i].fd < 0)
      stream = &control->streams[i];
  if (!stream) { /* left waiting, it would wake the agent over and over */
    turn_away(fd);
    return;
  }
  *stream = (struct stream){.fd = fd, .ends_ns = now_ns() + MW_CONTROL_PATIENCE_NS};
  mw_buf_init(&stream->question, MW_CONTROL_LINE_MAX_BYTES);
  mw_buf_init(&stream->answer, MW_CONTROL_BODY_MAX_BYTES + MW_ERROR_TEXT_BYTES);
  if (watch(control, fd, EPOLLIN, stream, EPOLL_CTL_ADD) < 0)
    end_stream(stream);
}

/* @return false: the stream is to be ended. One that waits is woken by its end alone. */
static bool serve_stream(struct mw_control *control, struct stream *stream)
{
  if (stream->waits)
    return false;
  return stream->answers ? send_answer(control, stream) : read_question(control, stream);
}

void mw_control_serve(struct mw_control *control)
{
  struct epoll_event events[MW_CONTROL_STREAMS_MAX + 1];
  end_rest(control);
  int count = epoll_wait(control->epoll, events, MW_CONTROL_STREAMS_MAX + 1, 0);

  for (int i = 0; i < count; i++) {
    struct stream *stream = events[i].data.ptr;
    if (!stream)
      accept_stream(control);
    else if (!serve_stream(control, stream))
      end_stream(stream);
  }
  for (size_t i = 0; i < MW_CONTROL_STREAMS_MAX; i++)
    if (control->streams[i].fd >= 0 && now_ns() > control->streams[i].ends_ns)
      end_stream(&control->streams[i]);
}

/* ---- Asking ---- */

static int send_question(int fd, const char *line, struct mw_error *err)
{
  MW_AUTO_BUF text;

  mw_buf_init(&text, MW_CONTROL_LINE_MAX_BYTES);
  int rc = mw_buf_printf(&text, err, "%s\n", line);
  if (rc < 0)
    return rc;
  if (send(fd, text.data, text.len_bytes, MSG_NOSIGNAL) == (ssize_t)text.len_bytes)
    return 0;
  return errno == EPIPE ? 0 /* it has ended the stream; the answer says why */
                        : mw_error_set(err, errno, "cannot ask the agent: %s", strerror(errno));
}

static int receive_answer(int fd, struct mw_buf *out, struct mw_error *err)
{
  char part[4096];
  ssize_t used;

  while ((used = recv(fd, part, sizeof part, 0)) > 0) {
    int rc = mw_buf_append(out, part, (size_t)used, err);
    if (rc < 0)
      return rc;
  }
  /* Reset: it has answered without reading all that was sent. */
  bool ended = used == 0 || (errno == ECONNRESET && out->len_bytes > 0);
  return ended ? 0
               : mw_error_set(err, errno == EAGAIN ? ETIMEDOUT : errno,
                              "the agent does not answer: %s",
                              strerror(errno == EAGAIN ? ETIMEDOUT : errno));
}

static int take_answer(struct mw_buf *answer, struct mw_buf *body, struct mw_error *err)
{
  char *end = answer->len_bytes > 0 ? memchr(answer->data, '\n', answer->len_bytes) : NULL;

  if (!end)
    return mw_error_set(err, EPROTO, "the agent has ended without an answer");
  *end = '\0';
  int rc = mw_buf_append(body, end + 1, answer->len_bytes - (size_t)(end + 1 - answer->data), err);
  if (rc == 0 && strncmp(answer->data, "error ", 6) == 0)
    rc = mw_error_set(err, EPROTO, "%s", answer->data + 6);
  return rc;
}

int mw_control_ask(const char *path, const char *line, struct mw_buf *body, struct mw_error *err)
{
  return mw_control_ask_patiently(path, line, MW_CONTROL_PATIENCE_NS, body, err);
}

int mw_control_ask_patiently(const char *path, const char *line, int64_t patience_ns,
                             struct mw_buf *body, struct mw_error *err)
{
  MW_AUTO_BUF answer;

  mw_buf_init(&answer, MW_CONTROL_BODY_MAX_BYTES + MW_ERROR_TEXT_BYTES);
  int fd = mw_control_socket_connect(path, err);
  if (fd < 0)
    return fd;
  const struct timeval patience = {.tv_sec = patience_ns / MW_NS_PER_S,
                                   .tv_usec = patience_ns % MW_NS_PER_S / 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience); /* else that of connecting */
  int rc = send_question(fd, line, err);
  if (rc == 0)
    rc = receive_answer(fd, &answer, err);
  if (rc == 0)
    rc = take_answer(&answer, body, err);
  close(fd);
  return rc;
}
