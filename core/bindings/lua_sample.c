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
  KEY_IDENTITY,
  KEY_PROBLEMS_COUNT,
  KEY_READ_S,
  KEY_HOST_NETWORK,
  KEY_NETWORK_IDENTITY,
  KEY_NETWORK_NAMESPACE,
  KEY_NETWORK_READ_S,
  KEY_NETWORK_FIRST, /* in the order of enum mw_network_figure */
};

static const char *const other_names[] = {"cgroup_inode",       "cpu_limit_defaulted",
                                          "cpu_limit_percent",  "identity",
                                          "problems_count",     "read_s",
                                          "host_network",       "network_identity",
                                          "network_namespace",  "network_read_s",
                                          "network_rcvd_bytes", "network_rcvd_packets_total",
                                          "network_sent_bytes", "network_sent_packets_total"};
#define CONTAINER_OTHER_COUNT 6 /* those before the network's */

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
  mw_lua_register(L, &keys_key);
}

static void push_keys(lua_State *L)
{
  mw_lua_push_registered(L, &keys_key);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    make_keys(L);
  }
}

/* ---- The scratch samples ---- */

static int scratch_gc(lua_State *L)
{
  struct mw_lua_scratch *scratch = lua_touserdata(L, 1);

  mw_cgroup_sample_deinit(&scratch->container);
  mw_network_sample_deinit(&scratch->network);
  mw_process_sample_deinit(&scratch->processes);
  return 0;
}

static struct mw_lua_scratch *make_scratch(lua_State *L)
{
  struct mw_lua_scratch *scratch = mw_lua_push_box(L, sizeof *scratch, scratch_gc);

  mw_lua_register(L, &scratch_key);
  return scratch;
}

struct mw_lua_scratch *mw_lua_scratch(lua_State *L)
{
  mw_lua_push_registered(L, &scratch_key);
  struct mw_lua_scratch *scratch = lua_touserdata(L, -1);
  if (!scratch)
    scratch = make_scratch(L);
  lua_settop(L, -2);
  return scratch;
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

static void set_boolean(lua_State *L, int key, bool value)
{
  lua_rawgeti(L, -1, key);
  lua_pushboolean(L, value);
  lua_rawset(L, -4);
}

static bool is_of_this_host(struct mw_origin origin)
{
  return !origin.gaps && (!origin.collector || strcmp(origin.collector, "cgroup") == 0);
}

/* Set @p key to the digits of @p number, and @p identity_key to what tells whether two readings
 * may be compared: the same, as a rule, else with the names of those whose counters they are. */
static void set_identity(lua_State *L, int key, int identity_key, uint64_t number,
                         struct mw_origin origin)
{
  mw_lua_push_inode(L, number);
  lua_rawgeti(L, -2, key);
  lua_pushvalue(L, -2);
  lua_rawset(L, -5);
  if (!is_of_this_host(origin)) {
    lua_pushfstring(L, "%s/%s/%s", lua_tostring(L, -1), origin.collector ? origin.collector : "",
                    origin.gaps ? origin.gaps : "");
    lua_remove(L, -2);
  }
  lua_rawgeti(L, -2, identity_key);
  lua_insert(L, -2);
  lua_rawset(L, -4);
}

static void fill(lua_State *L, mw_figure_set wanted, const struct mw_cgroup_sample *sample)
{
  for (uint64_t left = sample->figures.present & wanted; left; left &= left - 1) {
    int figure = __builtin_ctzll(left);
    set_number(L, figure + 1, (lua_Number)sample->figures.values[figure]);
  }
  set_identity(L, KEY_CGROUP_INODE, KEY_IDENTITY, sample->inode, sample->origin);
  set_number(L, KEY_READ_S, (lua_Number)sample->read_ns / 1e9);
  set_number(L, KEY_PROBLEMS_COUNT, sample->problems_count);
  if (sample->cpu_limit_present) {
    set_number(L, KEY_CPU_LIMIT_PERCENT, sample->cpu_limit_percent);
    set_boolean(L, KEY_CPU_LIMIT_DEFAULTED, sample->cpu_limit_defaulted);
  }
}

void mw_lua_push_sample(lua_State *L, mw_figure_set wanted, const struct mw_cgroup_sample *sample)
{
  int figures = __builtin_popcountll(sample->figures.present & wanted);

  lua_createtable(L, 0, figures + CONTAINER_OTHER_COUNT);
  push_keys(L);
  fill(L, wanted, sample);
  lua_pop(L, 1);
}

void mw_lua_refill_sample(lua_State *L, int index, mw_figure_set wanted,
                          const struct mw_cgroup_sample *sample)
{
  const mw_figure_set all = (UINT64_C(1) << MW_FIGURE_COUNT) - 1;

  lua_pushvalue(L, index);
  push_keys(L);
  for (uint64_t left = wanted & all & ~sample->figures.present; left; left &= left - 1)
    clear(L, __builtin_ctzll(left) + 1);
  if (!sample->cpu_limit_present) {
    clear(L, KEY_CPU_LIMIT_PERCENT);
    clear(L, KEY_CPU_LIMIT_DEFAULTED);
  }
  fill(L, wanted, sample);
  lua_pop(L, 1);
}

/* ---- Network ---- */

void mw_lua_fill_network(lua_State *L, const struct mw_network_sample *sample)
{
  push_keys(L);
  for (int i = 0; i < MW_NETWORK_FIGURE_COUNT; i++) {
    if (sample->present >> i & 1)
      set_number(L, KEY_NETWORK_FIRST + i, (lua_Number)sample->values[i]);
    else
      clear(L, KEY_NETWORK_FIRST + i);
  }
  set_number(L, KEY_NETWORK_READ_S, (lua_Number)sample->read_ns / 1e9);
  set_identity(L, KEY_NETWORK_NAMESPACE, KEY_NETWORK_IDENTITY, sample->namespace_id,
               sample->origin);
  if (sample->namespace_id == 0)
    clear(L, KEY_NETWORK_NAMESPACE);
  if (sample->host_network != MW_HOST_NETWORK_UNKNOWN)
    set_boolean(L, KEY_HOST_NETWORK, sample->host_network == MW_HOST_NETWORK_YES);
  else
    clear(L, KEY_HOST_NETWORK);
  lua_pop(L, 1);
}

static void push_interface(lua_State *L, const struct mw_network_interface *interface)
{
  const uint64_t values[MW_NETWORK_FIGURE_COUNT] = {
      [MW_NETWORK_RCVD_BYTES] = interface->rcvd_bytes,
      [MW_NETWORK_RCVD_PACKETS] = interface->rcvd_packets,
      [MW_NETWORK_SENT_BYTES] = interface->sent_bytes,
      [MW_NETWORK_SENT_PACKETS] = interface->sent_packets,
  };
  static const char *const names[MW_NETWORK_FIGURE_COUNT] = {
      [MW_NETWORK_RCVD_BYTES] = "rcvd_bytes",
      [MW_NETWORK_RCVD_PACKETS] = "rcvd_packets_total",
      [MW_NETWORK_SENT_BYTES] = "sent_bytes",
      [MW_NETWORK_SENT_PACKETS] = "sent_packets_total",
  };

  lua_createtable(L, 0, 5);
  mw_lua_set_text(L, "name", interface->name);
  for (int i = 0; i < MW_NETWORK_FIGURE_COUNT; i++)
    if (interface->present >> i & 1)
      mw_lua_set_number(L, names[i], (double)values[i]);
}

void mw_lua_push_interfaces(lua_State *L, const struct mw_network_sample *sample)
{
  lua_createtable(L, (int)sample->interfaces_count, 0);
  for (size_t i = 0; i < sample->interfaces_count; i++) {
    /* a copy: a finalizer that runs meanwhile may read into the same sample */
    const struct mw_network_interface interface = sample->interfaces[i];
    push_interface(L, &interface);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

/* ---- Processes ---- */

void mw_lua_push_processes(lua_State *L, const struct mw_process_sample *sample)
{
  const struct mw_process_totals totals = sample->totals; /* as above */

  lua_createtable(L, 0, 6);
  mw_lua_set_number(L, "read_s", (double)sample->read_ns / 1e9);
  mw_lua_set_number(L, "processes_count", (double)totals.processes_count);
  if (totals.zombies_present)
    mw_lua_set_number(L, "zombies_count", (double)totals.zombies_count);
  if (totals.threads_present)
    mw_lua_set_number(L, "threads_count", (double)totals.threads_count);
  if (totals.open_files_present)
    mw_lua_set_number(L, "open_files_count", (double)totals.open_files_count);
  lua_createtable(L, (int)sample->pids.count, 0);
  for (size_t i = 0; i < sample->pids.count; i++) {
    lua_pushinteger(L, sample->pids.pids[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "pids");
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
