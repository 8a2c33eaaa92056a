/* moonwatch.inventory for Lua: which containers exist, see scripts/meta/inventory.lua. */
#include <errno.h>
#include <math.h>
#include <stddef.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/lua_inventory.h"
#include "bindings/lua_util.h"

/* Of a script that wants to know which containers there are. */
static struct mw_inventory *wanted_inventory(lua_State *L)
{
  struct mw_context *context = mw_lua_context(L);

  mw_context_note_inventory_wanted(context);
  return mw_context_inventory(context);
}

static lua_Number generation_of(struct mw_inventory *inventory)
{
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  lua_Number generation = (lua_Number)mw_inventory_snapshot_generation(snapshot);

  mw_inventory_release(snapshot);
  return generation;
}

static int inventory_generation(lua_State *L)
{
  lua_pushnumber(L, generation_of(wanted_inventory(L)));
  return 1;
}

/* ---- Lists for scripts ---- */

/* A state has one list for each inventory, {list, generation}, in a table by the inventory's
 * context, in the registry. Weak, so that it keeps no context alive. */
static const char lists_key;

static void push_lists(lua_State *L)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&lists_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (!lua_isnil(L, -1))
    return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&lists_key);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

static int snapshot_gc(lua_State *L)
{
  struct mw_inventory_snapshot **box = lua_touserdata(L, 1);

  mw_inventory_release(*box);
  *box = NULL;
  return 0;
}

static void set_seconds(lua_State *L, const char *key, int64_t seconds)
{
  if (seconds != 0)
    mw_lua_set_number(L, key, (double)seconds);
}

static void push_container(lua_State *L, const struct mw_container *container)
{
  lua_createtable(L, 0, 7);
  mw_lua_set_text(L, "id", container->id);
  mw_lua_set_text(L, "runtime", container->runtime);
  mw_lua_set_text(L, "namespace", container->namespace_);
  mw_lua_set_text(L, "state", container->state);
  mw_lua_set_text(L, "health", container->health);
  set_seconds(L, "created_s", container->created_s);
  set_seconds(L, "started_s", container->started_s);
}

/* Push {list, generation} of the newest snapshot. */
static void push_made_list(lua_State *L, struct mw_inventory *inventory)
{
  struct mw_inventory_snapshot **box = mw_lua_push_box(L, sizeof(void *), snapshot_gc);

  *box = mw_inventory_acquire(inventory);
  size_t count = mw_inventory_snapshot_count(*box);
  lua_createtable(L, 2, 0);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    push_container(L, mw_inventory_snapshot_at(*box, i));
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_rawseti(L, -2, 1);
  lua_pushnumber(L, (lua_Number)mw_inventory_snapshot_generation(*box));
  lua_rawseti(L, -2, 2);
  mw_inventory_release(*box);
  *box = NULL;
  lua_remove(L, -2);
}

/* Push the {list, generation} that was made last for this context, or nil. */
static void push_kept_list(lua_State *L, lua_Number generation)
{
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_rawget(L, -2);
  if (lua_isnil(L, -1))
    return;
  lua_rawgeti(L, -1, 2);
  bool same = lua_tonumber(L, -1) == generation;
  lua_pop(L, 1);
  if (!same) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
}

static int inventory_containers(lua_State *L)
{
  struct mw_inventory *inventory = wanted_inventory(L);

  push_lists(L);
  push_kept_list(L, generation_of(inventory));
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    push_made_list(L, inventory);
    lua_pushvalue(L, -1);
    lua_insert(L, -3);
    lua_rawset(L, -4);
  }
  lua_rawgeti(L, -1, 1);
  lua_rawgeti(L, -2, 2);
  return 2;
}

/* ---- Lists from scripts ---- */

static const struct given_field {
  const char *name;
  int type;
  size_t offset;
} fields[] = {
    {"id", LUA_TSTRING, offsetof(struct mw_container, id)},
    {"runtime", LUA_TSTRING, offsetof(struct mw_container, runtime)},
    {"namespace", LUA_TSTRING, offsetof(struct mw_container, namespace_)},
    {"state", LUA_TSTRING, offsetof(struct mw_container, state)},
    {"health", LUA_TSTRING, offsetof(struct mw_container, health)},
    {"created_s", LUA_TNUMBER, offsetof(struct mw_container, created_s)},
    {"started_s", LUA_TNUMBER, offsetof(struct mw_container, started_s)},
};

#define FIELDS_COUNT ((int)(sizeof fields / sizeof fields[0]))
#define SECONDS_MAX 9007199254740992.0 /* 2^53: whole in Lua */

/* NULL, or what is wrong with the value on top of the stack, which goes into @p container. */
static const char *take_value(lua_State *L, const struct given_field *field,
                              struct mw_container *container)
{
  char *target = (char *)container + field->offset;

  if (lua_isnil(L, -1))
    return NULL;
  if (lua_type(L, -1) != field->type)
    return field->type == LUA_TSTRING ? "is not a string" : "is not a number";
  if (field->type == LUA_TNUMBER) {
    lua_Number seconds = lua_tonumber(L, -1);
    if (!(fabs(seconds) <= SECONDS_MAX))
      return "is not a time";
    *(int64_t *)(void *)target = (int64_t)seconds;
    return NULL;
  }
  size_t len_bytes;
  const char *text = lua_tolstring(L, -1, &len_bytes);
  if (strlen(text) != len_bytes)
    return "contains a NUL byte";
  *(const char **)(void *)target = text;
  return NULL;
}

/* The element on top of the stack. Nothing here allocates: so no collection starts, no finalizer
 * of a script runs, and the texts stay where they are, in the list. */
static int take_container(lua_State *L, int first_key, int index, struct mw_container *container,
                          struct mw_error *err)
{
  *container = (struct mw_container){0};
  if (!lua_istable(L, -1))
    return mw_error_set(err, EINVAL, "container %d is not a table", index);
  for (int i = 0; i < FIELDS_COUNT; i++) {
    lua_pushvalue(L, first_key + i);
    lua_rawget(L, -2);
    const char *wrong = take_value(L, &fields[i], container);
    lua_pop(L, 1);
    if (wrong)
      return mw_error_set(err, EINVAL, "container %d: %s %s", index, fields[i].name, wrong);
  }
  if (!container->id)
    return mw_error_set(err, EINVAL, "container %d: id is missing", index);
  return 0;
}

static int take_containers(lua_State *L, int list, int first_key, struct mw_container *containers,
                           int count, struct mw_error *err)
{
  int rc = 0;

  for (int i = 0; rc == 0 && i < count; i++) {
    lua_rawgeti(L, list, i + 1);
    rc = take_container(L, first_key, i + 1, &containers[i], err);
    lua_pop(L, 1);
  }
  return rc;
}

int mw_lua_inventory_replace(lua_State *L, int index, struct mw_inventory *inventory,
                             const char *source, struct mw_error *err)
{
  int top = lua_gettop(L);
  size_t count = lua_objlen(L, index);

  if (count > MW_INVENTORY_CONTAINERS_MAX) /* refused without a look at it */
    return mw_inventory_replace(inventory, source, NULL, count, err);
  luaL_checkstack(L, FIELDS_COUNT + 8, "a list of containers");
  struct mw_container *containers = lua_newuserdata(L, (count + 1) * sizeof *containers);
  for (int i = 0; i < FIELDS_COUNT; i++)
    lua_pushstring(L, fields[i].name);
  int rc = take_containers(L, index, top + 2, containers, (int)count, err);
  if (rc == 0)
    rc = mw_inventory_replace(inventory, source, containers, count, err);
  lua_settop(L, top);
  return rc;
}

static int inventory_replace(lua_State *L)
{
  struct mw_inventory *inventory = mw_context_inventory(mw_lua_context(L));
  const char *source = mw_lua_check_cstring(L, 1);
  struct mw_error err;

  luaL_checktype(L, 2, LUA_TTABLE);
  if (mw_lua_inventory_replace(L, 2, inventory, source, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushnumber(L, generation_of(inventory));
  return 1;
}

const luaL_Reg mw_lua_inventory_functions[] = {
    {"containers", inventory_containers},
    {"generation", inventory_generation},
    {NULL, NULL},
};

const luaL_Reg mw_lua_inventory_owner_functions[] = {
    {"replace", inventory_replace},
    {NULL, NULL},
};
