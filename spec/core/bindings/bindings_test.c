/* What opens modules, when Lua runs out of memory: nothing stays behind, and what was half made
 * serves as well the next time. The address checker finds what nobody freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "failing_state.h"

static const char script[] = "local open = ...\n"
                             "local other = assert(open { host_root = 'spec/fixtures/hybrid' })\n"
                             "return other.inventory.replace('s', { { id = 'a' } })\n";

/* @return as lua_pcall */
static int run_open(struct failing_state *state, long allocations)
{
  lua_State *L = state->L;

  lua_settop(L, 0);
  assert_int_equal(luaL_loadstring(L, script), 0);
  lua_pushcfunction(L, luaopen_moonwatch);
  lua_call(L, 0, 1);
  lua_getfield(L, -1, "open");
  lua_remove(L, -2);
  return failing_state_call(state, 1, 1, allocations);
}

static int run_require(struct failing_state *state, long allocations)
{
  lua_settop(state->L, 0);
  lua_pushcfunction(state->L, luaopen_moonwatch_inventory);
  return failing_state_call(state, 0, 1, allocations);
}

static void memory_may_end_anywhere(int (*run)(struct failing_state *, long))
{
  int failures = 0, rc = LUA_ERRMEM;

  for (long n = 0; rc != 0; n++) {
    struct failing_state state;
    assert_true(failing_state_open(&state));
    rc = run(&state, n);
    failures += rc != 0;
    assert_int_equal(0, run(&state, -1));
    lua_gc(state.L, LUA_GCCOLLECT, 0);
    lua_close(state.L);
  }
  assert_true(failures > 5);
}

static void opening_a_host_may_run_out_of_memory_anywhere(void **unused)
{
  (void)unused;
  memory_may_end_anywhere(run_open);
}

static void requiring_a_module_may_run_out_of_memory_anywhere(void **unused)
{
  (void)unused;
  memory_may_end_anywhere(run_require);
}

static void a_context_that_was_given_is_not_freed(void **unused)
{
  struct mw_error err;
  struct mw_context *context = mw_context_new(&(struct mw_context_config){0}, &err);
  struct failing_state state;

  (void)unused;
  assert_non_null(context);
  for (int i = 0; i < 2; i++) {
    assert_true(failing_state_open(&state));
    mw_lua_set_context(state.L, context);
    assert_int_equal(0, run_require(&state, -1));
    lua_close(state.L);
  }
  assert_string_equal("/", mw_context_host_root(context));
  mw_context_free(context);
}

static void a_context_has_its_own_copy_of_what_it_was_given(void **unused)
{
  char root[] = "/host";
  struct mw_error err;
  struct mw_context *context = mw_context_new(&(struct mw_context_config){.host_root = root}, &err);

  (void)unused;
  root[1] = 'x';
  assert_string_equal("/host", mw_context_host_root(context));
  mw_context_free(context);
}

static void problems_are_handed_over_once(void **unused)
{
  struct mw_error err;
  struct mw_problems problems;
  struct mw_context *context = mw_context_new(&(struct mw_context_config){0}, &err);

  (void)unused;
  mw_context_take_problems(context, &problems);
  assert_int_equal(0, problems.count);
  mw_problems_deinit(&problems);
  mw_context_free(context);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opening_a_host_may_run_out_of_memory_anywhere),
      cmocka_unit_test(requiring_a_module_may_run_out_of_memory_anywhere),
      cmocka_unit_test(a_context_that_was_given_is_not_freed),
      cmocka_unit_test(a_context_has_its_own_copy_of_what_it_was_given),
      cmocka_unit_test(problems_are_handed_over_once),
  };
  return cmocka_run_group_tests_name("bindings", tests, NULL, NULL);
}
