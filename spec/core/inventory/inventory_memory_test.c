/* The inventory when memory runs out at the n-th allocation, for every n.
 * Linked as support/failing_malloc.h says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "inventory_support.h"
#include "support/failing_malloc.h"

static const struct mw_inventory_pair labels[] = {{"x", "1"}, {"w", "2"}};
static const struct mw_inventory_pair others[] = {{"x", "3"}, {"y", "4"}};
static const struct mw_inventory_port ports[] = {{80, 0, "TCP", ""}, {80, 8080, "tcp", "http"}};
static const char *const texts[] = {"b:1", "a:1"};

static const struct mw_container first[] = {
    {.id = "b", .pod_uid = "p", .labels = {labels, 2}, .ports = {ports, 2}},
    {.id = "a", .tags = {texts, 2}},
    {.id = "c"}};
static const struct mw_container second[] = {
    {.id = "b", .name = "n", .labels = {others, 2}, .ports = {ports, 1}},
    {.id = "d", .state = "running"}};
static const struct mw_pod first_pods[] = {{.uid = "p", .owners = {labels, 2}, .ips = {texts, 2}}};
static const struct mw_pod second_pods[] = {{.uid = "p", .annotations = {others, 2}}, {.uid = "q"}};

/* As often as it takes: what found no memory has changed nothing. */
static void insist(struct mw_inventory *inventory, const char *source,
                   const struct mw_container *containers, size_t count, const struct mw_pod *pods,
                   size_t pods_count, const char *expected)
{
  char before[512];
  struct mw_error err;
  int rc;

  strcpy(before, summary_of(inventory));
  while ((rc = say(inventory, source, containers, count, pods, pods_count, &err)) == -ENOMEM) {
    assert_int_equal(err.code, ENOMEM);
    assert_string_equal(summary_of(inventory), before);
  }
  assert_int_equal(rc, 0);
  assert_string_equal(summary_of(inventory), expected);
}

static void insist_on_order(struct mw_inventory *inventory, const char *source, int priority)
{
  struct mw_inventory_source_config config = {priority, MW_NS_PER_S};
  int rc;

  while ((rc = mw_inventory_configure(inventory, source, &config, NULL)) == -ENOMEM)
    ;
  assert_int_equal(rc, 0);
}

static void insist_on_failure(struct mw_inventory *inventory, const char *source)
{
  int rc;

  while ((rc = mw_inventory_fail(inventory, source, "why", NULL)) == -ENOMEM)
    ;
  assert_int_equal(rc, 0);
}

static void use(struct mw_inventory *inventory, struct mw_clock_manual *clock)
{
  insist(inventory, "one", first, 3, first_pods, 1, "a= b= c= ");
  insist(inventory, "two", second, 2, second_pods, 2, "a= b= c= d=running ");
  insist_on_order(inventory, "two", 10);
  insist_on_failure(inventory, "one");
  assert_string_equal(summary_of(inventory), "a=* b= c=* d=running ");
  clock->now_monotonic_ns += MW_NS_PER_S;
  mw_inventory_sweep(inventory);
  mw_inventory_sweep(inventory); /* what found no memory is left to the next one */
  assert_string_equal(summary_of(inventory), "a=* b=* c=* d=running* ");
  insist(inventory, "one", second, 2, NULL, 0, "b= d=running ");
}

static void every_allocation_may_fail_and_all_works_afterwards(void **state)
{
  (void)state;
  for (long n = 1;; n++) {
    struct mw_clock_manual clock;
    mw_clock_manual_init(&clock);
    allocations_total = 0;
    failing_allocation = n;
    struct mw_inventory *inventory = mw_inventory_new(&clock.clock, NULL);
    assert_true((inventory == NULL) == (n <= 3));
    if (!inventory)
      continue;
    use(inventory, &clock);
    bool reached = allocations_total >= n;
    failing_allocation = 0;
    mw_inventory_free(inventory);
    if (!reached) {
      assert_true(n > 60);
      break;
    }
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_may_fail_and_all_works_afterwards),
  };

  return cmocka_run_group_tests_name("core/inventory without memory", tests, NULL, NULL);
}
