/** @file lua_inventory.h  Lists of containers that Lua made, for C that runs sources. */
#ifndef MW_LUA_INVENTORY_H
#define MW_LUA_INVENTORY_H

#include <lua.h>

#include "inventory/inventory.h"

/**
 * Replace what @p source said by the table at @p index (a positive index): a list of containers, or
 * {containers = list, pods = list}, of which either may be nil for an empty one (their fields:
 * scripts/meta/inventory.lua). Raises only when Lua is out of memory.
 * @return 0; -EINVAL: something that is not a container or a pod, which @p err names; -ETIME: the
 * deadline of the script has passed; or as
 * mw_inventory_report_new, _report_container and _replace. On failure the last list stays.
 */
int mw_lua_inventory_replace(lua_State *L, int index, struct mw_inventory *inventory,
                             const char *source, struct mw_error *err);

#endif
