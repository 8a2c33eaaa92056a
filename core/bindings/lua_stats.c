/* moonwatch.stats for Lua: the cached numbers of a container, see scripts/meta/stats.lua. */
#include "moonwatch/stats.h"

#include <math.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/lua_sample.h"
#include "bindings/lua_util.h"

static int64_t check_age_ms(lua_State *L, int arg)
{
  lua_Number age_ms = luaL_checknumber(L, arg);

  luaL_argcheck(L, !isnan(age_ms), arg, "not a number");
  if (age_ms >= 1e15)
    return INT64_MAX;
  return age_ms > 0 ? (int64_t)age_ms : 0;
}

/* Arguments 1 and 2 of both readers. Everything that may raise comes before the core is called. */
static struct mw_cgroup_sample *read_sample(lua_State *L, struct mw_error *err)
{
  struct mw_context *context = mw_lua_context(L);

  luaL_checktype(L, 1, LUA_TTABLE);
  int64_t max_age_ms = check_age_ms(L, 2);
  struct mw_container_ref ref = {.id = mw_lua_text_field(L, 1, "id"),
                                 .runtime = mw_lua_text_field(L, 1, "runtime"),
                                 .namespace_ = mw_lua_text_field(L, 1, "namespace")};
  luaL_argcheck(L, ref.id, 1, "id is a nil, not a string");
  struct mw_cgroup_sample *sample = mw_lua_scratch_sample(L);
  struct mw_stats *stats = mw_context_stats(context, err);

  if (!stats || mw_stats_container(stats, &ref, max_age_ms, MW_FIGURE_SET_ALL, sample, err) < 0)
    return NULL;
  return sample;
}

static int stats_container(lua_State *L)
{
  struct mw_error err;

  lua_settop(L, 3);
  if (!lua_isnil(L, 3))
    luaL_checktype(L, 3, LUA_TTABLE);
  const struct mw_cgroup_sample *sample = read_sample(L, &err);
  if (!sample)
    return mw_lua_fail(L, &err);
  if (lua_isnil(L, 3))
    mw_lua_push_sample(L, sample);
  else
    mw_lua_refill_sample(L, 3, sample);
  return 1;
}

static int stats_io_devices(lua_State *L)
{
  struct mw_error err;
  const struct mw_cgroup_sample *sample = read_sample(L, &err);

  if (!sample)
    return mw_lua_fail(L, &err);
  mw_lua_push_io_devices(L, sample);
  return 1;
}

static int stats_usage(lua_State *L)
{
  struct mw_stats_usage usage;
  struct mw_error err;
  struct mw_stats *stats = mw_context_stats(mw_lua_context(L), &err);

  if (!stats)
    return mw_lua_fail(L, &err);
  mw_stats_usage(stats, &usage);
  lua_createtable(L, 0, 6);
  mw_lua_set_number(L, "entries", (double)usage.entries);
  mw_lua_set_number(L, "hits_total", (double)usage.hits_total);
  mw_lua_set_number(L, "reads_total", (double)usage.reads_total);
  mw_lua_set_number(L, "joined_total", (double)usage.joined_total);
  mw_lua_set_number(L, "expired_total", (double)usage.expired_total);
  mw_lua_set_number(L, "evicted_total", (double)usage.evicted_total);
  return 1;
}

const luaL_Reg mw_lua_stats_functions[] = {
    {"container", stats_container},
    {"io_devices", stats_io_devices},
    {"usage", stats_usage},
    {NULL, NULL},
};
