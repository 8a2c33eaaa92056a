/* What no spec can bring about: signals that come late, finalizers, threads. */
#include "script/deadline.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/gate.h"
#include "moonwatch/clock.h"
#include "script/internal.h"

#define DEADLINES 300

static struct mw_script *new_script(void (*prepare)(lua_State *L, void *data))
{
  struct mw_script *script =
      mw_script_new(&(struct mw_script_config){.name = "test", .prepare = prepare}, NULL);
  assert_non_null(script);
  return script;
}

static int run(struct mw_script *script, const char *text, int64_t timeout_ms)
{
  return mw_script_load_text(script, "test", text, strlen(text), timeout_ms, NULL);
}

/* ---- Finalizers: LuaJIT puts its hook mask aside while one runs ---- */

static int finalize(lua_State *L)
{
  (void)L;
  return 0;
}

static int make_handle(lua_State *L)
{
  lua_newuserdata(L, 1);
  lua_newtable(L);
  lua_pushcfunction(L, finalize);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return 1;
}

static void offer_handles(lua_State *L, void *data)
{
  (void)data;
  lua_pushcfunction(L, make_handle);
  lua_setglobal(L, "make_handle");
}

static void a_loop_that_makes_finalizers_is_stopped_every_time(void **state)
{
  struct mw_script *script = new_script(offer_handles);

  (void)state;
  for (int i = 0; i < DEADLINES; i++) {
    assert_int_equal(run(script, "while true do make_handle() end", 1 + i % 3), -ETIME);
    assert_null(lua_gethook(script->L));
  }
  assert_int_equal(run(script, "return { make_handle() }", 10000), 0);
  mw_script_free(script);
}

static void a_loop_that_catches_everything_is_stopped_every_time(void **state)
{
  struct mw_script *script = new_script(offer_handles);

  (void)state;
  for (int i = 0; i < DEADLINES; i++)
    assert_int_equal(
        run(script,
            "local function f() while true do make_handle() end end while true do pcall(f) end", 1),
        -ETIME);
  assert_int_equal(run(script, "return {}", 10000), 0);
  mw_script_free(script);
}

/* ---- Late signals ---- */

static void block_signal(int how)
{
  sigset_t signals;

  sigemptyset(&signals);
  sigaddset(&signals, MW_DEADLINE_SIGNAL);
  assert_int_equal(pthread_sigmask(how, &signals, NULL), 0);
}

/* As the timer of @p deadline would send it. New kernels drop the signals of a timer that was set
 * anew meanwhile, old ones deliver them; so the test sends its own. */
static void send_signal_of(struct mw_deadline *deadline)
{
  siginfo_t info = {.si_code = SI_TIMER};

  info.si_value.sival_ptr = deadline;
  assert_int_equal(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), MW_DEADLINE_SIGNAL, &info),
                   0);
}

static struct mw_script *new_script_with_handler(void)
{
  struct mw_script *script = new_script(NULL);

  assert_int_equal(run(script, "return {}", 10000), 0);
  return script;
}

static void nothing_has_happened_to(const struct mw_script *script)
{
  assert_false(script->deadline.expired);
  assert_null(lua_gethook(script->L));
}

static void a_signal_after_the_call_does_nothing(void **state)
{
  struct mw_script *script = new_script_with_handler();

  (void)state;
  script->deadline.expires_ns = 0;
  send_signal_of(&script->deadline);
  nothing_has_happened_to(script);
  mw_script_free(script);
}

static void a_late_signal_does_not_hit_the_next_call(void **state)
{
  struct mw_script *script = new_script_with_handler();

  (void)state;
  assert_int_equal(mw_deadline_arm(&script->deadline, 60000, NULL), 0);
  send_signal_of(&script->deadline);
  nothing_has_happened_to(script);
  assert_false(mw_deadline_disarm(&script->deadline));
  mw_script_free(script);
}

static void a_late_signal_does_not_hit_another_script(void **state)
{
  struct mw_script *late = new_script_with_handler();
  struct mw_script *next = new_script_with_handler();

  (void)state;
  assert_int_equal(mw_deadline_arm(&next->deadline, 60000, NULL), 0);
  late->deadline.expires_ns = 0;
  next->deadline.expires_ns = 0;
  send_signal_of(&late->deadline);
  nothing_has_happened_to(late);
  nothing_has_happened_to(next);
  mw_deadline_disarm(&next->deadline);
  mw_script_free(late);
  mw_script_free(next);
}

static void a_signal_from_elsewhere_does_nothing(void **state)
{
  struct mw_script *script = new_script_with_handler();

  (void)state;
  assert_int_equal(mw_deadline_arm(&script->deadline, 60000, NULL), 0);
  script->deadline.expires_ns = 0;
  raise(MW_DEADLINE_SIGNAL);
  nothing_has_happened_to(script);
  send_signal_of(&script->deadline);
  assert_true(script->deadline.expired);
  assert_false(mw_deadline_disarm(&script->deadline));
  nothing_has_happened_to(script);
  mw_script_free(script);
}

static void only_the_first_signals_count(void **state)
{
  struct mw_script *script = new_script_with_handler();

  (void)state;
  assert_int_equal(mw_deadline_arm(&script->deadline, 60000, NULL), 0);
  script->deadline.expires_ns = 0;
  script->deadline.raised = 1;
  send_signal_of(&script->deadline);
  nothing_has_happened_to(script);
  assert_true(mw_deadline_disarm(&script->deadline));
  mw_script_free(script);
}

static void the_handler_restarts_system_calls(void **state)
{
  struct mw_script *script = new_script(NULL);
  struct sigaction action;

  (void)state;
  assert_int_equal(run(script, "return {}", 10000), 0);
  assert_int_equal(sigaction(MW_DEADLINE_SIGNAL, NULL, &action), 0);
  assert_true(action.sa_flags & SA_RESTART);
  mw_script_free(script);
}

/* ---- Timers and threads ---- */

static void no_timeout_needs_no_timer(void **state)
{
  struct mw_script *script = new_script(NULL);

  (void)state;
  assert_int_equal(run(script, "return {}", 0), 0);
  assert_int_equal(script->deadline.thread_id, 0);
  mw_script_free(script);
}

static void *run_for_ever(void *script)
{
  mw_script_own(script);
  return (void *)(intptr_t)run(script, "while true do end", 20);
}

static void a_script_may_go_from_thread_to_thread(void **state)
{
  struct mw_script *script = new_script(NULL);

  (void)state;
  assert_int_equal(run(script, "while true do end", 5), -ETIME);
  block_signal(SIG_BLOCK); /* which the threads inherit */
  for (int i = 0; i < 3; i++) {
    pthread_t thread;
    void *rc;
    assert_int_equal(pthread_create(&thread, NULL, run_for_ever, script), 0);
    pthread_join(thread, &rc);
    assert_int_equal((intptr_t)rc, -ETIME);
  }
  block_signal(SIG_UNBLOCK);
  mw_script_own(script);
  assert_int_equal(run(script, "while true do end", 5), -ETIME);
  mw_script_free(script);
}

/* Ids of threads come again, and the timer of the first to have it sends its signals nowhere. */
static void a_thread_may_have_the_id_of_one_that_ended(void **state)
{
  struct mw_script *script = new_script(NULL);
  pthread_t thread;
  void *rc;

  (void)state;
  assert_int_equal(pthread_create(&thread, NULL, run_for_ever, script), 0);
  pthread_join(thread, &rc);
  assert_int_equal((intptr_t)rc, -ETIME);
  mw_script_own(script);
  script->deadline.thread_id = gettid();
  assert_int_equal(run(script, "for i = 1, 1e9 do end", 5), -ETIME);
  mw_script_free(script);
}

static void scripts_in_threads_are_stopped_each_for_itself(void **state)
{
  struct mw_script *scripts[4];
  pthread_t threads[4];

  (void)state;
  for (int i = 0; i < 4; i++) {
    scripts[i] = new_script(NULL);
    assert_int_equal(pthread_create(&threads[i], NULL, run_for_ever, scripts[i]), 0);
  }
  for (int i = 0; i < 4; i++) {
    void *rc;
    pthread_join(threads[i], &rc);
    assert_int_equal((intptr_t)rc, -ETIME);
    mw_script_free(scripts[i]);
  }
}

static int run_inner(lua_State *L)
{
  struct mw_script *inner = lua_touserdata(L, 1);

  assert_int_equal(run(inner, "while true do end", 20), -ETIME);
  return 0;
}

static int run_inner_and_go_on(lua_State *L)
{
  run_inner(L);
  while (!lua_gethook(L)) /* which the signal of the outer one is about to set */
    continue;
  mw_script_check_deadline(L);
  return 0;
}

static void an_outer_deadline_survives_an_inner_one(void **state)
{
  struct mw_script *outer = new_script(NULL);
  struct mw_script *inner = new_script(NULL);

  (void)state;
  assert_int_equal(mw_script_call(outer, run_inner_and_go_on, inner, 5, NULL), -ETIME);
  assert_int_equal(mw_script_call(outer, run_inner, inner, 10000, NULL), 0);
  mw_script_free(outer);
  mw_script_free(inner);
}

/* ---- A thread that waits for a place ---- */

#define WAIT_TIMEOUT_MS 1000

static struct mw_gate gate;
static sem_t is_out, is_taken;

static void *keep_place(void *data)
{
  const struct mw_clock *clock = mw_clock_system();

  sem_wait(&is_out);
  assert_true(mw_gate_enter(&gate));
  sem_post(&is_taken);
  int64_t until_ns = mw_clock_monotonic_ns(clock) + 3 * WAIT_TIMEOUT_MS * MW_NS_PER_MS / 2;
  while (mw_clock_monotonic_ns(clock) < until_ns)
    usleep(1000);
  mw_gate_leave(&gate);
  return data;
}

static int wait_for_place_and_loop(lua_State *L)
{
  const volatile sig_atomic_t *stop = mw_script_stop_flag(L);
  bool *had_time = lua_touserdata(L, 1);

  mw_gate_step_out();
  sem_post(&is_out);
  sem_wait(&is_taken);
  mw_gate_step_in();
  *had_time = !*stop && mw_script_left_ms() > 0;
  while (!*stop)
    continue;
  return mw_script_stop(L);
}

static void time_that_is_spent_at_the_gate_does_not_count(void **state)
{
  struct mw_script *script = new_script(NULL);
  bool had_time = false;
  pthread_t other;

  (void)state;
  mw_gate_init(&gate, 1);
  sem_init(&is_out, 0, 0);
  sem_init(&is_taken, 0, 0);
  assert_int_equal(pthread_create(&other, NULL, keep_place, NULL), 0);
  assert_true(mw_gate_enter(&gate));
  int rc = mw_script_call(script, wait_for_place_and_loop, &had_time, WAIT_TIMEOUT_MS, NULL);
  mw_gate_leave(&gate);
  pthread_join(other, NULL);
  assert_true(had_time);
  assert_int_equal(rc, -ETIME);
  assert_true(mw_gate_waited_ns() >= WAIT_TIMEOUT_MS * MW_NS_PER_MS);
  mw_gate_deinit(&gate);
  mw_script_free(script);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_loop_that_makes_finalizers_is_stopped_every_time),
      cmocka_unit_test(a_loop_that_catches_everything_is_stopped_every_time),
      cmocka_unit_test(a_signal_after_the_call_does_nothing),
      cmocka_unit_test(a_late_signal_does_not_hit_the_next_call),
      cmocka_unit_test(a_late_signal_does_not_hit_another_script),
      cmocka_unit_test(a_signal_from_elsewhere_does_nothing),
      cmocka_unit_test(only_the_first_signals_count),
      cmocka_unit_test(the_handler_restarts_system_calls),
      cmocka_unit_test(no_timeout_needs_no_timer),
      cmocka_unit_test(a_script_may_go_from_thread_to_thread),
      cmocka_unit_test(a_thread_may_have_the_id_of_one_that_ended),
      cmocka_unit_test(scripts_in_threads_are_stopped_each_for_itself),
      cmocka_unit_test(an_outer_deadline_survives_an_inner_one),
      cmocka_unit_test(time_that_is_spent_at_the_gate_does_not_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
