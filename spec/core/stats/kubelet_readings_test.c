/* The readings in stats summaries of real kubelets. */
#include "stats/kubelet_readings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kubelet/fixture.h"

#define S MW_NS_PER_S
#define PRESENT_BYTES (1U << MW_NETWORK_RCVD_BYTES | 1U << MW_NETWORK_SENT_BYTES)

/* ---- A lookup, and what was visited ---- */

struct known {
  const char *uid, *name, *id; /* "*" is any uid */
};

struct world {
  const struct known *known;
  size_t known_count;
  struct visited {
    char id[MW_CGROUP_ID_BYTES];
    struct mw_cgroup_sample figures;
    struct mw_network_sample network;
  } visited[16];
  size_t count;
  int stop_with; /* what the first visit returns */
};

static struct world world;

static bool find_id(void *data, const char *pod_uid, const char *name,
                    char id[static MW_CGROUP_ID_BYTES])
{
  const struct world *knows = data;

  for (size_t i = 0; i < knows->known_count; i++)
    if (strcmp(knows->known[i].name, name) == 0 &&
        (knows->known[i].uid[0] == '*' || strcmp(knows->known[i].uid, pod_uid) == 0)) {
      strcpy(id, knows->known[i].id);
      return true;
    }
  return false;
}

static enum mw_host_network is_host_network(void *data, const char *pod_uid)
{
  (void)data;
  return strcmp(pod_uid, "host") == 0 ? MW_HOST_NETWORK_YES : MW_HOST_NETWORK_NO;
}

static int visit(void *data, const char *id, const struct mw_cgroup_sample *figures,
                 const struct mw_network_sample *network, struct mw_error *err)
{
  struct world *seen = data;
  struct visited *one = &seen->visited[seen->count++];

  assert_true(seen->count <= 16);
  strcpy(one->id, id);
  assert_int_equal(mw_cgroup_sample_copy(&one->figures, figures, NULL), 0);
  assert_int_equal(mw_network_sample_copy(&one->network, network, NULL), 0);
  return seen->stop_with == 0 ? 0 : mw_error_set(err, -seen->stop_with, "enough");
}

static const struct mw_kubelet_moment complete = {.wall_ns = INT64_C(1574255600) * S,
                                                  .monotonic_ns = 1000 * S};

static int visit_all(struct mw_kubelet_summary *summary, const struct known *known, size_t count,
                     const struct mw_kubelet_moment *moment)
{
  const struct mw_kubelet_lookup lookup = {
      .data = &world, .container_id = find_id, .host_network = is_host_network};

  world.known = known;
  world.known_count = count;
  int rc = mw_kubelet_each_reading(summary, &lookup, moment, visit, &world, NULL);
  mw_kubelet_summary_free(summary);
  return rc;
}

static int set_up(void **state)
{
  (void)state;
  world = (struct world){0};
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  for (size_t i = 0; i < world.count; i++) {
    mw_cgroup_sample_deinit(&world.visited[i].figures);
    mw_network_sample_deinit(&world.visited[i].network);
  }
  return 0;
}

/* UINT64_MAX: absent. */
#define ABSENT UINT64_MAX

static uint64_t figure(const struct visited *visited, enum mw_figure which)
{
  uint64_t value;
  return mw_figures_get(&visited->figures.figures, which, &value) ? value : ABSENT;
}

static const struct visited *visited_as(const char *id)
{
  for (size_t i = 0; i < world.count; i++)
    if (strcmp(world.visited[i].id, id) == 0)
      return &world.visited[i];
  fail_msg("%s was not visited", id);
  return NULL;
}

/* One pod with uid "u", or what @p pod makes of it, and its container "c" as "id". */
static const struct visited *visit_pod(const char *uid, const char *pod)
{
  static const struct known known[] = {{"*", "c", "id"}};
  char text[1024];

  snprintf(text, sizeof text, "{\"pods\":[{\"podRef\":{\"uid\":\"%s\"},%s}]}", uid, pod);
  struct mw_kubelet_summary *summary = summary_of_text(text, strlen(text), NULL);
  assert_non_null(summary);
  assert_int_equal(summary->oddities.count, 0);
  assert_int_equal(visit_all(summary, known, 1, &complete), 0);
  return world.count > 0 ? &world.visited[world.count - 1] : NULL;
}

/* ---- Pods ---- */

static void a_pod_is_numbered_by_its_uid(void **state)
{
  static const struct {
    const char *uid;
    uint64_t id;
  } examples[] = {
      {"c84eb7fb-09f2-11ea-abb1-42010a84017a", UINT64_C(17659160645723176180)},
      {"8ddf0e3f-ac6c-4d44-87d7-0bc41f6729ec", UINT64_C(3503770285970487860)},
      {"260c2b1d43b094af6d6b4ccba082c2db", UINT64_C(1030660726538750122)},
      {"a", UINT64_C(12638187200555641996)},
      {"", UINT64_C(14695981039346656037)},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
    assert_int_equal(mw_kubelet_isolation_id(examples[i].uid), examples[i].id);
}

static void containers_of_linux_have_their_figures(void **state)
{
  static const struct known known[] = {{"c84eb7fb-09f2-11ea-abb1-42010a84017a", "kubedns", "cID1"},
                                       {"*", "prometheus-to-sd", "cID2"},
                                       {"*", "sidecar", "cID3"}};
  static const struct {
    const char *id;
    int64_t age_s;
    uint64_t cpu_ns, usage, rss, working_set, page_faults, major_page_faults;
  } expected[] = {
      {"cID1", 7, 194414788585, 12713984, 12238848, 12713984, 13101, 12},
      {"cID2", 11, 12460233103, 6705152, 6119424, 6705152, 9603, 42},
      {"cID3", 4, 139979939975, 11325440, 10797056, 11325440, 7722, 7},
  };

  (void)state;
  assert_int_equal(
      visit_all(summary_of("kubelet-stats/statsSummaryLinux.json"), known, 3, &complete), 0);
  assert_int_equal(world.count, 3); /* dnsmasq is unknown */
  for (size_t i = 0; i < 3; i++) {
    const struct visited *one = visited_as(expected[i].id);
    assert_int_equal(one->figures.read_ns, complete.monotonic_ns - expected[i].age_s * S);
    assert_int_equal(figure(one, MW_CPU_TOTAL_NS), expected[i].cpu_ns);
    assert_int_equal(figure(one, MW_MEMORY_USAGE_BYTES), expected[i].usage);
    assert_int_equal(figure(one, MW_MEMORY_RSS_BYTES), expected[i].rss);
    assert_int_equal(figure(one, MW_MEMORY_WORKING_SET_BYTES), expected[i].working_set);
    assert_int_equal(figure(one, MW_MEMORY_PAGE_FAULTS_TOTAL), expected[i].page_faults);
    assert_int_equal(figure(one, MW_MEMORY_MAJOR_PAGE_FAULTS_TOTAL), expected[i].major_page_faults);
    assert_int_equal(__builtin_popcountll(one->figures.figures.present), 6);
    assert_true(one->figures.covered == MW_FIGURE_SET_ALL);
    assert_false(one->figures.cpu_limit_present);
  }
}

static void containers_of_a_pod_share_its_network(void **state)
{
  static const struct known known[] = {{"*", "kubedns", "cID1"}, {"*", "sidecar", "cID3"}};

  (void)state;
  assert_int_equal(
      visit_all(summary_of("kubelet-stats/statsSummaryLinux.json"), known, 2, &complete), 0);
  for (size_t i = 0; i < 2; i++) {
    const struct mw_network_sample *network = &world.visited[i].network;
    assert_int_equal(network->namespace_id, UINT64_C(17659160645723176180));
    assert_int_equal(network->read_ns, complete.monotonic_ns - 4 * S);
    assert_int_equal(network->present, PRESENT_BYTES);
    assert_int_equal(network->values[MW_NETWORK_RCVD_BYTES], 254942755);
    assert_int_equal(network->values[MW_NETWORK_SENT_BYTES], 137422821);
    assert_int_equal(network->interfaces_count, 1);
    assert_string_equal(network->interfaces[0].name, "eth0");
    assert_int_equal(network->interfaces[0].rcvd_bytes, 254942755);
    assert_int_equal(network->host_network, MW_HOST_NETWORK_NO);
  }
}

static void a_container_of_windows_uses_its_working_set(void **state)
{
  static const struct known known[] = {{"*", "process-agent", "cID1"}};
  const struct mw_kubelet_moment moment = {.wall_ns = INT64_C(1587743660) * S,
                                           .monotonic_ns = 1000 * S};

  (void)state;
  assert_int_equal(
      visit_all(summary_of("kubelet-stats/statsSummaryWindows.json"), known, 1, &moment), 0);
  const struct visited *one = visited_as("cID1");
  assert_int_equal(one->figures.read_ns, 994 * S); /* 15:54:14 */
  assert_int_equal(figure(one, MW_CPU_TOTAL_NS), 9359375000);
  assert_int_equal(figure(one, MW_MEMORY_USAGE_BYTES), 65474560);
  assert_int_equal(figure(one, MW_MEMORY_RSS_BYTES), ABSENT);
  assert_int_equal(figure(one, MW_MEMORY_WORKING_SET_BYTES), ABSENT);
  assert_int_equal(one->network.values[MW_NETWORK_RCVD_BYTES], 694636);
  assert_int_equal(one->network.values[MW_NETWORK_SENT_BYTES], 163670);
  assert_string_equal(one->network.interfaces[0].name, "cid-41dfe~0"); /* cut, and numbered */
}

/* ---- Edges ---- */

static void what_has_no_containers_is_passed_over(void **state)
{
  (void)state;
  assert_null(visit_pod("u", "\"containers\":null"));
  assert_null(visit_pod("u", "\"containers\":[]"));
  assert_null(visit_pod("u", "\"containers\":[{\"name\":\"unknown\"}]"));
}

static void a_container_without_figures_is_of_now_and_has_none(void **state)
{
  const struct visited *one = visit_pod("u", "\"containers\":[{\"name\":\"c\"}]");

  (void)state;
  assert_int_equal(one->figures.figures.present, 0);
  assert_int_equal(one->figures.read_ns, complete.monotonic_ns);
  assert_int_equal(one->network.present, 0);
  assert_int_equal(one->network.interfaces_count, 0);
  assert_int_equal(one->network.namespace_id, mw_kubelet_isolation_id("u"));
}

static void the_time_of_memory_is_not_that_of_the_reading(void **state)
{
  const struct visited *one = visit_pod(
      "u", "\"containers\":[{\"name\":\"c\",\"memory\":{\"time\":\"2019-11-20T13:13:16Z\","
           "\"usageBytes\":5,\"rssBytes\":0},\"swap\":{\"swapUsageBytes\":9}}]");

  (void)state;
  assert_int_equal(one->figures.read_ns, complete.monotonic_ns);
  assert_int_equal(figure(one, MW_MEMORY_USAGE_BYTES), 5);
  assert_int_equal(figure(one, MW_MEMORY_RSS_BYTES), 0);
  assert_int_equal(figure(one, MW_MEMORY_SWAP_BYTES), 9);
  assert_int_equal(figure(one, MW_CPU_TOTAL_NS), ABSENT);
}

static void a_time_that_cannot_be_is_now(void **state)
{
  static const char *const times[] = {"2019-11-20T13:13:21Z", "2262-01-01T00:00:00Z",
                                      "1700-01-01T00:00:00Z", "2019-11-20T12:00:00Z",
                                      "0001-01-01T00:00:00Z"};

  (void)state;
  for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
    char pod[128];
    snprintf(pod, sizeof pod, "\"containers\":[{\"name\":\"c\",\"cpu\":{\"time\":\"%s\"}}]",
             times[i]);
    assert_int_equal(visit_pod("u", pod)->figures.read_ns, complete.monotonic_ns);
  }
}

static void sums_are_those_of_the_interfaces(void **state)
{
  static const struct {
    const char *network;
    size_t interfaces;
    uint32_t present;
    uint64_t rcvd_bytes, sent_bytes;
  } examples[] = {
      {"\"interfaces\":[{\"name\":\"a\",\"rxBytes\":1,\"txBytes\":2},{\"name\":\"b\",\"rxBytes\":"
       "10,"
       "\"txBytes\":20}]",
       2, PRESENT_BYTES, 11, 22},
      {"\"interfaces\":[{\"name\":\"a\"},{\"name\":\"b\",\"rxBytes\":10,\"txBytes\":20}]", 1,
       PRESENT_BYTES, 10, 20},
      {"\"interfaces\":[{\"name\":\"lo\",\"rxBytes\":1,\"txBytes\":2}]", 0, 0, 0, 0},
      /* the default interface alone is none */
      {"\"name\":\"a\",\"rxBytes\":1,\"txBytes\":2,\"interfaces\":[]", 0, 0, 0, 0},
      {"\"name\":\"a\",\"rxBytes\":1,\"txBytes\":2", 0, 0, 0, 0},
      /* what no interface tells is absent, where the reference says 0 */
      {"\"interfaces\":[{\"name\":\"a\",\"txBytes\":2}]", 1, 1U << MW_NETWORK_SENT_BYTES, 0, 2},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char pod[512];
    snprintf(pod, sizeof pod, "\"network\":{%s},\"containers\":[{\"name\":\"c\"}]",
             examples[i].network);
    const struct mw_network_sample *network = &visit_pod("u", pod)->network;
    assert_int_equal(network->interfaces_count, examples[i].interfaces);
    assert_int_equal(network->present, examples[i].present);
    assert_int_equal(network->values[MW_NETWORK_RCVD_BYTES], examples[i].rcvd_bytes);
    assert_int_equal(network->values[MW_NETWORK_SENT_BYTES], examples[i].sent_bytes);
  }
}

static void one_pod_s_network_is_not_the_next_one_s(void **state)
{
  static const char text[] =
      "{\"pods\":[{\"podRef\":{\"uid\":\"host\"},\"network\":{\"interfaces\":[{\"name\":\"a\","
      "\"rxBytes\":1,\"txBytes\":2}]},\"containers\":[{\"name\":\"c\",\"cpu\":{"
      "\"usageCoreNanoSeconds\":3}}]},{\"podRef\":{\"uid\":\"u\"},\"containers\":[{\"name\":"
      "\"c\"}]}]}";
  static const struct known known[] = {{"host", "c", "one"}, {"u", "c", "two"}};

  (void)state;
  assert_int_equal(visit_all(summary_of_text(text, strlen(text), NULL), known, 2, &complete), 0);
  assert_int_equal(visited_as("one")->network.host_network, MW_HOST_NETWORK_YES);
  assert_int_equal(visited_as("one")->network.present, PRESENT_BYTES);
  assert_int_equal(visited_as("two")->network.host_network, MW_HOST_NETWORK_NO);
  assert_int_equal(visited_as("two")->network.present, 0);
  assert_int_equal(visited_as("two")->network.interfaces_count, 0);
  assert_int_equal(figure(visited_as("two"), MW_CPU_TOTAL_NS), ABSENT);
}

static void a_visit_may_end_it(void **state)
{
  static const struct known known[] = {{"*", "kubedns", "cID1"}, {"*", "sidecar", "cID3"}};

  (void)state;
  world.stop_with = -ECANCELED;
  assert_int_equal(
      visit_all(summary_of("kubelet-stats/statsSummaryLinux.json"), known, 2, &complete),
      -ECANCELED);
  assert_int_equal(world.count, 1);
}

/* The recorded pod list knows the recorded summary's containers. */
static bool find_in_pods(void *data, const char *pod_uid, const char *name,
                         char id[static MW_CGROUP_ID_BYTES])
{
  const struct mw_kubelet_pod *pod = mw_kubelet_pods_find(data, pod_uid);
  const struct mw_kubelet_container_status *found =
      pod ? mw_kubelet_pod_find_container(pod, name) : NULL;

  if (!found || strlen(found->id) >= MW_CGROUP_ID_BYTES)
    return false;
  strcpy(id, found->id);
  return true;
}

static void a_recorded_summary_fits_the_recorded_pod_list(void **state)
{
  struct mw_kubelet_summary *summary = summary_of("kubelet-1.20-answers/stats_summary.json");
  struct mw_kubelet_pods *pods = pods_of("kubelet-1.20-answers/pods.json", NULL, 0, NULL);
  const struct mw_kubelet_lookup lookup = {.data = pods, .container_id = find_in_pods};

  (void)state;
  assert_int_equal(mw_kubelet_each_reading(summary, &lookup, &complete, visit, &world, NULL), 0);
  assert_int_equal(world.count, 9); /* static pods too: their uid is the hash of their file */
  const struct visited *writer =
      visited_as("b5d5676507a5941faea63aa39b92df88006a04e49dbefccb7689a60559f310d0");
  assert_true(figure(writer, MW_CPU_TOTAL_NS) != ABSENT);
  assert_int_equal(writer->network.host_network, MW_HOST_NETWORK_UNKNOWN);
  mw_kubelet_summary_free(summary);
  mw_kubelet_pods_free(pods);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_pod_is_numbered_by_its_uid),
      TEST(containers_of_linux_have_their_figures),
      TEST(containers_of_a_pod_share_its_network),
      TEST(a_container_of_windows_uses_its_working_set),
      TEST(what_has_no_containers_is_passed_over),
      TEST(a_container_without_figures_is_of_now_and_has_none),
      TEST(the_time_of_memory_is_not_that_of_the_reading),
      TEST(a_time_that_cannot_be_is_now),
      TEST(sums_are_those_of_the_interfaces),
      TEST(one_pod_s_network_is_not_the_next_one_s),
      TEST(a_visit_may_end_it),
      TEST(a_recorded_summary_fits_the_recorded_pod_list),
  };

  return cmocka_run_group_tests_name("core/stats/kubelet_readings", tests, NULL, NULL);
}
