#include "base/thread.h"

#include <signal.h>
#include <time.h>

int mw_thread_start(pthread_t *thread, size_t stack_bytes, void *(*run)(void *data), void *data)
{
  pthread_attr_t attributes;
  sigset_t all, before;
  pthread_t started;

  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int rc = pthread_create(&started, &attributes, run, data);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  if (rc == 0)
    *thread = started;
  return -rc;
}

void mw_cond_init(pthread_cond_t *condition)
{
  pthread_condattr_t attributes;

  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(condition, &attributes);
  pthread_condattr_destroy(&attributes);
}
