/**
 * @file gate.h
 * Who is inside a store: any number that read, one that writes, or one that moves the map, which
 * LMDB allows only while no transaction of the process is open. Every wait has a deadline.
 *
 * Thread-safety: made for all threads.
 */
#ifndef MW_STORE_GATE_H
#define MW_STORE_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct mw_store_turn {
  struct mw_store_turn *next;
};

struct mw_store_gate {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int64_t wait_ms;
  unsigned transactions_count; /* open, of any kind */
  bool writing, moving, closed;
  struct mw_store_turn *first, **last; /* who waits for the pen: the first gets it next */
};

void mw_store_gate_init(struct mw_store_gate *gate, int64_t wait_ms);
void mw_store_gate_deinit(struct mw_store_gate *gate);

/* All return 0, -ETIMEDOUT, or -EBADF when it is closed. */

/** Begin a transaction; it waits for a move. */
int mw_store_gate_enter(struct mw_store_gate *gate);
void mw_store_gate_leave(struct mw_store_gate *gate);

/** Be the one that writes; a transaction is then begun by mw_store_gate_enter. */
int mw_store_gate_take_pen(struct mw_store_gate *gate);
void mw_store_gate_return_pen(struct mw_store_gate *gate);

/** Wait until no transaction is open, and keep new ones out. The caller has none open. */
int mw_store_gate_begin_move(struct mw_store_gate *gate);
void mw_store_gate_end_move(struct mw_store_gate *gate);

/** Wait as long as it takes until nobody is inside, and let nobody in any more.
 *  @return false when it was closed before. */
bool mw_store_gate_close(struct mw_store_gate *gate);

#endif
