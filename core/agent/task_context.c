/* What a script is given in each run: its options, the time, and how it sends messages. */
#include <ctype.h>
#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/task_internal.h"
#include "bindings/bindings.h"
#include "bindings/lua_json.h"
#include "bindings/lua_util.h"
#include "script/owner.h"

#define KIND_MAX_BYTES 64
#define TAGS_MAX 256

static struct mw_task *own_task(lua_State *L)
{
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* Emit the value at @p index. */
static void emit(lua_State *L, int index, const char *kind)
{
  struct mw_task *task = own_task(L);
  struct mw_error err;

  mw_buf_clear(&task->body);
  int rc = mw_lua_json_encode(L, index, &task->body, &err);
  if (rc == -ETIME)
    mw_script_stop(L);
  if (rc < 0)
    luaL_error(L, "cannot emit a message of kind %s: %s", kind, err.text);
  struct mw_message message = {
      .script = task->name,
      .kind = kind,
      .schema = MW_MESSAGE_SCHEMA,
      .emitted_at_ns = mw_clock_wall_ns(mw_context_clock(task->config.context)),
      .body = {task->body.data, task->body.len_bytes},
  };
  if (task->config.emit && task->config.emit(task->config.emit_data, &message, &err) < 0)
    luaL_error(L, "cannot emit a message of kind %s: %s", kind, err.text);
}

/* A kind names a queue and a file some day, and is printed as it is. */
static bool is_kind(const char *kind, size_t kind_bytes)
{
  for (size_t i = 0; i < kind_bytes; i++)
    if (!isalnum((unsigned char)kind[i]) && !memchr("_-.", kind[i], 3))
      return false;
  return kind_bytes > 0 && kind_bytes <= KIND_MAX_BYTES;
}

/* The dot instead of the colon is easily written, and shifts what every argument means. */
static void check_self(lua_State *L)
{
  if (!lua_istable(L, 1))
    luaL_error(L, "it is to be called with a colon, as context:%s(...)",
               lua_tostring(L, lua_upvalueindex(2)));
}

/* context:emit(kind, message) */
static int context_emit(lua_State *L)
{
  size_t kind_bytes;

  check_self(L);
  const char *kind = luaL_checklstring(L, 2, &kind_bytes);

  luaL_argcheck(L, is_kind(kind, kind_bytes), 2, "a kind has 1 to 64 letters, digits, _, - and .");
  luaL_checktype(L, 3, LUA_TTABLE);
  emit(L, 3, kind);
  return 0;
}

static int by_bytes(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Push the tags of the list at @p index in their order; nil when there are none. */
static void push_tags(lua_State *L, int index, int arg)
{
  const char *tags[TAGS_MAX];
  size_t count = lua_istable(L, index) ? lua_objlen(L, index) : 0;

  luaL_argcheck(L, count <= TAGS_MAX, arg, "more than 256 tags"); /* first: it is quick */
  luaL_argcheck(L,
                lua_isnil(L, index) || (lua_istable(L, index) && mw_lua_is_list(L, index, count)),
                arg, "tags are not a list");
  if (count == 0) {
    lua_pushnil(L);
    return;
  }
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, index, (int)i + 1);
    luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, arg, "a tag is not a string");
    tags[i] = mw_lua_check_cstring(L, -1); /* stays where it is: the list has it */
    lua_pop(L, 1);
  }
  qsort(tags, count, sizeof tags[0], by_bytes);
  lua_createtable(L, (int)count, 0);
  for (size_t i = 0; i < count; i++) {
    lua_pushstring(L, tags[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

/* context:gauge(name, value, tags) and its siblings, which differ in the type alone. */
static int context_metric(lua_State *L)
{
  check_self(L);
  luaL_argcheck(L, mw_lua_check_cstring(L, 2)[0] != '\0', 2, "a metric needs a name");
  double value = luaL_checknumber(L, 3);

  luaL_argcheck(L, isfinite(value), 3, "not a finite number");
  lua_settop(L, 4);
  lua_createtable(L, 0, 4);
  lua_pushvalue(L, 2);
  lua_setfield(L, 5, "metric");
  lua_pushvalue(L, lua_upvalueindex(2));
  lua_setfield(L, 5, "type");
  lua_pushnumber(L, value); /* also when it was given as text */
  lua_setfield(L, 5, "value");
  push_tags(L, 4, 4);
  lua_setfield(L, 5, "tags");
  emit(L, 5, "metric");
  return 0;
}

/* context:event{title=..., text=..., severity=..., tags=...} */
static int context_event(lua_State *L)
{
  const volatile sig_atomic_t *stop = mw_script_stop_flag(L);

  check_self(L);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, 2);) {
    if (*stop)
      return mw_script_stop(L);
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, 3);
  }
  lua_getfield(L, 3, "title");
  luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 2, "an event needs a title");
  lua_getfield(L, 3, "tags");
  push_tags(L, 5, 2);
  lua_setfield(L, 3, "tags");
  emit(L, 3, "event");
  return 0;
}

static int context_next_group_id(lua_State *L)
{
  struct mw_task *task = own_task(L);

  check_self(L);
  lua_pushinteger(L, task->config.group_ids ? mw_group_ids_next(task->config.group_ids) : 1);
  return 1;
}

static const char context_key; /* its address is the key in the registry */

static void add_method(lua_State *L, struct mw_task *task, const char *name, lua_CFunction function)
{
  lua_pushlightuserdata(L, task);
  lua_pushstring(L, name);
  mw_push_binding(L, "context", name, function, 2);
  lua_setfield(L, -2, name);
}

void mw_task_make_context(lua_State *L, struct mw_task *task)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&context_key);
  lua_newtable(L);
  lua_pushvalue(L, -3);
  lua_setfield(L, -2, "options");
  lua_pushstring(L, task->name);
  lua_setfield(L, -2, "name");
  lua_pushnumber(L, task->interval_s);
  lua_setfield(L, -2, "interval_s");
  if (task->config.kind == MW_TASK_CHECK || task->config.kind == MW_TASK_COMMAND) {
    static const char *const types[] = {"gauge", "count", "rate", "monotonic_count"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
      add_method(L, task, types[i], context_metric);
    add_method(L, task, "emit", context_emit);
    add_method(L, task, "event", context_event);
    add_method(L, task, "next_group_id", context_next_group_id);
  }
  lua_rawset(L, LUA_REGISTRYINDEX);
  lua_pop(L, 1);
}

void mw_task_push_context(lua_State *L, struct mw_task *task)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&context_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  lua_pushnumber(L, (double)mw_clock_wall_ns(mw_context_clock(task->config.context)) / 1e9);
  lua_setfield(L, -2, "now_s");
}
