/* moonwatch.host for Lua: facts about the host of this module, see scripts/meta/host.lua. */
#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/lua_util.h"
#include "moonwatch/host.h"

static struct mw_host *own_host(lua_State *L)
{
  return mw_context_host(mw_lua_context(L));
}

static int host_cpu_count(lua_State *L)
{
  lua_pushnumber(L, mw_host_cpu_count(own_host(L)));
  return 1;
}

static int host_memory_total_bytes(lua_State *L)
{
  struct mw_error err;
  uint64_t bytes;

  if (mw_host_memory_total_bytes(own_host(L), &bytes, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushnumber(L, (lua_Number)bytes);
  return 1;
}

static int host_boot_time_s(lua_State *L)
{
  struct mw_error err;
  int64_t seconds;

  if (mw_host_boot_time_s(own_host(L), &seconds, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushnumber(L, (lua_Number)seconds);
  return 1;
}

static int host_hostname(lua_State *L)
{
  char name[MW_HOST_NAME_BYTES];
  struct mw_error err;

  if (mw_host_name(own_host(L), name, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushstring(L, name);
  return 1;
}

static int host_kernel_release(lua_State *L)
{
  char release[MW_HOST_NAME_BYTES];
  struct mw_error err;

  if (mw_host_kernel_release(own_host(L), release, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushstring(L, release);
  return 1;
}

static void set_known(lua_State *L, const char *key, const char *text)
{
  if (!*text)
    return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, key);
}

static int host_system_info(lua_State *L)
{
  struct mw_host_system_info info;

  mw_host_system_info(own_host(L), &info);
  lua_createtable(L, 0, 6);
  set_known(L, "family", info.platform_family);
  set_known(L, "kernel_release", info.kernel_release);
  set_known(L, "os_name", "linux");
  set_known(L, "platform", info.platform);
  set_known(L, "version", info.platform_version);
  set_known(L, "uuid", info.uuid);
  return 1;
}

static int host_container_host_type(lua_State *L)
{
  enum mw_container_host_type type = mw_host_container_host_type(own_host(L));

  lua_pushnumber(L, type);
  lua_pushstring(L, mw_container_host_type_name(type));
  return 2;
}

const luaL_Reg mw_lua_host_functions[] = {
    {"boot_time_s", host_boot_time_s},       {"container_host_type", host_container_host_type},
    {"cpu_count", host_cpu_count},           {"hostname", host_hostname},
    {"kernel_release", host_kernel_release}, {"memory_total_bytes", host_memory_total_bytes},
    {"system_info", host_system_info},       {NULL, NULL},
};
