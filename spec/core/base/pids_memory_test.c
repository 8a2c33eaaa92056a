#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonwatch/pids.h"
#include "support/failing_malloc.h"

static void append_all(struct mw_pids *pids, const int32_t *values, size_t count)
{
  for (size_t i = 0; i < count; i++)
    assert_int_equal(0, mw_pids_append(pids, values[i], NULL));
}

static void sorts_and_drops_what_is_there_twice(void **state)
{
  const int32_t given[] = {7, 3, 4194304, 3, 1, 7, 7}, wanted[] = {1, 3, 7, 4194304};
  struct mw_pids pids = {0};
  (void)state;

  append_all(&pids, given, 7);
  mw_pids_sort(&pids);
  assert_int_equal(4, pids.count);
  assert_memory_equal(wanted, pids.pids, sizeof wanted);
  mw_pids_clear(&pids);
  mw_pids_sort(&pids);
  assert_int_equal(0, pids.count);
  mw_pids_deinit(&pids);
}

static void copies_into_memory_of_its_own(void **state)
{
  const int32_t given[] = {5, 6};
  struct mw_pids from = {0}, to = {0};
  (void)state;

  append_all(&from, given, 2);
  from.hidden_count = 3;
  append_all(&to, given, 1);
  assert_int_equal(0, mw_pids_copy(&to, &from, NULL));
  from.pids[0] = 9;
  assert_int_equal(2, to.count);
  assert_int_equal(3, to.hidden_count);
  assert_int_equal(5, to.pids[0]);
  mw_pids_clear(&from);
  assert_int_equal(0, mw_pids_copy(&to, &from, NULL));
  assert_int_equal(0, to.count);
  mw_pids_deinit(&from);
  mw_pids_deinit(&to);
}

static void stays_as_it_was_when_there_is_no_memory(void **state)
{
  struct mw_pids pids = {0};
  struct mw_error err;
  (void)state;

  for (int32_t pid = 0; pid < 8; pid++)
    assert_int_equal(0, mw_pids_append(&pids, pid, NULL));
  allocations_total = 0;
  failing_allocation = 1;
  assert_int_equal(-ENOMEM, mw_pids_append(&pids, 8, &err));
  failing_allocation = 0;
  assert_string_equal("out of memory for 9 process ids", err.text);
  assert_int_equal(8, pids.count);
  assert_int_equal(0, mw_pids_append(&pids, 8, &err));
  assert_int_equal(8, pids.pids[8]);
  mw_pids_deinit(&pids);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sorts_and_drops_what_is_there_twice),
      cmocka_unit_test(copies_into_memory_of_its_own),
      cmocka_unit_test(stays_as_it_was_when_there_is_no_memory),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
