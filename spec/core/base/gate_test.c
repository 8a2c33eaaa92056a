/* A gate with many threads; meant to be run under the thread checker too. */
#include "base/gate.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define THREADS 8
#define PASSES 300

struct crowd {
  struct mw_gate gate;
  atomic_int inside, most, refused;
};

static void count_in(struct crowd *crowd)
{
  int inside = atomic_fetch_add(&crowd->inside, 1) + 1;
  int most = atomic_load(&crowd->most);

  while (inside > most && !atomic_compare_exchange_weak(&crowd->most, &most, inside))
    continue;
}

static void *pass_often(void *data)
{
  struct crowd *crowd = data;

  for (int i = 0; i < PASSES; i++) {
    if (!mw_gate_enter(&crowd->gate)) {
      atomic_fetch_add(&crowd->refused, 1);
      break;
    }
    count_in(crowd);
    sched_yield();
    if (i % 3 == 0) {
      atomic_fetch_sub(&crowd->inside, 1);
      mw_gate_step_out();
      mw_gate_step_out();
      mw_gate_step_in();
      mw_gate_step_in();
      count_in(crowd);
    }
    atomic_fetch_sub(&crowd->inside, 1);
    mw_gate_leave(&crowd->gate);
  }
  return NULL;
}

static void no_more_than_there_are_places(void **state)
{
  pthread_t threads[THREADS];

  (void)state;
  for (unsigned places = 1; places <= 3; places++) {
    struct crowd crowd = {0};
    mw_gate_init(&crowd.gate, places);
    for (int i = 0; i < THREADS; i++)
      assert_int_equal(pthread_create(&threads[i], NULL, pass_often, &crowd), 0);
    for (int i = 0; i < THREADS; i++)
      pthread_join(threads[i], NULL);
    assert_in_range(crowd.most, 1, places);
    assert_int_equal(crowd.refused, 0);
    mw_gate_deinit(&crowd.gate);
  }
}

/* ---- One after the other ---- */

struct visitor {
  struct crowd *crowd;
  sem_t is_inside, may_leave;
  bool entered;
};

static void *visit(void *data)
{
  struct visitor *visitor = data;

  visitor->entered = mw_gate_enter(&visitor->crowd->gate);
  sem_post(&visitor->is_inside);
  if (!visitor->entered)
    return NULL;
  sem_wait(&visitor->may_leave);
  mw_gate_leave(&visitor->crowd->gate);
  return NULL;
}

static pthread_t send_visitor(struct visitor *visitor, struct crowd *crowd)
{
  pthread_t thread;

  visitor->crowd = crowd;
  sem_init(&visitor->is_inside, 0, 0);
  sem_init(&visitor->may_leave, 0, 0);
  assert_int_equal(pthread_create(&thread, NULL, visit, visitor), 0);
  return thread;
}

static void wait_for_tickets(struct mw_gate *gate, uint64_t count)
{
  for (uint64_t given = 0; given < count; sched_yield()) {
    pthread_mutex_lock(&gate->mutex);
    given = gate->next_ticket;
    pthread_mutex_unlock(&gate->mutex);
  }
}

static void who_waits_gives_up_its_place(void **state)
{
  struct crowd crowd = {0};
  struct visitor other;

  (void)state;
  mw_gate_init(&crowd.gate, 1);
  assert_true(mw_gate_enter(&crowd.gate));
  pthread_t thread = send_visitor(&other, &crowd);
  wait_for_tickets(&crowd.gate, 2);
  assert_int_not_equal(sem_trywait(&other.is_inside), 0);
  mw_gate_step_out();
  sem_wait(&other.is_inside);
  sem_post(&other.may_leave);
  mw_gate_step_in();
  mw_gate_leave(&crowd.gate);
  pthread_join(thread, NULL);
  mw_gate_deinit(&crowd.gate);
}

static void first_come_first_served(void **state)
{
  struct crowd crowd = {0};
  struct visitor visitors[3];
  pthread_t threads[3];

  (void)state;
  mw_gate_init(&crowd.gate, 1);
  assert_true(mw_gate_enter(&crowd.gate));
  for (int i = 0; i < 3; i++) {
    threads[i] = send_visitor(&visitors[i], &crowd);
    wait_for_tickets(&crowd.gate, (uint64_t)i + 2);
  }
  mw_gate_leave(&crowd.gate);
  for (int i = 0; i < 3; i++) {
    sem_wait(&visitors[i].is_inside);
    for (int later = i + 1; later < 3; later++)
      assert_int_not_equal(sem_trywait(&visitors[later].is_inside), 0);
    sem_post(&visitors[i].may_leave);
    pthread_join(threads[i], NULL);
  }
  mw_gate_deinit(&crowd.gate);
}

static void a_closed_gate_keeps_nobody(void **state)
{
  struct crowd crowd = {0};
  struct visitor visitors[2];
  pthread_t threads[2];

  (void)state;
  mw_gate_init(&crowd.gate, 1);
  assert_true(mw_gate_enter(&crowd.gate));
  for (int i = 0; i < 2; i++)
    threads[i] = send_visitor(&visitors[i], &crowd);
  wait_for_tickets(&crowd.gate, 3);
  mw_gate_close(&crowd.gate);
  for (int i = 0; i < 2; i++) {
    pthread_join(threads[i], NULL);
    assert_false(visitors[i].entered);
  }
  mw_gate_step_out();
  mw_gate_step_in(); /* does not wait, either */
  mw_gate_leave(&crowd.gate);
  assert_false(mw_gate_enter(&crowd.gate));
  mw_gate_deinit(&crowd.gate);
}

static void a_thread_outside_steps_nowhere(void **state)
{
  (void)state;
  mw_gate_step_out();
  mw_gate_step_in();
}

static void *enter_and_stay(void *data)
{
  struct crowd *crowd = data;

  if (mw_gate_enter(&crowd->gate)) {
    count_in(crowd);
    while (atomic_load(&crowd->refused) == 0) /* here: the others may go */
      sched_yield();
    mw_gate_leave(&crowd->gate);
  }
  return NULL;
}

static void it_may_get_more_places(void **state)
{
  struct crowd crowd = {0};
  pthread_t threads[2];

  (void)state;
  mw_gate_init(&crowd.gate, 1);
  for (int i = 0; i < 2; i++)
    assert_int_equal(0, pthread_create(&threads[i], NULL, enter_and_stay, &crowd));
  while (atomic_load(&crowd.inside) < 1)
    sched_yield();
  mw_gate_set_places(&crowd.gate, 2);
  while (atomic_load(&crowd.inside) < 2)
    sched_yield();
  atomic_store(&crowd.refused, 1);
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  mw_gate_deinit(&crowd.gate);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_more_than_there_are_places),
      cmocka_unit_test(who_waits_gives_up_its_place),
      cmocka_unit_test(first_come_first_served),
      cmocka_unit_test(a_closed_gate_keeps_nobody),
      cmocka_unit_test(a_thread_outside_steps_nowhere),
      cmocka_unit_test(it_may_get_more_places),
  };
  return cmocka_run_group_tests_name("base/gate", tests, NULL, NULL);
}
