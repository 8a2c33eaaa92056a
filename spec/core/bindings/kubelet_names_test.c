/* Which container a kubelet means by a pod and a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bindings/kubelet_names.h"

static struct mw_inventory *inventory;
static struct mw_kubelet_lookup lookup;

static void look_at(const struct mw_container *containers, size_t count, const struct mw_pod *pods,
                    size_t pods_count)
{
  inventory = mw_inventory_new(NULL, NULL);
  struct mw_inventory_report *report = mw_inventory_report_new(inventory, "test", NULL);

  assert_non_null(report);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(mw_inventory_report_container(report, &containers[i], NULL), 0);
  for (size_t i = 0; i < pods_count; i++)
    assert_int_equal(mw_inventory_report_pod(report, &pods[i], NULL), 0);
  assert_int_equal(mw_inventory_replace(inventory, report, NULL), 0);
  mw_inventory_report_free(report);
  assert_int_equal(mw_kubelet_names_look(inventory, &lookup, NULL), 0);
}

static int tear_down(void **state)
{
  (void)state;
  mw_kubelet_names_end(inventory, &lookup);
  mw_inventory_free(inventory);
  return 0;
}

static void expect_id(const char *pod_uid, const char *name, const char *expected)
{
  char id[MW_CGROUP_ID_BYTES] = "";

  assert_true(lookup.container_id(lookup.data, pod_uid, name, id) == (expected != NULL));
  assert_string_equal(id, expected ? expected : "");
}

static void a_name_is_looked_for_in_its_pod(void **state)
{
  static const struct mw_container containers[] = {
      {.id = "1", .pod_uid = "p1", .name = "app"},
      {.id = "2", .pod_uid = "p2", .name = "app"},
      {.id = "3", .pod_uid = "p2", .name = "sidecar"},
      {.id = "4", .name = "app"},
      {.id = "5", .pod_uid = "p1"},
  };

  (void)state;
  look_at(containers, 5, NULL, 0);
  expect_id("p1", "app", "1");
  expect_id("p2", "app", "2");
  expect_id("p2", "sidecar", "3");
  expect_id("p1", "sidecar", NULL);
  expect_id("p3", "app", NULL);
  expect_id("", "app", NULL);
  expect_id("p1", "", NULL);
}

static void of_equal_names_the_running_or_last_one_counts(void **state)
{
  static const struct mw_container containers[] = {
      {.id = "1", .pod_uid = "p1", .name = "app", .state = "stopped", .started_s = 300},
      {.id = "2", .pod_uid = "p1", .name = "app", .state = "running", .started_s = 200},
      {.id = "3", .pod_uid = "p2", .name = "app", .state = "stopped", .started_s = 100},
      {.id = "4", .pod_uid = "p2", .name = "app", .state = "stopped", .started_s = 200},
  };

  (void)state;
  look_at(containers, 4, NULL, 0);
  expect_id("p1", "app", "2");
  expect_id("p2", "app", "4");
}

static void host_network_is_that_of_the_pod(void **state)
{
  static const struct mw_pod pods[] = {{.uid = "a", .host_network = MW_ANSWER_YES},
                                       {.uid = "b", .host_network = MW_ANSWER_NO},
                                       {.uid = "c"}};

  (void)state;
  look_at(NULL, 0, pods, 3);
  assert_int_equal(lookup.host_network(lookup.data, "a"), MW_HOST_NETWORK_YES);
  assert_int_equal(lookup.host_network(lookup.data, "b"), MW_HOST_NETWORK_NO);
  assert_int_equal(lookup.host_network(lookup.data, "c"), MW_HOST_NETWORK_UNKNOWN);
  assert_int_equal(lookup.host_network(lookup.data, "d"), MW_HOST_NETWORK_UNKNOWN);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(a_name_is_looked_for_in_its_pod, tear_down),
      cmocka_unit_test_teardown(of_equal_names_the_running_or_last_one_counts, tear_down),
      cmocka_unit_test_teardown(host_network_is_that_of_the_pod, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
