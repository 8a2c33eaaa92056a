/**
 * @file gate.h
 * Who is inside an environment of LMDB: any number that read, one that writes, or one that moves
 * the map, which LMDB allows only while no transaction of the process is open. Every wait has a
 * deadline.
 *
 * Thread-safety: made for all threads.
 */
#ifndef MW_LMDB_GATE_H
#define MW_LMDB_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct mw_lmdb_turn {
  struct mw_lmdb_turn *next;
};

struct mw_lmdb_gate {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  int64_t wait_ms;
  unsigned transactions_count; /* open, of any kind */
  bool writing, moving, closed;
  struct mw_lmdb_turn *first, **last; /* who waits for the pen: the first gets it next */
};

void mw_lmdb_gate_init(struct mw_lmdb_gate *gate, int64_t wait_ms);
void mw_lmdb_gate_deinit(struct mw_lmdb_gate *gate);

/* All return 0, -ETIMEDOUT, or -EBADF when it is closed. */

/** Begin a transaction; it waits for a move. */
int mw_lmdb_gate_enter(struct mw_lmdb_gate *gate);
void mw_lmdb_gate_leave(struct mw_lmdb_gate *gate);

/** Be the one that writes; a transaction is then begun by mw_lmdb_gate_enter. */
int mw_lmdb_gate_take_pen(struct mw_lmdb_gate *gate);
void mw_lmdb_gate_return_pen(struct mw_lmdb_gate *gate);

/** Wait until no transaction is open, and keep new ones out. The caller has none open. */
int mw_lmdb_gate_begin_move(struct mw_lmdb_gate *gate);
void mw_lmdb_gate_end_move(struct mw_lmdb_gate *gate);

/** Wait as long as it takes until nobody is inside, and let nobody in any more.
 *  @return false when it was closed before. */
bool mw_lmdb_gate_close(struct mw_lmdb_gate *gate);

#endif
