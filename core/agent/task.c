#include "agent/task.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "bindings/bindings.h"
#include "bindings/lua_http.h"
#include "bindings/lua_inventory.h"
#include "bindings/lua_json.h"
#include "bindings/lua_log.h"
#include "bindings/lua_util.h"
#include "script/owner.h"
#include "script/script.h"

#define API_VERSION 1
#define INTERVAL_DEFAULT_S 10
#define SINK_INTERVAL_DEFAULT_S 1
#define INTERVALS_UNTIL_STALE 3
#define KIND_MAX_BYTES 64
#define TAGS_MAX 256
#define MESSAGE_MAX_BYTES ((size_t)16 << 20)

struct mw_task {
  struct mw_task_config config;
  char *name, *path;
  struct mw_script *script;
  struct mw_http_budget http_budget;
  struct mw_buf body; /* of the message that is being emitted: here a Lua error cannot leak it */
  double interval_s;
  bool list_refused; /* of a source: the inventory did not take its last list */
  int rc; /* of the step that is going on, with its error, when it failed without raising */
  struct mw_error *err;
};

static const struct kind {
  const char *folder, *noun, *function;
} kinds[] = {
    [MW_TASK_SOURCE] = {"sources", "source", "list"},
    [MW_TASK_CHECK] = {"checks", "check", "run"},
    [MW_TASK_SINK] = {"sinks", "sink", "deliver"},
    [MW_TASK_COMMAND] = {"commands", "command", "run"},
};

static const struct kind *kind_of(const struct mw_task *task)
{
  return &kinds[task->config.kind];
}

/* ---- What a script is given: its context ---- */

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

/* Make the context of the options on top of the stack, which it takes. */
static void make_context(lua_State *L, struct mw_task *task)
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

/* Push the context, with the time of this run. */
static void push_context(lua_State *L, struct mw_task *task)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&context_key);
  lua_rawget(L, LUA_REGISTRYINDEX);
  lua_pushnumber(L, (double)mw_clock_wall_ns(mw_context_clock(task->config.context)) / 1e9);
  lua_setfield(L, -2, "now_s");
}

/* ---- Steps inside the script's state ---- */

static int fail(struct mw_task *task, int code, const char *what)
{
  task->rc = mw_error_set(task->err, code, "%s: %s", task->path, what);
  return 0;
}

static int check_api(lua_State *L, struct mw_task *task)
{
  lua_getfield(L, -1, "api");
  double api = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
  lua_pop(L, 1);
  if (api == API_VERSION)
    return 1;
  return fail(task, EBADMSG,
              api > API_VERSION ? "is written for a newer moonwatch (this one has api = 1)"
                                : "its table lacks api = 1");
}

/* A field that is not there, and another whose name is almost the same: a slip that would go
 * unnoticed, since both fields may be left out. */
static int check_spelling(lua_State *L, struct mw_task *task, const char *field)
{
  const volatile sig_atomic_t *stop = mw_script_stop_flag(L);
  char what[160] = "";

  lua_pushstring(L, field);
  lua_rawget(L, -2);
  bool is_there = !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (is_there)
    return 1;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (*stop) /* there may be very many fields */
      return mw_script_stop(L);
    if (lua_type(L, -2) == LUA_TSTRING && mw_edit_distance(lua_tostring(L, -2), field, 2) <= 2)
      snprintf(what, sizeof what, "its table has a field \"%.64s\"; did you mean \"%s\"?",
               lua_tostring(L, -2), field);
  }
  return *what ? fail(task, EBADMSG, what) : 1;
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
    return fail(task, EBADMSG, "interval_s is not a number of seconds from 0.01 to 86400");
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
  if (!check_spelling(L, task, "priority"))
    return 0;
  lua_getfield(L, -1, "priority");
  double priority = lua_isnil(L, -1) ? MW_INVENTORY_PRIORITY_DEFAULT : lua_tonumber(L, -1);
  bool fine = lua_isnil(L, -1) || lua_type(L, -1) == LUA_TNUMBER;
  lua_pop(L, 1);
  if (!fine || !(priority >= 0 && priority <= MW_INVENTORY_PRIORITY_MAX) ||
      priority != floor(priority))
    return fail(task, EBADMSG, "priority is not a whole number from 0 to 1000");
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
  snprintf(what, sizeof what, "its table has no function %s, which every %s needs", name,
           kind_of(task)->noun);
  return fail(task, EBADMSG, what);
}

/* What a function of the script returned, at @p index and behind it: nil and why, or false. */
static bool has_failed(lua_State *L, int index, struct mw_task *task)
{
  bool refused = lua_isboolean(L, index) && !lua_toboolean(L, index);

  if (lua_toboolean(L, index) || (!refused && lua_isnil(L, index + 1)))
    return false;
  fail(task, ECANCELED,
       lua_type(L, index + 1) == LUA_TSTRING ? lua_tostring(L, index + 1)
       : lua_isnil(L, index + 1)             ? "returned false without saying why"
                                             : "failed with an error that is not a text");
  return true;
}

/* Look at the table, set the options, call init. */
static int start(lua_State *L)
{
  struct mw_task *task = lua_touserdata(L, 1);

  mw_script_push_table(task->script);
  if (!check_api(L, task) || !check_spelling(L, task, "interval_s") ||
      !check_spelling(L, task, "options") || !check_interval(L, task) ||
      !check_function(L, task, kind_of(task)->function, true) ||
      !check_function(L, task, "init", false) || !check_priority(L, task))
    return 0;
  lua_getfield(L, 2, "options");
  task->rc = mw_options_push(L, 3, task->name, task->config.options, task->config.options_count,
                             task->err);
  if (task->rc < 0)
    return 0;
  lua_pushvalue(L, -1);
  make_context(L, task);
  lua_getfield(L, 2, "init");
  if (lua_isnil(L, -1))
    return 0;
  lua_pushvalue(L, -2);
  lua_call(L, 1, 2);
  has_failed(L, lua_gettop(L) - 1, task);
  return 0;
}

static int refuse_list(struct mw_task *task, const char *what)
{
  mw_error_prefix(task->err, "%s: %s", task->path, what);
  task->rc = -task->err->code;
  return 0;
}

/* What a source returned, at index 2: its list, its lists, or "unchanged". */
static int take_list(lua_State *L, struct mw_task *task)
{
  struct mw_inventory *inventory = mw_context_inventory(task->config.context);

  if (lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), "unchanged") == 0) {
    if (task->list_refused)
      return fail(task, EBADMSG, "list returned \"unchanged\", but its last list was refused");
    return mw_inventory_renew(inventory, task->name, task->err) < 0
               ? refuse_list(task, "list returned \"unchanged\"")
               : 0;
  }
  if (!lua_istable(L, 2))
    return fail(task, EBADMSG, "list returned neither a list of containers nor \"unchanged\"");
  task->list_refused = true;
  int rc = mw_lua_inventory_replace(L, 2, inventory, task->name, task->err);
  if (rc == -ETIME)
    return mw_script_stop(L);
  if (rc < 0)
    return refuse_list(task, "list returned a list that is not one of containers");
  task->list_refused = false;
  return 0;
}

static int run(lua_State *L)
{
  struct mw_task *task = lua_touserdata(L, 1);

  mw_script_push_table(task->script);
  lua_getfield(L, -1, kind_of(task)->function);
  lua_remove(L, -2);
  push_context(L, task);
  lua_call(L, 1, 2);
  if (has_failed(L, 2, task))
    return 0;
  return task->config.kind == MW_TASK_SOURCE ? take_list(L, task) : 0;
}

static int step(struct mw_task *task, lua_CFunction function, struct mw_error *err)
{
  struct mw_error own;

  task->rc = 0;
  task->err = err ? err : &own;
  int rc = mw_script_call(task->script, function, task, task->config.timeout_ms, task->err);
  if (rc == 0)
    return task->rc;
  mw_error_prefix(task->err, "%s %s", kind_of(task)->noun, task->name);
  return rc;
}

/* ---- Finding the file ---- */

static bool is_path(const char *name)
{
  size_t name_bytes = strlen(name);
  return strchr(name, '/') || (name_bytes > 4 && strcmp(name + name_bytes - 4, ".lua") == 0);
}

static char *base_name(const char *path)
{
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  size_t name_bytes = strlen(name);

  if (name_bytes > 4 && strcmp(name + name_bytes - 4, ".lua") == 0)
    name_bytes -= 4;
  return strndup(name, name_bytes);
}

/* Add the names of the scripts in @p folder to @p names, and consider each as a suggestion. */
static void list_scripts(const char *folder, struct mw_buf *names, struct mw_suggestion *suggestion,
                         char closest[static 64])
{
  struct dirent **entries;
  int count = scandir(folder, &entries, NULL, alphasort);

  for (int i = 0; i < count; i++) {
    size_t name_bytes = strlen(entries[i]->d_name);
    if (name_bytes > 4 && name_bytes < 64 &&
        strcmp(entries[i]->d_name + name_bytes - 4, ".lua") == 0) {
      entries[i]->d_name[name_bytes - 4] = '\0';
      mw_buf_printf(names, NULL, "%s%s", names->len_bytes > 0 ? ", " : "", entries[i]->d_name);
      const char *before = suggestion->closest;
      mw_suggestion_consider(suggestion, entries[i]->d_name);
      if (suggestion->closest != before) {
        strcpy(closest, entries[i]->d_name);
        suggestion->closest = closest;
      }
    }
    free(entries[i]);
  }
  if (count >= 0)
    free(entries);
}

static int not_found(const struct mw_task *task, struct mw_error *err)
{
  struct mw_suggestion suggestion = {.wanted = task->config.name};
  char folder[4096], closest[64];
  MW_AUTO_BUF names;

  mw_buf_init(&names, 2048);
  for (const char *const *dir = task->config.script_dirs; *dir; dir++) {
    snprintf(folder, sizeof folder, "%s/%s", *dir, kind_of(task)->folder);
    list_scripts(folder, &names, &suggestion, closest);
  }
  const char *noun = kind_of(task)->noun;
  if (suggestion.closest)
    return mw_error_set(err, ENOENT, "there is no %s \"%s\"; did you mean \"%s\"?", noun,
                        task->config.name, suggestion.closest);
  if (names.len_bytes > 0)
    return mw_error_set(err, ENOENT, "there is no %s \"%s\"; there are: %s", noun,
                        task->config.name, names.data);
  return mw_error_set(err, ENOENT, "there is no %s \"%s\", and none at all below %s/%s", noun,
                      task->config.name, task->config.script_dirs[0], kind_of(task)->folder);
}

static void tell_file(const struct mw_task *task, const char *path)
{
  if (task->config.on_file)
    task->config.on_file(task->config.on_file_data, path);
}

static void tell_files(const struct mw_task *task)
{
  const char *path;

  for (size_t i = 0; task->script && (path = mw_script_file(task->script, i)); i++)
    tell_file(task, path);
}

static int find_file(struct mw_task *task, struct mw_error *err)
{
  if (is_path(task->config.name)) {
    task->path = strdup(task->config.name);
    task->name = base_name(task->config.name);
    return task->path && task->name ? 0 : mw_error_set(err, ENOMEM, "out of memory");
  }
  task->name = strdup(task->config.name);
  for (const char *const *dir = task->config.script_dirs; *dir; dir++) {
    free(task->path);
    if (asprintf(&task->path, "%s/%s/%s.lua", *dir, kind_of(task)->folder, task->config.name) < 0)
      task->path = NULL;
    if (!task->name || !task->path)
      return mw_error_set(err, ENOMEM, "out of memory");
    tell_file(task, task->path);
    if (access(task->path, F_OK) == 0)
      return 0;
    if (errno != ENOENT && errno != ENOTDIR)
      return mw_error_set(err, errno, "cannot look for %s: %s", task->path, strerror(errno));
  }
  return not_found(task, err);
}

/* ---- Life cycle ---- */

static void prepare(lua_State *L, void *data)
{
  struct mw_task *task = data;

  mw_lua_set_context(L, task->config.context);
  mw_lua_log_set_component(L, task->name);
  if (task->config.http_requests_max) {
    task->http_budget =
        (struct mw_http_budget){.script = task->name, .max_count = *task->config.http_requests_max};
    mw_lua_set_http_budget(L, &task->http_budget);
  }
}

static int load(struct mw_task *task, struct mw_error *err)
{
  struct mw_script_config config = {
      .name = task->name,
      .memory_max_bytes = task->config.memory_max_bytes,
      .modules = mw_lua_sandbox_modules,
      .module_dirs = task->config.script_dirs,
      .trusted_only = task->config.trusted_only,
      .prepare = prepare,
      .prepare_data = task,
  };

  task->script = mw_script_new(&config, err);
  if (!task->script)
    return -err->code;
  mw_script_limit_cpu(task->script, task->config.cpu_ms);
  int rc = mw_script_load_file(task->script, task->path, task->config.timeout_ms, err);
  if (rc == -EINVAL) /* of the text; to the caller of mw_task_open it would mean its options */
    err->code = EBADMSG;
  return rc;
}

struct mw_task *mw_task_open(const struct mw_task_config *config, struct mw_error *err)
{
  struct mw_task *task = calloc(1, sizeof *task);
  struct mw_error own;

  err = err ? err : &own; /* load looks at it */
  if (!task) {
    mw_error_set(err, ENOMEM, "out of memory for a script");
    return NULL;
  }
  task->config = *config;
  if (task->config.timeout_ms <= 0)
    task->config.timeout_ms = MW_TASK_TIMEOUT_DEFAULT_MS;
  mw_buf_init(&task->body, MESSAGE_MAX_BYTES);
  bool failed = find_file(task, err) < 0 || load(task, err) < 0 || step(task, start, err) < 0;
  tell_files(task);
  if (failed) {
    mw_task_close(task);
    return NULL;
  }
  task->config.priority = NULL;
  task->config.options = NULL;
  task->config.options_count = 0;
  return task;
}

void mw_task_close(struct mw_task *task)
{
  if (!task)
    return;
  mw_script_free(task->script);
  mw_buf_deinit(&task->body);
  free(task->name);
  free(task->path);
  free(task);
}

double mw_task_interval_s(const struct mw_task *task)
{
  return task->interval_s;
}

enum mw_stop mw_task_stopped_by(const struct mw_task *task)
{
  return mw_script_stopped_by(task->script);
}

bool mw_task_is_over_memory(const struct mw_task *task)
{
  return mw_script_is_over_memory(task->script);
}

const char *mw_task_file(const struct mw_task *task, size_t index)
{
  return mw_script_file(task->script, index);
}

size_t mw_task_memory_bytes(const struct mw_task *task)
{
  return mw_script_memory_bytes(task->script);
}

size_t mw_task_memory_peak_bytes(const struct mw_task *task)
{
  return mw_script_memory_peak_bytes(task->script);
}

int mw_task_run(struct mw_task *task, struct mw_error *err)
{
  struct mw_error own, *why = err ? err : &own;

  mw_task_begin_run(task);
  int rc = step(task, run, why);

  if (rc < 0 && task->config.kind == MW_TASK_SOURCE)
    mw_inventory_fail(mw_context_inventory(task->config.context), task->name, why->text, NULL);
  return rc;
}

/* ---- Calls with more than the context ---- */

void mw_task_begin_run(struct mw_task *task)
{
  task->http_budget.used_count = 0;
}

uint32_t mw_task_http_requests(const struct mw_task *task)
{
  return task->http_budget.used_count;
}

struct calling {
  struct mw_task *task;
  const struct mw_task_call *call;
  int rc;
  struct mw_error *err;
};

static int call_function(lua_State *L)
{
  struct calling *calling = lua_touserdata(L, 1);
  const struct mw_task_call *call = calling->call;

  mw_script_push_table(calling->task->script);
  lua_getfield(L, 2, kind_of(calling->task)->function);
  push_context(L, calling->task);
  int given = call->give(L, call->data);
  lua_call(L, 1 + given, 3);
  calling->rc = call->take(L, 3, call->data, calling->err);
  return 0;
}

int mw_task_call(struct mw_task *task, const struct mw_task_call *call, struct mw_error *err)
{
  struct calling calling = {.task = task, .call = call, .err = err};

  mw_script_limit_cpu(task->script, call->cpu_ms);
  int rc = mw_script_call(task->script, call_function, &calling, call->timeout_ms, err);
  if (rc < 0)
    mw_error_prefix(err, "%s %s", kind_of(task)->noun, task->name);
  return rc < 0 ? rc : calling.rc;
}

struct looking {
  struct mw_task *task;
  int (*look)(lua_State *L, void *data, struct mw_error *err);
  void *data;
  int rc;
  struct mw_error *err;
};

static int look_at_table(lua_State *L)
{
  struct looking *looking = lua_touserdata(L, 1);

  mw_script_push_table(looking->task->script);
  looking->rc = looking->look(L, looking->data, looking->err);
  return 0;
}

int mw_task_look(struct mw_task *task, int (*look)(lua_State *L, void *data, struct mw_error *err),
                 void *data, struct mw_error *err)
{
  struct looking looking = {.task = task, .look = look, .data = data, .err = err};
  int rc = mw_script_call(task->script, look_at_table, &looking, task->config.timeout_ms, err);

  if (rc == 0 && looking.rc < 0)
    mw_error_prefix(err, "%s", task->path);
  return rc < 0 ? rc : looking.rc;
}
