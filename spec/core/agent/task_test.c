/* What a task does with scripts, good and bad. Runs in the project's folder. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "task_fixture.h"

/* ---- What a check is given ---- */

static void a_message_has_kind_schema_time_and_sorted_keys(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(0, run_body(f, "context:emit('demo.kind', { b = { 1, 2 }, a = 'x' })"));
  assert_int_equal(1, f->messages_count);
  assert_string_equal("demo", f->messages[0].task);
  assert_string_equal("demo.kind", f->messages[0].kind);
  assert_int_equal(MW_MESSAGE_SCHEMA, f->messages[0].schema);
  assert_int_equal(1700000000 * MW_NS_PER_S + MW_NS_PER_S / 2, f->messages[0].emitted_at_ns);
  assert_string_equal("{\"a\":\"x\",\"b\":[1,2]}", f->messages[0].body);
}

static void metrics_have_a_type_a_number_and_sorted_tags(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(0, run_body(f, "context:gauge('a', 1.5, { 'z:1', 'b:2', 'b:1' })\n"
                                  "context:count('b', '3')\n"
                                  "context:rate('c', 2^53, {})\n"
                                  "context:monotonic_count('d', 0, nil)"));
  assert_int_equal(4, f->messages_count);
  assert_string_equal("metric", f->messages[0].kind);
  assert_string_equal(
      "{\"metric\":\"a\",\"tags\":[\"b:1\",\"b:2\",\"z:1\"],\"type\":\"gauge\",\"value\":1.5}",
      f->messages[0].body);
  assert_string_equal("{\"metric\":\"b\",\"type\":\"count\",\"value\":3}", f->messages[1].body);
  assert_string_equal("{\"metric\":\"c\",\"type\":\"rate\",\"value\":9007199254740992}",
                      f->messages[2].body);
  assert_string_equal("{\"metric\":\"d\",\"type\":\"monotonic_count\",\"value\":0}",
                      f->messages[3].body);
}

static void an_event_has_sorted_tags_and_leaves_the_scripts_table_alone(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(0,
                   run_body(f, "local event = { title = 'full', value = 7, tags = { 'b', 'a' } }\n"
                               "context:event(event)\n"
                               "assert(event.tags[1] == 'b')"));
  assert_string_equal("event", f->messages[0].kind);
  assert_string_equal("{\"tags\":[\"a\",\"b\"],\"title\":\"full\",\"value\":7}",
                      f->messages[0].body);
}

static void the_context_tells_name_time_interval_and_options(void **state)
{
  static const struct mw_option given[] = {{"size", "5"}};
  struct fixture *f = *state;

  f->config.options = given;
  f->config.options_count = 1;
  f->config.interval_s = 0.25;
  assert_int_equal(
      0, open_demo(f, "local M = { api = 1, interval_s = 30,\n"
                      "  options = { size = { type = 'integer', default = 9 } } }\n"
                      "function M.init(options) M.seen = options.size end\n"
                      "function M.run(context)\n"
                      "  context:emit('seen', { name = context.name, now = context.now_s,\n"
                      "    every = context.interval_s, size = context.options.size,\n"
                      "    init = M.seen, group = context:next_group_id() })\n"
                      "end\n"
                      "return M\n"));
  assert_true(mw_task_interval_s(f->task) == 0.25);
  assert_int_equal(0, mw_task_run(f->task, &f->err));
  assert_string_equal("{\"every\":0.25,\"group\":7,\"init\":5,\"name\":\"demo\","
                      "\"now\":1700000000.5,\"size\":5}",
                      f->messages[0].body);
}

static void a_run_that_fails_does_not_harm_the_next(void **state)
{
  struct fixture *f = *state;

  f->config.timeout_ms = 1000; /* for the run that fills the memory, on a machine that is busy */
  open_body(
      f, "calls = (calls or 0) + 1\n"
         "if calls == 1 then while true do end end\n"
         "if calls == 2 then local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end end\n"
         "if calls == 3 then error('third') end\n"
         "context:emit('demo', { calls = calls })");
  assert_int_equal(-ETIME, mw_task_run(f->task, &f->err));
  assert_int_equal(-ENOMEM, mw_task_run(f->task, &f->err));
  assert_int_equal(-ECANCELED, mw_task_run(f->task, &f->err));
  assert_int_equal(0, mw_task_run(f->task, &f->err));
  assert_string_equal("{\"calls\":4}", f->messages[0].body);
}

static void a_message_that_nobody_takes_is_an_error_of_the_script(void **state)
{
  struct fixture *f = *state;

  f->refuse_messages = true;
  assert_int_equal(-ECANCELED, run_body(f, "context:emit('demo', {})"));
  assert_contains(f->err.text, "cannot emit a message of kind demo: the buffer is full");
  f->refuse_messages = false;
  assert_int_equal(0, mw_task_run(f->task, NULL));
}

/* ---- Bad scripts ---- */

static void refuses_to_open_what_is_no_check(void **state)
{
  static const struct {
    const char *text;
    int code;
    const char *part;
  } examples[] = {
      {"local M = {\nreturn M\n", EBADMSG, "checks/demo.lua:2: unexpected symbol near 'return'"},
      {"return 1 +\n", EBADMSG, "checks/demo.lua:"},
      {"\x1bLJ\x02", EBADMSG, "bytecode"},
      {"\0", EBADMSG, "checks/demo.lua"},
      {"", EBADMSG, "checks/demo.lua"},
      {"return 7", EBADMSG, "checks/demo.lua"},
      {"return {}", EBADMSG, "checks/demo.lua: its table lacks api = 1"},
      {"return { api = '1' }", EBADMSG, "its table lacks api = 1"},
      {"return { api = 2 }", EBADMSG, "is written for a newer moonwatch (this one has api = 1)"},
      {"return { api = 1 }", EBADMSG,
       "checks/demo.lua: its table has no function run, which every check needs"},
      {"return { api = 1, run = 5 }", EBADMSG, "has no function run"},
      {"return { api = 1, run = print, init = 5 }", EBADMSG, "init of its table is not a function"},
      {"return { api = 1, run = print, save = 5 }", EBADMSG, "save of its table is not a function"},
      {"return { api = 1, run = print, restor = print }", EBADMSG,
       "its table has a field \"restor\"; did you mean \"restore\"?"},
      {"return { api = 1, run = print, sav = print }", EBADMSG,
       "its table has a field \"sav\"; did you mean \"save\"?"},
      {"return { api = 1, run = print, stateversion = 2 }", EBADMSG,
       "its table has a field \"stateversion\"; did you mean \"state_version\"?"},
      {"return { api = 1, run = print, state_version = 1.5 }", EBADMSG,
       "state_version is not a whole number"},
      {"return { api = 1, run = print, state_version = '2' }", EBADMSG,
       "state_version is not a whole number"},
      {"return { api = 1, run = print, intervall_s = 5 }", EBADMSG,
       "its table has a field \"intervall_s\"; did you mean \"interval_s\"?"},
      {"return { api = 1, run = print, option = {} }", EBADMSG,
       "its table has a field \"option\"; did you mean \"options\"?"},
      {"return { api = 1, run = print, interval_s = 0 }", EBADMSG, "interval_s is not a number"},
      {"return { api = 1, run = print, interval_s = '5' }", EBADMSG, "interval_s is not a number"},
      {"return { api = 1, run = print, interval_s = 0/0 }", EBADMSG, "interval_s is not a number"},
      {"return { api = 1, run = print, interval_s = 1e300 }", EBADMSG,
       "interval_s is not a number of seconds from 0.01 to 86400"},
      {"return { api = 1, run = print, interval_s = 1e-9 }", EBADMSG, "interval_s is not a number"},
      {"return { api = 1, run = print, options = 5 }", EBADMSG, "options is not a table"},
      {"return { api = 1, run = print, options = { a = { type = 'integer' } } }", EBADMSG,
       "options.a has no default"},
      {"return { api = 1, run = print, init = function() return nil, 'no disk' end }", ECANCELED,
       "checks/demo.lua: no disk"},
      {"return { api = 1, run = print, init = function() return nil, {} end }", ECANCELED,
       "failed with an error that is not a text"},
      {"return { api = 1, run = print, init = function() return false end }", ECANCELED,
       "returned false without saying why"},
      {"return { api = 1, run = print,\ninit = function() error('boom') end }", ECANCELED,
       "checks/demo.lua:2: boom"},
      {"return { api = 1, run = print, init = function() while true do end end }", ETIME,
       "deadline of 50 ms"},
      {"while true do end", ETIME, "deadline of 50 ms"},
      {"local t = {} while true do t[#t + 1] = ('x'):rep(1e5) .. #t end", ENOMEM,
       "memory limit of 4194304 bytes"},
      {"require 'moonwatch.nothing'", ECANCELED, "module 'moonwatch.nothing' not found"},
      {"require 'moonwatch.script'", ECANCELED, "module 'moonwatch.script' not found"},
      {"require 'ffi'", ECANCELED, "module 'ffi' not found"},
      {"os.execute 'true'", ECANCELED, "checks/demo.lua:1: attempt to call field 'execute'"},
  };
  struct fixture *f = *state;

  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    f->config.timeout_ms = examples[i].code == ETIME ? 50 : 60000; /* the machine may be busy */
    int code = open_demo(f, examples[i].text);
    if (code != examples[i].code)
      fail_msg("%s: code %d: %s", examples[i].text, code, f->err.text);
    assert_contains(f->err.text, examples[i].part);
  }
}

static void fails_as_well_without_an_error_to_fill(void **state)
{
  struct fixture *f = *state;

  write_script(f, "checks/demo.lua", "return {");
  assert_null(mw_task_open(&f->config, NULL));
  f->config.memory_max_bytes = 1;
  assert_null(mw_task_open(&f->config, NULL));
}

static void runs_that_fail_name_the_script_and_the_cause(void **state)
{
  static const struct {
    const char *body;
    int code;
    const char *part;
  } examples[] = {
      {"return nil, 'no such file'", ECANCELED, "checks/demo.lua: no such file"},
      {"return false", ECANCELED, "checks/demo.lua: returned false without saying why"},
      {"return nil, {}", ECANCELED, "failed with an error that is not a text"},
      {"return false, 5", ECANCELED, "failed with an error that is not a text"},
      {"error('boom')", ECANCELED, "check demo: "},
      {"error('boom')", ECANCELED, "checks/demo.lua:3: boom"},
      {"error({})", ECANCELED, "error value is table, not text"},
      {"error()", ECANCELED, "error value is nil, not text"},
      {"local x = nil + 1", ECANCELED, "checks/demo.lua:3: attempt to perform arithmetic"},
      {"while true do end", ETIME, "checks/demo.lua:3"},
      {"while true do pcall(error, 'x') end", ETIME, "deadline of 50 ms"},
      {"repeat local ok = pcall(function() while true do end end) until false", ETIME, "deadline"},
      {"local c = coroutine.wrap(function() while true do end end) c()", ETIME, "deadline"},
      {"while true do require('moonwatch.inventory').containers() end", ETIME, "deadline"},
      {"string.rep('x', 1e9)", ENOMEM, "memory limit of 4194304 bytes reached"},
      {"local s = 'x' while true do s = s .. s end", ENOMEM, "memory limit"},
      {"local function f() return 1 + f() end return f()", ECANCELED, "stack overflow"},
      {"local t = setmetatable({}, { __index = function(s, k) return s[k .. 'x'] end }) return t.x",
       ENOMEM, "check demo: memory limit"},
      {"context:emit('demo', { f = print })", ECANCELED,
       "cannot emit a message of kind demo: cannot encode f: a function"},
      {"local t = {} t.t = t context:emit('demo', t)", ECANCELED, "cannot emit"},
      {"context:emit('demo', { 1, nil, 3, 4 , x = 1 })", ECANCELED, "cannot emit"},
      {"context:emit('demo')", ECANCELED, "bad argument"},
      {"context.emit('demo', {})", ECANCELED, "with a colon, as context:emit(...)"},
      {"context.gauge('a', 1, {})", ECANCELED, "with a colon, as context:gauge(...)"},
      {"context.event('full')", ECANCELED, "with a colon, as context:event(...)"},
      {"context.next_group_id()", ECANCELED, "with a colon, as context:next_group_id(...)"},
      {"context:emit('', {})", ECANCELED, "a kind has 1 to 64 letters"},
      {"context:emit('a b', {})", ECANCELED, "a kind has"},
      {"context:emit('a\\27[2J', {})", ECANCELED, "a kind has"},
      {"context:emit('a\\0b', {})", ECANCELED, "a kind has"},
      {"context:emit(('x'):rep(65), {})", ECANCELED, "a kind has"},
      {"context:gauge('', 1)", ECANCELED, "a metric needs a name"},
      {"context:gauge('a', 0/0)", ECANCELED, "not a finite number"},
      {"context:gauge('a', math.huge)", ECANCELED, "not a finite number"},
      {"context:gauge('a')", ECANCELED, "number expected"},
      {"context:gauge('a', 'x')", ECANCELED, "number expected"},
      {"context:gauge({}, 1)", ECANCELED, "string expected"},
      {"context:gauge('a', 1, 'tag')", ECANCELED, "tags are not a list"},
      {"context:gauge('a', 1, { id = 'x' })", ECANCELED, "tags are not a list"},
      {"context:gauge('a', 1, { 'b', id = 'x' })", ECANCELED, "tags are not a list"},
      {"context:gauge('a', 1, { 1 })", ECANCELED, "a tag is not a string"},
      {"context:gauge('a', 1, { 'a\\0' })", ECANCELED, "NUL byte"},
      {"local t = {} for i = 1, 257 do t[i] = 'x' end context:gauge('a', 1, t)", ECANCELED,
       "more than 256 tags"},
      {"context:event {}", ECANCELED, "an event needs a title"},
      {"context:event { title = 'x', tags = 5 }", ECANCELED, "tags are not a list"},
      {"context:event { title = 'x', tags = { a = 'b' } }", ECANCELED, "tags are not a list"},
      {"require('moonwatch.inventory').replace('cgroup', {})", ECANCELED,
       "attempt to call field 'replace'"},
  };
  struct fixture *f = *state;

  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    f->config.timeout_ms = examples[i].code == ETIME ? 50 : 60000; /* the machine may be busy */
    int rc = run_body(f, examples[i].body);
    if (rc != -examples[i].code)
      fail_msg("%s: %d: %s", examples[i].body, rc, f->err.text);
    assert_contains(f->err.text, examples[i].part);
    assert_int_equal(0, f->messages_count);
  }
}

/* Everything there is garbage at once, and the collector's own work must not hide the deadline. */
static void a_loop_that_makes_nothing_but_garbage_is_stopped(void **state)
{
  struct fixture *f = *state;

  for (int i = 0; i < 3; i++)
    assert_int_equal(-ETIME, run_body(f, "local stats = require 'moonwatch.stats'\n"
                                         "while true do\n"
                                         "  stats.container({ id = 'x' }, 0)\n"
                                         "  coroutine.wrap(function() coroutine.yield() end)()\n"
                                         "end"));
}

static void refuses_a_file_that_is_too_long_or_no_file(void **state)
{
  struct fixture *f = *state;
  char *text = malloc((1 << 20) + 16);

  memset(text, ' ', (1 << 20) + 8);
  strcpy(text + (1 << 20) + 8, "x");
  assert_int_not_equal(0, open_demo(f, text));
  assert_contains(f->err.text, "checks/demo.lua");
  free(text);

  f->config.name = f->dir; /* a folder */
  f->task = mw_task_open(&f->config, &f->err);
  assert_null(f->task);
  assert_contains(f->err.text, f->dir);
  assert_int_not_equal(EINVAL, f->err.code);
}

/* ---- Which file ---- */

static void finds_a_script_by_its_path_with_the_library_beside_the_shipped_ones(void **state)
{
  struct fixture *f = *state;
  char path[TMPTREE_PATH_BYTES];

  write_script(f, "elsewhere/my_check.lua",
               "local batch = require 'moonwatch.batch'\n"
               "local M = { api = 1 }\n"
               "function M.run(context) context:emit('sizes', batch.sizes(3, 2)) end\n"
               "return M\n");
  snprintf(path, sizeof path, "%s/elsewhere/my_check.lua", f->dir);
  f->config.name = path;
  f->task = mw_task_open(&f->config, &f->err);
  assert_non_null(f->task);
  assert_true(mw_task_interval_s(f->task) == 10);
  assert_int_equal(0, mw_task_run(f->task, &f->err));
  assert_string_equal("my_check", f->messages[0].task);
  assert_string_equal("[2,1]", f->messages[0].body);
  assert_true(mw_task_memory_peak_bytes(f->task) > 10000);
}

static void takes_the_first_folder_that_has_the_script(void **state)
{
  struct fixture *f = *state;

  f->config.name = "container_rt";
  write_script(f, "checks/container_rt.lua",
               "return { api = 1, interval_s = 77, run = function() end }");
  f->task = mw_task_open(&f->config, &f->err);
  assert_true(mw_task_interval_s(f->task) == 77);
}

static void names_what_there_is_when_a_script_is_not_found(void **state)
{
  static const struct {
    const char *name, *text;
  } examples[] = {
      {"container_tr", "there is no check \"container_tr\"; did you mean \"container_rt\"?"},
      {"zzz", "there is no check \"zzz\"; there are: demo, container, container_rt"},
      {"", "there is no check \"\"; there are: demo, container, container_rt"},
  };
  struct fixture *f = *state;

  write_script(f, "checks/demo.lua", "");
  write_script(f, "checks/notes.txt", "");
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    f->config.name = examples[i].name;
    assert_null(mw_task_open(&f->config, &f->err));
    assert_int_equal(ENOENT, f->err.code);
    assert_string_equal(examples[i].text, f->err.text);
  }
  f->script_dirs[0] = "/nonexistent";
  f->script_dirs[1] = NULL;
  assert_null(mw_task_open(&f->config, &f->err));
  assert_contains(f->err.text, "none at all below /nonexistent/checks");
}

static void says_that_a_path_does_not_exist(void **state)
{
  struct fixture *f = *state;

  f->config.name = "./nonexistent.lua";
  assert_null(mw_task_open(&f->config, &f->err));
  assert_int_equal(ENOENT, f->err.code);
  assert_contains(f->err.text, "./nonexistent.lua: No such file or directory");
}

static void an_option_that_does_not_fit_is_told_from_a_bad_script(void **state)
{
  static const struct mw_option given[] = {{"siz", "5"}};
  struct fixture *f = *state;

  f->config.options = given;
  f->config.options_count = 1;
  assert_int_equal(EINVAL, open_demo(f, "return { api = 1, run = print, options = {\n"
                                        "  size = { type = 'integer', default = 1 } } }"));
  assert_contains(f->err.text, "did you mean \"size\"?");
  assert_int_equal(EBADMSG, open_demo(f, "return {"));
}

/* ---- Containers ---- */

/* Whether a check that found nothing is told from one that looked at something else. */
static void the_context_knows_whether_a_check_asked_for_containers(void **state)
{
  struct fixture *f = *state;

  f->config.kind = MW_TASK_SOURCE;
  assert_int_equal(0, run_body(f, "return { { id = 'a' } }"));
  f->config.kind = MW_TASK_CHECK;
  assert_int_equal(0, run_body(f, "require 'moonwatch.inventory'"));
  assert_false(mw_context_inventory_wanted(f->context));
  assert_int_equal(0, run_body(f, "require('moonwatch.inventory').containers()"));
  assert_true(mw_context_inventory_wanted(f->context));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(a_message_has_kind_schema_time_and_sorted_keys),
      CASE(metrics_have_a_type_a_number_and_sorted_tags),
      CASE(an_event_has_sorted_tags_and_leaves_the_scripts_table_alone),
      CASE(the_context_tells_name_time_interval_and_options),
      CASE(a_run_that_fails_does_not_harm_the_next),
      CASE(a_message_that_nobody_takes_is_an_error_of_the_script),
      CASE(refuses_to_open_what_is_no_check),
      CASE(fails_as_well_without_an_error_to_fill),
      CASE(runs_that_fail_name_the_script_and_the_cause),
      CASE(a_loop_that_makes_nothing_but_garbage_is_stopped),
      CASE(refuses_a_file_that_is_too_long_or_no_file),
      CASE(finds_a_script_by_its_path_with_the_library_beside_the_shipped_ones),
      CASE(takes_the_first_folder_that_has_the_script),
      CASE(names_what_there_is_when_a_script_is_not_found),
      CASE(says_that_a_path_does_not_exist),
      CASE(an_option_that_does_not_fit_is_told_from_a_bad_script),
      CASE(the_context_knows_whether_a_check_asked_for_containers),
  };
  return cmocka_run_group_tests_name("agent/task", tests, NULL, NULL);
}
