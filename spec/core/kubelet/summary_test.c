/* Stats summaries of real kubelets, member by member. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "full_documents.h"

static void assert_number(const struct mw_kubelet_number *number, uint64_t value)
{
  assert_true(number->known);
  assert_int_equal(number->value, value);
}

static const struct mw_kubelet_container_stats *container_of(const struct mw_kubelet_pod_stats *pod,
                                                             const char *name)
{
  for (const struct mw_kubelet_container_stats *one = pod->containers; one; one = one->next)
    if (strcmp(one->name, name) == 0)
      return one;
  fail_msg("no container %s", name);
  return NULL;
}

static const struct mw_kubelet_pod_stats *pod_of(const struct mw_kubelet_summary *summary,
                                                 const char *name)
{
  for (const struct mw_kubelet_pod_stats *one = summary->pods; one; one = one->next)
    if (strcmp(one->name, name) == 0)
      return one;
  fail_msg("no pod %s", name);
  return NULL;
}

static void a_kubelet_on_linux_is_read(void **state)
{
  struct mw_kubelet_summary *summary = summary_of("kubelet-stats/statsSummaryLinux.json");
  const struct mw_kubelet_pod_stats *pod = summary->pods;

  (void)state;
  assert_int_equal(summary->pods_count, 1);
  assert_int_equal(summary->oddities.count, 0);
  assert_string_equal(pod->uid, "c84eb7fb-09f2-11ea-abb1-42010a84017a");
  const struct mw_kubelet_container_stats *kubedns = container_of(pod, "kubedns");
  assert_int_equal(kubedns->cpu->time_ns, INT64_C(1574255593000000000));
  assert_number(&kubedns->cpu->usage_core_ns, 194414788585);
  assert_number(&kubedns->memory->usage_bytes, 12713984);
  assert_number(&kubedns->memory->rss_bytes, 12238848);
  assert_number(&kubedns->memory->working_set_bytes, 12713984);
  assert_number(&kubedns->memory->page_faults_total, 13101);
  assert_number(&kubedns->memory->major_page_faults_total, 12);
  assert_null(kubedns->cpu->psi);
  assert_null(kubedns->swap);
  assert_string_equal(pod->network->interfaces->name, "eth0");
  assert_number(&pod->network->interfaces->received_bytes, 254942755);
  assert_number(&pod->network->interfaces->sent_bytes, 137422821);
  mw_kubelet_summary_free(summary);
}

static void a_kubelet_on_windows_is_read(void **state)
{
  struct mw_kubelet_summary *summary = summary_of("kubelet-stats/statsSummaryWindows.json");
  const struct mw_kubelet_container_stats *agent = container_of(summary->pods, "process-agent");

  (void)state;
  assert_int_equal(summary->oddities.count, 0);
  assert_string_equal(summary->node.name, "ip-172-29-160-189.ec2.internal");
  assert_number(&agent->cpu->usage_core_ns, 9359375000);
  assert_number(&agent->memory->working_set_bytes, 65474560);
  assert_false(agent->memory->rss_bytes.known);
  assert_false(agent->memory->usage_bytes.known);
  assert_string_equal(summary->node.network->default_interface.name, "");
  assert_false(summary->node.network->default_interface.received_bytes.known);
  assert_true(strlen(summary->pods->network->interfaces->name) > 60);
  assert_false(summary->pods->network->interfaces->receive_errors.known);
  mw_kubelet_summary_free(summary);
}

static void a_recorded_kubelet_is_read(void **state)
{
  struct mw_kubelet_summary *summary = summary_of("kubelet-1.20-answers/stats_summary.json");
  const struct mw_kubelet_pod_stats *api = pod_of(summary, "api-7d9c5b6f4-x2x9k");

  (void)state;
  assert_int_equal(summary->pods_count, 6);
  assert_int_equal(summary->oddities.count, 0);
  assert_string_equal(summary->node.name, "kubelab-node");
  assert_string_equal(summary->node.system_containers->name, "pods");
  assert_int_equal(summary->node.rlimit->pids_max.value, 32768);
  assert_number(&summary->node.image_filesystem->used_bytes, 13508608);
  assert_null(summary->node.container_filesystem);
  assert_string_equal(api->namespace_, "shop");
  assert_number(&api->cpu->usage_nanocores, 88258198);
  assert_number(&api->ephemeral_storage->inodes_used, 24);
  assert_number(&api->processes_count, 0);
  assert_string_equal(api->volumes->name, "conf");
  assert_null(api->volumes->claim_name);
  assert_number(&api->volumes->next->filesystem.capacity_bytes, 12638248960);
  assert_number(&container_of(api, "proxy")->rootfs->used_bytes, 3158016);
  assert_number(&container_of(api, "api")->logs->inodes_used, 2);
  mw_kubelet_summary_free(summary);
}

static void a_kubelet_that_just_started_leaves_much_out(void **state)
{
  struct mw_kubelet_summary *summary =
      summary_of("kubelet-1.20-answers/stats_summary_just_started.json");
  size_t with_network = 0;

  (void)state;
  assert_int_equal(summary->oddities.count, 0);
  assert_null(summary->node.system_containers);
  for (const struct mw_kubelet_pod_stats *pod = summary->pods; pod; pod = pod->next) {
    with_network += pod->network != NULL;
    assert_non_null(pod->uid);
    assert_null(pod->volumes);
  }
  assert_true(with_network < summary->pods_count);
  mw_kubelet_summary_free(summary);
}

static void what_newer_kubelets_add_is_read(void **state)
{
  struct mw_kubelet_summary *summary = summary_of_text(full_summary, strlen(full_summary), NULL);
  const struct mw_kubelet_pod_stats *pod = summary->pods;
  const struct mw_kubelet_container_stats *container = pod->containers;

  (void)state;
  assert_number(&container->swap->usage_bytes, 1062);
  assert_number(&container->swap->available_bytes, 1061);
  assert_number(&container->cpu->psi->full.total, 10131);
  assert_number(&container->cpu->psi->some.total, 10135);
  assert_true(container->cpu->psi->some.avg10_percent.value == 1013.6);
  assert_true(container->io->psi->full.avg300_percent.value == 0.1034);
  assert_number(&container->memory->psi->some.total, 10275);
  assert_number(&pod->io->psi->some.total, 145);
  assert_number(&pod->processes_count, 18);
  assert_string_equal(pod->volumes->claim_name, "claim");
  assert_string_equal(pod->volumes->claim_namespace, "store");
  assert_number(&pod->volumes->filesystem.inodes_free, 164);
  assert_number(&summary->node.container_filesystem->inodes, 725);
  assert_int_equal(summary->node.rlimit->processes_count.value, 82);
  assert_number(&summary->node.swap->usage_bytes, 92);
  mw_kubelet_summary_free(summary);
}

static void what_is_missing_is_absent(void **state)
{
  static const char *const texts[] = {"{}", "{\"pods\":null}", "{\"node\":null,\"pods\":[]}",
                                      "{\"node\":{}}", " {\"pods\" : [ null ] }\n"};

  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct mw_error err = {0};
    struct mw_kubelet_summary *summary = summary_of_text(texts[i], strlen(texts[i]), &err);
    assert_non_null(summary);
    assert_null(summary->pods);
    assert_null(summary->node.cpu);
    assert_int_equal(summary->oddities.count, 0);
    mw_kubelet_summary_free(summary);
  }
}

static void times_without_meaning_are_absent(void **state)
{
  static const struct {
    const char *time;
    uint64_t oddities;
  } examples[] = {{"null", 0},
                  {"\"0001-01-01T00:00:00Z\"", 0},
                  {"\"1970-01-01T00:00:00Z\"", 0},
                  {"\"\"", 1},
                  {"\"yesterday\"", 1},
                  {"1795376055", 1}};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[128];
    snprintf(text, sizeof text, "{\"pods\":[{\"podRef\":{\"uid\":\"u\"},\"startTime\":%s}]}",
             examples[i].time);
    struct mw_kubelet_summary *summary = summary_of_text(text, strlen(text), NULL);
    assert_int_equal(summary->pods->start_ns, 0);
    assert_int_equal(summary->oddities.count, examples[i].oddities);
    mw_kubelet_summary_free(summary);
  }
}

static void numbers_are_whole_and_in_range_or_absent(void **state)
{
  static const struct {
    const char *number;
    bool known;
    uint64_t value;
  } examples[] = {{"0", true, 0},
                  {"-0", true, 0},
                  {"18446744073709551615", true, UINT64_MAX},
                  {"18446744073709551616", false, 0},
                  {"-1", false, 0},
                  {"1e3", true, 1000},
                  {"-1e3", false, 0},
                  {"1.0", true, 1},
                  {"1.5", false, 0},
                  {"9007199254740993e0", true, 9007199254740992}, /* exact as far as a double is */
                  {"1e16", false, 0},
                  {"1e999", false, 0},
                  {"-1e999", false, 0},
                  {"\"7\"", false, 0}};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[128];
    snprintf(text, sizeof text, "{\"node\":{\"memory\":{\"usageBytes\":%s}}}", examples[i].number);
    struct mw_kubelet_summary *summary = summary_of_text(text, strlen(text), NULL);
    assert_int_equal(summary->node.memory->usage_bytes.known, examples[i].known);
    assert_int_equal(summary->node.memory->usage_bytes.value, examples[i].value);
    assert_int_equal(summary->oddities.count, !examples[i].known);
    mw_kubelet_summary_free(summary);
  }
}

static void a_number_of_many_digits_is_absent(void **state)
{
  char text[4096];
  size_t used = (size_t)sprintf(text, "{\"node\":{\"memory\":{\"usageBytes\":");

  (void)state;
  memset(text + used, '7', 2000);
  strcpy(text + used + 2000, "}}}");
  struct mw_kubelet_summary *summary = summary_of_text(text, strlen(text), NULL);
  assert_non_null(summary);
  assert_false(summary->node.memory->usage_bytes.known);
  assert_int_equal(summary->oddities.count, 1);
  mw_kubelet_summary_free(summary);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_kubelet_on_linux_is_read),
      cmocka_unit_test(a_kubelet_on_windows_is_read),
      cmocka_unit_test(a_recorded_kubelet_is_read),
      cmocka_unit_test(a_kubelet_that_just_started_leaves_much_out),
      cmocka_unit_test(what_newer_kubelets_add_is_read),
      cmocka_unit_test(what_is_missing_is_absent),
      cmocka_unit_test(times_without_meaning_are_absent),
      cmocka_unit_test(numbers_are_whole_and_in_range_or_absent),
      cmocka_unit_test(a_number_of_many_digits_is_absent),
  };

  return cmocka_run_group_tests_name("core/kubelet/summary", tests, NULL, NULL);
}
