#include "http/retry_after.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "moonwatch/clock.h"

/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW_NS (INT64_C(784111777) * MW_NS_PER_S)

static int64_t parse(const char *text)
{
  int64_t ms = -7;

  return mw_retry_after_parse(text, NOW_NS, &ms) ? ms : -1;
}

static void takes_seconds(void **state)
{
  (void)state;
  assert_int_equal(0, parse("0"));
  assert_int_equal(120000, parse("120"));
  assert_int_equal(MW_RETRY_AFTER_MAX_MS, parse("86400"));
  assert_int_equal(MW_RETRY_AFTER_MAX_MS, parse("86401"));
  assert_int_equal(MW_RETRY_AFTER_MAX_MS, parse("18446744073709551615"));
  assert_int_equal(MW_RETRY_AFTER_MAX_MS, parse("999999999999999999999999"));
}

static void takes_dates_of_all_three_forms(void **state)
{
  (void)state;
  assert_int_equal(23000, parse("Sun, 06 Nov 1994 08:50:00 GMT"));
  assert_int_equal(23000, parse("Sunday, 06-Nov-94 08:50:00 GMT"));
  assert_int_equal(23000, parse("Sun Nov  6 08:50:00 1994"));
}

static void a_date_that_is_over_means_now(void **state)
{
  (void)state;
  assert_int_equal(0, parse("Sun, 06 Nov 1994 08:49:37 GMT"));
  assert_int_equal(0, parse("Thu, 01 Jan 1970 00:00:00 GMT"));
}

static void a_date_far_away_means_a_day(void **state)
{
  (void)state;
  assert_int_equal(MW_RETRY_AFTER_MAX_MS, parse("Fri, 31 Dec 9999 23:59:59 GMT"));
  assert_int_equal(MW_RETRY_AFTER_MAX_MS, parse("Friday, 31-Dec-44 23:59:59 GMT")); /* 2044 */
  assert_int_equal(-1, parse("Friday, 31-Dec-45 23:59:59 GMT")); /* 1945, before all time */
}

static void refuses_anything_else(void **state)
{
  static const char *const texts[] = {
      "",
      "-1",
      "1.5",
      "12 ",
      "soon",
      "1e3",
      "Sun, 06 Nov 1994 08:49:37",
      "Sun, 06 Nov 1994 08:49:37 GMT x",
      "Sun, 06 Nop 1994 08:49:37 GMT",
      "Sun, 00 Nov 1994 08:49:37 GMT",
      "Sun, 32 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 24:49:37 GMT",
      "Sun, 06 Nov 1994 08:60:37 GMT",
      "Sun, 06 Nov 1994 08:49:-1 GMT",
      "Sun, 06 Nov 1994 08:49:37 PST",
      "Sun, 06 Nov 1994 08:49:37 GMT and much more than a date could ever have, even so"};
  (void)state;

  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    if (parse(texts[i]) != -1)
      fail_msg("%s", texts[i]);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_seconds),
      cmocka_unit_test(takes_dates_of_all_three_forms),
      cmocka_unit_test(a_date_that_is_over_means_now),
      cmocka_unit_test(a_date_far_away_means_a_day),
      cmocka_unit_test(refuses_anything_else),
  };
  return cmocka_run_group_tests_name("http/retry_after", tests, NULL, NULL);
}
