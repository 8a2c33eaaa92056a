/* The inventory: what Lua does not see of its snapshots, and its bounds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory_support.h"

static int start(void **state)
{
  *state = mw_inventory_new(NULL, NULL);
  return *state ? 0 : -1;
}

static int finish(void **state)
{
  mw_inventory_free(*state);
  return 0;
}

static void replace(struct mw_inventory *inventory, const char *source,
                    const struct mw_container *containers, size_t count)
{
  struct mw_error err;

  assert_int_equal(say(inventory, source, containers, count, NULL, 0, &err), 0);
}

/* ---- Snapshots ---- */

static void a_snapshot_stays_what_it_was(void **state)
{
  struct mw_inventory *inventory = *state;

  replace(inventory, "docker", &(struct mw_container){.id = "a", .state = "running"}, 1);
  struct mw_inventory_snapshot *old = mw_inventory_acquire(inventory);
  replace(inventory, "docker", &(struct mw_container){.id = "b"}, 1);

  assert_int_equal(mw_inventory_snapshot_count(old), 1);
  assert_string_equal(mw_inventory_snapshot_at(old, 0)->container->id, "a");
  assert_string_equal(mw_inventory_snapshot_at(old, 0)->container->state, "running");
  assert_int_equal(mw_inventory_snapshot_generation(old), 1);
  mw_inventory_release(old);
  assert_string_equal(summary_of(inventory), "b= ");
}

static void what_did_not_change_is_shared_between_snapshots(void **state)
{
  struct mw_inventory *inventory = *state;
  struct mw_container first[] = {{.id = "a"}, {.id = "b"}, {.id = "d"}};
  struct mw_container second[] = {
      {.id = "b", .runtime = ""}, {.id = "c"}, {.id = "d", .created_s = 1}};

  replace(inventory, "docker", first, 3);
  struct mw_inventory_snapshot *old = mw_inventory_acquire(inventory);
  replace(inventory, "docker", second, 3);
  struct mw_inventory_snapshot *new = mw_inventory_acquire(inventory);

  assert_ptr_equal(mw_inventory_snapshot_at(old, 1), mw_inventory_snapshot_at(new, 0));
  assert_ptr_not_equal(mw_inventory_snapshot_at(old, 2), mw_inventory_snapshot_at(new, 2));
  mw_inventory_release(old);
  mw_inventory_release(new);
}

static void a_snapshot_outlives_the_list_of_its_source(void **state)
{
  struct mw_inventory *inventory = *state;

  replace(inventory, "docker", &(struct mw_container){.id = "a", .health = "healthy"}, 1);
  struct mw_inventory_snapshot *old = mw_inventory_acquire(inventory);
  mw_inventory_free(inventory);

  assert_string_equal(mw_inventory_snapshot_at(old, 0)->container->health, "healthy");
  mw_inventory_release(old);
  mw_inventory_release(NULL);
  mw_inventory_free(NULL);
  *state = NULL;
}

static void nothing_in_a_snapshot_is_null(void **state)
{
  struct mw_inventory *inventory = *state;
  struct mw_error err;

  assert_int_equal(say(inventory, "docker", &(struct mw_container){.id = "a", .pod_uid = "p"}, 1,
                       &(struct mw_pod){.uid = "p"}, 1, &err),
                   0);
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  const struct mw_inventory_entry *entry = mw_inventory_snapshot_at(snapshot, 0);
  const char *const *texts = &entry->container->id;
  for (size_t i = 0; &texts[i] <= &entry->container->hostname; i++)
    assert_non_null(texts[i]);
  texts = &entry->pod->uid;
  for (size_t i = 0; &texts[i] <= &entry->pod->node_name; i++)
    assert_non_null(texts[i]);
  mw_inventory_release(snapshot);
}

static void a_container_of_which_nothing_changed_keeps_its_address(void **state)
{
  struct mw_inventory *inventory = *state;
  struct mw_inventory_pair labels[] = {{"x", "1"}, {"w", "2"}}, turned[] = {{"w", "2"}, {"x", "1"}};
  struct mw_container first[] = {{.id = "a", .pod_uid = "p", .labels = {labels, 2}},
                                 {.id = "b", .pod_uid = "q"}};
  struct mw_container second[] = {{.id = "b", .pod_uid = "q"},
                                  {.id = "a", .pod_uid = "p", .labels = {turned, 2}}};
  struct mw_pod pods[] = {{.uid = "p", .phase = "Running"}, {.uid = "q", .phase = "Pending"}};

  assert_int_equal(say(inventory, "kubelet", first, 2, pods, 2, NULL), 0);
  struct mw_inventory_snapshot *old = mw_inventory_acquire(inventory);
  pods[1].phase = "Running";
  assert_int_equal(say(inventory, "kubelet", second, 2, pods, 2, NULL), 0);
  struct mw_inventory_snapshot *new = mw_inventory_acquire(inventory);

  assert_ptr_equal(mw_inventory_snapshot_at(old, 0), mw_inventory_snapshot_at(new, 0));
  assert_ptr_equal(mw_inventory_snapshot_pod_at(old, 0), mw_inventory_snapshot_pod_at(new, 0));
  assert_ptr_not_equal(mw_inventory_snapshot_at(old, 1), mw_inventory_snapshot_at(new, 1));
  assert_ptr_not_equal(mw_inventory_snapshot_pod_at(old, 1), mw_inventory_snapshot_pod_at(new, 1));
  assert_string_equal(mw_inventory_snapshot_at(old, 1)->pod->phase, "Pending");
  assert_string_equal(mw_inventory_snapshot_at(new, 1)->pod->phase, "Running");
  mw_inventory_release(old);
  mw_inventory_release(new);
}

/* ---- Several sources ---- */

static void three_sources_are_merged_by_name_where_priority_is_the_same(void **state)
{
  struct mw_inventory *inventory = *state;
  struct mw_container a[] = {{.id = "d", .state = "1"}, {.id = "b", .state = "1"}};
  struct mw_container b[] = {{.id = "c", .state = "2"}, {.id = "b", .state = "2"}};
  struct mw_container c[] = {
      {.id = "e", .state = "3"}, {.id = "c", .state = "3"}, {.id = "a", .state = "3"}};

  replace(inventory, "source c", c, 3);
  replace(inventory, "source b", b, 2);
  replace(inventory, "source a", a, 2);
  assert_string_equal(summary_of(inventory), "a=3 b=1 c=2 d=1 e=3 ");

  replace(inventory, "source a", a, 1);
  assert_string_equal(summary_of(inventory), "a=3 b=2 c=2 d=1 e=3 ");
  replace(inventory, "source a", a, 2);
  assert_string_equal(summary_of(inventory), "a=3 b=1 c=2 d=1 e=3 ");
  replace(inventory, "source b", NULL, 0);
  assert_string_equal(summary_of(inventory), "a=3 b=1 c=3 d=1 e=3 ");
}

static void a_change_that_another_source_hides_is_no_new_generation(void **state)
{
  struct mw_inventory *inventory = *state;
  struct mw_container hidden = {.id = "a", .state = "2"};

  replace(inventory, "one", &(struct mw_container){.id = "a", .state = "1"}, 1);
  replace(inventory, "two", &hidden, 1);
  struct mw_inventory_snapshot *old = mw_inventory_acquire(inventory);
  hidden.state = "3";
  replace(inventory, "two", &hidden, 1);
  struct mw_inventory_snapshot *same = mw_inventory_acquire(inventory);
  assert_ptr_equal(old, same);
  replace(inventory, "one", NULL, 0);
  assert_string_equal(summary_of(inventory), "a=3 ");
  mw_inventory_release(old);
  mw_inventory_release(same);
}

/* ---- Bounds ---- */

/* A few texts of a script, which many containers have, are copied for each. */
static void a_list_has_a_bound_in_bytes(void **state)
{
  struct mw_inventory *inventory = *state;
  static char keys[MW_INVENTORY_PAIRS_MAX][8], value[MW_INVENTORY_VALUE_MAX_BYTES + 1];
  static struct mw_inventory_pair pairs[MW_INVENTORY_PAIRS_MAX];
  const size_t each_bytes = MW_INVENTORY_PAIRS_MAX * (size_t)MW_INVENTORY_VALUE_MAX_BYTES;
  size_t added = 0;
  struct mw_error err = {0};
  char id[16];
  int rc = 0;

  memset(value, 'x', sizeof value - 1);
  for (int i = 0; i < MW_INVENTORY_PAIRS_MAX; i++) {
    snprintf(keys[i], sizeof keys[i], "k%d", i);
    pairs[i] = (struct mw_inventory_pair){.key = keys[i], .value = value};
  }
  struct mw_inventory_report *report = mw_inventory_report_new(inventory, "s", NULL);
  while (added < 1000 && rc == 0) {
    snprintf(id, sizeof id, "%zu", added);
    struct mw_container container = {.id = id, .env = {pairs, MW_INVENTORY_PAIRS_MAX}};
    rc = mw_inventory_report_container(report, &container, &err);
    added += rc == 0;
  }
  assert_int_equal(rc, -E2BIG);
  assert_in_range(added, 60, MW_INVENTORY_REPORT_MAX_BYTES / each_bytes);
  assert_non_null(strstr(err.text, ": the list takes more than 128 MiB"));
  struct mw_pod pod = {.uid = "p", .labels = {pairs, MW_INVENTORY_PAIRS_MAX}};
  assert_int_equal(mw_inventory_report_pod(report, &pod, &err), -E2BIG);
  mw_inventory_report_free(report);
}

static void lists_have_bounds(void **state)
{
  struct mw_inventory *inventory = *state;
  struct mw_error err;
  char id[16];

  struct mw_inventory_report *report = mw_inventory_report_new(inventory, "s", &err);
  for (int i = 0; i < MW_INVENTORY_CONTAINERS_MAX; i++) {
    snprintf(id, sizeof id, "%d", i);
    assert_int_equal(mw_inventory_report_container(report, &(struct mw_container){.id = id}, &err),
                     0);
  }
  assert_int_equal(mw_inventory_report_container(report, &(struct mw_container){.id = "a"}, &err),
                   -E2BIG);
  assert_string_equal(err.text, "more than 100000 containers at once");
  for (int i = 0; i < MW_INVENTORY_PODS_MAX; i++) {
    snprintf(id, sizeof id, "%d", i);
    assert_int_equal(mw_inventory_report_pod(report, &(struct mw_pod){.uid = id}, &err), 0);
  }
  assert_int_equal(mw_inventory_report_pod(report, &(struct mw_pod){.uid = "a"}, &err), -E2BIG);
  assert_string_equal(err.text, "more than 10000 pods at once");
  assert_int_equal(mw_inventory_replace(inventory, report, &err), 0);
  mw_inventory_report_free(report);
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  assert_int_equal(mw_inventory_snapshot_count(snapshot), MW_INVENTORY_CONTAINERS_MAX);
  assert_int_equal(mw_inventory_snapshot_pods_count(snapshot), MW_INVENTORY_PODS_MAX);
  mw_inventory_release(snapshot);
}

static void texts_have_bounds(void **state)
{
  struct mw_inventory *inventory = *state;
  char text[MW_INVENTORY_TEXT_MAX_BYTES + 2];
  struct mw_error err;

  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  struct mw_container long_state = {.id = "a", .state = text};
  assert_int_equal(say(inventory, "s", &long_state, 1, NULL, 0, &err), -EINVAL);
  assert_string_equal(err.text, "container 1: state is over 1024 bytes long");
  assert_int_equal(say(inventory, text, NULL, 0, NULL, 0, &err), -EINVAL);
  assert_string_equal(summary_of(inventory), "");
  long_state.state = text + 1;
  replace(inventory, text + 1, &long_state, 1);
  assert_int_equal(
      say(inventory, "s", NULL, 0, &(struct mw_pod){.uid = "p", .phase = text}, 1, &err), -EINVAL);
  assert_string_equal(err.text, "pod 1: phase is over 1024 bytes long");
}

static void sources_have_a_bound(void **state)
{
  struct mw_inventory *inventory = *state;
  struct mw_error err;
  char name[32];

  for (int i = 0; i < MW_INVENTORY_SOURCES_MAX; i++) {
    snprintf(name, sizeof name, "source %d", i);
    replace(inventory, name, NULL, 0);
  }
  assert_int_equal(say(inventory, "one more", NULL, 0, NULL, 0, &err), -ENOSPC);
  assert_string_equal(err.text, "source \"one more\": too many other sources have spoken before");
  replace(inventory, "source 7", &(struct mw_container){.id = "a"}, 1);
  assert_string_equal(summary_of(inventory), "a= ");
}

static void a_refused_list_leaves_the_last_one(void **state)
{
  struct mw_inventory *inventory = *state;
  struct mw_container bad[] = {{.id = "b"}, {.id = ""}};
  struct mw_error err;

  replace(inventory, "s", &(struct mw_container){.id = "a"}, 1);
  assert_int_equal(say(inventory, "s", bad, 2, NULL, 0, &err), -EINVAL);
  assert_string_equal(err.text, "container 2: id is empty");
  assert_int_equal(say(inventory, "s", NULL, 0, &(struct mw_pod){.name = "p"}, 1, &err), -EINVAL);
  assert_string_equal(err.text, "pod 1: uid is empty");
  assert_int_equal(say(inventory, NULL, NULL, 0, NULL, 0, &err), -EINVAL);
  assert_int_equal(say(inventory, "", bad, 1, NULL, 0, NULL), -EINVAL);
  assert_string_equal(summary_of(inventory), "a= ");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
  const struct CMUnitTest tests[] = {
      TEST(a_snapshot_stays_what_it_was),
      TEST(what_did_not_change_is_shared_between_snapshots),
      TEST(a_snapshot_outlives_the_list_of_its_source),
      TEST(nothing_in_a_snapshot_is_null),
      TEST(a_container_of_which_nothing_changed_keeps_its_address),
      TEST(three_sources_are_merged_by_name_where_priority_is_the_same),
      TEST(a_change_that_another_source_hides_is_no_new_generation),
      TEST(lists_have_bounds),
      TEST(a_list_has_a_bound_in_bytes),
      TEST(texts_have_bounds),
      TEST(sources_have_a_bound),
      TEST(a_refused_list_leaves_the_last_one),
  };

  return cmocka_run_group_tests_name("core/inventory", tests, NULL, NULL);
}
