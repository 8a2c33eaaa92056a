/**
 * @file deadline.h
 * Stops a Lua state at a point in time, when it has used up its CPU time, or when another thread
 * says so, whatever the script does to prevent it.
 *
 * A POSIX timer sends MW_DEADLINE_SIGNAL to the thread that runs the state: first at the deadline,
 * then every millisecond until the state has noticed. The handler sets a flag, for C functions that
 * loop, and a hook that raises an error at the next instruction, line, call or return, and at every
 * one after that, so pcall cannot swallow it.
 *
 * The signal goes to the thread itself because a hook that another thread sets can be lost for
 * good: LuaJIT saves and restores its hook mask around finalizers. It is repeated because even a
 * hook that is set here can be overwritten once by such a restore.
 *
 * Source: timer_create(2) with SIGEV_THREAD_ID, on CLOCK_MONOTONIC and CLOCK_THREAD_CPUTIME_ID;
 * pthread_sigqueue(3), lua_sethook.
 * Thread-safety: a deadline belongs to the thread that has armed it; different threads may use
 * different deadlines at the same time.
 */
#ifndef MW_SCRIPT_DEADLINE_H
#define MW_SCRIPT_DEADLINE_H

#include <lua.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "moonwatch/error.h"

/** The process must leave this signal alone; its handler is installed once, with SA_RESTART. */
#define MW_DEADLINE_SIGNAL (SIGRTMIN + 7)

enum mw_stop {
  MW_STOP_NONE,
  MW_STOP_WALL,        /**< the deadline */
  MW_STOP_CPU,         /**< the limit of CPU time */
  MW_STOP_INTERRUPTED, /**< mw_deadline_interrupt */
};

struct mw_deadline {
  lua_State *L;
  timer_t timer;     /**< made for one thread and armed again for each call */
  timer_t cpu_timer; /**< the same, on the clock of the thread's CPU time */
  bool has_cpu_timer;
  pid_t thread_id;      /**< that the timer was made for; 0: there is no timer yet */
  uint64_t thread_mark; /**< the same thread, by a number that never comes again */
  bool armed;
  int64_t timeout_ms;
  int64_t cpu_limit_ms;               /**< 0: none */
  int64_t expires_ns;                 /**< on CLOCK_MONOTONIC, without waits at the gate */
  int64_t waited_before_ns;           /**< at the gate, when it was armed */
  int64_t cpu_expires_ns;             /**< on CLOCK_THREAD_CPUTIME_ID */
  volatile sig_atomic_t stop;         /**< enum mw_stop: why the last call was stopped */
  volatile sig_atomic_t expired;      /**< set by the handler; C functions that loop look at it */
  char message[160];                  /**< of its error, with the place where it struck first */
  const char *phrase;                 /**< the part of it behind the place */
  volatile sig_atomic_t raised;       /**< an error was raised, so the timer has stopped */
  struct mw_deadline *volatile outer; /**< armed on this thread when this one was */
};

/** @p L is the main state, made with a struct mw_script as its allocator. */
void mw_deadline_init(struct mw_deadline *deadline, lua_State *L);
void mw_deadline_deinit(struct mw_deadline *deadline); /**< accepts a zeroed deadline */

/**
 * From the next arm on: stop the state as well when its thread has used @p cpu_ms of CPU time (0 or
 * less: no limit). The kernel looks at each tick of its clock, so it may be some milliseconds more.
 */
void mw_deadline_limit_cpu(struct mw_deadline *deadline, int64_t cpu_ms);

/**
 * Stop the state @p timeout_ms from now (0 or less: never, nor for CPU time). Time that its thread
 * waits for a place at the gate does not count (mw_gate_waited_ns). Each arm needs its
 * disarm, on the same thread. @return 0, or -errno of timer_create(2); nothing is armed then.
 */
int mw_deadline_arm(struct mw_deadline *deadline, int64_t timeout_ms, struct mw_error *err);

/**
 * Stop the timer, then take the hook away. A signal that is still under way does nothing.
 * @return whether the deadline has raised an error.
 */
bool mw_deadline_disarm(struct mw_deadline *deadline);

/** Until the first of the deadlines that are armed on this thread; at least 0; INT64_MAX: none is.
 */
int64_t mw_deadline_left_ms(void);

/**
 * Stop whatever state runs under a deadline in @p thread, which has not been joined yet, and what
 * it waits for in the core (base/interrupt.h). From any
 * thread. To be repeated until that thread has answered: between two calls it does nothing.
 */
void mw_deadline_interrupt(pthread_t thread);

/**
 * For C functions that loop and have found expired set: raise the error in @p L, the state or one
 * of its coroutines. Never returns.
 */
int mw_deadline_raise(struct mw_deadline *deadline, lua_State *L);

#endif
