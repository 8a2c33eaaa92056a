/* What becomes of batches, with made-up clocks and far ends; nothing waits. */
#include "agent/delivery.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEPS_MAX 100000
#define MESSAGES_MAX 40000

static struct mw_error err;

struct fixture {
  struct mw_queue *queue;
  struct mw_clock_manual clock;
  struct mw_delivery *delivery;

  /* The far end. */
  int64_t away_until_ns;     /* it fails until then */
  int64_t retry_after_ns;    /* and asks for this */
  bool (*refuses)(int body); /* for good; NULL: none */
  bool (*crashes)(int body); /* makes the sink fail */
  bool refuses_all;
  size_t takes_max; /* of one batch; 0: any number */
  size_t tries, largest;
  size_t arrived_count;
  int arrived[MESSAGES_MAX];
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  const struct mw_queue_config config = {.buffer_bytes = (size_t)64 << 20};

  f->queue = mw_queue_open(&config, &err);
  assert_non_null(f->queue);
  mw_clock_manual_init(&f->clock);
  f->clock.now_monotonic_ns = 1000 * MW_NS_PER_S;
  f->clock.now_wall_ns = 1700000000 * MW_NS_PER_S;
  const struct mw_delivery_config delivery = {
      .name = "far", .queue = f->queue, .clock = &f->clock.clock};
  f->delivery = mw_delivery_new(&delivery, &err);
  assert_non_null(f->delivery);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  mw_delivery_free(f->delivery);
  mw_queue_close(f->queue, 0);
  free(f);
  return 0;
}

static void pass(struct fixture *f, int64_t ns)
{
  f->clock.now_monotonic_ns += ns;
  f->clock.now_wall_ns += ns;
}

static void put(struct fixture *f, int body)
{
  char text[16];

  snprintf(text, sizeof text, "%d", body);
  const struct mw_message message = {.script = "demo",
                                     .kind = "metric",
                                     .schema = 1,
                                     .emitted_at_ns = f->clock.now_wall_ns,
                                     .body = {text, strlen(text)}};
  assert_int_equal(0, mw_queue_put(f->queue, &message, &err));
}

static void put_range(struct fixture *f, int from, int to)
{
  for (int i = from; i <= to; i++)
    put(f, i);
}

static int body_of(const struct mw_message *message)
{
  char text[16]; /* the body has no end of its own */

  snprintf(text, sizeof text, "%.*s", (int)message->body.len_bytes, message->body.data);
  return atoi(text);
}

static int refuse(struct mw_verdict *verdict, enum mw_delivery_fault fault, struct mw_error *why)
{
  verdict->fault = fault;
  return mw_error_set(why, EIO, "no, not %s", fault == MW_DELIVERY_SINK ? "so" : "this");
}

static int deliver(void *data, struct mw_queue_batch *batch, struct mw_verdict *verdict,
                   struct mw_error *why)
{
  struct fixture *f = data;

  f->tries++;
  if (batch->count > f->largest)
    f->largest = batch->count;
  if (f->clock.now_monotonic_ns < f->away_until_ns) {
    verdict->retry_after_ns = f->retry_after_ns;
    return mw_error_set(why, ECONNREFUSED, "nobody there");
  }
  for (size_t i = 0; i < batch->count; i++) {
    if (f->refuses_all || (f->refuses && f->refuses(body_of(batch->messages[i]))))
      return refuse(verdict, MW_DELIVERY_BATCH, why);
    if (f->crashes && f->crashes(body_of(batch->messages[i])))
      return refuse(verdict, MW_DELIVERY_SINK, why);
  }
  for (size_t i = 0; i < batch->count; i++) {
    if (f->takes_max > 0 && i == f->takes_max)
      return mw_error_set(why, EIO, "no more");
    assert_true(f->arrived_count < MESSAGES_MAX);
    f->arrived[f->arrived_count++] = body_of(batch->messages[i]);
    verdict->delivered++;
  }
  return 0;
}

static enum mw_delivery_step try(struct fixture *f)
{
  return mw_delivery_try(f->delivery, deliver, f, &err);
}

/* As a sink does it: until nothing waits, or @p until_ns has come. */
static void work_until(struct fixture *f, int64_t until_ns)
{
  for (int i = 0; i < STEPS_MAX; i++) {
    if (mw_delivery_due_ns(f->delivery) > until_ns)
      return;
    if (mw_delivery_due_ns(f->delivery) > f->clock.now_monotonic_ns)
      pass(f, mw_delivery_due_ns(f->delivery) - f->clock.now_monotonic_ns);
    if (try(f) == MW_DELIVERY_IDLE)
      return;
  }
  fail_msg("it does not come to its end");
}

static void work(struct fixture *f)
{
  work_until(f, INT64_MAX - 1);
}

static struct mw_delivery_status status_of(struct fixture *f)
{
  struct mw_delivery_status status;

  mw_delivery_status(f->delivery, &status);
  return status;
}

static void limit(struct fixture *f, struct mw_delivery_limits limits)
{
  mw_delivery_set_limits(f->delivery, &limits);
}

/* All from @p from to @p to have arrived, in order, but for those that @p lacks says. */
static void assert_arrived(const struct fixture *f, int from, int to, bool (*lacks)(int))
{
  size_t at = 0;

  for (int i = from; i <= to; i++)
    if (!lacks || !lacks(i))
      assert_int_equal(i, f->arrived[at++]);
  assert_int_equal(at, f->arrived_count);
}

static bool is_seven(int body)
{
  return body == 7;
}

static bool is_any(int body)
{
  (void)body;
  return true;
}

static bool is_odd(int body)
{
  return body % 2 == 1;
}

/* ---- Batches ---- */

static void batches_have_their_bounds(void **state)
{
  struct fixture *f = *state;

  limit(f, (struct mw_delivery_limits){.batch_messages = 3});
  put_range(f, 1, 10);
  work(f);
  assert_int_equal(3, f->largest);
  assert_int_equal(4, f->tries);
  limit(f, (struct mw_delivery_limits){.batch_bytes = 4}); /* two digits each */
  put_range(f, 11, 20);
  f->largest = 0;
  work(f);
  assert_int_equal(2, f->largest);
  assert_arrived(f, 1, 20, NULL);
}

static void what_was_delivered_of_a_batch_that_failed_does_not_come_again(void **state)
{
  struct fixture *f = *state;

  f->takes_max = 4;
  put_range(f, 1, 10);
  work(f);
  assert_arrived(f, 1, 10, NULL);
  assert_int_equal(3, f->tries);
  assert_int_equal(2, status_of(f).failures_total);
}

/* ---- Far ends that are away ---- */

/* A check that sends one message for each of a hundred containers, every two seconds. */
static void a_far_end_that_is_away_for_ten_minutes_costs_nothing(void **state)
{
  enum { CONTAINERS = 100, INTERVAL_S = 2, ROUNDS = 330 };
  struct fixture *f = *state;
  int sent = 0;

  f->away_until_ns = f->clock.now_monotonic_ns + 600 * MW_NS_PER_S;
  for (int round = 0; round < ROUNDS; round++) {
    int64_t until_ns = f->clock.now_monotonic_ns + INTERVAL_S * MW_NS_PER_S;
    put_range(f, sent + 1, sent + CONTAINERS);
    sent += CONTAINERS;
    work_until(f, until_ns);
    pass(f, until_ns - f->clock.now_monotonic_ns);
  }
  work(f);
  assert_arrived(f, 1, sent, NULL);
  struct mw_delivery_status status = status_of(f);
  assert_int_equal(sent, status.usage.delivered_total);
  assert_int_equal(0, status.usage.waiting);
  assert_int_equal(0, status.usage.dropped_total);
  assert_int_equal(0, status.usage.set_aside_total);
  assert_in_range(status.failures_total, 10, 40); /* not every interval: pauses grow */
}

static void pauses_grow_to_a_minute_and_begin_small_again(void **state)
{
  struct fixture *f = *state;
  int64_t expected_ns = MW_DELIVERY_PAUSE_MIN_NS;

  put(f, 1);
  f->away_until_ns = INT64_MAX;
  for (int i = 0; i < 12; i++) {
    assert_int_equal(MW_DELIVERY_PAUSES, try(f));
    int64_t pause_ns = mw_delivery_due_ns(f->delivery) - f->clock.now_monotonic_ns;
    assert_in_range(pause_ns, expected_ns / 2, expected_ns);
    assert_int_equal(pause_ns, status_of(f).next_try_in_ns);
    assert_int_equal(i + 1, status_of(f).failures_in_a_row);
    expected_ns =
        expected_ns * 2 < MW_DELIVERY_PAUSE_MAX_NS ? expected_ns * 2 : MW_DELIVERY_PAUSE_MAX_NS;
    pass(f, pause_ns);
  }
  assert_string_equal("nobody there", status_of(f).error);
  f->away_until_ns = 0;
  assert_int_equal(MW_DELIVERY_GOES_ON, try(f));
  assert_string_equal("", status_of(f).error);
  assert_int_equal(0, status_of(f).next_try_in_ns);
  put(f, 2);
  f->away_until_ns = INT64_MAX;
  assert_int_equal(MW_DELIVERY_PAUSES, try(f));
  assert_in_range(status_of(f).next_try_in_ns, 1, MW_DELIVERY_PAUSE_MIN_NS);
}

static void a_far_end_is_left_alone_as_long_as_it_asks(void **state)
{
  struct fixture *f = *state;

  put(f, 1);
  f->away_until_ns = INT64_MAX;
  f->retry_after_ns = 17 * MW_NS_PER_S;
  assert_int_equal(MW_DELIVERY_PAUSES, try(f));
  assert_in_range(status_of(f).next_try_in_ns, 17 * MW_NS_PER_S, 19 * MW_NS_PER_S);
  mw_delivery_hurry(f->delivery, 0);
  assert_in_range(status_of(f).next_try_in_ns, 17 * MW_NS_PER_S, 19 * MW_NS_PER_S);
  f->retry_after_ns = 86400 * MW_NS_PER_S; /* but not for a day */
  assert_int_equal(MW_DELIVERY_PAUSES, try(f));
  assert_in_range(status_of(f).next_try_in_ns, MW_DELIVERY_RETRY_AFTER_MAX_NS,
                  MW_DELIVERY_RETRY_AFTER_MAX_NS + MW_DELIVERY_RETRY_AFTER_MAX_NS / 10);
}

static void who_hurries_shortens_a_pause(void **state)
{
  struct fixture *f = *state;

  put(f, 1);
  f->away_until_ns = INT64_MAX;
  for (int i = 0; i < 10; i++)
    try(f);
  assert_true(status_of(f).next_try_in_ns > 20 * MW_NS_PER_S);
  mw_delivery_hurry(f->delivery, MW_NS_PER_S / 10);
  assert_int_equal(MW_NS_PER_S / 10, status_of(f).next_try_in_ns);
  mw_delivery_hurry(f->delivery, 0);
  assert_int_equal(0, status_of(f).next_try_in_ns);
}

/* ---- Messages that are refused ---- */

static void one_that_is_refused_is_found_and_set_aside(void **state)
{
  struct fixture *f = *state;

  f->refuses = is_seven;
  put_range(f, 1, 1000);
  work(f);
  assert_arrived(f, 1, 1000, is_seven);
  assert_int_equal(1, status_of(f).usage.set_aside_total);
  assert_int_equal(999, status_of(f).usage.delivered_total);
  assert_in_range(f->tries, 10, 40);
  assert_int_equal(1000 * MW_NS_PER_S, f->clock.now_monotonic_ns); /* nobody has waited for that */
}

static void batches_are_as_large_as_before_when_it_is_found(void **state)
{
  struct fixture *f = *state;

  f->refuses = is_seven;
  put_range(f, 1, 1000);
  work(f);
  f->largest = 0;
  put_range(f, 1001, 2000);
  work(f);
  assert_int_equal(MW_QUEUE_BATCH_MAX, f->largest);
}

static void every_second_one_may_be_refused(void **state)
{
  struct fixture *f = *state;

  f->refuses = is_odd;
  put_range(f, 1, 100);
  work(f);
  assert_arrived(f, 1, 100, is_odd);
  assert_int_equal(50, status_of(f).usage.set_aside_total);
}

/* Its address may be wrong. */
static void a_far_end_that_refuses_all_does_not_empty_the_queue_at_once(void **state)
{
  struct fixture *f = *state;
  int64_t began_ns = f->clock.now_monotonic_ns;

  f->refuses_all = true;
  put_range(f, 1, 1000);
  work_until(f, began_ns + 60 * MW_NS_PER_S);
  assert_in_range(status_of(f).usage.set_aside_total, MW_DELIVERY_REFUSALS_FORGIVEN, 40);
  f->refuses_all = false;
  work(f);
  assert_int_equal(1000, f->arrived_count + status_of(f).usage.set_aside_total);
  assert_int_equal(1000, f->arrived[f->arrived_count - 1]);
}

/* ---- Sinks that fail by themselves ---- */

static void a_message_at_which_the_sink_fails_again_and_again_is_set_aside(void **state)
{
  struct fixture *f = *state;

  limit(f, (struct mw_delivery_limits){.tries_max = 3});
  f->crashes = is_seven;
  put_range(f, 1, 20);
  work(f);
  assert_arrived(f, 1, 20, is_seven);
  assert_int_equal(1, status_of(f).usage.set_aside_total);
}

static void a_sink_that_always_fails_costs_little_before_somebody_looks(void **state)
{
  struct fixture *f = *state;

  f->crashes = is_any;
  put_range(f, 1, 1000);
  work_until(f, f->clock.now_monotonic_ns + 600 * MW_NS_PER_S);
  assert_in_range(status_of(f).usage.set_aside_total, 0, 3);
  f->crashes = NULL;
  work(f);
  assert_int_equal(1000, f->arrived_count + status_of(f).usage.set_aside_total);
}

static void failures_of_the_way_do_not_count_as_the_sinks(void **state)
{
  struct fixture *f = *state;

  limit(f, (struct mw_delivery_limits){.tries_max = 2});
  put_range(f, 1, 3);
  f->away_until_ns = f->clock.now_monotonic_ns + 3600 * MW_NS_PER_S;
  work(f);
  assert_arrived(f, 1, 3, NULL);
}

/* ---- Messages that are too old ---- */

static void what_is_too_old_is_passed_over_and_counted(void **state)
{
  struct fixture *f = *state;

  limit(f, (struct mw_delivery_limits){.max_age_ns = 60 * MW_NS_PER_S});
  put_range(f, -300, -1);
  pass(f, 59 * MW_NS_PER_S);
  put_range(f, 1, 5);
  pass(f, 2 * MW_NS_PER_S);
  work(f);
  assert_arrived(f, 1, 5, NULL);
  assert_int_equal(300, status_of(f).stale_total);
  assert_int_equal(0, status_of(f).usage.set_aside_total);
  assert_int_equal(0, status_of(f).failures_total);
  assert_int_equal(5, status_of(f).usage.delivered_total);
}

/* ---- The end ---- */

static int nobody_reads(void *data, struct mw_queue_batch *batch, struct mw_verdict *verdict,
                        struct mw_error *why)
{
  (void)data;
  (void)batch;
  verdict->delivered = 1;
  return mw_error_set(why, EPIPE, "nobody reads");
}

static void what_is_given_up_keeps_nothing(void **state)
{
  struct fixture *f = *state;
  struct mw_queue_usage usage;

  put_range(f, 1, 5);
  assert_int_equal(MW_DELIVERY_GIVEN_UP, mw_delivery_try(f->delivery, nobody_reads, NULL, &err));
  assert_int_equal(MW_DELIVERY_GIVEN_UP, try(f));
  assert_int_equal(1, status_of(f).usage.delivered_total);
  assert_int_equal(4, status_of(f).usage.dropped_total);
  mw_queue_usage(f->queue, &usage);
  assert_int_equal(0, usage.messages);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(batches_have_their_bounds, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_was_delivered_of_a_batch_that_failed_does_not_come_again,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_far_end_that_is_away_for_ten_minutes_costs_nothing, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(pauses_grow_to_a_minute_and_begin_small_again, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_far_end_is_left_alone_as_long_as_it_asks, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(who_hurries_shortens_a_pause, set_up, tear_down),
      cmocka_unit_test_setup_teardown(one_that_is_refused_is_found_and_set_aside, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(batches_are_as_large_as_before_when_it_is_found, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(every_second_one_may_be_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_far_end_that_refuses_all_does_not_empty_the_queue_at_once,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(
          a_message_at_which_the_sink_fails_again_and_again_is_set_aside, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_sink_that_always_fails_costs_little_before_somebody_looks,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(failures_of_the_way_do_not_count_as_the_sinks, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(what_is_too_old_is_passed_over_and_counted, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(what_is_given_up_keeps_nothing, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
