/** @file lua_http.h  How many requests over HTTP a Lua state may make. */
#ifndef MW_LUA_HTTP_H
#define MW_LUA_HTTP_H

#include <lua.h>
#include <stdint.h>

/** Of one run: who runs the state sets used_count to 0 when one begins. */
struct mw_http_budget {
  const char *script; /**< whose budget it is, for the message */
  uint32_t max_count, used_count;
};

/**
 * Each call of moonwatch.http in @p L counts from now on, redirects included in it; over the budget
 * it fails. @p budget, which is used by the thread that runs @p L alone, outlives the state. May
 * raise when out of memory.
 */
void mw_lua_set_http_budget(lua_State *L, struct mw_http_budget *budget);

#endif
