/**
 * @file bindings.h
 * The C modules for Lua. Each lua_<module>.c offers one list of functions; what is the same for
 * all of them (registering, finding the context) is in bindings.c.
 */
#ifndef MW_BINDINGS_H
#define MW_BINDINGS_H

#include <lauxlib.h>
#include <lua.h>

#include "moonwatch/export.h"
#include "script/owner.h"
#include "script/script.h"

/* Functions of the modules; those in the first group find their context by mw_lua_context(). */
extern const luaL_Reg mw_lua_cgroup_functions[];
extern const luaL_Reg mw_lua_host_functions[];
extern const luaL_Reg mw_lua_http_functions[];
extern const luaL_Reg mw_lua_inventory_functions[];
extern const luaL_Reg mw_lua_inventory_owner_functions[]; /* plain luajit has these, too */
extern const luaL_Reg mw_lua_kubelet_functions[];
extern const luaL_Reg mw_lua_stats_functions[];
extern const luaL_Reg mw_lua_store_functions[];

extern const luaL_Reg mw_lua_json_functions[];
extern const luaL_Reg mw_lua_log_functions[];
extern const luaL_Reg mw_lua_regex_functions[];
extern const luaL_Reg mw_lua_script_functions[];

/** Add @p functions, as those of @p module, to the table on top. May raise. */
void mw_lua_add_functions(lua_State *L, const char *module, const luaL_Reg *functions);

/** Called with the module's table on top, to add what is no function (json.null). */
void mw_lua_json_extend(lua_State *L);

/** What a script in a sandbox may require: everything but moonwatch.script and moonwatch itself,
 * and no inventory.replace: which containers exist is for sources to say. */
extern const struct mw_script_module mw_lua_sandbox_modules[];

/* For require of plain luajit, from moonwatch.so. */
MW_API int luaopen_moonwatch(lua_State *L);
MW_API int luaopen_moonwatch_cgroup(lua_State *L);
MW_API int luaopen_moonwatch_host(lua_State *L);
MW_API int luaopen_moonwatch_http(lua_State *L);
MW_API int luaopen_moonwatch_inventory(lua_State *L);
MW_API int luaopen_moonwatch_json(lua_State *L);
MW_API int luaopen_moonwatch_kubelet(lua_State *L);
MW_API int luaopen_moonwatch_log(lua_State *L);
MW_API int luaopen_moonwatch_regex(lua_State *L);
MW_API int luaopen_moonwatch_script(lua_State *L);
MW_API int luaopen_moonwatch_stats(lua_State *L);
MW_API int luaopen_moonwatch_store(lua_State *L);

#endif
