/* Sources that fail or fall silent: what becomes of what they said. The clock is moved by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "inventory_support.h"

struct fixture {
  struct mw_clock_manual clock;
  struct mw_inventory *inventory;
  struct mw_error err;
  struct mw_inventory_source sources[MW_INVENTORY_SOURCES_MAX];
};

static int start(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  mw_clock_manual_init(&f->clock);
  f->clock.now_monotonic_ns = 1000 * MW_NS_PER_S;
  f->inventory = mw_inventory_new(&f->clock.clock, NULL);
  *state = f;
  return f->inventory ? 0 : -1;
}

static int finish(void **state)
{
  struct fixture *f = *state;

  mw_inventory_free(f->inventory);
  free(f);
  return 0;
}

static void wait_s(struct fixture *f, int64_t seconds)
{
  f->clock.now_monotonic_ns += seconds * MW_NS_PER_S;
}

static void say_one(struct fixture *f, const char *source, const char *id)
{
  assert_int_equal(say(f->inventory, source, &(struct mw_container){.id = id}, 1, NULL, 0, &f->err),
                   0);
}

static void break_down(struct fixture *f, const char *source)
{
  assert_int_equal(mw_inventory_fail(f->inventory, source, "no socket", &f->err), 0);
}

static void configure(struct fixture *f, const char *source, int priority, int64_t stale_max_s)
{
  struct mw_inventory_source_config config = {priority, stale_max_s * MW_NS_PER_S};

  assert_int_equal(mw_inventory_configure(f->inventory, source, &config, &f->err), 0);
}

static void assert_summary(struct fixture *f, const char *summary, uint64_t generation)
{
  assert_string_equal(summary_of(f->inventory), summary);
  assert_int_equal(generation_of(f->inventory), generation);
}

static void a_source_that_fails_keeps_its_list_for_a_while(void **state)
{
  struct fixture *f = *state;

  say_one(f, "docker", "a");
  assert_summary(f, "a= ", 1);
  break_down(f, "docker");
  assert_summary(f, "a=* ", 2);
  wait_s(f, 299);
  break_down(f, "docker"); /* another failure postpones nothing */
  assert_summary(f, "a=* ", 2);
  wait_s(f, 1);
  break_down(f, "docker");
  assert_summary(f, "", 3);
  break_down(f, "docker"); /* what has left does not come back by that */
  assert_summary(f, "", 3);
  say_one(f, "docker", "a");
  assert_summary(f, "a= ", 4);
}

static void the_same_list_and_unchanged_make_it_fresh_again(void **state)
{
  struct fixture *f = *state;

  say_one(f, "docker", "a");
  break_down(f, "docker");
  say_one(f, "docker", "a");
  assert_summary(f, "a= ", 3);
  break_down(f, "docker");
  assert_int_equal(mw_inventory_renew(f->inventory, "docker", &f->err), 0);
  assert_summary(f, "a= ", 5);
  wait_s(f, 299);
  assert_int_equal(mw_inventory_renew(f->inventory, "docker", &f->err), 0);
  wait_s(f, 299);
  mw_inventory_sweep(f->inventory);
  assert_summary(f, "a= ", 5);
}

static void a_list_that_has_left_comes_back_when_it_still_holds(void **state)
{
  struct fixture *f = *state;

  say_one(f, "docker", "a");
  break_down(f, "docker");
  wait_s(f, 300);
  mw_inventory_sweep(f->inventory);
  assert_summary(f, "", 3);
  assert_int_equal(mw_inventory_renew(f->inventory, "docker", &f->err), 0);
  assert_summary(f, "a= ", 4);
}

static void nothing_holds_before_there_was_a_list(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(mw_inventory_renew(f->inventory, "docker", &f->err), -ENODATA);
  assert_string_equal(f->err.text,
                      "source \"docker\": there is no last list that could still hold");
  break_down(f, "docker");
  assert_summary(f, "", 0);
}

static void a_source_that_falls_silent_goes_stale_and_then_leaves(void **state)
{
  struct fixture *f = *state;

  configure(f, "docker", 30, 60);
  say_one(f, "docker", "a");
  wait_s(f, 59);
  mw_inventory_sweep(f->inventory);
  assert_summary(f, "a= ", 1);
  wait_s(f, 1);
  mw_inventory_sweep(f->inventory);
  assert_summary(f, "a=* ", 2);
  wait_s(f, 59);
  say_one(f, "cgroup", "b"); /* what others say lets time pass, too */
  assert_summary(f, "a=* b= ", 3);
  wait_s(f, 1);
  assert_int_equal(mw_inventory_renew(f->inventory, "cgroup", &f->err), 0);
  assert_summary(f, "b= ", 4);
}

static void a_container_is_stale_when_all_who_name_it_are(void **state)
{
  struct fixture *f = *state;

  say_one(f, "docker", "a");
  say_one(f, "cgroup", "a");
  uint64_t generation = generation_of(f->inventory);
  break_down(f, "docker");
  assert_summary(f, "a= ", generation); /* nothing that a reader sees has changed */
  break_down(f, "cgroup");
  assert_summary(f, "a=* ", generation + 1);
  say_one(f, "docker", "a");
  assert_summary(f, "a= ", generation + 2);
}

static void pods_of_a_source_that_has_left_leave_their_containers(void **state)
{
  struct fixture *f = *state;
  struct mw_container container = {.id = "a", .pod_uid = "p"};

  assert_int_equal(say(f->inventory, "kubelet", NULL, 0, &(struct mw_pod){.uid = "p"}, 1, &f->err),
                   0);
  assert_int_equal(say(f->inventory, "cgroup", &container, 1, NULL, 0, &f->err), 0);
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(f->inventory);
  assert_non_null(mw_inventory_snapshot_at(snapshot, 0)->pod);
  mw_inventory_release(snapshot);

  break_down(f, "kubelet");
  wait_s(f, 300);
  assert_int_equal(mw_inventory_renew(f->inventory, "cgroup", &f->err), 0);
  snapshot = mw_inventory_acquire(f->inventory);
  assert_null(mw_inventory_snapshot_at(snapshot, 0)->pod);
  assert_int_equal(mw_inventory_snapshot_pods_count(snapshot), 0);
  mw_inventory_release(snapshot);
}

static void sources_are_told_in_the_order_of_merging(void **state)
{
  struct fixture *f = *state;
  struct mw_container two[] = {{.id = "a"}, {.id = "b"}};

  configure(f, "cgroup", 100, 300);
  configure(f, "kubelet", 20, 300);
  say_one(f, "docker", "a");
  wait_s(f, 5);
  assert_int_equal(say(f->inventory, "cgroup", two, 2, &(struct mw_pod){.uid = "p"}, 1, &f->err),
                   0);
  wait_s(f, 2);
  break_down(f, "docker");

  assert_int_equal(mw_inventory_sources(f->inventory, f->sources), 3);
  const struct mw_inventory_source *kubelet = &f->sources[0], *docker = &f->sources[1],
                                   *cgroup = &f->sources[2];
  assert_string_equal(kubelet->name, "kubelet");
  assert_int_equal(kubelet->age_ns, -1);
  assert_false(kubelet->stale);
  assert_string_equal(docker->name, "docker");
  assert_int_equal(docker->priority, 50);
  assert_int_equal(docker->containers_count, 1);
  assert_true(docker->stale);
  assert_int_equal(docker->age_ns, 7 * MW_NS_PER_S);
  assert_string_equal(docker->error, "no socket");
  assert_int_equal(cgroup->priority, 100);
  assert_int_equal(cgroup->containers_count, 2);
  assert_int_equal(cgroup->pods_count, 1);
  assert_int_equal(cgroup->age_ns, 2 * MW_NS_PER_S);

  wait_s(f, 300);
  mw_inventory_sweep(f->inventory);
  mw_inventory_sources(f->inventory, f->sources);
  assert_int_equal(docker->containers_count, 0);
  say_one(f, "docker", "a");
  mw_inventory_sources(f->inventory, f->sources);
  assert_string_equal(docker->error, "");
  assert_false(docker->stale);
}

static void another_priority_is_another_order(void **state)
{
  struct fixture *f = *state;
  struct mw_container one = {.id = "a", .state = "1"}, two = {.id = "a", .state = "2"};

  assert_int_equal(say(f->inventory, "docker", &one, 1, NULL, 0, &f->err), 0);
  assert_int_equal(say(f->inventory, "podman", &two, 1, NULL, 0, &f->err), 0);
  assert_string_equal(summary_of(f->inventory), "a=1 ");
  configure(f, "docker", 60, 300);
  assert_string_equal(summary_of(f->inventory), "a=2 ");
  configure(f, "podman", 61, 300);
  assert_string_equal(summary_of(f->inventory), "a=1 ");
}

static void what_is_no_configuration_is_refused(void **state)
{
  struct fixture *f = *state;
  const struct mw_inventory_source_config wrong[] = {{-1, 1}, {1001, 1}, {50, 0}, {50, -1}};

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
    assert_int_equal(mw_inventory_configure(f->inventory, "docker", &wrong[i], &f->err), -EINVAL);
  assert_int_equal(mw_inventory_configure(f->inventory, "",
                                          &(struct mw_inventory_source_config){50, 1}, &f->err),
                   -EINVAL);
  assert_int_equal(mw_inventory_sources(f->inventory, f->sources), 0);
}

static void a_long_message_is_cut(void **state)
{
  struct fixture *f = *state;
  char message[2 * MW_INVENTORY_ERROR_BYTES];

  memset(message, 'x', sizeof message - 1);
  message[sizeof message - 1] = '\0';
  assert_int_equal(mw_inventory_fail(f->inventory, "docker", message, &f->err), 0);
  assert_int_equal(mw_inventory_fail(f->inventory, "", message, &f->err), -EINVAL);
  mw_inventory_sources(f->inventory, f->sources);
  assert_int_equal(strlen(f->sources[0].error), MW_INVENTORY_ERROR_BYTES - 1);
}

static void a_source_that_is_forgotten_leaves_at_once_and_may_come_back(void **state)
{
  struct fixture *f = *state;

  say_one(f, "one", "a");
  say_one(f, "two", "b");
  assert_int_equal(mw_inventory_forget(f->inventory, "one", &f->err), 0);
  assert_string_equal("b= ", summary_of(f->inventory));
  assert_int_equal(mw_inventory_sources(f->inventory, f->sources), 1);
  assert_string_equal("two", f->sources[0].name);
  assert_int_equal(mw_inventory_renew(f->inventory, "one", &f->err), -ENODATA);
  wait_s(f, 3600);
  say_one(f, "one", "a");
  assert_string_equal("a= b=* ", summary_of(f->inventory));
  assert_int_equal(mw_inventory_sources(f->inventory, f->sources), 2);
  assert_int_equal(mw_inventory_forget(f->inventory, "nobody", &f->err), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
  const struct CMUnitTest tests[] = {
      TEST(a_source_that_fails_keeps_its_list_for_a_while),
      TEST(the_same_list_and_unchanged_make_it_fresh_again),
      TEST(a_list_that_has_left_comes_back_when_it_still_holds),
      TEST(nothing_holds_before_there_was_a_list),
      TEST(a_source_that_falls_silent_goes_stale_and_then_leaves),
      TEST(a_container_is_stale_when_all_who_name_it_are),
      TEST(pods_of_a_source_that_has_left_leave_their_containers),
      TEST(sources_are_told_in_the_order_of_merging),
      TEST(another_priority_is_another_order),
      TEST(what_is_no_configuration_is_refused),
      TEST(a_long_message_is_cut),
      TEST(a_source_that_is_forgotten_leaves_at_once_and_may_come_back),
  };

  return cmocka_run_group_tests_name("core/inventory: staleness", tests, NULL, NULL);
}
