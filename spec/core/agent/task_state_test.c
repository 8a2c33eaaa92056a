/* What a script that is loaded anew gets of the old one. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/agent/task_fixture.h"

/* Opens "demo" with the fields @p fields in its table; @p f->task stays as it is. */
static struct mw_task *open_with(struct fixture *f, const char *fields)
{
  char text[4096];

  snprintf(text, sizeof text, "local M = { api = 1 }\nfunction M.run() end\n%s\nreturn M\n",
           fields);
  write_script(f, "checks/demo.lua", text);
  struct mw_task *task = mw_task_open(&f->config, &f->err);
  if (!task)
    fail_msg("%s", f->err.text);
  return task;
}

/* From a script with the fields @p old to one with the fields @p fresh, which stays in f->task. */
static int hand_over(struct fixture *f, const char *old, const char *fresh)
{
  struct mw_task *from = open_with(f, old);

  mw_task_close(f->task);
  f->task = open_with(f, fresh);
  int rc = mw_task_hand_over(from, f->task, &f->err);
  mw_task_close(from);
  return rc;
}

/* The new one emits what it was given. */
#define SHOW                                                                                       \
  "local kept, from = 'nothing', 0\n"                                                              \
  "function M.restore(state, version) kept, from = state, version end\n"                           \
  "function M.run(context) context:emit('kept', { kept = kept, from = from }) end\n"

static void assert_kept(struct fixture *f, const char *old, const char *body)
{
  f->messages_count = 0;
  if (hand_over(f, old, SHOW) < 0 || mw_task_run(f->task, &f->err) < 0)
    fail_msg("%s: %s", old, f->err.text);
  assert_string_equal(f->messages[0].body, body);
}

static void what_was_saved_is_restored_with_its_version(void **state)
{
  struct fixture *f = *state;

  assert_kept(f, "function M.save() return { a = { 1, 2 }, b = true } end",
              "{\"from\":1,\"kept\":{\"a\":[1,2],\"b\":true}}");
  assert_kept(f, "M.state_version = 7 function M.save() return 'x' end",
              "{\"from\":7,\"kept\":\"x\"}");
}

static void nothing_is_restored_where_nothing_is_kept(void **state)
{
  static const char nothing[] = "{\"from\":0,\"kept\":\"nothing\"}";
  struct fixture *f = *state;

  assert_kept(f, "", nothing);
  assert_kept(f, "function M.save() end", nothing);
  assert_kept(f, "function M.save() return nil end", nothing);
  assert_int_equal(0, hand_over(f, "function M.save() error 'not wanted' end", ""));
}

static void save_may_use_what_runs_left(void **state)
{
  struct fixture *f = *state;
  struct mw_task *from = open_with(f, "local n = 0\nfunction M.run() n = n + 1 end\n"
                                      "function M.save() return n end\n");

  assert_int_equal(0, mw_task_run(from, &f->err));
  assert_int_equal(0, mw_task_run(from, &f->err));
  f->task = open_with(f, SHOW);
  assert_int_equal(0, mw_task_hand_over(from, f->task, &f->err));
  mw_task_close(from);
  assert_int_equal(0, mw_task_run(f->task, &f->err));
  assert_string_equal(f->messages[0].body, "{\"from\":1,\"kept\":2}");
}

static void a_failure_says_which_function_and_why(void **state)
{
  static const struct {
    const char *old, *fresh;
    int code;
    const char *part;
  } examples[] = {
      {"function M.save() return print end", SHOW, EINVAL,
       "save: plain data may not hold a function"},
      {"function M.save() return { { print } } end", SHOW, EINVAL, "plain data may not hold"},
      {"function M.save() local t = {} t.t = t return t end", SHOW, EINVAL, "a table itself"},
      {"function M.save() return ('x'):rep(2e6) end", SHOW, EMSGSIZE, "save: "},
      {"function M.save() local t = {} for i = 1, 2e5 do t[i] = i end return t end", SHOW, EMSGSIZE,
       "save: larger than the limit of 1048576 bytes"},
      {"function M.save() return nil, 'no disk' end", SHOW, ECANCELED, "no disk"},
      {"function M.save() return false end", SHOW, ECANCELED, "returned false"},
      {"function M.save() error 'boom' end", SHOW, ECANCELED, "demo.lua:3: boom"},
      {"function M.save() while true do end end", SHOW, ETIME, "save: "},
      {"function M.save() local t = {} while true do t[#t + 1] = ('x'):rep(#t) end end", SHOW,
       ENOMEM, "save: "},
      {"function M.save() return 1 end", "function M.restore() error 'boom' end", ECANCELED,
       "demo.lua:3: boom"},
      {"function M.save() return 1 end", "function M.restore() return nil, 'too old' end",
       ECANCELED, "restore: "},
      {"function M.save() return 1 end", "function M.restore() return false end", ECANCELED,
       "returned false"},
      {"function M.save() return 1 end", "function M.restore() while true do end end", ETIME,
       "restore: "},
  };
  struct fixture *f = *state;

  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    f->config.timeout_ms = examples[i].code == ETIME ? 50 : 60000; /* the machine may be busy */
    int rc = hand_over(f, examples[i].old, examples[i].fresh);
    if (rc != -examples[i].code)
      fail_msg("%s: %d, %s", examples[i].old, rc, rc < 0 ? f->err.text : "");
    assert_contains(f->err.text, examples[i].part);
  }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(what_was_saved_is_restored_with_its_version),
      CASE(nothing_is_restored_where_nothing_is_kept),
      CASE(save_may_use_what_runs_left),
      CASE(a_failure_says_which_function_and_why),
  };
  return cmocka_run_group_tests_name("agent: task state", tests, NULL, NULL);
}
