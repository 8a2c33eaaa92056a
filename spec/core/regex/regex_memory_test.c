/* Running out of memory at every allocation, PCRE2's included: nothing leaks, nothing is half made.
 */
#include "regex/regex.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/failing_malloc.h"

#define ATTEMPTS_MAX 1000

static struct mw_slice slice(const char *text)
{
  return (struct mw_slice){text, strlen(text)};
}

static void compiling_fails_whole_or_not_at_all(void **state)
{
  long nth = 0;
  struct mw_regex *regex = NULL;
  (void)state;

  while (!regex && ++nth < ATTEMPTS_MAX) {
    struct mw_error err = {0};
    allocations_total = 0;
    failing_allocation = nth;
    regex = mw_regex_compile(slice("(?i)a[^\\pL]{2,}(b|c)*$"), &err);
    failing_allocation = 0;
    if (!regex)
      assert_int_equal(ENOMEM, err.code);
  }
  assert_true(nth > 5 && nth < ATTEMPTS_MAX);
  mw_regex_free(regex);
}

struct attempt {
  struct mw_regex *regex;
  const char *text;
  int rc;
  int code; /* of the error */
  bool matches;
};

/* In a thread of its own, so that nothing is kept from the last attempt. */
static void *match(void *data)
{
  struct attempt *attempt = data;
  struct mw_error err = {0};

  attempt->rc = mw_regex_matches(attempt->regex, slice(attempt->text), &attempt->matches, &err);
  attempt->code = err.code;
  return NULL;
}

static void matching_says_what_it_lacks(void **state)
{
  char text[1001];
  struct attempt attempt = {mw_regex_compile(slice("(a*)*[bc]"), NULL), text, -1, 0, false};
  long nth = 0;
  (void)state;

  memset(text, 'a', sizeof text - 1);
  text[sizeof text - 2] = 'b';
  text[0] = '\xff';
  text[sizeof text - 1] = '\0';
  while (attempt.rc < 0 && ++nth < ATTEMPTS_MAX) {
    pthread_t thread;
    allocations_total = 0;
    failing_allocation = nth;
    assert_int_equal(0, pthread_create(&thread, NULL, match, &attempt));
    pthread_join(thread, NULL);
    failing_allocation = 0;
    assert_int_equal(attempt.rc == 0 ? 0 : ENOMEM, attempt.code);
    assert_int_equal(-attempt.code, attempt.rc);
  }
  assert_true(nth > 3 && nth < ATTEMPTS_MAX);
  assert_true(attempt.matches);
  mw_regex_free(attempt.regex);
}

static void a_thread_allocates_for_its_first_match_only(void **state)
{
  struct mw_regex *first = mw_regex_compile(slice("^(a|b)+c"), NULL);
  struct mw_regex *second = mw_regex_compile(slice("(x+x+)+[yz]"), NULL);
  bool matches;
  (void)state;

  assert_int_equal(
      0, mw_regex_matches(second, slice("xxxxxxxxxxxxxxxxxxxxxxxxxx\xff"), &matches, NULL));
  allocations_total = 0;
  assert_int_equal(0, mw_regex_matches(first, slice("abbac"), &matches, NULL));
  assert_true(matches);
  assert_int_equal(0,
                   mw_regex_matches(second, slice("xxxxxxxxxxxxxxxxxxxxxxxx\xff"), &matches, NULL));
  assert_false(matches);
  assert_int_equal(0, allocations_total);
  mw_regex_free(first);
  mw_regex_free(second);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(compiling_fails_whole_or_not_at_all),
      cmocka_unit_test(matching_says_what_it_lacks),
      cmocka_unit_test(a_thread_allocates_for_its_first_match_only),
  };
  return cmocka_run_group_tests_name("regex/regex_memory", tests, NULL, NULL);
}
