#include "base/interrupt.h"

#include <signal.h>

/* In a shared object the default way to reach a variable of a thread may allocate, which a handler
 * must not; initial-exec does not. */
static _Thread_local volatile sig_atomic_t is_interrupted
    __attribute__((tls_model("initial-exec")));

bool mw_is_interrupted(void)
{
  return is_interrupted;
}

void mw_set_interrupted(bool interrupted)
{
  is_interrupted = interrupted;
}
