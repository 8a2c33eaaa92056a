/* How long a kubelet is left alone after failures. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kubelet/retry.h"
#include "moonwatch/kubelet.h"

static const struct mw_error failure = {.code = ECONNREFUSED, .text = "nobody is there"};

static int64_t pause_after(unsigned failures, uint64_t random, int64_t wanted_ns)
{
  struct mw_retry retry = {0};

  for (unsigned i = 0; i < failures; i++)
    mw_retry_note_failure(&retry, 0, i + 1 == failures ? wanted_ns : -1, random, &failure);
  return retry.not_before_ns;
}

static void pauses_double_up_to_five_minutes(void **state)
{
  (void)state;
  assert_int_equal(pause_after(1, 0, -1), MW_NS_PER_S);
  assert_int_equal(pause_after(2, 0, -1), 2 * MW_NS_PER_S);
  assert_int_equal(pause_after(9, 0, -1), 256 * MW_NS_PER_S);
  assert_int_equal(pause_after(10, 0, -1), 300 * MW_NS_PER_S);
  assert_int_equal(pause_after(1000, 0, -1), 300 * MW_NS_PER_S);
}

static void chance_takes_up_to_a_quarter_away(void **state)
{
  const int64_t quarter = MW_NS_PER_S / 4;

  (void)state;
  assert_int_equal(pause_after(1, (uint64_t)quarter, -1), 3 * quarter);
  assert_int_equal(pause_after(1, (uint64_t)quarter + 1, -1), MW_NS_PER_S);
  for (uint64_t random = 1; random != 0; random *= 3) {
    int64_t pause = pause_after(1, random, -1);
    assert_true(pause >= 3 * quarter && pause <= MW_NS_PER_S);
    if (random > UINT64_MAX / 3)
      break;
  }
}

static void a_kubelet_that_names_a_time_gets_it(void **state)
{
  (void)state;
  assert_int_equal(pause_after(1, 0, 7 * MW_NS_PER_S), 7 * MW_NS_PER_S);
  assert_int_equal(pause_after(5, 0, 7 * MW_NS_PER_S), 16 * MW_NS_PER_S);
  assert_int_equal(pause_after(1, 0, INT64_MAX), MW_KUBELET_RETRY_MAX_NS);
}

static void success_begins_anew(void **state)
{
  struct mw_retry retry = {0};

  (void)state;
  assert_true(mw_retry_is_due(&retry, 0));
  mw_retry_note_failure(&retry, 100, -1, 0, &failure);
  assert_false(mw_retry_is_due(&retry, 99 + MW_NS_PER_S));
  assert_true(mw_retry_is_due(&retry, 100 + MW_NS_PER_S));
  assert_string_equal(retry.last.text, "nobody is there");
  mw_retry_note_success(&retry);
  assert_true(mw_retry_is_due(&retry, 0));
  mw_retry_note_failure(&retry, 0, -1, 0, &failure);
  assert_int_equal(retry.not_before_ns, MW_NS_PER_S);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pauses_double_up_to_five_minutes),
      cmocka_unit_test(chance_takes_up_to_a_quarter_away),
      cmocka_unit_test(a_kubelet_that_names_a_time_gets_it),
      cmocka_unit_test(success_begins_anew),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
