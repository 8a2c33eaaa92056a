/* Collectors with many callers at once; meant to be run under ThreadSanitizer too. */
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

#include "core/stats/local_host.h"

#define FIGURE(figure) (UINT64_C(1) << (figure))

/* ---- Readings that say when they began, and end when they are told to ---- */

struct slow {
  struct mw_stats *stats;
  sem_t began, may_end;
  atomic_ullong wanted; /* of the last one */
};

static int slow_container(void *data, const struct mw_stats_request *request,
                          struct mw_cgroup_sample *out, struct mw_error *err)
{
  struct slow *slow = data;

  (void)err;
  slow->wanted = request->wanted;
  sem_post(&slow->began);
  sem_wait(&slow->may_end);
  out->figures.present = request->wanted;
  out->covered = request->wanted;
  return 0;
}

static int slow_probe(void *data, int64_t deadline_ns, const struct mw_stats_offer **offers,
                      size_t *offers_count, struct mw_error *err)
{
  struct slow *slow = data;

  (void)deadline_ns, (void)offers, (void)offers_count;
  sem_post(&slow->began);
  sem_wait(&slow->may_end);
  return mw_error_set(err, ENOTSUP, "not here");
}

static const struct mw_stats_offer containers = {.kinds = 1U << MW_STATS_CONTAINER};

static void slow_start(struct slow *slow, int64_t wait_max_ms)
{
  const struct mw_stats_config config = {.wait_max_ms = wait_max_ms};

  memset(slow, 0, sizeof *slow);
  sem_init(&slow->began, 0, 0);
  sem_init(&slow->may_end, 0, 0);
  slow->stats = mw_stats_new(&config, NULL);
  assert_non_null(slow->stats);
}

static void slow_finish(struct slow *slow)
{
  mw_stats_free(slow->stats);
  sem_destroy(&slow->began);
  sem_destroy(&slow->may_end);
}

static void add_slow(struct slow *slow)
{
  const struct mw_stats_collector collector = {.name = "slow",
                                               .data = slow,
                                               .offers = &containers,
                                               .offers_count = 1,
                                               .container = slow_container};

  assert_int_equal(mw_stats_add_collector(slow->stats, &collector, NULL), 0);
}

struct caller {
  pthread_t thread;
  struct mw_stats *stats;
  const char *id;
  mw_figure_set wanted;
  int rc;
  uint64_t present;
};

static void *call(void *data)
{
  struct caller *caller = data;
  struct mw_cgroup_sample out = {0};

  caller->rc = mw_stats_container(caller->stats, &(struct mw_container_ref){.id = caller->id}, 0,
                                  caller->wanted, &out, NULL);
  caller->present = out.figures.present;
  mw_cgroup_sample_deinit(&out);
  return NULL;
}

static void begin_call(struct caller *caller, struct slow *slow, const char *id,
                       mw_figure_set wanted)
{
  *caller = (struct caller){.stats = slow->stats, .id = id, .wanted = wanted};
  assert_int_equal(pthread_create(&caller->thread, NULL, call, caller), 0);
}

static void wait_until_joined(struct mw_stats *stats, uint64_t count)
{
  struct mw_stats_usage usage;

  do {
    sched_yield();
    mw_stats_usage(stats, &usage);
  } while (usage.joined_total < count);
}

static void a_reading_of_less_is_waited_for_and_another_follows(void **state)
{
  struct caller first, more, less;
  struct slow slow;

  (void)state;
  slow_start(&slow, 0);
  add_slow(&slow);
  begin_call(&first, &slow, "c", 3);
  sem_wait(&slow.began);
  begin_call(&more, &slow, "c", 6);
  begin_call(&less, &slow, "c", 1);
  wait_until_joined(slow.stats, 2);
  sem_post(&slow.may_end);
  pthread_join(first.thread, NULL);
  pthread_join(less.thread, NULL);
  assert_int_equal(first.present, 3);
  assert_int_equal(less.present, 3);
  sem_wait(&slow.began);
  assert_int_equal(slow.wanted, 6);
  sem_post(&slow.may_end);
  pthread_join(more.thread, NULL);
  assert_int_equal(more.rc, 0);
  assert_int_equal(more.present, 6);
  slow_finish(&slow);
}

static void who_wants_more_does_not_wait_for_ever_either(void **state)
{
  struct mw_cgroup_sample out = {0};
  struct caller first;
  struct slow slow;

  (void)state;
  slow_start(&slow, 1);
  add_slow(&slow);
  begin_call(&first, &slow, "c", 1);
  sem_wait(&slow.began);
  assert_int_equal(
      mw_stats_container(slow.stats, &(struct mw_container_ref){.id = "c"}, 0, 2, &out, NULL),
      -ETIMEDOUT);
  sem_post(&slow.may_end);
  pthread_join(first.thread, NULL);
  mw_cgroup_sample_deinit(&out);
  slow_finish(&slow);
}

static int quick_container(void *data, const struct mw_stats_request *request,
                           struct mw_cgroup_sample *out, struct mw_error *err)
{
  (void)data, (void)err;
  out->figures.present = request->wanted;
  return 0;
}

static void one_probes_and_the_others_go_on_with_what_is_ready(void **state)
{
  struct mw_cgroup_sample out = {0};
  struct mw_stats_usage usage;
  struct caller prober;
  struct slow slow;

  (void)state;
  slow_start(&slow, 0);
  const struct mw_stats_collector pending = {
      .name = "pending", .data = &slow, .probe = slow_probe, .container = slow_container};
  const struct mw_stats_collector ready = {
      .name = "ready", .offers = &containers, .offers_count = 1, .container = quick_container};
  assert_int_equal(mw_stats_add_collector(slow.stats, &pending, NULL), 0);
  assert_int_equal(mw_stats_add_collector(slow.stats, &ready, NULL), 0);
  begin_call(&prober, &slow, "c", 1);
  sem_wait(&slow.began);
  for (int i = 0; i < 3; i++)
    assert_int_equal(
        mw_stats_container(slow.stats, &(struct mw_container_ref){.id = "other"}, 0, 1, &out, NULL),
        0);
  assert_string_equal(out.origin.collector, "ready");
  mw_stats_usage(slow.stats, &usage);
  assert_int_equal(usage.collectors_pending, 1);
  sem_post(&slow.may_end);
  pthread_join(prober.thread, NULL);
  assert_int_equal(prober.rc, 0);
  mw_stats_usage(slow.stats, &usage);
  assert_int_equal(usage.collectors_pending, 0);
  mw_cgroup_sample_deinit(&out);
  slow_finish(&slow);
}

/* ---- A storm: all kinds, ids, sweeps and new collectors at once ---- */

#define THREADS 6
#define STORM_CALLS 300

/* Does most of what there is to do, fails now and then, and says the same in two places. */
struct moody {
  char name[16];
  atomic_uint calls;
  struct mw_stats_offer offer;
};

static int moody_container(void *data, const struct mw_stats_request *request,
                           struct mw_cgroup_sample *out, struct mw_error *err)
{
  struct moody *moody = data;
  unsigned number = ++moody->calls;

  if (number % 3 == 0)
    return mw_error_set(err, number % 2 ? ENOENT : EIO, "%s has no time", moody->name);
  out->figures.present = 0;
  out->devices_count = 0;
  out->covered = request->wanted;
  mw_figures_set(&out->figures, MW_PIDS_CURRENT, number);
  out->inode = number;
  return 0;
}

static int moody_probe(void *data, int64_t deadline_ns, const struct mw_stats_offer **offers,
                       size_t *offers_count, struct mw_error *err)
{
  struct moody *moody = data;

  (void)deadline_ns, (void)err;
  *offers = &moody->offer;
  *offers_count = 1;
  return 0;
}

struct storm {
  pthread_t thread;
  struct local_host *host;
  struct moody moody;
  unsigned seed;
  unsigned wrong_total;
};

static bool is_known(int rc)
{
  return rc == 0 || rc == -ENOENT || rc == -EIO || rc == -ENODATA;
}

static void storm_read(struct storm *storm, struct mw_cgroup_sample *container,
                       struct mw_network_sample *network, struct mw_process_sample *processes)
{
  static const char *const ids[] = {LOCAL_ID("01"), LOCAL_ID("02"), LOCAL_ID("03")};
  const struct mw_container_ref ref = {.id = ids[rand_r(&storm->seed) % 3]};
  struct mw_stats *stats = storm->host->stats;
  int64_t max_age_ms = rand_r(&storm->seed) % 3;
  mw_figure_set wanted = rand_r(&storm->seed) % 2 ? FIGURE(MW_PIDS_CURRENT) : MW_FIGURE_SET_ALL;

  int rc = mw_stats_container(stats, &ref, max_age_ms, wanted, container, NULL);
  uint64_t value;
  if (rc == 0 && strcmp(container->origin.collector, "cgroup") != 0)
    storm->wrong_total +=
        !mw_figures_get(&container->figures, MW_PIDS_CURRENT, &value) || value != container->inode;
  storm->wrong_total += !is_known(rc);
  storm->wrong_total += !is_known(mw_stats_network(stats, &ref, max_age_ms, network, NULL));
  storm->wrong_total += !is_known(mw_stats_processes(stats, &ref, max_age_ms, processes, NULL));
}

static void *storm_run(void *data)
{
  struct storm *storm = data;
  struct mw_stats *stats = storm->host->stats;
  struct mw_cgroup_sample container = {0};
  struct mw_network_sample network = {0};
  struct mw_process_sample processes = {0};
  char id[MW_CGROUP_ID_BYTES];

  for (int i = 0; i < STORM_CALLS; i++) {
    if (i == STORM_CALLS / 2) {
      const struct mw_stats_collector collector = {.name = storm->moody.name,
                                                   .data = &storm->moody,
                                                   .fills_gaps = true,
                                                   .probe = moody_probe,
                                                   .container = moody_container};
      storm->wrong_total += mw_stats_add_collector(stats, &collector, NULL) != 0;
    }
    storm_read(storm, &container, &network, &processes);
    if (i % 16 == 0)
      mw_stats_sweep(stats);
    if (i % 7 == 0) {
      storm->wrong_total += mw_stats_id_of_pid(stats, 201, id, NULL) != 0;
      storm->wrong_total += !is_known(mw_stats_id_of_inode(stats, container.inode, id, NULL));
      storm->wrong_total += !is_known(mw_stats_own_id(stats, id, NULL));
    }
  }
  mw_cgroup_sample_deinit(&container);
  mw_network_sample_deinit(&network);
  mw_process_sample_deinit(&processes);
  return NULL;
}

static void a_storm_of_all_that_can_be_done_leaves_everything_in_order(void **state)
{
  struct storm storms[THREADS];
  struct mw_stats_usage usage;
  struct local_host host;

  (void)state;
  local_host_init(&host);
  local_host_write(&host, LOCAL_CGROUP("01") "/cgroup.procs", "0\n0\n");
  assert_int_equal(local_host_open(&host, NULL), 0);
  for (unsigned i = 0; i < THREADS; i++) {
    storms[i] = (struct storm){.host = &host, .seed = i};
    snprintf(storms[i].moody.name, sizeof storms[i].moody.name, "moody%u", i);
    storms[i].moody.offer =
        (struct mw_stats_offer){.kinds = 1U << MW_STATS_CONTAINER, .priority = (int)i % 3 - 1};
    assert_int_equal(pthread_create(&storms[i].thread, NULL, storm_run, &storms[i]), 0);
  }
  for (unsigned i = 0; i < THREADS; i++) {
    pthread_join(storms[i].thread, NULL);
    assert_int_equal(storms[i].wrong_total, 0);
  }
  mw_stats_usage(host.stats, &usage);
  assert_int_equal(usage.collectors, THREADS + 1);
  assert_int_equal(usage.collectors_pending, 0);
  local_host_close(&host);
  local_host_remove(&host);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reading_of_less_is_waited_for_and_another_follows),
      cmocka_unit_test(who_wants_more_does_not_wait_for_ever_either),
      cmocka_unit_test(one_probes_and_the_others_go_on_with_what_is_ready),
      cmocka_unit_test(a_storm_of_all_that_can_be_done_leaves_everything_in_order),
  };

  return cmocka_run_group_tests_name("core/stats: collectors with threads", tests, NULL, NULL);
}
