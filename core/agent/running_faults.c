/* Notes which script a thread was running when a signal ends the process. The handler stores to
 * memory, reads a clock, and calls what signal-safety(7) allows. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent/running_internal.h"
#include "moonwatch/clock.h"

#define STACK_BYTES ((size_t)64 << 10) /* a page or two of it are touched, in a crash */

static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
#define FAULTS_COUNT (sizeof faults / sizeof faults[0])

static _Atomic(struct mw_running_file *) marked;
static struct sigaction before[FAULTS_COUNT];
static _Thread_local struct mw_running_slot *own;
static _Thread_local char *own_stack;      /* a fault may be that the thread's own stack is full */
static _Thread_local stack_t stack_before; /* that of a checker */

/* ---- The handler ---- */

static void mark_own(int signal)
{
  if (own && atomic_load(&own->state) != MW_RUNNING_IDLE)
    atomic_store(&own->mark, (uint32_t)signal);
}

static void mark_hung(struct mw_running_file *file)
{
  int64_t now_ns = mw_clock_monotonic_ns(mw_clock_system());

  for (size_t i = 0; i < MW_RUNNING_SLOTS; i++)
    if (mw_running_hangs(&file->slots[i], now_ns))
      atomic_store(&file->slots[i].mark, MW_RUNNING_MARK_HUNG);
}

/* What the thread itself did, and not somebody with kill(1). */
static bool is_of_thread(const siginfo_t *info)
{
  return info->si_code > 0 || info->si_code == SI_TKILL;
}

/* A fault happens again when the handler returns, and finds what was there before; what was sent is
 * sent again. */
static void hand_on(int signal, const siginfo_t *info)
{
  for (size_t i = 0; i < FAULTS_COUNT; i++)
    if (faults[i] == signal)
      sigaction(signal, &before[i], NULL);
  if (info->si_code <= 0)
    raise(signal);
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
  struct mw_running_file *file = atomic_load(&marked);

  (void)context;
  if (file && is_of_thread(info))
    mark_own(signal);
  else if (file && signal == SIGABRT) /* as a watchdog of systemd does */
    mark_hung(file);
  hand_on(signal, info);
}

/* ---- Around it ---- */

void mw_running_catch_faults(struct mw_running_file *file)
{
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

  atomic_store(&marked, file);
  for (size_t i = 0; i < FAULTS_COUNT; i++)
    sigaction(faults[i], &action, &before[i]);
}

void mw_running_leave_faults(void)
{
  if (!atomic_load(&marked))
    return;
  for (size_t i = 0; i < FAULTS_COUNT; i++)
    sigaction(faults[i], &before[i], NULL);
  atomic_store(&marked, NULL);
}

/* Threads begin with every signal blocked, and one that is blocked has no handler to go to. */
void mw_running_enter_thread(struct mw_running_slot *slot)
{
  sigset_t signals;

  if (!slot)
    return;
  own = slot;
  own_stack = malloc(STACK_BYTES);
  stack_t stack = {.ss_sp = own_stack, .ss_size = STACK_BYTES};
  if (own_stack)
    sigaltstack(&stack, &stack_before);
  sigemptyset(&signals);
  for (size_t i = 0; i < FAULTS_COUNT; i++)
    sigaddset(&signals, faults[i]);
  pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

void mw_running_leave_thread(void)
{
  if (!own)
    return;
  if (own_stack)
    sigaltstack(&stack_before, NULL);
  free(own_stack);
  own = NULL;
  own_stack = NULL;
}
