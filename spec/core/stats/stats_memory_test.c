/* The cache of statistics when memory runs out at the n-th allocation, for every n.
 * Linked as support/failing_malloc.h says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/stats/one_collector.h"
#include "moonwatch/stats.h"
#include "support/failing_malloc.h"

/* ---- Readings with two devices, and failures ---- */

static int fetch(void *data, const struct mw_stats_request *request, struct mw_cgroup_sample *out,
                 struct mw_error *err)
{
  (void)data;
  if (request->container.id[0] == 'x')
    return mw_error_set(err, EIO, "cannot read %s", request->container.id);
  if (out->devices_capacity < 2) {
    struct mw_io_device *devices = __real_realloc(out->devices, 2 * sizeof *devices);
    assert_non_null(devices);
    out->devices = devices;
    out->devices_capacity = 2;
  }
  memset(out->devices, 0, 2 * sizeof *out->devices);
  out->devices_count = 2;
  return 0;
}

static int ask(struct mw_stats *stats, const char *id, int64_t max_age_ms,
               struct mw_cgroup_sample *out)
{
  struct mw_error err = {0};
  int rc = mw_stats_container(stats, &(struct mw_container_ref){.id = id}, max_age_ms,
                              MW_FIGURE_SET_ALL, out, &err);

  if (rc < 0)
    assert_int_equal(err.code, -rc);
  return rc;
}

/* Enough containers that the hash table grows. @return how many questions ran out of memory. */
static int fill(struct mw_stats *stats)
{
  struct mw_cgroup_sample out = {0}, again = {0};
  int failed = 0;
  char id[16];

  for (int i = 0; i < 400; i++) {
    snprintf(id, sizeof id, "%c%d", i % 8 ? 'c' : 'x', i);
    int rc = ask(stats, id, 60000, &out);
    assert_true(rc == (i % 8 ? 0 : -EIO) || rc == -ENOMEM);
    failed += rc == -ENOMEM;
    rc = ask(stats, id, 60000, &again);
    assert_true(rc == (i % 8 ? 0 : -EIO) || rc == -ENOMEM);
    failed += rc == -ENOMEM;
  }
  mw_cgroup_sample_deinit(&out);
  mw_cgroup_sample_deinit(&again);
  return failed;
}

static void expect_all_right(struct mw_stats *stats)
{
  struct mw_cgroup_sample out = {0};
  char id[16];

  for (int i = 0; i < 400; i++) {
    snprintf(id, sizeof id, "%c%d", i % 8 ? 'c' : 'x', i);
    assert_int_equal(ask(stats, id, 0, &out), i % 8 ? 0 : -EIO);
    assert_int_equal(ask(stats, id, 60000, &out), i % 8 ? 0 : -EIO);
  }
  mw_cgroup_sample_deinit(&out);
}

static void every_allocation_may_fail_and_all_works_afterwards(void **state)
{
  struct mw_stats_config config = {0};

  (void)state;
  for (long n = 1;; n++) {
    allocations_total = 0;
    failing_allocation = n;
    struct mw_stats *stats = one_collector_new(&config, fetch, NULL);
    assert_true((stats == NULL) == (n <= 2));
    if (!stats)
      continue;
    int failed = fill(stats);
    bool reached = allocations_total >= n;
    failing_allocation = 0;
    assert_true(failed <= 2); /* the one that met it, and who asked again within the age */
    expect_all_right(stats);
    mw_stats_free(stats);
    if (!reached)
      break;
  }
}

static void a_warm_cache_allocates_nothing(void **state)
{
  struct mw_stats_config config = {0};
  struct mw_cgroup_sample out = {0};

  (void)state;
  failing_allocation = 0;
  struct mw_stats *stats = one_collector_new(&config, fetch, NULL);
  assert_non_null(stats);
  assert_int_equal(ask(stats, "c", 0, &out), 0);
  assert_int_equal(ask(stats, "x", 0, &out), -EIO);

  allocations_total = 0;
  for (int i = 0; i < 100; i++) {
    assert_int_equal(ask(stats, "c", i % 2 ? 60000 : 0, &out), 0);
    assert_int_equal(ask(stats, "x", i % 2 ? 60000 : 0, &out), -EIO);
  }
  assert_int_equal(allocations_total, 0);
  mw_cgroup_sample_deinit(&out);
  mw_stats_free(stats);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_may_fail_and_all_works_afterwards),
      cmocka_unit_test(a_warm_cache_allocates_nothing),
  };

  return cmocka_run_group_tests_name("core/stats without memory", tests, NULL, NULL);
}
