#include "agent/durations.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void nothing_is_told_before_the_first_one(void **state)
{
  struct mw_durations durations = {0};
  struct mw_durations_summary summary;

  (void)state;
  mw_durations_summarise(&durations, &summary);
  assert_true(summary.last_ns == 0 && summary.p50_ns == 0 && summary.p99_ns == 0 &&
              summary.max_ns == 0);
}

static void percentiles_are_those_of_the_last_ones_and_the_maximum_of_all(void **state)
{
  struct mw_durations durations = {0};
  struct mw_durations_summary summary;

  (void)state;
  mw_durations_add(&durations, 5000);
  for (int64_t i = MW_DURATIONS_KEPT; i > 0; i--)
    mw_durations_add(&durations, i);
  mw_durations_summarise(&durations, &summary);
  assert_int_equal(1, summary.last_ns);
  assert_int_equal(64, summary.p50_ns);
  assert_int_equal(127, summary.p99_ns);
  assert_int_equal(5000, summary.max_ns);
}

static void the_only_one_is_everything(void **state)
{
  struct mw_durations durations = {0};
  struct mw_durations_summary summary;

  (void)state;
  mw_durations_add(&durations, 7);
  mw_durations_summarise(&durations, &summary);
  assert_true(summary.last_ns == 7 && summary.p50_ns == 7 && summary.p99_ns == 7 &&
              summary.max_ns == 7);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_told_before_the_first_one),
      cmocka_unit_test(percentiles_are_those_of_the_last_ones_and_the_maximum_of_all),
      cmocka_unit_test(the_only_one_is_everything),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
