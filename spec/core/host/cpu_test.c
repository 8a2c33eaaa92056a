/* The kept count of CPUs: sequences of results, threads that queue up, the affinity mask. */
#include "host/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "moonwatch/host.h"

/* ---- A source with a script ---- */

struct script {
  const uint32_t *results; /* 0 fails; the last one repeats */
  size_t count, calls;
};

static uint32_t scripted_count(void *data, struct mw_error *err)
{
  struct script *script = data;
  size_t i = script->calls < script->count ? script->calls : script->count - 1;

  script->calls++;
  if (script->results[i] == 0)
    mw_error_set(err, ENOENT, "cannot open the file of this test");
  return script->results[i];
}

#define R 0 /* in the expectations below: the size of the affinity mask */

static void answers_are_kept_from_the_first_success_on(void **state)
{
  static const struct {
    const char *name;
    uint32_t results[5], answers[5];
    size_t calls_expected;
  } examples[] = {
      {"at once", {10000, 3, 3, 3, 3}, {10000, 10000, 10000, 10000, 10000}, 1},
      {"after an error", {0, 10000, 3, 3, 3}, {R, 10000, 10000, 10000, 10000}, 2},
      {"after three errors", {0, 0, 0, 10000, 3}, {R, R, R, 10000, 10000}, 4},
      {"after two errors, whatever follows", {0, 0, 8, 0, 0}, {R, R, 8, 8, 8}, 3},
      {"never", {0, 0, 0, 0, 0}, {R, R, R, R, R}, 5},
  };
  (void)state;

  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct script script = {.results = examples[i].results, .count = 5};
    struct mw_cpu_counter counter;
    mw_cpu_counter_init(&counter, scripted_count, &script);
    for (size_t call = 0; call < 5; call++) {
      uint32_t expected = examples[i].answers[call];
      uint32_t answer = mw_cpu_counter_get(&counter);
      if (answer != (expected ? expected : mw_cpu_affinity_count()))
        fail_msg("%s: answer %zu is %u", examples[i].name, call + 1, answer);
    }
    assert_int_equal(examples[i].calls_expected, script.calls);
    mw_cpu_counter_deinit(&counter);
  }
}

/* ---- The log ---- */

static int log_pipe[2];

static int catch_log(void **state)
{
  (void)state;
  if (pipe2(log_pipe, O_NONBLOCK | O_CLOEXEC) < 0)
    return -1;
  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_INFO, .fd = log_pipe[1]});
  return 0;
}

static int release_log(void **state)
{
  (void)state;
  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_WARN, .fd = STDERR_FILENO});
  close(log_pipe[0]);
  close(log_pipe[1]);
  return 0;
}

static size_t read_log(char *text, size_t text_bytes)
{
  ssize_t got = read(log_pipe[0], text, text_bytes - 1);
  text[got > 0 ? got : 0] = '\0';
  return got > 0 ? (size_t)got : 0;
}

static void the_third_failure_is_logged_once_and_the_cure_too(void **state)
{
  static const uint32_t results[] = {0, 0, 0, 0, 0, 12};
  struct script script = {.results = results, .count = 6};
  struct mw_cpu_counter counter;
  char text[4096];
  (void)state;

  mw_cpu_counter_init(&counter, scripted_count, &script);
  mw_cpu_counter_get(&counter);
  mw_cpu_counter_get(&counter);
  assert_int_equal(0, read_log(text, sizeof text));
  mw_cpu_counter_get(&counter);
  read_log(text, sizeof text);
  assert_non_null(
      strstr(text, "warn  host: cannot count the CPUs of the host (cannot open the file"));
  mw_cpu_counter_get(&counter);
  mw_cpu_counter_get(&counter);
  assert_int_equal(0, read_log(text, sizeof text));
  mw_cpu_counter_get(&counter);
  read_log(text, sizeof text);
  assert_non_null(strstr(text, "info  host: the CPUs of the host can be counted now: 12"));
  mw_cpu_counter_deinit(&counter);
}

/* ---- Threads ---- */

#define WAITERS 4

/* A source that is slow on purpose: it answers when the test says so. */
struct gate {
  sem_t entered, may_go;
  uint32_t result;
  atomic_uint calls;
};

static uint32_t count_at_gate(void *data, struct mw_error *err)
{
  struct gate *gate = data;

  atomic_fetch_add(&gate->calls, 1);
  sem_post(&gate->entered);
  sem_wait(&gate->may_go);
  if (gate->result == 0)
    mw_error_set(err, EIO, "the gate fails");
  return gate->result;
}

static void gate_open(struct gate *gate, uint32_t result)
{
  *gate = (struct gate){.result = result};
  sem_init(&gate->entered, 0, 0);
  sem_init(&gate->may_go, 0, 0);
}

static void gate_close(struct gate *gate)
{
  sem_destroy(&gate->entered);
  sem_destroy(&gate->may_go);
}

struct waiter {
  struct mw_cpu_counter *counter;
  atomic_uint *started;
  uint32_t answer;
};

static void *get_in_thread(void *data)
{
  struct waiter *waiter = data;
  if (waiter->started)
    atomic_fetch_add(waiter->started, 1);
  waiter->answer = mw_cpu_counter_get(waiter->counter);
  return NULL;
}

/* One thread is reading; the others have begun to wait for it, most likely. Then let it go. */
static void count_with_waiters(uint32_t result, struct waiter waiters[WAITERS], unsigned *calls)
{
  struct mw_cpu_counter counter;
  struct gate gate;
  atomic_uint started = 0;
  pthread_t threads[WAITERS];

  gate_open(&gate, result);
  mw_cpu_counter_init(&counter, count_at_gate, &gate);
  for (size_t i = 0; i < WAITERS; i++) {
    waiters[i] = (struct waiter){.counter = &counter, .started = i > 0 ? &started : NULL};
    assert_int_equal(0, pthread_create(&threads[i], NULL, get_in_thread, &waiters[i]));
    if (i == 0)
      sem_wait(&gate.entered);
  }
  while (atomic_load(&started) < WAITERS - 1)
    sched_yield();
  for (size_t i = 0; i < WAITERS; i++)
    sem_post(&gate.may_go);
  for (size_t i = 0; i < WAITERS; i++)
    pthread_join(threads[i], NULL);
  *calls = atomic_load(&gate.calls);
  gate_close(&gate);
  mw_cpu_counter_deinit(&counter);
}

static void callers_that_queued_up_get_the_count_of_the_first(void **state)
{
  struct waiter waiters[WAITERS];
  unsigned calls;
  (void)state;

  count_with_waiters(48, waiters, &calls);
  assert_int_equal(1, calls);
  for (size_t i = 0; i < WAITERS; i++)
    assert_int_equal(48, waiters[i].answer);
}

static void callers_all_get_an_answer_when_the_first_fails(void **state)
{
  struct waiter waiters[WAITERS];
  unsigned calls;
  (void)state;

  count_with_waiters(0, waiters, &calls);
  assert_in_range(calls, 1, WAITERS);
  for (size_t i = 0; i < WAITERS; i++)
    assert_int_equal(mw_cpu_affinity_count(), waiters[i].answer);
}

static void who_got_the_mutex_looks_again_before_it_counts(void **state)
{
  static const uint32_t results[] = {7};
  struct script script = {.results = results, .count = 1};
  struct mw_cpu_counter counter;
  atomic_uint started = 0;
  struct waiter late = {.counter = &counter, .started = &started};
  pthread_t thread;
  (void)state;

  mw_cpu_counter_init(&counter, scripted_count, &script);
  pthread_mutex_lock(&counter.mutex);
  assert_int_equal(0, pthread_create(&thread, NULL, get_in_thread, &late));
  /* Most likely it is then at the mutex; if not, it finds the count at its first look. */
  for (int i = 0; i < 1000 || atomic_load(&started) == 0; i++)
    sched_yield();
  atomic_store(&counter.kept, 48);
  pthread_mutex_unlock(&counter.mutex);
  pthread_join(thread, NULL);

  assert_int_equal(48, late.answer);
  assert_int_equal(0, script.calls);
  mw_cpu_counter_deinit(&counter);
}

static void a_source_that_hangs_holds_no_other_caller(void **state)
{
  struct mw_cpu_counter counter;
  struct gate gate;
  struct waiter stuck = {.counter = &counter};
  pthread_t thread;
  (void)state;

  gate_open(&gate, 48);
  mw_cpu_counter_init(&counter, count_at_gate, &gate);
  counter.wait_ms = 1;
  assert_int_equal(0, pthread_create(&thread, NULL, get_in_thread, &stuck));
  sem_wait(&gate.entered);

  assert_int_equal(mw_cpu_affinity_count(), mw_cpu_counter_get(&counter));
  assert_int_equal(1, atomic_load(&gate.calls));

  for (int i = 0; i < 3;
       i++) /* one is enough; with more, a wrong second reading fails, not hangs */
    sem_post(&gate.may_go);
  pthread_join(thread, NULL);
  assert_int_equal(48, stuck.answer);
  assert_int_equal(48, mw_cpu_counter_get(&counter));
  assert_int_equal(1, atomic_load(&gate.calls));
  gate_close(&gate);
  mw_cpu_counter_deinit(&counter);
}

/* ---- The affinity mask ---- */

static void bind_to_one_cpu(cpu_set_t *before)
{
  cpu_set_t one;
  int cpu = 0;

  assert_int_equal(0, sched_getaffinity(0, sizeof *before, before));
  while (!CPU_ISSET(cpu, before))
    cpu++;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  assert_int_equal(0, sched_setaffinity(0, sizeof one, &one));
}

static void the_answer_follows_the_mask_while_files_fail(void **state)
{
  static const uint32_t results[] = {0};
  struct script script = {.results = results, .count = 1};
  struct mw_cpu_counter counter;
  cpu_set_t before;
  (void)state;

  mw_cpu_counter_init(&counter, scripted_count, &script);
  for (int i = 0; i < 5; i++)
    mw_cpu_counter_get(&counter);
  bind_to_one_cpu(&before);
  assert_int_equal(1, mw_cpu_counter_get(&counter));
  assert_int_equal(0, sched_setaffinity(0, sizeof before, &before));
  assert_int_equal(CPU_COUNT(&before), mw_cpu_counter_get(&counter));
  mw_cpu_counter_deinit(&counter);
}

static void the_count_of_the_host_does_not_follow_the_mask(void **state)
{
  cpu_set_t before;
  (void)state;

  struct mw_host *host = mw_host_new(&(struct mw_host_config){0}, NULL);
  uint32_t unbound = mw_host_cpu_count(host);
  mw_host_free(host);
  bind_to_one_cpu(&before);
  host = mw_host_new(&(struct mw_host_config){0}, NULL);
  assert_int_equal(unbound, mw_host_cpu_count(host));
  mw_host_free(host);
  assert_int_equal(0, sched_setaffinity(0, sizeof before, &before));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(answers_are_kept_from_the_first_success_on, catch_log,
                                      release_log),
      cmocka_unit_test_setup_teardown(the_third_failure_is_logged_once_and_the_cure_too, catch_log,
                                      release_log),
      cmocka_unit_test(callers_that_queued_up_get_the_count_of_the_first),
      cmocka_unit_test_setup_teardown(callers_all_get_an_answer_when_the_first_fails, catch_log,
                                      release_log),
      cmocka_unit_test(who_got_the_mutex_looks_again_before_it_counts),
      cmocka_unit_test(a_source_that_hangs_holds_no_other_caller),
      cmocka_unit_test_setup_teardown(the_answer_follows_the_mask_while_files_fail, catch_log,
                                      release_log),
      cmocka_unit_test(the_count_of_the_host_does_not_follow_the_mask),
  };
  return cmocka_run_group_tests_name("host/cpu", tests, NULL, NULL);
}
