/*
 * moonwatch.json when memory runs out at any moment: the error arrives, nothing leaks (run it with
 * the address checker), and the state can go on.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#include "bindings/bindings.h"
#include "bindings/lua_json.h"

/* Fails once, at the call number fail_at; 0: never. Giving memory back always works. */
struct allocator {
  long calls;
  long fail_at;
  size_t used_bytes;
};

static void *allocate(void *data, void *old, size_t old_bytes, size_t new_bytes)
{
  struct allocator *a = data;

  if (!old)
    old_bytes = 0; /* LuaJIT may free what it failed to get */
  if (new_bytes > old_bytes && ++a->calls == a->fail_at)
    return NULL;
  a->used_bytes += new_bytes - old_bytes;
  if (new_bytes > 0)
    return realloc(old, new_bytes);
  free(old);
  return NULL;
}

static int open_json(lua_State *L)
{
  luaL_openlibs(L);
  lua_newtable(L);
  luaL_register(L, NULL, mw_lua_json_functions);
  mw_lua_json_extend(L);
  lua_setglobal(L, "json");
  lua_settop(L, 0);
  return 0;
}

static const char script[] =
    "local object = json.decode '{\"b\":[1,{\"x\":\"y\"},[]],\"a\":{\"c\":{},\"d\":null,"
    "\"long key\":12345678901234567890}}'\n"
    "for i = 1, 70 do object[('k%02d'):format(i)] = { i } end\n"
    "local text = json.encode(object)\n"
    "assert(json.encode(json.decode(text)) == text)\n"
    "assert(not pcall(json.encode, { a = { print } }))\n"
    "assert(not json.decode '{\"a\":[1,')\n"
    "return json.encode { b = { 1 }, a = json.list {} }";

/* A state whose allocator fails at call @p fail_at of the script. @return false: it never did. */
static bool run_with_failure(long fail_at)
{
  struct allocator a = {0};
  lua_State *L = lua_newstate(allocate, &a);

  assert_non_null(L);
  assert_int_equal(0, lua_cpcall(L, open_json, NULL));
  assert_int_equal(0, luaL_loadstring(L, script));
  a.calls = 0;
  a.fail_at = fail_at;
  int status = lua_pcall(L, 0, 1, 0);
  bool failed = a.calls >= fail_at;
  if (status != 0 && status != LUA_ERRMEM) /* caught by the script's own pcall */
    assert_true(failed);

  a.fail_at = 0;
  lua_settop(L, 0);
  assert_int_equal(0, luaL_loadstring(L, script));
  assert_int_equal(0, lua_pcall(L, 0, 1, 0));
  assert_string_equal("{\"a\":[],\"b\":[1]}", lua_tostring(L, -1));
  lua_close(L);
  assert_int_equal(0, a.used_bytes);
  return failed;
}

static void survives_running_out_of_memory_anywhere(void **state)
{
  long fail_at = 1;

  (void)state;
  while (run_with_failure(fail_at))
    fail_at++;
  assert_true(fail_at > 20);
}

/* What the first failure left behind must not cost the second one its cleaning up. */
static void two_failures_leak_nothing(void **state)
{
  static const char decode[] = "return json.decode '[{\"a\":[1,\"b\"]}]'";

  (void)state;
  for (long first = 1; first < 12; first++) {
    for (long second = 1; second < 12; second++) {
      struct allocator a = {0};
      lua_State *L = lua_newstate(allocate, &a);
      assert_int_equal(0, lua_cpcall(L, open_json, NULL));
      assert_int_equal(0, luaL_loadstring(L, decode));
      assert_int_equal(0, luaL_loadstring(L, decode));
      a.calls = 0;
      a.fail_at = first;
      lua_pcall(L, 0, 0, 0);
      lua_settop(L, 1);
      a.calls = 0;
      a.fail_at = second;
      lua_pcall(L, 0, 0, 0);
      a.fail_at = 0;
      lua_close(L);
    }
  }
}

/* The next allocation behind leave_garbage() collects, and that is the one for the text of encode:
 * the finalizer then encodes something that needs more room. */
static const char script_with_finalizers[] =
    "jit.off()\n"
    "local big, small = ('y'):rep(2e6), ('x'):rep(500)\n"
    "local object, finalized = { a = small }, 0\n"
    "local function finalize()\n"
    "  finalized = finalized + 1\n"
    "  json.encode { b = big }\n"
    "end\n"
    "local function leave_garbage() getmetatable(newproxy(true)).__gc = finalize end\n"
    "for i = 1, 100 do\n"
    "  collectgarbage() collectgarbage('setpause', 0) collectgarbage('setstepmul', 1e7)\n"
    "  leave_garbage()\n"
    "  assert(json.encode(object) == '{\"a\":\"' .. small .. '\"}')\n"
    "end\n"
    "assert(finalized > 0)\n";

static void finalizers_may_encode_as_well(void **state)
{
  lua_State *L = luaL_newstate();

  (void)state;
  assert_int_equal(0, lua_cpcall(L, open_json, NULL));
  if (luaL_dostring(L, script_with_finalizers) != 0)
    fail_msg("%s", lua_tostring(L, -1));
  lua_close(L);
}

static void encodes_for_c(void **state)
{
  lua_State *L = luaL_newstate();
  struct mw_buf out;
  struct mw_error err;

  (void)state;
  assert_int_equal(0, lua_cpcall(L, open_json, NULL));
  assert_int_equal(0,
                   luaL_dostring(L, "return { a = { 1, 2 } }, { a = { print } }, ('x'):rep(50)"));
  mw_buf_init(&out, 20);

  assert_int_equal(0, mw_lua_json_encode(L, 1, &out, &err));
  assert_string_equal("{\"a\":[1,2]}", out.data);
  mw_buf_clear(&out);
  assert_int_equal(0, mw_lua_json_encode(L, -3, &out, &err));
  assert_string_equal("{\"a\":[1,2]}", out.data);
  assert_int_equal(-EINVAL, mw_lua_json_encode(L, 2, &out, &err));
  assert_string_equal("cannot encode a[1]: a function", err.text);
  assert_int_equal(-EMSGSIZE, mw_lua_json_encode(L, 3, &out, &err));
  assert_int_equal(3, lua_gettop(L));

  mw_buf_deinit(&out);
  lua_close(L);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(survives_running_out_of_memory_anywhere),
      cmocka_unit_test(two_failures_leak_nothing),
      cmocka_unit_test(finalizers_may_encode_as_well),
      cmocka_unit_test(encodes_for_c),
  };
  return cmocka_run_group_tests_name("json: binding", tests, NULL, NULL);
}
