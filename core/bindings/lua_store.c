/* moonwatch.store for Lua: what a script keeps over restarts, see scripts/meta/store.lua. */
#include <errno.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/lua_log.h"
#include "bindings/lua_util.h"
#include "script/owner.h"
#include "store/space.h"

#define VALUE_MAX_BYTES ((size_t)1 << 20)
#define KEPT_BYTES ((size_t)64 << 10)

/* Copies of what was read, until Lua has them: making a string of them may raise. One for each
 * state. */
struct scratch {
  struct mw_store_value key, value;
};

static int scratch_gc(lua_State *L)
{
  struct scratch *scratch = lua_touserdata(L, 1);

  mw_store_value_deinit(&scratch->key);
  mw_store_value_deinit(&scratch->value);
  return 0;
}

static struct scratch *own_scratch(lua_State *L)
{
  static const char scratch_key; /* its address is the key in the registry */

  mw_lua_push_registered(L, &scratch_key);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    mw_lua_push_box(L, sizeof(struct scratch), scratch_gc);
    mw_lua_register(L, &scratch_key);
  }
  struct scratch *scratch = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (scratch->value.capacity_bytes > KEPT_BYTES)
    mw_store_value_deinit(&scratch->value);
  return scratch;
}

static void push_value(lua_State *L, const struct mw_store_value *value)
{
  lua_pushlstring(L, value->data, value->len_bytes);
}

/* Numbers would be taken as text, and read back as such. */
static struct mw_store_bytes check_bytes(lua_State *L, int arg)
{
  struct mw_store_bytes bytes;

  luaL_checktype(L, arg, LUA_TSTRING);
  bytes.data = lua_tolstring(L, arg, &bytes.len_bytes);
  return bytes;
}

/* The part of the store that belongs to the script of this state. */
static int own_space(lua_State *L, struct mw_store_space *space, struct mw_error *err)
{
  const char *name = mw_lua_log_component(L);
  struct mw_store *store = mw_context_store(mw_lua_context(L), err);

  return store ? mw_store_space_init(space, store, name, MW_STORE_SPACE_DEFAULT_BYTES, err)
               : -err->code;
}

static int store_get(lua_State *L)
{
  struct mw_store_bytes key = check_bytes(L, 1);
  struct scratch *scratch = own_scratch(L);
  struct mw_store_space space = {0};
  struct mw_error err;
  int rc = own_space(L, &space, &err);

  if (rc == 0)
    rc = mw_store_space_get(&space, key, &scratch->value, &err);
  if (rc < 0)
    return mw_lua_fail(L, &err);
  if (rc == 0)
    lua_pushnil(L);
  else
    push_value(L, &scratch->value);
  return 1;
}

static int store_put(lua_State *L)
{
  struct mw_store_bytes key = check_bytes(L, 1), value = check_bytes(L, 2);
  struct mw_store_space space = {0};
  struct mw_error err;
  int rc = own_space(L, &space, &err);

  if (rc == 0 && value.len_bytes > VALUE_MAX_BYTES)
    rc = mw_error_set(&err, EMSGSIZE, "a value is too large: %zu bytes, at most %zu are possible",
                      value.len_bytes, VALUE_MAX_BYTES);
  if (rc == 0)
    rc = mw_store_space_put(&space, key, value, &err);
  if (rc < 0)
    return mw_lua_fail(L, &err);
  lua_pushboolean(L, true);
  return 1;
}

static int store_delete(lua_State *L)
{
  struct mw_store_bytes key = check_bytes(L, 1);
  struct mw_store_space space = {0};
  struct mw_error err;
  int rc = own_space(L, &space, &err);

  if (rc == 0)
    rc = mw_store_space_delete(&space, key, &err);
  if (rc < 0)
    return mw_lua_fail(L, &err);
  lua_pushboolean(L, rc > 0);
  return 1;
}

/* Where a walk is: a table with the prefix, and the last key. The text stays in it. */
enum { WALK_UPVALUE = 2, WALK_PREFIX = 1, WALK_LAST };

static struct mw_store_bytes walk_text(lua_State *L, int index)
{
  struct mw_store_bytes bytes;

  lua_rawgeti(L, lua_upvalueindex(WALK_UPVALUE), index);
  bytes.data = lua_tolstring(L, -1, &bytes.len_bytes);
  lua_pop(L, 1);
  return bytes;
}

/* Nothing is open between two calls, so that the loop may take its time, write, or never come back.
 */
static int next_record(lua_State *L)
{
  struct mw_store_bytes prefix = walk_text(L, WALK_PREFIX), last = walk_text(L, WALK_LAST);
  struct scratch *scratch = own_scratch(L);
  struct mw_store_space space = {0};
  struct mw_error err;
  int rc = own_space(L, &space, &err);

  if (rc == 0)
    rc = mw_store_space_next(&space, prefix, last, &scratch->key, &scratch->value, &err);
  if (rc < 0)
    luaL_error(L, "%s", err.text);
  if (rc == 0)
    return 0;
  push_value(L, &scratch->key);
  lua_pushvalue(L, -1);
  lua_rawseti(L, lua_upvalueindex(WALK_UPVALUE), WALK_LAST);
  push_value(L, &scratch->value);
  return 2;
}

static int store_each(lua_State *L)
{
  struct mw_store_space space = {0};
  struct mw_error err;

  if (lua_isnoneornil(L, 1)) {
    lua_settop(L, 0);
    lua_pushliteral(L, "");
  }
  check_bytes(L, 1);
  lua_settop(L, 1);
  if (own_space(L, &space, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_createtable(L, WALK_LAST, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, WALK_PREFIX);
  lua_pushliteral(L, "");
  lua_rawseti(L, -2, WALK_LAST);
  mw_push_binding(L, "store", "each's iterator", next_record, 2);
  return 1;
}

static int store_stats(lua_State *L)
{
  struct mw_store_space_stats own;
  struct mw_store_space space = {0};
  struct mw_store_stats all;
  struct mw_error err;

  if (own_space(L, &space, &err) < 0 || mw_store_space_stats(&space, &own, &err) < 0 ||
      mw_store_stats(space.store, &all, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_createtable(L, 0, 5);
  mw_lua_set_number(L, "entries_count", (double)own.entries_count);
  mw_lua_set_number(L, "max_bytes", (double)own.max_bytes);
  mw_lua_set_number(L, "store_max_bytes", (double)all.max_bytes);
  mw_lua_set_number(L, "store_size_bytes", (double)all.size_bytes);
  mw_lua_set_number(L, "used_bytes", (double)own.used_bytes);
  return 1;
}

const luaL_Reg mw_lua_store_functions[] = {
    {"delete", store_delete}, {"each", store_each},   {"get", store_get},
    {"put", store_put},       {"stats", store_stats}, {NULL, NULL},
};
