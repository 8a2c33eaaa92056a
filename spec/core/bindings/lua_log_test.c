/* moonwatch.log, with a log that a test can read: Lua cannot configure it. */
#include "bindings/lua_log.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "base/log.h"
#include "bindings/bindings.h"

static int log_pipe[2];
static lua_State *L;
static char text[65536];

static int open_state(void **state)
{
  (void)state;
  if (pipe2(log_pipe, O_NONBLOCK | O_CLOEXEC) < 0)
    return -1;
  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_INFO, .fd = log_pipe[1]});
  L = luaL_newstate();
  luaL_openlibs(L);
  lua_newtable(L);
  luaL_register(L, NULL, mw_lua_log_functions);
  lua_setglobal(L, "log");
  return 0;
}

static int close_state(void **state)
{
  (void)state;
  lua_close(L);
  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_WARN, .fd = STDERR_FILENO});
  close(log_pipe[0]);
  close(log_pipe[1]);
  return 0;
}

/* What @p code wrote, without the time in front; "" for nothing. */
static const char *logged_by(const char *code)
{
  if (luaL_dostring(L, code) != 0)
    fail_msg("%s", lua_tostring(L, -1));
  assert_int_equal(0, lua_gettop(L));
  ssize_t got = read(log_pipe[0], text, sizeof text - 1);
  text[got > 0 ? got : 0] = '\0';
  return got > 0 ? strchr(text, ' ') + 1 : "";
}

static void each_level_has_its_function(void **state)
{
  (void)state;
  assert_string_equal("info  script: a\n", logged_by("log.info 'a'"));
  assert_string_equal("warn  script: b\n", logged_by("log.warn 'b'"));
  assert_string_equal("error script: c\n", logged_by("log.error 'c'"));
  assert_string_equal("", logged_by("log.debug 'd'"));
  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_DEBUG, .fd = log_pipe[1]});
  assert_string_equal("debug script: d\n", logged_by("log.debug 'd'"));
}

static void one_argument_is_text_and_more_are_formatted(void **state)
{
  (void)state;
  assert_string_equal("info  script: 100 %d of %s\n", logged_by("log.info '100 %d of %s'"));
  assert_string_equal("info  script: 7 of x\n", logged_by("log.info('%d of %s', 7, 'x')"));
  assert_string_equal("info  script: %s %n\n", logged_by("log.info('%s', '%s %n')"));
  assert_string_equal("info  script: 5\n", logged_by("log.info(5)"));
}

static void a_script_may_have_a_variable_called_string(void **state)
{
  (void)state;
  assert_string_equal("info  script: 7\n", logged_by("string = nil; log.info('%d', 7)"));
}

static void a_message_stays_one_line_of_text(void **state)
{
  (void)state;
  assert_string_equal("info  script: a b c [2Jd\n", logged_by("log.info 'a\\nb\\0c\\27[2Jd'"));
}

static void a_level_that_is_not_logged_formats_nothing(void **state)
{
  (void)state;
  assert_string_equal("", logged_by("log.debug('%s', setmetatable({}, {__tostring = error}))"));
}

static void a_wrong_argument_raises(void **state)
{
  (void)state;
  assert_int_not_equal(0, luaL_dostring(L, "log.info()"));
  assert_non_null(strstr(lua_tostring(L, -1), "bad argument #1 to 'info' (string expected"));
  assert_int_not_equal(0, luaL_dostring(L, "log.debug {}"));
  assert_int_not_equal(0, luaL_dostring(L, "log.info('%d', 'x')"));
  lua_settop(L, 0);
}

static void entries_come_under_the_name_that_was_set(void **state)
{
  (void)state;
  mw_lua_log_set_component(L, "container_rt");
  assert_string_equal("info  container_rt: a\n", logged_by("log.info 'a'"));
}

int main(void)
{
#define WITH_STATE(test) cmocka_unit_test_setup_teardown(test, open_state, close_state)
  const struct CMUnitTest tests[] = {
      WITH_STATE(each_level_has_its_function),
      WITH_STATE(one_argument_is_text_and_more_are_formatted),
      WITH_STATE(a_script_may_have_a_variable_called_string),
      WITH_STATE(a_message_stays_one_line_of_text),
      WITH_STATE(a_level_that_is_not_logged_formats_nothing),
      WITH_STATE(a_wrong_argument_raises),
      WITH_STATE(entries_come_under_the_name_that_was_set),
  };
  return cmocka_run_group_tests_name("bindings/lua_log", tests, NULL, NULL);
}
