#include "http/recorded_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "http/recorded.h"
#include "json/reader.h"

/* How deep an event is: the document, the list, an answer, its headers, the values of one. */
enum depth { OUTSIDE, DOCUMENT, LIST, ANSWER, HEADERS, VALUES };

#define NAME_BYTES 256 /* of a header's field */

struct parser {
  struct mw_recorded_answer *answers, *last;
  size_t count;
  enum depth depth;
  char member[16];        /* of an answer */
  char field[NAME_BYTES]; /* of its headers */
};

/* ---- Complaints ---- */

static int wrong(const struct parser *parser, struct mw_error *err, const char *why)
{
  if (parser->depth >= ANSWER)
    return mw_error_set(err, EBADMSG, "answer %zu: %s: %s", parser->count, parser->member, why);
  return mw_error_set(err, EBADMSG, "%s", why);
}

static int no_memory(struct mw_error *err)
{
  return mw_error_set(err, ENOMEM, "out of memory for recorded answers");
}

/* ---- Values ---- */

static int keep_text(const struct parser *parser, struct mw_slice text, char **out,
                     struct mw_error *err)
{
  if (text.len_bytes == 0 || memchr(text.data, '\0', text.len_bytes))
    return wrong(parser, err, "a text is expected");
  if (*out)
    return wrong(parser, err, "is there twice");
  *out = strndup(text.data, text.len_bytes);
  return *out ? 0 : no_memory(err);
}

/* A file of the folder, not one somewhere else. */
static int keep_file(const struct parser *parser, struct mw_slice text, char **out,
                     struct mw_error *err)
{
  int rc = keep_text(parser, text, out, err);

  if (rc == 0 && *out && (**out == '/' || strstr(*out, "..")))
    return wrong(parser, err, "a file in the folder is expected, without \"..\"");
  return rc;
}

static int keep_failure(const struct parser *parser, struct mw_slice text, struct mw_error *err)
{
  static const char *const names[] = {"", "refused", "timeout", "reset", "untrusted"};

  for (size_t i = 1; i < sizeof names / sizeof names[0]; i++)
    if (mw_slice_equal(text, names[i])) {
      parser->last->fails = (enum mw_recorded_failure)i;
      return 0;
    }
  return wrong(parser, err, "refused, timeout, reset or untrusted is expected");
}

static int keep_header(const struct parser *parser, struct mw_slice text, struct mw_error *err)
{
  struct mw_buf *headers = &parser->last->headers;

  if (text.len_bytes > 0 &&
      (memchr(text.data, '\n', text.len_bytes) || memchr(text.data, '\0', text.len_bytes)))
    return wrong(parser, err, "a value is one line");
  return mw_buf_printf(headers, err, "%s: %.*s\n", parser->field, (int)text.len_bytes, text.data);
}

static int on_string(void *data, struct mw_slice text, struct mw_error *err)
{
  struct parser *parser = data;
  struct mw_recorded_answer *answer = parser->last;

  if (parser->depth >= HEADERS)
    return keep_header(parser, text, err);
  if (parser->depth != ANSWER)
    return wrong(parser, err, "an object with a list named answers is expected");
  if (strcmp(parser->member, "url") == 0)
    return keep_text(parser, text, &answer->url, err);
  if (strcmp(parser->member, "method") == 0)
    return keep_text(parser, text, &answer->method, err);
  if (strcmp(parser->member, "body_file") == 0)
    return keep_file(parser, text, &answer->body_file, err);
  if (strcmp(parser->member, "fails") == 0)
    return keep_failure(parser, text, err);
  if (strcmp(parser->member, "body") == 0)
    return mw_buf_append(&answer->body, text.data, text.len_bytes, err);
  return wrong(parser, err, "a text is not expected there");
}

static int on_number(void *data, const struct mw_json_number *number, struct mw_error *err)
{
  struct parser *parser = data;
  struct mw_recorded_answer *answer = parser->last;
  int64_t value = number->kind == MW_JSON_I64 ? number->value.i64 : -1;

  if (parser->depth != ANSWER)
    return wrong(parser, err, "a number is not expected there");
  if (strcmp(parser->member, "status") == 0 && value >= 200 && value <= 599)
    answer->status = (int)value;
  else if (strcmp(parser->member, "version") == 0 && (value == 10 || value == 11 || value == 20))
    answer->version = (int)value;
  else if (strcmp(parser->member, "step") == 0 && value >= 1)
    answer->step = (uint64_t)value;
  else
    return wrong(parser, err, "not such a number");
  return 0;
}

static int on_other(void *data, struct mw_error *err)
{
  return wrong(data, err, "a text or a number is expected");
}

static int on_boolean(void *data, bool value, struct mw_error *err)
{
  (void)value;
  return wrong(data, err, "a text or a number is expected");
}

/* ---- Objects and lists ---- */

static int new_answer(struct parser *parser, struct mw_error *err)
{
  struct mw_recorded_answer *answer = calloc(1, sizeof *answer);

  if (!answer)
    return no_memory(err);
  mw_buf_init(&answer->headers, MW_RECORDED_INDEX_MAX_BYTES);
  mw_buf_init(&answer->body, MW_RECORDED_INDEX_MAX_BYTES);
  answer->version = 11;
  if (parser->last)
    parser->last->next = answer;
  else
    parser->answers = answer;
  parser->last = answer;
  parser->member[0] = '\0';
  return ++parser->count <= MW_RECORDED_ANSWERS_MAX ? 0 : wrong(parser, err, "too many answers");
}

static int on_begin_object(void *data, struct mw_error *err)
{
  struct parser *parser = data;
  int rc = 0;

  if (parser->depth == LIST)
    rc = new_answer(parser, err);
  else if (parser->depth != OUTSIDE &&
           (parser->depth != ANSWER || strcmp(parser->member, "headers") != 0))
    return wrong(parser, err, "an object is not expected there");
  parser->depth = parser->depth == OUTSIDE ? DOCUMENT : parser->depth == LIST ? ANSWER : HEADERS;
  return rc;
}

static int on_begin_array(void *data, struct mw_error *err)
{
  struct parser *parser = data;

  if (parser->depth != DOCUMENT && parser->depth != HEADERS)
    return wrong(parser, err, "a list is not expected there");
  parser->depth = parser->depth == DOCUMENT ? LIST : VALUES;
  return 0;
}

static int on_end_array(void *data, struct mw_error *err)
{
  struct parser *parser = data;
  (void)err;

  parser->depth--;
  return 0;
}

static int on_key(void *data, struct mw_slice key, struct mw_error *err)
{
  struct parser *parser = data;
  static const char *const members[] = {"method", "url",     "step", "status",    "version",
                                        "fails",  "headers", "body", "body_file", NULL};

  if (parser->depth == HEADERS) {
    if (key.len_bytes == 0 || key.len_bytes >= NAME_BYTES ||
        memchr(key.data, '\n', key.len_bytes) || memchr(key.data, ':', key.len_bytes) ||
        memchr(key.data, '\0', key.len_bytes))
      return wrong(parser, err, "not the name of a field");
    memcpy(parser->field, key.data, key.len_bytes);
    parser->field[key.len_bytes] = '\0';
    return 0;
  }
  if (parser->depth == DOCUMENT)
    return mw_slice_equal(key, "answers")
               ? 0
               : wrong(parser, err, "an object with a list named answers is expected");
  for (const char *const *member = members; *member; member++)
    if (mw_slice_equal(key, *member)) {
      strcpy(parser->member, *member);
      return 0;
    }
  char quoted[MW_TEXT_QUOTED_BYTES];
  return mw_error_set(err, EBADMSG, "answer %zu: there is no member %s", parser->count,
                      mw_text_quote(key, quoted));
}

static int finish_step(struct parser *parser, struct mw_recorded_answer *answer,
                       struct mw_error *err)
{
  uint64_t previous = 0;

  for (const struct mw_recorded_answer *other = parser->answers; other != answer;
       other = other->next)
    if (strcmp(other->url, answer->url) == 0 && strcmp(other->method, answer->method) == 0)
      previous = other->step;
  if (answer->step == 0)
    answer->step = previous + 1;
  if (answer->step > previous)
    return 0;
  return mw_error_set(err, EBADMSG, "answer %zu: its step is not behind that of the one before it",
                      parser->count);
}

static int finish_answer(struct parser *parser, struct mw_error *err)
{
  struct mw_recorded_answer *answer = parser->last;

  if (!answer->method && !(answer->method = strdup("GET")))
    return no_memory(err);
  if (!answer->url)
    return mw_error_set(err, EBADMSG, "answer %zu: it has no url", parser->count);
  if (answer->body_file && answer->body.len_bytes > 0)
    return mw_error_set(err, EBADMSG, "answer %zu: it has a body and a body_file", parser->count);
  if (answer->fails != MW_RECORDED_ANSWERS && answer->status == 0)
    answer->status = 200; /* of "reset" */
  if (answer->status == 0)
    return mw_error_set(err, EBADMSG, "answer %zu: it has no status", parser->count);
  return finish_step(parser, answer, err);
}

static int on_end_object(void *data, struct mw_error *err)
{
  struct parser *parser = data;
  int rc = parser->depth == ANSWER ? finish_answer(parser, err) : 0;

  parser->depth = parser->depth == HEADERS ? ANSWER : parser->depth == ANSWER ? LIST : OUTSIDE;
  return rc;
}

int mw_recorded_index_parse(struct mw_slice text, struct mw_recorded_answer **out,
                            struct mw_error *err)
{
  static const struct mw_json_events events = {
      .null = on_other,
      .boolean = on_boolean,
      .number = on_number,
      .string = on_string,
      .begin_object = on_begin_object,
      .key = on_key,
      .end_object = on_end_object,
      .begin_array = on_begin_array,
      .end_array = on_end_array,
  };
  struct parser parser = {0};
  struct mw_json_reader_config config = {
      .events = &events, .data = &parser, .document_max_bytes = MW_RECORDED_INDEX_MAX_BYTES};
  struct mw_json_reader *reader = mw_json_reader_new(&config, err);

  if (!reader)
    return -ENOMEM;
  int rc = mw_json_reader_feed(reader, text, err);
  if (rc == 0)
    rc = mw_json_reader_finish(reader, err);
  mw_json_reader_free(reader);
  *out = parser.answers;
  return rc;
}

void mw_recorded_index_free(struct mw_recorded_answer *answers)
{
  while (answers) {
    struct mw_recorded_answer *next = answers->next;
    mw_buf_deinit(&answers->headers);
    mw_buf_deinit(&answers->body);
    free(answers->method);
    free(answers->url);
    free(answers->body_file);
    free(answers);
    answers = next;
  }
}

struct mw_recorded_answer *mw_recorded_find(struct mw_recorded_answer *answers, const char *method,
                                            const char *url)
{
  for (; answers; answers = answers->next)
    if (strcmp(answers->url, url) == 0 && strcmp(answers->method, method) == 0)
      return answers;
  return NULL;
}
