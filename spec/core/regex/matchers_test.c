/* The two matchers of PCRE2 say the same: of patterns that must not differ in either. */
#include "regex/regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
  const char *pattern, *text;
  bool matches;
} examples[] = {
    {"", "", true},
    {"^$", "", true},
    {"^$", "\n", false},
    {"b", "aab", true},
    {"^b", "aab", false},
    {"(?m)^b", "a\nb", true},
    {"a$", "ba", true},
    {"a$", "ab", false},
    {"(?m)a$", "a\nb", true},
    {"a.c", "a\nc", false},
    {"(?s)a.c", "a\nc", true},
    {"a.c",
     "a\xff"
     "c",
     true},
    {"a+b+", "caaabbb", true},
    {"^a{2,}$", "aaa", true},
    {"^a{2}$", "aaa", false},
    {"^(a+b+)+$", "aabab", true},
    {"^(|a)+b", "aab", true},
    {"(?:a|\\A9){0}\\Db",
     "0\xC4\xB1"
     "b",
     true},
    {"^[^\\PL\\D]$", "\xCF\x83", false},
    {"\\bfoo\\b", "a foo b", true},
    {"\\bfoo\\b", "afoo", false},
    {"(?i)STRASSE",
     "stra\xC5\xBF"
     "se",
     true},
    {"^\\p{Greek}+$", "\xCE\xB1\xCE\xB2", true},
    {"$*a", "a", true},
    {"\\b{1000}a", "a", true},
    {"[^\\x00-\\x{10FFFF}]*a", "ba", true},
    {"[^\\x00-\\x{10FFFF}]", "a", false},
    {"x{D800}|\\x{D800}", "\xED\xA0\x80", false},
};

static void both_matchers_say_the_same(void **state)
{
  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_slice pattern = {examples[i].pattern, strlen(examples[i].pattern)};
    struct mw_slice text = {examples[i].text, strlen(examples[i].text)};
    struct mw_error err;
    bool first = !examples[i].matches, second = first;
    struct mw_regex *regex = mw_regex_compile(pattern, &err);

    if (!regex)
      fail_msg("%s", err.text);
    assert_int_equal(0, mw_regex_matches(regex, text, &first, &err));
    assert_int_equal(0, mw_regex_matches_breadth_first(regex, text, &second, &err));
    if (first != examples[i].matches || second != examples[i].matches)
      fail_msg("%s in \"%s\": %d by the first, %d by the second", pattern.data, text.data, first,
               second);
    mw_regex_free(regex);
  }
}

static void outputs_stay_as_they_were_on_failure(void **state)
{
  static char text[MW_REGEX_TEXT_MAX_BYTES + 1];
  struct mw_regex *regex = mw_regex_compile((struct mw_slice){"(a?){100}a{100}[bc]", 19}, NULL);
  bool matches = true;
  (void)state;

  memset(text, 'a', sizeof text);
  assert_true(mw_regex_matches(regex, (struct mw_slice){text, sizeof text}, &matches, NULL) < 0);
  assert_true(mw_regex_matches(regex, (struct mw_slice){text, 300}, &matches, NULL) < 0);
  assert_true(matches);
  mw_regex_free(regex);
  mw_regex_free(NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(both_matchers_say_the_same),
      cmocka_unit_test(outputs_stay_as_they_were_on_failure),
  };
  return cmocka_run_group_tests_name("regex/matchers", tests, NULL, NULL);
}
