#include "agent/watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "moonwatch/clock.h"
#include "support/tmptree.h"

struct fixture {
  char dir[TMPTREE_ROOT_BYTES], path[96], other[96];
  struct mw_watch watch;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->dir);
  snprintf(f->path, sizeof f->path, "%s/a.lua", f->dir);
  snprintf(f->other, sizeof f->other, "%s/b.lua", f->dir);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  mw_watch_deinit(&f->watch);
  tmptree_remove(f->dir);
  free(f);
  return 0;
}

/* As one that was read long after its last change. */
static void add(struct fixture *f, const char *path)
{
  mw_watch_add(&f->watch, path, INT64_MAX / 2);
}

static void a_change_counts_once_it_has_settled(void **state)
{
  struct fixture *f = *state;

  tmptree_write(f->path, "return 1");
  add(f, f->path);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_SAME);
  tmptree_write(f->path, "return 22");
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_UNSETTLED);
  tmptree_write(f->path, "return 333");
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_UNSETTLED);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_CHANGED);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_CHANGED);
  mw_watch_settle(&f->watch);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_SAME);
}

static void files_may_come_and_go(void **state)
{
  struct fixture *f = *state;

  add(f, f->path);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_SAME);
  tmptree_write(f->path, "");
  mw_watch_look(&f->watch);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_CHANGED);
  mw_watch_settle(&f->watch);
  assert_int_equal(remove(f->path), 0);
  mw_watch_look(&f->watch);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_CHANGED);
}

static void a_renamed_file_and_a_switched_link_are_seen(void **state)
{
  struct fixture *f = *state;
  char link[128], fresh[128];

  snprintf(link, sizeof link, "%s/link", f->dir);
  snprintf(fresh, sizeof fresh, "%s/fresh", f->dir);
  tmptree_write(f->path, "same");
  tmptree_write(f->other, "same");
  assert_int_equal(symlink("a.lua", link), 0);
  add(f, link);
  assert_int_equal(symlink("b.lua", fresh), 0);
  assert_int_equal(rename(fresh, link), 0);
  mw_watch_look(&f->watch);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_CHANGED);
  mw_watch_settle(&f->watch);
  tmptree_write(fresh, "same");
  assert_int_equal(rename(fresh, f->other), 0);
  mw_watch_look(&f->watch);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_CHANGED);
}

static void a_file_that_changed_while_it_was_read_is_read_again(void **state)
{
  struct fixture *f = *state;
  int64_t now_ns = mw_clock_wall_ns(mw_clock_system());

  tmptree_write(f->path, "return 1");
  mw_watch_add(&f->watch, f->path, now_ns);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_CHANGED);
  add(f, f->path);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_SAME);
}

static void what_another_one_watches_can_be_taken_over(void **state)
{
  struct fixture *f = *state;
  struct mw_watch more = {0};

  tmptree_write(f->path, "1");
  tmptree_write(f->other, "1");
  add(f, f->path);
  tmptree_write(f->path, "22");
  mw_watch_add(&more, f->path, INT64_MAX / 2);
  mw_watch_add(&more, f->other, INT64_MAX / 2);
  mw_watch_merge(&f->watch, &more);
  mw_watch_deinit(&more);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_SAME);
  tmptree_write(f->other, "22");
  mw_watch_look(&f->watch);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_CHANGED);
}

static void there_is_a_bound(void **state)
{
  struct fixture *f = *state;

  for (int i = 0; i < MW_WATCH_FILES_MAX + 10; i++) {
    char path[128];
    snprintf(path, sizeof path, "%s/%d", f->dir, i);
    add(f, path);
  }
  assert_int_equal(f->watch.count, MW_WATCH_FILES_MAX);
  assert_int_equal(mw_watch_look(&f->watch), MW_WATCH_SAME);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(a_change_counts_once_it_has_settled),
      CASE(files_may_come_and_go),
      CASE(a_renamed_file_and_a_switched_link_are_seen),
      CASE(a_file_that_changed_while_it_was_read_is_read_again),
      CASE(what_another_one_watches_can_be_taken_over),
      CASE(there_is_a_bound),
  };
  return cmocka_run_group_tests_name("agent/watch", tests, NULL, NULL);
}
