/**
 * @file task_internal.h
 * What the parts of a task share; nobody else includes it.
 */
#ifndef MW_TASK_INTERNAL_H
#define MW_TASK_INTERNAL_H

#include <lua.h>
#include <stdbool.h>

#include "agent/task.h"
#include "base/buf.h"
#include "bindings/lua_http.h"
#include "script/script.h"

struct mw_task_kind_words {
  const char *folder, *noun, *function;
};

struct mw_task {
  struct mw_task_config config;
  char *name, *path;
  struct mw_script *script;
  struct mw_http_budget http_budget;
  struct mw_buf body; /**< of the message that is being emitted: here a Lua error cannot leak it */
  double interval_s;
  int64_t state_version; /**< as its table says */
  bool list_refused;     /**< of a source: the inventory did not take its last list */
  int rc; /**< of the step that is going on, with its error, when it failed without raising */
  struct mw_error *err;
};

const struct mw_task_kind_words *mw_task_words(const struct mw_task *task);

/* ---- The file (task_find.c) ---- */

/** Set name and path. @return 0; -ENOENT with those that there are; -ENOMEM; -errno of access(2).
 */
int mw_task_find_file(struct mw_task *task, struct mw_error *err);

/** Tell whoever wants to know of the files that were read or looked for. */
void mw_task_tell_files(const struct mw_task *task);

/* ---- What a script is given (task_context.c) ---- */

/** Make the context of the options on top of the stack, which it takes. Raises. */
void mw_task_make_context(lua_State *L, struct mw_task *task);

/** Push the context, with the time of this run. Raises. */
void mw_task_push_context(lua_State *L, struct mw_task *task);

/* ---- What a script declares (task_declared.c) ---- */

/** Look at the table on top of the stack, which stays there. Raises. @return false: it is wrong,
 * and the task's step has failed. */
bool mw_task_check_table(lua_State *L, struct mw_task *task);

/* ---- Steps inside the script's state ---- */

/**
 * Call @p function with @p argument as light userdata, within the task's budget.
 * @return what the function set as the task's rc, or as mw_script_call.
 */
int mw_task_step(struct mw_task *task, lua_CFunction function, void *argument,
                 struct mw_error *err);

/** For a step: set its rc and its error. @return 0, for the step to return. */
int mw_task_fail(struct mw_task *task, int code, const char *what);

/** What a function of the script returned, at @p index and behind it, is nil and why, or false: the
 * step fails. */
bool mw_task_has_failed(lua_State *L, int index, struct mw_task *task);

#endif
