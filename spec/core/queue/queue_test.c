/* The queue of messages; with many threads, too, so meant to be run under the thread checker. */
#include "moonwatch/queue.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonwatch/clock.h"

#define ANY_BYTES ((size_t)1 << 20)

static struct mw_error err;

static struct mw_queue *open_queue(size_t buffer_bytes)
{
  const struct mw_queue_config config = {.buffer_bytes = buffer_bytes};
  return mw_queue_open(&config, NULL);
}

static int add_cursor(struct mw_queue *queue, const char *name)
{
  return mw_queue_add_cursor(queue, name, MW_QUEUE_FROM_END, &err);
}

static int put(struct mw_queue *queue, const char *body)
{
  struct mw_message message = {
      .script = "demo", .kind = "test", .schema = 1, .body = {body, strlen(body)}};
  return mw_queue_put(queue, &message, &err);
}

static void put_numbers(struct mw_queue *queue, int from, int to)
{
  char body[16];

  for (int i = from; i <= to; i++) {
    snprintf(body, sizeof body, "%d", i);
    assert_int_equal(put(queue, body), 0);
  }
}

/* Take what is there, and say that @p delivered of it (-1: all) were delivered. @return the bodies,
 * blanks between them. */
static const char *take(struct mw_queue *queue, int cursor, int delivered)
{
  static char text[4096];
  struct mw_queue_batch batch;
  size_t used = 0;

  text[0] = '\0';
  mw_queue_take(queue, cursor, 0, ANY_BYTES, &batch);
  for (size_t i = 0; i < batch.count; i++) {
    const struct mw_message *message = batch.messages[i];
    assert_string_equal(message->script, "demo");
    assert_string_equal(message->kind, "test");
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", i > 0 ? " " : "",
                             (int)message->body.len_bytes, message->body.data);
  }
  mw_queue_end(queue, cursor, &batch, delivered < 0 ? batch.count : (size_t)delivered);
  return text;
}

static struct mw_queue_cursor usage_of(struct mw_queue *queue, int cursor)
{
  struct mw_queue_cursor usage;

  mw_queue_cursor_usage(queue, cursor, &usage);
  return usage;
}

static size_t messages_in(struct mw_queue *queue)
{
  struct mw_queue_usage usage;

  mw_queue_usage(queue, &usage);
  return usage.messages;
}

static void every_sink_gets_all_in_order(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);
  int a = add_cursor(queue, "a"), b = add_cursor(queue, "b");

  (void)state;
  put_numbers(queue, 1, 3);
  assert_string_equal(take(queue, a, -1), "1 2 3");
  put_numbers(queue, 4, 4);
  assert_string_equal(take(queue, a, -1), "4");
  assert_string_equal(take(queue, a, -1), "");
  assert_int_equal(messages_in(queue), 4);
  assert_string_equal(take(queue, b, -1), "1 2 3 4");
  assert_int_equal(messages_in(queue), 0);
  assert_int_equal(usage_of(queue, a).delivered_total, 4);
  assert_int_equal(usage_of(queue, b).dropped_total, 0);
  mw_queue_close(queue, 0);
}

static void what_is_not_delivered_comes_again(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);
  int a = add_cursor(queue, "a");

  (void)state;
  put_numbers(queue, 1, 3);
  assert_string_equal(take(queue, a, 0), "1 2 3");
  assert_string_equal(take(queue, a, 2), "1 2 3");
  assert_string_equal(take(queue, a, -1), "3");
  assert_int_equal(usage_of(queue, a).delivered_total, 3);
  mw_queue_close(queue, 0);
}

static void without_a_sink_nothing_is_kept(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);

  (void)state;
  put_numbers(queue, 1, 3);
  assert_int_equal(messages_in(queue), 0);
  assert_int_equal(usage_of(queue, add_cursor(queue, "late")).waiting, 0);
  mw_queue_close(queue, 0);
}

static void a_full_buffer_drops_the_oldest_and_counts_them_for_each_sink(void **state)
{
  struct mw_queue *queue = open_queue(2000);
  int quick = add_cursor(queue, "quick"), slow = add_cursor(queue, "slow");
  struct mw_queue_usage usage;

  (void)state;
  for (int i = 1; i <= 100; i++) {
    char body[16];
    put_numbers(queue, i, i);
    snprintf(body, sizeof body, "%d", i);
    assert_string_equal(take(queue, quick, -1), body);
    mw_queue_usage(queue, &usage);
    assert_in_range(usage.buffer_bytes, 1, 2000);
  }
  assert_int_equal(usage_of(queue, quick).dropped_total, 0);
  struct mw_queue_cursor before = usage_of(queue, slow);
  assert_in_range(before.waiting, 1, 99);
  assert_int_equal(before.waiting + before.dropped_total, 100);
  take(queue, slow, -1);
  assert_int_equal(usage_of(queue, slow).delivered_total, before.waiting);
  assert_int_equal(usage_of(queue, slow).dropped_total, before.dropped_total);
  mw_queue_close(queue, 0);
}

static void what_is_being_delivered_stays_readable_and_counts_as_delivered(void **state)
{
  struct mw_queue *queue = open_queue(2000);
  int a = add_cursor(queue, "a");
  struct mw_queue_batch batch;

  (void)state;
  put_numbers(queue, 1, 1);
  mw_queue_take(queue, a, 0, ANY_BYTES, &batch);
  put_numbers(queue, 2, 100);
  assert_int_equal(batch.messages[0]->body.data[0], '1');
  uint64_t dropped = usage_of(queue, a).dropped_total;
  mw_queue_end(queue, a, &batch, 1);
  assert_int_equal(usage_of(queue, a).dropped_total, dropped - 1);
  assert_int_equal(usage_of(queue, a).delivered_total, 1);
  mw_queue_close(queue, 0);
}

static void a_message_that_never_fits_is_refused(void **state)
{
  struct mw_queue *queue = open_queue(500);
  int a = add_cursor(queue, "a");
  char body[600] = "";

  (void)state;
  memset(body, 'x', sizeof body - 1);
  put_numbers(queue, 1, 1);
  assert_int_equal(put(queue, body), -EMSGSIZE);
  assert_non_null(strstr(err.text, "buffer_bytes = 500"));
  assert_string_equal(take(queue, a, -1), "1");
  mw_queue_close(queue, 0);
}

static void a_batch_is_bounded_but_never_empty(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);
  int a = add_cursor(queue, "a");
  struct mw_queue_batch batch;

  (void)state;
  put_numbers(queue, 10, 10 + MW_QUEUE_BATCH_MAX);
  mw_queue_take(queue, a, 0, 1, &batch);
  assert_int_equal(batch.count, 1);
  mw_queue_end(queue, a, &batch, 1);
  mw_queue_take(queue, a, 0, 7, &batch);
  assert_int_equal(batch.count, 3);
  mw_queue_end(queue, a, &batch, 0);
  mw_queue_take(queue, a, 0, ANY_BYTES, &batch);
  assert_int_equal(batch.count, MW_QUEUE_BATCH_MAX);
  mw_queue_end(queue, a, &batch, batch.count);
  assert_int_equal(usage_of(queue, a).waiting, 0);
  mw_queue_close(queue, 0);
}

static void there_are_so_many_sinks(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);

  (void)state;
  for (int i = 0; i < MW_QUEUE_CURSORS_MAX; i++) {
    char name[16];
    snprintf(name, sizeof name, "sink%d", i);
    assert_int_equal(add_cursor(queue, name), i);
  }
  assert_int_equal(add_cursor(queue, "another"), -ENOSPC);
  mw_queue_leave_cursor(queue, 3);
  assert_int_equal(mw_queue_drop_cursor(queue, "sink3", &err), 0);
  assert_int_equal(add_cursor(queue, "another"), 3);
  mw_queue_close(queue, 0);
}

static void a_wait_ends_with_its_time_or_a_wake(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);
  int a = add_cursor(queue, "a");
  int64_t never_ns = INT64_MAX;

  (void)state;
  assert_false(mw_queue_wait(queue, a, 0));
  mw_queue_wake(queue);
  assert_false(mw_queue_wait(queue, a, never_ns));
  put_numbers(queue, 1, 1);
  assert_true(mw_queue_wait(queue, a, never_ns));
  mw_queue_close(queue, 0);
}

static void a_sink_that_leaves_finds_its_place_again(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);
  struct mw_queue_cursor cursors[MW_QUEUE_CURSORS_MAX];
  int a = add_cursor(queue, "a");

  (void)state;
  assert_int_equal(add_cursor(queue, "a"), -EEXIST);
  put_numbers(queue, 1, 3);
  assert_string_equal(take(queue, a, 1), "1 2 3");
  assert_int_equal(mw_queue_drop_cursor(queue, "a", &err), -EBUSY);
  mw_queue_leave_cursor(queue, a);
  put_numbers(queue, 4, 4);
  assert_int_equal(mw_queue_cursors(queue, cursors), 1);
  assert_false(cursors[0].in_use);
  assert_int_equal(cursors[0].waiting, 3);
  assert_string_equal(take(queue, add_cursor(queue, "a"), -1), "2 3 4");
  mw_queue_leave_cursor(queue, a);
  assert_int_equal(mw_queue_drop_cursor(queue, "a", &err), 0);
  assert_int_equal(mw_queue_drop_cursor(queue, "a", &err), -ENOENT);
  assert_int_equal(mw_queue_cursors(queue, cursors), 0);
  mw_queue_close(queue, 0);
}

static void a_new_sink_may_begin_with_what_is_there(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);
  int a = add_cursor(queue, "a");

  (void)state;
  put_numbers(queue, 1, 2);
  int b = mw_queue_add_cursor(queue, "b", MW_QUEUE_FROM_BEGINNING, &err);
  assert_string_equal(take(queue, b, -1), "1 2");
  assert_string_equal(take(queue, a, -1), "1 2");
  mw_queue_close(queue, 0);
}

static void a_message_that_nobody_takes_is_set_aside(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);
  int a = add_cursor(queue, "a");
  struct mw_queue_batch batch;

  (void)state;
  put_numbers(queue, 1, 2);
  mw_queue_take(queue, a, 1, ANY_BYTES, &batch);
  assert_int_equal(batch.count, 1);
  uint64_t number = batch.messages[0]->number;
  mw_queue_end(queue, a, &batch, 0);
  mw_queue_set_aside(queue, a, number);
  mw_queue_set_aside(queue, a, number); /* once is enough */
  assert_int_equal(usage_of(queue, a).set_aside_total, 1);
  assert_string_equal(take(queue, a, -1), "2");
  assert_int_equal(usage_of(queue, a).delivered_total, 1);
  mw_queue_close(queue, 0);
}

/* Messages between its next one and that were damaged: they are lost to it. */
static void a_message_behind_a_gap_is_set_aside(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);
  int a = add_cursor(queue, "a");

  (void)state;
  put_numbers(queue, 1, 4);
  assert_string_equal(take(queue, a, 0), "1 2 3 4");
  mw_queue_set_aside(queue, a, 3);
  assert_int_equal(usage_of(queue, a).set_aside_total, 1);
  assert_int_equal(usage_of(queue, a).dropped_total, 2);
  assert_string_equal(take(queue, a, -1), "4");
  mw_queue_close(queue, 0);
}

/* Its number may have changed since its line was begun, so that it only looks dropped. */
static void what_was_not_dropped_is_not_delivered_late(void **state)
{
  struct mw_queue *queue = open_queue(ANY_BYTES);
  int a = add_cursor(queue, "a");
  struct mw_queue_batch batch;

  (void)state;
  put_numbers(queue, 1, 1);
  mw_queue_take(queue, a, 1, ANY_BYTES, &batch);
  batch.late = 1;
  mw_queue_end(queue, a, &batch, 1);
  assert_int_equal(usage_of(queue, a).dropped_total, 0);
  assert_int_equal(usage_of(queue, a).delivered_total, 1);
  mw_queue_close(queue, 0);
}

/* ---- Many threads ---- */

#define WRITERS 4
#define EACH 2000

struct traffic {
  struct mw_queue *queue;
  int cursor;
  atomic_int writing;
  uint64_t seen;
};

static void *write_many(void *data)
{
  struct traffic *traffic = data;

  for (int i = 0; i < EACH; i++)
    put(traffic->queue, "{}");
  atomic_fetch_sub(&traffic->writing, 1);
  mw_queue_wake(traffic->queue);
  return NULL;
}

static void *read_all(void *data)
{
  struct traffic *traffic = data;
  struct mw_queue_batch batch;

  for (bool last = false, some = true; some || !last;) {
    last = atomic_load(&traffic->writing) == 0;
    some = mw_queue_wait(traffic->queue, traffic->cursor, last ? 0 : INT64_MAX);
    mw_queue_take(traffic->queue, traffic->cursor, 0, 1000, &batch);
    for (size_t i = 0; i < batch.count; i++)
      traffic->seen += batch.messages[i]->body.data[0] == '{';
    mw_queue_end(traffic->queue, traffic->cursor, &batch, batch.count);
  }
  return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
  struct traffic traffic = {.queue = open_queue(4000), .writing = WRITERS};
  pthread_t writers[WRITERS], reader;

  (void)state;
  traffic.cursor = add_cursor(traffic.queue, "reader");
  assert_int_equal(pthread_create(&reader, NULL, read_all, &traffic), 0);
  for (int i = 0; i < WRITERS; i++)
    assert_int_equal(pthread_create(&writers[i], NULL, write_many, &traffic), 0);
  for (int i = 0; i < WRITERS; i++)
    pthread_join(writers[i], NULL);
  pthread_join(reader, NULL);
  struct mw_queue_cursor usage = usage_of(traffic.queue, traffic.cursor);
  assert_int_equal(traffic.seen, usage.delivered_total);
  assert_int_equal(usage.waiting, 0);
  assert_int_equal(usage.delivered_total + usage.dropped_total, WRITERS * EACH);
  mw_queue_close(traffic.queue, 0);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_sink_gets_all_in_order),
      cmocka_unit_test(what_is_not_delivered_comes_again),
      cmocka_unit_test(without_a_sink_nothing_is_kept),
      cmocka_unit_test(a_full_buffer_drops_the_oldest_and_counts_them_for_each_sink),
      cmocka_unit_test(what_is_being_delivered_stays_readable_and_counts_as_delivered),
      cmocka_unit_test(a_message_that_never_fits_is_refused),
      cmocka_unit_test(a_batch_is_bounded_but_never_empty),
      cmocka_unit_test(there_are_so_many_sinks),
      cmocka_unit_test(a_wait_ends_with_its_time_or_a_wake),
      cmocka_unit_test(a_sink_that_leaves_finds_its_place_again),
      cmocka_unit_test(a_new_sink_may_begin_with_what_is_there),
      cmocka_unit_test(a_message_that_nobody_takes_is_set_aside),
      cmocka_unit_test(a_message_behind_a_gap_is_set_aside),
      cmocka_unit_test(what_was_not_dropped_is_not_delivered_late),
      cmocka_unit_test(nothing_is_lost_between_threads),
  };
  return cmocka_run_group_tests_name("agent/queue", tests, NULL, NULL);
}
