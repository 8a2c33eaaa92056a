/**
 * @file task.h
 * One script at work: a source that lists containers, a check that emits messages, or a sink that
 * delivers them.
 *
 * A task finds the script's file, loads it into a sandbox of its own, looks at what it declares,
 * gives it its options, and runs it. Whatever goes wrong is an error of this task alone.
 *
 * Thread-safety: none; a task belongs to one thread at a time. Tasks share their context.
 */
#ifndef MW_TASK_H
#define MW_TASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/message.h"
#include "agent/options.h"
#include "bindings/context.h"
#include "moonwatch/error.h"
#include "script/deadline.h"

struct mw_task;

/** A command is a script of the program's own: it runs like a check, and prints what it emits. */
enum mw_task_kind { MW_TASK_SOURCE, MW_TASK_CHECK, MW_TASK_SINK, MW_TASK_COMMAND };

struct mw_task_config {
  enum mw_task_kind kind;
  const char *name; /**< "container_rt", or a path that ends in ".lua" */

  /** Directories with sources/, checks/ and moonwatch/; the first that has a file wins; ends with
   *  NULL; borrowed for the life of the task. */
  const char *const *script_dirs;

  struct mw_context *context;      /**< borrowed */
  const struct mw_option *options; /**< only read by mw_task_open */
  size_t options_count;
  double interval_s;       /**< how often it will be run; 0: as the script wants */
  bool trusted_only;       /**< files of scripts that others can write are refused */
  size_t memory_max_bytes; /**< 0: the default of core/script */
  int64_t timeout_ms;      /**< for loading and for each run; 0: MW_TASK_TIMEOUT_DEFAULT_MS */
  int64_t cpu_ms;          /**< CPU time of each of these; 0: no limit */

  /** How often each run, and loading, may ask over HTTP; NULL: no limit; only read by mw_task_open.
   */
  const uint32_t *http_requests_max;

  const int *priority; /**< of a source; NULL: as the script wants; only read by mw_task_open */
  double stale_s;      /**< of a source; 0: as its interval wants */

  /** Asked by mw_task_open before the script's file is read; an error, with @p err, refuses it. */
  int (*admit)(void *data, const char *path, struct mw_error *err);
  void *admit_data;

  /** Told by mw_task_open, also when it fails: each file that was read or looked for. */
  void (*on_file)(void *data, const char *path);
  void *on_file_data;

  mw_message_emit *emit; /**< of a check; NULL: messages are dropped */
  void *emit_data;
  struct mw_group_ids *group_ids; /**< borrowed, shared by all checks */
};

#define MW_TASK_API 1 /**< what api a script says that it is written for */
#define MW_TASK_TIMEOUT_DEFAULT_MS 10000
#define MW_TASK_INTERVAL_MIN_S 0.01 /**< of interval_s, in a script and in the configuration */
#define MW_TASK_INTERVAL_MAX_S 86400.0

/**
 * Load, validate, set the options, and call init.
 * @return NULL with @p err: -ENOENT: no such script (the text names those that exist); -EINVAL: an
 * option that does not fit; -EBADMSG: its text, or what it declares, is wrong; else why it does not
 * load.
 */
struct mw_task *mw_task_open(const struct mw_task_config *config, struct mw_error *err);
void mw_task_close(struct mw_task *task); /**< accepts NULL */

/**
 * Give @p to, which was opened and has not run, what @p from keeps: save() of the one, restore() of
 * the other, each within its budget. Nothing is done when @p to has no restore, or @p from no save,
 * or nothing to keep.
 * @return 0, or -errno: @p to may then be in any condition, and has to be opened again.
 */
int mw_task_hand_over(struct mw_task *from, struct mw_task *to, struct mw_error *err);

/** How often it is run: as configured, else interval_s of its table, else every 10 s, or 1 s for a
 *  sink. */
double mw_task_interval_s(const struct mw_task *task);

/** What has stopped the last run, which then has failed with -ETIME. */
enum mw_stop mw_task_stopped_by(const struct mw_task *task);

/** Whether it was its ceiling when the last run has failed with -ENOMEM; else the system's. */
bool mw_task_is_over_memory(const struct mw_task *task);

/** See mw_script_file. */
const char *mw_task_file(const struct mw_task *task, size_t index);

/** Memory of the script's state in bytes: now, and the most since it was made. */
size_t mw_task_memory_bytes(const struct mw_task *task);
size_t mw_task_memory_peak_bytes(const struct mw_task *task);

/** Of the last run; 0 without http_requests_max, too. */
uint32_t mw_task_http_requests_count(const struct mw_task *task);

/**
 * Run it once: list(context) of a source, whose list goes into the inventory, which is told as well
 * when there is none; or run(context) of a check.
 * @return 0, or -errno: the script's own error, its deadline or its memory ceiling.
 */
int mw_task_run(struct mw_task *task, struct mw_error *err);

/** A call of its function with more than the context; see mw_task_call. */
struct mw_task_call {
  /** Push what comes behind the context; the script's table is at index 2. @return how many. */
  int (*give)(lua_State *L, void *data);
  /** What it returned is at @p first, and the two behind it. @return 0, or -errno with @p err. */
  int (*take)(lua_State *L, int first, void *data, struct mw_error *err);
  void *data;
  int64_t timeout_ms, cpu_ms; /**< of this call */
};

/** A run of several calls begins: they share its budget of HTTP requests. */
void mw_task_begin_run(struct mw_task *task);

/** @return as mw_task_run, or what take returned. Both functions may raise, and hold nothing. */
int mw_task_call(struct mw_task *task, const struct mw_task_call *call, struct mw_error *err);

/** Call @p look with the script's table on top of the stack. @return 0, what it returned, or as
 *  mw_task_run. */
int mw_task_look(struct mw_task *task, int (*look)(lua_State *L, void *data, struct mw_error *err),
                 void *data, struct mw_error *err);

#endif
