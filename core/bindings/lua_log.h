/** @file lua_log.h  Under which name the entries of a Lua state go to the log. */
#ifndef MW_LUA_LOG_H
#define MW_LUA_LOG_H

#include <lua.h>

/** Entries of moonwatch.log in @p L come from @p name from now on ("script" until then). May raise
 * when out of memory. */
void mw_lua_log_set_component(lua_State *L, const char *name);

/** That name. Borrowed from the registry of @p L. */
const char *mw_lua_log_component(lua_State *L);

#endif
