#include "agent/task.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "agent/task_internal.h"
#include "bindings/bindings.h"
#include "bindings/lua_http.h"
#include "bindings/lua_inventory.h"
#include "bindings/lua_log.h"
#include "bindings/lua_util.h"

#define MESSAGE_MAX_BYTES ((size_t)16 << 20)

static const struct mw_task_kind_words kinds[] = {
    [MW_TASK_SOURCE] = {"sources", "source", "list"},
    [MW_TASK_CHECK] = {"checks", "check", "run"},
    [MW_TASK_SINK] = {"sinks", "sink", "deliver"},
    [MW_TASK_COMMAND] = {"commands", "command", "run"},
};

const struct mw_task_kind_words *mw_task_words(const struct mw_task *task)
{
  return &kinds[task->config.kind];
}

/* ---- Steps inside the script's state ---- */

int mw_task_fail(struct mw_task *task, int code, const char *what)
{
  task->rc = mw_error_set(task->err, code, "%s: %s", task->path, what);
  return 0;
}

bool mw_task_has_failed(lua_State *L, int index, struct mw_task *task)
{
  bool refused = lua_isboolean(L, index) && !lua_toboolean(L, index);

  if (lua_toboolean(L, index) || (!refused && lua_isnil(L, index + 1)))
    return false;
  mw_task_fail(task, ECANCELED,
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
  if (!mw_task_check_table(L, task))
    return 0;
  lua_getfield(L, 2, "options");
  task->rc = mw_options_push(L, 3, task->name, task->config.options, task->config.options_count,
                             task->err);
  if (task->rc < 0)
    return 0;
  lua_pushvalue(L, -1);
  mw_task_make_context(L, task);
  lua_getfield(L, 2, "init");
  if (lua_isnil(L, -1))
    return 0;
  lua_pushvalue(L, -2);
  lua_call(L, 1, 2);
  mw_task_has_failed(L, lua_gettop(L) - 1, task);
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
      return mw_task_fail(task, EBADMSG,
                          "list returned \"unchanged\", but its last list was refused");
    return mw_inventory_renew(inventory, task->name, task->err) < 0
               ? refuse_list(task, "list returned \"unchanged\"")
               : 0;
  }
  if (!lua_istable(L, 2))
    return mw_task_fail(task, EBADMSG,
                        "list returned neither a list of containers nor \"unchanged\"");
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
  lua_getfield(L, -1, mw_task_words(task)->function);
  lua_remove(L, -2);
  mw_task_push_context(L, task);
  lua_call(L, 1, 2);
  if (mw_task_has_failed(L, 2, task))
    return 0;
  return task->config.kind == MW_TASK_SOURCE ? take_list(L, task) : 0;
}

int mw_task_step(struct mw_task *task, lua_CFunction function, void *argument, struct mw_error *err)
{
  struct mw_error own;

  task->rc = 0;
  task->err = err ? err : &own;
  int rc = mw_script_call(task->script, function, argument, task->config.timeout_ms, task->err);
  if (rc == 0)
    return task->rc;
  mw_error_prefix(task->err, "%s %s", mw_task_words(task)->noun, task->name);
  return rc;
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

static int admit(struct mw_task *task, struct mw_error *err)
{
  return task->config.admit ? task->config.admit(task->config.admit_data, task->path, err) : 0;
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
  bool failed = mw_task_find_file(task, err) < 0 || admit(task, err) < 0 || load(task, err) < 0 ||
                mw_task_step(task, start, task, err) < 0;
  mw_task_tell_files(task);
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

uint32_t mw_task_http_requests_count(const struct mw_task *task)
{
  return task->http_budget.used_count;
}

int mw_task_run(struct mw_task *task, struct mw_error *err)
{
  struct mw_error own, *why = err ? err : &own;

  mw_task_begin_run(task);
  int rc = mw_task_step(task, run, task, why);

  if (rc < 0 && task->config.kind == MW_TASK_SOURCE)
    mw_inventory_fail(mw_context_inventory(task->config.context), task->name, why->text, NULL);
  return rc;
}
