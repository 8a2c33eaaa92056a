#include "base/text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static struct mw_slice slice_of(const char *text)
{
  return (struct mw_slice){text, strlen(text)};
}

static void utf8_sequences_are_those_of_the_rfc(void **state)
{
  static const struct {
    const char *name, *text;
    size_t bytes;
  } examples[] = {
      {"ASCII", "a", 1},
      {"the first of two", "\xC2\x80", 2},
      {"the last of two", "\xDF\xBF", 2},
      {"the first of three", "\xE0\xA0\x80", 3},
      {"before the surrogates", "\xED\x9F\xBF", 3},
      {"behind the surrogates", "\xEE\x80\x80", 3},
      {"the first of four", "\xF0\x90\x80\x80", 4},
      {"U+10FFFF", "\xF4\x8F\xBF\xBF", 4},
      {"U+110000", "\xF4\x90\x80\x80", 0},
      {"a surrogate", "\xED\xA0\x80", 0},
      {"overlong in two", "\xC1\xBF", 0},
      {"overlong in three", "\xE0\x9F\xBF", 0},
      {"overlong in four", "\xF0\x8F\xBF\xBF", 0},
      {"a stray continuation", "\x80", 0},
      {"five bytes", "\xF8\x88\x80\x80\x80", 0},
      {"cut after one", "\xE2", 0},
      {"cut after two", "\xE2\x82", 0},
      {"broken in the middle", "\xE2\x28\xA1", 0},
      {"broken at the end", "\xF0\x90\x80\x28", 0},
      {"nothing", "", 0},
  };
  (void)state;

  for (size_t i = 0; i < COUNT(examples); i++) {
    size_t bytes = mw_utf8_sequence_bytes(slice_of(examples[i].text));
    if (bytes != examples[i].bytes)
      fail_msg("%s: %zu instead of %zu", examples[i].name, bytes, examples[i].bytes);
  }
}

static void text_is_valid_when_all_of_its_sequences_are(void **state)
{
  static const struct {
    const char *text;
    bool valid;
  } examples[] = {{"", true},
                  {"plain text of many words", true},
                  {"\xC3\xA9t\xC3\xA9 and \xF0\x9F\x98\x80", true},
                  {"seventeen bytes, \xC3", false},
                  {"\xFFsixteen bytes behind", false},
                  {"\xC0\x80", false},
                  {"\xED\xA0\x80", false}};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
    assert_int_equal(
        mw_utf8_is_valid((struct mw_slice){examples[i].text, strlen(examples[i].text)}),
        examples[i].valid);
}

static void json_strings_are_escaped_and_valid(void **state)
{
  static const struct {
    struct mw_slice text;
    const char *json;
  } examples[] = {
      {{"", 0}, "\"\""},
      {{"plain", 5}, "\"plain\""},
      {{"\"\\/", 3}, "\"\\\"\\\\/\""},
      {{"\b\f\n\r\t", 5}, "\"\\b\\f\\n\\r\\t\""},
      {{"\x01\x1f", 2}, "\"\\u0001\\u001f\""},
      {{"a\0b", 3}, "\"a\\u0000b\""},
      {{"\xC3\xA4\xF0\x9F\x8C\x99", 6}, "\"\xC3\xA4\xF0\x9F\x8C\x99\""},
      {{"x\xFFy\xE2\x82", 5}, "\"x\xEF\xBF\xBDy\xEF\xBF\xBD\xEF\xBF\xBD\""},
  };
  (void)state;

  for (size_t i = 0; i < COUNT(examples); i++) {
    MW_AUTO_BUF buf;
    mw_buf_init(&buf, 1000);
    assert_int_equal(0, mw_text_append_json(&buf, examples[i].text, NULL));
    assert_string_equal(examples[i].json, buf.data);
  }
}

static void delete_is_a_control_character_too(void **state)
{
  MW_AUTO_BUF buf;
  (void)state;

  mw_buf_init(&buf, 1000);
  mw_text_append_json(&buf, slice_of("\x7F"), NULL);
  assert_string_equal("\"\\u007f\"", buf.data);
}

/* U+0080 to U+009F; a terminal takes U+009B for the beginning of an order. */
static void so_are_those_of_two_bytes(void **state)
{
  MW_AUTO_BUF buf;
  (void)state;

  mw_buf_init(&buf, 1000);
  mw_text_append_json(&buf, slice_of("a\xC2\x80\xC2\x9B\xC2\x9F\xC2\xA0\xC3\x9B"), NULL);
  assert_string_equal("\"a\\u0080\\u009b\\u009f\xC2\xA0\xC3\x9B\"", buf.data);
}

static void json_stops_at_the_ceiling_of_the_buffer(void **state)
{
  (void)state;

  for (size_t ceiling = 0; ceiling < 9; ceiling++) {
    MW_AUTO_BUF buf;
    mw_buf_init(&buf, ceiling);
    assert_int_equal(-EMSGSIZE, mw_text_append_json(&buf, slice_of("ab\ncd\xFF"), NULL));
    assert_true(buf.len_bytes <= ceiling);
  }
}

static void quotes_are_printable_and_short(void **state)
{
  static const char x48[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
  char out[MW_TEXT_QUOTED_BYTES], expected[MW_TEXT_QUOTED_BYTES], text[200];
  (void)state;

  assert_string_equal("\"\"", mw_text_quote((struct mw_slice){"", 0}, out));
  assert_string_equal("\"a b\"", mw_text_quote(slice_of("a b"), out));
  assert_string_equal("\"\\x22\\x5c\\x1b\\xff\"", mw_text_quote(slice_of("\"\\\x1b\xff"), out));

  strcat(strcat(strcpy(expected, "\""), x48), "\"");
  assert_string_equal(expected, mw_text_quote(slice_of(x48), out));
  strcat(strcpy(text, x48), "y");
  strcat(expected, "...");
  assert_string_equal(expected, mw_text_quote(slice_of(text), out));
}

static void the_longest_quote_has_room(void **state)
{
  char text[100], out[MW_TEXT_QUOTED_BYTES];
  (void)state;

  memset(text, 0xFF, sizeof text);
  mw_text_quote((struct mw_slice){text, sizeof text}, out);
  assert_int_equal(MW_TEXT_EXCERPT_BYTES * 4 + 2 + 3, strlen(out));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(utf8_sequences_are_those_of_the_rfc),
      cmocka_unit_test(text_is_valid_when_all_of_its_sequences_are),
      cmocka_unit_test(json_strings_are_escaped_and_valid),
      cmocka_unit_test(delete_is_a_control_character_too),
      cmocka_unit_test(so_are_those_of_two_bytes),
      cmocka_unit_test(json_stops_at_the_ceiling_of_the_buffer),
      cmocka_unit_test(quotes_are_printable_and_short),
      cmocka_unit_test(the_longest_quote_has_room),
  };
  return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
