#include "bindings/bindings.h"

#include <stdbool.h>
#include <string.h>

#include "bindings/context.h"
#include "bindings/lua_util.h"

struct context_box {
  struct mw_context *context;
  bool owned;
};

/* ---- The context of a state ---- */

static int context_gc(lua_State *L)
{
  struct context_box *box = lua_touserdata(L, 1);

  if (box->owned)
    mw_context_free(box->context);
  box->context = NULL;
  return 0;
}

static struct context_box *push_box(lua_State *L)
{
  return mw_lua_push_box(L, sizeof(struct context_box), context_gc);
}

static const char context_key; /* its address is the key in the registry */

static void keep_box(lua_State *L)
{
  mw_lua_register(L, &context_key);
}

void mw_lua_set_context(lua_State *L, struct mw_context *context)
{
  push_box(L)->context = context;
  keep_box(L);
  lua_pop(L, 1);
}

/* Push the box of this state; plain luajit has none at first: make one for this host. */
static void push_own_context(lua_State *L)
{
  mw_lua_push_registered(L, &context_key);
  if (!lua_isnil(L, -1))
    return;
  lua_pop(L, 1);

  struct mw_error err;
  struct context_box *box = push_box(L);
  box->context = mw_context_new(&(struct mw_context_config){0}, &err);
  box->owned = true;
  if (!box->context)
    luaL_error(L, "%s", err.text);
  keep_box(L);
}

struct mw_context *mw_lua_context(lua_State *L)
{
  struct context_box *box = lua_touserdata(L, lua_upvalueindex(1));

  if (!box || !box->context)
    luaL_error(L, "the host of this module is closed");
  /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): luaL_error does not return */
  return box->context;
}

/* ---- Modules ---- */

static const struct host_module {
  const char *name;
  const luaL_Reg *functions;
  const luaL_Reg *owner_functions; /* NULL: none */
} host_modules[] = {
    {"cgroup", mw_lua_cgroup_functions, NULL},
    {"host", mw_lua_host_functions, NULL},
    {"inventory", mw_lua_inventory_functions, mw_lua_inventory_owner_functions},
    {"stats", mw_lua_stats_functions, NULL},
    {"store", mw_lua_store_functions, NULL},
};

/* With the context below the table on top of the stack: add functions that have it as upvalue. */
static void add_functions(lua_State *L, const luaL_Reg *functions)
{
  for (; functions && functions->name; functions++) {
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, functions->func, 1);
    lua_setfield(L, -2, functions->name);
  }
}

/* Replace the context on top of the stack by a module. */
static int push_host_module(lua_State *L, const luaL_Reg *functions,
                            const luaL_Reg *owner_functions)
{
  lua_newtable(L);
  add_functions(L, functions);
  add_functions(L, owner_functions);
  lua_remove(L, -2);
  return 1;
}

static int open_host_module(lua_State *L, const luaL_Reg *functions)
{
  push_own_context(L);
  return push_host_module(L, functions, NULL);
}

static int open_module(lua_State *L, const luaL_Reg *functions)
{
  lua_newtable(L);
  luaL_register(L, NULL, functions);
  return 1;
}

int luaopen_moonwatch_cgroup(lua_State *L)
{
  return open_host_module(L, mw_lua_cgroup_functions);
}

int luaopen_moonwatch_host(lua_State *L)
{
  return open_host_module(L, mw_lua_host_functions);
}

int luaopen_moonwatch_inventory(lua_State *L)
{
  push_own_context(L);
  return push_host_module(L, mw_lua_inventory_functions, mw_lua_inventory_owner_functions);
}

static int open_sandbox_inventory(lua_State *L)
{
  return open_host_module(L, mw_lua_inventory_functions);
}

int luaopen_moonwatch_stats(lua_State *L)
{
  return open_host_module(L, mw_lua_stats_functions);
}

int luaopen_moonwatch_store(lua_State *L)
{
  return open_host_module(L, mw_lua_store_functions);
}

int luaopen_moonwatch_json(lua_State *L)
{
  open_module(L, mw_lua_json_functions);
  mw_lua_json_extend(L);
  return 1;
}

int luaopen_moonwatch_log(lua_State *L)
{
  return open_module(L, mw_lua_log_functions);
}

int luaopen_moonwatch_regex(lua_State *L)
{
  return open_module(L, mw_lua_regex_functions);
}

int luaopen_moonwatch_script(lua_State *L)
{
  return open_module(L, mw_lua_script_functions);
}

/* A line each. */
/* clang-format off */
const struct mw_script_module mw_lua_sandbox_modules[] = {
    {"moonwatch.cgroup", luaopen_moonwatch_cgroup},
    {"moonwatch.host", luaopen_moonwatch_host},
    {"moonwatch.inventory", open_sandbox_inventory},
    {"moonwatch.json", luaopen_moonwatch_json},
    {"moonwatch.log", luaopen_moonwatch_log},
    {"moonwatch.regex", luaopen_moonwatch_regex},
    {"moonwatch.stats", luaopen_moonwatch_stats},
    {"moonwatch.store", luaopen_moonwatch_store},
    {NULL, NULL},
};
/* clang-format on */

/* ---- moonwatch.open ---- */

/* A misspelt root would show this host instead. */
static void check_roots(lua_State *L)
{
  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "a list";
    if (strcmp(key, "host_root") != 0 && strcmp(key, "proc_root") != 0 &&
        strcmp(key, "state_dir") != 0)
      luaL_argerror(L, 1,
                    lua_pushfstring(L, "it has host_root, proc_root and state_dir, not %s", key));
  }
}

/* open{host_root = "/host"}: the modules of another host, or of a recorded one. */
static int moonwatch_open(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  check_roots(L);
  struct mw_context_config config = {.host_root = mw_lua_text_field(L, 1, "host_root"),
                                     .proc_root = mw_lua_text_field(L, 1, "proc_root"),
                                     .state_dir = mw_lua_text_field(L, 1, "state_dir")};
  struct context_box *box = push_box(L);
  int box_index = lua_gettop(L);
  struct mw_error err;

  box->context = mw_context_new(&config, &err);
  box->owned = true;
  if (!box->context)
    return mw_lua_fail(L, &err);
  lua_newtable(L);
  for (size_t i = 0; i < sizeof host_modules / sizeof host_modules[0]; i++) {
    lua_pushvalue(L, box_index);
    push_host_module(L, host_modules[i].functions, host_modules[i].owner_functions);
    lua_setfield(L, -2, host_modules[i].name);
  }
  return 1;
}

int luaopen_moonwatch(lua_State *L)
{
  static const luaL_Reg functions[] = {{"open", moonwatch_open}, {NULL, NULL}};
  return open_module(L, functions);
}
