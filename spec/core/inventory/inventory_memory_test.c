/* The inventory when memory runs out at the n-th allocation, for every n.
 * Linked as support/failing_malloc.h says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/inventory.h"
#include "support/failing_malloc.h"

static const struct mw_container first[] = {{.id = "b"}, {.id = "a"}, {.id = "c"}};
static const struct mw_container second[] = {{.id = "b"}, {.id = "d", .state = "running"}};

static size_t count_of(struct mw_inventory *inventory)
{
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  size_t count = mw_inventory_snapshot_count(snapshot);

  mw_inventory_release(snapshot);
  return count;
}

/* As often as it takes: a list that found no memory has changed nothing. */
static void insist(struct mw_inventory *inventory, const char *source,
                   const struct mw_container *containers, size_t count, size_t expected)
{
  size_t before = count_of(inventory);
  struct mw_error err;
  int rc;

  while ((rc = mw_inventory_replace(inventory, source, containers, count, &err)) == -ENOMEM) {
    assert_int_equal(err.code, ENOMEM);
    assert_int_equal(count_of(inventory), before);
  }
  assert_int_equal(rc, 0);
  assert_int_equal(count_of(inventory), expected);
}

static void every_allocation_may_fail_and_all_works_afterwards(void **state)
{
  (void)state;
  for (long n = 1;; n++) {
    allocations_total = 0;
    failing_allocation = n;
    struct mw_inventory *inventory = mw_inventory_new(NULL);
    assert_true((inventory == NULL) == (n <= 2));
    if (!inventory)
      continue;
    insist(inventory, "one", first, 3, 3);
    insist(inventory, "two", second, 2, 4);
    insist(inventory, "one", second, 2, 2);
    bool reached = allocations_total >= n;
    failing_allocation = 0;
    mw_inventory_free(inventory);
    if (!reached)
      break;
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_may_fail_and_all_works_afterwards),
  };

  return cmocka_run_group_tests_name("core/inventory without memory", tests, NULL, NULL);
}
