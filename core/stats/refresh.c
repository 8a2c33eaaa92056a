#include "stats/refresh.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/gate.h"
#include "base/thread.h"
#include "moonwatch/clock.h"
#include "stats/deadline.h"

/* libcurl, TLS and a resolver are below; musl's 128 KiB would be too few, 8 MiB are address space
 * that nobody needs. */
#define STACK_BYTES ((size_t)512 << 10)

struct mw_refresh {
  struct mw_refresh_config config;
  pthread_cond_t changed; /* a job is wanted, or has ended, or the thread is to end */
  pthread_mutex_t mutex;  /* guards all below; never held during the job */
  pthread_t thread;
  bool has_thread, stopping;
  bool under_way; /* wanted or being done */
  int64_t began_ns;
  uint64_t ended_total;
};

/* ---- The job ---- */

/* With the mutex held, which is given up meanwhile. */
static void do_job(struct mw_refresh *refresh)
{
  pthread_mutex_unlock(&refresh->mutex);
  refresh->config.job(refresh->config.data);
  pthread_mutex_lock(&refresh->mutex);
  refresh->under_way = false;
  refresh->ended_total++;
  pthread_cond_broadcast(&refresh->changed);
}

static void *work(void *data)
{
  struct mw_refresh *refresh = data;

  pthread_mutex_lock(&refresh->mutex);
  while (!refresh->stopping) {
    if (refresh->under_way)
      do_job(refresh);
    else
      pthread_cond_wait(&refresh->changed, &refresh->mutex);
  }
  pthread_mutex_unlock(&refresh->mutex);
  return NULL;
}

/* Signals are for the program's other threads. */
static int start_thread(struct mw_refresh *refresh, struct mw_error *err)
{
  if (refresh->has_thread)
    return 0;
  int rc = mw_thread_start(&refresh->thread, STACK_BYTES, work, refresh);

  if (rc < 0)
    return mw_error_set(err, -rc, "cannot start a thread for %s: %s", refresh->config.what,
                        strerror(-rc));
  refresh->has_thread = true;
  return 0;
}

/* ---- Waiting ---- */

/* The first result is worth its time; for a later one there is the last. */
static int64_t patience_ends_ns(const struct mw_refresh *refresh, int64_t deadline_ns)
{
  int64_t ends_ns = refresh->began_ns + refresh->config.later_wait_ns;

  return refresh->ended_total > 0 && ends_ns < deadline_ns ? ends_ns : deadline_ns;
}

static int wait_for_end(struct mw_refresh *refresh, int64_t deadline_ns, struct mw_error *err)
{
  uint64_t ended_before = refresh->ended_total;
  int64_t until_ns = patience_ends_ns(refresh, deadline_ns);
  struct timespec until = {.tv_sec = until_ns / MW_NS_PER_S, .tv_nsec = until_ns % MW_NS_PER_S};
  int rc = 0;

  mw_gate_step_out();
  while (rc == 0 && refresh->ended_total == ended_before)
    rc = pthread_cond_timedwait(&refresh->changed, &refresh->mutex, &until);
  bool has_ended = refresh->ended_total != ended_before;
  pthread_mutex_unlock(&refresh->mutex); /* who is inside of the gate may want it */
  mw_gate_step_in();
  pthread_mutex_lock(&refresh->mutex);
  if (has_ended)
    return 0;
  return mw_error_set(err, rc, "%s is still on its way after %lld ms", refresh->config.what,
                      (long long)((mw_deadline_after(0) - refresh->began_ns) / MW_NS_PER_MS));
}

static int begin(struct mw_refresh *refresh, struct mw_error *err)
{
  int rc = refresh->config.without_thread ? 0 : start_thread(refresh, err);

  if (rc < 0)
    return rc;
  refresh->under_way = true;
  refresh->began_ns = mw_deadline_after(0);
  pthread_cond_broadcast(&refresh->changed);
  return 0;
}

int mw_refresh_wait(struct mw_refresh *refresh, int64_t deadline_ns, struct mw_error *err)
{
  int rc = 0;

  pthread_mutex_lock(&refresh->mutex);
  bool is_first = !refresh->under_way;
  if (is_first)
    rc = begin(refresh, err);
  if (rc == 0 && is_first && refresh->config.without_thread)
    do_job(refresh);
  else if (rc == 0)
    rc = wait_for_end(refresh, deadline_ns, err);
  pthread_mutex_unlock(&refresh->mutex);
  return rc;
}

/* ---- Life cycle ---- */

struct mw_refresh *mw_refresh_new(const struct mw_refresh_config *config, struct mw_error *err)
{
  struct mw_refresh *refresh = calloc(1, sizeof *refresh);

  if (!refresh) {
    mw_error_set(err, ENOMEM, "out of memory for %s", config->what);
    return NULL;
  }
  refresh->config = *config;
  pthread_mutex_init(&refresh->mutex, NULL);
  mw_cond_init(&refresh->changed);
  return refresh;
}

static void end_thread(struct mw_refresh *refresh)
{
  pthread_mutex_lock(&refresh->mutex);
  refresh->stopping = true;
  pthread_cond_broadcast(&refresh->changed);
  pthread_mutex_unlock(&refresh->mutex);
  if (refresh->config.cancel)
    refresh->config.cancel(refresh->config.data);
  pthread_join(refresh->thread, NULL);
}

void mw_refresh_free(struct mw_refresh *refresh)
{
  if (!refresh)
    return;
  if (refresh->has_thread)
    end_thread(refresh);
  pthread_cond_destroy(&refresh->changed);
  pthread_mutex_destroy(&refresh->mutex);
  free(refresh);
}
