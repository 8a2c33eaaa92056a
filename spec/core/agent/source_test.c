/* What a task does with what a source says. Runs in the project's folder. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "task_fixture.h"

static int set_up_source(void **state)
{
  int rc = set_up(state);

  ((struct fixture *)*state)->config.kind = MW_TASK_SOURCE;
  return rc;
}

static size_t containers_count(struct fixture *f)
{
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(mw_context_inventory(f->context));
  size_t count = mw_inventory_snapshot_count(snapshot);

  mw_inventory_release(snapshot);
  return count;
}

/* How the source "demo", the only one, stands. */
static struct mw_inventory_source standing(struct fixture *f)
{
  struct mw_inventory_source sources[MW_INVENTORY_SOURCES_MAX];

  assert_int_equal(1, mw_inventory_sources(mw_context_inventory(f->context), sources));
  assert_string_equal("demo", sources[0].name);
  return sources[0];
}

static void wait_s(struct fixture *f, int64_t seconds)
{
  f->clock.now_monotonic_ns += seconds * MW_NS_PER_S;
  mw_inventory_sweep(mw_context_inventory(f->context));
}

static void a_source_fills_the_inventory(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(0, run_body(f, "return { { id = 'a' }, { id = 'b' } }"));
  assert_int_equal(2, containers_count(f));
  assert_int_equal(0, run_body(f, "return 'unchanged'"));
  assert_int_equal(2, containers_count(f));
  assert_int_equal(0, run_body(f, "return {}"));
  assert_int_equal(0, containers_count(f));
}

static void a_source_may_give_pods(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(0, run_body(f, "return { containers = { { id = 'a', pod_uid = 'p' } },\n"
                                  "  pods = { { uid = 'p' }, { uid = 'q' } } }"));
  assert_int_equal(1, standing(f).containers_count);
  assert_int_equal(2, standing(f).pods_count);
  assert_int_equal(0, run_body(f, "return { pods = { { uid = 'p' } } }"));
  assert_int_equal(0, standing(f).containers_count);
  assert_int_equal(1, standing(f).pods_count);
  assert_int_equal(0, run_body(f, "return { containers = { { id = 'a' } } }"));
  assert_int_equal(0, standing(f).pods_count);
  assert_true(run_body(f, "return { containers = { { id = 'a' } }, pods = 5 }") < 0);
  assert_contains(f->err.text, "the pods are not a list");
}

static void what_is_no_list_is_refused_and_the_last_one_stays(void **state)
{
  static const struct {
    const char *body, *part;
  } examples[] = {
      {"return", "neither a list of containers nor \"unchanged\""},
      {"return 5", "neither a list of containers nor \"unchanged\""},
      {"return 'same'", "neither a list of containers nor \"unchanged\""},
      {"return nil, 'no socket'", "sources/demo.lua: no socket"},
      {"return { { id = '' } }", "container 1: id is empty"},
      {"return { { id = 'a' }, 5 }", "container 2 is not a table"},
      {"return { container = { { id = 'a' } } }", "the containers are not a list"},
      {"return { containers = {}, pods = { {} } }", "pod 1: uid is missing"},
      {"context:emit('demo', {})", "attempt to call method 'emit'"},
  };
  struct fixture *f = *state;

  assert_int_equal(0, run_body(f, "return { { id = 'a' }, { id = 'b' } }"));
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    assert_true(run_body(f, examples[i].body) < 0);
    assert_contains(f->err.text, examples[i].part);
    assert_int_equal(2, containers_count(f));
  }
}

static void unchanged_is_an_error_while_the_last_list_was_refused(void **state)
{
  struct fixture *f = *state;

  open_body(f, "calls = (calls or 0) + 1\n"
               "if calls == 1 then return { { id = '' } } end\n"
               "if calls == 3 then return { { id = 'a' } } end\n"
               "return 'unchanged'");
  assert_true(mw_task_run(f->task, &f->err) < 0);
  assert_true(mw_task_run(f->task, &f->err) < 0);
  assert_contains(f->err.text, "its last list was refused");
  assert_int_equal(0, mw_task_run(f->task, &f->err));
  assert_int_equal(0, mw_task_run(f->task, &f->err));
  assert_int_equal(1, containers_count(f));
}

static void unchanged_is_an_error_before_there_was_a_list(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(-ENODATA, run_body(f, "return 'unchanged'"));
  assert_contains(f->err.text, "sources/demo.lua: list returned \"unchanged\": ");
}

static void a_source_that_fails_goes_stale_and_says_why(void **state)
{
  static const char *const bodies[] = {"return nil, 'no socket'", "error 'no socket'",
                                       "return { 'no socket' }", "while true do end"};
  struct fixture *f = *state;

  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    assert_int_equal(0, run_body(f, "return { { id = 'a' } }"));
    assert_false(standing(f).stale);
    assert_string_equal("", standing(f).error);
    assert_true(run_body(f, bodies[i]) < 0);
    assert_true(standing(f).stale);
    assert_string_equal(f->err.text, standing(f).error);
    assert_int_equal(1, containers_count(f));
  }
  f->config.timeout_ms = 0;
  open_body(f, "return nil, 'no socket'");
  assert_true(mw_task_run(f->task, NULL) < 0);
  assert_contains(standing(f).error, "no socket");
}

static void unchanged_keeps_a_list_fresh(void **state)
{
  struct fixture *f = *state;

  open_body(f, "calls = (calls or 0) + 1\n"
               "return calls > 1 and 'unchanged' or { { id = 'a' } }");
  for (int i = 0; i < 4; i++) {
    assert_int_equal(0, mw_task_run(f->task, &f->err));
    wait_s(f, 299);
    assert_false(standing(f).stale);
  }
  wait_s(f, 1);
  assert_true(standing(f).stale);
}

static void a_slow_source_may_be_silent_for_three_of_its_intervals(void **state)
{
  struct fixture *f = *state;

  f->config.interval_s = 200;
  assert_int_equal(0, run_body(f, "return { { id = 'a' } }"));
  wait_s(f, 599);
  assert_false(standing(f).stale);
  wait_s(f, 1);
  assert_true(standing(f).stale);
}

static void a_source_has_a_priority(void **state)
{
  static const struct {
    const char *field;
    int priority; /* -1: it is refused */
  } examples[] = {
      {"", 50},
      {"priority = 0,", 0},
      {"priority = 1000,", 1000},
      {"priority = 1001,", -1},
      {"priority = -1,", -1},
      {"priority = 1.5,", -1},
      {"priority = 0/0,", -1},
      {"priority = '5',", -1},
      {"priorty = 5,", -2},
  };
  struct fixture *f = *state;
  char text[256];

  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    snprintf(text, sizeof text, "return { api = 1, %s list = print }", examples[i].field);
    int code = open_demo(f, text);
    assert_int_equal(examples[i].priority < 0 ? EBADMSG : 0, code);
    if (code == 0)
      assert_int_equal(examples[i].priority, standing(f).priority);
    else
      assert_contains(f->err.text, examples[i].priority == -1
                                       ? "priority is not a whole number from 0 to 1000"
                                       : "did you mean \"priority\"?");
  }
  f->config.kind = MW_TASK_CHECK;
  assert_int_equal(0, open_demo(f, "return { api = 1, priority = 'mine', run = print }"));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_source, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(a_source_fills_the_inventory),
      CASE(a_source_may_give_pods),
      CASE(what_is_no_list_is_refused_and_the_last_one_stays),
      CASE(unchanged_is_an_error_while_the_last_list_was_refused),
      CASE(unchanged_is_an_error_before_there_was_a_list),
      CASE(a_source_that_fails_goes_stale_and_says_why),
      CASE(unchanged_keeps_a_list_fresh),
      CASE(a_slow_source_may_be_silent_for_three_of_its_intervals),
      CASE(a_source_has_a_priority),
  };
  return cmocka_run_group_tests_name("agent/task: sources", tests, NULL, NULL);
}
