/* The configuration where memory runs out at the n-th allocation, for every n. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config_fixture.h"
#include "support/failing_malloc.h"

static const char *const environment[] = {"MOONWATCH_LOG_LEVEL=error",
                                          "MOONWATCH_SCRIPTS_ONE_OPTIONS_SIZE=5",
                                          "MOONWATCH_CREDENTIALS_NEW_CA_FILE=/ca", NULL};
static const struct mw_option flags[] = {
    {"checks", "one two"}, {"scripts.one.options.rules", "a"}, {"scripts.one.options.rules", "b"}};

static void write_files(struct fixture *f)
{
  write_config(f, "moonwatch.lua",
               "return { unix_sockets = { a = '/a' }, sources = { 'src' },\n"
               "  credentials = { b = { token_file = '/t' } } }");
  write_config(f, "conf.d/one.lua",
               "return { interval_s = 5, options = { name = 'x', size = 1 } }");
  write_config(f, "scripts/checks/one.lua",
               "return { options = { size = { type = 'integer', default = 1 },\n"
               "  rules = { type = 'strings', default = { 'x' } },\n"
               "  name = { type = 'string', default = '' } } }");
  write_config(f, "scripts/checks/two.lua", "return {}");
  write_config(f, "scripts/sources/src.lua", "return { priority = 5 }");
  f->request.environment = environment;
  f->request.flags = flags;
  f->request.flags_count = sizeof flags / sizeof flags[0];
}

static void assert_complete(const struct fixture *f)
{
  const struct mw_settings *settings = settings_of(f);

  assert_int_equal(4, settings->scripts_count);
  assert_int_equal(MW_LOG_ERROR, settings->log.level);
  assert_int_equal(2, settings->credentials_count);
  assert_int_equal(1, settings->unix_sockets_count);
  assert_string_equal("one", settings->scripts[1].name);
  assert_true(settings->scripts[1].interval_s == 5);
  assert_int_equal(4, settings->scripts[1].options_count);
  assert_int_equal(0, mw_config_faults_count(f->config));
}

/* Load, with the scripts' declarations or without. @return is there a configuration? */
static bool try(struct fixture *f, long failing, bool with_scripts)
{
  mw_config_free(f->config);
  allocations_total = 0;
  failing_allocation = failing;
  f->config = mw_config_load(&f->request, &f->err);
  bool fine = f->config && (!with_scripts || mw_config_check_scripts(f->config, &f->err) == 0);
  failing_allocation = 0;
  return fine;
}

/* Either it is told, or nothing is missing. */
static void fail_everywhere(struct fixture *f, bool with_scripts)
{
  unsigned told = 0;

  realloc_is_spared = true;
  write_files(f);
  assert_true(try(f, 0, with_scripts));
  assert_complete(f);
  long total = allocations_total;
  assert_true(total > 100);
  for (long failing = 1; failing <= total; failing++) {
    if (!try(f, failing, with_scripts)) {
      assert_int_equal(ENOMEM, f->err.code);
      told++;
    } else if (mw_config_mistakes_count(f->config) > 0) {
      told++; /* of a state of Lua that ran out */
    } else {
      assert_complete(f);
    }
  }
  assert_true(told > 50);
}

static void tells_that_memory_ran_out(void **state)
{
  fail_everywhere(*state, false);
}

static void tells_it_while_it_looks_at_scripts(void **state)
{
  fail_everywhere(*state, true);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(tells_that_memory_ran_out, set_up, tear_down),
      cmocka_unit_test_setup_teardown(tells_it_while_it_looks_at_scripts, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
