#include "agent/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void gives_out_the_first_number_and_then_the_next(void **state)
{
  struct mw_group_ids ids;
  (void)state;

  mw_group_ids_init(&ids, 1);
  assert_int_equal(1, mw_group_ids_next(&ids));
  assert_int_equal(2, mw_group_ids_next(&ids));
}

static void wraps_around_as_a_signed_number_of_32_bits(void **state)
{
  struct mw_group_ids ids;
  (void)state;

  mw_group_ids_init(&ids, INT32_MAX);
  assert_int_equal(INT32_MAX, mw_group_ids_next(&ids));
  assert_int_equal(INT32_MIN, mw_group_ids_next(&ids));
  mw_group_ids_init(&ids, -1);
  assert_int_equal(-1, mw_group_ids_next(&ids));
  assert_int_equal(0, mw_group_ids_next(&ids));
}

static void starts_with_the_smallest_number_too(void **state)
{
  struct mw_group_ids ids;
  (void)state;

  mw_group_ids_init(&ids, INT32_MIN);
  assert_int_equal(INT32_MIN, mw_group_ids_next(&ids));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_out_the_first_number_and_then_the_next),
      cmocka_unit_test(wraps_around_as_a_signed_number_of_32_bits),
      cmocka_unit_test(starts_with_the_smallest_number_too),
  };
  return cmocka_run_group_tests_name("agent/message", tests, NULL, NULL);
}
