#include <errno.h>
#include <signal.h>
#include <time.h>

#include "cli/cli.h"
#include "moonwatch/clock.h"

/* What ends the program between two runs: it is never lost, as it would be to a handler that runs
 * just before the sleep begins. */
static void interruptions(sigset_t *out)
{
  sigemptyset(out);
  sigaddset(out, SIGINT);
  sigaddset(out, SIGTERM);
}

bool mw_cli_sleep_until(int64_t wake_ns)
{
  sigset_t signals;

  interruptions(&signals);
  for (;;) {
    int64_t left_ns = wake_ns - mw_clock_monotonic_ns(mw_clock_system());
    left_ns = left_ns > 0 ? left_ns : 0;
    struct timespec left = {left_ns / MW_NS_PER_S, left_ns % MW_NS_PER_S};
    if (sigtimedwait(&signals, NULL, &left) >= 0)
      return false;
    if (errno == EAGAIN)
      return true;
  }
}

void mw_cli_hold_interruptions(void)
{
  sigset_t signals;

  interruptions(&signals);
  sigprocmask(SIG_BLOCK, &signals, NULL);
}
