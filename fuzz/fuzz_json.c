/*
 * Reads any bytes as JSON, whole and in pieces, and writes what was read.
 * Holds: the pieces change neither events nor verdict; what was written reads back as the same;
 * strings are valid UTF-8.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "json/reader.h"
#include "json/writer.h"

#define OUTPUT_MAX_BYTES ((size_t)8 << 20)
#define STRING_MAX_BYTES 1024

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
  if (!holds)
    abort();
}

static int write_null(void *w, struct mw_error *err)
{
  (void)err;
  mw_json_write_null(w);
  return 0;
}

static int write_boolean(void *w, bool value, struct mw_error *err)
{
  (void)err;
  mw_json_write_bool(w, value);
  return 0;
}

static int write_number(void *w, const struct mw_json_number *number, struct mw_error *err)
{
  (void)err;
  if (number->kind == MW_JSON_I64)
    mw_json_write_i64(w, number->value.i64);
  else if (number->kind == MW_JSON_U64)
    mw_json_write_u64(w, number->value.u64);
  else
    mw_json_write_double(w, number->value.f64);
  return 0;
}

static void check_utf8(struct mw_slice text)
{
  for (size_t i = 0; i < text.len_bytes;) {
    size_t step = mw_utf8_sequence_bytes((struct mw_slice){text.data + i, text.len_bytes - i});
    check(step > 0);
    i += step;
  }
}

static int write_string(void *w, struct mw_slice text, struct mw_error *err)
{
  (void)err;
  check_utf8(text);
  mw_json_write_slice(w, text);
  return 0;
}

static int write_key(void *w, struct mw_slice key, struct mw_error *err)
{
  (void)err;
  check_utf8(key);
  mw_json_write_key_slice(w, key);
  return 0;
}

static int begin_object(void *w, struct mw_error *err)
{
  (void)err;
  mw_json_begin_object(w);
  return 0;
}

static int end_object(void *w, struct mw_error *err)
{
  (void)err;
  mw_json_end_object(w);
  return 0;
}

static int begin_array(void *w, struct mw_error *err)
{
  (void)err;
  mw_json_begin_array(w);
  return 0;
}

static int end_array(void *w, struct mw_error *err)
{
  (void)err;
  mw_json_end_array(w);
  return 0;
}

static const struct mw_json_events events = {
    .null = write_null,
    .boolean = write_boolean,
    .number = write_number,
    .string = write_string,
    .begin_object = begin_object,
    .key = write_key,
    .end_object = end_object,
    .begin_array = begin_array,
    .end_array = end_array,
};

/* Read @p text in pieces, whose sizes @p seed decides (0: all at once), and write it to @p out. */
static int copy(struct mw_slice text, uint32_t seed, struct mw_buf *out)
{
  struct mw_json_writer w;
  struct mw_json_reader *reader = mw_json_reader_new(
      &(struct mw_json_reader_config){
          .events = &events, .data = &w, .string_max_bytes = STRING_MAX_BYTES},
      NULL);
  int rc = 0;

  check(reader);
  mw_buf_clear(out);
  mw_json_writer_init(&w, out, NULL);
  while (rc == 0 && text.len_bytes > 0) {
    seed = seed * 1664525 + (seed ? 1013904223 : 0);
    size_t piece_bytes = seed ? 1 + (seed >> 24) % 7 : text.len_bytes;
    if (piece_bytes > text.len_bytes)
      piece_bytes = text.len_bytes;
    /* A copy of the very size: reading behind a piece is seen. */
    char *piece = malloc(piece_bytes);
    memcpy(piece, text.data, piece_bytes);
    rc = mw_json_reader_feed(reader, (struct mw_slice){piece, piece_bytes}, NULL);
    free(piece);
    text.data += piece_bytes;
    text.len_bytes -= piece_bytes;
  }
  if (rc == 0)
    rc = mw_json_reader_finish(reader, NULL);
  check(rc < 0 || mw_json_writer_finish(&w) == 0);
  mw_json_reader_free(reader);
  return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  MW_AUTO_BUF whole, pieces;
  uint32_t seed = 1 + (uint32_t)size + (size > 0 ? data[size / 2] : 0U);

  mw_buf_init(&whole, OUTPUT_MAX_BYTES);
  mw_buf_init(&pieces, OUTPUT_MAX_BYTES);
  int rc = copy((struct mw_slice){(const char *)data, size}, 0, &whole);
  check(copy((struct mw_slice){(const char *)data, size}, seed, &pieces) == rc);
  check(whole.len_bytes == pieces.len_bytes);
  check(whole.len_bytes == 0 || memcmp(whole.data, pieces.data, whole.len_bytes) == 0);
  if (rc < 0)
    return 0;

  check(copy((struct mw_slice){whole.data, whole.len_bytes}, 0, &pieces) == 0);
  check(whole.len_bytes == pieces.len_bytes);
  check(memcmp(whole.data, pieces.data, whole.len_bytes) == 0);
  return 0;
}
