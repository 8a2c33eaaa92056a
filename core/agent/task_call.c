/* Calls of a script's function with more than the context: a sink is given a batch. */
#include "agent/task_internal.h"

void mw_task_begin_run(struct mw_task *task)
{
  task->http_budget.used_count = 0;
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
  lua_getfield(L, 2, mw_task_words(calling->task)->function);
  mw_task_push_context(L, calling->task);
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
  mw_script_limit_cpu(task->script, task->config.cpu_ms);
  if (rc < 0)
    mw_error_prefix(err, "%s %s", mw_task_words(task)->noun, task->name);
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
