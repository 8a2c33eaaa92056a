/**
 * @file lua_sample.h
 * Readings of containers as Lua tables; shared by moonwatch.stats and moonwatch.cgroup.
 *
 * A thousand readings a run pass through here, so the keys are made once for each Lua state and
 * kept in its registry.
 */
#ifndef MW_LUA_SAMPLE_H
#define MW_LUA_SAMPLE_H

#include <lua.h>

#include "moonwatch/cgroup.h"

/**
 * The state's own sample, for a binding to read into: its memory is kept from call to call and
 * is released with the state. Valid until the next call of a binding that reads. May raise.
 */
struct mw_cgroup_sample *mw_lua_scratch_sample(lua_State *L);

/**
 * Push one flat table: a number for each figure that is present, under its name in the table of
 * figures; cpu_limit_percent and cpu_limit_defaulted where there is a limit; cgroup_inode as 16
 * hexadecimal digits, read_s, problems_count. May raise.
 */
void mw_lua_push_sample(lua_State *L, const struct mw_cgroup_sample *sample);

/**
 * As mw_lua_push_sample, but into the table at @p index, which is then pushed; the fields of an
 * earlier reading that this one lacks are removed. Spares the collector a table for each reading.
 */
void mw_lua_refill_sample(lua_State *L, int index, const struct mw_cgroup_sample *sample);

/** Push the list of block devices, sorted by major and minor. May raise. */
void mw_lua_push_io_devices(lua_State *L, const struct mw_cgroup_sample *sample);

#endif
