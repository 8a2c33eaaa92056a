/**
 * @file fixture.h
 * Answers from spec/fixtures, read as a whole or in pieces. Everything asserts.
 *
 * Include it behind <cmocka.h> in the test's only file.
 */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "moonwatch/kubelet_pods.h"
#include "moonwatch/kubelet_summary.h"

#define FIXTURE_MAX_BYTES ((size_t)1 << 20)
#define FIXTURE_PIECE_BYTES 1000

/** The text of a file below spec/fixtures; to be freed. */
static inline char *fixture_text(const char *name, size_t *len_bytes)
{
  char path[256];
  char *text = malloc(FIXTURE_MAX_BYTES);

  snprintf(path, sizeof path, "spec/fixtures/%s", name);
  FILE *file = fopen(path, "re");
  if (!file || !text)
    fail_msg("cannot open %s", path);
  *len_bytes = fread(text, 1, FIXTURE_MAX_BYTES - 1, file);
  fclose(file);
  text[*len_bytes] = '\0';
  return text;
}

/** @return NULL with the reason in @p err. */
static inline struct mw_kubelet_summary *summary_of_text(const char *text, size_t len_bytes,
                                                         struct mw_error *err)
{
  struct mw_kubelet_summary_reader *reader = mw_kubelet_summary_reader_new(NULL, err);

  assert_non_null(reader);
  for (size_t i = 0; i < len_bytes; i += FIXTURE_PIECE_BYTES)
    mw_kubelet_summary_reader_feed(
        reader, text + i, len_bytes - i < FIXTURE_PIECE_BYTES ? len_bytes - i : FIXTURE_PIECE_BYTES,
        err);
  struct mw_kubelet_summary *summary = mw_kubelet_summary_reader_take(reader, err);
  mw_kubelet_summary_reader_free(reader);
  return summary;
}

static inline struct mw_kubelet_pods *pods_of_text(const char *text, size_t len_bytes,
                                                   const struct mw_kubelet_pods_config *config,
                                                   struct mw_error *err)
{
  struct mw_kubelet_pods_reader *reader = mw_kubelet_pods_reader_new(config, err);

  assert_non_null(reader);
  for (size_t i = 0; i < len_bytes; i += FIXTURE_PIECE_BYTES)
    mw_kubelet_pods_reader_feed(
        reader, text + i, len_bytes - i < FIXTURE_PIECE_BYTES ? len_bytes - i : FIXTURE_PIECE_BYTES,
        err);
  struct mw_kubelet_pods *pods = mw_kubelet_pods_reader_take(reader, err);
  mw_kubelet_pods_reader_free(reader);
  return pods;
}

static inline struct mw_kubelet_summary *summary_of(const char *name)
{
  struct mw_error err = {0};
  size_t len_bytes;
  char *text = fixture_text(name, &len_bytes);
  struct mw_kubelet_summary *summary = summary_of_text(text, len_bytes, &err);

  free(text);
  if (!summary)
    fail_msg("%s: %s", name, err.text);
  return summary;
}

/** @p pod_expiry_ns before @p now; 0: pods do not expire. @return NULL with @p err filled. */
static inline struct mw_kubelet_pods *pods_of(const char *name, const char *now,
                                              int64_t pod_expiry_ns, struct mw_error *err)
{
  struct mw_kubelet_pods_config config = {.pod_expiry_ns = pod_expiry_ns};
  size_t len_bytes;
  char *text = fixture_text(name, &len_bytes);

  if (now)
    assert_int_equal(mw_kubelet_parse_time(now, strlen(now), &config.now_ns), 0);
  struct mw_kubelet_pods *pods = pods_of_text(text, len_bytes, &config, err);
  free(text);
  return pods;
}

#endif
