#include "agent/folders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/tmptree.h"

struct fixture {
  char dir[TMPTREE_ROOT_BYTES];
  struct mw_folders folders;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->dir);
  mw_folders_open(&f->folders);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  mw_folders_close(&f->folders);
  tmptree_remove(f->dir);
  free(f);
  return 0;
}

static const char *in(struct fixture *f, const char *name)
{
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];

  snprintf(path, sizeof paths[0], "%s/%s", f->dir, name);
  return path;
}

static void a_file_that_is_written_made_or_removed_is_a_hint(void **state)
{
  struct fixture *f = *state;

  tmptree_write(in(f, "checks/a.lua"), "1");
  mw_folders_add(&f->folders, in(f, "checks/a.lua"));
  assert_false(mw_folders_take(&f->folders));
  tmptree_write(in(f, "checks/a.lua"), "22");
  assert_true(mw_folders_take(&f->folders));
  assert_false(mw_folders_take(&f->folders));
  tmptree_write(in(f, "checks/b.lua"), "1");
  assert_true(mw_folders_take(&f->folders));
  assert_int_equal(rename(in(f, "checks/b.lua"), in(f, "checks/a.lua")), 0);
  assert_true(mw_folders_take(&f->folders));
  assert_int_equal(remove(in(f, "checks/a.lua")), 0);
  assert_true(mw_folders_take(&f->folders));
  assert_false(f->folders.incomplete);
}

static void a_folder_that_is_made_is_a_hint(void **state)
{
  struct fixture *f = *state;

  mw_folders_add(&f->folders, in(f, "not/yet/a.lua"));
  assert_false(mw_folders_take(&f->folders));
  assert_int_equal(mkdir(in(f, "not"), 0755), 0);
  assert_true(mw_folders_take(&f->folders));
  assert_false(f->folders.incomplete);
}

static void every_link_on_the_way_is_watched(void **state)
{
  struct fixture *f = *state;

  tmptree_write(in(f, "v1/x.lua"), "1");
  tmptree_write(in(f, "v2/x.lua"), "2");
  tmptree_write(in(f, "checks/other.lua"), "");
  assert_int_equal(symlink("v1", in(f, "data")), 0);
  assert_int_equal(symlink("../data/x.lua", in(f, "checks/x.lua")), 0);
  mw_folders_add(&f->folders, in(f, "checks/x.lua"));
  assert_false(mw_folders_take(&f->folders));
  tmptree_write(in(f, "v1/x.lua"), "11");
  assert_true(mw_folders_take(&f->folders));
  assert_int_equal(symlink("v2", in(f, "data.new")), 0);
  mw_folders_take(&f->folders);
  assert_int_equal(rename(in(f, "data.new"), in(f, "data")), 0);
  assert_true(mw_folders_take(&f->folders));
}

static void links_in_a_circle_end(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(symlink("b", in(f, "a")), 0);
  assert_int_equal(symlink("a", in(f, "b")), 0);
  mw_folders_add(&f->folders, in(f, "a/x.lua"));
  assert_int_equal(remove(in(f, "a")), 0);
  assert_true(mw_folders_take(&f->folders));
}

static void without_inotify_there_are_no_hints(void **state)
{
  struct mw_folders none = {.fd = -1};

  (void)state;
  mw_folders_add(&none, "/tmp/x");
  assert_false(mw_folders_take(&none));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(a_file_that_is_written_made_or_removed_is_a_hint),
      CASE(a_folder_that_is_made_is_a_hint),
      CASE(every_link_on_the_way_is_watched),
      CASE(links_in_a_circle_end),
      CASE(without_inotify_there_are_no_hints),
  };
  return cmocka_run_group_tests_name("agent/folders", tests, NULL, NULL);
}
