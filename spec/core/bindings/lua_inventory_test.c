/* moonwatch.inventory when Lua runs out of memory: no snapshot and no list stays behind; and what a
 * script sees of sources that are stale. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "failing_state.h"

/* A second generation is made of the first one. */
static const char script[] =
    "local inventory, number = ...\n"
    "local a = {id = 'a' .. number, state = 'running', labels = {x = '1', y = '2'}, pod_uid = "
    "'p'}\n"
    "local options = {pods = {{uid = 'p', ips = {'::1'}, owners = {{kind = 'Job', name = 'j'}}}}}\n"
    "inventory.replace('docker', {a, {id = 'b', created_s = 5, restarts_count = number},\n"
    "  {id = 'c', runtime = 'docker', tags = {'t:1'}, ports = {{port = 80, name = 'http'}}}}, "
    "options)\n"
    "local first = inventory.containers()\n"
    "a.state = 'paused'\n"
    "inventory.replace('docker', {a, {id = 'c'}}, options)\n"
    "local second = inventory.containers()\n"
    "assert(first[1].pod == second[1].pod and second[1].pod == inventory.pods().p)\n"
    "assert(first[1].state == 'running' and second[1].state == 'paused')\n"
    "return #first + #second + #inventory.sources()\n";

/* @return as lua_pcall */
static int run(struct failing_state *state, const char *text, int number, long allocations)
{
  lua_State *L = state->L;

  lua_settop(L, 0);
  assert_int_equal(luaL_loadstring(L, text), 0);
  lua_pushcfunction(L, luaopen_moonwatch_inventory);
  lua_call(L, 0, 1);
  lua_pushinteger(L, number);
  return failing_state_call(state, 2, 1, allocations);
}

/* The address checker finds what nobody released. */
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
    rc = run(&state, script, ++number, n);
    failures += rc == LUA_ERRMEM;
    assert_true(rc == 0 || rc == LUA_ERRMEM);
    assert_int_equal(run(&state, script, ++number, -1), 0);
    assert_int_equal(lua_tointeger(state.L, -1), 6);
    lua_close(state.L);
    if (rc == 0)
      break;
  }
  assert_true(failures > 50);
  mw_context_free(context);
}

static const char *eval(struct failing_state *state, const char *text)
{
  if (run(state, text, 0, -1) != 0)
    fail_msg("%s", lua_tostring(state->L, -1));
  return lua_tostring(state->L, -1);
}

static void a_stale_container_says_so_and_its_source_why(void **unused)
{
  static const char describe[] =
      "local inventory = ...\n"
      "local source, containers = inventory.sources()[1], inventory.containers()\n"
      "return table.concat({tostring(source.stale), tostring(source.error),\n"
      "  tostring(source.age_s), tostring(containers[1] and containers[1].stale)}, ' ')";
  struct mw_clock_manual clock;
  struct failing_state state;
  struct mw_error err;

  (void)unused;
  mw_clock_manual_init(&clock);
  struct mw_context_config config = {.clock = &clock.clock};
  struct mw_context *context = mw_context_new(&config, &err);
  assert_non_null(context);
  struct mw_inventory *inventory = mw_context_inventory(context);
  assert_true(failing_state_open(&state));
  mw_lua_set_context(state.L, context);

  assert_int_equal(mw_inventory_fail(inventory, "docker", "no socket", &err), 0);
  assert_string_equal(eval(&state, describe), "true no socket nil nil");
  eval(&state, "(...).replace('docker', {{id = 'a'}}, {stale_max_s = 60})");
  clock.now_monotonic_ns += 5 * MW_NS_PER_S;
  assert_string_equal(eval(&state, describe), "false nil 5 nil");
  assert_int_equal(mw_inventory_fail(inventory, "docker", "no socket", &err), 0);
  assert_string_equal(eval(&state, describe), "true no socket 5 true");
  clock.now_monotonic_ns += 60 * MW_NS_PER_S;
  mw_inventory_sweep(inventory);
  assert_string_equal(eval(&state, describe), "true no socket 65 nil");

  lua_close(state.L);
  mw_context_free(context);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_may_end_anywhere),
      cmocka_unit_test(a_stale_container_says_so_and_its_source_why),
  };

  return cmocka_run_group_tests_name("moonwatch.inventory without memory", tests, NULL, NULL);
}
