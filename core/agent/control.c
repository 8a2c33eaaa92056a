#include "agent/control.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/control_socket.h"
#include "moonwatch/clock.h"

/* Somebody who asks. */
struct stream {
  int fd; /* -1: free */
  int64_t ends_ns;
  struct mw_buf question, answer;
  size_t sent_bytes;
  bool answers;
};

struct mw_control {
  int epoll;
  struct mw_control_socket listener;
  char *path;
  mw_control_answer *answer;
  void *data;
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

struct mw_control *mw_control_open(const char *path, mw_control_answer *answer, void *data,
                                   struct mw_error *err)
{
  struct mw_control *control = calloc(1, sizeof *control);

  if (!control) {
    mw_error_set(err, ENOMEM, "out of memory for the control socket");
    return NULL;
  }
  control->answer = answer;
  control->data = data;
  for (size_t i = 0; i < MW_CONTROL_STREAMS_MAX; i++)
    control->streams[i].fd = -1;
  control->path = strdup(path);
  control->epoll = epoll_create1(EPOLL_CLOEXEC);
  control->listener.fd = -1;
  if (!control->path || control->epoll < 0)
    mw_error_set(err, errno, "cannot wait for questions: %s", strerror(errno));
  else if (mw_control_socket_listen(&control->listener, control->path, err) == 0 &&
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

static void answer_question(struct mw_control *control, struct stream *stream)
{
  struct mw_error err = {0};
  MW_AUTO_BUF body;
  int rc;

  mw_buf_init(&body, MW_CONTROL_BODY_MAX_BYTES);
  rc = control->answer(control->data, stream->question.data, &body, &err);
  if (rc < 0)
    mw_buf_printf(&stream->answer, NULL, "error %s\n", err.text);
  else if (mw_buf_append_text(&stream->answer, "ok\n", NULL) == 0 && body.len_bytes > 0)
    mw_buf_append(&stream->answer, body.data, body.len_bytes, NULL);
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

/* @return false: the stream is to be ended. */
static bool read_question(struct mw_control *control, struct stream *stream)
{
  char part[MW_CONTROL_LINE_MAX_BYTES];
  ssize_t used = recv(stream->fd, part, sizeof part, 0);

  if (used <= 0)
    return used < 0 && errno == EAGAIN;
  if (mw_buf_append(&stream->question, part, (size_t)used, NULL) < 0)
    return false;
  char *end = memchr(stream->question.data, '\n', stream->question.len_bytes);
  if (!end)
    return true;
  *end = '\0';
  answer_question(control, stream);
  return send_answer(control, stream);
}

static void accept_stream(struct mw_control *control)
{
  struct stream *stream = NULL;
  int fd = accept4(control->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

  if (fd < 0)
    return;
  for (size_t i = 0; i < MW_CONTROL_STREAMS_MAX; i++)
    if (control->streams[i].fd < 0)
      stream = &control->streams[i];
  if (!stream) { /* left waiting, it would wake the agent over and over */
    close(fd);
    return;
  }
  *stream = (struct stream){.fd = fd, .ends_ns = now_ns() + MW_CONTROL_PATIENCE_NS};
  mw_buf_init(&stream->question, MW_CONTROL_LINE_MAX_BYTES);
  mw_buf_init(&stream->answer, MW_CONTROL_BODY_MAX_BYTES + MW_ERROR_TEXT_BYTES);
  if (watch(control, fd, EPOLLIN, stream, EPOLL_CTL_ADD) < 0)
    end_stream(stream);
}

void mw_control_serve(struct mw_control *control)
{
  struct epoll_event events[MW_CONTROL_STREAMS_MAX + 1];
  int count = epoll_wait(control->epoll, events, MW_CONTROL_STREAMS_MAX + 1, 0);

  for (int i = 0; i < count; i++) {
    struct stream *stream = events[i].data.ptr;
    if (!stream)
      accept_stream(control);
    else if (!(stream->answers ? send_answer(control, stream) : read_question(control, stream)))
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
  return send(fd, text.data, text.len_bytes, MSG_NOSIGNAL) == (ssize_t)text.len_bytes
             ? 0
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
  return used == 0 ? 0
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
  if (strncmp(answer->data, "error ", 6) == 0)
    return mw_error_set(err, EPROTO, "%s", answer->data + 6);
  return mw_buf_append(body, end + 1, answer->len_bytes - (size_t)(end + 1 - answer->data), err);
}

int mw_control_ask(const char *path, const char *line, struct mw_buf *body, struct mw_error *err)
{
  MW_AUTO_BUF answer;

  mw_buf_init(&answer, MW_CONTROL_BODY_MAX_BYTES + MW_ERROR_TEXT_BYTES);
  int fd = mw_control_socket_connect(path, err);
  if (fd < 0)
    return fd;
  int rc = send_question(fd, line, err);
  if (rc == 0)
    rc = receive_answer(fd, &answer, err);
  if (rc == 0)
    rc = take_answer(&answer, body, err);
  close(fd);
  return rc;
}
