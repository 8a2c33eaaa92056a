#include "base/parse.h"

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

static void u64_takes_digits_that_fit_and_nothing_else(void **state)
{
  static const struct {
    const char *text;
    bool ok;
    uint64_t value;
  } examples[] = {
      {"0", true, 0},
      {"007", true, 7},
      {"18446744073709551615", true, UINT64_MAX},
      {"18446744073709551616", false, 0},
      {"99999999999999999999999", false, 0},
      {"", false, 0},
      {" 1", false, 0},
      {"1 ", false, 0},
      {"1\n", false, 0},
      {"+1", false, 0},
      {"-1", false, 0},
      {"0x10", false, 0},
      {"1e3", false, 0},
      {"max", false, 0},
      {"\xb2", false, 0},
  };
  (void)state;

  for (size_t i = 0; i < COUNT(examples); i++) {
    uint64_t value = 4711;
    bool ok = mw_parse_u64(slice_of(examples[i].text), &value);
    if (ok != examples[i].ok || value != (ok ? examples[i].value : 4711))
      fail_msg("\"%s\": %d, %llu", examples[i].text, ok, (unsigned long long)value);
  }
}

/* They are read eight at a time. */
static void u64_takes_a_byte_that_is_no_digit_nowhere(void **state)
{
  (void)state;
  for (size_t len_bytes = 1; len_bytes <= 19; len_bytes++)
    for (size_t at = 0; at < len_bytes; at++)
      for (unsigned byte = 0; byte < 256; byte++) {
        char text[] = "1234567890123456789";
        uint64_t value = 4711;
        text[at] = (char)byte;
        bool ok = mw_parse_u64((struct mw_slice){text, len_bytes}, &value);
        if (ok != (byte >= '0' && byte <= '9'))
          fail_msg("byte %u at %zu of %zu", byte, at, len_bytes);
      }
}

static void u64_knows_what_a_digit_is_worth_anywhere(void **state)
{
  (void)state;
  for (size_t zeros = 0; zeros < 19; zeros++) {
    char text[] = "0000000000000000000";
    uint64_t value = 4711, expected = 7;
    text[18 - zeros] = '7';
    for (size_t i = 0; i < zeros; i++)
      expected *= 10;
    assert_true(mw_parse_u64(slice_of(text), &value));
    assert_int_equal(value, expected);
    assert_true(mw_parse_u64(slice_of(text + 18 - zeros), &value));
    assert_int_equal(value, expected);
  }
}

static void i64_takes_a_minus_too(void **state)
{
  static const struct {
    const char *text;
    bool ok;
    int64_t value;
  } examples[] = {
      {"12", true, 12},
      {"-12", true, -12},
      {"-0", true, 0},
      {"9223372036854775807", true, INT64_MAX},
      {"9223372036854775808", false, 0},
      {"-9223372036854775808", true, INT64_MIN},
      {"-9223372036854775809", false, 0},
      {"-", false, 0},
      {"--1", false, 0},
      {"+1", false, 0},
      {"", false, 0},
  };
  (void)state;

  for (size_t i = 0; i < COUNT(examples); i++) {
    int64_t value = 4711;
    bool ok = mw_parse_i64(slice_of(examples[i].text), &value);
    if (ok != examples[i].ok || value != (ok ? examples[i].value : 4711))
      fail_msg("\"%s\": %d, %lld", examples[i].text, ok, (long long)value);
  }
}

/* Joins the pieces that @p next cuts off @p text with '|'. */
static const char *cut_up(bool (*next)(struct mw_slice *rest, struct mw_slice *piece),
                          const char *text, char out[static 100])
{
  struct mw_slice rest = slice_of(text), piece;
  char *end = out;

  while (next(&rest, &piece)) {
    memcpy(end, piece.data, piece.len_bytes);
    end += piece.len_bytes;
    *end++ = '|';
  }
  assert_int_equal(0, rest.len_bytes);
  *end = '\0';
  return out;
}

static void lines_end_with_lf_or_cr_lf_or_the_text(void **state)
{
  static const char *const examples[][2] = {
      {"a\nb\n", "a|b|"}, {"a\nb", "a|b|"}, {"a\r\nb\r\n", "a|b|"},
      {"\n\na", "||a|"},  {"\r\n", "|"},    {"a\rb\n", "a\rb|"},
      {"", ""},
  };
  char out[100];
  (void)state;

  for (size_t i = 0; i < COUNT(examples); i++)
    assert_string_equal(examples[i][1], cut_up(mw_slice_next_line, examples[i][0], out));
}

static void words_stand_between_blanks_and_tabs(void **state)
{
  static const char *const examples[][2] = {
      {"anon 12", "anon|12|"}, {"  a \t b\t", "a|b|"}, {"a\nb", "a\nb|"}, {" \t ", ""}, {"", ""},
  };
  char out[100];
  (void)state;

  for (size_t i = 0; i < COUNT(examples); i++)
    assert_string_equal(examples[i][1], cut_up(mw_slice_next_word, examples[i][0], out));
}

static void a_slice_ends_where_it_says_not_where_the_text_does(void **state)
{
  struct mw_slice rest = {"12 34\n56", 4}, word;
  uint64_t value = 0;
  (void)state;

  assert_true(mw_slice_next_word(&rest, &word));
  assert_true(mw_slice_next_word(&rest, &word));
  assert_true(mw_parse_u64(word, &value));
  assert_int_equal(3, value);
  assert_false(mw_slice_next_word(&rest, &word));
}

static void equal_compares_all_of_it(void **state)
{
  (void)state;
  assert_true(mw_slice_equal(slice_of("max"), "max"));
  assert_true(mw_slice_equal(slice_of(""), ""));
  assert_false(mw_slice_equal(slice_of("max"), "ma"));
  assert_false(mw_slice_equal(slice_of("ma"), "max"));
  assert_false(mw_slice_equal((struct mw_slice){"a\0b", 3}, "a"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(u64_takes_digits_that_fit_and_nothing_else),
      cmocka_unit_test(u64_takes_a_byte_that_is_no_digit_nowhere),
      cmocka_unit_test(u64_knows_what_a_digit_is_worth_anywhere),
      cmocka_unit_test(i64_takes_a_minus_too),
      cmocka_unit_test(lines_end_with_lf_or_cr_lf_or_the_text),
      cmocka_unit_test(words_stand_between_blanks_and_tabs),
      cmocka_unit_test(a_slice_ends_where_it_says_not_where_the_text_does),
      cmocka_unit_test(equal_compares_all_of_it),
  };
  return cmocka_run_group_tests_name("base/parse", tests, NULL, NULL);
}
