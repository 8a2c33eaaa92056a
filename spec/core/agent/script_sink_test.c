/* Sinks in Lua, each in its worker: what they are given, what they return, and what follows. */
#include "agent/script_sink.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonwatch/clock.h"
#include "support/tmptree.h"

#define GENEROUS_NS (30 * MW_NS_PER_S)

struct fixture {
  char dir[TMPTREE_ROOT_BYTES];
  const char *script_dirs[2];
  struct mw_context *context;
  struct mw_folders folders;
  struct mw_queue *queue;
  struct mw_script_settings settings;
  struct mw_sink *sink;
  struct mw_error err;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  const struct mw_context_config context = {.host_root = "spec/fixtures/hybrid"};
  const struct mw_queue_config queue = {.buffer_bytes = (size_t)8 << 20};

  tmptree_make(f->dir);
  f->script_dirs[0] = f->dir;
  f->context = mw_context_new(&context, &f->err);
  assert_non_null(f->context);
  mw_folders_open(&f->folders);
  f->queue = mw_queue_open(&queue, &f->err);
  assert_non_null(f->queue);
  f->settings = (struct mw_script_settings){.kind = MW_SCRIPT_SINK,
                                            .name = "demo",
                                            .interval_s = 0.01,
                                            .budget = MW_BUDGET_DEFAULT,
                                            .priority = -1};
  *state = f;
  return 0;
}

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

static size_t stop(struct fixture *f)
{
  size_t left;

  assert_true(mw_sink_stop(f->sink, now_ns() + GENEROUS_NS, &left));
  f->sink = NULL;
  return left;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  stop(f);
  mw_queue_close(f->queue, 0);
  mw_folders_close(&f->folders);
  mw_context_free(f->context);
  tmptree_remove(f->dir);
  free(f);
  return 0;
}

static void write_sink(struct fixture *f, const char *more, const char *body)
{
  char path[TMPTREE_PATH_BYTES], other[TMPTREE_PATH_BYTES + 4], text[2048];

  snprintf(path, sizeof path, "%s/sinks/demo.lua", f->dir);
  snprintf(other, sizeof other, "%s.new", path);
  snprintf(text, sizeof text,
           "local M = { api = 1, %s }\nfunction M.deliver(context, batch)\n%s\nend\nreturn M\n",
           more, body);
  tmptree_write(other, text);
  assert_int_equal(0, rename(other, path));
}

static void start(struct fixture *f, const char *more, const char *body)
{
  const struct mw_script_order order = {.settings = &f->settings, .script_dirs = f->script_dirs};
  const struct mw_crew_shared shared = {
      .context = f->context, .queue = f->queue, .folders = &f->folders};

  write_sink(f, more, body);
  f->sink = mw_script_sink_start(&order, &shared, &f->err);
  assert_non_null(f->sink);
}

static void put(struct fixture *f, const char *body)
{
  const struct mw_message message = {.script = "check",
                                     .kind = "metric",
                                     .schema = 1,
                                     .emitted_at_ns = 1700000000 * MW_NS_PER_S + MW_NS_PER_S / 2,
                                     .body = {body, strlen(body)}};
  assert_int_equal(0, mw_queue_put(f->queue, &message, &f->err));
}

static void put_numbers(struct fixture *f, int from, int to)
{
  char body[32];

  for (int i = from; i <= to; i++) {
    snprintf(body, sizeof body, "{\"n\":%d}", i);
    put(f, body);
  }
}

static struct mw_delivery_status status_of(struct fixture *f)
{
  struct mw_delivery_status status;

  mw_sink_status(f->sink, &status);
  return status;
}

static void wait_for_delivery(struct fixture *f, uint64_t total)
{
  while (status_of(f).usage.delivered_total < total)
    sched_yield();
}

static void wait_for_failure(struct fixture *f)
{
  while (status_of(f).failures_total == 0)
    sched_yield();
}

static void wait_for_set_aside(struct fixture *f, uint64_t total)
{
  while (status_of(f).usage.set_aside_total < total)
    sched_yield();
}

static void assert_contains(const char *text, const char *part)
{
  if (!strstr(text, part))
    fail_msg("\"%s\" is not in: %s", part, text);
}

/* ---- What it is given ---- */

static void it_is_given_what_checks_have_emitted(void **state)
{
  struct fixture *f = *state;

  start(f, "",
        "local message = batch[1]\n"
        "assert(message.number == 1 and message.script == 'check' and message.kind == 'metric')\n"
        "assert(message.schema == 1 and message.emitted_at_s == 1700000000.5)\n"
        "assert(message.body == '{\"n\":1}' and #batch == 1)\n"
        "assert(context.name == 'demo' and not context.emit)\n"
        "return true");
  put_numbers(f, 1, 1);
  while (status_of(f).usage.delivered_total + status_of(f).failures_total == 0)
    sched_yield();
  assert_string_equal("", status_of(f).error);
}

static void it_gets_them_in_order_and_in_batches_of_its_size(void **state)
{
  struct fixture *f = *state;

  start(f, "batch_messages = 7",
        "for _, message in ipairs(batch) do\n"
        "  last = (last or 0) + 1\n"
        "  assert(message.body == '{\"n\":' .. last .. '}')\n"
        "end\n"
        "return #batch <= 7");
  put_numbers(f, 1, 500);
  wait_for_delivery(f, 500);
  assert_int_equal(0, status_of(f).failures_total);
}

static void the_configuration_overrules_what_it_declares(void **state)
{
  struct fixture *f = *state;

  f->settings.sink.batch_messages = 2;
  f->settings.sink.max_age_s = 60;
  start(f, "batch_messages = 7, max_age_s = 31536000", "error('too old')");
  put_numbers(f, 1, 5);
  while (status_of(f).stale_total < 5)
    sched_yield();
  assert_int_equal(0, status_of(f).failures_total);
}

static void what_it_declares_has_bounds(void **state)
{
  struct fixture *f = *state;
  struct mw_worker_status status;

  start(f, "batch_messages = 1000", "return true");
  do {
    sched_yield();
    mw_worker_status(mw_sink_worker(f->sink), &status);
  } while (status.state != MW_WORKER_BROKEN);
  assert_string_equal("sink", status.kind);
  assert_contains(status.error, "sinks/demo.lua: batch_messages is not a number from 1 to 256");
}

/* ---- What it returns ---- */

static void a_failure_comes_again_after_a_pause(void **state)
{
  struct fixture *f = *state;

  start(f, "", "tries = (tries or 0) + 1\nif tries < 3 then return nil, 'not now' end return true");
  put_numbers(f, 1, 3);
  wait_for_delivery(f, 3);
  assert_int_equal(2, status_of(f).failures_total);
  assert_int_equal(0, status_of(f).usage.set_aside_total);
}

static void what_is_refused_for_good_is_set_aside(void **state)
{
  struct fixture *f = *state;

  start(f, "",
        "for _, message in ipairs(batch) do\n"
        "  if message.body == '{\"n\":4}' then return nil, 'no', { permanent = true } end\n"
        "end\n"
        "return true");
  put_numbers(f, 1, 20);
  wait_for_delivery(f, 19);
  assert_int_equal(1, status_of(f).usage.set_aside_total);
}

static void it_may_ask_to_be_left_alone(void **state)
{
  struct fixture *f = *state;

  start(f, "", "return nil, 'busy', { retry_after_s = 600, delivered = 2 }");
  put_numbers(f, 1, 3);
  wait_for_failure(f);
  wait_for_delivery(f, 2);
  while (status_of(f).next_try_in_ns == 0)
    sched_yield();
  assert_in_range(status_of(f).next_try_in_ns, 500 * MW_NS_PER_S, 660 * MW_NS_PER_S);
  assert_string_equal("busy", status_of(f).error);
  assert_int_equal(1, status_of(f).usage.waiting);
}

static void what_makes_no_sense_is_its_own_fault(void **state)
{
  static const struct {
    const char *body, *part;
  } examples[] = {
      {"", "neither true, nor nil and why not"},
      {"return 5", "neither true, nor nil and why not"},
      {"return nil, {}", "neither true, nor nil and why not"},
      {"return nil, 'x', 5", "something behind its error that is not a table"},
      {"return nil, 'x', { retry_after_s = 'soon' }", "a retry_after_s that is not a number"},
      {"return nil, 'x', { retry_after_s = -1 }", "a retry_after_s that is not a number"},
      {"return nil, 'x', { delivered = 2 }", "a delivered that is not a count"},
      {"return nil, 'x', { delivered = 0.5 }", "a delivered that is not a count"},
      {"error('boom')", "sinks/demo.lua:3: boom"},
  };
  struct fixture *f = *state;

  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    f->settings.sink.tries_max = 1;
    start(f, "", examples[i].body);
    put_numbers(f, 1, 1);
    wait_for_set_aside(f, i + 1); /* the cursor counts on */
    assert_contains(status_of(f).error, examples[i].part);
    stop(f);
  }
}

/* ---- Budgets ---- */

static void a_loop_at_a_message_costs_that_message(void **state)
{
  struct fixture *f = *state;

  f->settings.budget.cpu_ms = 50;
  f->settings.sink.tries_max = 1;
  start(f, "",
        "for _, message in ipairs(batch) do\n"
        "  if message.body == '{\"n\":2}' then while true do end end\n"
        "end\n"
        "return true");
  put_numbers(f, 1, 2);
  wait_for_set_aside(f, 1);
  assert_contains(status_of(f).error, "over its budget of 50 ms of CPU time "
                                      "(scripts.demo.budget.cpu_ms)");
  put_numbers(f, 3, 3);
  wait_for_delivery(f, 2);
}

/* ---- Reload ---- */

static void another_script_takes_over_at_once_and_without_loss(void **state)
{
  struct fixture *f = *state;

  start(f, "", "return nil, 'wrong address', { delivered = 1 }");
  put_numbers(f, 1, 100);
  wait_for_failure(f);
  write_sink(f, "",
             "local n = tonumber(batch[1].body:match '%d+')\n"
             "assert(n <= 100 and batch[1].number == n)\n"
             "return true");
  mw_sink_reopen(f->sink);
  wait_for_delivery(f, 100);
  assert_int_equal(0, status_of(f).usage.waiting);
  assert_int_equal(0, status_of(f).usage.set_aside_total);
}

/* ---- The end ---- */

static void its_end_is_one_more_run(void **state)
{
  struct fixture *f = *state;
  struct mw_worker_status status;

  f->settings.interval_s = 3600;
  start(f, "", "return true");
  do {
    sched_yield();
    mw_worker_status(mw_sink_worker(f->sink), &status);
  } while (status.runs_total == 0);
  put_numbers(f, 1, 1000);
  assert_int_equal(0, stop(f));
}

static void its_end_interrupts_what_goes_on(void **state)
{
  struct fixture *f = *state;
  size_t left;

  f->settings.budget.cpu_ms = 60000;
  f->settings.budget.wall_ms = 60000;
  start(f, "", "while true do pcall(error) end");
  put_numbers(f, 1, 5);
  struct mw_worker_status status;
  do {
    sched_yield();
    mw_worker_status(mw_sink_worker(f->sink), &status);
  } while (status.state != MW_WORKER_RUNNING);
  assert_true(mw_sink_stop(f->sink, now_ns() + 20 * MW_NS_PER_MS, &left));
  f->sink = NULL;
  assert_int_equal(5, left);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(it_is_given_what_checks_have_emitted, set_up, tear_down),
      cmocka_unit_test_setup_teardown(it_gets_them_in_order_and_in_batches_of_its_size, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(the_configuration_overrules_what_it_declares, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(what_it_declares_has_bounds, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_failure_comes_again_after_a_pause, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_is_refused_for_good_is_set_aside, set_up, tear_down),
      cmocka_unit_test_setup_teardown(it_may_ask_to_be_left_alone, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_makes_no_sense_is_its_own_fault, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_loop_at_a_message_costs_that_message, set_up, tear_down),
      cmocka_unit_test_setup_teardown(another_script_takes_over_at_once_and_without_loss, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(its_end_is_one_more_run, set_up, tear_down),
      cmocka_unit_test_setup_teardown(its_end_interrupts_what_goes_on, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
