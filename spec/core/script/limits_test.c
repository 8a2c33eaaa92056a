/* What stops a script besides its deadline, and the files that it is made of. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "script/script.h"
#include "support/tmptree.h"

static struct mw_error err;

static int run(struct mw_script *script, const char *text)
{
  return mw_script_load_text(script, "test.lua", text, strlen(text), 30000, &err);
}

/* ---- CPU time ---- */

static void a_loop_is_stopped_when_its_cpu_time_is_used_up(void **state)
{
  struct mw_script *script = mw_script_new(&(struct mw_script_config){.name = "test"}, &err);

  (void)state;
  mw_script_limit_cpu(script, 20);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(run(script, "\nwhile true do pcall(error) end"), -ETIME);
    assert_int_equal(mw_script_stopped_by(script), MW_STOP_CPU);
    assert_non_null(strstr(err.text, "test.lua:2: limit of 20 ms of CPU time reached"));
  }
  assert_int_equal(run(script, "return {}"), 0);
  assert_int_equal(mw_script_stopped_by(script), MW_STOP_NONE);
  mw_script_free(script);
}

static int wait_a_while(lua_State *L)
{
  struct timespec left = {.tv_nsec = 60 * 1000 * 1000};

  (void)L;
  while (nanosleep(&left, &left) < 0) /* until then the timer would have struck */
    continue;
  return 0;
}

static void who_waits_uses_no_cpu_time(void **state)
{
  struct mw_script *script = mw_script_new(&(struct mw_script_config){.name = "test"}, &err);

  (void)state;
  mw_script_limit_cpu(script, 50);
  assert_int_equal(mw_script_call(script, wait_a_while, NULL, 30000, &err), 0);
  mw_script_free(script);
}

static void the_deadline_counts_when_it_comes_first(void **state)
{
  struct mw_script *script = mw_script_new(&(struct mw_script_config){.name = "test"}, &err);
  static const char text[] = "while true do end";

  (void)state;
  mw_script_limit_cpu(script, 20000);
  assert_int_equal(mw_script_load_text(script, "t", text, sizeof text - 1, 5, &err), -ETIME);
  assert_int_equal(mw_script_stopped_by(script), MW_STOP_WALL);
  mw_script_free(script);
}

/* ---- Interruptions ---- */

static void *loop_for_ever(void *data)
{
  mw_script_own(data);
  return (void *)(intptr_t)run(data, "while true do pcall(error) end");
}

static void another_thread_stops_a_script(void **state)
{
  struct mw_script *script = mw_script_new(&(struct mw_script_config){.name = "test"}, &err);
  pthread_t thread;
  void *rc;
  struct timespec soon = {.tv_nsec = 1000000};

  (void)state;
  assert_int_equal(pthread_create(&thread, NULL, loop_for_ever, script), 0);
  while (pthread_tryjoin_np(thread, &rc) == EBUSY) {
    mw_script_interrupt(thread);
    nanosleep(&soon, NULL);
  }
  assert_int_equal((intptr_t)rc, -ETIME);
  assert_int_equal(mw_script_stopped_by(script), MW_STOP_INTERRUPTED);
  assert_non_null(strstr(err.text, "interrupted"));
  mw_script_free(script);
}

static void an_interruption_between_two_calls_does_nothing(void **state)
{
  struct mw_script *script = mw_script_new(&(struct mw_script_config){.name = "test"}, &err);

  (void)state;
  mw_script_interrupt(pthread_self());
  assert_int_equal(run(script, "return {}"), 0);
  mw_script_interrupt(pthread_self());
  assert_int_equal(run(script, "return {}"), 0);
  mw_script_free(script);
}

/* ---- Files ---- */

static void a_script_knows_its_files_and_those_that_it_missed(void **state)
{
  char dir[TMPTREE_ROOT_BYTES], first[80], path[128];

  (void)state;
  tmptree_make(dir);
  snprintf(first, sizeof first, "%s/first", dir);
  const char *dirs[] = {first, dir, NULL};
  struct mw_script *script =
      mw_script_new(&(struct mw_script_config){.name = "test", .module_dirs = dirs}, &err);
  snprintf(path, sizeof path, "%s/moonwatch/a.lua", dir);
  tmptree_write(path, "return {}");
  snprintf(path, sizeof path, "%s/checks/x.lua", dir);
  tmptree_write(path, "require 'moonwatch.a' require 'moonwatch.a' pcall(require, 'b') return {}");

  assert_int_equal(mw_script_load_file(script, path, 10000, &err), 0);
  static const char *const expected[] = {"checks/x.lua", "first/moonwatch/a.lua", "moonwatch/a.lua",
                                         "first/b.lua", "b.lua"};
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, expected[i]);
    assert_string_equal(mw_script_file(script, i), path);
  }
  assert_null(mw_script_file(script, sizeof expected / sizeof expected[0]));
  mw_script_free(script);
  tmptree_remove(dir);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_loop_is_stopped_when_its_cpu_time_is_used_up),
      cmocka_unit_test(who_waits_uses_no_cpu_time),
      cmocka_unit_test(the_deadline_counts_when_it_comes_first),
      cmocka_unit_test(another_thread_stops_a_script),
      cmocka_unit_test(an_interruption_between_two_calls_does_nothing),
      cmocka_unit_test(a_script_knows_its_files_and_those_that_it_missed),
  };
  return cmocka_run_group_tests_name("script: limits", tests, NULL, NULL);
}
