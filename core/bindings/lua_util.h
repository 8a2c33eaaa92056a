/** @file lua_util.h  What every binding shares: checking arguments, reporting failure, fields. */
#ifndef MW_LUA_UTIL_H
#define MW_LUA_UTIL_H

#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "moonwatch/error.h"

/** Push nil, message, code, the shape of io.open: `return mw_lua_fail(L, &err)`. */
static inline int mw_lua_fail(lua_State *L, const struct mw_error *err)
{
  lua_pushnil(L);
  lua_pushstring(L, err->text);
  lua_pushinteger(L, err->code);
  return 3;
}

/** Borrow the string at @p arg for C, which stops at a NUL: raise if there is one inside. */
static inline const char *mw_lua_check_cstring(lua_State *L, int arg)
{
  size_t len_bytes;
  const char *text = luaL_checklstring(L, arg, &len_bytes);
  luaL_argcheck(L, strlen(text) == len_bytes, arg, "contains a NUL byte");
  return text;
}

/**
 * Field @p key of the table at @p table (a positive index) as text for C, or NULL when it is nil;
 * raises when it is something else. It is left on the stack, so that Lua keeps the text. Raw: an
 * __index function could call the binding again, without end.
 */
static inline const char *mw_lua_text_field(lua_State *L, int table, const char *key)
{
  size_t len_bytes;

  lua_pushstring(L, key);
  lua_rawget(L, table);
  if (lua_isnil(L, -1))
    return NULL;
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_argerror(L, table,
                  lua_pushfstring(L, "%s is a %s, not a string", key, luaL_typename(L, -1)));
  const char *text = lua_tolstring(L, -1, &len_bytes);
  if (strlen(text) != len_bytes)
    luaL_argerror(L, table, lua_pushfstring(L, "%s contains a NUL byte", key));
  return text;
}

/** Has the table at @p index (a positive index) nothing beside its places 1 to @p count? */
static inline bool mw_lua_is_list(lua_State *L, int index, size_t count)
{
  size_t entries = 0;

  for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
    if (++entries > count) {
      lua_pop(L, 2);
      return false;
    }
  }
  return true;
}

/**
 * Push a zeroed userdata of @p bytes that @p gc releases. The box comes first and is filled by the
 * caller afterwards, and its metatable is its own: so running out of memory at any point leaks
 * nothing, and leaves no half-made metatable for the next box.
 */
static inline void *mw_lua_push_box(lua_State *L, size_t bytes, lua_CFunction gc)
{
  void *box = lua_newuserdata(L, bytes);

  memset(box, 0, bytes);
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, gc);
  lua_setfield(L, -2, "__gc");
  lua_pushliteral(L, "locked");
  lua_setfield(L, -2, "__metatable");
  lua_setmetatable(L, -2);
  return box;
}

/** Push what is registered under the address @p key; nil: nothing. */
static inline void mw_lua_push_registered(lua_State *L, const char *key)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_rawget(L, LUA_REGISTRYINDEX);
}

/** Register the value on top of the stack under the address @p key, and leave it there. */
static inline void mw_lua_register(lua_State *L, const char *key)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)key);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

/* Set field @p key of the table on top of the stack. */

static inline void mw_lua_set_number(lua_State *L, const char *key, double value)
{
  lua_pushnumber(L, value);
  lua_setfield(L, -2, key);
}

static inline void mw_lua_set_boolean(lua_State *L, const char *key, bool value)
{
  lua_pushboolean(L, value);
  lua_setfield(L, -2, key);
}

/** An empty or absent text is an absent field. */
static inline void mw_lua_set_text(lua_State *L, const char *key, const char *text)
{
  if (text && *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
  }
}

/**
 * Push @p inode as 16 hexadecimal digits: doubles hold an inode up to 2^53 only; as text it is
 * whole, and compares as well.
 */
static inline void mw_lua_push_inode(lua_State *L, uint64_t inode)
{
  char digits[16];

  for (int i = 15; i >= 0; i--, inode >>= 4)
    digits[i] = "0123456789abcdef"[inode & 15];
  lua_pushlstring(L, digits, sizeof digits);
}

#endif
