/**
 * @file thread.h
 * What every thread and every timed wait of ours begins with.
 * Thread-safety: no state; every function may be called from any thread.
 */
#ifndef MW_THREAD_H
#define MW_THREAD_H

#include <pthread.h>
#include <stddef.h>

/**
 * Start a thread with a stack of @p stack_bytes and all signals blocked: they are for the program's
 * first thread. @return 0, or -errno of pthread_create(3); @p thread is then untouched.
 */
int mw_thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *data), void *data);

/** A condition whose waits are timed by CLOCK_MONOTONIC, which no administrator sets. */
void mw_cond_init(pthread_cond_t *condition);

#endif
