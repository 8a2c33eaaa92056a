#include "base/suggest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void counts_the_bytes_that_have_to_change(void **state)
{
  static const struct {
    const char *a, *b;
    size_t distance;
  } examples[] = {
      {"", "", 0},          {"check", "check", 0}, {"check", "chek", 1},
      {"chek", "check", 1}, {"check", "chack", 1}, {"check", "chekc", 2},
      {"", "abc", 3},       {"abc", "", 3},        {"kitten", "sitting", 3},
      {"abcdef", "xyz", 6}, {"a", "b", 1},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
    assert_int_equal(examples[i].distance, mw_edit_distance(examples[i].a, examples[i].b, 10));
}

static void counts_no_further_than_asked(void **state)
{
  (void)state;
  assert_int_equal(2, mw_edit_distance("abc", "abcdef", 1));
  assert_int_equal(1, mw_edit_distance("a", "b", 0));
  assert_int_equal(0, mw_edit_distance("a", "a", 0));
}

static void refuses_words_that_are_too_long(void **state)
{
  char word[65];
  (void)state;

  memset(word, 'x', 64);
  word[64] = '\0';
  assert_int_equal(6, mw_edit_distance(word, word, 5));
  assert_int_equal(6, mw_edit_distance("x", word, 5));
  word[63] = '\0';
  assert_int_equal(0, mw_edit_distance(word, word, 5));
}

static const char *closest(const char *wanted, const char *const *words)
{
  struct mw_suggestion suggestion = {.wanted = wanted};

  for (; *words; words++)
    mw_suggestion_consider(&suggestion, *words);
  return suggestion.closest;
}

static void suggests_the_closest_word(void **state)
{
  (void)state;
  assert_string_equal("host", closest("hots", (const char *[]){"check", "host", NULL}));
  assert_string_equal(
      "max_per_message",
      closest("max_per_mesage", (const char *[]){"max_age_ms", "max_per_message", NULL}));
  assert_string_equal("format", closest("fromat", (const char *[]){"log-format", "format", NULL}));
}

static void suggests_nothing_when_nothing_is_close(void **state)
{
  (void)state;
  assert_null(closest("container_rt", (const char *[]){"host_load", NULL}));
  assert_null(closest("x", (const char *[]){"check", NULL}));
  assert_null(closest("x", (const char *[]){NULL}));
}

static void of_words_equally_close_the_first_by_name_wins_in_any_order(void **state)
{
  (void)state;
  assert_string_equal("bat", closest("cat", (const char *[]){"hat", "bat", "rat", NULL}));
  assert_string_equal("bat", closest("cat", (const char *[]){"bat", "rat", "hat", NULL}));
  assert_string_equal("cats", closest("cat", (const char *[]){"mat", "cats", NULL}));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_the_bytes_that_have_to_change),
      cmocka_unit_test(counts_no_further_than_asked),
      cmocka_unit_test(refuses_words_that_are_too_long),
      cmocka_unit_test(suggests_the_closest_word),
      cmocka_unit_test(suggests_nothing_when_nothing_is_close),
      cmocka_unit_test(of_words_equally_close_the_first_by_name_wins_in_any_order),
  };
  return cmocka_run_group_tests_name("base/suggest", tests, NULL, NULL);
}
