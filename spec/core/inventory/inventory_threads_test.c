/* The inventory with readers and writers at once; meant to be run under ThreadSanitizer too. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/log.h"
#include "inventory_support.h"

#define READERS 4
#define WRITERS 3
#define LISTS_PER_WRITER 400
#define LIST_MAX 40

struct worker {
  pthread_t thread;
  struct mw_inventory *inventory;
  unsigned number;
  atomic_uint *writers_left;
  unsigned wrong_total; /* looks at a snapshot, or lists, that went wrong */
};

/* Writers share some of the ids, so that entities move between owners. */
static void *write_lists(void *data)
{
  struct worker *worker = data;
  struct mw_container containers[LIST_MAX];
  struct mw_inventory_pair labels[LIST_MAX];
  char ids[LIST_MAX][16], source[32];
  unsigned seed = worker->number;

  snprintf(source, sizeof source, "source %u", worker->number);
  for (int list = 0; list < LISTS_PER_WRITER; list++) {
    size_t count = (size_t)rand_r(&seed) % LIST_MAX;
    for (size_t i = 0; i < count; i++) {
      snprintf(ids[i], sizeof ids[i], "c%d", rand_r(&seed) % 60);
      containers[i] = (struct mw_container){
          .id = ids[i], .state = ids[i], .pod_uid = "p", .created_s = list % 3};
      labels[i] = (struct mw_inventory_pair){ids[i], "v"};
      containers[i].labels = (struct mw_inventory_map){&labels[i], 1};
    }
    struct mw_pod pod = {.uid = "p", .phase = list % 2 == 0 ? "Running" : "Pending"};
    if (say(worker->inventory, source, containers, count, &pod, 1, NULL) < 0 ||
        (list % 7 == 0 && mw_inventory_fail(worker->inventory, source, "why", NULL) < 0) ||
        (list % 14 == 0 && mw_inventory_renew(worker->inventory, source, NULL) < 0))
      worker->wrong_total++;
    mw_inventory_sweep(worker->inventory);
  }
  atomic_fetch_sub(worker->writers_left, 1);
  return NULL;
}

static bool is_in_order(const struct mw_inventory_snapshot *snapshot)
{
  size_t count = mw_inventory_snapshot_count(snapshot);
  const char *last = "";

  for (size_t i = 0; i < count; i++) {
    const struct mw_inventory_entry *entry = mw_inventory_snapshot_at(snapshot, i);
    const struct mw_container *container = entry->container;
    if (strcmp(last, container->id) >= 0 || strcmp(container->id, container->state) != 0 ||
        strcmp(container->labels.pairs[0].key, container->id) != 0 || !entry->pod ||
        entry->pod != mw_inventory_snapshot_pod_at(snapshot, 0))
      return false;
    last = container->id;
  }
  return true;
}

static void *read_snapshots(void *data)
{
  struct worker *worker = data;
  struct mw_inventory_source sources[MW_INVENTORY_SOURCES_MAX];
  uint64_t last = 0;

  do {
    struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(worker->inventory);
    uint64_t generation = mw_inventory_snapshot_generation(snapshot);
    worker->wrong_total += generation < last || !is_in_order(snapshot);
    last = generation;
    mw_inventory_release(snapshot);
    worker->wrong_total += mw_inventory_sources(worker->inventory, sources) > WRITERS;
  } while (atomic_load(worker->writers_left) > 0);
  return NULL;
}

static void readers_see_whole_snapshots_in_order_whatever_writers_do(void **state)
{
  struct worker workers[READERS + WRITERS];
  atomic_uint writers_left = WRITERS;
  struct mw_inventory *inventory = mw_inventory_new(NULL, NULL);

  (void)state;
  assert_non_null(inventory);
  mw_log_configure(
      &(struct mw_log_config){.level = MW_LOG_ERROR, .fd = 2}); /* of ids that repeat */
  for (unsigned i = 0; i < READERS + WRITERS; i++) {
    workers[i] =
        (struct worker){.inventory = inventory, .number = i, .writers_left = &writers_left};
    assert_int_equal(pthread_create(&workers[i].thread, NULL,
                                    i < READERS ? read_snapshots : write_lists, &workers[i]),
                     0);
  }
  for (int i = 0; i < READERS + WRITERS; i++) {
    pthread_join(workers[i].thread, NULL);
    assert_int_equal(workers[i].wrong_total, 0);
  }
  mw_inventory_free(inventory);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_see_whole_snapshots_in_order_whatever_writers_do),
  };

  return cmocka_run_group_tests_name("core/inventory with threads", tests, NULL, NULL);
}
