/* The search for the own container when memory runs out at the n-th allocation, for every n.
 * Linked as support/failing_malloc.h says. */
#include "test_host.h"

#include <errno.h>

#include "cgroup/own.h"
#include "support/failing_malloc.h"

static void every_allocation_may_fail(void **state)
{
  struct test_host host;
  char self[128], mounts[256], id[MW_CGROUP_ID_BYTES];

  (void)state;
  test_host_init_v2(&host);
  test_host_mkdir(&host, TEST_HOST_V2 "docker/" TEST_ID("01"));
  snprintf(mounts, sizeof mounts, "cgroup2 %s/sys/fs/cgroup cgroup2 rw 0 0\n", host.root);
  test_host_write(&host, "own/mounts", mounts);
  test_host_write(&host, "own/cgroup", "0::/\n");
  test_host_write(&host, "own/mountinfo", "/a/" TEST_ID("78") "/hostname");
  struct mw_cgroups *cgroups = test_host_open(&host, (struct mw_cgroups_config){0});
  struct mw_own_places places = {self, host.root};
  snprintf(self, sizeof self, "%s/own", host.root);
  for (long n = 1;; n++) {
    allocations_total = 0;
    failing_allocation = n;
    int rc = mw_own_id_find(cgroups, &places, id, NULL);
    bool reached = allocations_total >= n;
    failing_allocation = 0;
    assert_true(rc == 0 || (reached && rc == -ENOMEM)); /* never "none" for lack of memory */
    if (rc == 0)
      assert_string_equal(id, TEST_ID("78"));
    if (!reached)
      break;
    assert_true(n < 1000);
  }
  mw_cgroups_close(cgroups);
  test_host_deinit(&host);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_may_fail),
  };

  return cmocka_run_group_tests_name("core/cgroup/own without memory", tests, NULL, NULL);
}
