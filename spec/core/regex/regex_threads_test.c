/* One expression, many threads: they share it without a lock. */
#include "regex/regex.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 4
#define ROUNDS 500

static struct mw_slice slice(const char *text)
{
  return (struct mw_slice){text, strlen(text)};
}

static void *match_often(void *data)
{
  const struct mw_regex *regex = data;
  unsigned wrong = 0;

  for (unsigned i = 0; i < ROUNDS; i++) {
    char text[64];
    bool matches = i % 2 != 0;
    snprintf(text, sizeof text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xff%u%c", i, i % 2 ? 'd' : 'b');
    if (mw_regex_matches(regex, slice(text), &matches, NULL) < 0 || matches != (i % 2 == 0))
      wrong++;
  }
  return (void *)(uintptr_t)wrong;
}

static void threads_share_an_expression(void **state)
{
  struct mw_regex *regex = mw_regex_compile(slice("(a*)*\\x{FFFD}\\d+[bc]"), NULL);
  pthread_t threads[THREADS];
  (void)state;

  for (int i = 0; i < THREADS; i++)
    assert_int_equal(0, pthread_create(&threads[i], NULL, match_often, regex));
  for (int i = 0; i < THREADS; i++) {
    void *wrong;
    assert_int_equal(0, pthread_join(threads[i], &wrong));
    assert_null(wrong);
  }
  mw_regex_free(regex);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_an_expression)};
  return cmocka_run_group_tests_name("regex/regex_threads", tests, NULL, NULL);
}
