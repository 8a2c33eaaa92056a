#include "moonwatch/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void set_fills_text_and_code_and_returns_the_negative_code(void **state)
{
  struct mw_error err;
  (void)state;

  assert_int_equal(-ENOENT, mw_error_set(&err, ENOENT, "no %s in %d places", "cgroup", 3));
  assert_int_equal(ENOENT, err.code);
  assert_string_equal("no cgroup in 3 places", err.text);
}

static void set_works_for_a_caller_that_does_not_care(void **state)
{
  (void)state;
  assert_int_equal(-EINVAL, mw_error_set(NULL, EINVAL, "unheard"));
}

static void set_cuts_a_text_that_is_too_long(void **state)
{
  char text[MW_ERROR_TEXT_BYTES + 10];
  struct mw_error err;
  (void)state;

  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  mw_error_set(&err, EIO, "%s", text);
  assert_int_equal(MW_ERROR_TEXT_BYTES - 1, strlen(err.text));
}

static void prefix_puts_the_larger_picture_in_front(void **state)
{
  struct mw_error err;
  (void)state;

  mw_error_set(&err, EBADMSG, "no number");
  mw_error_prefix(&err, "%s of container %d", "memory.stat", 7);
  assert_string_equal("memory.stat of container 7: no number", err.text);
  assert_int_equal(EBADMSG, err.code);
  mw_error_prefix(NULL, "unheard");
}

static void prefix_keeps_what_fits_of_two_long_texts(void **state)
{
  char text[MW_ERROR_TEXT_BYTES];
  struct mw_error err;
  (void)state;

  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  mw_error_set(&err, EIO, "%s", text);
  memset(text, 'p', sizeof text - 1);
  mw_error_prefix(&err, "%s", text);
  assert_int_equal(MW_ERROR_TEXT_BYTES - 1, strlen(err.text));
  assert_non_null(strstr(err.text, "pp: xx"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(set_fills_text_and_code_and_returns_the_negative_code),
      cmocka_unit_test(set_works_for_a_caller_that_does_not_care),
      cmocka_unit_test(set_cuts_a_text_that_is_too_long),
      cmocka_unit_test(prefix_puts_the_larger_picture_in_front),
      cmocka_unit_test(prefix_keeps_what_fits_of_two_long_texts),
  };
  return cmocka_run_group_tests_name("base/error", tests, NULL, NULL);
}
