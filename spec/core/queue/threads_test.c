/* Many threads put in and deliver while the file is written; meant to be run under the thread
 * checker, too. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "queue_fixture.h"

#define PUTTERS 3
#define EACH 400
#define SINKS 3

struct traffic {
  struct fixture *fixture;
  atomic_int next_number, putting;
};

struct sink {
  struct traffic *traffic;
  int cursor;
  unsigned slowness; /* every so many batches it fails */
  uint64_t delivered;
};

static void *put_many(void *data)
{
  struct traffic *traffic = data;
  char body[4000];

  for (int i = 0; i < EACH; i++) {
    uint64_t number = (uint64_t)atomic_fetch_add(&traffic->next_number, 1) + 1;
    put_at(traffic->fixture, body, make_body(body, number, 50 + number * 31 % 3000), wall_ns());
  }
  atomic_fetch_sub(&traffic->putting, 1);
  mw_queue_wake(traffic->fixture->queue);
  return NULL;
}

static void *deliver(void *data)
{
  struct sink *sink = data;
  struct mw_queue *queue = sink->traffic->fixture->queue;
  struct mw_queue_batch batch;
  uint64_t last = 0;

  for (bool ends = false, some = true; some || !ends;) {
    ends = atomic_load(&sink->traffic->putting) == 0;
    some = mw_queue_wait(queue, sink->cursor, ends ? 0 : in_seconds(60));
    mw_queue_take(queue, sink->cursor, 7, 20000, &batch);
    size_t delivered =
        batch.count > 0 && ++sink->delivered % sink->slowness == 0 ? batch.count / 2 : batch.count;
    for (size_t i = 0; i < delivered; i++) {
      number_of(batch.messages[i]);
      assert_true(batch.messages[i]->number > last);
      last = batch.messages[i]->number;
    }
    mw_queue_end(queue, sink->cursor, &batch, delivered);
  }
  return NULL;
}

static void *look(void *data)
{
  struct traffic *traffic = data;
  struct mw_queue_cursor cursors[MW_QUEUE_CURSORS_MAX];
  struct mw_queue_usage now;

  while (atomic_load(&traffic->putting) > 0) {
    mw_queue_usage(traffic->fixture->queue, &now);
    for (size_t i = mw_queue_cursors(traffic->fixture->queue, cursors); i > 0; i--)
      if (cursors[i - 1].waiting > PUTTERS * EACH)
        return traffic;
    pause_ms(1);
  }
  return NULL;
}

static void run(struct fixture *fixture)
{
  struct traffic traffic = {.fixture = fixture, .putting = PUTTERS};
  struct sink sinks[SINKS];
  pthread_t putters[PUTTERS], deliverers[SINKS], looker;
  void *wrong = NULL;

  for (int i = 0; i < SINKS; i++) {
    char name[8];
    snprintf(name, sizeof name, "s%d", i);
    sinks[i] = (struct sink){&traffic, add_cursor(fixture, name), 3u + (unsigned)i, 0};
    assert_int_equal(pthread_create(&deliverers[i], NULL, deliver, &sinks[i]), 0);
  }
  for (int i = 0; i < PUTTERS; i++)
    assert_int_equal(pthread_create(&putters[i], NULL, put_many, &traffic), 0);
  assert_int_equal(pthread_create(&looker, NULL, look, &traffic), 0);
  for (int i = 0; i < PUTTERS; i++)
    pthread_join(putters[i], NULL);
  for (int i = 0; i < SINKS; i++)
    pthread_join(deliverers[i], NULL);
  pthread_join(looker, &wrong);
  assert_null(wrong);
}

static void nothing_is_lost_between_threads(void **state)
{
  struct fixture *fixture = *state;

  close_queue(fixture);
  fixture->config.buffer_bytes = (size_t)64 << 20;
  fixture->config.flush_interval_ns = MW_NS_PER_MS;
  open_queue(fixture);
  add_cursor(fixture, "nobody"); /* all goes to the file */
  run(fixture);
  for (int i = 1; i <= SINKS; i++) {
    assert_int_equal(cursor_usage(fixture, i).delivered_total, PUTTERS * EACH);
    assert_int_equal(cursor_usage(fixture, i).waiting, 0);
  }
}

static void all_is_counted_when_there_is_no_room(void **state)
{
  struct fixture *fixture = *state;

  close_queue(fixture);
  fixture->config.buffer_bytes = 30000;
  fixture->config.file_bytes = MW_QUEUE_FILE_MIN_BYTES;
  fixture->config.flush_interval_ns = MW_NS_PER_MS;
  open_queue(fixture);
  add_cursor(fixture, "nobody");
  run(fixture);
  for (int i = 0; i <= SINKS; i++) {
    struct mw_queue_cursor now = cursor_usage(fixture, i);
    assert_int_equal(now.delivered_total + now.dropped_total + now.waiting, PUTTERS * EACH);
  }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(nothing_is_lost_between_threads),
      TEST(all_is_counted_when_there_is_no_room),
  };

  return cmocka_run_group_tests_name("queue/threads", tests, NULL, NULL);
}
