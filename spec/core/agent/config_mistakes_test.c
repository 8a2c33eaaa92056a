/* What is wrong with a configuration, all of it at once, and how it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "config_fixture.h"

static void tells_all_mistakes_at_once(void **state)
{
  static const char *const environment[] = {"MOONWATCH_LOG_FORMAT=xml",
                                            "MOONWATCH_QUEUE_BUFFER_BYTE=1", NULL};
  static const struct mw_option flags[] = {{"log.levle", "debug"}, {"parallel_runs", "none"}};
  struct fixture *f = *state;

  f->request.environment = environment;
  f->request.flags = flags;
  f->request.flags_count = 2;
  write_config(f, "conf.d/one.lua", "return {\n  interval = 5,\n}\n");
  load_text(f, "return {\n"
               "  parallel_runs = 0,\n"
               "  log = { -- how it speaks\n"
               "    level = 'loud',\n"
               "    ['form'] = 1,\n"
               "  },\n"
               "  level = 'debug',\n"
               "  checks = { 'one' },\n"
               "}\n");
  assert_fault(f, 0,
               "moonwatch.lua:2: parallel_runs: expected a whole number of runs from 1 to "
               "64, found 0");
  assert_fault(f, 1,
               "moonwatch.lua:4: log.level: expected one of debug, info, warn, error, found "
               "\"loud\"");
  assert_fault(f, 2, "moonwatch.lua:5: log.form: there is no such key; meant log.format");
  assert_fault(f, 3, "moonwatch.lua:7: level: there is no such key; meant log.level");
  assert_fault(f, 4,
               "conf.d/one.lua:2: scripts.one.interval: there is no such key; meant "
               "scripts.one.interval_s");
  assert_fault(f, 6,
               "warning: MOONWATCH_QUEUE_BUFFER_BYTE:0: is ignored: it is about no key; meant "
               "MOONWATCH_QUEUE_BUFFER_BYTES");
  assert_fault(f, 5,
               "MOONWATCH_LOG_FORMAT:0: log.format: expected one of text, json, found "
               "\"xml\"");
  assert_fault(f, 7, "--set:0: log.levle: there is no such key; meant log.level");
  assert_fault(f, 8,
               "--set:0: parallel_runs: expected a whole number of runs from 1 to 64, found "
               "\"none\"");
  assert_int_equal(9, mw_config_faults_count(f->config));
  assert_int_equal(8, mw_config_mistakes_count(f->config));
  assert_null(mw_config_settings(f->config));
}

/* One key of the main file, and the end of the message about it. */
static const struct {
  const char *key, *value, *fault;
} wrong_values[] = {
    {"host_root", "5", "host_root: expected a path that begins with /, found 5"},
    {"host_root", "''", "host_root: expected a path that begins with /, found \"\""},
    {"host_root", "'host'", "host_root: expected a path that begins with /, found \"host\""},
    {"host_root", "'/a\\nb'", "host_root: expected a path that begins with /, found \"/a\\x0ab\""},
    {"host_root", "'/a\\0b'", "host_root: expected a path that begins with /, found \"/a\\x00b\""},
    {"host_root", "{}", "host_root: expected a path that begins with /, found a table"},
    {"host_root", "print", "host_root: expected a path that begins with /, found a function"},
    {"host_root", "coroutine.create(print)",
     "host_root: expected a path that begins with /, found a thread"},
    {"socket", "'/' .. ('x'):rep(107)",
     "socket: expected a path of at most 107 bytes, found one of 108"},
    {"log", "'debug'", "log: expected a table, found \"debug\""},
    {"log", "{ 'debug' }", "log: has a key that is no name: 1"},
    {"log", "{ [true] = 1 }", "log: has a key that is no name: true"},
    {"log", "{ [''] = 1 }", "log: has a key that is no name: \"\""},
    {"log", "{ ['a.b'] = 1 }", "log: has a key that is no name: \"a.b\""},
    {"parallel_runs", "0/0",
     "parallel_runs: expected a whole number of runs from 1 to 64, found NaN, which is no number"},
    {"parallel_runs", "1/0",
     "parallel_runs: expected a whole number of runs from 1 to 64, found "
     "inf"},
    {"parallel_runs", "1.5",
     "parallel_runs: expected a whole number of runs from 1 to 64, found "
     "1.5"},
    {"parallel_runs", "'4'",
     "parallel_runs: expected a whole number of runs from 1 to 64, found \"4\""},
    {"parallel_runs", "true",
     "parallel_runs: expected a whole number of runs from 1 to 64, found true"},
    {"queue", "{ buffer_bytes = 1e300 }",
     "queue.buffer_bytes: expected a whole number of bytes from 1048576 to 4294967296, found "
     "1e+300"},
    {"queue", "{ buffer_bytes = -1 }",
     "queue.buffer_bytes: expected a whole number of bytes from 1048576 to 4294967296, found -1"},
    {"checks", "'container'", "checks: expected a list of names of scripts, found \"container\""},
    {"checks", "{ 'a', 5 }", "checks: expected a list of names of scripts, found a list"},
    {"checks", "{ 'a', nil, 'b' }", "checks: expected a list of names of scripts, found a list"},
    {"checks", "{ 'a', x = 'b' }", "checks: expected a list of names of scripts, found a list"},
    {"checks", "{ '../a' }", "checks: expected a list of names of scripts, found \"../a\""},
    {"checks", "{ 'a', 'a' }", "checks: names \"a\" twice"},
    {"checks", "{ 'cgroup' }",
     "checks: names \"cgroup\", as sources does; conf.d/cgroup.lua would be about both"},
    {"script_dirs", "{ 'scripts' }",
     "script_dirs: expected a list of paths that begin with /, found \"scripts\""},
    {"kubelet", "{ node_name = 'a b' }",
     "kubelet.node_name: expected a text without blanks, found \"a b\""},
    {"kubelet", "{ url = 'localhost' }",
     "kubelet.url: expected a URL of https or http, found \"localhost\""},
    {"kubelet", "{ url = 'https://' }",
     "kubelet.url: expected a URL of https or http, found \"https://\""},
    {"kubelet", "{ url = 'https://me:secret@host' }",
     "kubelet.url: has a user in it; name files with what proves who we are instead"},
    {"kubelet", "{ url = 'http://10.0.0.1:10255' }",
     "kubelet.url: is one of http, which anybody on the way can read and change: use https, or "
     "set kubelet.allow_http = true"},
    {"kubelet", "{ allow_http = 'yes' }",
     "kubelet.allow_http: expected true or false, found \"yes\""},
    {"kubelet", "{ timeout_s = 0 }",
     "kubelet.timeout_s: expected a number of seconds from 0.1 to 300, found 0"},
    {"kubelet", "{ cert_file = '/c' }", "kubelet.cert_file: needs key_file beside it"},
    {"credentials", "{ a = { key_file = '/k' } }",
     "credentials.a.key_file: needs cert_file beside it"},
    {"credentials", "{ a = '/k' }", "credentials.a: expected a table, found \"/k\""},
    {"unix_sockets", "{ docker = true }",
     "unix_sockets.docker: expected a path that begins with /, found true"},
    {"scripts", "{}", "scripts: is not for this file: conf.d/NAME.lua has the keys of a script"},
};

static void tells_what_was_expected(void **state)
{
  struct fixture *f = *state;
  char text[512], wanted[512];

  for (size_t i = 0; i < sizeof wrong_values / sizeof wrong_values[0]; i++) {
    snprintf(text, sizeof text, "return {\n  %s = %s }", wrong_values[i].key,
             wrong_values[i].value);
    snprintf(wanted, sizeof wanted, "moonwatch.lua:2: %s", wrong_values[i].fault);
    assert_one_fault(f, text, wanted);
  }
}

/* What is wrong with the file as a whole. */
static const struct {
  const char *text, *fault;
} wrong_files[] = {
    {"return {\n  log = {\n    level = 'info'\n  \n", "moonwatch.lua:5: '}' expected (to close '{' "
                                                      "at line 2) near '<eof>'"},
    {"local x = = 1", "moonwatch.lua:1: unexpected symbol near '='"},
    {"\x7f"
     "ELF\x02\x01\x01",
     "moonwatch.lua:1: unexpected symbol near 'char(127)'"},
    {"\x1bLJ\x02", "moonwatch.lua:0: is bytecode; only source text is loaded"},
    {"\xff\xfe{", "moonwatch.lua:1: unexpected symbol near '<eof>'"},
    {"", "moonwatch.lua:0: has to return a table, not nil"},
    {"return 'debug'", "moonwatch.lua:0: has to return a table, not string"},
    {"return function() end", "moonwatch.lua:0: has to return a table, not function"},
    {"\nerror('stop')", "moonwatch.lua:2: stop"},
    {"\nlocal x = nothing.at_all", "moonwatch.lua:2: attempt to index global 'nothing' (a nil "
                                   "value)"},
    {"return require 'moonwatch.host'",
     "moonwatch.lua:1: attempt to call global 'require' (a nil value)"},
    {"return { host_root = io.open('/etc/shadow') }",
     "moonwatch.lua:1: attempt to index global 'io' (a nil value)"},
    {"return { host_root = os.getenv 'HOME' }",
     "moonwatch.lua:1: attempt to call field 'getenv' (a nil value)"},
    {"return { host_root = env 'A=B' }",
     "moonwatch.lua:1: bad argument #1 to 'env' (not the name of a variable)"},
    {"return { host_root = env() }",
     "moonwatch.lua:1: bad argument #1 to 'env' (string expected, got no value)"},
};

static void tells_why_a_file_gives_nothing(void **state)
{
  struct fixture *f = *state;

  for (size_t i = 0; i < sizeof wrong_files / sizeof wrong_files[0]; i++)
    assert_one_fault(f, wrong_files[i].text, wrong_files[i].fault);
}

static void assert_fault_begins(const struct fixture *f, const char *wanted)
{
  char text[8192];

  assert_int_equal(1, mw_config_faults_count(f->config));
  print_fault(f, 0, text, sizeof text);
  text[strlen(wanted)] = '\0';
  assert_string_equal(wanted, text);
}

static void stops_a_file_that_never_ends(void **state)
{
  static const char *const endless[] = {
      "while true do end", "repeat pcall(error) until false",
      "local t = setmetatable({}, { __index = function() while true do end end }) return t.x"};
  struct fixture *f = *state;

  f->request.cpu_ms = 50;
  for (size_t i = 0; i < sizeof endless / sizeof endless[0]; i++) {
    load_text(f, endless[i]);
    assert_fault_begins(f, "moonwatch.lua:1: limit of 50 ms of CPU time reached");
  }
}

static void stops_a_file_that_eats_memory(void **state)
{
  struct fixture *f = *state;

  f->request.cpu_ms = 60000; /* whatever checkers make of it, memory is the first to end */
  load_text(f, "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end");
  assert_fault_begins(f, "moonwatch.lua:0: memory limit of 16777216 bytes reached");
}

static void refuses_a_huge_file(void **state)
{
  struct fixture *f = *state;
  size_t bytes = (1 << 20) + 1;
  char *text = malloc(bytes + 1);

  memset(text, ' ', bytes);
  text[bytes] = '\0';
  load_text(f, text);
  free(text);
  assert_int_equal(1, mw_config_mistakes_count(f->config));
  assert_non_null(
      strstr(mw_config_fault(f->config, 0)->text, "larger than the limit of 1048576 bytes"));
}

static void sees_a_table_inside_itself(void **state)
{
  struct fixture *f = *state;

  load_text(f, "local t = { parallel_runs = 2 }\nt.log = t\nreturn t");
  assert_fault(f, 0, "moonwatch.lua:0: log: is a table that it lies in itself");
  assert_int_equal(1, mw_config_mistakes_count(f->config));
  load_text(f, "local c = {}\nc.a = c\nreturn { credentials = c }");
  assert_fault(f, 0, "moonwatch.lua:0: credentials.a: is a table that it lies in itself");
}

static void never_runs_what_a_table_brings(void **state)
{
  struct fixture *f = *state;

  load_text(f, "return setmetatable({}, { __index = error, __pairs = error, __len = error,\n"
               "  __gc = error, __metatable = false })");
  assert_int_equal(0, mw_config_mistakes_count(f->config));
}

static void bounds_how_much_it_tells(void **state)
{
  struct fixture *f = *state;

  load_text(f, "local t = {} for i = 1, 1000 do t['wrong' .. i] = i end return t");
  assert_int_equal(MW_CONFIG_FAULTS_MAX, mw_config_faults_count(f->config));
  assert_int_equal(1000, mw_config_mistakes_count(f->config));
}

static void bounds_how_much_it_keeps(void **state)
{
  struct fixture *f = *state;

  load_text(f, "local t = {} for i = 1, 1e4 do t['s' .. i] = '/x' end "
               "return { unix_sockets = t }");
  assert_true(mw_config_mistakes_count(f->config) > 0);
  assert_true(mw_config_values_count(f->config) <= MW_CONFIG_VALUES_MAX);
}

static void bounds_what_scripts_can_name(void **state)
{
  struct fixture *f = *state;

  load_text(f, "local t, c = {}, {} for i = 1, 17 do t['s' .. i] = '/x' c['c' .. i] = { ca_file = "
               "'/c' } end "
               "return { unix_sockets = t, credentials = c }");
  assert_fault(f, 0, "moonwatch.lua:0: credentials: expected at most 16 names, found 17");
  assert_fault(f, 1, "moonwatch.lua:0: unix_sockets: expected at most 16 names, found 17");
  assert_int_equal(2, mw_config_faults_count(f->config));
}

static void bounds_what_it_keeps_of_a_text_named_often(void **state)
{
  struct fixture *f = *state;

  f->request.cpu_ms = 60000;
  write_config(f, "moonwatch.lua",
               "local s, t = ('x'):rep(1e6), {} for i = 1, 100 do t[i] = s end\n"
               "return { checks = t }");
  assert_null(mw_config_load(&f->request, &f->err));
  assert_int_equal(EMSGSIZE, f->err.code);
  assert_string_equal("the configuration is larger than 67108864 bytes", f->err.text);
}

static void tells_what_options_cannot_be(void **state)
{
  static const char *const values[] = {"print",       "0/0",     "1/0",        "{ 1 }",
                                       "{ a = 'b' }", "'a\\0b'", "{ { 'a' } }"};
  struct fixture *f = *state;
  char text[128];

  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    snprintf(text, sizeof text, "return { options = {\n  size = %s } }", values[i]);
    write_config(f, "conf.d/one.lua", text);
    load_text(f, "return { checks = { 'one' } }");
    assert_fault_begins(f, "conf.d/one.lua:2: scripts.one.options.size: expected a text, a number, "
                           "true, false, or a list of texts, found ");
  }
}

static void tells_what_belongs_to_sources(void **state)
{
  struct fixture *f = *state;

  write_config(f, "conf.d/one.lua", "return { priority = 5,\n stale_s = 10 }");
  load_text(f, "return { checks = { 'one' } }");
  assert_fault(f, 0, "conf.d/one.lua:1: scripts.one.priority: belongs to sources, and one is none");
  assert_fault(f, 1, "conf.d/one.lua:2: scripts.one.stale_s: belongs to sources, and one is none");
}

static void tells_what_a_flag_is_not(void **state)
{
  static const struct mw_option flags[] = {{"", "x"},
                                           {"log", "x"},
                                           {"log.", "x"},
                                           {"log..level", "x"},
                                           {"scripts.contaner.interval_s", "5"},
                                           {"scripts.container.options.a b", "5"},
                                           {"parallel_runs", " 4"},
                                           {"kubelet.allow_http", "1"}};
  struct fixture *f = *state;

  f->request.flags = flags;
  f->request.flags_count = sizeof flags / sizeof flags[0];
  load_text(f, "return {}");
  assert_fault(f, 0, "--set:0: : there is no such key");
  assert_fault(f, 1, "--set:0: kubelet.allow_http: expected true or false, found \"1\"");
  assert_fault(f, 2, "--set:0: log: is a table: set one of its keys");
  assert_fault(f, 3, "--set:0: log.: there is no such key");
  assert_fault(f, 4, "--set:0: log..level: there is no such key; meant log.level");
  assert_fault(f, 5,
               "--set:0: parallel_runs: expected a whole number of runs from 1 to 64, found "
               "\" 4\"");
  assert_fault(f, 6, "--set:0: scripts.container.options.a b: there is no such key");
  assert_fault(f, 7,
               "--set:0: scripts.contaner.interval_s: \"contaner\" is not among sources, "
               "checks and sinks; meant container");
}

static void warns_of_variables_about_no_script(void **state)
{
  static const char *const environment[] = {"MOONWATCH_SCRIPTS_CONTANER_INTERVAL_S=5", NULL};
  struct fixture *f = *state;

  f->request.environment = environment;
  load_text(f, "return {}");
  assert_fault(f, 0,
               "warning: MOONWATCH_SCRIPTS_CONTANER_INTERVAL_S:0: is ignored: it is about no "
               "script among sources, checks and sinks, or about none of its keys");
  assert_non_null(mw_config_settings(f->config));
}

static void refuses_what_it_cannot_read(void **state)
{
  struct fixture *f = *state;
  char path[TMPTREE_PATH_BYTES], text[TMPTREE_PATH_BYTES * 2];

  load(f);
  assert_string_equal("No such file or directory",
                      strrchr(mw_config_fault(f->config, 0)->text, ':') + 2);
  write_config(f, "conf.d/bad name.lua", "");
  write_config(f, "conf.d/open.lua", "return {}");
  snprintf(path, sizeof path, "%s/conf.d/open.lua", f->dir);
  chmod(path, 0666);
  snprintf(path, sizeof path, "%s/conf.d/folder.lua", f->dir);
  mkdir(path, 0755);
  load_text(f, "return {}");
  assert_fault(f, 0,
               "conf.d/bad name.lua:0: is to be named after a script: letters, digits, '_' "
               "and '-', and .lua");
  assert_non_null(strstr(mw_config_fault(f->config, 1)->text, "not a regular file"));
  snprintf(text, sizeof text,
           "%s/conf.d/open.lua can be written by everybody; cure: chmod go-w %s/conf.d/open.lua",
           f->dir, f->dir);
  assert_string_equal(text, mw_config_fault(f->config, 2)->text);
  assert_int_equal(3, mw_config_faults_count(f->config));
}

static void refuses_a_folder_that_others_can_write(void **state)
{
  struct fixture *f = *state;
  char path[TMPTREE_PATH_BYTES];

  write_config(f, "conf.d/one.lua", "return {}");
  snprintf(path, sizeof path, "%s/conf.d", f->dir);
  chmod(path, 0777);
  load_text(f, "return {}");
  assert_int_equal(1, mw_config_faults_count(f->config));
  assert_non_null(strstr(mw_config_fault(f->config, 0)->text, "cure: chmod go-w "));
  assert_string_equal(path, mw_config_fault(f->config, 0)->place);
}

static void suggests_a_key_whose_table_is_misspelt(void **state)
{
  static const struct mw_option flags[] = {{"kublet.url", "https://localhost"}};
  struct fixture *f = *state;

  f->request.flags = flags;
  f->request.flags_count = 1;
  load_text(f, "return {}");
  assert_fault(f, 0, "--set:0: kublet.url: there is no such key; meant kubelet.url");
}

static void warns_of_what_has_no_effect_on_sinks_of_the_program(void **state)
{
  struct fixture *f = *state;

  write_config(f, "conf.d/stdout.lua", "return {\n  interval_s = 3,\n  budget = { cpu_ms = 5 } }");
  load_text(f, "return { budget = { wall_ms = 500 } }");
  assert_fault(
      f, 0,
      "warning: conf.d/stdout.lua:2: scripts.stdout.interval_s: has no effect: stdout is a "
      "part of the program, which has neither interval nor budget");
  assert_fault(
      f, 1,
      "warning: conf.d/stdout.lua:3: scripts.stdout.budget.cpu_ms: has no effect: stdout is "
      "a part of the program, which has neither interval nor budget");
  assert_int_equal(2, mw_config_faults_count(f->config));
  settings_of(f);
}

static void warns_when_nothing_is_delivered(void **state)
{
  struct fixture *f = *state;

  load_text(f, "return {\n  sinks = {} }");
  assert_fault(f, 0, "warning: moonwatch.lua:2: sinks: names none, so no message is delivered");
  settings_of(f);
  write_config(f, "conf.d/stdout.lua", "return { enabled = false }");
  load_text(f, "return {\n  sinks = { 'stdout' } }");
  assert_fault(f, 0,
               "warning: moonwatch.lua:2: sinks: names none that is enabled, so no message is "
               "delivered");
  assert_int_equal(1, mw_config_faults_count(f->config));
}

static void leaves_out_a_script_that_is_not_to_be_loaded(void **state)
{
  static const char *const unloaded[] = {"other", "bad", NULL};
  struct fixture *f = *state;

  write_config(f, "scripts/checks/bad.lua", "return {");
  load_text(f, "return { sources = {}, checks = { 'bad' } }");
  assert_int_equal(0, mw_config_check_scripts(f->config, &f->err));
  assert_int_equal(1, mw_config_mistakes_count(f->config));
  f->request.unloaded_scripts = unloaded;
  load(f);
  assert_int_equal(0, mw_config_check_scripts(f->config, &f->err));
  assert_int_equal(0, mw_config_faults_count(f->config));
}

static void warns_of_folders_that_are_not_there(void **state)
{
  struct fixture *f = *state;

  write_config(f, "conf.d/file.lua", "return {\n  options = { path = '/nowhere/at/all' } }");
  load_text(f, "return { sources = {}, checks = {}, sinks = { 'file' },\n"
               "  script_dirs = { '/', '/nowhere' } }");
  assert_int_equal(0, mw_config_check_scripts(f->config, &f->err));
  assert_fault(f, 0, "warning: moonwatch.lua:2: script_dirs: there is no folder /nowhere");
  assert_fault(f, 1,
               "warning: conf.d/file.lua:2: scripts.file.options.path: there is no folder "
               "/nowhere/at, and the sink makes none");
  assert_int_equal(2, mw_config_faults_count(f->config));
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_setup_teardown(NAME, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(suggests_a_key_whose_table_is_misspelt),
      TEST(warns_of_what_has_no_effect_on_sinks_of_the_program),
      TEST(warns_when_nothing_is_delivered),
      TEST(warns_of_folders_that_are_not_there),
      TEST(leaves_out_a_script_that_is_not_to_be_loaded),
      TEST(tells_all_mistakes_at_once),
      TEST(tells_what_was_expected),
      TEST(tells_why_a_file_gives_nothing),
      TEST(stops_a_file_that_never_ends),
      TEST(stops_a_file_that_eats_memory),
      TEST(refuses_a_huge_file),
      TEST(sees_a_table_inside_itself),
      TEST(never_runs_what_a_table_brings),
      TEST(bounds_how_much_it_tells),
      TEST(bounds_how_much_it_keeps),
      TEST(bounds_what_scripts_can_name),
      TEST(bounds_what_it_keeps_of_a_text_named_often),
      TEST(tells_what_options_cannot_be),
      TEST(tells_what_belongs_to_sources),
      TEST(tells_what_a_flag_is_not),
      TEST(warns_of_variables_about_no_script),
      TEST(refuses_what_it_cannot_read),
      TEST(refuses_a_folder_that_others_can_write),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
