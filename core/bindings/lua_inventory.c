/* moonwatch.inventory for Lua: which containers exist, see scripts/meta/inventory.lua. */
#include <errno.h>
#include <math.h>
#include <stddef.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/lua_facts.h"
#include "bindings/lua_inventory.h"
#include "bindings/lua_util.h"

/* Of a script that wants to know which containers there are. */
static struct mw_inventory *wanted_inventory(lua_State *L)
{
  struct mw_context *context = mw_lua_context(L);

  mw_context_note_inventory_wanted(context);
  return mw_context_inventory(context);
}

static lua_Number generation_of(struct mw_inventory *inventory)
{
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  lua_Number generation = (lua_Number)mw_inventory_snapshot_generation(snapshot);

  mw_inventory_release(snapshot);
  return generation;
}

static int inventory_generation(lua_State *L)
{
  lua_pushnumber(L, generation_of(wanted_inventory(L)));
  return 1;
}

/* ---- What a state keeps ---- */

/* What was made of the newest snapshot, so that the next one is made of what changed alone. The
 * script has the first three, and may do with them what it likes; it has no way to the rest. */
enum kept {
  KEPT_LIST = 1,   /* of containers */
  KEPT_PODS,       /* by uid */
  KEPT_GENERATION, /* of both */
  KEPT_CONTAINERS, /* tables in the order of the snapshot */
  KEPT_POD_TABLES,
  KEPT_SNAPSHOT, /* a box: what its addresses stand for is alive as long as it */
};

/* One for each inventory, by its context, in the registry. Weak, so that it keeps no context
 * alive. */
static const char kept_key;

static void push_all_kept(lua_State *L)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&kept_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  if (!lua_isnil(L, -1))
    return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushlightuserdata(L, (void *)(uintptr_t)&kept_key);
  lua_pushvalue(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

static int snapshot_gc(lua_State *L)
{
  struct mw_inventory_snapshot **box = lua_touserdata(L, 1);

  mw_inventory_release(*box);
  *box = NULL;
  return 0;
}

/* The making of what is kept of one snapshot, beside what is kept of the last one. */
struct making {
  int kept, last; /* on the stack; last: nil, there is none */
  const struct mw_inventory_snapshot *snapshot, *last_snapshot;
};

static const struct mw_inventory_snapshot *snapshot_of(lua_State *L, int kept)
{
  if (lua_isnil(L, kept))
    return NULL;
  lua_rawgeti(L, kept, KEPT_SNAPSHOT);
  struct mw_inventory_snapshot **box = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return *box;
}

/* Push the list of tables at @p field of what was kept last, or nil. */
static void push_last_tables(lua_State *L, const struct making *making, enum kept field)
{
  if (lua_isnil(L, making->last))
    lua_pushnil(L);
  else
    lua_rawgeti(L, making->last, field);
}

/* Push the table of a pod: the one of the last snapshot when it is the same. */
static void push_pod(lua_State *L, const struct making *making, const struct mw_pod *pod,
                     size_t *at_last, int last_tables)
{
  size_t last_count =
      making->last_snapshot ? mw_inventory_snapshot_pods_count(making->last_snapshot) : 0;

  for (; *at_last < last_count; ++*at_last) {
    const struct mw_pod *last = mw_inventory_snapshot_pod_at(making->last_snapshot, *at_last);
    if (last == pod) {
      lua_rawgeti(L, last_tables, (int)++*at_last);
      return;
    }
    if (strcmp(last->uid, pod->uid) > 0)
      break;
  }
  mw_lua_push_facts(L, &mw_pod_schema, pod, 0);
}

/* Leaves the tables by uid on the stack. */
static void make_pods(lua_State *L, const struct making *making)
{
  size_t count = mw_inventory_snapshot_pods_count(making->snapshot), at_last = 0;
  int top = lua_gettop(L), by_uid = top + 1, tables = top + 2, last_tables = top + 3;

  lua_createtable(L, 0, (int)count);
  lua_createtable(L, (int)count, 0);
  push_last_tables(L, making, KEPT_POD_TABLES);
  for (size_t i = 0; i < count; i++) {
    const struct mw_pod *pod = mw_inventory_snapshot_pod_at(making->snapshot, i);
    push_pod(L, making, pod, &at_last, last_tables);
    lua_pushstring(L, pod->uid);
    lua_pushvalue(L, -2);
    lua_rawset(L, by_uid);
    lua_rawseti(L, tables, (int)i + 1);
  }
  lua_pop(L, 1);
  lua_rawseti(L, making->kept, KEPT_POD_TABLES);
  lua_pushvalue(L, by_uid);
  lua_rawseti(L, making->kept, KEPT_PODS);
}

static void push_entry(lua_State *L, const struct mw_inventory_entry *entry, int pods_by_uid)
{
  mw_lua_push_facts(L, &mw_container_schema, entry->container,
                    1 + (entry->pod != NULL) + entry->stale);
  if (entry->pod) {
    lua_pushstring(L, entry->pod->uid);
    lua_rawget(L, pods_by_uid);
    lua_setfield(L, -2, "pod");
  }
  if (entry->stale)
    mw_lua_set_boolean(L, "stale", true);
  lua_createtable(L, (int)entry->sources_count, 0);
  for (size_t i = 0; i < entry->sources_count; i++) {
    lua_pushstring(L, entry->sources[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "sources");
}

/* Push the table of a container: the one of the last snapshot when it is the same. */
static void push_container(lua_State *L, const struct making *making,
                           const struct mw_inventory_entry *entry, size_t *at_last, int last_tables,
                           int pods_by_uid)
{
  size_t last_count =
      making->last_snapshot ? mw_inventory_snapshot_count(making->last_snapshot) : 0;

  for (; *at_last < last_count; ++*at_last) {
    const struct mw_inventory_entry *last =
        mw_inventory_snapshot_at(making->last_snapshot, *at_last);
    if (last == entry) {
      lua_rawgeti(L, last_tables, (int)++*at_last);
      return;
    }
    if (strcmp(last->container->id, entry->container->id) > 0)
      break;
  }
  push_entry(L, entry, pods_by_uid);
}

/* With the tables of pods by uid on top of the stack. */
static void make_containers(lua_State *L, const struct making *making)
{
  size_t count = mw_inventory_snapshot_count(making->snapshot), at_last = 0;
  int top = lua_gettop(L), list = top + 1, tables = top + 2, last_tables = top + 3;

  lua_createtable(L, (int)count, 0);
  lua_createtable(L, (int)count, 0);
  push_last_tables(L, making, KEPT_CONTAINERS);
  for (size_t i = 0; i < count; i++) {
    const struct mw_inventory_entry *entry = mw_inventory_snapshot_at(making->snapshot, i);
    push_container(L, making, entry, &at_last, last_tables, top);
    lua_pushvalue(L, -1);
    lua_rawseti(L, list, (int)i + 1);
    lua_rawseti(L, tables, (int)i + 1);
  }
  lua_pop(L, 1);
  lua_rawseti(L, making->kept, KEPT_CONTAINERS);
  lua_rawseti(L, making->kept, KEPT_LIST);
}

/* Push what is to be kept of the newest snapshot, made beside what is on top of the stack (or nil),
 * which keeps its snapshot alive until then. */
static void push_made(lua_State *L, struct mw_inventory *inventory)
{
  struct making making = {.last = lua_gettop(L), .kept = lua_gettop(L) + 1};

  lua_createtable(L, KEPT_SNAPSHOT, 0);
  struct mw_inventory_snapshot **box = mw_lua_push_box(L, sizeof(void *), snapshot_gc);
  *box = mw_inventory_acquire(inventory);
  lua_rawseti(L, making.kept, KEPT_SNAPSHOT);
  making.snapshot = *box;
  making.last_snapshot = snapshot_of(L, making.last);
  lua_pushnumber(L, (lua_Number)mw_inventory_snapshot_generation(making.snapshot));
  lua_rawseti(L, making.kept, KEPT_GENERATION);
  make_pods(L, &making);
  make_containers(L, &making);
  lua_settop(L, making.kept);
}

static bool is_of_generation(lua_State *L, lua_Number generation)
{
  if (lua_isnil(L, -1))
    return false;
  lua_rawgeti(L, -1, KEPT_GENERATION);
  bool same = lua_tonumber(L, -1) == generation;
  lua_pop(L, 1);
  return same;
}

/* Push what is kept of the newest snapshot. */
static void push_kept(lua_State *L)
{
  struct mw_inventory *inventory = wanted_inventory(L);

  luaL_checkstack(L, 32, "the containers");
  push_all_kept(L);
  int all = lua_gettop(L);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_rawget(L, all);
  if (is_of_generation(L, generation_of(inventory)))
    return;
  push_made(L, inventory);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_pushvalue(L, -2);
  lua_rawset(L, all);
}

static int inventory_containers(lua_State *L)
{
  push_kept(L);
  lua_rawgeti(L, -1, KEPT_LIST);
  lua_rawgeti(L, -2, KEPT_GENERATION);
  return 2;
}

static int inventory_pods(lua_State *L)
{
  push_kept(L);
  lua_rawgeti(L, -1, KEPT_PODS);
  return 1;
}

/* ---- How the sources stand ---- */

static void push_source(lua_State *L, const struct mw_inventory_source *source)
{
  lua_createtable(L, 0, 7);
  mw_lua_set_text(L, "name", source->name);
  mw_lua_set_number(L, "priority", source->priority);
  mw_lua_set_number(L, "containers_count", (double)source->containers_count);
  mw_lua_set_number(L, "pods_count", (double)source->pods_count);
  mw_lua_set_boolean(L, "stale", source->stale);
  if (source->age_ns >= 0)
    mw_lua_set_number(L, "age_s", (double)source->age_ns / 1e9);
  mw_lua_set_text(L, "error", source->error);
}

static int inventory_sources(lua_State *L)
{
  struct mw_inventory *inventory = mw_context_inventory(mw_lua_context(L));
  struct mw_inventory_source *sources =
      lua_newuserdata(L, MW_INVENTORY_SOURCES_MAX * sizeof *sources);
  size_t count = mw_inventory_sources(inventory, sources);

  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    push_source(L, &sources[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

/* ---- Lists from scripts ---- */

static int report_gc(lua_State *L)
{
  struct mw_inventory_report **box = lua_touserdata(L, 1);

  mw_inventory_report_free(*box);
  *box = NULL;
  return 0;
}

typedef int report_one(struct mw_inventory_report *, const void *facts, struct mw_error *);

static int report_container(struct mw_inventory_report *report, const void *facts,
                            struct mw_error *err)
{
  return mw_inventory_report_container(report, facts, err);
}

static int report_pod(struct mw_inventory_report *report, const void *facts, struct mw_error *err)
{
  return mw_inventory_report_pod(report, facts, err);
}

/* The list at @p index, which may be nil. */
static int read_list(lua_State *L, int index, const struct mw_facts_schema *schema,
                     report_one *report_it, struct mw_inventory_report *report,
                     struct mw_error *err)
{
  struct mw_lua_facts_reader reader;
  union mw_facts facts;
  size_t count = lua_istable(L, index) ? lua_objlen(L, index) : 0;
  int rc = 0;

  if (lua_isnil(L, index))
    return 0;
  if (!lua_istable(L, index) || !mw_lua_is_list(L, index, count))
    return mw_error_set(err, EINVAL, "the %ss are not a list", schema->noun);
  mw_lua_facts_reader_init(L, &reader, schema, mw_inventory_report_scratch(report), err);
  for (size_t i = 0; rc == 0 && i < count; i++) {
    lua_rawgeti(L, index, (int)i + 1);
    rc = mw_lua_facts_read(L, &reader, i + 1, &facts);
    if (rc == 0)
      rc = report_it(report, &facts, err);
    lua_pop(L, 1);
  }
  return rc;
}

/* The lists at two places of the stack, either of which may hold nil. */
static int replace(lua_State *L, int containers, int pods, struct mw_inventory *inventory,
                   const char *source, struct mw_error *err)
{
  struct mw_inventory_report **box = mw_lua_push_box(L, sizeof(void *), report_gc);
  struct mw_inventory_report *report = mw_inventory_report_new(inventory, source, err);

  *box = report;
  if (!report)
    return -err->code;
  int rc = read_list(L, containers, &mw_container_schema, report_container, report, err);
  if (rc == 0)
    rc = read_list(L, pods, &mw_pod_schema, report_pod, report, err);
  if (rc == 0)
    rc = mw_inventory_replace(inventory, report, err);
  *box = NULL;
  mw_inventory_report_free(report);
  return rc;
}

/* Push a field of the table at @p index, raw. */
static void push_field(lua_State *L, int index, const char *key)
{
  lua_pushstring(L, key);
  lua_rawget(L, index);
}

int mw_lua_inventory_replace(lua_State *L, int index, struct mw_inventory *inventory,
                             const char *source, struct mw_error *err)
{
  int top = lua_gettop(L), containers = index;

  luaL_checkstack(L, 16, "a list of containers");
  push_field(L, index, "containers");
  push_field(L, index, "pods");
  if (!lua_isnil(L, top + 1) || !lua_isnil(L, top + 2))
    containers = top + 1;
  int rc = replace(L, containers, top + 2, inventory, source, err);
  lua_settop(L, top);
  return rc;
}

/* The number at a field of the options, @p default_value when it is not there. */
static double option(lua_State *L, int options, const char *key, double default_value, double max)
{
  push_field(L, options, key);
  double value = lua_isnil(L, -1) ? default_value : lua_tonumber(L, -1);
  if (!lua_isnil(L, -1) && (lua_type(L, -1) != LUA_TNUMBER || !(value >= 0 && value <= max)))
    luaL_argerror(L, options, lua_pushfstring(L, "%s is not a number from 0 to %f", key, max));
  lua_pop(L, 1);
  return value;
}

/* {pods = , priority = , stale_max_s = } at @p options. */
static int configure(lua_State *L, int options, struct mw_inventory *inventory, const char *source,
                     struct mw_error *err)
{
  double stale_max_s = (double)MW_INVENTORY_STALE_MAX_DEFAULT_NS / 1e9;
  double priority =
      option(L, options, "priority", MW_INVENTORY_PRIORITY_DEFAULT, MW_INVENTORY_PRIORITY_MAX);

  luaL_argcheck(L, priority == floor(priority), options, "priority is not a whole number");
  stale_max_s = option(L, options, "stale_max_s", stale_max_s, 1e9);
  struct mw_inventory_source_config config = {.priority = (int)priority,
                                              .stale_max_ns = (int64_t)(stale_max_s * 1e9)};
  return mw_inventory_configure(inventory, source, &config, err);
}

static void check_options(lua_State *L, int options)
{
  for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "a list";
    if (strcmp(key, "pods") != 0 && strcmp(key, "priority") != 0 && strcmp(key, "stale_max_s") != 0)
      luaL_argerror(L, options,
                    lua_pushfstring(L, "it has pods, priority and stale_max_s, not %s", key));
  }
}

/* replace(source, containers, {pods = , priority = , stale_max_s = }) */
static int inventory_replace(lua_State *L)
{
  struct mw_inventory *inventory = mw_context_inventory(mw_lua_context(L));
  const char *source = mw_lua_check_cstring(L, 1);
  struct mw_error err;

  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 3);
  if (lua_isnil(L, 3)) {
    lua_newtable(L);
    lua_replace(L, 3);
  }
  luaL_checktype(L, 3, LUA_TTABLE);
  check_options(L, 3);
  push_field(L, 3, "pods");
  if (configure(L, 3, inventory, source, &err) < 0 || replace(L, 2, 4, inventory, source, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushnumber(L, generation_of(inventory));
  return 1;
}

const luaL_Reg mw_lua_inventory_functions[] = {
    {"containers", inventory_containers},
    {"generation", inventory_generation},
    {"pods", inventory_pods},
    {"sources", inventory_sources},
    {NULL, NULL},
};

const luaL_Reg mw_lua_inventory_owner_functions[] = {
    {"replace", inventory_replace},
    {NULL, NULL},
};
