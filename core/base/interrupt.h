/**
 * @file interrupt.h
 * Somebody wants what this thread does to end soon. Whoever runs it says so (core/script/deadline.h
 * does, from a signal handler), and whoever waits asks: before a wait, and when a signal has ended
 * it. A signal that comes in between is missed, so it has to be repeated.
 *
 * Thread-safety: each thread has its own; both functions may be called from signal handlers.
 */
#ifndef MW_INTERRUPT_H
#define MW_INTERRUPT_H

#include <stdbool.h>

bool mw_is_interrupted(void);
void mw_set_interrupted(bool interrupted);

#endif
