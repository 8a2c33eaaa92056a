/* What the sinks that ship declare is what they do. */
#include "agent/sinks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config_fixture.h"

static struct mw_queue *open_queue(size_t buffer_bytes)
{
  const struct mw_queue_config config = {.buffer_bytes = buffer_bytes};
  return mw_queue_open(&config, NULL);
}

static double default_of(const struct fixture *f, const char *path)
{
  const struct mw_config_value *value;

  for (size_t i = 0; (value = mw_config_value(f->config, i)); i++)
    if (strcmp(value->path, path) == 0)
      return value->number;
  fail_msg("there is no %s", path);
  return 0;
}

static void declares_its_defaults(void **state)
{
  struct fixture *f = *state;

  load_text(f, "return { sources = {}, checks = {}, sinks = { 'file' } }");
  assert_int_equal(0, mw_config_check_scripts(f->config, &f->err));
  assert_fault(f, 0,
               "moonwatch.lua:1: sinks: sink file needs to know where: set "
               "scripts.file.options.path to a path that begins with /");
  assert_int_equal(1, mw_config_faults_count(f->config));
  assert_int_equal(MW_SINK_FILE_BYTES_DEFAULT,
                   (uint64_t)default_of(f, "scripts.file.options.max_bytes"));
  assert_int_equal(MW_SINK_FILE_AGE_DEFAULT_S,
                   (int64_t)default_of(f, "scripts.file.options.max_age_s"));
  assert_int_equal(MW_SINK_FILE_KEEP_DEFAULT, (int)default_of(f, "scripts.file.options.keep"));
}

static void takes_what_it_declares(void **state)
{
  struct fixture *f = *state;

  write_config(f, "conf.d/file.lua",
               "return { options = { path = '/p', max_bytes = 1, max_age_s = 315360000,\n"
               "  keep = 1000 } }");
  load_text(f, "return { sources = {}, checks = {}, sinks = { 'file' } }");
  assert_int_equal(0, mw_config_check_scripts(f->config, &f->err));
  struct mw_queue *buffer = open_queue(1 << 20);
  const struct mw_script_order order = {.settings = &settings_of(f)->scripts[0]};
  const struct mw_crew_shared shared = {.queue = buffer};
  const struct mw_sink_config common = {.on_given_up = NULL};
  struct mw_sink *sink = mw_sinks_start(&order, &shared, &common, &f->err);
  size_t left;
  assert_non_null(sink);
  assert_true(mw_sink_stop(sink, 0, &left));
  assert_int_equal(0, left);
  mw_queue_close(buffer, 0);
}

static void declares_each_that_it_has(void **state)
{
  size_t count = 0;

  (void)state;
  for (; mw_sinks_name(count); count++)
    assert_non_null(mw_sinks_declaration(mw_sinks_name(count)));
  assert_int_equal(2, count);
  assert_null(mw_sinks_declaration("http"));
}

static void has_no_option_that_it_does_not_declare(void **state)
{
  struct fixture *f = *state;

  write_config(f, "conf.d/stdout.lua", "return { options = { path = '/p' } }");
  load_text(f, "return { sources = {}, checks = {} }");
  assert_int_equal(0, mw_config_check_scripts(f->config, &f->err));
  assert_fault(f, 0,
               "conf.d/stdout.lua:1: scripts.stdout.options.path: the script has no such "
               "option");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(declares_its_defaults, set_up, tear_down),
      cmocka_unit_test_setup_teardown(takes_what_it_declares, set_up, tear_down),
      cmocka_unit_test(declares_each_that_it_has),
      cmocka_unit_test_setup_teardown(has_no_option_that_it_does_not_declare, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
