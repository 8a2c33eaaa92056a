/** @file http_support.h  A folder for files, a sink that keeps what it gets, a client to ask. */
#ifndef HTTP_SUPPORT_H
#define HTTP_SUPPORT_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "moonwatch/http.h"

/* ---- A folder ---- */

static char folder[64];

static inline int make_folder(void **state)
{
  (void)state;
  strcpy(folder, "/tmp/moonwatch-http-XXXXXX");
  return mkdtemp(folder) ? 0 : -1;
}

static inline int remove_folder(void **state)
{
  char command[128];
  (void)state;

  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command); /* NOLINT(bugprone-command-processor): a test's own folder */
}

/** The path of a file in it; valid until the next call but three. */
static inline const char *in_folder(const char *name)
{
  static char paths[4][256];
  static unsigned next;
  char *path = paths[next++ % 4];

  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

/** Write it anew, as another file. */
static inline const char *put_bytes(const char *name, const void *bytes, size_t len_bytes)
{
  const char *path = in_folder(name);
  char new_path[300];

  snprintf(new_path, sizeof new_path, "%s.new", path);
  int fd = open(new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || write(fd, bytes, len_bytes) != (ssize_t)len_bytes || close(fd) < 0 ||
      rename(new_path, path) < 0)
    abort();
  return path;
}

static inline const char *put(const char *name, const char *text)
{
  return put_bytes(name, text, strlen(text));
}

/* ---- An answer ---- */

struct heard {
  struct mw_buf headers, body; /* "name: value\n" each */
  unsigned pieces_count;
  struct mw_http_answer answer;
  struct mw_error err;
  int rc;
};

static inline int hear_header(void *data, const char *name, const char *value, struct mw_error *err)
{
  struct heard *heard = data;

  return mw_buf_printf(&heard->headers, err, "%s: %s\n", name, value);
}

static inline int hear_body(void *data, const char *piece, size_t len_bytes, struct mw_error *err)
{
  struct heard *heard = data;

  heard->pieces_count++;
  return mw_buf_append(&heard->body, piece, len_bytes, err);
}

static inline void forget_heard(struct heard *heard)
{
  mw_buf_deinit(&heard->headers);
  mw_buf_deinit(&heard->body);
}

static inline void ask(struct mw_http *http, const struct mw_http_request *request,
                       struct heard *heard)
{
  const struct mw_http_sink sink = {.data = heard, .header = hear_header, .body = hear_body};

  *heard = (struct heard){0};
  mw_buf_init(&heard->headers, (size_t)1 << 20);
  mw_buf_init(&heard->body, (size_t)64 << 20);
  heard->rc = mw_http_ask(http, request, &sink, &heard->answer, &heard->err);
  if (!heard->headers.data)
    mw_buf_append(&heard->headers, "", 0, NULL);
  if (!heard->body.data)
    mw_buf_append(&heard->body, "", 0, NULL);
}

static inline void get(struct mw_http *http, const char *url, struct heard *heard)
{
  ask(http, &(struct mw_http_request){.url = url}, heard);
}

/** A client whose answers are recorded in the folder, by this index. */
static inline struct mw_http *recorded_client(const char *index)
{
  struct mw_error err = {0};

  put("answers.json", index);
  struct mw_http *http = mw_http_new(&(struct mw_http_config){.recorded_dir = folder}, &err);
  if (!http)
    fprintf(stderr, "%s\n", err.text);
  return http;
}

#endif
