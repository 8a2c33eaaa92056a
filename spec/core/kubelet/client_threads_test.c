/* Clients of one kubelet in several threads share nothing; any thread may cancel one. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "moonwatch/kubelet.h"

#define THREADS 4
#define ROUNDS 20

static const struct mw_kubelet_config config = {
    .url = "https://127.0.0.1:10250", .recorded_dir = "spec/fixtures/kubelet-1.20-answers"};

struct worker {
  pthread_t thread;
  struct mw_kubelet *kubelet;
  atomic_bool has_asked;
  int answers_count;
  int last_rc;
};

static int ask(struct mw_kubelet *kubelet)
{
  struct mw_kubelet_summary *summary = NULL;
  struct mw_kubelet_pods *pods = NULL;
  struct mw_error err;
  int rc = mw_kubelet_pods(kubelet, INT64_MAX, &pods, &err);

  if (rc == 0)
    rc = mw_kubelet_summary(kubelet, INT64_MAX, &summary, &err);
  mw_kubelet_pods_free(pods);
  mw_kubelet_summary_free(summary);
  return rc;
}

static void *ask_some_times(void *data)
{
  struct worker *worker = data;
  struct mw_kubelet *kubelet = mw_kubelet_new(&config, NULL);

  for (int i = 0; kubelet && i < ROUNDS; i++)
    worker->answers_count += ask(kubelet) == 0;
  mw_kubelet_free(kubelet);
  return NULL;
}

static void each_thread_has_a_client_of_its_own(void **state)
{
  struct worker workers[THREADS] = {0};

  (void)state;
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(0, pthread_create(&workers[i].thread, NULL, ask_some_times, &workers[i]));
  for (int i = 0; i < THREADS; i++) {
    pthread_join(workers[i].thread, NULL);
    assert_int_equal(workers[i].answers_count, ROUNDS);
  }
}

static void *ask_until_it_fails(void *data)
{
  struct worker *worker = data;

  do {
    worker->last_rc = ask(worker->kubelet);
    atomic_store(&worker->has_asked, true);
  } while (worker->last_rc == 0);
  return NULL;
}

static void another_thread_ends_it(void **state)
{
  struct worker worker = {.kubelet = mw_kubelet_new(&config, NULL)};

  (void)state;
  assert_non_null(worker.kubelet);
  assert_int_equal(0, pthread_create(&worker.thread, NULL, ask_until_it_fails, &worker));
  while (!atomic_load(&worker.has_asked))
    sched_yield();
  mw_kubelet_cancel(worker.kubelet);
  pthread_join(worker.thread, NULL);
  assert_int_equal(worker.last_rc, -ECANCELED);
  mw_kubelet_free(worker.kubelet);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_thread_has_a_client_of_its_own),
      cmocka_unit_test(another_thread_ends_it),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
