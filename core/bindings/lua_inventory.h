/** @file lua_inventory.h  Lists of containers that Lua made, for C that runs sources. */
#ifndef MW_LUA_INVENTORY_H
#define MW_LUA_INVENTORY_H

#include <lua.h>

#include "inventory/inventory.h"

/**
 * Replace what @p source said by the list of tables at @p index (its fields:
 * scripts/meta/inventory.lua). Raises only when Lua is out of memory.
 * @return 0; -EINVAL: an element that is not a container, which @p err names; or as
 * mw_inventory_replace. On failure the last list stays.
 */
int mw_lua_inventory_replace(lua_State *L, int index, struct mw_inventory *inventory,
                             const char *source, struct mw_error *err);

#endif
