#include "base/gate.h"

#include <stddef.h>

#include "moonwatch/clock.h"

/* What this thread is inside of. */
static _Thread_local struct {
  struct mw_gate *gate;
  unsigned steps_out;
} own;

/* Of this thread, in ns: how long it has waited; while it waits, less the time of the clock, so
 * below zero. In one variable, for a signal handler must find both or neither; initial-exec because
 * the default way to reach it may allocate. */
static _Thread_local volatile int64_t waited __attribute__((tls_model("initial-exec")));

void mw_gate_init(struct mw_gate *gate, unsigned places)
{
  *gate = (struct mw_gate){.places = places, .open = true};
  pthread_mutex_init(&gate->mutex, NULL);
  pthread_cond_init(&gate->changed, NULL);
}

void mw_gate_deinit(struct mw_gate *gate)
{
  pthread_cond_destroy(&gate->changed);
  pthread_mutex_destroy(&gate->mutex);
}

void mw_gate_set_places(struct mw_gate *gate, unsigned places)
{
  pthread_mutex_lock(&gate->mutex);
  gate->places = places;
  pthread_cond_broadcast(&gate->changed);
  pthread_mutex_unlock(&gate->mutex);
}

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

/* Without order, who comes back soon would always be first, and somebody never. */
static void take_place(struct mw_gate *gate)
{
  pthread_mutex_lock(&gate->mutex);
  uint64_t ticket = gate->next_ticket++;
  while (gate->open && (gate->inside >= gate->places || gate->serving != ticket))
    pthread_cond_wait(&gate->changed, &gate->mutex);
  gate->serving++;
  gate->inside++; /* through a gate that is closed, too: who is inside may go on to its end */
  pthread_cond_broadcast(&gate->changed);
  pthread_mutex_unlock(&gate->mutex);
}

static void give_up_place(struct mw_gate *gate)
{
  pthread_mutex_lock(&gate->mutex);
  gate->inside--;
  pthread_cond_broadcast(&gate->changed);
  pthread_mutex_unlock(&gate->mutex);
}

bool mw_gate_enter(struct mw_gate *gate)
{
  take_place(gate);
  pthread_mutex_lock(&gate->mutex);
  bool open = gate->open;
  pthread_mutex_unlock(&gate->mutex);
  if (!open) {
    give_up_place(gate);
    return false;
  }
  own.gate = gate;
  own.steps_out = 0;
  return true;
}

void mw_gate_leave(struct mw_gate *gate)
{
  own.gate = NULL;
  give_up_place(gate);
}

void mw_gate_close(struct mw_gate *gate)
{
  pthread_mutex_lock(&gate->mutex);
  gate->open = false;
  pthread_cond_broadcast(&gate->changed);
  pthread_mutex_unlock(&gate->mutex);
}

void mw_gate_step_out(void)
{
  if (own.gate && own.steps_out++ == 0)
    give_up_place(own.gate);
}

void mw_gate_step_in(void)
{
  if (!own.gate || --own.steps_out > 0)
    return;
  waited = waited - now_ns();
  take_place(own.gate);
  waited = waited + now_ns();
}

int64_t mw_gate_waited_ns(void)
{
  int64_t so_far = waited;

  return so_far < 0 ? so_far + now_ns() : so_far;
}
