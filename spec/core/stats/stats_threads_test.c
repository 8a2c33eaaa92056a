/* The cache of statistics with many callers at once; meant to be run under ThreadSanitizer too. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/stats/one_collector.h"
#include "moonwatch/stats.h"

#define THREADS 8

/* ---- One slow reading ---- */

/* The fetch says that it began and ends when it is told to. */
struct slow {
  struct mw_stats *stats;
  sem_t began, may_end;
  int failure_code;
  atomic_uint fetches_total;
};

static int slow_fetch(void *data, const struct mw_stats_request *request,
                      struct mw_cgroup_sample *out, struct mw_error *err)
{
  struct slow *slow = data;

  sem_post(&slow->began);
  sem_wait(&slow->may_end);
  unsigned number = ++slow->fetches_total;
  if (slow->failure_code)
    return mw_error_set(err, slow->failure_code, "cannot read %s", request->container.id);
  mw_figures_set(&out->figures, MW_PIDS_CURRENT, number);
  return 0;
}

static void slow_start(struct slow *slow, int64_t wait_max_ms)
{
  struct mw_stats_config config = {.wait_max_ms = wait_max_ms};

  *slow = (struct slow){0};
  sem_init(&slow->began, 0, 0);
  sem_init(&slow->may_end, 0, 0);
  slow->stats = one_collector_new(&config, slow_fetch, slow);
  assert_non_null(slow->stats);
}

static void slow_finish(struct slow *slow)
{
  mw_stats_free(slow->stats);
  sem_destroy(&slow->began);
  sem_destroy(&slow->may_end);
}

struct caller {
  pthread_t thread;
  struct mw_stats *stats;
  int rc;
  uint64_t value;
  struct mw_error err;
};

static void *call(void *data)
{
  struct caller *caller = data;
  struct mw_cgroup_sample out = {0};

  caller->rc = mw_stats_container(caller->stats, &(struct mw_container_ref){.id = "slow"}, 0,
                                  MW_FIGURE_SET_ALL, &out, &caller->err);
  if (caller->rc == 0)
    mw_figures_get(&out.figures, MW_PIDS_CURRENT, &caller->value);
  mw_cgroup_sample_deinit(&out);
  return NULL;
}

static void start_callers(struct slow *slow, struct caller callers[THREADS])
{
  for (int i = 0; i < THREADS; i++) {
    callers[i] = (struct caller){.stats = slow->stats};
    assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
  }
}

static void wait_until_joined(struct mw_stats *stats, uint64_t count)
{
  struct mw_stats_usage usage;

  do {
    sched_yield();
    mw_stats_usage(stats, &usage);
  } while (usage.joined_total < count);
}

static void eight_callers_get_one_reading(void **state)
{
  struct caller callers[THREADS];
  struct slow slow;
  struct mw_stats_usage usage;

  (void)state;
  slow_start(&slow, 0);
  start_callers(&slow, callers);
  wait_until_joined(slow.stats, THREADS - 1);
  sem_post(&slow.may_end);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(callers[i].thread, NULL);
    assert_int_equal(callers[i].rc, 0);
    assert_int_equal(callers[i].value, 1);
  }
  mw_stats_usage(slow.stats, &usage);
  assert_int_equal(usage.reads_total, 1);
  assert_int_equal(usage.joined_total, THREADS - 1);
  assert_int_equal(usage.hits_total, 0);
  assert_int_equal(usage.entries, 1);
  slow_finish(&slow);
}

static void eight_callers_get_one_failure(void **state)
{
  struct caller callers[THREADS];
  struct slow slow;

  (void)state;
  slow_start(&slow, 0);
  slow.failure_code = EIO;
  start_callers(&slow, callers);
  wait_until_joined(slow.stats, THREADS - 1);
  sem_post(&slow.may_end);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(callers[i].thread, NULL);
    assert_int_equal(callers[i].rc, -EIO);
    assert_string_equal(callers[i].err.text, "cannot read slow");
  }
  assert_int_equal(slow.fetches_total, 1);
  slow_finish(&slow);
}

static void who_accepts_the_age_need_not_wait_for_a_reading_in_flight(void **state)
{
  struct mw_cgroup_sample out = {0};
  struct caller callers[1];
  struct slow slow;
  uint64_t value = 0;

  (void)state;
  slow_start(&slow, 0);
  sem_post(&slow.may_end);
  callers[0] = (struct caller){.stats = slow.stats};
  call(&callers[0]);
  sem_wait(&slow.began);

  assert_int_equal(pthread_create(&callers[0].thread, NULL, call, &callers[0]), 0);
  sem_wait(&slow.began);
  assert_int_equal(mw_stats_container(slow.stats, &(struct mw_container_ref){.id = "slow"},
                                      INT64_MAX, MW_FIGURE_SET_ALL, &out, NULL),
                   0);
  mw_figures_get(&out.figures, MW_PIDS_CURRENT, &value);
  assert_int_equal(value, 1);

  sem_post(&slow.may_end);
  pthread_join(callers[0].thread, NULL);
  assert_int_equal(callers[0].value, 2);
  mw_cgroup_sample_deinit(&out);
  slow_finish(&slow);
}

static void nobody_waits_for_ever(void **state)
{
  struct mw_cgroup_sample out = {0};
  struct caller caller;
  struct slow slow;

  (void)state;
  slow_start(&slow, 1);
  caller = (struct caller){.stats = slow.stats};
  assert_int_equal(pthread_create(&caller.thread, NULL, call, &caller), 0);
  sem_wait(&slow.began);
  assert_int_equal(mw_stats_container(slow.stats, &(struct mw_container_ref){.id = "slow"}, 1000,
                                      MW_FIGURE_SET_ALL, &out, NULL),
                   -ETIMEDOUT);
  sem_post(&slow.may_end);
  pthread_join(caller.thread, NULL);
  assert_int_equal(caller.rc, 0);
  mw_cgroup_sample_deinit(&out);
  slow_finish(&slow);
}

/* ---- An entry in flight stays, whatever its age and however little room there is ---- */

/* Reading "outer" reads the others, an hour later. */
struct nested {
  struct mw_clock_manual clock;
  struct mw_stats *stats;
  bool inside;
};

static int nested_fetch(void *data, const struct mw_stats_request *request,
                        struct mw_cgroup_sample *out, struct mw_error *err)
{
  static const char *const others[] = {"a", "b", "c"};
  struct nested *nested = data;
  struct mw_cgroup_sample other = {0};
  int rc = 0;

  if (nested->inside && request->container.id[0] == 'o') {
    nested->inside = false;
    nested->clock.now_monotonic_ns += 3600 * MW_NS_PER_S;
    for (size_t i = 0; i < 3 && rc == 0; i++)
      rc = mw_stats_container(nested->stats, &(struct mw_container_ref){.id = others[i]}, 0,
                              MW_FIGURE_SET_ALL, &other, err);
    mw_cgroup_sample_deinit(&other);
  }
  mw_figures_set(&out->figures, MW_PIDS_CURRENT, 1);
  return rc;
}

static void an_entry_in_flight_neither_expires_nor_is_evicted(void **state)
{
  struct mw_cgroup_sample out = {0};
  struct nested nested = {0};
  struct mw_stats_config config = {.clock = &nested.clock.clock, .entries_max = 1};
  const struct mw_container_ref outer = {.id = "outer"};

  (void)state;
  mw_clock_manual_init(&nested.clock);
  nested.stats = one_collector_new(&config, nested_fetch, &nested);
  assert_non_null(nested.stats);
  for (int i = 0; i < 2; i++) { /* the first makes the entry, the second has it old in flight */
    nested.inside = i == 1;
    assert_int_equal(mw_stats_container(nested.stats, &outer, 0, MW_FIGURE_SET_ALL, &out, NULL), 0);
  }
  struct mw_stats_usage usage;
  mw_stats_usage(nested.stats, &usage);
  assert_int_equal(usage.entries, 2); /* outer and c */
  assert_int_equal(mw_stats_container(nested.stats, &outer, 1, MW_FIGURE_SET_ALL, &out, NULL), 0);
  mw_stats_usage(nested.stats, &usage);
  assert_int_equal(usage.hits_total, 1);
  mw_cgroup_sample_deinit(&out);
  mw_stats_free(nested.stats);
}

/* ---- A storm ---- */

#define STORM_CALLS 4000
#define STORM_CONTAINERS 23

/* Two figures that always agree, so that a torn copy shows. */
static int storm_fetch(void *data, const struct mw_stats_request *request,
                       struct mw_cgroup_sample *out, struct mw_error *err)
{
  atomic_uint *fetches_total = data;
  unsigned number = ++*fetches_total;

  if (number % 7 == 0)
    return mw_error_set(err, EIO, "cannot read %s", request->container.id);
  if (number % 5 == 0)
    sched_yield();
  mw_figures_set(&out->figures, MW_PIDS_CURRENT, number);
  out->inode = number;
  return 0;
}

struct storm {
  pthread_t thread;
  struct mw_stats *stats;
  unsigned seed;
  unsigned torn_total, unknown_total;
};

static void *storm_run(void *data)
{
  struct storm *storm = data;
  struct mw_cgroup_sample out = {0};
  uint64_t value;
  char id[16];

  for (int i = 0; i < STORM_CALLS; i++) {
    snprintf(id, sizeof id, "c%d", rand_r(&storm->seed) % STORM_CONTAINERS);
    int rc = mw_stats_container(storm->stats, &(struct mw_container_ref){.id = id},
                                rand_r(&storm->seed) % 3, MW_FIGURE_SET_ALL, &out, NULL);
    if (rc == 0 && (!mw_figures_get(&out.figures, MW_PIDS_CURRENT, &value) || value != out.inode))
      storm->torn_total++;
    if (rc != 0 && rc != -EIO)
      storm->unknown_total++;
  }
  mw_cgroup_sample_deinit(&out);
  return NULL;
}

static void a_storm_of_callers_leaves_everything_in_order(void **state)
{
  struct storm storms[THREADS];
  atomic_uint fetches_total = 0;
  struct mw_stats_config config = {.retention_ms = 1, .entries_max = STORM_CONTAINERS / 2};
  struct mw_stats *stats = one_collector_new(&config, storm_fetch, &fetches_total);
  struct mw_stats_usage usage;

  (void)state;
  assert_non_null(stats);
  for (unsigned i = 0; i < THREADS; i++) {
    storms[i] = (struct storm){.stats = stats, .seed = i};
    assert_int_equal(pthread_create(&storms[i].thread, NULL, storm_run, &storms[i]), 0);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(storms[i].thread, NULL);
    assert_int_equal(storms[i].torn_total, 0);
    assert_int_equal(storms[i].unknown_total, 0);
  }
  mw_stats_usage(stats, &usage);
  assert_int_equal(usage.reads_total, fetches_total);
  assert_int_equal(usage.hits_total + usage.reads_total + usage.joined_total,
                   THREADS * STORM_CALLS);
  assert_true(usage.entries <= STORM_CONTAINERS / 2 + THREADS);
  assert_true(usage.evicted_total + usage.expired_total > 0);
  mw_stats_free(stats);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(eight_callers_get_one_reading),
      cmocka_unit_test(eight_callers_get_one_failure),
      cmocka_unit_test(who_accepts_the_age_need_not_wait_for_a_reading_in_flight),
      cmocka_unit_test(nobody_waits_for_ever),
      cmocka_unit_test(an_entry_in_flight_neither_expires_nor_is_evicted),
      cmocka_unit_test(a_storm_of_callers_leaves_everything_in_order),
  };

  return cmocka_run_group_tests_name("core/stats with threads", tests, NULL, NULL);
}
