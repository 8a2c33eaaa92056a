/* The reader as C uses it: pieces of any size, kinds of numbers, ceilings, events that stop it. */
#include "json/reader.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

/* Events as text, one letter each, and what came with them. */
struct log {
  struct mw_buf text;
  int events_left; /* until one stops the reader; 0: none does */
  struct mw_json_reader *reader;
  const char *skipped; /* the event that asks for skipping; NULL: none does */
};

static int add(struct log *log, struct mw_error *err, const char *name, struct mw_slice text)
{
  mw_buf_printf(&log->text, NULL, "%s%.*s ", name, (int)text.len_bytes, text.data ? text.data : "");
  if (log->skipped && strncmp(log->skipped, name, 1) == 0 &&
      (name[0] != 'k' || mw_slice_equal(text, log->skipped + 1)))
    mw_json_reader_skip(log->reader);
  if (log->events_left > 0 && --log->events_left == 0)
    return mw_error_set(err, ECANCELED, "enough");
  return 0;
}

static int on_null(void *data, struct mw_error *err)
{
  return add(data, err, "null", (struct mw_slice){0});
}

static int on_boolean(void *data, bool value, struct mw_error *err)
{
  return add(data, err, value ? "true" : "false", (struct mw_slice){0});
}

static int on_number(void *data, const struct mw_json_number *number, struct mw_error *err)
{
  char value[64] = "";

  if (number->kind == MW_JSON_I64)
    snprintf(value, sizeof value, "i%lld:", (long long)number->value.i64);
  else if (number->kind == MW_JSON_U64)
    snprintf(value, sizeof value, "u%llu:", (unsigned long long)number->value.u64);
  else
    snprintf(value, sizeof value, "d%.17g:", number->value.f64);
  return add(data, err, value, number->text);
}

static int on_string(void *data, struct mw_slice text, struct mw_error *err)
{
  return add(data, err, "s", text);
}

static int on_key(void *data, struct mw_slice key, struct mw_error *err)
{
  return add(data, err, "k", key);
}

static int on_begin_object(void *data, struct mw_error *err)
{
  return add(data, err, "{", (struct mw_slice){0});
}

static int on_end_object(void *data, struct mw_error *err)
{
  return add(data, err, "}", (struct mw_slice){0});
}

static int on_begin_array(void *data, struct mw_error *err)
{
  return add(data, err, "[", (struct mw_slice){0});
}

static int on_end_array(void *data, struct mw_error *err)
{
  return add(data, err, "]", (struct mw_slice){0});
}

static const struct mw_json_events all_events = {
    .null = on_null,
    .boolean = on_boolean,
    .number = on_number,
    .string = on_string,
    .begin_object = on_begin_object,
    .key = on_key,
    .end_object = on_end_object,
    .begin_array = on_begin_array,
    .end_array = on_end_array,
};

static struct log the_log;
static struct mw_error the_err;

static int set_up(void **state)
{
  (void)state;
  the_log = (struct log){0};
  mw_buf_init(&the_log.text, (size_t)1 << 20);
  the_err = (struct mw_error){0};
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  mw_buf_deinit(&the_log.text);
  return 0;
}

/* Read @p text in pieces of @p piece_bytes, each a copy of its very size. */
static int read_text(struct mw_json_reader_config config, const char *text, size_t piece_bytes)
{
  config.data = &the_log;
  struct mw_json_reader *reader = the_log.reader = mw_json_reader_new(&config, &the_err);
  size_t len_bytes = strlen(text);
  int rc = 0;

  assert_non_null(reader);
  for (size_t i = 0; rc == 0 && i < len_bytes; i += piece_bytes) {
    size_t bytes = len_bytes - i < piece_bytes ? len_bytes - i : piece_bytes;
    char *piece = malloc(bytes);
    memcpy(piece, text + i, bytes);
    rc = mw_json_reader_feed(reader, (struct mw_slice){piece, bytes}, &the_err);
    free(piece);
  }
  if (rc == 0)
    rc = mw_json_reader_finish(reader, &the_err);
  assert_int_equal(rc, mw_json_reader_feed(reader, (struct mw_slice){"", 0}, NULL));
  mw_json_reader_free(reader);
  return rc;
}

static const struct mw_json_reader_config with_events = {.events = &all_events};

static void pieces_of_any_size_give_the_same_events(void **state)
{
  static const char text[] = "{\"a\\u00e9\":[1,-2,0.5,18446744073709551615,1e3],\"\":null,"
                             "\"s\":\"\\ud83d\\ude00\",\"t\":[true,false,{}],\"a\":[[]]} ";
  static const char expected[] = "{ ka\xC3\xA9 [ i1:1 i-2:-2 d0.5:0.5 "
                                 "u18446744073709551615:18446744073709551615 d1000:1e3 ] k "
                                 "null ks s\xF0\x9F\x98\x80 kt [ true false { } ] ka [ [ ] ] } ";

  (void)state;
  for (size_t piece_bytes = 1; piece_bytes <= sizeof text; piece_bytes++) {
    mw_buf_clear(&the_log.text);
    assert_int_equal(0, read_text(with_events, text, piece_bytes));
    assert_string_equal(expected, the_log.text.data);
  }
}

static void numbers_are_of_the_kind_that_holds_them(void **state)
{
  static const char *const examples[][2] = {
      {"0", "i0:0 "},
      {"-0", "i0:-0 "},
      {"-0.0", "d-0:-0.0 "},
      {"9223372036854775807", "i9223372036854775807:9223372036854775807 "},
      {"-9223372036854775808", "i-9223372036854775808:-9223372036854775808 "},
      {"9223372036854775808", "u9223372036854775808:9223372036854775808 "},
      {"-9223372036854775809", "d-9.2233720368547758e+18:-9223372036854775809 "},
      {"18446744073709551616", "d1.8446744073709552e+19:18446744073709551616 "},
      {"1.0", "d1:1.0 "},
      {"5e-324", "d4.9406564584124654e-324:5e-324 "},
      {"1e-400", "d0:1e-400 "},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    mw_buf_clear(&the_log.text);
    assert_int_equal(0, read_text(with_events, examples[i][0], 1));
    assert_string_equal(examples[i][1], the_log.text.data);
  }
}

static void numbers_out_of_range_are_refused(void **state)
{
  char digits[2000];

  (void)state;
  assert_int_equal(-ERANGE, read_text(with_events, "[1e400]", 1));
  assert_int_equal(-ERANGE, read_text(with_events, "-1e400", 100));
  memset(digits, '1', sizeof digits - 1);
  digits[sizeof digits - 1] = '\0';
  assert_int_equal(-EMSGSIZE, read_text(with_events, digits, 100));
}

static void an_event_can_stop_it_anywhere(void **state)
{
  static const char text[] = "{\"a\":[1,null,true,\"s\"]}";

  (void)state;
  for (int at = 1; at <= 9; at++) {
    the_log.events_left = at;
    mw_buf_clear(&the_log.text);
    assert_int_equal(-ECANCELED, read_text(with_events, text, 3));
    assert_string_equal("enough", the_err.text);
    assert_int_equal(0, the_log.events_left);
  }
  the_log.events_left = 10;
  assert_int_equal(0, read_text(with_events, text, 3));
}

static void events_that_nobody_wants_are_left_out(void **state)
{
  static const struct mw_json_events numbers_only = {.number = on_number};
  struct mw_json_reader_config config = {.events = &numbers_only};

  (void)state;
  assert_int_equal(0, read_text(config, "{\"a\":[1,null,true,\"s\",{}]}", 1));
  assert_string_equal("i1:1 ", the_log.text.data);
}

static void invalid_strings_are_refused_though_nobody_listens(void **state)
{
  static const struct mw_json_events no_events = {0};
  struct mw_json_reader_config config = {.events = &no_events};

  (void)state;
  assert_int_equal(-EILSEQ, read_text(config, "{\"\xC0\x80\":1}", 1));
  assert_int_equal(-EILSEQ, read_text(config, "\"\\udfff\"", 1));
}

static void says_where_and_why_it_is_not_json(void **state)
{
  (void)state;
  assert_int_equal(-EBADMSG, read_text(with_events, "{\"a\": nope}", 100));
  assert_string_equal("not JSON: invalid string in json text, near byte 7, after "
                      "\"{\\x22a\\x22: n\"",
                      the_err.text);
  assert_int_equal(-EBADMSG, read_text(with_events, "[1,2", 1));
  assert_string_equal("not JSON: the document ends early, near byte 4, after \"[1,2\"",
                      the_err.text);
  assert_int_equal(-EBADMSG, read_text(with_events, "01", 1));
  assert_string_equal("not JSON: trailing garbage, near byte 2, after \"01\"", the_err.text);
  assert_int_equal(-EBADMSG, read_text(with_events, "", 1));
}

static void what_is_skipped_makes_no_events(void **state)
{
  static const struct {
    const char *skipped, *text, *expected;
  } examples[] = {
      {"kx", "{\"a\":1,\"x\":2,\"b\":3}", "{ ka i1:1 kx kb i3:3 } "},
      {"kx", "{\"x\":null,\"b\":3}", "{ kx kb i3:3 } "},
      {"kx", "{\"x\":true,\"x\":\"s\",\"b\":3}", "{ kx kx kb i3:3 } "},
      {"kx", "{\"x\":{\"a\":[1,{\"x\":[]}],\"b\":\"s\"},\"b\":3}", "{ kx kb i3:3 } "},
      {"kx", "[{\"x\":[[],[1,[2]]]},4]", "[ { kx } i4:4 ] "},
      {"kx", "{\"x\":{}}", "{ kx } "},
      {"[", "{\"a\":[1,[2],{\"b\":[]}],\"c\":5}", "{ ka [ kc i5:5 } "},
      {"[", "[[1],2]", "[ "},
      {"{", "[{\"a\":{}},{},3]", "[ { { i3:3 ] "},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
    for (size_t piece_bytes = 1; piece_bytes < 40; piece_bytes++) {
      the_log.skipped = examples[i].skipped;
      mw_buf_clear(&the_log.text);
      assert_int_equal(0, read_text(with_events, examples[i].text, piece_bytes));
      assert_string_equal(examples[i].expected, the_log.text.data);
    }
}

static void what_is_skipped_is_json_within_the_ceilings(void **state)
{
  struct mw_json_reader_config config = {
      .events = &all_events, .string_max_bytes = 4, .depth_max = 3};

  (void)state;
  the_log.skipped = "kx";
  assert_int_equal(0, read_text(config, "{\"x\":[[\"\xFF\",1e999]]}", 1));
  assert_int_equal(-EBADMSG, read_text(config, "{\"x\":[1,}", 1));
  assert_int_equal(-EBADMSG, read_text(config, "{\"x\":[1", 1));
  assert_int_equal(-EMSGSIZE, read_text(config, "{\"x\":[[[]]]}", 1));
  assert_int_equal(-EMSGSIZE, read_text(config, "{\"x\":[\"abcde\"]}", 1));
  assert_int_equal(-EMSGSIZE, read_text(config, "{\"x\":{\"abcde\":1}}", 1));
}

static void who_checks_by_itself_gets_everything(void **state)
{
  struct mw_json_reader_config config = {.events = &all_events, .unchecked = true};
  char digits[2000];

  (void)state;
  assert_int_equal(0, read_text(config, "{\"\xFF\":\"\xC0\x80\",\"n\":[1e400,-1e400]}", 1));
  assert_string_equal("{ k\xFF s\xC0\x80 kn [ dinf:1e400 d-inf:-1e400 ] } ", the_log.text.data);
  memset(digits, '1', sizeof digits - 1);
  digits[sizeof digits - 1] = '\0';
  assert_int_equal(0, read_text(config, digits, 100));
}

static void depth_has_a_ceiling(void **state)
{
  struct mw_json_reader_config config = {.events = &all_events, .depth_max = 3};

  (void)state;
  assert_int_equal(0, read_text(config, "[[[],{}],[[]]]", 1));
  assert_int_equal(-EMSGSIZE, read_text(config, "[[[[]]]]", 1));
  assert_string_equal("nested deeper than 3 levels", the_err.text);
}

static void the_document_has_a_ceiling(void **state)
{
  struct mw_json_reader_config config = {.events = &all_events, .document_max_bytes = 10};

  (void)state;
  for (size_t piece_bytes = 1; piece_bytes < 12; piece_bytes++) {
    assert_int_equal(0, read_text(config, "[1,2,3,45]", piece_bytes));
    assert_int_equal(-EMSGSIZE, read_text(config, "[1,2,3,45] ", piece_bytes));
  }
}

static void strings_have_a_ceiling(void **state)
{
  struct mw_json_reader_config config = {.events = &all_events, .string_max_bytes = 4};

  (void)state;
  for (size_t piece_bytes = 1; piece_bytes < 40; piece_bytes++) {
    assert_int_equal(0,
                     read_text(config, "{\"abcd\":\"\\u0001\\u0001\\u0001\\u0001\"}", piece_bytes));
    assert_int_equal(-EMSGSIZE, read_text(config, "[\"abcde\"]", piece_bytes));
    assert_int_equal(-EMSGSIZE, read_text(config, "{\"abcde\":1}", piece_bytes));
  }
}

/* Before it ends, or else somebody who never closes a string fills our memory. */
static void a_string_without_end_is_refused_early(void **state)
{
  static const struct mw_json_events no_events = {0};
  struct mw_json_reader_config config = {.events = &no_events, .string_max_bytes = 1000};
  struct mw_json_reader *reader = mw_json_reader_new(&config, NULL);
  char piece[1000];
  int pieces = 0;

  (void)state;
  memset(piece, 'x', sizeof piece);
  assert_int_equal(0, mw_json_reader_feed(reader, (struct mw_slice){"\"", 1}, NULL));
  while (mw_json_reader_feed(reader, (struct mw_slice){piece, sizeof piece}, &the_err) == 0)
    assert_true(++pieces < 200);
  assert_int_equal(EMSGSIZE, the_err.code);
  mw_json_reader_free(reader);
}

static void fails_the_same_way_for_ever(void **state)
{
  struct mw_json_reader_config config = {.events = &all_events, .data = &the_log};
  struct mw_json_reader *reader = mw_json_reader_new(&config, NULL);
  struct mw_error again = {0};

  (void)state;
  assert_int_equal(-EBADMSG, mw_json_reader_feed(reader, (struct mw_slice){"]", 1}, &the_err));
  assert_int_equal(-EBADMSG, mw_json_reader_feed(reader, (struct mw_slice){"1", 1}, &again));
  assert_string_equal(the_err.text, again.text);
  assert_int_equal(-EBADMSG, mw_json_reader_finish(reader, NULL));
  mw_json_reader_free(reader);
}

static void can_be_freed_in_the_middle(void **state)
{
  struct mw_json_reader_config config = {.events = &all_events, .data = &the_log};
  struct mw_json_reader *reader = mw_json_reader_new(&config, NULL);

  (void)state;
  assert_int_equal(0, mw_json_reader_feed(reader, (struct mw_slice){"[{\"a\":\"b", 8}, NULL));
  mw_json_reader_free(reader);
  mw_json_reader_free(NULL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(pieces_of_any_size_give_the_same_events),
      TEST(numbers_are_of_the_kind_that_holds_them),
      TEST(numbers_out_of_range_are_refused),
      TEST(an_event_can_stop_it_anywhere),
      TEST(events_that_nobody_wants_are_left_out),
      TEST(invalid_strings_are_refused_though_nobody_listens),
      TEST(says_where_and_why_it_is_not_json),
      TEST(what_is_skipped_makes_no_events),
      TEST(what_is_skipped_is_json_within_the_ceilings),
      TEST(who_checks_by_itself_gets_everything),
      TEST(depth_has_a_ceiling),
      TEST(the_document_has_a_ceiling),
      TEST(strings_have_a_ceiling),
      TEST(a_string_without_end_is_refused_early),
      TEST(fails_the_same_way_for_ever),
      TEST(can_be_freed_in_the_middle),
  };
  return cmocka_run_group_tests_name("json: reader", tests, NULL, NULL);
}
