/* moonwatch.regex where memory runs out at each allocation of Lua: nothing leaks, nothing is
 * counted that is not there. The address checker looks for leaks. */
#include "bindings/bindings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/bindings/failing_state.h"

#define ATTEMPTS_MAX 200

static const char keep_all[] = "local kept, count = {}, 0\n"
                               "while true do\n"
                               "  local regex = compile('a' .. count)\n"
                               "  if not regex then return count end\n"
                               "  count = count + 1\n"
                               "  kept[count] = regex\n"
                               "end";

static void compile_leaks_and_miscounts_nothing(void **state)
{
  struct failing_state failing;
  long allocations = 0;
  int rc;
  (void)state;

  assert_true(failing_state_open(&failing));
  lua_State *L = failing.L;
  lua_pushcfunction(L, mw_lua_regex_functions[0].func);
  lua_setglobal(L, "compile");
  do {
    lua_settop(L, 0);
    lua_getglobal(L, "compile");
    lua_pushliteral(L, "a(b|c)*d");
    rc = failing_state_call(&failing, 1, 1, allocations);
    if (rc != 0)
      assert_int_equal(LUA_ERRMEM, rc);
  } while (rc != 0 && ++allocations < ATTEMPTS_MAX);
  assert_int_equal(0, rc);
  assert_true(allocations > 3);

  lua_settop(L, 0);
  assert_int_equal(0, luaL_dostring(L, keep_all));
  assert_int_equal(4096, lua_tointeger(L, -1));
  lua_close(L);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(compile_leaks_and_miscounts_nothing)};
  return cmocka_run_group_tests_name("bindings/lua_regex", tests, NULL, NULL);
}
