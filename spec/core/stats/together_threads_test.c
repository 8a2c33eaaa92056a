/* All that scripts share, used at once: containers come and go in the cgroups, a source says so to
 * the inventory, checks read what its snapshots list, and sweeps run between. Meant to be run under
 * ThreadSanitizer too. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "core/inventory/inventory_support.h"
#include "core/stats/local_host.h"
#include "moonwatch/proc.h"

#define CHECKS 3
#define RUNS_PER_CHECK 150
#define CHANGING 4 /* containers that come and go, besides the two that stay */
#define LIST_MAX 64

static struct {
  struct local_host host;
  struct mw_inventory *inventory;
  atomic_uint checks_left;
} world;

struct worker {
  pthread_t thread;
  unsigned seed;
  unsigned wrong_total, good_total;
};

static bool goes_on(void)
{
  return atomic_load(&world.checks_left) > 0;
}

/* ---- The host ---- */

static void change_one(unsigned number, bool there)
{
  char name[256], path[TMPTREE_PATH_BYTES], text[32];

  snprintf(name, sizeof name,
           "sys/fs/cgroup/system.slice/docker-" LOCAL_ID("") "%02u.scope/memory.current",
           10 + number);
  if (there) {
    snprintf(text, sizeof text, "%u\n", 1000 + number);
    local_host_write(&world.host, name, text);
    return;
  }
  unlink(local_host_path(&world.host, name, path));
  *strrchr(path, '/') = '\0';
  rmdir(path);
}

static void *change_containers(void *data)
{
  struct worker *worker = data;

  while (goes_on()) {
    unsigned number = (unsigned)rand_r(&worker->seed) % CHANGING;
    change_one(number, rand_r(&worker->seed) % 2 == 0);
    worker->good_total++;
  }
  return NULL;
}

/* ---- The source ---- */

struct list {
  struct mw_container containers[LIST_MAX];
  char ids[LIST_MAX][MW_CGROUP_ID_BYTES];
  size_t count;
};

static bool add_container(void *data, const struct mw_cgroup_container *container)
{
  struct list *list = data;

  snprintf(list->ids[list->count], MW_CGROUP_ID_BYTES, "%s", container->id);
  list->containers[list->count] =
      (struct mw_container){.id = list->ids[list->count], .state = "running"};
  return ++list->count < LIST_MAX;
}

static void *list_containers(void *data)
{
  struct worker *worker = data;
  struct list list;

  for (unsigned i = 0; goes_on(); i++) {
    struct mw_cgroups *cgroups = world.host.cgroups;
    list.count = 0;
    if ((i % 8 ? mw_cgroups_refresh : mw_cgroups_walk)(cgroups, NULL) < 0 ||
        mw_cgroups_each(cgroups, add_container, &list, NULL) < 0 || list.count < 2 ||
        say(world.inventory, "cgroup", list.containers, list.count, NULL, 0, NULL) < 0)
      worker->wrong_total++;
    else
      worker->good_total++;
  }
  return NULL;
}

/* Another source, which fails now and then, and says the two that stay are known by name. */
static void *name_containers(void *data)
{
  static const struct mw_container named[] = {{.id = LOCAL_ID("01"), .name = "one"},
                                              {.id = LOCAL_ID("02"), .name = "two"}};
  struct worker *worker = data;

  for (unsigned i = 0; goes_on(); i++) {
    int rc = i % 5 == 4 ? mw_inventory_fail(world.inventory, "names", "why", NULL)
                        : say(world.inventory, "names", named, 2, NULL, 0, NULL);
    worker->wrong_total += rc < 0;
    worker->good_total += rc == 0;
    mw_inventory_sweep(world.inventory);
    mw_stats_sweep(world.host.stats);
  }
  return NULL;
}

/* ---- Checks ---- */

struct samples {
  struct mw_cgroup_sample container;
  struct mw_network_sample network;
  struct mw_process_sample processes;
};

/* What its memory.current says, by its id. */
static uint64_t bytes_of(const char *id)
{
  unsigned number = (unsigned)strtoul(id + strlen(id) - 2, NULL, 10);

  return number >= 10 ? 990 + number : 4096 * number;
}

static bool is_gone(int rc)
{
  return rc == -ENOENT || rc == -ENODATA;
}

static bool reads_right(const char *id, int64_t max_age_ms, struct samples *samples)
{
  const struct mw_container_ref ref = {.id = id};
  struct mw_stats *stats = world.host.stats;
  bool stays = bytes_of(id) >= 4096;
  uint64_t bytes;

  int rc =
      mw_stats_container(stats, &ref, max_age_ms, MW_FIGURE_SET_ALL, &samples->container, NULL);
  /* between mkdir and the first write, or behind unlink, there is no number */
  bool has_bytes =
      rc == 0 && mw_figures_get(&samples->container.figures, MW_MEMORY_USAGE_BYTES, &bytes);
  if (has_bytes ? bytes != bytes_of(id) : stays || (rc != 0 && !is_gone(rc)))
    return false;
  rc = mw_stats_network(stats, &ref, max_age_ms, &samples->network, NULL);
  if (rc != 0 && (stays || !is_gone(rc)))
    return false;
  rc = mw_stats_processes(stats, &ref, max_age_ms, &samples->processes, NULL);
  return rc == 0 || (!stays && is_gone(rc));
}

static void *check(void *data)
{
  struct worker *worker = data;
  struct samples samples = {0};

  for (int run = 0; run < RUNS_PER_CHECK; run++) {
    struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(world.inventory);
    for (size_t i = 0; i < mw_inventory_snapshot_count(snapshot); i++) {
      const struct mw_inventory_entry *entry = mw_inventory_snapshot_at(snapshot, i);
      bool right = reads_right(entry->container->id, rand_r(&worker->seed) % 2, &samples);
      worker->wrong_total += !right;
      worker->good_total += right;
    }
    mw_inventory_release(snapshot);
  }
  mw_cgroup_sample_deinit(&samples.container);
  mw_network_sample_deinit(&samples.network);
  mw_process_sample_deinit(&samples.processes);
  atomic_fetch_sub(&world.checks_left, 1);
  return NULL;
}

/* ---- The test ---- */

static void checks_sources_and_sweeps_get_along_while_containers_come_and_go(void **state)
{
  void *(*const runs[])(void *) = {check,           check,           check,
                                   list_containers, name_containers, change_containers};
  struct worker workers[sizeof runs / sizeof runs[0]];
  struct mw_error err;

  (void)state;
  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_ERROR, .fd = 2});
  local_host_init(&world.host);
  assert_int_equal(local_host_open(&world.host, &err), 0);
  world.inventory = mw_inventory_new(NULL, &err);
  assert_non_null(world.inventory);
  const struct mw_container first[] = {{.id = LOCAL_ID("01")}, {.id = LOCAL_ID("02")}};
  assert_int_equal(say(world.inventory, "names", first, 2, NULL, 0, NULL), 0);

  atomic_store(&world.checks_left, CHECKS);
  for (unsigned i = 0; i < sizeof runs / sizeof runs[0]; i++) {
    workers[i] = (struct worker){.seed = i};
    assert_int_equal(pthread_create(&workers[i].thread, NULL, runs[i], &workers[i]), 0);
  }
  for (unsigned i = 0; i < sizeof runs / sizeof runs[0]; i++) {
    pthread_join(workers[i].thread, NULL);
    assert_int_equal(workers[i].wrong_total, 0);
    assert_true(workers[i].good_total > 0);
  }
  mw_inventory_free(world.inventory);
  local_host_close(&world.host);
  local_host_remove(&world.host);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checks_sources_and_sweeps_get_along_while_containers_come_and_go),
  };

  return cmocka_run_group_tests_name("core/stats together with threads", tests, NULL, NULL);
}
