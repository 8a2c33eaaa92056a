/* Containers that are read again and again: values instead of rows. See scripts/meta/stats.lua. */
#include "bindings/lua_stats.h"

#include <lauxlib.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "bindings/context.h"
#include "bindings/lua_sample.h"
#include "bindings/lua_util.h"
#include "moonwatch/clock.h"

static const char followed_key; /* its address marks one */

/* Whose counters were read last: they are compared within an epoch. No epoch comes twice in a
 * process, so that one of a container that was followed before is not taken for this one's. */
struct epoch {
  uint64_t number; /* 0: nothing was read yet */
  uint64_t identity;
  struct mw_origin origin;
  uint64_t origin_hash; /* 0: origin says it; else it came with a script that was loaded anew */
};

/* What a script keeps of them, as bytes. */
struct kept_epoch {
  uint64_t number, identity, origin_hash;
};

struct kept {
  uint64_t process; /* another process has other epochs of the same numbers */
  struct kept_epoch usage, network;
};

struct followed {
  const char *mark;
  struct epoch usage, network;
  struct mw_container_places places;
  struct mw_container_ref ref; /* into texts */
  char texts[];
};

static uint64_t hash_text(uint64_t hash, const char *text)
{
  return hash * UINT64_C(0x9E3779B97F4A7C15) + (text ? mw_hash_bytes(text, strlen(text)) : 1);
}

/* Of the names: no address of ours goes to a script. Never 0. */
static uint64_t hash_origin(struct mw_origin origin)
{
  return hash_text(hash_text(1, origin.collector), origin.gaps) | 1;
}

static bool has_origin(struct epoch *epoch, struct mw_origin origin)
{
  if (epoch->origin_hash == 0)
    return mw_origin_equal(epoch->origin, origin);
  bool is_same = epoch->origin_hash == hash_origin(origin);
  epoch->origin = origin;
  epoch->origin_hash = 0;
  return is_same;
}

static lua_Number enter(struct epoch *epoch, uint64_t identity, struct mw_origin origin)
{
  static atomic_uint_fast64_t last_number;

  if (epoch->number == 0 || epoch->identity != identity || !has_origin(epoch, origin))
    *epoch = (struct epoch){atomic_fetch_add(&last_number, 1) + 1, identity, origin, 0};
  return (lua_Number)epoch->number;
}

static struct followed *check_followed(lua_State *L, int arg)
{
  struct followed *followed = lua_touserdata(L, arg);

  luaL_argcheck(L,
                followed && lua_type(L, arg) == LUA_TUSERDATA &&
                    lua_objlen(L, arg) > sizeof *followed && followed->mark == &followed_key,
                arg, "not what stats.follow() gave");
  return followed;
}

/* ---- epochs ---- */

static uint64_t this_process(void)
{
  static atomic_uint_fast64_t mark;
  uint64_t none = 0;

  if (atomic_load(&mark) == 0)
    atomic_compare_exchange_strong(
        &mark, &none, (uint64_t)mw_clock_wall_ns(mw_clock_system()) ^ (uint64_t)getpid() << 48);
  return atomic_load(&mark);
}

static struct kept_epoch keep(const struct epoch *epoch)
{
  return (struct kept_epoch){epoch->number, epoch->identity,
                             epoch->origin_hash != 0 ? epoch->origin_hash
                                                     : hash_origin(epoch->origin)};
}

static struct epoch take(const struct kept_epoch *kept)
{
  return (struct epoch){
      .number = kept->number, .identity = kept->identity, .origin_hash = kept->origin_hash | 1};
}

int mw_lua_stats_epochs(lua_State *L)
{
  const struct followed *followed = check_followed(L, 1);
  struct kept kept = {this_process(), keep(&followed->usage), keep(&followed->network)};

  lua_pushlstring(L, (const char *)&kept, sizeof kept);
  return 1;
}

/* What is not of this process is nobody's mistake: a script may have kept it for long. */
static void take_epochs(lua_State *L, int arg, struct followed *followed)
{
  struct kept kept;
  size_t len_bytes;
  const char *bytes = lua_tolstring(L, arg, &len_bytes);

  if (len_bytes != sizeof kept)
    return;
  memcpy(&kept, bytes, sizeof kept);
  if (kept.process != this_process())
    return;
  followed->usage = take(&kept.usage);
  followed->network = take(&kept.network);
}

/* ---- follow ---- */

static char *put(char *at, const char *text, const char **out)
{
  *out = text ? at : NULL;
  return text ? stpcpy(at, text) + 1 : at;
}

static size_t bytes_of(const char *text)
{
  return text ? strlen(text) + 1 : 0;
}

int mw_lua_stats_follow(lua_State *L)
{
  lua_settop(L, 2);
  luaL_checktype(L, 1, LUA_TTABLE);
  bool is_kept = lua_type(L, 2) == LUA_TSTRING;
  const struct followed *before = is_kept || lua_isnil(L, 2) ? NULL : check_followed(L, 2);
  struct mw_container_ref ref;
  mw_lua_check_ref(L, 1, &ref);

  size_t texts_bytes = bytes_of(ref.id) + bytes_of(ref.runtime) + bytes_of(ref.namespace_);
  struct followed *followed = lua_newuserdata(L, sizeof *followed + texts_bytes);
  *followed = (struct followed){.mark = &followed_key};
  followed->ref.places = &followed->places;
  char *at = put(followed->texts, ref.id, &followed->ref.id);
  at = put(at, ref.runtime, &followed->ref.runtime);
  put(at, ref.namespace_, &followed->ref.namespace_);
  if (before && strcmp(before->ref.id, ref.id) == 0) {
    followed->usage = before->usage;
    followed->network = before->network;
  }
  if (is_kept)
    take_epochs(L, 2, followed);
  return 1;
}

/* ---- Values ---- */

static void push_value(lua_State *L, const struct mw_cgroup_sample *sample, uint8_t figure)
{
  if (figure == MW_LUA_CPU_LIMIT_DEFAULTED && sample->cpu_limit_present)
    lua_pushboolean(L, sample->cpu_limit_defaulted);
  else if (figure == MW_LUA_CPU_LIMIT_PERCENT && sample->cpu_limit_present)
    lua_pushnumber(L, sample->cpu_limit_percent);
  else if (figure < MW_FIGURE_COUNT && sample->figures.present >> figure & 1)
    lua_pushnumber(L, (lua_Number)sample->figures.values[figure]);
  else
    lua_pushnil(L);
}

/* What may raise comes before the core is called. */
int mw_lua_stats_values(lua_State *L)
{
  struct mw_error err;

  struct followed *followed = check_followed(L, 1);
  int64_t max_age_ms = mw_lua_check_age_ms(L, 2);
  const struct mw_lua_figures *figures = mw_lua_check_figures(L, 3);
  luaL_checkstack(L, 2 + MW_LUA_FIGURES_MAX, "for values");
  struct mw_cgroup_sample *sample = &mw_lua_scratch(L)->container;
  struct mw_stats *stats = mw_context_stats(mw_lua_context(L), &err);

  if (!stats ||
      mw_stats_container(stats, &followed->ref, max_age_ms, figures->wanted, sample, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushnumber(L, enter(&followed->usage, sample->inode, sample->origin));
  lua_pushnumber(L, (lua_Number)sample->read_ns / 1e9);
  for (unsigned i = 0; i < figures->count; i++)
    push_value(L, sample, figures->order[i]);
  return 2 + (int)figures->count;
}

static void push_host_network(lua_State *L, enum mw_host_network host_network)
{
  if (host_network == MW_HOST_NETWORK_UNKNOWN)
    lua_pushnil(L);
  else
    lua_pushboolean(L, host_network == MW_HOST_NETWORK_YES);
}

int mw_lua_stats_network_values(lua_State *L)
{
  struct mw_error err;

  struct followed *followed = check_followed(L, 1);
  int64_t max_age_ms = mw_lua_check_age_ms(L, 2);
  const struct mw_network_sample *sample = &mw_lua_scratch(L)->network;
  struct mw_stats *stats = mw_context_stats(mw_lua_context(L), &err);

  if (!stats ||
      mw_stats_network(stats, &followed->ref, max_age_ms, &mw_lua_scratch(L)->network, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushnumber(L, enter(&followed->network, sample->namespace_id, sample->origin));
  lua_pushnumber(L, (lua_Number)sample->read_ns / 1e9);
  for (int i = 0; i < MW_NETWORK_FIGURE_COUNT; i++) {
    if (sample->present >> i & 1)
      lua_pushnumber(L, (lua_Number)sample->values[i]);
    else
      lua_pushnil(L);
  }
  push_host_network(L, sample->host_network);
  return 3 + MW_NETWORK_FIGURE_COUNT;
}

int mw_lua_stats_network_namespace(lua_State *L)
{
  const struct followed *followed = check_followed(L, 1);

  if (followed->network.identity == 0)
    lua_pushnil(L);
  else
    mw_lua_push_inode(L, followed->network.identity);
  return 1;
}
