#include "lmdb/gate.h"

#include <errno.h>
#include <time.h>

#include "base/thread.h"
#include "moonwatch/clock.h"

void mw_lmdb_gate_init(struct mw_lmdb_gate *gate, int64_t wait_ms)
{

  *gate = (struct mw_lmdb_gate){.wait_ms = wait_ms};
  gate->last = &gate->first;
  pthread_mutex_init(&gate->mutex, NULL);
  mw_cond_init(&gate->changed);
}

void mw_lmdb_gate_deinit(struct mw_lmdb_gate *gate)
{
  pthread_cond_destroy(&gate->changed);
  pthread_mutex_destroy(&gate->mutex);
}

static struct timespec deadline_of(const struct mw_lmdb_gate *gate)
{
  int64_t at_ns = mw_clock_monotonic_ns(mw_clock_system()) + gate->wait_ms * MW_NS_PER_MS;

  return (struct timespec){.tv_sec = at_ns / MW_NS_PER_S, .tv_nsec = at_ns % MW_NS_PER_S};
}

static bool is_moving(const struct mw_lmdb_gate *gate, const void *unused)
{
  (void)unused;
  return gate->moving;
}

static bool is_anybody_inside(const struct mw_lmdb_gate *gate, const void *unused)
{
  (void)unused;
  return gate->transactions_count > 0;
}

/* Who writes in a loop would otherwise take the pen again before those who wait are awake. */
static bool is_not_its_turn(const struct mw_lmdb_gate *gate, const void *turn)
{
  return gate->writing || gate->first != turn;
}

static bool is_busy(const struct mw_lmdb_gate *gate)
{
  return gate->transactions_count > 0 || gate->writing || gate->moving;
}

/* With the mutex held. */
static int wait_while(struct mw_lmdb_gate *gate,
                      bool (*blocked)(const struct mw_lmdb_gate *gate, const void *who),
                      const void *who)
{
  int rc = 0;

  if (!gate->closed && !blocked(gate, who))
    return 0;
  struct timespec deadline = deadline_of(gate);
  while (!gate->closed && blocked(gate, who) && rc == 0)
    rc = pthread_cond_timedwait(&gate->changed, &gate->mutex, &deadline);
  if (gate->closed)
    return -EBADF;
  return blocked(gate, who) ? -ETIMEDOUT : 0;
}

int mw_lmdb_gate_enter(struct mw_lmdb_gate *gate)
{
  pthread_mutex_lock(&gate->mutex);
  int rc = wait_while(gate, is_moving, NULL);
  if (rc == 0)
    gate->transactions_count++;
  pthread_mutex_unlock(&gate->mutex);
  return rc;
}

void mw_lmdb_gate_leave(struct mw_lmdb_gate *gate)
{
  pthread_mutex_lock(&gate->mutex);
  if (--gate->transactions_count == 0)
    pthread_cond_broadcast(&gate->changed);
  pthread_mutex_unlock(&gate->mutex);
}

static void stand_in_line(struct mw_lmdb_gate *gate, struct mw_lmdb_turn *turn)
{
  *gate->last = turn;
  gate->last = &turn->next;
}

static void leave_line(struct mw_lmdb_gate *gate, struct mw_lmdb_turn *turn)
{
  struct mw_lmdb_turn **at = &gate->first;

  while (*at != turn)
    at = &(*at)->next;
  *at = turn->next;
  if (!*at)
    gate->last = at;
}

int mw_lmdb_gate_take_pen(struct mw_lmdb_gate *gate)
{
  struct mw_lmdb_turn turn = {0};

  pthread_mutex_lock(&gate->mutex);
  stand_in_line(gate, &turn);
  int rc = wait_while(gate, is_not_its_turn, &turn);
  leave_line(gate, &turn);
  if (rc == 0)
    gate->writing = true;
  else
    pthread_cond_broadcast(&gate->changed); /* it may be the turn of the next one */
  pthread_mutex_unlock(&gate->mutex);
  return rc;
}

void mw_lmdb_gate_return_pen(struct mw_lmdb_gate *gate)
{
  pthread_mutex_lock(&gate->mutex);
  gate->writing = false;
  pthread_cond_broadcast(&gate->changed);
  pthread_mutex_unlock(&gate->mutex);
}

int mw_lmdb_gate_begin_move(struct mw_lmdb_gate *gate)
{
  pthread_mutex_lock(&gate->mutex);
  int rc = wait_while(gate, is_moving, NULL);
  if (rc == 0) {
    gate->moving = true; /* before the wait: a stream of readers would never let it through */
    rc = wait_while(gate, is_anybody_inside, NULL);
    if (rc < 0) {
      gate->moving = false;
      pthread_cond_broadcast(&gate->changed);
    }
  }
  pthread_mutex_unlock(&gate->mutex);
  return rc;
}

void mw_lmdb_gate_end_move(struct mw_lmdb_gate *gate)
{
  pthread_mutex_lock(&gate->mutex);
  gate->moving = false;
  pthread_cond_broadcast(&gate->changed);
  pthread_mutex_unlock(&gate->mutex);
}

bool mw_lmdb_gate_close(struct mw_lmdb_gate *gate)
{
  pthread_mutex_lock(&gate->mutex);
  bool was_closed = gate->closed;
  gate->closed = true;
  pthread_cond_broadcast(&gate->changed);
  while (is_busy(gate))
    pthread_cond_wait(&gate->changed, &gate->mutex);
  pthread_mutex_unlock(&gate->mutex);
  return !was_closed;
}
