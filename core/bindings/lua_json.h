/** @file lua_json.h  What json.encode does, for C that has a Lua value to send. */
#ifndef MW_LUA_JSON_H
#define MW_LUA_JSON_H

#include <lua.h>

#include "base/buf.h"
#include "moonwatch/error.h"

/** Text that json.encode makes and json.decode takes, at most. */
#define MW_LUA_JSON_MAX_BYTES ((size_t)16 << 20)

/**
 * Append the value at @p index to @p out, as json.encode (scripts/meta/json.lua) writes it.
 * The stack is as before.
 *
 * Raises only when Lua is out of memory, and then jumps over the caller: @p out has to belong to
 * something that outlives the jump (a userdata with __gc, an object of the program), never to a
 * local with a cleanup.
 *
 * @return 0; -EINVAL: a value that has no JSON, which @p err names by its path; -ETIME: the
 * deadline of the script has passed; -EMSGSIZE or -ENOMEM of @p out. After a failure @p out holds a
 * part of the document.
 */
int mw_lua_json_encode(lua_State *L, int index, struct mw_buf *out, struct mw_error *err);

/** json.encode itself. */
int mw_lua_json_encode_function(lua_State *L);

/** Push the metatable of lists, which tells an empty list from an empty object. */
void mw_lua_json_push_list_type(lua_State *L);

/** Push the metatable of what json.constant gave; and the texts of such tables, by themselves. */
void mw_lua_json_push_constant_type(lua_State *L);
void mw_lua_json_push_texts(lua_State *L);

#endif
