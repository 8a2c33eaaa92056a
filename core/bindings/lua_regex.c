/* moonwatch.regex for Lua: regular expressions of RE2's syntax, see scripts/meta/regex.lua. */
#include <errno.h>

#include "bindings/bindings.h"
#include "bindings/lua_util.h"
#include "regex/regex.h"

#define REGEX_TYPE "moonwatch.regex"
#define ALIVE_MAX 4096
#define ALIVE_MAX_BYTES ((size_t)16 << 20)

/* The expressions of a state that are not collected yet. Their memory is not Lua's, so the ceiling
 * of a script does not hold it. */
struct alive {
  unsigned count;
  size_t bytes;
};

/* The pattern is in the environment of the userdata: { pattern = "..." }. */
struct regex_box {
  struct mw_regex *regex;
  struct alive *alive; /* NULL until it counts */
};

static struct regex_box *check_regex(lua_State *L)
{
  struct regex_box *box = luaL_checkudata(L, 1, REGEX_TYPE);
  luaL_argcheck(L, box->regex, 1, "the regex is collected");
  return box;
}

static struct mw_slice check_slice(lua_State *L, int arg)
{
  struct mw_slice slice;

  slice.data = luaL_checklstring(L, arg, &slice.len_bytes);
  return slice;
}

static int regex_gc(lua_State *L)
{
  struct regex_box *box = luaL_checkudata(L, 1, REGEX_TYPE);

  if (box->alive) {
    box->alive->count--;
    box->alive->bytes -= mw_regex_bytes(box->regex);
  }
  mw_regex_free(box->regex);
  *box = (struct regex_box){0};
  return 0;
}

static int regex_matches(lua_State *L)
{
  const struct mw_regex *regex = check_regex(L)->regex;
  struct mw_slice text = check_slice(L, 2);
  struct mw_error err;
  bool matches;

  if (mw_regex_matches(regex, text, &matches, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushboolean(L, matches);
  return 1;
}

/* Methods are in the upvalue, fields in the environment. */
static int regex_index(lua_State *L)
{
  luaL_checkudata(L, 1, REGEX_TYPE);
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (!lua_isnil(L, -1))
    return 1;
  lua_getfenv(L, 1);
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  return 1;
}

static int regex_tostring(lua_State *L)
{
  luaL_checkudata(L, 1, REGEX_TYPE);
  lua_getfenv(L, 1);
  lua_pushliteral(L, "pattern");
  lua_rawget(L, -2);
  lua_pushfstring(L, "regex: %s", lua_tostring(L, -1));
  return 1;
}

/* Filled each time: memory may have run out half-way through the first time. */
static void push_class(lua_State *L)
{
  luaL_newmetatable(L, REGEX_TYPE);
  lua_createtable(L, 0, 1);
  mw_push_binding(L, "regex", "matches", regex_matches, 0);
  lua_setfield(L, -2, "matches");
  mw_push_binding(L, "regex", "__index", regex_index, 1);
  lua_setfield(L, -2, "__index");
  mw_push_binding(L, "regex", "__tostring", regex_tostring, 0);
  lua_setfield(L, -2, "__tostring");
  lua_pushcfunction(L, regex_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushliteral(L, "locked");
  lua_setfield(L, -2, "__metatable");
}

/* It stays until the state is closed: the registry holds it, which outlives finalizers. */
static struct alive *alive_of(lua_State *L)
{
  static const char alive_key; /* its address is the key in the registry */

  lua_pushlightuserdata(L, (void *)(uintptr_t)&alive_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  struct alive *alive = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (alive)
    return alive;
  lua_pushlightuserdata(L, (void *)(uintptr_t)&alive_key);
  alive = lua_newuserdata(L, sizeof *alive);
  *alive = (struct alive){0};
  lua_rawset(L, LUA_REGISTRYINDEX);
  return alive;
}

static bool is_room(const struct alive *alive)
{
  return alive->count < ALIVE_MAX && alive->bytes < ALIVE_MAX_BYTES;
}

/* An empty box first, filled second: whatever raises on the way, it is freed. */
static struct regex_box *push_box(lua_State *L)
{
  struct regex_box *box = lua_newuserdata(L, sizeof *box);

  *box = (struct regex_box){0};
  push_class(L);
  lua_setmetatable(L, -2);
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "pattern");
  lua_setfenv(L, -2);
  return box;
}

static int regex_compile(lua_State *L)
{
  struct mw_slice pattern = check_slice(L, 1);
  struct alive *alive = alive_of(L);
  struct regex_box *box = push_box(L);
  struct mw_error err;

  if (!is_room(alive))
    lua_gc(L, LUA_GCCOLLECT, 0); /* some may only wait for it */
  if (!is_room(alive)) {
    mw_error_set(&err, EMFILE, "a script may keep at most %d regular expressions, of %zu bytes",
                 ALIVE_MAX, ALIVE_MAX_BYTES);
    return mw_lua_fail(L, &err);
  }
  box->regex = mw_regex_compile(pattern, &err);
  if (!box->regex)
    return mw_lua_fail(L, &err);
  box->alive = alive;
  alive->count++;
  alive->bytes += mw_regex_bytes(box->regex);
  return 1;
}

const luaL_Reg mw_lua_regex_functions[] = {{"compile", regex_compile}, {NULL, NULL}};
