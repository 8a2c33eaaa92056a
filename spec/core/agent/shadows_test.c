/* Scripts that stand in front of shipped ones, and what the agent keeps of them. */
#include "agent/shadows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/tmptree.h"

struct fixture {
  char root[TMPTREE_ROOT_BYTES];
  char own[TMPTREE_PATH_BYTES], other[TMPTREE_PATH_BYTES], shipped[TMPTREE_PATH_BYTES];
  char state[TMPTREE_PATH_BYTES];
  const char *dirs[4];
  struct mw_shadows *shadows;
  struct mw_error err;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->root);
  snprintf(f->own, sizeof f->own, "%s/own", f->root);
  snprintf(f->other, sizeof f->other, "%s/other", f->root);
  snprintf(f->shipped, sizeof f->shipped, "%s/shipped", f->root);
  snprintf(f->state, sizeof f->state, "%s/state", f->root);
  f->dirs[0] = f->own;
  f->dirs[1] = f->other;
  f->dirs[2] = f->shipped;
  f->shadows = mw_shadows_new(f->state, &f->err);
  assert_non_null(f->shadows);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  mw_shadows_free(f->shadows);
  tmptree_remove(f->root);
  free(f);
  return 0;
}

static void put(const char *dir, const char *name, const char *text)
{
  char path[TMPTREE_PATH_BYTES + 64];

  snprintf(path, sizeof path, "%s/%s", dir, name);
  tmptree_write(path, text);
}

static void look(struct fixture *f)
{
  assert_int_equal(mw_shadows_look(f->shadows, f->dirs, true, &f->err), 0);
}

/* Another agent, which knows what is kept alone. */
static void start_again(struct fixture *f)
{
  mw_shadows_free(f->shadows);
  f->shadows = mw_shadows_new(f->state, &f->err);
  assert_non_null(f->shadows);
  look(f);
}

static bool has_changed(const struct fixture *f)
{
  const struct mw_shadow *shadow = mw_shadow_of(f->shadows, "checks", "a");

  assert_non_null(shadow);
  return shadow->shipped_changed;
}

static void lists_what_stands_in_front_of_a_shipped_file(void **state)
{
  struct fixture *f = *state;

  put(f->shipped, "checks/a.lua", "shipped");
  put(f->shipped, "checks/b.lua", "shipped");
  put(f->shipped, "moonwatch/m.lua", "shipped");
  put(f->own, "checks/a.lua", "own");
  put(f->other, "checks/a.lua", "other");
  put(f->other, "moonwatch/m.lua", "own");
  put(f->own, "checks/mine.lua", "own");
  put(f->own, "checks/a.lua.bak", "own");
  look(f);
  assert_int_equal(mw_shadows_count(f->shadows), 2);
  const struct mw_shadow *first = mw_shadow(f->shadows, 0), *second = mw_shadow(f->shadows, 1);
  assert_string_equal(first->name, "a");
  assert_non_null(strstr(first->place.file, "/own/checks/a.lua"));
  assert_non_null(strstr(first->place.shipped, "/shipped/checks/a.lua"));
  assert_string_equal(second->folder, "moonwatch");
  assert_non_null(strstr(second->place.file, "/other/moonwatch/m.lua"));
  assert_null(mw_shadow_of(f->shadows, "checks", "b"));
}

static void tells_that_the_shipped_file_has_changed_since_over_restarts(void **state)
{
  struct fixture *f = *state;

  put(f->shipped, "checks/a.lua", "shipped 1");
  put(f->own, "checks/a.lua", "own 1");
  look(f);
  assert_false(has_changed(f));
  assert_true(mw_shadow(f->shadows, 0)->first_seen_s > 0);
  put(f->shipped, "checks/a.lua", "shipped 2");
  look(f);
  assert_true(has_changed(f));
  start_again(f);
  assert_true(has_changed(f));
  put(f->shipped, "checks/a.lua", "shipped 1");
  look(f);
  assert_false(has_changed(f));
}

static void takes_who_changes_the_copy_to_have_looked(void **state)
{
  struct fixture *f = *state;

  put(f->shipped, "checks/a.lua", "shipped 1");
  put(f->own, "checks/a.lua", "own 1");
  look(f);
  put(f->shipped, "checks/a.lua", "shipped 2");
  put(f->own, "checks/a.lua", "own 2");
  look(f);
  assert_false(has_changed(f));
  put(f->shipped, "checks/a.lua", "shipped 3");
  start_again(f);
  assert_true(has_changed(f));
}

static void passes_over_lines_that_are_none(void **state)
{
  struct fixture *f = *state;
  char text[2 * TMPTREE_PATH_BYTES];

  put(f->shipped, "checks/a.lua", "shipped");
  put(f->own, "checks/a.lua", "own");
  snprintf(text, sizeof text, "nonsense\n\n12 zz 0 %s/checks/a.lua\n12 0 0\n1 2 3 relative\n",
           f->own);
  put(f->state, "shadows", text);
  look(f);
  assert_false(has_changed(f));
  start_again(f);
  assert_false(has_changed(f));
}

static void says_when_it_cannot_keep_what_it_saw(void **state)
{
  struct fixture *f = *state;

  put(f->shipped, "checks/a.lua", "shipped");
  put(f->own, "checks/a.lua", "own");
  tmptree_write(f->state, "a file where the folder should be");
  assert_true(mw_shadows_look(f->shadows, f->dirs, true, &f->err) < 0);
  assert_non_null(strstr(f->err.text, "/state/shadows"));
  assert_int_equal(mw_shadows_count(f->shadows), 1);
}

static void keeps_nothing_unless_it_is_to(void **state)
{
  struct fixture *f = *state;
  char path[TMPTREE_PATH_BYTES + 64];

  put(f->shipped, "checks/a.lua", "shipped");
  put(f->own, "checks/a.lua", "own");
  assert_int_equal(mw_shadows_look(f->shadows, f->dirs, false, &f->err), 0);
  snprintf(path, sizeof path, "%s/shadows", f->state);
  assert_int_equal(access(path, F_OK), -1);
  mw_shadows_free(f->shadows);
  f->shadows = mw_shadows_new(NULL, &f->err);
  look(f);
  assert_false(has_changed(f));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      CASE(lists_what_stands_in_front_of_a_shipped_file),
      CASE(tells_that_the_shipped_file_has_changed_since_over_restarts),
      CASE(takes_who_changes_the_copy_to_have_looked),
      CASE(passes_over_lines_that_are_none),
      CASE(says_when_it_cannot_keep_what_it_saw),
      CASE(keeps_nothing_unless_it_is_to),
  };

  return cmocka_run_group_tests_name("core/agent/shadows", tests, NULL, NULL);
}
