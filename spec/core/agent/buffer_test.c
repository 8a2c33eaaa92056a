/* The queue of messages; with many threads, too, so meant to be run under the thread checker. */
#include "agent/buffer.h"

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

static int put(struct mw_buffer *buffer, const char *body)
{
  struct mw_message message = {
      .task = "demo", .kind = "test", .schema = 1, .body = {body, strlen(body)}};
  return mw_buffer_put(buffer, &message, &err);
}

static void put_numbers(struct mw_buffer *buffer, int from, int to)
{
  char body[16];

  for (int i = from; i <= to; i++) {
    snprintf(body, sizeof body, "%d", i);
    assert_int_equal(put(buffer, body), 0);
  }
}

/* Take what is there, and say that @p delivered of it (-1: all) were delivered. @return the bodies,
 * blanks between them. */
static const char *take(struct mw_buffer *buffer, int cursor, int delivered)
{
  static char text[4096];
  struct mw_batch batch;
  size_t used = 0;

  text[0] = '\0';
  mw_buffer_take(buffer, cursor, ANY_BYTES, &batch);
  for (size_t i = 0; i < batch.count; i++) {
    const struct mw_message *message = batch.messages[i];
    assert_string_equal(message->task, "demo");
    assert_string_equal(message->kind, "test");
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", i > 0 ? " " : "",
                             (int)message->body.len_bytes, message->body.data);
  }
  mw_buffer_end(buffer, cursor, &batch, delivered < 0 ? batch.count : (size_t)delivered);
  return text;
}

static struct mw_cursor_usage usage_of(struct mw_buffer *buffer, int cursor)
{
  struct mw_cursor_usage usage;

  mw_buffer_cursor_usage(buffer, cursor, &usage);
  return usage;
}

static size_t messages_in(struct mw_buffer *buffer)
{
  struct mw_buffer_usage usage;

  mw_buffer_usage(buffer, &usage);
  return usage.messages;
}

static void every_sink_gets_all_in_order(void **state)
{
  struct mw_buffer *buffer = mw_buffer_new(ANY_BYTES, &err);
  int a = mw_buffer_add_cursor(buffer, &err), b = mw_buffer_add_cursor(buffer, &err);

  (void)state;
  put_numbers(buffer, 1, 3);
  assert_string_equal(take(buffer, a, -1), "1 2 3");
  put_numbers(buffer, 4, 4);
  assert_string_equal(take(buffer, a, -1), "4");
  assert_string_equal(take(buffer, a, -1), "");
  assert_int_equal(messages_in(buffer), 4);
  assert_string_equal(take(buffer, b, -1), "1 2 3 4");
  assert_int_equal(messages_in(buffer), 0);
  assert_int_equal(usage_of(buffer, a).delivered_total, 4);
  assert_int_equal(usage_of(buffer, b).dropped_total, 0);
  mw_buffer_free(buffer);
}

static void what_is_not_delivered_comes_again(void **state)
{
  struct mw_buffer *buffer = mw_buffer_new(ANY_BYTES, &err);
  int a = mw_buffer_add_cursor(buffer, &err);

  (void)state;
  put_numbers(buffer, 1, 3);
  assert_string_equal(take(buffer, a, 0), "1 2 3");
  assert_string_equal(take(buffer, a, 2), "1 2 3");
  assert_string_equal(take(buffer, a, -1), "3");
  assert_int_equal(usage_of(buffer, a).delivered_total, 3);
  mw_buffer_free(buffer);
}

static void without_a_sink_nothing_is_kept(void **state)
{
  struct mw_buffer *buffer = mw_buffer_new(ANY_BYTES, &err);

  (void)state;
  put_numbers(buffer, 1, 3);
  assert_int_equal(messages_in(buffer), 0);
  assert_int_equal(usage_of(buffer, mw_buffer_add_cursor(buffer, &err)).waiting, 0);
  mw_buffer_free(buffer);
}

static void a_full_buffer_drops_the_oldest_and_counts_them_for_each_sink(void **state)
{
  struct mw_buffer *buffer = mw_buffer_new(2000, &err);
  int quick = mw_buffer_add_cursor(buffer, &err), slow = mw_buffer_add_cursor(buffer, &err);
  struct mw_buffer_usage usage;

  (void)state;
  for (int i = 1; i <= 100; i++) {
    char body[16];
    put_numbers(buffer, i, i);
    snprintf(body, sizeof body, "%d", i);
    assert_string_equal(take(buffer, quick, -1), body);
    mw_buffer_usage(buffer, &usage);
    assert_in_range(usage.bytes, 1, 2000);
  }
  assert_int_equal(usage_of(buffer, quick).dropped_total, 0);
  struct mw_cursor_usage before = usage_of(buffer, slow);
  assert_in_range(before.waiting, 1, 99);
  assert_int_equal(before.waiting + before.dropped_total, 100);
  take(buffer, slow, -1);
  assert_int_equal(usage_of(buffer, slow).delivered_total, before.waiting);
  assert_int_equal(usage_of(buffer, slow).dropped_total, before.dropped_total);
  mw_buffer_free(buffer);
}

static void what_is_being_delivered_stays_readable_and_counts_as_delivered(void **state)
{
  struct mw_buffer *buffer = mw_buffer_new(2000, &err);
  int a = mw_buffer_add_cursor(buffer, &err);
  struct mw_batch batch;

  (void)state;
  put_numbers(buffer, 1, 1);
  mw_buffer_take(buffer, a, ANY_BYTES, &batch);
  put_numbers(buffer, 2, 100);
  assert_int_equal(batch.messages[0]->body.data[0], '1');
  uint64_t dropped = usage_of(buffer, a).dropped_total;
  mw_buffer_end(buffer, a, &batch, 1);
  assert_int_equal(usage_of(buffer, a).dropped_total, dropped - 1);
  assert_int_equal(usage_of(buffer, a).delivered_total, 1);
  mw_buffer_free(buffer);
}

static void a_message_that_never_fits_is_refused(void **state)
{
  struct mw_buffer *buffer = mw_buffer_new(500, &err);
  int a = mw_buffer_add_cursor(buffer, &err);
  char body[600] = "";

  (void)state;
  memset(body, 'x', sizeof body - 1);
  put_numbers(buffer, 1, 1);
  assert_int_equal(put(buffer, body), -EMSGSIZE);
  assert_non_null(strstr(err.text, "buffer_bytes = 500"));
  assert_string_equal(take(buffer, a, -1), "1");
  mw_buffer_free(buffer);
}

static void a_batch_is_bounded_but_never_empty(void **state)
{
  struct mw_buffer *buffer = mw_buffer_new(ANY_BYTES, &err);
  int a = mw_buffer_add_cursor(buffer, &err);
  struct mw_batch batch;

  (void)state;
  put_numbers(buffer, 10, 10 + MW_BATCH_MESSAGES_MAX);
  mw_buffer_take(buffer, a, 1, &batch);
  assert_int_equal(batch.count, 1);
  mw_buffer_end(buffer, a, &batch, 1);
  mw_buffer_take(buffer, a, 7, &batch);
  assert_int_equal(batch.count, 3);
  mw_buffer_end(buffer, a, &batch, 0);
  mw_buffer_take(buffer, a, ANY_BYTES, &batch);
  assert_int_equal(batch.count, MW_BATCH_MESSAGES_MAX);
  mw_buffer_end(buffer, a, &batch, batch.count);
  assert_int_equal(usage_of(buffer, a).waiting, 0);
  mw_buffer_free(buffer);
}

static void there_are_so_many_sinks(void **state)
{
  struct mw_buffer *buffer = mw_buffer_new(ANY_BYTES, &err);

  (void)state;
  for (int i = 0; i < MW_BUFFER_CURSORS_MAX; i++)
    assert_int_equal(mw_buffer_add_cursor(buffer, &err), i);
  assert_int_equal(mw_buffer_add_cursor(buffer, &err), -ENOSPC);
  mw_buffer_free(buffer);
}

static void a_wait_ends_with_its_time_or_a_wake(void **state)
{
  struct mw_buffer *buffer = mw_buffer_new(ANY_BYTES, &err);
  int a = mw_buffer_add_cursor(buffer, &err);
  int64_t never_ns = INT64_MAX;

  (void)state;
  assert_false(mw_buffer_wait(buffer, a, 0));
  mw_buffer_wake(buffer);
  assert_false(mw_buffer_wait(buffer, a, never_ns));
  put_numbers(buffer, 1, 1);
  assert_true(mw_buffer_wait(buffer, a, never_ns));
  mw_buffer_free(buffer);
}

/* ---- Many threads ---- */

#define WRITERS 4
#define EACH 2000

struct traffic {
  struct mw_buffer *buffer;
  int cursor;
  atomic_int writing;
  uint64_t seen;
};

static void *write_many(void *data)
{
  struct traffic *traffic = data;

  for (int i = 0; i < EACH; i++)
    put(traffic->buffer, "{}");
  atomic_fetch_sub(&traffic->writing, 1);
  mw_buffer_wake(traffic->buffer);
  return NULL;
}

static void *read_all(void *data)
{
  struct traffic *traffic = data;
  struct mw_batch batch;

  for (bool last = false, some = true; some || !last;) {
    last = atomic_load(&traffic->writing) == 0;
    some = mw_buffer_wait(traffic->buffer, traffic->cursor, last ? 0 : INT64_MAX);
    mw_buffer_take(traffic->buffer, traffic->cursor, 1000, &batch);
    for (size_t i = 0; i < batch.count; i++)
      traffic->seen += batch.messages[i]->body.data[0] == '{';
    mw_buffer_end(traffic->buffer, traffic->cursor, &batch, batch.count);
  }
  return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
  struct traffic traffic = {.buffer = mw_buffer_new(4000, &err), .writing = WRITERS};
  pthread_t writers[WRITERS], reader;

  (void)state;
  traffic.cursor = mw_buffer_add_cursor(traffic.buffer, &err);
  assert_int_equal(pthread_create(&reader, NULL, read_all, &traffic), 0);
  for (int i = 0; i < WRITERS; i++)
    assert_int_equal(pthread_create(&writers[i], NULL, write_many, &traffic), 0);
  for (int i = 0; i < WRITERS; i++)
    pthread_join(writers[i], NULL);
  pthread_join(reader, NULL);
  struct mw_cursor_usage usage = usage_of(traffic.buffer, traffic.cursor);
  assert_int_equal(traffic.seen, usage.delivered_total);
  assert_int_equal(usage.waiting, 0);
  assert_int_equal(usage.delivered_total + usage.dropped_total, WRITERS * EACH);
  mw_buffer_free(traffic.buffer);
}

static void the_place_of_a_sink_that_has_gone_is_free(void **state)
{
  struct mw_buffer *buffer = mw_buffer_new(ANY_BYTES, &err);
  int gone[MW_BUFFER_CURSORS_MAX];

  (void)state;
  for (int i = 0; i < MW_BUFFER_CURSORS_MAX; i++)
    gone[i] = mw_buffer_add_cursor(buffer, &err);
  put_numbers(buffer, 1, 3);
  for (int i = 0; i < MW_BUFFER_CURSORS_MAX; i++)
    mw_buffer_remove_cursor(buffer, gone[i]);
  assert_int_equal(0, messages_in(buffer)); /* nobody wants them any more */
  int cursor = mw_buffer_add_cursor(buffer, &err);
  assert_true(cursor >= 0);
  put_numbers(buffer, 4, 5);
  assert_string_equal("4 5", take(buffer, cursor, -1));
  assert_int_equal(2, usage_of(buffer, cursor).delivered_total);
  mw_buffer_free(buffer);
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
      cmocka_unit_test(the_place_of_a_sink_that_has_gone_is_free),
      cmocka_unit_test(a_wait_ends_with_its_time_or_a_wake),
      cmocka_unit_test(nothing_is_lost_between_threads),
  };
  return cmocka_run_group_tests_name("agent/buffer", tests, NULL, NULL);
}
