/**
 * @file writer.h
 * Writes a JSON document, piece by piece, into a buffer. What comes out is always well-formed:
 * commas and nesting are the writer's business, strings are valid UTF-8 whatever they were, whole
 * numbers keep every digit.
 *
 * Errors stick: the first one (no room, no memory, a call that does not fit, such as a value where
 * a key belongs) makes every later call do nothing, so a caller looks once, at the end:
 *
 *   struct mw_json_writer w;
 *   mw_json_writer_init(&w, &buf, &err);
 *   mw_json_begin_object(&w);
 *   mw_json_write_key(&w, "cpus");
 *   mw_json_write_u64(&w, 4);
 *   mw_json_end_object(&w);
 *   return mw_json_writer_finish(&w);
 *
 * Source: RFC 8259. Thread-safety: none; a writer belongs to one thread at a time.
 */
#ifndef MW_JSON_WRITER_H
#define MW_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/parse.h"
#include "moonwatch/error.h"

/** Objects and arrays inside each other, at most; readers elsewhere refuse deeper ones, too. */
#define MW_JSON_DEPTH_MAX 64

/** In storage of the caller, and nothing in it needs freeing; its fields are private. */
struct mw_json_writer {
  struct mw_buf *out;
  struct mw_error *err;
  int rc;           /* 0, or the first failure */
  unsigned depth;   /* open objects and arrays */
  uint64_t objects; /* one bit for each level, the innermost lowest: 1 is an object */
  bool comma;       /* the next key or value needs one in front */
  bool key_written; /* its value comes next */
};

/** Append one document to @p out. Both pointers are borrowed until the end; @p err may be NULL. */
void mw_json_writer_init(struct mw_json_writer *w, struct mw_buf *out, struct mw_error *err);

/**
 * @return 0 when exactly one whole document was written; -EMSGSIZE or -ENOMEM from the buffer;
 * -EINVAL after a call that did not fit, nesting deeper than MW_JSON_DEPTH_MAX, or an unfinished
 * document. After a failure the buffer holds a part of the document.
 */
int mw_json_writer_finish(struct mw_json_writer *w);

void mw_json_begin_object(struct mw_json_writer *w);
void mw_json_end_object(struct mw_json_writer *w);
void mw_json_begin_array(struct mw_json_writer *w);
void mw_json_end_array(struct mw_json_writer *w);

/** Keys are written in the order of the calls: to sort them is the caller's part. */
void mw_json_write_key(struct mw_json_writer *w, const char *key);
void mw_json_write_key_slice(struct mw_json_writer *w, struct mw_slice key);

/* What was encoded before, by this writer: a key with its quotes and the colon behind them; a
 * value. */
void mw_json_write_encoded_key(struct mw_json_writer *w, struct mw_slice key);
void mw_json_write_encoded(struct mw_json_writer *w, struct mw_slice value);

/** Bytes that are no UTF-8 become U+FFFD, one by one. */
void mw_json_write_text(struct mw_json_writer *w, const char *text);
void mw_json_write_slice(struct mw_json_writer *w, struct mw_slice text);

void mw_json_write_u64(struct mw_json_writer *w, uint64_t value);
void mw_json_write_i64(struct mw_json_writer *w, int64_t value);

/** As mw_json_format_double; JSON knows neither NaN nor infinity, so these become null. */
void mw_json_write_double(struct mw_json_writer *w, double value);

void mw_json_write_bool(struct mw_json_writer *w, bool value);
void mw_json_write_null(struct mw_json_writer *w);

#endif
