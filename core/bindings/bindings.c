#include "bindings/bindings.h"

#include <stdbool.h>
#include <string.h>

#include "bindings/context.h"
#include "bindings/lua_util.h"
#include "kubelet/settings.h"

struct context_box {
  struct mw_context *context;
  bool owned;
  struct mw_http *http;         /* NULL until something is asked */
  struct mw_http_access access; /* of moonwatch.open; its texts are in the box's environment */
};

/* ---- The context of a state ---- */

static int context_gc(lua_State *L)
{
  struct context_box *box = lua_touserdata(L, 1);

  mw_http_free(box->http);
  if (box->owned)
    mw_context_free(box->context);
  box->http = NULL;
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

static struct context_box *own_box(lua_State *L)
{
  struct context_box *box = lua_touserdata(L, lua_upvalueindex(1));

  if (!box || !box->context)
    luaL_error(L, "the host of this module is closed");
  return box;
}

struct mw_context *mw_lua_context(lua_State *L)
{
  /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): luaL_error does not return */
  return own_box(L)->context;
}

struct mw_http *mw_lua_http(lua_State *L, struct mw_error *err)
{
  struct context_box *box = own_box(L);

  if (!box->http) {
    struct mw_http_config config = {.recorded_dir =
                                        mw_context_http_access(box->context)->recorded_dir};
    box->http = mw_http_new(&config, err);
  }
  return box->http;
}

/* ---- Modules ---- */

static const struct host_module {
  const char *name;
  const luaL_Reg *functions;
  const luaL_Reg *owner_functions; /* NULL: none */
} host_modules[] = {
    {"cgroup", mw_lua_cgroup_functions, NULL},
    {"host", mw_lua_host_functions, NULL},
    {"http", mw_lua_http_functions, NULL},
    {"inventory", mw_lua_inventory_functions, mw_lua_inventory_owner_functions},
    {"kubelet", mw_lua_kubelet_functions, NULL},
    {"stats", mw_lua_stats_functions, NULL},
    {"store", mw_lua_store_functions, NULL},
};

/* With the context below the table on top of the stack: add functions that have it as upvalue. */
static void add_functions(lua_State *L, const char *module, const luaL_Reg *functions)
{
  for (; functions && functions->name; functions++) {
    lua_pushvalue(L, -2);
    mw_push_binding(L, module, functions->name, functions->func, 1);
    lua_setfield(L, -2, functions->name);
  }
}

/* Replace the context on top of the stack by a module. */
static int push_host_module(lua_State *L, const char *module, const luaL_Reg *functions,
                            const luaL_Reg *owner_functions)
{
  lua_newtable(L);
  add_functions(L, module, functions);
  add_functions(L, module, owner_functions);
  lua_remove(L, -2);
  return 1;
}

static int open_host_module(lua_State *L, const char *module, const luaL_Reg *functions)
{
  push_own_context(L);
  return push_host_module(L, module, functions, NULL);
}

void mw_lua_add_functions(lua_State *L, const char *module, const luaL_Reg *functions)
{
  for (; functions->name; functions++) {
    mw_push_binding(L, module, functions->name, functions->func, 0);
    lua_setfield(L, -2, functions->name);
  }
}

static int open_module(lua_State *L, const char *module, const luaL_Reg *functions)
{
  lua_newtable(L);
  mw_lua_add_functions(L, module, functions);
  return 1;
}

int luaopen_moonwatch_cgroup(lua_State *L)
{
  return open_host_module(L, "cgroup", mw_lua_cgroup_functions);
}

int luaopen_moonwatch_host(lua_State *L)
{
  return open_host_module(L, "host", mw_lua_host_functions);
}

int luaopen_moonwatch_http(lua_State *L)
{
  return open_host_module(L, "http", mw_lua_http_functions);
}

int luaopen_moonwatch_inventory(lua_State *L)
{
  push_own_context(L);
  return push_host_module(L, "inventory", mw_lua_inventory_functions,
                          mw_lua_inventory_owner_functions);
}

static int open_sandbox_inventory(lua_State *L)
{
  return open_host_module(L, "inventory", mw_lua_inventory_functions);
}

int luaopen_moonwatch_kubelet(lua_State *L)
{
  return open_host_module(L, "kubelet", mw_lua_kubelet_functions);
}

int luaopen_moonwatch_stats(lua_State *L)
{
  return open_host_module(L, "stats", mw_lua_stats_functions);
}

int luaopen_moonwatch_store(lua_State *L)
{
  return open_host_module(L, "store", mw_lua_store_functions);
}

int luaopen_moonwatch_json(lua_State *L)
{
  open_module(L, "json", mw_lua_json_functions);
  mw_lua_json_extend(L);
  return 1;
}

int luaopen_moonwatch_log(lua_State *L)
{
  return open_module(L, "log", mw_lua_log_functions);
}

int luaopen_moonwatch_regex(lua_State *L)
{
  return open_module(L, "regex", mw_lua_regex_functions);
}

int luaopen_moonwatch_script(lua_State *L)
{
  return open_module(L, "script", mw_lua_script_functions);
}

/* A line each. */
/* clang-format off */
const struct mw_script_module mw_lua_sandbox_modules[] = {
    {"moonwatch.cgroup", luaopen_moonwatch_cgroup},
    {"moonwatch.host", luaopen_moonwatch_host},
    {"moonwatch.http", luaopen_moonwatch_http},
    {"moonwatch.inventory", open_sandbox_inventory},
    {"moonwatch.json", luaopen_moonwatch_json},
    {"moonwatch.kubelet", luaopen_moonwatch_kubelet},
    {"moonwatch.log", luaopen_moonwatch_log},
    {"moonwatch.regex", luaopen_moonwatch_regex},
    {"moonwatch.stats", luaopen_moonwatch_stats},
    {"moonwatch.store", luaopen_moonwatch_store},
    {NULL, NULL},
};
/* clang-format on */

/* ---- moonwatch.open ---- */

/* A misspelt root would show this host instead. */
static void check_keys(lua_State *L)
{
  static const char *const keys[] = {"host_root",    "proc_root", "credentials", "unix_sockets",
                                     "http_answers", "kubelet",   "state_dir"};

  for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "a list";
    bool known = false;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
      known = known || strcmp(key, keys[i]) == 0;
    if (!known)
      luaL_argerror(L, 1,
                    lua_pushfstring(L,
                                    "it has host_root, proc_root, credentials, unix_sockets, "
                                    "http_answers, kubelet and state_dir, not %s",
                                    key));
  }
}

/* The settings in field kubelet of the table at 1. Texts stay on the stack, borrowed. */
static void check_kubelet(lua_State *L, struct mw_kubelet_config *config)
{
  struct mw_error err;

  lua_pushliteral(L, "kubelet");
  lua_rawget(L, 1);
  int settings = lua_gettop(L);
  if (lua_isnil(L, settings))
    return;
  luaL_argcheck(L, lua_istable(L, settings), 1, "kubelet is not a table");
  luaL_checkstack(L, 64, "settings of the kubelet");
  for (lua_pushnil(L); lua_next(L, settings);) {
    if (lua_type(L, -2) != LUA_TSTRING)
      luaL_argerror(L, 1, "kubelet has a setting without a name");
    if (lua_isboolean(L, -1))
      lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
    else
      lua_pushvalue(L, -1);
    const char *text = lua_tostring(L, -1);
    if (!text)
      luaL_argerror(
          L, 1,
          lua_pushfstring(L, "kubelet.%s is a %s", lua_tostring(L, -3), luaL_typename(L, -1)));
    if (mw_kubelet_set(config, lua_tostring(L, -3), text, &err) < 0)
      luaL_argerror(L, 1, lua_pushfstring(L, "%s", err.text));
    lua_insert(L, settings + 1); /* below the key: it stays there */
    lua_pop(L, 1);
  }
}

/* open{host_root = "/host"}: the modules of another host, or of a recorded one. */
static int moonwatch_open(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  check_keys(L);
  struct mw_kubelet_config kubelet = {0};
  struct mw_context_config config = {.host_root = mw_lua_text_field(L, 1, "host_root"),
                                     .proc_root = mw_lua_text_field(L, 1, "proc_root"),
                                     .state_dir = mw_lua_text_field(L, 1, "state_dir"),
                                     .kubelet = &kubelet};
  check_kubelet(L, &kubelet);
  struct context_box *box = push_box(L);
  int box_index = lua_gettop(L);
  struct mw_error err;

  mw_lua_read_http_access(L, 1, box_index, &box->access);
  config.http = &box->access;
  box->context = mw_context_new(&config, &err);
  box->owned = true;
  if (!box->context)
    return mw_lua_fail(L, &err);
  lua_newtable(L);
  for (size_t i = 0; i < sizeof host_modules / sizeof host_modules[0]; i++) {
    lua_pushvalue(L, box_index);
    push_host_module(L, host_modules[i].name, host_modules[i].functions,
                     host_modules[i].owner_functions);
    lua_setfield(L, -2, host_modules[i].name);
  }
  return 1;
}

int luaopen_moonwatch(lua_State *L)
{
  static const luaL_Reg functions[] = {{"open", moonwatch_open}, {NULL, NULL}};
  return open_module(L, "moonwatch", functions);
}
