/* What files, environment and command line make of the settings. */
#include "agent/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config_fixture.h"

static const struct mw_script_settings *script_named(const struct mw_settings *settings,
                                                     const char *name)
{
  for (size_t i = 0; i < settings->scripts_count; i++)
    if (strcmp(settings->scripts[i].name, name) == 0)
      return &settings->scripts[i];
  fail_msg("%s does not run", name);
  return NULL;
}

static const struct mw_config_value *value_of(const struct fixture *f, const char *path)
{
  const struct mw_config_value *value;

  for (size_t i = 0; (value = mw_config_value(f->config, i)); i++)
    if (strcmp(value->path, path) == 0)
      return value;
  fail_msg("there is no %s", path);
  return NULL;
}

/* "max=5;rules=a;rules=b" */
static void assert_options(const struct mw_script_settings *script, const char *wanted)
{
  char text[1024] = "";

  for (size_t i = 0; i < script->options_count; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s=%s", i > 0 ? ";" : "",
             script->options[i].key, script->options[i].text);
  assert_string_equal(wanted, text);
}

static void assert_same_budget(const struct mw_budget *wanted, const struct mw_budget *budget)
{
  assert_int_equal(wanted->cpu_ms, budget->cpu_ms);
  assert_int_equal(wanted->wall_ms, budget->wall_ms);
  assert_int_equal(wanted->memory_bytes, budget->memory_bytes);
  assert_int_equal(wanted->messages_count, budget->messages_count);
  assert_int_equal(wanted->messages_bytes, budget->messages_bytes);
  assert_int_equal(wanted->http_requests_count, budget->http_requests_count);
}

static void has_defaults_for_all(void **state)
{
  const struct mw_budget budget = MW_BUDGET_DEFAULT;
  struct fixture *f = *state;
  char scripts[TMPTREE_PATH_BYTES];

  load_text(f, "return {}");
  const struct mw_settings *settings = settings_of(f);
  assert_string_equal("/", settings->host_root);
  assert_string_equal("/var/lib/moonwatch", settings->state_dir);
  assert_string_equal("/run/moonwatch/control.sock", settings->socket_path);
  snprintf(scripts, sizeof scripts, "%s/scripts", f->dir);
  assert_string_equal(scripts, settings->script_dirs[0]);
  assert_string_equal("/shipped", settings->script_dirs[1]);
  assert_null(settings->script_dirs[2]);
  assert_int_equal(MW_LOG_INFO, settings->log.level);
  assert_int_equal(MW_LOG_TEXT, settings->log.format);
  assert_in_range(settings->parallel_runs, 1, 4);
  assert_int_equal(64 << 20, settings->queue.buffer_bytes);
  assert_int_equal(4, settings->scripts_count);
  const struct mw_script_settings *script = &settings->scripts[0];
  assert_string_equal("cgroup", script->name);
  assert_int_equal(MW_SCRIPT_SOURCE, script->kind);
  assert_same_budget(&budget, &script->budget);
  assert_int_equal(-1, script->priority);
  assert_true(script->interval_s == 0 && script->stale_s == 0);
  assert_int_equal(0, script->options_count);
  assert_null(settings->kubelet.url);
  assert_int_equal(0, settings->credentials_count);
}

static void has_defaults_where_there_is_no_file(void **state)
{
  struct fixture *f = *state;

  f->request.file_may_lack = true;
  load(f);
  assert_int_equal(4, settings_of(f)->scripts_count);
  f->request.file_may_lack = false;
  load(f);
  assert_null(mw_config_settings(f->config));
  assert_int_equal(1, mw_config_mistakes_count(f->config));
}

static void takes_what_the_main_file_says(void **state)
{
  struct fixture *f = *state;

  load_text(f,
            "local small = { memory_bytes = 8 * 2^20 }\n"
            "return { host_root = '/host', log = { level = 'debug', format = 'json' },\n"
            "  script_dirs = { '/a', '/b' }, parallel_runs = 2, budget = small,\n"
            "  sources = {}, checks = { 'one' }, sinks = { 'file' },\n"
            "  unix_sockets = { docker = '/run/docker.sock' },\n"
            "  kubelet = { url = 'https://[::1]:10250', token_file = '/token', timeout_s = 0.5 },\n"
            "  credentials = { intake = { cert_file = '/c', key_file = '/k' } } }\n");
  const struct mw_settings *settings = settings_of(f);
  assert_string_equal("/host", settings->host_root);
  assert_int_equal(MW_LOG_DEBUG, settings->log.level);
  assert_int_equal(MW_LOG_JSON, settings->log.format);
  assert_string_equal("/b", settings->script_dirs[1]);
  assert_string_equal("/shipped", settings->script_dirs[2]);
  assert_int_equal(2, settings->scripts_count);
  assert_int_equal(8 << 20, script_named(settings, "file")->budget.memory_bytes);
  assert_int_equal(MW_SCRIPT_SINK, script_named(settings, "file")->kind);
  assert_string_equal("docker", settings->unix_sockets[0].name);
  assert_string_equal("/run/docker.sock", settings->unix_sockets[0].path);
  assert_string_equal("https://[::1]:10250", settings->kubelet.url);
  assert_string_equal("/token", settings->kubelet.credentials.token_file);
  assert_null(settings->kubelet.credentials.ca_file);
  assert_true(settings->kubelet.timeout_s == 0.5);
  assert_string_equal("intake", settings->credentials[0].name);
  assert_string_equal("/k", settings->credentials[0].key_file);
  assert_int_equal(2, value_of(f, "log.level")->line);
  assert_int_equal(4, value_of(f, "sinks")->line);
}

static void takes_what_conf_d_says_of_a_script(void **state)
{
  struct fixture *f = *state;

  write_config(f, "conf.d/one.lua",
               "return { interval_s = 5, budget = { cpu_ms = 50 }, options = {\n"
               "  size = 1e6, share = 0.1, deep = true, name = 'a b', rules = { 'x', 'y' },\n"
               "  none = {} } }\n");
  write_config(f, "conf.d/two.lua", "return { enabled = false }");
  write_config(f, "conf.d/src.lua", "return { priority = 0, stale_s = 30 }");
  write_config(f, "conf.d/one.lua.dpkg-dist", "nonsense");
  write_config(f, "conf.d/.hidden.lua", "nonsense");
  load_text(f, "return { sources = { 'src' }, checks = { 'one', 'two' }, budget = { cpu_ms = 70, "
               "wall_ms = 700 } }");
  const struct mw_settings *settings = settings_of(f);
  assert_int_equal(3, settings->scripts_count);
  const struct mw_script_settings *one = script_named(settings, "one");
  assert_true(one->interval_s == 5);
  assert_int_equal(50, one->budget.cpu_ms);
  assert_int_equal(700, one->budget.wall_ms);
  assert_options(one, "deep=true;name=a b;none=;rules=x;rules=y;share=0.1;size=1000000");
  assert_int_equal(0, script_named(settings, "src")->priority);
  assert_true(script_named(settings, "src")->stale_s == 30);
  assert_int_equal(70, script_named(settings, "src")->budget.cpu_ms);
  assert_int_equal(4, mw_config_files_count(f->config));
}

static void gives_files_the_environment(void **state)
{
  const char *const environment[] = {"ROOT=/host", "ROOT_2=x", "PARALLEL=3", NULL};
  struct fixture *f = *state;

  f->request.environment = environment;
  load_text(f, "return { host_root = env 'ROOT' or '/', state_dir = env 'NONE' or '/state',\n"
               "  parallel_runs = tonumber(env 'PARALLEL') }");
  assert_string_equal("/host", settings_of(f)->host_root);
  assert_string_equal("/state", settings_of(f)->state_dir);
  assert_int_equal(3, settings_of(f)->parallel_runs);
}

static void prefers_flag_environment_conf_d_and_file_in_this_order(void **state)
{
  static const char *const environment[] = {
      "MOONWATCH_SCRIPTS_ONE_BUDGET_WALL_MS=3", "MOONWATCH_SCRIPTS_ONE_BUDGET_CPU_MS=3",
      "MOONWATCH_BUDGET_MEMORY_BYTES=3000000", "MOONWATCH_BUDGET_CPU_MS=33", NULL};
  static const struct mw_option flags[] = {{"scripts.one.budget.wall_ms", "4"}};
  struct fixture *f = *state;

  f->request.environment = environment;
  f->request.flags = flags;
  f->request.flags_count = 1;
  write_config(f, "conf.d/one.lua",
               "return { budget = { wall_ms = 2, cpu_ms = 2, "
               "messages_count = 2 } }");
  load_text(f, "return { checks = { 'one' }, budget = { wall_ms = 1, cpu_ms = 1, "
               "messages_count = 1, messages_bytes = 1 } }");
  const struct mw_budget *budget = &script_named(settings_of(f), "one")->budget;
  assert_int_equal(4, budget->wall_ms);
  assert_int_equal(3, budget->cpu_ms);
  assert_int_equal(3000000, budget->memory_bytes);
  assert_int_equal(2, budget->messages_count);
  assert_int_equal(1, budget->messages_bytes);
  assert_int_equal(100, budget->http_requests_count);
  assert_int_equal(MW_CONFIG_FLAG, value_of(f, "scripts.one.budget.wall_ms")->origin);
  const struct mw_config_value *value = value_of(f, "scripts.one.budget.cpu_ms");
  assert_int_equal(MW_CONFIG_ENVIRONMENT, value->origin);
  assert_string_equal("MOONWATCH_SCRIPTS_ONE_BUDGET_CPU_MS", value->place);
  value = value_of(f, "scripts.one.budget.messages_count");
  assert_int_equal(MW_CONFIG_FILE, value->origin);
  assert_non_null(strstr(value->place, "/conf.d/one.lua"));
  assert_int_equal(1, value->line);
  value = value_of(f, "scripts.one.budget.memory_bytes");
  assert_string_equal("MOONWATCH_BUDGET_MEMORY_BYTES", value->place);
  assert_int_equal(MW_CONFIG_DEFAULT,
                   value_of(f, "scripts.one.budget.http_requests_count")->origin);
}

static void takes_all_that_variables_say(void **state)
{
  static const char *const environment[] = {
      "MOONWATCH_LOG_LEVEL=error",
      "MOONWATCH_CHECKS=one two-b",
      "MOONWATCH_SCRIPT_DIRS=/a b:/c",
      "MOONWATCH_SCRIPTS_ONE_OPTIONS_MAX_AGE=5",
      "MOONWATCH_SCRIPTS_TWO_B_INTERVAL_S=0.5",
      "MOONWATCH_CREDENTIALS_IN_TAKE_TOKEN_FILE=/t",
      "MOONWATCH_CREDENTIALS_NEW_ONE_CA_FILE=/n",
      "MOONWATCH_CREDENTIALS_NEW_ONE_INSECURE_SKIP_VERIFY=true",
      "MOONWATCH_UNIX_SOCKETS_PODMAN=/p",
      "MOONWATCH_SERVICE_HOST=10.0.0.1",
      "MOONWATCH_PORT_8125_UDP=udp://10.0.0.1:8125",
      "MOONWATCH_SCRIPTS=/elsewhere",
      "moonwatch_log_level=debug",
      NULL};
  struct fixture *f = *state;

  f->request.environment = environment;
  load_text(f, "return { credentials = { ['In-Take'] = {} } }");
  const struct mw_settings *settings = settings_of(f);
  assert_int_equal(0, mw_config_faults_count(f->config));
  assert_int_equal(MW_LOG_ERROR, settings->log.level);
  assert_string_equal("/a b", settings->script_dirs[0]);
  assert_string_equal("/c", settings->script_dirs[1]);
  assert_options(script_named(settings, "one"), "max_age=5");
  assert_true(script_named(settings, "two-b")->interval_s == 0.5);
  assert_int_equal(2, settings->credentials_count);
  assert_string_equal("in_take", settings->credentials[0].name);
  assert_string_equal("new_one", settings->credentials[1].name);
  assert_true(settings->credentials[1].insecure_skip_verify);
  assert_string_equal("podman", settings->unix_sockets[0].name);
}

static void finds_names_in_variables_as_files_spell_them(void **state)
{
  static const char *const environment[] = {"MOONWATCH_CREDENTIALS_IN_TAKE_TOKEN_FILE=/t", NULL};
  struct fixture *f = *state;

  f->request.environment = environment;
  load_text(f, "return { credentials = { ['In-Take'] = { ca_file = '/ca' } } }");
  assert_int_equal(1, settings_of(f)->credentials_count);
  assert_string_equal("In-Take", settings_of(f)->credentials[0].name);
  assert_string_equal("/t", settings_of(f)->credentials[0].token_file);
}

static void adds_up_a_list_that_is_set_again(void **state)
{
  static const struct mw_option flags[] = {{"checks", "a b"},
                                           {"checks", "c"},
                                           {"scripts.a.options.rules", "name:^x y$"},
                                           {"scripts.a.options.rules", "z"},
                                           {"host_root", "spec/fixtures"}};
  struct fixture *f = *state;

  f->request.flags = flags;
  f->request.flags_count = sizeof flags / sizeof flags[0];
  load_text(f, "return { checks = { 'other' } }");
  assert_int_equal(5, settings_of(f)->scripts_count);
  assert_options(script_named(settings_of(f), "a"), "rules=name:^x y$;rules=z");
  assert_string_equal("spec/fixtures", settings_of(f)->host_root);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(has_defaults_for_all, set_up, tear_down),
      cmocka_unit_test_setup_teardown(has_defaults_where_there_is_no_file, set_up, tear_down),
      cmocka_unit_test_setup_teardown(takes_what_the_main_file_says, set_up, tear_down),
      cmocka_unit_test_setup_teardown(takes_what_conf_d_says_of_a_script, set_up, tear_down),
      cmocka_unit_test_setup_teardown(gives_files_the_environment, set_up, tear_down),
      cmocka_unit_test_setup_teardown(prefers_flag_environment_conf_d_and_file_in_this_order,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(takes_all_that_variables_say, set_up, tear_down),
      cmocka_unit_test_setup_teardown(finds_names_in_variables_as_files_spell_them, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(adds_up_a_list_that_is_set_again, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
