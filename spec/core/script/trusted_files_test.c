/* Scripts and modules that others can write are refused where that is asked for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script/script.h"
#include "support/tmptree.h"

struct fixture {
  char dir[TMPTREE_ROOT_BYTES];
  char script[TMPTREE_PATH_BYTES], module[TMPTREE_PATH_BYTES];
  struct mw_error err;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->dir);
  snprintf(f->script, sizeof f->script, "%s/checks/demo.lua", f->dir);
  snprintf(f->module, sizeof f->module, "%s/moonwatch/part.lua", f->dir);
  tmptree_write(f->script, "return { part = require 'moonwatch.part' }");
  tmptree_write(f->module, "return {}");
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  tmptree_remove(f->dir);
  free(f);
  return 0;
}

static int load(struct fixture *f, bool trusted_only)
{
  const char *const dirs[] = {"/nonexistent", f->dir, NULL};
  const struct mw_script_config config = {
      .name = "demo", .module_dirs = dirs, .trusted_only = trusted_only};
  struct mw_script *script = mw_script_new(&config, &f->err);

  assert_non_null(script);
  int rc = mw_script_load_file(script, f->script, 10000, &f->err);
  mw_script_free(script);
  return rc;
}

static void loads_what_nobody_else_can_write(void **state)
{
  assert_int_equal(0, load(*state, true));
}

static void refuses_an_open_script(void **state)
{
  struct fixture *f = *state;

  chmod(f->script, 0666);
  assert_int_equal(-EPERM, load(f, true));
  assert_non_null(strstr(f->err.text, "cure: chmod go-w "));
  assert_int_equal(0, load(f, false));
}

static void refuses_an_open_module(void **state)
{
  struct fixture *f = *state;

  chmod(f->module, 0664);
  assert_int_equal(-ECANCELED, load(f, true));
  assert_non_null(strstr(f->err.text, "part.lua can be written by its group; cure: chmod g-w "));
  assert_int_equal(0, load(f, false));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(loads_what_nobody_else_can_write, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_an_open_script, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_an_open_module, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
