#include "host/cpu.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "host/parsers.h"
#include "moonwatch/clock.h"

void mw_cpu_counter_init(struct mw_cpu_counter *counter,
                         uint32_t (*count_now)(void *data, struct mw_error *err), void *count_data)
{

  atomic_init(&counter->kept, 0);
  counter->wait_ms = MW_CPU_WAIT_MS;
  counter->count_now = count_now;
  counter->count_data = count_data;
  counter->reading = false;
  counter->attempts_failed = 0;
  pthread_mutex_init(&counter->mutex, NULL);
  mw_cond_init(&counter->read_done);
}

void mw_cpu_counter_deinit(struct mw_cpu_counter *counter)
{
  pthread_cond_destroy(&counter->read_done);
  pthread_mutex_destroy(&counter->mutex);
}

uint32_t mw_cpu_affinity_count(void)
{
  /* As large as the kernel's own mask can be: a smaller one would be refused with EINVAL. The
   * process, not the thread that asks, which may be bound to one CPU for its own reasons. */
  cpu_set_t mask[MW_HOST_CPUS_MAX / CPU_SETSIZE];

  CPU_ZERO_S(sizeof mask, mask);
  if (sched_getaffinity(getpid(), sizeof mask, mask) < 0)
    return 1;
  int count = CPU_COUNT_S(sizeof mask, mask);
  return count > 0 ? (uint32_t)count : 1;
}

/* What an operator should know of the attempt that has just been made. */
static void report(struct mw_cpu_counter *counter, uint32_t count, const struct mw_error *err)
{
  if (count == 0 && ++counter->attempts_failed == MW_CPU_ATTEMPTS_QUIET + 1)
    mw_log(
        MW_LOG_WARN, "host",
        "cannot count the CPUs of the host (%s); using the %u that this process may run on, which "
        "are fewer than the host's where a container limits them: give the agent the host's /proc",
        err->text, mw_cpu_affinity_count());
  if (count > 0 && counter->attempts_failed > MW_CPU_ATTEMPTS_QUIET)
    mw_log(MW_LOG_INFO, "host", "the CPUs of the host can be counted now: %u", count);
}

/* Called and left with the mutex held. */
static void count_anew(struct mw_cpu_counter *counter)
{
  struct mw_error err;

  counter->reading = true;
  pthread_mutex_unlock(&counter->mutex);
  uint32_t count = counter->count_now(counter->count_data, &err);
  report(counter, count, &err);
  pthread_mutex_lock(&counter->mutex);
  counter->reading = false;
  atomic_store(&counter->kept, count);
  pthread_cond_broadcast(&counter->read_done);
}

/* A file that never answers (lxcfs serves /proc/cpuinfo from a process) holds one caller at most;
 * the others go on with the affinity mask. Called and left with the mutex held. */
static void wait_for_reader(struct mw_cpu_counter *counter)
{
  struct timespec until;
  int rc = 0;

  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t until_ns = until.tv_nsec + counter->wait_ms * MW_NS_PER_MS;
  until.tv_sec += until_ns / MW_NS_PER_S;
  until.tv_nsec = until_ns % MW_NS_PER_S;
  while (counter->reading && rc == 0)
    rc = pthread_cond_timedwait(&counter->read_done, &counter->mutex, &until);
}

uint32_t mw_cpu_counter_get(struct mw_cpu_counter *counter)
{
  uint32_t count = atomic_load_explicit(&counter->kept, memory_order_relaxed);
  if (count > 0)
    return count;

  pthread_mutex_lock(&counter->mutex);
  if (counter->reading)
    wait_for_reader(counter);
  else if (atomic_load(&counter->kept) == 0)
    count_anew(counter);
  count = atomic_load(&counter->kept);
  pthread_mutex_unlock(&counter->mutex);
  return count > 0 ? count : mw_cpu_affinity_count();
}
