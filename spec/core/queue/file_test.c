/* What the queue keeps over restarts, and what leaves it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "queue_fixture.h"

static void what_was_not_delivered_is_there_after_a_restart(void **state)
{
  struct fixture *fixture = *state;
  int a = add_cursor(fixture, "a");

  put_numbers(fixture, 1, 5);
  assert_string_equal(take(fixture, a, 2), "1 2 3 4 5");
  reopen(fixture);
  assert_true(usage(fixture).has_file);
  assert_int_equal(usage(fixture).messages, 3);
  a = add_cursor(fixture, "a");
  assert_int_equal(cursor_usage(fixture, a).waiting, 3);
  assert_in_range(cursor_usage(fixture, a).oldest_at_ns, wall_ns() - 60 * MW_NS_PER_S, wall_ns());
  assert_int_equal(cursor_usage(fixture, a).delivered_total, 2);
  put_numbers(fixture, 6, 6);
  assert_string_equal(take(fixture, a, -1), "3 4 5");
  assert_string_equal(take(fixture, a, -1), "6");
  assert_int_equal(cursor_usage(fixture, a).delivered_total, 6);
  assert_int_equal(cursor_usage(fixture, a).dropped_total, 0);
}

static void messages_are_read_from_the_file_as_they_were(void **state)
{
  struct fixture *fixture = *state;
  struct mw_queue_batch batch;
  static char json[40000];
  size_t used = 1;

  json[0] = '[';
  for (int i = 0; used < sizeof json - 40; i++)
    used += (size_t)snprintf(json + used, sizeof json - used, "{\"pid\":%d,\"cpu\":0.5},", i);
  struct mw_message messages[] = {
      {.script = "container_rt",
       .kind = "k.1",
       .schema = 7,
       .emitted_at_ns = 12345678901234,
       .body = {json, used}},
      {.script = "s", .kind = "", .schema = -1, .emitted_at_ns = -5, .body = {"", 0}},
  };
  add_cursor(fixture, "a");
  for (int i = 0; i < 2; i++)
    assert_int_equal(mw_queue_put(fixture->queue, &messages[i], NULL), 0);
  reopen(fixture);
  int a = add_cursor(fixture, "a");
  mw_queue_take(fixture->queue, a, 0, ANY_BYTES, &batch);
  assert_int_equal(batch.count, 2);
  for (size_t i = 0; i < 2; i++) {
    const struct mw_message *got = batch.messages[i];
    assert_int_equal(got->number, i + 1);
    assert_string_equal(got->script, messages[i].script);
    assert_string_equal(got->kind, messages[i].kind);
    assert_int_equal(got->schema, messages[i].schema);
    assert_int_equal(got->emitted_at_ns, messages[i].emitted_at_ns);
    assert_int_equal(got->body.len_bytes, messages[i].body.len_bytes);
    assert_memory_equal(got->body.data, messages[i].body.data, got->body.len_bytes);
  }
  mw_queue_end(fixture->queue, a, &batch, 2);
  assert_true(usage(fixture).file_used_bytes < 40000); /* it is compressed */
}

static void a_buffer_that_is_full_loses_nothing_that_is_in_the_file(void **state)
{
  struct fixture *fixture = *state;
  uint64_t next = 1;
  int a;

  close_queue(fixture);
  fixture->config.buffer_bytes = 200000;
  open_queue(fixture);
  a = add_cursor(fixture, "a");
  for (int i = 0; i < 40; i++) {
    put_bodies(fixture, next, next + 9, 1000);
    next += 10;
    EVENTUALLY(usage(fixture).committed_total == next - 1);
  }
  assert_true(usage(fixture).buffer_bytes <= 200000);
  assert_int_equal(usage(fixture).messages, 400);
  for (uint64_t expected = 1; expected < next;) {
    struct mw_queue_batch batch;
    mw_queue_take(fixture->queue, a, 0, 20000, &batch);
    assert_true(batch.count > 0);
    for (size_t i = 0; i < batch.count; i++)
      assert_int_equal(number_of(batch.messages[i]), expected++);
    mw_queue_end(fixture->queue, a, &batch, batch.count);
  }
  assert_int_equal(cursor_usage(fixture, a).dropped_total, 0);
  assert_int_equal(cursor_usage(fixture, a).waiting, 0);
}

static void what_every_sink_has_had_is_not_written(void **state)
{
  struct fixture *fixture = *state;
  int a;

  close_queue(fixture);
  fixture->config.flush_interval_ns = 3600 * MW_NS_PER_S;
  open_queue(fixture);
  a = add_cursor(fixture, "a");
  put_numbers(fixture, 1, 100);
  take(fixture, a, -1);
  put_numbers(fixture, 101, 101);
  reopen(fixture);
  assert_int_equal(usage(fixture).committed_total, 1);
  assert_string_equal(take(fixture, add_cursor(fixture, "a"), -1), "101");
}

static void a_sink_that_went_holds_back_what_it_has_not_had_until_it_is_dropped(void **state)
{
  struct fixture *fixture = *state;
  struct mw_queue_cursor cursors[MW_QUEUE_CURSORS_MAX];

  add_cursor(fixture, "gone");
  put_numbers(fixture, 1, 3);
  reopen(fixture);
  int a = add_cursor(fixture, "a");
  assert_int_equal(mw_queue_cursors(fixture->queue, cursors), 2);
  assert_string_equal(cursors[0].name, "gone");
  assert_false(cursors[0].in_use);
  assert_int_equal(cursors[0].waiting, 3);
  assert_true(cursors[0].oldest_at_ns > 0);
  assert_string_equal(take(fixture, a, -1), "1 2 3");
  assert_int_equal(usage(fixture).messages, 3);
  assert_int_equal(mw_queue_drop_cursor(fixture->queue, "gone", &fixture->err), 0);
  assert_int_equal(usage(fixture).messages, 0);
  reopen(fixture);
  assert_int_equal(mw_queue_cursors(fixture->queue, cursors), 1);
  assert_int_equal(usage(fixture).messages, 0);
}

static void numbers_go_on_after_a_restart(void **state)
{
  struct fixture *fixture = *state;
  struct mw_queue_batch batch;
  int a = add_cursor(fixture, "a");

  put_numbers(fixture, 1, 7);
  take(fixture, a, -1);
  reopen(fixture);
  a = add_cursor(fixture, "a");
  put_numbers(fixture, 8, 8);
  mw_queue_take(fixture->queue, a, 0, ANY_BYTES, &batch);
  assert_int_equal(batch.count, 1);
  assert_int_equal(batch.first, 8);
  assert_int_equal(batch.messages[0]->number, 8);
  mw_queue_end(fixture->queue, a, &batch, 1);
  assert_int_equal(usage(fixture).put_total, 8);
}

static void the_file_is_bounded_and_the_oldest_leave_it(void **state)
{
  struct fixture *fixture = *state;
  int a;

  close_queue(fixture);
  fixture->config.file_bytes = MW_QUEUE_FILE_MIN_BYTES;
  fixture->config.buffer_bytes = 300000;
  open_queue(fixture);
  a = add_cursor(fixture, "a");
  for (uint64_t i = 0; i < 100; i++) {
    put_bodies(fixture, 10 * i + 1, 10 * i + 10, 5000);
    EVENTUALLY(usage(fixture).committed_total == 10 * i + 10);
    assert_string_equal(usage(fixture).error, "");
    assert_true(usage(fixture).file_used_bytes <= MW_QUEUE_FILE_MIN_BYTES);
  }
  assert_true(usage(fixture).file_size_bytes <= 2 * MW_QUEUE_FILE_MIN_BYTES);
  struct mw_queue_cursor before = cursor_usage(fixture, a);
  assert_int_equal(before.waiting + before.dropped_total, 1000);
  assert_in_range(before.waiting, 100, 250);
  uint64_t expected = before.dropped_total + 1;
  while (expected <= 1000) {
    struct mw_queue_batch batch;
    mw_queue_take(fixture->queue, a, 0, ANY_BYTES, &batch);
    assert_true(batch.count > 0);
    for (size_t i = 0; i < batch.count; i++)
      assert_int_equal(number_of(batch.messages[i]), expected++);
    mw_queue_end(fixture->queue, a, &batch, batch.count);
  }
  assert_int_equal(cursor_usage(fixture, a).dropped_total, before.dropped_total);
}

static void messages_that_are_too_old_leave_and_are_counted(void **state)
{
  struct fixture *fixture = *state;

  add_cursor(fixture, "a");
  for (int i = 0; i < 100; i++)
    assert_int_equal(put_at(fixture, "old", 3, wall_ns() - 3600 * MW_NS_PER_S), 0);
  put_numbers(fixture, 1, 2);
  reopen(fixture);
  int a = add_cursor(fixture, "a");
  assert_int_equal(cursor_usage(fixture, a).waiting, 102);
  close_queue(fixture);
  fixture->config.max_age_ns = 60 * MW_NS_PER_S;
  open_queue(fixture);
  a = add_cursor(fixture, "a");
  EVENTUALLY(cursor_usage(fixture, a).waiting == 2);
  assert_string_equal(take(fixture, a, -1), "1 2");
  assert_int_equal(cursor_usage(fixture, a).dropped_total, 100);
}

static void messages_stay_for_other_readers_as_long_as_they_shall(void **state)
{
  struct fixture *fixture = *state;
  int a;

  close_queue(fixture);
  fixture->config.keep_ns = 3600 * MW_NS_PER_S;
  open_queue(fixture);
  a = add_cursor(fixture, "a");
  put_numbers(fixture, 1, 5);
  take(fixture, a, -1);
  reopen(fixture);
  assert_int_equal(usage(fixture).messages, 5);
  assert_string_equal(take(fixture, add_cursor(fixture, "new"), -1), "1 2 3 4 5");
  close_queue(fixture);
  fixture->config.keep_ns = 1;
  open_queue(fixture);
  put_numbers(fixture, 6, 6);
  reopen(fixture);
  assert_in_range(usage(fixture).messages, 0, 1);
}

static void two_do_not_write_the_same_file(void **state)
{
  struct fixture *fixture = *state;

  assert_null(mw_queue_open(&fixture->config, &fixture->err));
  assert_int_equal(fixture->err.code, EBUSY);
}

static void bounds_that_make_no_sense_are_refused(void **state)
{
  struct fixture *fixture = *state;
  struct mw_queue_config config = fixture->config;

  config.file_bytes = MW_QUEUE_FILE_MIN_BYTES - 1;
  assert_null(mw_queue_open(&config, &fixture->err));
  assert_int_equal(fixture->err.code, EINVAL);
  config = fixture->config;
  config.keep_ns = -1;
  assert_null(mw_queue_open(&config, &fixture->err));
  assert_int_equal(fixture->err.code, EINVAL);
}

static void bounds_may_change(void **state)
{
  struct fixture *fixture = *state;

  close_queue(fixture);
  fixture->config.file_bytes = MW_QUEUE_FILE_MIN_BYTES;
  open_queue(fixture);
  add_cursor(fixture, "a");
  fixture->config.file_bytes = 16 * MW_QUEUE_FILE_MIN_BYTES;
  mw_queue_configure(fixture->queue, &fixture->config);
  put_bodies(fixture, 1, 1500, 5000);
  reopen(fixture);
  int a = add_cursor(fixture, "a");
  uint64_t waiting = cursor_usage(fixture, a).waiting;
  assert_in_range(waiting, 500, 1500);
  fixture->config.file_bytes = MW_QUEUE_FILE_MIN_BYTES;
  mw_queue_configure(fixture->queue, &fixture->config);
  put_bodies(fixture, 1501, 1501, 5000);
  EVENTUALLY(cursor_usage(fixture, a).waiting <= 300);
  assert_true(cursor_usage(fixture, a).waiting > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(what_was_not_delivered_is_there_after_a_restart),
      TEST(messages_are_read_from_the_file_as_they_were),
      TEST(a_buffer_that_is_full_loses_nothing_that_is_in_the_file),
      TEST(what_every_sink_has_had_is_not_written),
      TEST(a_sink_that_went_holds_back_what_it_has_not_had_until_it_is_dropped),
      TEST(numbers_go_on_after_a_restart),
      TEST(the_file_is_bounded_and_the_oldest_leave_it),
      TEST(messages_that_are_too_old_leave_and_are_counted),
      TEST(messages_stay_for_other_readers_as_long_as_they_shall),
      TEST(two_do_not_write_the_same_file),
      TEST(bounds_that_make_no_sense_are_refused),
      TEST(bounds_may_change),
  };

  return cmocka_run_group_tests_name("queue/file", tests, NULL, NULL);
}
