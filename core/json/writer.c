#include "json/writer.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "json/number.h"

void mw_json_writer_init(struct mw_json_writer *w, struct mw_buf *out, struct mw_error *err)
{
  *w = (struct mw_json_writer){.out = out, .err = err};
}

int mw_json_writer_finish(struct mw_json_writer *w)
{
  if (w->rc == 0 && (w->depth > 0 || !w->comma))
    w->rc = mw_error_set(w->err, EINVAL, "the JSON document is not finished");
  return w->rc;
}

static void misused(struct mw_json_writer *w, const char *how)
{
  if (w->rc == 0)
    w->rc = mw_error_set(w->err, EINVAL, "wrong use of the JSON writer: %s", how);
}

static bool in_object(const struct mw_json_writer *w)
{
  return w->depth > 0 && (w->objects & 1);
}

/* ---- Bytes ---- */

/* Where @p len_bytes more bytes go; NULL after a failure. */
static char *room(struct mw_json_writer *w, size_t len_bytes)
{
  struct mw_buf *buf = w->out;

  if (buf->capacity_bytes - buf->len_bytes <= len_bytes) {
    w->rc = mw_buf_reserve(buf, len_bytes, w->err);
    if (w->rc < 0)
      return NULL;
  }
  return buf->data + buf->len_bytes;
}

/* What was written into the room ends at @p end. */
static void advance(struct mw_json_writer *w, char *end)
{
  w->out->len_bytes = (size_t)(end - w->out->data);
  *end = '\0';
}

static char *put_comma(struct mw_json_writer *w, char *at)
{
  if (w->comma)
    *at++ = ',';
  return at;
}

/* ---- Strings ---- */

/* A byte of the word is a control character, a quote, a backslash, DEL or not ASCII. */
static bool has_special_byte(uint64_t word)
{
  const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
  uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\');

  /* x - 1 borrows into the high bit of a byte that is 0; x + 1 carries into that of 0x7F. Borrows
   * and carries into the next byte only ever report too much, and only when there is something. */
  return (((word - ones * 0x20) | (quote - ones) | (backslash - ones) | (word + ones) | word) &
          highs) != 0;
}

/* The bytes at the start of @p text that stand for themselves, counted in eights and then ones. */
static size_t plain_bytes(struct mw_slice text)
{
  size_t i = 0;

  for (uint64_t word; i + sizeof word <= text.len_bytes; i += sizeof word) {
    memcpy(&word, text.data + i, sizeof word);
    if (has_special_byte(word))
      break;
  }
  while (i < text.len_bytes && text.data[i] >= 0x20 && text.data[i] < 0x7F && text.data[i] != '"' &&
         text.data[i] != '\\')
    i++;
  return i;
}

/* Most strings need no escape: those are copied at once. */
static void put_string(struct mw_json_writer *w, struct mw_slice text, const char *suffix)
{
  size_t suffix_bytes = strlen(suffix);
  char *at = room(w, text.len_bytes + suffix_bytes + 3);

  if (!at)
    return;
  at = put_comma(w, at);
  if (plain_bytes(text) == text.len_bytes) {
    *at++ = '"';
    if (text.len_bytes > 0)
      at = mempcpy(at, text.data, text.len_bytes);
    *at++ = '"';
    advance(w, mempcpy(at, suffix, suffix_bytes));
    return;
  }
  advance(w, at);
  w->rc = mw_text_append_json(w->out, text, w->err);
  if (w->rc == 0)
    w->rc = mw_buf_append(w->out, suffix, suffix_bytes, w->err);
}

/* ---- Values ---- */

/* May a value come now? Notes that one did. */
static bool value_fits(struct mw_json_writer *w)
{
  if (w->rc < 0)
    return false;
  if (in_object(w) ? !w->key_written : w->depth == 0 && w->comma) {
    misused(w, in_object(w) ? "a value where a key belongs" : "a second document");
    return false;
  }
  return true;
}

static void value_is_written(struct mw_json_writer *w)
{
  w->comma = true;
  w->key_written = false;
}

static void put_word(struct mw_json_writer *w, const char *word, size_t len_bytes)
{
  char *at = value_fits(w) ? room(w, len_bytes + 1) : NULL;

  if (at)
    advance(w, mempcpy(put_comma(w, at), word, len_bytes));
  value_is_written(w);
}

void mw_json_write_null(struct mw_json_writer *w)
{
  put_word(w, "null", 4);
}

void mw_json_write_bool(struct mw_json_writer *w, bool value)
{
  put_word(w, value ? "true" : "false", value ? 4 : 5);
}

void mw_json_write_u64(struct mw_json_writer *w, uint64_t value)
{
  char digits[MW_JSON_NUMBER_BYTES];
  put_word(w, digits, mw_json_format_u64(value, digits));
}

void mw_json_write_i64(struct mw_json_writer *w, int64_t value)
{
  char digits[MW_JSON_NUMBER_BYTES];
  put_word(w, digits, mw_json_format_i64(value, digits));
}

/* Nearly all that messages are made of: written in its place, where there is room for the longest.
 */
void mw_json_write_double(struct mw_json_writer *w, double value)
{
  char digits[MW_JSON_NUMBER_BYTES];
  struct mw_buf *buf = w->out;

  if (!isfinite(value)) {
    mw_json_write_null(w);
  } else if (buf->capacity_bytes - buf->len_bytes <= MW_JSON_NUMBER_BYTES + 1) {
    put_word(w, digits, mw_json_format_double(value, digits));
  } else if (value_fits(w)) {
    char *at = put_comma(w, buf->data + buf->len_bytes);
    advance(w, at + mw_json_format_double(value, at));
    value_is_written(w);
  }
}

void mw_json_write_encoded(struct mw_json_writer *w, struct mw_slice value)
{
  put_word(w, value.data, value.len_bytes);
}

void mw_json_write_slice(struct mw_json_writer *w, struct mw_slice text)
{
  if (value_fits(w))
    put_string(w, text, "");
  value_is_written(w);
}

void mw_json_write_text(struct mw_json_writer *w, const char *text)
{
  mw_json_write_slice(w, (struct mw_slice){text, strlen(text)});
}

/* ---- Structure ---- */

/* May a key come now? */
static bool key_fits(struct mw_json_writer *w)
{
  if (w->rc < 0)
    return false;
  if (in_object(w) && !w->key_written)
    return true;
  misused(w, "a key where a value belongs");
  return false;
}

static void key_is_written(struct mw_json_writer *w)
{
  w->comma = false;
  w->key_written = true;
}

void mw_json_write_key_slice(struct mw_json_writer *w, struct mw_slice key)
{
  if (!key_fits(w))
    return;
  put_string(w, key, ":");
  key_is_written(w);
}

void mw_json_write_encoded_key(struct mw_json_writer *w, struct mw_slice key)
{
  char *at = key_fits(w) ? room(w, key.len_bytes + 1) : NULL;

  if (!at)
    return;
  advance(w, mempcpy(put_comma(w, at), key.data, key.len_bytes));
  key_is_written(w);
}

void mw_json_write_key(struct mw_json_writer *w, const char *key)
{
  mw_json_write_key_slice(w, (struct mw_slice){key, strlen(key)});
}

static void begin(struct mw_json_writer *w, const char *bracket, bool object)
{
  if (w->depth == MW_JSON_DEPTH_MAX) {
    misused(w, "objects or arrays nested too deep");
    return;
  }
  put_word(w, bracket, 1);
  w->depth++;
  w->objects = w->objects << 1 | object;
  w->comma = false;
}

static void end(struct mw_json_writer *w, const char *bracket, bool object)
{
  if (w->rc < 0)
    return;
  if (w->depth == 0 || in_object(w) != object || w->key_written) {
    misused(w, "the end of something else");
    return;
  }
  w->objects >>= 1;
  w->depth--;
  char *at = room(w, 1);
  if (at) {
    *at = *bracket;
    advance(w, at + 1);
  }
  w->comma = true;
}

void mw_json_begin_object(struct mw_json_writer *w)
{
  begin(w, "{", true);
}

void mw_json_end_object(struct mw_json_writer *w)
{
  end(w, "}", true);
}

void mw_json_begin_array(struct mw_json_writer *w)
{
  begin(w, "[", false);
}

void mw_json_end_array(struct mw_json_writer *w)
{
  end(w, "]", false);
}
