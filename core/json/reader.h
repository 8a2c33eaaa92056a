/**
 * @file reader.h
 * Reads a JSON document that arrives in pieces, and tells of what is in it as it comes by: memory
 * does not grow with the document, only with its longest string.
 *
 * Stricter than most: one document and nothing behind it, valid UTF-8 in every string, no comments,
 * no number that a double cannot hold. (A caller may see to strings and numbers itself, and pass
 * over what it does not need.) Keys may repeat; the caller hears of each. Of a surrogate pair that
 * is cut in half the second half is refused; the first becomes "?", as yajl has it.
 *
 * Source: RFC 8259; the grammar is that of yajl, which does not check for memory exhaustion.
 * Thread-safety: none; a reader belongs to one thread at a time.
 */
#ifndef MW_JSON_READER_H
#define MW_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/parse.h"
#include "moonwatch/error.h"

struct mw_json_reader;

enum mw_json_number_kind {
  MW_JSON_I64,    /**< a whole number without point or exponent; "-0" is the integer 0 */
  MW_JSON_U64,    /**< the same, over INT64_MAX */
  MW_JSON_DOUBLE, /**< any other, also larger integers: their digits are in text */
};

struct mw_json_number {
  enum mw_json_number_kind kind;
  union {
    int64_t i64;
    uint64_t u64;
    double f64; /**< finite, unless unchecked */
  } value;
  struct mw_slice text; /**< as it stood in the document */
};

/**
 * What the reader calls. Each returns 0 to go on, or -errno with @p err filled, which ends the
 * reading and is what the caller of the reader gets. NULL: not interested. Slices are valid during
 * the call, hold valid UTF-8, and may contain '\0'.
 *
 * A Lua error may jump out of a callback: the reader can then only be freed.
 */
struct mw_json_events {
  int (*null)(void *data, struct mw_error *err);
  int (*boolean)(void *data, bool value, struct mw_error *err);
  int (*number)(void *data, const struct mw_json_number *number, struct mw_error *err);
  int (*string)(void *data, struct mw_slice text, struct mw_error *err);
  int (*begin_object)(void *data, struct mw_error *err);
  int (*key)(void *data, struct mw_slice key, struct mw_error *err);
  int (*end_object)(void *data, struct mw_error *err);
  int (*begin_array)(void *data, struct mw_error *err);
  int (*end_array)(void *data, struct mw_error *err);
};

#define MW_JSON_READER_DEPTH_DEFAULT 64
#define MW_JSON_READER_DOCUMENT_DEFAULT_BYTES ((size_t)16 << 20)
#define MW_JSON_READER_STRING_DEFAULT_BYTES ((size_t)1 << 20)

struct mw_json_reader_config {
  const struct mw_json_events *events; /**< borrowed as long as the reader */
  void *data;                          /**< for the events */
  bool
      unchecked; /**< strings and keys may be no UTF-8, doubles infinite: who keeps one checks it */
  /* Ceilings; 0 is the default above. */
  unsigned depth_max;        /**< objects and arrays inside each other */
  size_t document_max_bytes; /**< of all pieces together */
  size_t string_max_bytes;   /**< of one string or key, without its escapes */
};

/** @return NULL with -ENOMEM in @p err. */
struct mw_json_reader *mw_json_reader_new(const struct mw_json_reader_config *config,
                                          struct mw_error *err);
void mw_json_reader_free(struct mw_json_reader *reader); /**< accepts NULL; not inside an event */

/**
 * Read the next piece, which may end anywhere, also inside a word or a character.
 * After a failure every later call fails the same way.
 * @return 0; -EBADMSG: not JSON (the text of @p err says why and near which byte);
 * -EILSEQ: a string is not UTF-8; -ERANGE: a number too large for a double; -EMSGSIZE: a ceiling;
 * or what an event returned.
 */
int mw_json_reader_feed(struct mw_json_reader *reader, struct mw_slice piece, struct mw_error *err);

/**
 * To be called inside an event: inside key, the value of the key is passed over without events;
 * inside begin_object or begin_array, all that is in it, and its end. What is passed over has to be
 * JSON and within the ceilings, but its strings need not be UTF-8, nor its numbers fit a double.
 */
void mw_json_reader_skip(struct mw_json_reader *reader);

/** No more pieces. @return as mw_json_reader_feed; -EBADMSG when the document ends early. */
int mw_json_reader_finish(struct mw_json_reader *reader, struct mw_error *err);

#endif
