/**
 * @file owner.h
 * Which thread a Lua state belongs to, and the one way in which functions in C are given to
 * scripts.
 *
 * LuaJIT has no locks: two threads in one state corrupt it, and it falls much later, elsewhere. So
 * builds for development (MW_CHECK_THREADS) compare, in each function that was given to scripts by
 * mw_push_binding, the calling thread with the owner of the state, and abort when it is another.
 * In other builds nothing is compared, and a function is given as it is.
 *
 * The owner is the thread that made the state (a struct mw_script), or that first opened a module
 * in it (plain luajit), until mw_script_own hands it over.
 */
#ifndef MW_SCRIPT_OWNER_H
#define MW_SCRIPT_OWNER_H

#include <lua.h>
#include <stdint.h>
#include <sys/types.h>

#define MW_BINDING_UPVALUES_MAX 2

struct mw_owner {
  uint64_t thread_mark; /**< mw_thread_mark of the owner */
  pid_t thread_id;      /**< for messages */
  char thread_name[16];
};

/**
 * A number of the calling thread that no other thread of the process ever has, which ids of threads
 * do not give: they come again. It is the same in a child after fork(2).
 */
uint64_t mw_thread_mark(void);

/** The calling thread is the owner from now on. */
void mw_owner_take(struct mw_owner *owner);

/** Abort, naming @p module (NULL: none) and @p function, when another thread than the owner calls.
 */
void mw_owner_check(const struct mw_owner *owner, const char *module, const char *function);

/** Make @p owner, which outlives the state, that of @p L. Raises when out of memory. */
void mw_owner_register(lua_State *L, struct mw_owner *owner);

/**
 * Push @p function for scripts to call, with @p upvalues_count (at most MW_BINDING_UPVALUES_MAX)
 * values from the stack as its upvalues, as lua_pushcclosure does. @p module and @p name are for
 * messages, and borrowed for good ("stats", "values"). Raises when out of memory.
 */
void mw_push_binding(lua_State *L, const char *module, const char *name, lua_CFunction function,
                     int upvalues_count);

#endif
