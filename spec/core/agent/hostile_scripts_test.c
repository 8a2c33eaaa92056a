/* Checks that abuse their context, and sources their list: from callbacks, coroutines and
 * metamethods, without end, and with what has no JSON. Each run ends with the right error, and the
 * next one is as if nothing had been. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bindings/context.h"
#include "core/agent/task_fixture.h"
#include "moonwatch/clock.h"

#ifdef __SANITIZE_ADDRESS__ /* with it what C does takes several times as long */
#define OVERTIME_MAX_NS (250 * MW_NS_PER_MS)
#else
#define OVERTIME_MAX_NS (50 * MW_NS_PER_MS)
#endif

static const struct attempt {
  const char *what, *body;
  int code;
} attempts[] = {
    {"emit without end", "while true do c:emit('demo', { 1 }) end", ETIME},
    {"emit without end, caught", "while true do pcall(c.emit, c, 'demo', { print }) end", ETIME},
    {"emit in a callback of gsub",
     "while true do ('x'):gsub('x', function() c:emit('demo', {}) end) end", ETIME},
    {"emit in a comparator",
     "while true do table.sort({ 3, 2, 1 }, function(a, b) c:emit('demo', {}) return a < b end) "
     "end",
     ETIME},
    {"emit in a coroutine",
     "while true do coroutine.wrap(function() c:emit('demo', { coroutine.yield }) end)() end",
     ECANCELED},
    {"emit of lists that double at each level",
     "local t = {} for _ = 1, 40 do t = { t, t } end c:emit('demo', t)", ETIME},
    {"emit of a table that was emptied, again and again",
     "local hollow, t = {}, {} for i = 1, 1e5 do hollow[i] = 1 end for i = 1, 1e5 do hollow[i] = "
     "nil "
     "end for i = 1, 5000 do t[i] = hollow end c:emit('demo', t)",
     ETIME},
    {"emit of itself", "c:emit('demo', c)", ECANCELED},
    {"emit with an odd kind", "c:emit(('x'):rep(1e5), {})", ECANCELED},
    {"emit of what is no context", "c.emit({}, 'demo', {}) c.emit('demo', {})", ECANCELED},
    {"emit as a metamethod",
     "local m = setmetatable({}, { __index = function(t, k) c:emit('demo', { k }) return t[k] .. "
     "'' "
     "end }) return m.x",
     -1}, /* the stack overflows, or on a busy host the time is over before */
    {"a metric that is not a number", "while true do c:gauge('m', 0 / 0) end", -1},
    {"a metric of infinite value", "while true do pcall(c.gauge, c, 'm', 1 / 0, { 'a:b' }) end",
     ETIME},
    {"a metric whose tags have metamethods",
     "c:gauge('m', 1, setmetatable({}, { __index = function() while true do end end, __len = error "
     "}"
     ")) while true do end",
     ETIME},
    {"an event whose fields have metamethods",
     "c:event(setmetatable({ title = 'x' }, { __index = function() while true do end end })) "
     "while true do end",
     ETIME},
    {"an event without title", "c:event { text = 'x' }", ECANCELED},
    {"an event of a thousand fields",
     "local t = { title = 'x' } for i = 1, 1e3 do t['k' .. i] = i end while true do c:event(t) end",
     ETIME},
    {"a context that is taken apart",
     "for k in pairs(c) do c[k] = nil end return c:emit('demo', {})", ECANCELED},
    {"options that are written to", "c.options.x = c c.name = c while true do end", ETIME},
    {"an error that is a table", "error(setmetatable({}, { __tostring = error }))", ECANCELED},
    {"a failure that is a table", "return nil, setmetatable({}, { __tostring = error })",
     ECANCELED},
    {"a failure of a megabyte", "return nil, ('x'):rep(1e6)", ECANCELED},
    {"memory that ends while something is emitted",
     "local t = {} while true do t[#t + 1] = ('x'):rep(1e4) .. #t pcall(c.emit, c, 'demo', t) end",
     -1},
};

static int drop_message(void *data, const struct mw_message *message, struct mw_error *err)
{
  (void)data, (void)err;
  return message->body.len_bytes > 0 ? 0 : -1;
}

static int64_t thread_cpu_ns(void)
{
  struct timespec spent;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return spent.tv_sec * MW_NS_PER_S + spent.tv_nsec;
}

/* The texts call the context c. */
static void open_context(struct fixture *f, const char *text)
{
  char body[1024];

  snprintf(body, sizeof body, "local c = context\n%s", text);
  open_body(f, body);
}

static void is_stopped(struct fixture *f, const struct attempt *attempt)
{
  int64_t from_ns = thread_cpu_ns();
  int rc = mw_task_run(f->task, &f->err);
  int64_t spent_ns = thread_cpu_ns() - from_ns;

  if (rc == 0 || (attempt->code > 0 && rc != -attempt->code))
    fail_msg("%s: returned %d: %s", attempt->what, rc, rc < 0 ? f->err.text : "");
  if (spent_ns > f->config.timeout_ms * MW_NS_PER_MS + OVERTIME_MAX_NS)
    fail_msg("%s: took %lld us", attempt->what, (long long)spent_ns / 1000);
  assert_true(mw_task_memory_peak_bytes(f->task) <= f->config.memory_max_bytes);
}

static void each_ends_in_time_with_the_right_error_twice(void **state)
{
  struct fixture *f = *state;

  f->config.emit = drop_message;
  for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
    const struct attempt *attempt = &attempts[i];
    open_context(f, attempt->body);
    is_stopped(f, attempt);
    is_stopped(f, attempt);
  }
}

/* A run that was stopped in the middle of a message leaves nothing of it to the next one. */
static void the_next_message_has_nothing_of_one_that_was_stopped(void **state)
{
  struct fixture *f = *state;

  open_context(f, "if not c.options.n then c.options.n = 1 "
                  "local t = {} for _ = 1, 40 do t = { t, t } end c:emit('first', t) end "
                  "c:emit('second', { 'whole' })");
  assert_int_equal(mw_task_run(f->task, &f->err), -ETIME);
  assert_int_equal(mw_task_run(f->task, &f->err), 0);
  assert_int_equal(f->messages_count, 1);
  assert_string_equal(f->messages[0].kind, "second");
  assert_string_equal(f->messages[0].body, "[\"whole\"]");
}

/* ---- Sources ---- */

static const struct attempt lists[] = {
    {"labels that were emptied, of every container",
     "local hollow, t = {}, {} for i = 1, 5e4 do hollow[i] = 1 end "
     "for i = 1, 5e4 do hollow[i] = nil end "
     "for i = 1, 9e3 do t[i] = { id = 'c' .. i, labels = hollow } end return t",
     ETIME},
    {"labels that are all the same long text",
     "local text, labels = ('x'):rep(1e6), {} for i = 1, 2e4 do labels['k' .. i] = text end "
     "local t = {} for i = 1, 1000 do t[i] = { id = 'c' .. i, labels = labels } end return t",
     ETIME},
    {"a container that is said again and again",
     "local c, t = { id = 'c', tags = {} }, {} for i = 1, 2e4 do c.tags[i] = 'a:b' end "
     "for i = 1, 9e4 do t[i] = c end return t",
     -1},
    {"containers with metamethods",
     "local t = setmetatable({}, { __index = function() while true do end end }) "
     "return { t, setmetatable({ id = 'x' }, { __index = error }) }",
     -1},
    {"ids that are numbers, tables and not there", "return { { id = 1 } }", -1},
    {"a list with gaps", "return { [1] = { id = 'x' }, [1e15] = { id = 'y' } }", -1},
    {"itself", "local t = {} t[1] = t t.id = 'x' t.labels = t return t", -1},
    {"a list that never ends", "while true do end", ETIME},
};

static void each_source_ends_in_time_and_leaves_its_last_list(void **state)
{
  struct fixture *f = *state;

  f->config.kind = MW_TASK_SOURCE;
  f->config.memory_max_bytes = 16 << 20;
  f->config.timeout_ms = 150;
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    open_context(f, "return { { id = 'last' } }");
    assert_int_equal(mw_task_run(f->task, &f->err), 0);
    open_context(f, lists[i].body);
    is_stopped(f, &lists[i]);
    struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(mw_context_inventory(f->context));
    assert_int_equal(mw_inventory_snapshot_count(snapshot), 1);
    assert_string_equal(mw_inventory_snapshot_at(snapshot, 0)->container->id, "last");
    mw_inventory_release(snapshot);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_ends_in_time_with_the_right_error_twice, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(the_next_message_has_nothing_of_one_that_was_stopped, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(each_source_ends_in_time_and_leaves_its_last_list, set_up,
                                      tear_down),
  };

  return cmocka_run_group_tests_name("agent/hostile_scripts", tests, NULL, NULL);
}
