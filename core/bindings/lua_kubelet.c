/* moonwatch.kubelet for Lua: what the kubelet of this node knows, see scripts/meta/kubelet.lua. */
#include <math.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/kubelet_access.h"
#include "bindings/lua_kubelet_pods.h"
#include "bindings/lua_util.h"
#include "script/script.h"

#define TIMEOUT_MAX_S 3600.0

/* So that a script hears why, before its own deadline ends it. */
#define PART_OF_WHAT_IS_LEFT(left_ms) ((left_ms) / 10 * 9)

static int pods_gc(lua_State *L)
{
  struct mw_kubelet_pods **box = lua_touserdata(L, 1);

  mw_kubelet_pods_free(*box);
  *box = NULL;
  return 0;
}

static void check_options(lua_State *L, int options)
{
  for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "a list";
    if (strcmp(key, "timeout_s") != 0)
      luaL_argerror(L, options, lua_pushfstring(L, "it has timeout_s, not %s", key));
  }
}

/* {timeout_s = } at @p options, which may be nil; INT64_MAX: it does not say. */
static int64_t check_timeout_ns(lua_State *L, int options)
{
  if (lua_isnoneornil(L, options))
    return INT64_MAX;
  luaL_checktype(L, options, LUA_TTABLE);
  check_options(L, options);
  lua_pushliteral(L, "timeout_s");
  lua_rawget(L, options);
  lua_Number timeout_s = lua_tonumber(L, -1);
  bool is_given = !lua_isnil(L, -1);
  luaL_argcheck(L, !is_given || (timeout_s > 0 && timeout_s <= TIMEOUT_MAX_S), options,
                "timeout_s is not a number of seconds up to 3600");
  lua_pop(L, 1);
  return is_given ? (int64_t)(timeout_s * (double)MW_NS_PER_S) : INT64_MAX;
}

/* Until when to wait: as the options say, but no longer than the script may still run. */
static int64_t check_deadline_ns(lua_State *L, int options)
{
  int64_t timeout_ns = check_timeout_ns(L, options), left_ms = mw_script_left_ms();

  if (left_ms != INT64_MAX && PART_OF_WHAT_IS_LEFT(left_ms) * MW_NS_PER_MS < timeout_ns)
    timeout_ns = PART_OF_WHAT_IS_LEFT(left_ms) * MW_NS_PER_MS;
  return timeout_ns == INT64_MAX ? INT64_MAX
                                 : mw_clock_monotonic_ns(mw_clock_system()) + timeout_ns;
}

/* pods({timeout_s = }) */
static int kubelet_pods(lua_State *L)
{
  struct mw_context *context = mw_lua_context(L);
  int64_t deadline_ns = check_deadline_ns(L, 1);
  struct mw_kubelet_pods **box = mw_lua_push_box(L, sizeof(void *), pods_gc);
  struct mw_error err;

  if (mw_kubelet_access_pods(mw_context_kubelet(context), deadline_ns, box, &err) < 0)
    return mw_lua_fail(L, &err);
  mw_lua_push_kubelet_pods(L, *box);
  mw_kubelet_pods_free(*box);
  *box = NULL;
  return 1;
}

const luaL_Reg mw_lua_kubelet_functions[] = {
    {"pods", kubelet_pods},
    {NULL, NULL},
};
