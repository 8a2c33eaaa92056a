/* Memory that ends at the n-th allocation of our own code, for every n: an error, and afterwards
 * the same call works. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/space.h"
#include "store_fixture.h"
#include "support/failing_malloc.h"

static int ignore(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                  struct mw_error *err)
{
  (void)data, (void)key, (void)value, (void)err;
  return 0;
}

/* Open, use and close it. @return 0, or the first failure. */
static int use(struct fixture *fixture)
{
  static char value[100000];
  struct mw_store *store = open_with(fixture, (struct mw_store_config){.set_damaged_aside = true});
  struct mw_store_value key_got = {0}, got = {0};
  struct mw_store_bytes key = text("k"), none = {0}, bytes = {value, sizeof value};
  struct mw_store_space space;
  int rc;

  if (!store)
    return -fixture->err.code;
  if ((rc = mw_store_put(store, key, bytes, NULL)) < 0 ||
      (rc = mw_store_get(store, key, &got, NULL)) < 0 ||
      (rc = mw_store_each(store, none, ignore, NULL, NULL)) < 0 ||
      (rc = mw_store_next(store, none, none, &key_got, &got, NULL)) < 0 ||
      (rc = mw_store_delete(store, &key, 1, ignore, NULL, NULL)) < 0 ||
      (rc = mw_store_space_init(&space, store, "s", 1000, NULL)) < 0 ||
      (rc = mw_store_space_put(&space, key, text("v"), NULL)) < 0 ||
      (rc = mw_store_space_get(&space, key, &got, NULL)) < 0 ||
      (rc = mw_store_space_next(&space, none, none, &key_got, &got, NULL)) < 0 ||
      (rc = mw_store_space_delete(&space, key, NULL)) < 0)
    (void)rc;
  mw_store_value_deinit(&key_got);
  mw_store_value_deinit(&got);
  mw_store_free(store);
  return rc;
}

static void survives_when_memory_ends(void **state)
{
  struct fixture *fixture = *state;
  unsigned failures_count = 0;

  mw_store_free(fixture->store);
  fixture->store = NULL;
  bool reached = true;
  for (long n = 1; reached; n++) {
    allocations_total = 0;
    failing_allocation = n;
    int rc = use(fixture);
    failing_allocation = 0;
    reached = allocations_total >= n;
    assert_true(rc >= 0 || rc == -ENOMEM);
    failures_count += rc < 0;
    assert_true(use(fixture) >= 0);
  }
  assert_true(failures_count > 5);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(survives_when_memory_ends, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
