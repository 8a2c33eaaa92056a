/* The inventory: what Lua does not see of its snapshots, and its bounds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/inventory.h"

static int start(void **state)
{
  *state = mw_inventory_new(NULL);
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

  assert_int_equal(mw_inventory_replace(inventory, source, containers, count, &err), 0);
}

static uint64_t generation_of(struct mw_inventory *inventory)
{
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  uint64_t generation = mw_inventory_snapshot_generation(snapshot);

  mw_inventory_release(snapshot);
  return generation;
}

/* The ids and states of the newest snapshot: "a=running b= ". */
static const char *summary_of(struct mw_inventory *inventory)
{
  static char text[256];
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  size_t len = 0;

  text[0] = '\0';
  for (size_t i = 0; i < mw_inventory_snapshot_count(snapshot); i++) {
    const struct mw_container *container = mw_inventory_snapshot_at(snapshot, i);
    len +=
        (size_t)snprintf(text + len, sizeof text - len, "%s=%s ", container->id, container->state);
  }
  mw_inventory_release(snapshot);
  return text;
}

/* ---- Snapshots ---- */

static void a_snapshot_stays_what_it_was(void **state)
{
  struct mw_inventory *inventory = *state;

  replace(inventory, "docker", &(struct mw_container){.id = "a", .state = "running"}, 1);
  struct mw_inventory_snapshot *old = mw_inventory_acquire(inventory);
  replace(inventory, "docker", &(struct mw_container){.id = "b"}, 1);

  assert_int_equal(mw_inventory_snapshot_count(old), 1);
  assert_string_equal(mw_inventory_snapshot_at(old, 0)->id, "a");
  assert_string_equal(mw_inventory_snapshot_at(old, 0)->state, "running");
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

  assert_string_equal(mw_inventory_snapshot_at(old, 0)->health, "healthy");
  mw_inventory_release(old);
  mw_inventory_release(NULL);
  mw_inventory_free(NULL);
  *state = NULL;
}

static void nothing_in_a_snapshot_is_null(void **state)
{
  struct mw_inventory *inventory = *state;

  replace(inventory, "docker", &(struct mw_container){.id = "a"}, 1);
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  const struct mw_container *container = mw_inventory_snapshot_at(snapshot, 0);
  assert_string_equal(container->runtime, "");
  assert_string_equal(container->namespace_, "");
  assert_string_equal(container->state, "");
  assert_string_equal(container->health, "");
  mw_inventory_release(snapshot);
}

/* ---- Several sources ---- */

static void three_sources_are_merged_and_the_first_to_speak_wins(void **state)
{
  struct mw_inventory *inventory = *state;
  struct mw_container one[] = {{.id = "d", .state = "1"}, {.id = "b", .state = "1"}};
  struct mw_container two[] = {{.id = "c", .state = "2"}, {.id = "b", .state = "2"}};
  struct mw_container three[] = {
      {.id = "e", .state = "3"}, {.id = "c", .state = "3"}, {.id = "a", .state = "3"}};

  replace(inventory, "one", one, 2);
  replace(inventory, "two", two, 2);
  replace(inventory, "three", three, 3);
  assert_string_equal(summary_of(inventory), "a=3 b=1 c=2 d=1 e=3 ");

  replace(inventory, "one", one, 1);
  assert_string_equal(summary_of(inventory), "a=3 b=2 c=2 d=1 e=3 ");
  replace(inventory, "one", one, 2);
  assert_string_equal(summary_of(inventory), "a=3 b=1 c=2 d=1 e=3 ");
  replace(inventory, "two", NULL, 0);
  assert_string_equal(summary_of(inventory), "a=3 b=1 c=3 d=1 e=3 ");
}

static void a_change_that_another_source_hides_is_no_new_generation(void **state)
{
  struct mw_inventory *inventory = *state;

  replace(inventory, "one", &(struct mw_container){.id = "a", .state = "1"}, 1);
  uint64_t generation = generation_of(inventory);
  replace(inventory, "two", &(struct mw_container){.id = "a", .state = "2"}, 1);
  assert_int_equal(generation_of(inventory), generation);
  replace(inventory, "one", NULL, 0);
  assert_int_equal(generation_of(inventory), generation + 1);
  assert_string_equal(summary_of(inventory), "a=2 ");
}

/* ---- Bounds ---- */

static void lists_and_texts_have_bounds(void **state)
{
  struct mw_inventory *inventory = *state;
  const size_t too_many = MW_INVENTORY_CONTAINERS_MAX + 1;
  struct mw_container *many = calloc(too_many, sizeof *many);
  char text[MW_INVENTORY_TEXT_MAX_BYTES + 2];
  struct mw_error err;

  assert_non_null(many);
  for (size_t i = 0; i < too_many; i++)
    many[i].id = "same";
  assert_int_equal(mw_inventory_replace(inventory, "s", many, too_many, &err), -E2BIG);
  assert_string_equal(err.text, "source \"s\": too many containers at once");
  replace(inventory, "s", many, too_many - 1);
  assert_string_equal(summary_of(inventory), "same= ");
  free(many);

  memset(text, 'x', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  struct mw_container long_state = {.id = "a", .state = text};
  assert_int_equal(mw_inventory_replace(inventory, "s", &long_state, 1, &err), -EINVAL);
  assert_string_equal(err.text, "container 1: state is over 1024 bytes long");
  assert_int_equal(mw_inventory_replace(inventory, text, NULL, 0, &err), -EINVAL);
  assert_string_equal(summary_of(inventory), "same= ");
  long_state.state = text + 1;
  replace(inventory, text + 1, &long_state, 1);
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
  assert_int_equal(mw_inventory_replace(inventory, "one more", NULL, 0, &err), -ENOSPC);
  assert_int_equal(err.code, ENOSPC);
  replace(inventory, "source 7", &(struct mw_container){.id = "a"}, 1);
  assert_string_equal(summary_of(inventory), "a= ");
}

static void a_refused_list_leaves_the_last_one(void **state)
{
  struct mw_inventory *inventory = *state;
  struct mw_container bad[] = {{.id = "b"}, {.id = ""}};
  struct mw_error err;

  replace(inventory, "s", &(struct mw_container){.id = "a"}, 1);
  assert_int_equal(mw_inventory_replace(inventory, "s", bad, 2, &err), -EINVAL);
  assert_string_equal(err.text, "container 2: id is empty");
  assert_int_equal(mw_inventory_replace(inventory, NULL, NULL, 0, &err), -EINVAL);
  assert_int_equal(mw_inventory_replace(inventory, "", bad, 1, NULL), -EINVAL);
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
      TEST(three_sources_are_merged_and_the_first_to_speak_wins),
      TEST(a_change_that_another_source_hides_is_no_new_generation),
      TEST(lists_and_texts_have_bounds),
      TEST(sources_have_a_bound),
      TEST(a_refused_list_leaves_the_last_one),
  };

  return cmocka_run_group_tests_name("core/inventory", tests, NULL, NULL);
}
