/* moonwatch.stats for Lua: the cached numbers of a container, see scripts/meta/stats.lua. */
#include "bindings/lua_stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/lua_sample.h"
#include "bindings/lua_util.h"

int64_t mw_lua_check_age_ms(lua_State *L, int arg)
{
  lua_Number age_ms = luaL_checknumber(L, arg);

  luaL_argcheck(L, !isnan(age_ms), arg, "not a number");
  if (age_ms >= 1e15)
    return INT64_MAX;
  return age_ms > 0 ? (int64_t)age_ms : 0;
}

/* ---- Which figures ---- */

static const char figures_key; /* its address marks a set */

/* The place of a name in the order of a set. */
static uint8_t figure_named(lua_State *L, const char *name)
{
  for (int i = 0; i < MW_FIGURE_COUNT; i++)
    if (strcmp(mw_figure_info((enum mw_figure)i)->name, name) == 0)
      return (uint8_t)i;
  if (strcmp(name, "cpu_limit_percent") == 0)
    return MW_LUA_CPU_LIMIT_PERCENT;
  if (strcmp(name, "cpu_limit_defaulted") == 0)
    return MW_LUA_CPU_LIMIT_DEFAULTED;
  luaL_argerror(L, 1,
                lua_pushfstring(L, "there is no figure %s; see moonwatch.cgroup.figures()", name));
  return 0;
}

static mw_figure_set set_of(uint8_t figure)
{
  return figure < MW_FIGURE_COUNT ? mw_figure_set_of((enum mw_figure)figure)
                                  : MW_FIGURE_SET_CPU_LIMIT;
}

static int stats_figures(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  size_t count = lua_objlen(L, 1);
  struct mw_lua_figures *figures = lua_newuserdata(L, sizeof *figures);

  *figures = (struct mw_lua_figures){.mark = &figures_key};
  luaL_argcheck(L, count <= MW_LUA_FIGURES_MAX, 1, "more names than there are figures");
  for (size_t i = 1; i <= count; i++) {
    lua_rawgeti(L, 1, (int)i);
    if (lua_type(L, -1) != LUA_TSTRING)
      return luaL_argerror(
          L, 1, lua_pushfstring(L, "name %d is a %s, not a string", (int)i, luaL_typename(L, -1)));
    uint8_t figure = figure_named(L, lua_tostring(L, -1));
    figures->order[figures->count++] = figure;
    figures->wanted |= set_of(figure);
    lua_pop(L, 1);
  }
  return 1;
}

const struct mw_lua_figures *mw_lua_check_figures(lua_State *L, int arg)
{
  const struct mw_lua_figures *figures = lua_touserdata(L, arg);

  luaL_argcheck(L,
                figures && lua_type(L, arg) == LUA_TUSERDATA &&
                    lua_objlen(L, arg) == sizeof *figures && figures->mark == &figures_key,
                arg, "not a set that stats.figures() gave");
  return figures;
}

/* ---- Readings ---- */

void mw_lua_check_ref(lua_State *L, int arg, struct mw_container_ref *out)
{
  *out = (struct mw_container_ref){.id = mw_lua_text_field(L, arg, "id"),
                                   .runtime = mw_lua_text_field(L, arg, "runtime"),
                                   .namespace_ = mw_lua_text_field(L, arg, "namespace")};
  luaL_argcheck(L, out->id, arg, "id is a nil, not a string");
}

/* What every reader begins with: everything that may raise comes before the core is called. */
struct reading {
  struct mw_container_ref ref;
  int64_t max_age_ms;
  struct mw_lua_scratch *scratch;
  struct mw_stats *stats;
};

static bool begin(lua_State *L, struct reading *out, struct mw_error *err)
{
  struct mw_context *context = mw_lua_context(L);

  luaL_checktype(L, 1, LUA_TTABLE);
  out->max_age_ms = mw_lua_check_age_ms(L, 2);
  mw_lua_check_ref(L, 1, &out->ref);
  out->scratch = mw_lua_scratch(L);
  out->stats = mw_context_stats(context, err);
  return out->stats;
}

static void check_into(lua_State *L, int arg)
{
  if (!lua_isnil(L, arg))
    luaL_checktype(L, arg, LUA_TTABLE);
}

static int stats_container(lua_State *L)
{
  struct reading reading;
  struct mw_error err;

  lua_settop(L, 4);
  check_into(L, 3);
  mw_figure_set wanted = lua_isnil(L, 4) ? MW_FIGURE_SET_ALL : mw_lua_check_figures(L, 4)->wanted;
  if (!begin(L, &reading, &err))
    return mw_lua_fail(L, &err);
  struct mw_cgroup_sample *sample = &reading.scratch->container;
  if (mw_stats_container(reading.stats, &reading.ref, reading.max_age_ms, wanted, sample, &err) < 0)
    return mw_lua_fail(L, &err);
  if (lua_isnil(L, 3))
    mw_lua_push_sample(L, wanted, sample);
  else
    mw_lua_refill_sample(L, 3, wanted, sample);
  return 1;
}

static int stats_io_devices(lua_State *L)
{
  struct reading reading;
  struct mw_error err;

  if (!begin(L, &reading, &err))
    return mw_lua_fail(L, &err);
  struct mw_cgroup_sample *sample = &reading.scratch->container;
  if (mw_stats_container(reading.stats, &reading.ref, reading.max_age_ms, MW_FIGURE_SET_DEVICES,
                         sample, &err) < 0)
    return mw_lua_fail(L, &err);
  mw_lua_push_io_devices(L, sample);
  return 1;
}

static bool read_network(lua_State *L, struct reading *reading, struct mw_error *err)
{
  return begin(L, reading, err) &&
         mw_stats_network(reading->stats, &reading->ref, reading->max_age_ms,
                          &reading->scratch->network, err) == 0;
}

static int stats_network(lua_State *L)
{
  struct reading reading;
  struct mw_error err;

  lua_settop(L, 3);
  check_into(L, 3);
  if (!read_network(L, &reading, &err))
    return mw_lua_fail(L, &err);
  if (lua_isnil(L, 3))
    lua_createtable(L, 0, 7);
  else
    lua_pushvalue(L, 3);
  mw_lua_fill_network(L, &reading.scratch->network);
  return 1;
}

static int stats_interfaces(lua_State *L)
{
  struct reading reading;
  struct mw_error err;

  if (!read_network(L, &reading, &err))
    return mw_lua_fail(L, &err);
  mw_lua_push_interfaces(L, &reading.scratch->network);
  return 1;
}

static int stats_processes(lua_State *L)
{
  struct reading reading;
  struct mw_error err;

  if (!begin(L, &reading, &err) ||
      mw_stats_processes(reading.stats, &reading.ref, reading.max_age_ms,
                         &reading.scratch->processes, &err) < 0)
    return mw_lua_fail(L, &err);
  mw_lua_push_processes(L, &reading.scratch->processes);
  return 1;
}

/* ---- Who is it? ---- */

/* Push the id that was found; nil alone when there is no such container. */
static int push_id(lua_State *L, int rc, const char *id, const struct mw_error *err)
{
  if (rc == -ENOENT) {
    lua_pushnil(L);
    return 1;
  }
  if (rc < 0)
    return mw_lua_fail(L, err);
  lua_pushstring(L, id);
  return 1;
}

static int stats_id_of_pid(lua_State *L)
{
  lua_Number pid = luaL_checknumber(L, 1);
  char id[MW_CGROUP_ID_BYTES];
  struct mw_error err;

  luaL_argcheck(L, pid >= 1 && pid <= INT32_MAX && pid == floor(pid), 1, "not a process id");
  struct mw_stats *stats = mw_context_stats(mw_lua_context(L), &err);
  if (!stats)
    return mw_lua_fail(L, &err);
  int rc = mw_stats_id_of_pid(stats, (int32_t)pid, id, &err);
  return push_id(L, rc, id, &err);
}

static int stats_id_of_inode(lua_State *L)
{
  const char *digits = mw_lua_check_cstring(L, 1);
  char id[MW_CGROUP_ID_BYTES], *end;
  struct mw_error err;
  uint64_t inode = strtoull(digits, &end, 16);

  luaL_argcheck(L,
                strspn(digits, "0123456789abcdefABCDEF") == strlen(digits) && *digits &&
                    strlen(digits) <= 16,
                1, "not the hexadecimal digits of an inode");
  struct mw_stats *stats = mw_context_stats(mw_lua_context(L), &err);
  if (!stats)
    return mw_lua_fail(L, &err);
  int rc = mw_stats_id_of_inode(stats, inode, id, &err);
  return push_id(L, rc, id, &err);
}

static int stats_own_id(lua_State *L)
{
  char id[MW_CGROUP_ID_BYTES];
  struct mw_error err;
  struct mw_stats *stats = mw_context_stats(mw_lua_context(L), &err);

  if (!stats)
    return mw_lua_fail(L, &err);
  int rc = mw_stats_own_id(stats, id, &err);
  return push_id(L, rc, id, &err);
}

static int stats_usage(lua_State *L)
{
  struct mw_stats_usage usage;
  struct mw_error err;
  struct mw_stats *stats = mw_context_stats(mw_lua_context(L), &err);

  if (!stats)
    return mw_lua_fail(L, &err);
  mw_stats_usage(stats, &usage);
  lua_createtable(L, 0, 8);
  mw_lua_set_number(L, "entries", (double)usage.entries);
  mw_lua_set_number(L, "hits_total", (double)usage.hits_total);
  mw_lua_set_number(L, "reads_total", (double)usage.reads_total);
  mw_lua_set_number(L, "joined_total", (double)usage.joined_total);
  mw_lua_set_number(L, "expired_total", (double)usage.expired_total);
  mw_lua_set_number(L, "evicted_total", (double)usage.evicted_total);
  mw_lua_set_number(L, "collectors", (double)usage.collectors);
  mw_lua_set_number(L, "collectors_pending", (double)usage.collectors_pending);
  return 1;
}

const luaL_Reg mw_lua_stats_functions[] = {
    {"container", stats_container},
    {"figures", stats_figures},
    {"epochs", mw_lua_stats_epochs},
    {"follow", mw_lua_stats_follow},
    {"id_of_inode", stats_id_of_inode},
    {"id_of_pid", stats_id_of_pid},
    {"interfaces", stats_interfaces},
    {"io_devices", stats_io_devices},
    {"network", stats_network},
    {"network_namespace", mw_lua_stats_network_namespace},
    {"network_values", mw_lua_stats_network_values},
    {"own_id", stats_own_id},
    {"processes", stats_processes},
    {"usage", stats_usage},
    {"values", mw_lua_stats_values},
    {NULL, NULL},
};
