#include "json/reader.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "base/cold.h"
#include "base/text.h"

/* yajl gets a piece in parts of this size, so that a look between them can end an endless string.
 */
#define PART_BYTES ((size_t)16 << 10)

/* A byte of a string is at most six in the document: "\u0001". */
#define ESCAPED_BYTES 6

#define NUMBER_MAX_BYTES 512
#define TAIL_BYTES 24

struct mw_json_reader {
  struct mw_json_reader_config config;
  yajl_handle yajl;
  yajl_callbacks callbacks; /* what yajl calls now: those that tell, or those that skip */
  locale_t c_locale;        /* a script may have changed that of the process */
  unsigned depth;
  unsigned skip_depth; /* the depth at which skipping ends */
  bool opening;        /* in the event of a beginning object or array */
  size_t read_bytes;   /* of the parts that are done */
  size_t silent_bytes; /* since the last event, in whole parts */
  char tail[TAIL_BYTES];
  size_t tail_bytes; /* the end of what was read, for messages */
  struct mw_error err;
  int rc; /* 0, or the first failure, which err tells */
};

/* ---- Events of yajl: nonzero goes on ---- */

static int heard(struct mw_json_reader *reader, int rc)
{
  reader->silent_bytes = 0;
  reader->rc = rc;
  return rc == 0;
}

static int on_null(void *context)
{
  struct mw_json_reader *reader = context;
  const struct mw_json_events *events = reader->config.events;
  return heard(reader, events->null ? events->null(reader->config.data, &reader->err) : 0);
}

static int on_boolean(void *context, int value)
{
  struct mw_json_reader *reader = context;
  const struct mw_json_events *events = reader->config.events;

  return heard(
      reader, events->boolean ? events->boolean(reader->config.data, value != 0, &reader->err) : 0);
}

/* Not an integer of 64 bits. */
static MW_COLD int parse_double(struct mw_json_reader *reader, struct mw_json_number *out)
{
  char copy[NUMBER_MAX_BYTES + 1];
  char quoted[MW_TEXT_QUOTED_BYTES];

  out->kind = MW_JSON_DOUBLE;
  out->value.f64 = HUGE_VAL;
  if (out->text.len_bytes > NUMBER_MAX_BYTES && reader->config.unchecked)
    return 0;
  if (out->text.len_bytes > NUMBER_MAX_BYTES)
    return mw_error_set(&reader->err, EMSGSIZE, "a number of more than %d bytes: %s",
                        NUMBER_MAX_BYTES, mw_text_quote(out->text, quoted));
  memcpy(copy, out->text.data, out->text.len_bytes);
  copy[out->text.len_bytes] = '\0';
  out->value.f64 = strtod_l(copy, NULL, reader->c_locale);
  if (!isfinite(out->value.f64) && !reader->config.unchecked)
    return mw_error_set(&reader->err, ERANGE, "a number out of range: %s",
                        mw_text_quote(out->text, quoted));
  return 0;
}

static int parse_number(struct mw_json_reader *reader, struct mw_json_number *out)
{
  uint64_t value;

  out->kind = MW_JSON_I64;
  if (mw_parse_u64(out->text, &value)) {
    if (value <= INT64_MAX) {
      out->value.i64 = (int64_t)value;
    } else {
      out->kind = MW_JSON_U64;
      out->value.u64 = value;
    }
    return 0;
  }
  return mw_parse_i64(out->text, &out->value.i64) ? 0 : parse_double(reader, out);
}

static int on_number(void *context, const char *data, size_t len_bytes)
{
  struct mw_json_reader *reader = context;
  const struct mw_json_events *events = reader->config.events;
  struct mw_json_number number = {.text = {data, len_bytes}};

  int rc = parse_number(reader, &number);
  if (rc == 0 && events->number)
    rc = events->number(reader->config.data, &number, &reader->err);
  return heard(reader, rc);
}

static MW_COLD int refuse_length(struct mw_json_reader *reader)
{
  return mw_error_set(&reader->err, EMSGSIZE, "a string longer than the limit of %zu bytes",
                      reader->config.string_max_bytes);
}

static MW_COLD int refuse_bytes(struct mw_json_reader *reader, struct mw_slice text)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  return mw_error_set(&reader->err, EILSEQ, "a string that is not valid UTF-8: %s",
                      mw_text_quote(text, quoted));
}

/* yajl lets overlong forms, surrogates and code points over U+10FFFF pass. */
static inline int check_string(struct mw_json_reader *reader, struct mw_slice text)
{
  if (text.len_bytes > reader->config.string_max_bytes)
    return refuse_length(reader);
  return reader->config.unchecked || mw_utf8_is_valid(text) ? 0 : refuse_bytes(reader, text);
}

static int on_string(void *context, const unsigned char *data, size_t len_bytes)
{
  struct mw_json_reader *reader = context;
  const struct mw_json_events *events = reader->config.events;
  struct mw_slice text = {(const char *)data, len_bytes};

  int rc = check_string(reader, text);
  if (rc == 0 && events->string)
    rc = events->string(reader->config.data, text, &reader->err);
  return heard(reader, rc);
}

static int on_key(void *context, const unsigned char *data, size_t len_bytes)
{
  struct mw_json_reader *reader = context;
  const struct mw_json_events *events = reader->config.events;
  struct mw_slice text = {(const char *)data, len_bytes};

  int rc = check_string(reader, text);
  if (rc == 0 && events->key)
    rc = events->key(reader->config.data, text, &reader->err);
  return heard(reader, rc);
}

static int go_deeper(struct mw_json_reader *reader)
{
  if (reader->depth == reader->config.depth_max)
    return mw_error_set(&reader->err, EMSGSIZE, "nested deeper than %u levels",
                        reader->config.depth_max);
  reader->depth++;
  return 0;
}

static int on_begin(struct mw_json_reader *reader, int (*event)(void *data, struct mw_error *err))
{
  int rc = go_deeper(reader);

  if (rc < 0 || !event)
    return heard(reader, rc);
  reader->opening = true;
  rc = event(reader->config.data, &reader->err);
  reader->opening = false;
  return heard(reader, rc);
}

static int on_end(struct mw_json_reader *reader, int (*event)(void *data, struct mw_error *err))
{
  reader->depth--;
  return heard(reader, event ? event(reader->config.data, &reader->err) : 0);
}

static int on_begin_object(void *context)
{
  struct mw_json_reader *reader = context;
  return on_begin(reader, reader->config.events->begin_object);
}

static int on_end_object(void *context)
{
  struct mw_json_reader *reader = context;
  return on_end(reader, reader->config.events->end_object);
}

static int on_begin_array(void *context)
{
  struct mw_json_reader *reader = context;
  return on_begin(reader, reader->config.events->begin_array);
}

static int on_end_array(void *context)
{
  struct mw_json_reader *reader = context;
  return on_end(reader, reader->config.events->end_array);
}

static const yajl_callbacks telling = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_number, /* takes all numbers, so there is no _integer and no _double */
    .yajl_string = on_string,
    .yajl_start_map = on_begin_object,
    .yajl_map_key = on_key,
    .yajl_end_map = on_end_object,
    .yajl_start_array = on_begin_array,
    .yajl_end_array = on_end_array,
};

/* ---- Events that are skipped ---- */

/* A value was passed over: is it the last? */
static int passed(struct mw_json_reader *reader)
{
  reader->silent_bytes = 0;
  if (reader->depth == reader->skip_depth)
    reader->callbacks = telling;
  return 1;
}

static int skip_null(void *context)
{
  return passed(context);
}

static int skip_boolean(void *context, int value)
{
  (void)value;
  return passed(context);
}

static int skip_number(void *context, const char *data, size_t len_bytes)
{
  (void)data;
  (void)len_bytes;
  return passed(context);
}

static int skip_text(struct mw_json_reader *reader, size_t len_bytes)
{
  return heard(reader, len_bytes > reader->config.string_max_bytes ? refuse_length(reader) : 0);
}

static int skip_string(void *context, const unsigned char *data, size_t len_bytes)
{
  (void)data;
  return skip_text(context, len_bytes) && passed(context);
}

static int skip_key(void *context, const unsigned char *data, size_t len_bytes)
{
  (void)data;
  return skip_text(context, len_bytes);
}

static int skip_begin(void *context)
{
  struct mw_json_reader *reader = context;
  return heard(reader, go_deeper(reader));
}

static int skip_end(void *context)
{
  struct mw_json_reader *reader = context;

  reader->depth--;
  return passed(reader);
}

static const yajl_callbacks skipping = {
    .yajl_null = skip_null,
    .yajl_boolean = skip_boolean,
    .yajl_number = skip_number,
    .yajl_string = skip_string,
    .yajl_start_map = skip_begin,
    .yajl_map_key = skip_key,
    .yajl_end_map = skip_end,
    .yajl_start_array = skip_begin,
    .yajl_end_array = skip_end,
};

void mw_json_reader_skip(struct mw_json_reader *reader)
{
  reader->callbacks = skipping;
  reader->skip_depth = reader->opening ? reader->depth - 1 : reader->depth;
}

/* ---- Life cycle ---- */

struct mw_json_reader *mw_json_reader_new(const struct mw_json_reader_config *config,
                                          struct mw_error *err)
{
  struct mw_json_reader *reader = calloc(1, sizeof *reader);
  if (!reader)
    goto fail;

  reader->config = *config;
  if (reader->config.depth_max == 0)
    reader->config.depth_max = MW_JSON_READER_DEPTH_DEFAULT;
  if (reader->config.document_max_bytes == 0)
    reader->config.document_max_bytes = MW_JSON_READER_DOCUMENT_DEFAULT_BYTES;
  if (reader->config.string_max_bytes == 0)
    reader->config.string_max_bytes = MW_JSON_READER_STRING_DEFAULT_BYTES;
  reader->c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  if (!reader->c_locale)
    goto fail;
  reader->callbacks = telling;
  reader->yajl = yajl_alloc(&reader->callbacks, NULL, reader);
  if (!reader->yajl)
    goto fail;
  yajl_config(reader->yajl, yajl_dont_validate_strings, 1); /* check_string does, and better */
  return reader;

fail:
  mw_error_set(err, ENOMEM, "out of memory for a JSON reader");
  mw_json_reader_free(reader);
  return NULL;
}

void mw_json_reader_free(struct mw_json_reader *reader)
{
  if (!reader)
    return;
  if (reader->yajl)
    yajl_free(reader->yajl);
  if (reader->c_locale)
    freelocale(reader->c_locale);
  free(reader);
}

/* ---- Reading ---- */

/* Keep the last bytes of what was read. */
static void remember(struct mw_json_reader *reader, struct mw_slice part)
{
  size_t added = part.len_bytes < TAIL_BYTES ? part.len_bytes : TAIL_BYTES;
  size_t kept = TAIL_BYTES - added < reader->tail_bytes ? TAIL_BYTES - added : reader->tail_bytes;

  if (added == 0)
    return;
  memmove(reader->tail, reader->tail + reader->tail_bytes - kept, kept);
  memcpy(reader->tail + kept, part.data + part.len_bytes - added, added);
  reader->tail_bytes = kept + added;
  reader->read_bytes += part.len_bytes;
}

/*
 * yajl says "lexical error: invalid char in json text.\n": keep the part behind the colon. At the
 * end, a word that is cut is a lexical error, too, but a second value is one that does not belong.
 */
static void explain(struct mw_json_reader *reader, bool at_end)
{
  char quoted[MW_TEXT_QUOTED_BYTES];
  char *text = (char *)yajl_get_error(reader->yajl, 0, NULL, 0);
  const char *reason = text ? strstr(text, ": ") : NULL;

  reason = reason ? reason + 2 : "cannot be parsed";
  if (at_end && strncmp(reason, "trailing", 8) != 0)
    reason = "the document ends early";
  mw_text_quote((struct mw_slice){reader->tail, reader->tail_bytes}, quoted);
  reader->rc = mw_error_set(&reader->err, EBADMSG, "not JSON: %.*s, near byte %zu, after %s",
                            (int)strcspn(reason, ".\n"), reason, reader->read_bytes, quoted);
  if (text)
    yajl_free_error(reader->yajl, (unsigned char *)text);
}

static void feed_part(struct mw_json_reader *reader, struct mw_slice part)
{
  size_t string_max_bytes = reader->config.string_max_bytes;

  reader->silent_bytes += part.len_bytes;
  yajl_status status = yajl_parse(reader->yajl, (const unsigned char *)part.data, part.len_bytes);
  size_t consumed_bytes = yajl_get_bytes_consumed(reader->yajl);
  if (status == yajl_status_error && consumed_bytes < part.len_bytes)
    part.len_bytes = consumed_bytes; /* not far from the error: yajl goes back by a guess */
  remember(reader, part);
  if (status == yajl_status_error)
    explain(reader, false);
  else if (reader->rc == 0 && reader->silent_bytes / ESCAPED_BYTES > string_max_bytes + PART_BYTES)
    reader->rc = mw_error_set(&reader->err, EMSGSIZE,
                              "a string (or white space) longer than the limit of %zu bytes",
                              string_max_bytes);
}

/* The caller's copy of the failure, at every call. */
static int report(const struct mw_json_reader *reader, struct mw_error *err)
{
  if (reader->rc < 0 && err)
    *err = reader->err;
  return reader->rc;
}

int mw_json_reader_feed(struct mw_json_reader *reader, struct mw_slice piece, struct mw_error *err)
{
  if (reader->rc == 0 && piece.len_bytes > reader->config.document_max_bytes - reader->read_bytes)
    reader->rc = mw_error_set(&reader->err, EMSGSIZE, "JSON larger than the limit of %zu bytes",
                              reader->config.document_max_bytes);
  while (reader->rc == 0 && piece.len_bytes > 0) {
    size_t part_bytes = piece.len_bytes < PART_BYTES ? piece.len_bytes : PART_BYTES;
    feed_part(reader, (struct mw_slice){piece.data, part_bytes});
    piece.data += part_bytes;
    piece.len_bytes -= part_bytes;
  }
  return report(reader, err);
}

int mw_json_reader_finish(struct mw_json_reader *reader, struct mw_error *err)
{
  if (reader->rc == 0 && yajl_complete_parse(reader->yajl) == yajl_status_error)
    explain(reader, true);
  return report(reader, err);
}
