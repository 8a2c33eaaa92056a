/* moonwatch.log for Lua: log.info("text") as it is, log.info(format, ...) as string.format. */
#include "bindings/lua_log.h"

#include <stdint.h>

#include "base/log.h"
#include "bindings/bindings.h"

static const char component_key; /* its address is the key in the registry */

static void push_component_key(lua_State *L)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&component_key);
}

void mw_lua_log_set_component(lua_State *L, const char *name)
{
  push_component_key(L);
  lua_pushstring(L, name);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

const char *mw_lua_log_component(lua_State *L)
{
  push_component_key(L);
  lua_rawget(L, LUA_REGISTRYINDEX);
  const char *name = lua_tostring(L, -1);
  lua_pop(L, 1);
  return name ? name : "script";
}

/* Replace the arguments by one string. The method of strings, not the global: a script may have
 * a variable of its own called string. */
static void format_arguments(lua_State *L)
{
  lua_pushvalue(L, 1);
  lua_getfield(L, -1, "format");
  lua_replace(L, -2);
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
}

/* Push what the log takes of the text, with blanks for NULs: what a container or a far end put into
 * it must not end it. */
static const char *push_whole(lua_State *L, const char *text, size_t len_bytes)
{
  luaL_Buffer whole;

  if (len_bytes > MW_LOG_ENTRY_MAX_BYTES)
    len_bytes = MW_LOG_ENTRY_MAX_BYTES;
  luaL_buffinit(L, &whole);
  for (size_t i = 0; i < len_bytes; i++)
    luaL_addchar(&whole, text[i] ? text[i] : ' ');
  luaL_pushresult(&whole);
  return lua_tostring(L, -1);
}

static int log_at(lua_State *L, enum mw_log_level level)
{
  size_t len_bytes;

  luaL_checkstring(L, 1);
  if (!mw_log_enabled(level))
    return 0;
  if (lua_gettop(L) > 1)
    format_arguments(L);
  const char *text = luaL_checklstring(L, 1, &len_bytes);
  const char *message = push_whole(L, text, len_bytes);
  mw_log(level, mw_lua_log_component(L), "%s", message);
  return 0;
}

static int log_debug(lua_State *L)
{
  return log_at(L, MW_LOG_DEBUG);
}

static int log_info(lua_State *L)
{
  return log_at(L, MW_LOG_INFO);
}

static int log_warn(lua_State *L)
{
  return log_at(L, MW_LOG_WARN);
}

static int log_error(lua_State *L)
{
  return log_at(L, MW_LOG_ERROR);
}

const luaL_Reg mw_lua_log_functions[] = {
    {"debug", log_debug}, {"info", log_info}, {"warn", log_warn},
    {"error", log_error}, {NULL, NULL},
};
