/* In builds that check threads, every function that scripts are given refuses a thread that the
 * state does not belong to. The program ends there, so each call is made in a child. */
#include "script/owner.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <lualib.h>

#include "bindings/bindings.h"
#include "script/script.h"

static const struct module {
  const char *name;
  lua_CFunction open;
} modules[] = {
    {"cgroup", luaopen_moonwatch_cgroup},
    {"host", luaopen_moonwatch_host},
    {"inventory", luaopen_moonwatch_inventory},
    {"json", luaopen_moonwatch_json},
    {"log", luaopen_moonwatch_log},
    {"regex", luaopen_moonwatch_regex},
    {"script", luaopen_moonwatch_script},
    {"stats", luaopen_moonwatch_stats},
    {"moonwatch", luaopen_moonwatch},
};
#define MODULES_COUNT (sizeof modules / sizeof modules[0])

/* What the handles of modules can do, by an expression. */
static const struct method {
  const char *what, *expression;
} methods[] = {
    {"regex.matches", "return require 'moonwatch.regex'.compile('a').matches"},
    {"regex.__index", "local r = require 'moonwatch.regex'.compile('a') "
                      "return function() return r.pattern end"},
    {"regex.__tostring", "local r = require 'moonwatch.regex'.compile('a') "
                         "return function() return tostring(r) end"},
    {"script.close", "return require 'moonwatch.script'.new({}).close"},
    {"script.eval", "return require 'moonwatch.script'.new({}).eval"},
    {"script.memory_bytes", "return require 'moonwatch.script'.new({}).memory_bytes"},
    {"script.memory_peak_bytes", "return require 'moonwatch.script'.new({}).memory_peak_bytes"},
};

static lua_State *new_state(void)
{
  lua_State *L = luaL_newstate();

  assert_non_null(L);
  luaL_openlibs(L);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "preload");
  for (size_t i = 0; i < MODULES_COUNT; i++) {
    lua_pushfstring(L, "moonwatch.%s", modules[i].name);
    lua_pushcfunction(L, modules[i].open);
    lua_rawset(L, -3);
  }
  lua_settop(L, 0);
  return L;
}

/* ---- Another thread, in another process ---- */

static void *call_top(void *L)
{
  lua_pcall(L, 0, 0, 0);
  return NULL;
}

static void *call_script(void *script)
{
  mw_script_load_text(script, "test", "return {}", 9, 0, NULL);
  return NULL;
}

/* The child: never returns. */
static void run_in_thread(void *(*run)(void *), void *data, int output)
{
  pthread_t thread;

  setrlimit(RLIMIT_CORE, &(struct rlimit){0});
  signal(SIGABRT, SIG_DFL); /* where cmocka has put a handler of its own */
  dup2(output, STDERR_FILENO);
  close(output);
  if (pthread_create(&thread, NULL, run, data) == 0)
    pthread_join(thread, NULL);
  _exit(0);
}

static void read_all(int fd, char *text, size_t text_bytes)
{
  size_t len_bytes = 0;
  ssize_t rc;

  while (len_bytes < text_bytes - 1 &&
         (rc = read(fd, text + len_bytes, text_bytes - 1 - len_bytes)) > 0)
    len_bytes += (size_t)rc;
  text[len_bytes] = '\0';
}

/* A thread of a child calls @p run(@p data): it ends there, naming @p what and the owner. */
static void dies_saying(void *(*run)(void *), void *data, const char *what)
{
  char said[512], beginning[128], owner[64];
  int ends[2], status;

  fflush(NULL);
  assert_int_equal(0, pipe(ends));
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0)
    run_in_thread(run, data, ends[1]);
  close(ends[1]);
  read_all(ends[0], said, sizeof said);
  close(ends[0]);
  assert_int_equal(child, waitpid(child, &status, 0));
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
    fail_msg("%s may be called by another thread: %s", what, said);
  snprintf(beginning, sizeof beginning, "moonwatch: %s was called by thread ", what);
  snprintf(owner, sizeof owner, "its Lua state belongs to thread %d (", (int)gettid());
  if (strncmp(said, beginning, strlen(beginning)) != 0 || !strstr(said, owner))
    fail_msg("%s: said \"%s\"", what, said);
}

static void needs_the_check(void)
{
#ifndef MW_CHECK_THREADS
  print_message("this build does not check threads\n");
  skip();
#endif
}

/* ---- Tests ---- */

static void every_function_of_every_module_refuses_another_thread(void **unused)
{
  lua_State *L = new_state();
  char what[64];
  int calls = 0;

  (void)unused;
  needs_the_check();
  for (size_t i = 0; i < MODULES_COUNT; i++) {
    lua_settop(L, 0);
    lua_pushcfunction(L, modules[i].open);
    lua_call(L, 0, 1);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1)) {
      if (!lua_isfunction(L, -1))
        continue;
      snprintf(what, sizeof what, "%s.%s", modules[i].name, lua_tostring(L, -2));
      dies_saying(call_top, L, what);
      calls++;
    }
  }
  assert_true(calls > 40);
  lua_close(L);
}

static void every_method_refuses_another_thread(void **unused)
{
  lua_State *L = new_state();

  (void)unused;
  needs_the_check();
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
    lua_settop(L, 0);
    if (luaL_dostring(L, methods[i].expression) != 0)
      fail_msg("%s: %s", methods[i].what, lua_tostring(L, -1));
    dies_saying(call_top, L, methods[i].what);
  }
  lua_close(L);
}

static void a_script_refuses_another_thread(void **unused)
{
  struct mw_script *script = mw_script_new(&(struct mw_script_config){.name = "test"}, NULL);

  (void)unused;
  needs_the_check();
  assert_non_null(script);
  dies_saying(call_script, script, "mw_script_call");
  mw_script_free(script);
}

static void *own_and_encode(void *script)
{
  static const char text[] = "return { require 'moonwatch.json'.encode { 1 } }";

  mw_script_own(script);
  return (void *)(intptr_t)mw_script_load_text(script, "test", text, sizeof text - 1, 0, NULL);
}

static void a_script_that_is_handed_over_serves_its_new_owner(void **unused)
{
  struct mw_script *script = mw_script_new(
      &(struct mw_script_config){.name = "test", .modules = mw_lua_sandbox_modules}, NULL);
  pthread_t thread;
  void *rc;

  (void)unused;
  assert_non_null(script);
  assert_int_equal(0, (intptr_t)own_and_encode(script));
  assert_int_equal(0, pthread_create(&thread, NULL, own_and_encode, script));
  pthread_join(thread, &rc);
  assert_int_equal(0, (intptr_t)rc);
  assert_int_equal(0, (intptr_t)own_and_encode(script));
  mw_script_free(script);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_function_of_every_module_refuses_another_thread),
      cmocka_unit_test(every_method_refuses_another_thread),
      cmocka_unit_test(a_script_refuses_another_thread),
      cmocka_unit_test(a_script_that_is_handed_over_serves_its_new_owner),
  };

  return cmocka_run_group_tests_name("bindings/owner", tests, NULL, NULL);
}
