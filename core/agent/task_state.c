/* What a script keeps over a reload: save of the old one, restore of the new one. */
#include <errno.h>
#include <lauxlib.h>

#include "agent/task_internal.h"
#include "base/buf.h"
#include "script/plain.h"

#define STATE_MAX_BYTES ((size_t)1 << 20)

/* On its way from the one state to the other. */
struct parcel {
  struct mw_task *task; /* whose step it is */
  struct mw_buf data;
  int64_t version;
};

static bool has_function(lua_State *L, const struct mw_task *task, const char *name)
{
  mw_script_push_table(task->script);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
  return lua_isfunction(L, -1);
}

/* 1: it has one. */
static int look_for_restore(lua_State *L)
{
  struct parcel *parcel = lua_touserdata(L, 1);

  parcel->task->rc = has_function(L, parcel->task, "restore");
  return 0;
}

/* What it returns; nothing when it has nothing to keep. */
static int save(lua_State *L)
{
  struct parcel *parcel = lua_touserdata(L, 1);
  struct mw_task *task = parcel->task;

  if (!has_function(L, task, "save"))
    return 0;
  lua_call(L, 0, 2);
  if (mw_task_has_failed(L, 2, task) || lua_isnil(L, 2))
    return 0;
  lua_settop(L, 2);
  task->rc = mw_plain_pack(L, &parcel->data, task->err);
  return 0;
}

static int restore(lua_State *L)
{
  struct parcel *parcel = lua_touserdata(L, 1);
  struct mw_task *task = parcel->task;

  has_function(L, task, "restore");
  task->rc = mw_plain_unpack(L, parcel->data.data, parcel->data.len_bytes, task->err);
  if (task->rc < 0)
    return 0;
  lua_pushnumber(L, (lua_Number)parcel->version);
  lua_call(L, 2, 2);
  mw_task_has_failed(L, 2, task);
  return 0;
}

static int step(struct parcel *parcel, struct mw_task *task, lua_CFunction function,
                const char *name, struct mw_error *err)
{
  parcel->task = task;
  int rc = mw_task_step(task, function, parcel, err);
  if (rc < 0)
    mw_error_prefix(err, "%s", name);
  return rc;
}

int mw_task_hand_over(struct mw_task *from, struct mw_task *to, struct mw_error *err)
{
  struct parcel parcel = {.version = from->state_version};

  mw_buf_init(&parcel.data, STATE_MAX_BYTES);
  int rc = step(&parcel, to, look_for_restore, "restore", err);
  if (rc > 0)
    rc = step(&parcel, from, save, "save", err);
  if (rc == 0 && parcel.data.len_bytes > 0)
    rc = step(&parcel, to, restore, "restore", err);
  mw_buf_deinit(&parcel.data);
  return rc;
}
