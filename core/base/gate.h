/**
 * @file gate.h
 * Lets so many threads compute at once, and the others wait for their turn, first come, first
 * served. A thread that is inside and has to wait for something else gives up its place meanwhile,
 * without knowing which gate it is in, or whether it is in any:
 *
 *   mw_gate_step_out();
 *   ... wait ...
 *   mw_gate_step_in();
 *
 * Stepping in waits for a place. So nobody does it with a lock held that somebody inside may want.
 *
 * Thread-safety: a gate may be shared by all threads; a thread is inside one gate at most.
 */
#ifndef MW_GATE_H
#define MW_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/** Its fields are private. */
struct mw_gate {
  pthread_mutex_t mutex; /* guards the rest */
  pthread_cond_t changed;
  unsigned places, inside;
  uint64_t next_ticket, serving;
  bool open;
};

/** @p places: 1 or more. */
void mw_gate_init(struct mw_gate *gate, unsigned places);
void mw_gate_deinit(struct mw_gate *gate); /**< nobody is inside or waits */

/** From now on so many. Who is inside goes on, also when they are too many. */
void mw_gate_set_places(struct mw_gate *gate, unsigned places);

/** Wait for a place. @return false: the gate is closed, and this thread is not inside. */
bool mw_gate_enter(struct mw_gate *gate);
void mw_gate_leave(struct mw_gate *gate);

/** From now on nobody waits here any more: for the end of the program. */
void mw_gate_close(struct mw_gate *gate);

/* Do nothing in a thread that is inside of no gate. They may nest. */
void mw_gate_step_out(void);
void mw_gate_step_in(void);

/**
 * For how long this thread has waited in mw_gate_step_in so far, the wait that goes on included:
 * time that is not its own fault. May be called from signal handlers.
 */
int64_t mw_gate_waited_ns(void);

#endif
