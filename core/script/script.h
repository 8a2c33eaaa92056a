/**
 * @file script.h
 * One Lua state that runs somebody else's script: inside a sandbox, under a memory ceiling, with a
 * deadline that nothing in the script can escape.
 *
 * The state has the JIT off, takes source text only, and opens an allow-list of the standard
 * library with safe replacements where the stock function can hang or crash (docs/scripting.md
 * lists both). require has a table of its own: C modules that the host names, and Lua files below
 * the directories that the host names.
 *
 * Deadlines use one real-time signal of the process, MW_DEADLINE_SIGNAL (script/deadline.h), with
 * SA_RESTART; it is unblocked in each thread that runs a script.
 *
 * Thread-safety: none; a script belongs to one thread at a time, and every call on it is made by
 * the thread that runs it (the deadline's signal goes there): the one that made it, or the last one
 * that called mw_script_own. Builds for development abort when another thread calls. Different
 * scripts share nothing.
 */
#ifndef MW_SCRIPT_H
#define MW_SCRIPT_H

#include <lua.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"
#include "script/deadline.h"

struct mw_script;

#define MW_SCRIPT_MEMORY_DEFAULT_BYTES ((size_t)64 << 20)
#define MW_SCRIPT_SOURCE_MAX_BYTES ((size_t)1 << 20)

/** What a script can use of the C stack by recursion through the library (a sort in a sort in ...);
 * a thread that runs scripts needs as much again for the host's own functions. */
#define MW_SCRIPT_STACK_BYTES 131072

/** A C module that the script may require by @p name ("moonwatch.host"). */
struct mw_script_module {
  const char *name;
  lua_CFunction open; /**< leaves the module's table on the stack */
};

struct mw_script_config {
  const char *name;        /**< of the script, for messages: "container_rt"; copied */
  size_t memory_max_bytes; /**< 0: MW_SCRIPT_MEMORY_DEFAULT_BYTES; counts all of the Lua state */
  const struct mw_script_module *modules; /**< ends with a NULL name; NULL: none; borrowed */
  const char *const *module_dirs; /**< "moonwatch.rates" is DIR/moonwatch/rates.lua; ends with NULL;
                                       NULL: none; borrowed */
  bool trusted_only; /**< a file that others can write is refused; see base/trusted.h */
  /** Called once, protected, when the state is ready; may raise. For the registry of the host. */
  void (*prepare)(lua_State *L, void *data);
  void *prepare_data;
};

/** @return NULL with @p err filled (-ENOMEM, or what prepare raised). */
struct mw_script *mw_script_new(const struct mw_script_config *config, struct mw_error *err);
void mw_script_free(struct mw_script *script); /**< accepts NULL */

/** A call that follows is stopped when it has used @p cpu_ms of CPU time (0: no limit). */
void mw_script_limit_cpu(struct mw_script *script, int64_t cpu_ms);

/** What has stopped the last call, which then has failed with -ETIME. */
enum mw_stop mw_script_stopped_by(const struct mw_script *script);

/** Stop the script that runs in @p thread, as mw_deadline_interrupt does. */
void mw_script_interrupt(pthread_t thread);

/** Most files that a script remembers. */
#define MW_SCRIPT_FILES_MAX 512

/**
 * The files that it was made of, and those that it looked for in vain: when one of them changes, or
 * comes to be, a script that is loaded anew may be another one.
 * @return a path, valid until the next call that runs the script, or NULL behind the last one.
 */
const char *mw_script_file(const struct mw_script *script, size_t index);

/**
 * The calling thread runs @p script from now on. The thread that ran it before has nothing more to
 * do with it, and both agree on that by other means (a mutex, pthread_create).
 */
void mw_script_own(struct mw_script *script);

/** Was the last call refused memory for its ceiling alone? When it failed with -ENOMEM otherwise,
 *  the system had none. */
bool mw_script_is_over_memory(const struct mw_script *script);

/** Memory of the state in bytes: now, and the most since it was made. */
size_t mw_script_memory_bytes(const struct mw_script *script);
size_t mw_script_memory_peak_bytes(const struct mw_script *script);

/**
 * Call @p function(L) with @p argument as light userdata at index 1, protected, for at most
 * @p timeout_ms of wall time (0 or less: without end). What it leaves on the stack is dropped.
 *
 * @return 0, or with @p err saying what and where (file, line, traceback):
 * -ETIME: it was stopped, see mw_script_stopped_by; -ENOMEM: the memory ceiling was reached;
 * -ECANCELED: an error was raised; -EBUSY: the script is running already, calls do not nest; or
 * -errno of timer_create(2): nothing was run. Whatever happened, the state can be used again.
 */
int mw_script_call(struct mw_script *script, lua_CFunction function, void *argument,
                   int64_t timeout_ms, struct mw_error *err);

/**
 * Compile @p text under the name @p chunk_name (shown in messages as it is: "checks/load.lua") and
 * run it, for at most @p timeout_ms; it has to return a table, which is kept in the registry until
 * the next load that succeeds. Compiling itself cannot be interrupted; the ceiling on the length of
 * a source bounds it.
 * @return 0; -EINVAL: syntax error, bytecode, or what it returned is not a table; otherwise as
 * mw_script_call.
 */
int mw_script_load_text(struct mw_script *script, const char *chunk_name, const char *text,
                        size_t len_bytes, int64_t timeout_ms, struct mw_error *err);

/** mw_script_load_text of a file of at most MW_SCRIPT_SOURCE_MAX_BYTES. */
int mw_script_load_file(struct mw_script *script, const char *path, int64_t timeout_ms,
                        struct mw_error *err);

/**
 * For functions in C that may go on for long: a flag that is set when the deadline of the script
 * that runs in @p L has passed. Of a state that is no script's, as in plain luajit, it never is.
 */
const volatile sig_atomic_t *mw_script_stop_flag(lua_State *L);

/** For who has found that flag set, and holds nothing: raise the deadline's error. Never returns.
 */
int mw_script_stop(lua_State *L);

/**
 * For C functions that wait: how long the calls that this thread is in may still take, the first
 * deadline of them; at least 0. INT64_MAX: no script runs here, or none that has a deadline.
 */
int64_t mw_script_left_ms(void);

/** Push the table that the last load returned (nil when there was none). Inside mw_script_call. */
void mw_script_push_table(struct mw_script *script);

#endif
