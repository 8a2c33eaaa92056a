/* What the table of a script declares, and what is wrong with it. */
#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/task_internal.h"
#include "base/suggest.h"
#include "bindings/bindings.h"

#define INTERVAL_DEFAULT_S 10
#define SINK_INTERVAL_DEFAULT_S 1
#define INTERVALS_UNTIL_STALE 3
#define STATE_VERSION_DEFAULT 1
#define STATE_VERSION_MAX 1e9

static int check_api(lua_State *L, struct mw_task *task)
{
  lua_getfield(L, -1, "api");
  double api = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
  lua_pop(L, 1);
  if (api == MW_TASK_API)
    return 1;
  return mw_task_fail(task, EBADMSG,
                      api > MW_TASK_API ? "is written for a newer moonwatch (this one has api = 1)"
                                        : "its table lacks api = 1");
}

struct field {
  const char *name;
  int type;
  size_t slips_max; /* short names have many neighbours */
};

static bool is_slip_of(lua_State *L, const struct field *field)
{
  return lua_type(L, -2) == LUA_TSTRING &&
         (field->type == LUA_TNONE || lua_type(L, -1) == field->type) &&
         mw_edit_distance(lua_tostring(L, -2), field->name, field->slips_max) <= field->slips_max;
}

/* A field that is not there, and another whose name is almost the same: a slip that would go
 * unnoticed, since both fields may be left out. */
static int check_spelling(lua_State *L, struct mw_task *task, const struct field *field)
{
  const volatile sig_atomic_t *stop = mw_script_stop_flag(L);
  char what[160] = "";

  lua_pushstring(L, field->name);
  lua_rawget(L, -2);
  bool is_there = !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (is_there)
    return 1;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (*stop) /* there may be very many fields */
      return mw_script_stop(L);
    if (is_slip_of(L, field))
      snprintf(what, sizeof what, "its table has a field \"%.64s\"; did you mean \"%s\"?",
               lua_tostring(L, -2), field->name);
  }
  return *what ? mw_task_fail(task, EBADMSG, what) : 1;
}

static int check_spellings(lua_State *L, struct mw_task *task)
{
  static const struct field fields[] = {
      {"interval_s", LUA_TNONE, 2},  {"options", LUA_TNONE, 2},  {"state_version", LUA_TNONE, 2},
      {"restore", LUA_TFUNCTION, 1}, {"save", LUA_TFUNCTION, 1}, {"priority", LUA_TNONE, 2},
  };
  size_t count = sizeof fields / sizeof fields[0];

  if (task->config.kind != MW_TASK_SOURCE)
    count--; /* the last one is a source's */
  for (size_t i = 0; i < count; i++)
    if (!check_spelling(L, task, &fields[i]))
      return 0;
  return 1;
}

static int check_state_version(lua_State *L, struct mw_task *task)
{
  lua_getfield(L, -1, "state_version");
  double version = lua_isnil(L, -1) ? STATE_VERSION_DEFAULT : lua_tonumber(L, -1);
  bool fine = lua_isnil(L, -1) || lua_type(L, -1) == LUA_TNUMBER;
  lua_pop(L, 1);
  if (!fine || !(version >= 0 && version <= STATE_VERSION_MAX) || version != floor(version))
    return mw_task_fail(task, EBADMSG, "state_version is not a whole number from 0 to 1000000000");
  task->state_version = (int64_t)version;
  return 1;
}

static int check_interval(lua_State *L, struct mw_task *task)
{
  lua_getfield(L, -1, "interval_s");
  double standard_s =
      task->config.kind == MW_TASK_SINK ? SINK_INTERVAL_DEFAULT_S : INTERVAL_DEFAULT_S;
  double interval_s = lua_isnil(L, -1) ? standard_s : lua_tonumber(L, -1);
  bool fine = lua_isnil(L, -1) || lua_type(L, -1) == LUA_TNUMBER;
  lua_pop(L, 1);
  if (!fine || !(interval_s >= MW_TASK_INTERVAL_MIN_S && interval_s <= MW_TASK_INTERVAL_MAX_S))
    return mw_task_fail(task, EBADMSG, "interval_s is not a number of seconds from 0.01 to 86400");
  task->interval_s = task->config.interval_s > 0 ? task->config.interval_s : interval_s;
  return 1;
}

/* Where a source stands among the others. It is missed when it was not heard of for some of its
 * intervals. */
static int check_priority(lua_State *L, struct mw_task *task)
{
  struct mw_inventory_source_config config = {.stale_max_ns = MW_INVENTORY_STALE_MAX_DEFAULT_NS};
  int64_t missed_ns = (int64_t)(INTERVALS_UNTIL_STALE * task->interval_s * 1e9);

  if (task->config.kind != MW_TASK_SOURCE)
    return 1;
  lua_getfield(L, -1, "priority");
  double priority = lua_isnil(L, -1) ? MW_INVENTORY_PRIORITY_DEFAULT : lua_tonumber(L, -1);
  bool fine = lua_isnil(L, -1) || lua_type(L, -1) == LUA_TNUMBER;
  lua_pop(L, 1);
  if (!fine || !(priority >= 0 && priority <= MW_INVENTORY_PRIORITY_MAX) ||
      priority != floor(priority))
    return mw_task_fail(task, EBADMSG, "priority is not a whole number from 0 to 1000");
  config.priority = task->config.priority ? *task->config.priority : (int)priority;
  if (config.stale_max_ns < missed_ns)
    config.stale_max_ns = missed_ns;
  if (task->config.stale_s > 0)
    config.stale_max_ns = (int64_t)(task->config.stale_s * 1e9);
  task->rc = mw_inventory_configure(mw_context_inventory(task->config.context), task->name, &config,
                                    task->err);
  return task->rc == 0;
}

static int check_function(lua_State *L, struct mw_task *task, const char *name, bool required)
{
  char what[128];

  lua_getfield(L, -1, name);
  bool fine = lua_isfunction(L, -1) || (!required && lua_isnil(L, -1));
  lua_pop(L, 1);
  if (fine)
    return 1;
  if (required)
    snprintf(what, sizeof what, "its table has no function %s, which every %s needs", name,
             mw_task_words(task)->noun);
  else
    snprintf(what, sizeof what, "%s of its table is not a function", name);
  return mw_task_fail(task, EBADMSG, what);
}

bool mw_task_check_table(lua_State *L, struct mw_task *task)
{
  return check_api(L, task) && check_spellings(L, task) && check_interval(L, task) &&
         check_function(L, task, mw_task_words(task)->function, true) &&
         check_function(L, task, "init", false) && check_state_version(L, task) &&
         check_function(L, task, "save", false) && check_function(L, task, "restore", false) &&
         check_priority(L, task);
}
