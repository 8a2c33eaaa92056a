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
#include "moonwatch/stats.h"

/**
 * The state's own samples, for a binding to read into: their memory is kept from call to call and
 * is released with the state. Valid until the next call of a binding that reads.
 */
struct mw_lua_scratch {
  struct mw_cgroup_sample container;
  struct mw_network_sample network;
  struct mw_process_sample processes;
};

/** May raise. */
struct mw_lua_scratch *mw_lua_scratch(lua_State *L);

/**
 * Push one flat table: a number for each figure of @p wanted that is present, under its name in the
 * table of figures; cpu_limit_percent and cpu_limit_defaulted where there is a limit; cgroup_inode
 * as 16 hexadecimal digits, read_s, problems_count. May raise.
 */
void mw_lua_push_sample(lua_State *L, mw_figure_set wanted, const struct mw_cgroup_sample *sample);

/**
 * As mw_lua_push_sample, but into the table at @p index, which is then pushed, and only figures of
 * @p wanted; those that an earlier reading left there and this one lacks are removed. Spares the
 * collector a table for each reading.
 */
void mw_lua_refill_sample(lua_State *L, int index, mw_figure_set wanted,
                          const struct mw_cgroup_sample *sample);

/** Push the list of block devices, sorted by major and minor. May raise. */
void mw_lua_push_io_devices(lua_State *L, const struct mw_cgroup_sample *sample);

/**
 * Fill the table on top of the stack: network_rcvd_bytes and its like, network_namespace,
 * host_network, network_read_s; what is absent is removed. May raise.
 */
void mw_lua_fill_network(lua_State *L, const struct mw_network_sample *sample);

/** Push the list of network interfaces, sorted by name. May raise. */
void mw_lua_push_interfaces(lua_State *L, const struct mw_network_sample *sample);

/** Push pids, and what they have in sum. May raise. */
void mw_lua_push_processes(lua_State *L, const struct mw_process_sample *sample);

#endif
