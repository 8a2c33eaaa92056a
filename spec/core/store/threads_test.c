/* Threads that read, write, walk and make the map grow, all at the same time. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_fixture.h"

#define WRITERS 3
#define READERS 3
#define PUTS 60
#define VALUE_BYTES 30000

static atomic_uint writers_left;

struct worker {
  struct fixture *fixture;
  unsigned number;
  struct mw_error err;
  bool failed;
};

/* Each writes keys of its own: the byte of its number, many times. */
static void *write_much(void *data)
{
  static _Thread_local char value[VALUE_BYTES];
  struct worker *worker = data;

  memset(value, (int)('a' + worker->number), sizeof value);
  for (unsigned i = 0; i < PUTS && !worker->failed; i++) {
    char key[16];
    snprintf(key, sizeof key, "%c%u", (int)('a' + worker->number), i);
    struct mw_store_bytes bytes = {value, sizeof value}, key_bytes = text(key);
    worker->failed = mw_store_put(worker->fixture->store, key_bytes, bytes, &worker->err) < 0;
    if (i % 3 == 0 && !worker->failed)
      worker->failed =
          mw_store_delete(worker->fixture->store, &key_bytes, 1, NULL, NULL, &worker->err) < 0;
  }
  atomic_fetch_sub(&writers_left, 1);
  return NULL;
}

static int look_at_value(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                         struct mw_error *err)
{
  const char *letter = key.data, *bytes = value->data;

  (void)data;
  return value->len_bytes == VALUE_BYTES && bytes[0] == *letter && bytes[VALUE_BYTES - 1] == *letter
             ? 0
             : mw_error_set(err, EILSEQ, "a value is not the one of its key");
}

static void *read_much(void *data)
{
  struct worker *worker = data;
  struct mw_store_value got = {0};
  struct mw_store_stats stats;

  while (atomic_load(&writers_left) > 0 && !worker->failed)
    worker->failed =
        mw_store_each(worker->fixture->store, text(""), look_at_value, NULL, &worker->err) < 0 ||
        mw_store_get(worker->fixture->store, text("a1"), &got, &worker->err) < 0 ||
        mw_store_stats(worker->fixture->store, &stats, &worker->err) < 0;
  mw_store_value_deinit(&got);
  return NULL;
}

static void serves_many_threads(void **state)
{
  static struct worker workers[WRITERS + READERS];
  pthread_t threads[WRITERS + READERS];
  struct mw_store_stats stats;

  /* all of them together, on a busy machine, under the thread checker */
  struct fixture *fixture = *state;
  mw_store_free(fixture->store);
  fixture->store = open_with(fixture, (struct mw_store_config){.wait_ms = 60000});
  atomic_store(&writers_left, WRITERS);
  for (unsigned i = 0; i < WRITERS + READERS; i++) {
    workers[i] = (struct worker){.fixture = *state, .number = i};
    assert_int_equal(
        pthread_create(&threads[i], NULL, i < WRITERS ? write_much : read_much, &workers[i]), 0);
  }
  for (unsigned i = 0; i < WRITERS + READERS; i++)
    pthread_join(threads[i], NULL);
  for (unsigned i = 0; i < WRITERS + READERS; i++)
    if (workers[i].failed)
      fail_msg("%s", workers[i].err.text);
  assert_int_equal(mw_store_stats(fixture->store, &stats, NULL), 0);
  assert_int_equal(stats.entries_count, WRITERS * PUTS * 2 / 3);
  assert_true(stats.map_bytes > MW_STORE_MAP_DEFAULT_BYTES);
}

struct slow {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool inside, may_go;
};

static int stay(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                struct mw_error *err)
{
  struct slow *slow = data;

  (void)key, (void)value, (void)err;
  pthread_mutex_lock(&slow->mutex);
  slow->inside = true;
  pthread_cond_broadcast(&slow->changed);
  while (!slow->may_go)
    pthread_cond_wait(&slow->changed, &slow->mutex);
  pthread_mutex_unlock(&slow->mutex);
  return 0;
}

static struct mw_store *slow_store;
static struct slow slow = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void *delete_slowly(void *unused)
{
  struct mw_store_bytes key = text("k");

  mw_store_delete(slow_store, &key, 1, stay, &slow, NULL);
  return unused;
}

static void waits_for_a_writer_no_longer_than_it_should(void **state)
{
  struct fixture *fixture = *state;
  pthread_t thread;

  mw_store_free(fixture->store);
  fixture->store = slow_store = open_with(fixture, (struct mw_store_config){.wait_ms = 1});
  put(fixture, "k", "v");
  assert_int_equal(pthread_create(&thread, NULL, delete_slowly, NULL), 0);
  pthread_mutex_lock(&slow.mutex);
  while (!slow.inside)
    pthread_cond_wait(&slow.changed, &slow.mutex);
  pthread_mutex_unlock(&slow.mutex);
  assert_int_equal(mw_store_put(fixture->store, text("l"), text("v"), &fixture->err), -ETIMEDOUT);
  says(fixture, "was busy for 1 ms");
  expect(fixture, "k", "v"); /* who reads does not wait */
  pthread_mutex_lock(&slow.mutex);
  slow.may_go = true;
  pthread_cond_broadcast(&slow.changed);
  pthread_mutex_unlock(&slow.mutex);
  pthread_join(thread, NULL);
  put(fixture, "l", "v");
  expect(fixture, "k", NULL);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(serves_many_threads, set_up, tear_down),
      cmocka_unit_test_setup_teardown(waits_for_a_writer_no_longer_than_it_should, set_up,
                                      tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
