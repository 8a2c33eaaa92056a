#include "bindings/lua_sample.h"

#include <lauxlib.h>
#include <string.h>

#include "bindings/lua_util.h"

/* ---- Keys, made once ---- */

/* Places in the table of keys: the figures come first, as Lua counts: figure + 1. */
enum key {
  KEY_CGROUP_INODE = MW_FIGURE_COUNT + 1,
  KEY_CPU_LIMIT_DEFAULTED,
  KEY_CPU_LIMIT_PERCENT,
  KEY_PROBLEMS_COUNT,
  KEY_READ_S,
};

static const char *const other_names[] = {"cgroup_inode", "cpu_limit_defaulted",
                                          "cpu_limit_percent", "problems_count", "read_s"};

#define OTHER_COUNT ((int)(sizeof other_names / sizeof other_names[0]))
#define KEYS_COUNT ((int)MW_FIGURE_COUNT + OTHER_COUNT)

/* Their addresses are keys in the registry. */
static const char keys_key, scratch_key;

static void make_keys(lua_State *L)
{
  lua_createtable(L, KEYS_COUNT, 0);
  for (int i = 0; i < KEYS_COUNT; i++) {
    lua_pushstring(L, i < (int)MW_FIGURE_COUNT ? mw_figure_info((enum mw_figure)i)->name
                                               : other_names[i - MW_FIGURE_COUNT]);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushlightuserdata(L, (void *)(uintptr_t)&keys_key);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

static void push_keys(lua_State *L)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&keys_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    make_keys(L);
  }
}

/* ---- The scratch sample ---- */

static int scratch_gc(lua_State *L)
{
  mw_cgroup_sample_deinit(lua_touserdata(L, 1));
  return 0;
}

static struct mw_cgroup_sample *make_scratch(lua_State *L)
{
  struct mw_cgroup_sample *sample = mw_lua_push_box(L, sizeof *sample, scratch_gc);

  lua_pushlightuserdata(L, (void *)(uintptr_t)&scratch_key);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
  return sample;
}

struct mw_cgroup_sample *mw_lua_scratch_sample(lua_State *L)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&scratch_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  struct mw_cgroup_sample *sample = lua_touserdata(L, -1);
  if (!sample)
    sample = make_scratch(L);
  lua_settop(L, -2);
  return sample;
}

/* ---- Rows ---- */

/* Both: with the row and the keys on top of the stack, in this order. */

static void set_number(lua_State *L, int key, lua_Number value)
{
  lua_rawgeti(L, -1, key);
  lua_pushnumber(L, value);
  lua_rawset(L, -4);
}

/* What is not there is not touched: to write nil would make room for it. */
static void clear(lua_State *L, int key)
{
  lua_rawgeti(L, -1, key);
  lua_rawget(L, -3);
  if (!lua_isnil(L, -1)) {
    lua_rawgeti(L, -2, key);
    lua_pushnil(L);
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
}

static void set_inode(lua_State *L, uint64_t inode)
{
  lua_rawgeti(L, -1, KEY_CGROUP_INODE);
  mw_lua_push_inode(L, inode);
  lua_rawset(L, -4);
}

static void fill(lua_State *L, const struct mw_cgroup_sample *sample)
{
  push_keys(L);
  for (uint64_t left = sample->figures.present; left; left &= left - 1) {
    int figure = __builtin_ctzll(left);
    set_number(L, figure + 1, (lua_Number)sample->figures.values[figure]);
  }
  set_inode(L, sample->inode);
  set_number(L, KEY_READ_S, (lua_Number)sample->read_ns / 1e9);
  set_number(L, KEY_PROBLEMS_COUNT, sample->problems_count);
  if (sample->cpu_limit_present) {
    set_number(L, KEY_CPU_LIMIT_PERCENT, sample->cpu_limit_percent);
    lua_rawgeti(L, -1, KEY_CPU_LIMIT_DEFAULTED);
    lua_pushboolean(L, sample->cpu_limit_defaulted);
    lua_rawset(L, -4);
  }
  lua_pop(L, 1);
}

void mw_lua_push_sample(lua_State *L, const struct mw_cgroup_sample *sample)
{
  lua_createtable(L, 0, __builtin_popcountll(sample->figures.present) + OTHER_COUNT);
  fill(L, sample);
}

void mw_lua_refill_sample(lua_State *L, int index, const struct mw_cgroup_sample *sample)
{
  const uint64_t all = (UINT64_C(1) << MW_FIGURE_COUNT) - 1;

  lua_pushvalue(L, index);
  push_keys(L);
  for (uint64_t left = ~sample->figures.present & all; left; left &= left - 1)
    clear(L, __builtin_ctzll(left) + 1);
  if (!sample->cpu_limit_present) {
    clear(L, KEY_CPU_LIMIT_PERCENT);
    clear(L, KEY_CPU_LIMIT_DEFAULTED);
  }
  lua_pop(L, 1);
  fill(L, sample);
}

/* ---- Devices ---- */

static const char *const device_names[MW_IO_DEVICE_FIGURE_COUNT] = {
    [MW_IO_DEVICE_READ_BYTES] = "read_bytes",
    [MW_IO_DEVICE_WRITE_BYTES] = "write_bytes",
    [MW_IO_DEVICE_READ_OPERATIONS] = "read_operations_total",
    [MW_IO_DEVICE_WRITE_OPERATIONS] = "write_operations_total",
    [MW_IO_DEVICE_READ_LIMIT_BYTES_PER_S] = "read_limit_bytes_per_s",
    [MW_IO_DEVICE_WRITE_LIMIT_BYTES_PER_S] = "write_limit_bytes_per_s",
    [MW_IO_DEVICE_READ_LIMIT_OPERATIONS_PER_S] = "read_limit_operations_per_s",
    [MW_IO_DEVICE_WRITE_LIMIT_OPERATIONS_PER_S] = "write_limit_operations_per_s",
};

static void push_device(lua_State *L, const struct mw_io_device *device)
{
  lua_createtable(L, 0, 3 + __builtin_popcount(device->present));
  mw_lua_set_number(L, "major", device->major);
  mw_lua_set_number(L, "minor", device->minor);
  mw_lua_set_text(L, "name", device->name);
  for (uint32_t left = device->present; left; left &= left - 1) {
    int figure = __builtin_ctz(left);
    mw_lua_set_number(L, device_names[figure], (double)device->values[figure]);
  }
}

void mw_lua_push_io_devices(lua_State *L, const struct mw_cgroup_sample *sample)
{
  lua_createtable(L, (int)sample->devices_count, 0);
  for (size_t i = 0; i < sample->devices_count; i++) {
    /* a copy: a finalizer that runs meanwhile may read into the same sample */
    const struct mw_io_device device = sample->devices[i];
    push_device(L, &device);
    lua_rawseti(L, -2, (int)i + 1);
  }
}
