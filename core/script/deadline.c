#include "script/deadline.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/gate.h"
#include "base/interrupt.h"
#include "moonwatch/clock.h"
#include "script/internal.h"

#define REPEAT_NS MW_NS_PER_MS
#define TIMEOUT_MAX_MS (INT64_C(1) << 40) /* keeps the sum with the clock in range */
#define EVERYTHING (LUA_MASKCOUNT | LUA_MASKLINE | LUA_MASKCALL | LUA_MASKRET)

/* What the signal may act on, in this thread. In a shared object the default way to reach a
 * variable of a thread may allocate, which a handler must not; initial-exec does not. */
static _Thread_local struct mw_deadline *volatile armed __attribute__((tls_model("initial-exec")));

static const char interruption; /* its address is what an interruption carries */

static int64_t now_ns(clockid_t clock)
{
  struct timespec now;

  clock_gettime(clock, &now);
  return now.tv_sec * MW_NS_PER_S + now.tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
  return (struct timespec){.tv_sec = ns / MW_NS_PER_S, .tv_nsec = ns % MW_NS_PER_S};
}

/* ---- At the deadline ---- */

static void stop_timers(struct mw_deadline *deadline)
{
  timer_settime(deadline->timer, 0, &(struct itimerspec){0}, NULL);
  if (deadline->has_cpu_timer)
    timer_settime(deadline->cpu_timer, 0, &(struct itimerspec){0}, NULL);
}

/* Fill the message with the place of the innermost function that has lines. No memory is asked
 * of Lua: there may be none left. */
static void compose_message(struct mw_deadline *deadline, lua_State *L)
{
  lua_Debug at;
  char where[LUA_IDSIZE + 16] = "";

  for (int level = 0; where[0] == '\0' && lua_getstack(L, level, &at); level++)
    if (lua_getinfo(L, "Sl", &at) && at.currentline > 0)
      snprintf(where, sizeof where, "%s:%d: ", at.short_src, at.currentline);
  deadline->phrase = deadline->message + strlen(where);
  if (deadline->stop == MW_STOP_INTERRUPTED)
    snprintf(deadline->message, sizeof deadline->message, "%sinterrupted", where);
  else if (deadline->stop == MW_STOP_CPU)
    snprintf(deadline->message, sizeof deadline->message,
             "%slimit of %" PRId64 " ms of CPU time reached", where, deadline->cpu_limit_ms);
  else
    snprintf(deadline->message, sizeof deadline->message, "%sdeadline of %" PRId64 " ms reached",
             where, deadline->timeout_ms);
}

static int raise_error(struct mw_deadline *deadline, lua_State *L)
{
  if (!deadline->raised) {
    deadline->raised = 1;
    stop_timers(deadline);
    compose_message(deadline, L);
  }
  lua_pushstring(L, deadline->message);
  return lua_error(L);
}

/* Stays set after the error: every pcall on the way out is left as soon as it returns. */
static void raise_hook(lua_State *L, lua_Debug *where)
{
  (void)where;
  raise_error(&mw_script_of(L)->deadline, L);
}

static int do_nothing(lua_State *L)
{
  (void)L;
  return 0;
}

int mw_deadline_raise(struct mw_deadline *deadline, lua_State *L)
{
  /* The hook of this call raises the error. Raised from outside of a hook, the function that adds
   * the traceback would be the next thing that the hook interrupts. */
  lua_pushcfunction(L, do_nothing);
  lua_call(L, 0, 0);
  return raise_error(deadline, L); /* a finalizer has just taken the hook away */
}

/* When it is over, as far as one can tell: who waits for a place gets the time back. */
static int64_t end_ns(const struct mw_deadline *deadline)
{
  return deadline->expires_ns + mw_gate_waited_ns() - deadline->waited_before_ns;
}

/* A late signal finds another deadline armed, or none, or this one armed anew with time left. */
static enum mw_stop reason_of(const struct mw_deadline *deadline, const siginfo_t *info)
{
  const void *carried = info->si_value.sival_ptr;

  if (info->si_code == SI_QUEUE)
    return info->si_pid == getpid() && carried == &interruption ? MW_STOP_INTERRUPTED
                                                                : MW_STOP_NONE;
  if (info->si_code != SI_TIMER || carried != deadline)
    return MW_STOP_NONE;
  if (now_ns(CLOCK_MONOTONIC) >= end_ns(deadline))
    return MW_STOP_WALL;
  return deadline->cpu_limit_ms > 0 && now_ns(CLOCK_THREAD_CPUTIME_ID) >= deadline->cpu_expires_ns
             ? MW_STOP_CPU
             : MW_STOP_NONE;
}

static void start_timer(timer_t timer, int64_t expires_ns)
{
  struct itimerspec when = {.it_value = timespec_of(expires_ns),
                            .it_interval = timespec_of(REPEAT_NS)};

  timer_settime(timer, TIMER_ABSTIME, &when, NULL);
}

static bool is_early(const struct mw_deadline *deadline, const siginfo_t *info)
{
  return deadline && !deadline->raised && !deadline->expired && info->si_code == SI_TIMER &&
         info->si_value.sival_ptr == deadline && now_ns(CLOCK_MONOTONIC) >= deadline->expires_ns;
}

/* The timer knows nothing of the gate, and would strike every millisecond from now on. */
static void postpone(struct mw_deadline *deadline)
{
  int64_t until_ns = end_ns(deadline), soon_ns = now_ns(CLOCK_MONOTONIC) + REPEAT_NS;

  start_timer(deadline->timer, until_ns > soon_ns ? until_ns : soon_ns);
}

static void on_signal(int number, siginfo_t *info, void *interrupted)
{
  struct mw_deadline *deadline = armed;
  int saved_errno = errno;

  (void)number;
  (void)interrupted;
  enum mw_stop reason = deadline && !deadline->raised ? reason_of(deadline, info) : MW_STOP_NONE;
  if (reason != MW_STOP_NONE) {
    if (!deadline->expired)
      deadline->stop = reason;
    deadline->expired = 1;
    if (reason == MW_STOP_INTERRUPTED)
      mw_set_interrupted(true);
    lua_sethook(deadline->L, raise_hook, EVERYTHING, 1);
  } else if (is_early(deadline, info)) {
    postpone(deadline);
  }
  errno = saved_errno;
}

/* ---- Arming ---- */

static void install_handler(void)
{
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

  sigemptyset(&action.sa_mask);
  sigaction(MW_DEADLINE_SIGNAL, &action, NULL);
}

static void unblock_signal(void)
{
  sigset_t signals;

  sigemptyset(&signals);
  sigaddset(&signals, MW_DEADLINE_SIGNAL);
  pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

static pthread_once_t handler_once = PTHREAD_ONCE_INIT;

static int make_timers(struct mw_deadline *deadline, pid_t thread_id, struct mw_error *err)
{
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID,
                           .sigev_signo = MW_DEADLINE_SIGNAL,
                           .sigev_value.sival_ptr = deadline};

  event._sigev_un._tid = thread_id; /* glibc 2.36 has no other name for it */
  pthread_once(&handler_once, install_handler);
  unblock_signal(); /* a thread inherits the mask of the one that started it */
  mw_deadline_deinit(deadline);
  if (timer_create(CLOCK_MONOTONIC, &event, &deadline->timer) < 0)
    return mw_error_set(err, errno, "cannot make the timer of a script: %s", strerror(errno));
  deadline->thread_id = thread_id;
  deadline->thread_mark = mw_thread_mark();
  if (deadline->cpu_limit_ms <= 0)
    return 0;
  if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &deadline->cpu_timer) < 0)
    return mw_error_set(err, errno, "cannot make the timer of a script's CPU time: %s",
                        strerror(errno));
  deadline->has_cpu_timer = true;
  return 0;
}

void mw_deadline_init(struct mw_deadline *deadline, lua_State *L)
{
  *deadline = (struct mw_deadline){.L = L};
}

void mw_deadline_deinit(struct mw_deadline *deadline)
{
  if (deadline->thread_id != 0)
    timer_delete(deadline->timer);
  if (deadline->has_cpu_timer)
    timer_delete(deadline->cpu_timer);
  deadline->thread_id = 0;
  deadline->has_cpu_timer = false;
}

void mw_deadline_limit_cpu(struct mw_deadline *deadline, int64_t cpu_ms)
{
  deadline->cpu_limit_ms = cpu_ms < 0 ? 0 : cpu_ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : cpu_ms;
}

/* An id comes again when its thread has ended, and the timer stays with the dead; a mark is the
 * same in a child after fork(2), which has no timers. */
static bool has_timers(const struct mw_deadline *deadline, pid_t thread_id)
{
  return thread_id == deadline->thread_id && deadline->thread_mark == mw_thread_mark() &&
         (deadline->has_cpu_timer || deadline->cpu_limit_ms <= 0);
}

int mw_deadline_arm(struct mw_deadline *deadline, int64_t timeout_ms, struct mw_error *err)
{
  deadline->stop = MW_STOP_NONE;
  if (timeout_ms <= 0)
    return 0;
  if (timeout_ms > TIMEOUT_MAX_MS)
    timeout_ms = TIMEOUT_MAX_MS;

  pid_t thread_id = gettid();
  int rc = has_timers(deadline, thread_id) ? 0 : make_timers(deadline, thread_id, err);
  if (rc < 0)
    return rc;

  deadline->timeout_ms = timeout_ms;
  deadline->waited_before_ns = mw_gate_waited_ns();
  deadline->expires_ns = now_ns(CLOCK_MONOTONIC) + timeout_ms * MW_NS_PER_MS;
  if (deadline->cpu_limit_ms > 0)
    deadline->cpu_expires_ns =
        now_ns(CLOCK_THREAD_CPUTIME_ID) + deadline->cpu_limit_ms * MW_NS_PER_MS;
  deadline->outer = armed;
  deadline->armed = true;
  atomic_signal_fence(memory_order_release); /* a late signal finds the new time, or nothing */
  armed = deadline;
  start_timer(deadline->timer, deadline->expires_ns);
  if (deadline->cpu_limit_ms > 0)
    start_timer(deadline->cpu_timer, deadline->cpu_expires_ns);
  return 0;
}

bool mw_deadline_disarm(struct mw_deadline *deadline)
{
  if (!deadline->armed)
    return false;

  /* In this order: once the handler can do nothing more, what it did is undone. */
  stop_timers(deadline);
  armed = deadline->outer;
  deadline->armed = false;
  mw_set_interrupted(false);

  bool raised = deadline->raised;
  if (deadline->expired)
    lua_sethook(deadline->L, NULL, 0, 0);
  deadline->expired = 0;
  deadline->raised = 0;
  return raised;
}

void mw_deadline_interrupt(pthread_t thread)
{
  union sigval value = {.sival_ptr = (void *)(uintptr_t)&interruption};

  pthread_once(&handler_once, install_handler); /* without it the signal would end the process */
  pthread_sigqueue(thread, MW_DEADLINE_SIGNAL, value); /* when it fails it is repeated anyway */
}

int64_t mw_deadline_left_ms(void)
{
  int64_t first_ns = INT64_MAX;

  for (const struct mw_deadline *deadline = armed; deadline; deadline = deadline->outer)
    if (end_ns(deadline) < first_ns)
      first_ns = end_ns(deadline);
  if (first_ns == INT64_MAX)
    return INT64_MAX;
  int64_t left_ns = first_ns - now_ns(CLOCK_MONOTONIC);
  return left_ns > 0 ? left_ns / MW_NS_PER_MS : 0;
}
