/* A script for which there is no memory: its own ceiling, or the system's. */
#include "script/script.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/failing_malloc.h"

static struct mw_error err;

static int run(struct mw_script *script, const char *text)
{
  return mw_script_load_text(script, "test.lua", text, strlen(text), 0, &err);
}

static void what_the_system_refuses_is_not_the_fault_of_the_script(void **state)
{
  struct mw_script *script = mw_script_new(&(struct mw_script_config){.name = "test"}, &err);
  int rc = -ENOMEM, failures = 0;

  (void)state;
  assert_non_null(script);
  for (long at = 1; rc < 0; at++) {
    allocations_total = 0;
    failing_allocation = at;
    rc = run(script, "local t = {} for i = 1, 50 do t[i] = { i } end return t");
    failing_allocation = 0;
    assert_false(mw_script_is_over_memory(script));
    if (rc < 0) {
      failures++;
      assert_int_equal(rc, -ENOMEM);
      assert_ptr_equal(strstr(err.text, "out of memory"), err.text);
    }
  }
  assert_int_equal(rc, 0);
  assert_true(failures > 50);
  mw_script_free(script);
}

static void what_is_over_its_ceiling_is(void **state)
{
  struct mw_script *script =
      mw_script_new(&(struct mw_script_config){.name = "test", .memory_max_bytes = 1000000}, &err);

  (void)state;
  assert_int_equal(run(script, "return { ('x'):rep(1e9) }"), -ENOMEM);
  assert_true(mw_script_is_over_memory(script));
  assert_ptr_equal(strstr(err.text, "memory limit of 1000000 bytes reached"), err.text);
  assert_int_equal(run(script, "return {}"), 0);
  assert_false(mw_script_is_over_memory(script));
  mw_script_free(script);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_the_system_refuses_is_not_the_fault_of_the_script),
      cmocka_unit_test(what_is_over_its_ceiling_is),
  };
  return cmocka_run_group_tests_name("script/script_memory", tests, NULL, NULL);
}
