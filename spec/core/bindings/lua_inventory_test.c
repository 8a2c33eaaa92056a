/* moonwatch.inventory when Lua runs out of memory: no snapshot stays behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "failing_state.h"

static const char script[] =
    "local inventory, number = ...\n"
    "inventory.replace('docker', {{id = 'a' .. number, state = 'running'},\n"
    "  {id = 'b', created_s = 5}, {id = 'c', runtime = 'docker'}})\n"
    "return #inventory.containers()\n";

/* @return as lua_pcall */
static int run(struct failing_state *state, int number, long allocations)
{
  lua_State *L = state->L;

  lua_settop(L, 0);
  assert_int_equal(luaL_loadstring(L, script), 0);
  lua_pushcfunction(L, luaopen_moonwatch_inventory);
  lua_call(L, 0, 1);
  lua_pushinteger(L, number);
  return failing_state_call(state, 2, 1, allocations);
}

/* The address checker finds the snapshot that nobody released. */
static void memory_may_end_anywhere(void **unused)
{
  struct mw_error err;
  struct mw_context *context = mw_context_new(&(struct mw_context_config){0}, &err);
  int number = 0, failures = 0, rc = 0;

  (void)unused;
  assert_non_null(context);
  for (long n = 0;; n++) {
    struct failing_state state;
    assert_true(failing_state_open(&state));
    mw_lua_set_context(state.L, context);
    rc = run(&state, ++number, n);
    failures += rc == LUA_ERRMEM;
    assert_true(rc == 0 || rc == LUA_ERRMEM);
    assert_int_equal(run(&state, ++number, -1), 0);
    assert_int_equal(lua_tointeger(state.L, -1), 3);
    lua_close(state.L);
    if (rc == 0)
      break;
  }
  assert_true(failures > 10);
  mw_context_free(context);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_may_end_anywhere),
  };

  return cmocka_run_group_tests_name("moonwatch.inventory without memory", tests, NULL, NULL);
}
