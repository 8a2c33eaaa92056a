/** @file config_declared.h  The options of a script as they are configured and as it declares. */
#ifndef MW_CONFIG_DECLARED_H
#define MW_CONFIG_DECLARED_H

#include <lua.h>

#include "agent/config.h"

/**
 * Hold what @p config says of the options of the script @p name against the table of the script,
 * which is on top of the stack; put in the defaults of the others. @p path of its file is for
 * messages. Raises only when Lua is out of memory.
 */
void mw_config_check_declared(lua_State *L, struct mw_config *config, const char *name,
                              const char *path);

#endif
