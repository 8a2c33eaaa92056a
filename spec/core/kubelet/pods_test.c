/* Pod lists of real kubelets, and what is made of a pod. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "full_documents.h"

#define EXPIRY_NS MW_KUBELET_POD_EXPIRY_DEFAULT_NS

static struct mw_kubelet_pods *list_of(const char *text)
{
  struct mw_error err = {0};
  struct mw_kubelet_pods *pods =
      pods_of_text(text, strlen(text), &(struct mw_kubelet_pods_config){0}, &err);

  if (!pods)
    fail_msg("%s", err.text);
  return pods;
}

static const struct mw_kubelet_pod *pod_named(const struct mw_kubelet_pods *pods, const char *name)
{
  for (const struct mw_kubelet_pod *pod = pods->pods; pod; pod = pod->next)
    if (pod->name && strcmp(pod->name, name) == 0)
      return pod;
  fail_msg("no pod %s", name);
  return NULL;
}

/* ---- Which pods ---- */

static void lists_of_real_kubelets_have_their_pods(void **state)
{
  static const struct {
    const char *name, *now;
    int64_t expiry_ns;
    size_t count, expired_count;
  } examples[] = {
      {"kubelet-pods/podlist_1.8-1.json", NULL, 0, 6, 0},
      {"kubelet-pods/podlist_1.8-2.json", "2026-11-22T19:35:26Z", EXPIRY_NS, 7, 0},
      {"kubelet-pods/podlist_expired.json", NULL, 0, 4, 0},
      {"kubelet-pods/podlist_expired.json", "2019-02-18T16:00:06Z", EXPIRY_NS, 3, 1},
      {"kubelet-pods/podlist_null_pod.json", "2026-11-22T19:35:26Z", EXPIRY_NS, 1, 2},
      {"kubelet-pods/podlist_null_pod.json", NULL, 0, 2, 0},
      {"kubelet-pods/podlist_empty.json", NULL, 0, 0, 0},
      {"kubelet-pods/podlist_empty.json", "2026-11-22T19:35:26Z", EXPIRY_NS, 0, 0},
      {"kubelet-pods/podlist_persistent_volume_claim.json", "2026-11-22T19:35:26Z", EXPIRY_NS, 9,
       0},
      {"kubelet-1.20-answers/pods.json", "2026-11-22T19:35:31Z", EXPIRY_NS, 7, 1},
      {"kubelet-1.20-answers/pods.json", NULL, 0, 8, 0},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_error err = {0};
    struct mw_kubelet_pods *pods =
        pods_of(examples[i].name, examples[i].now, examples[i].expiry_ns, &err);
    if (!pods)
      fail_msg("%s: %s", examples[i].name, err.text);
    if (pods->count != examples[i].count || pods->expired_count != examples[i].expired_count ||
        pods->oddities.count != 0)
      fail_msg("%s: %zu pods, %zu expired, %s", examples[i].name, pods->count, pods->expired_count,
               pods->oddities.first);
    mw_kubelet_pods_free(pods);
  }
}

static void those_that_did_not_expire_keep_their_order(void **state)
{
  struct mw_kubelet_pods *pods =
      pods_of("kubelet-pods/podlist_expired.json", "2019-02-18T16:00:06Z", EXPIRY_NS, NULL);

  (void)state;
  assert_string_equal(pods->pods->name, "dd-agent-ntepl");
  assert_string_equal(pods->pods->next->name, "hello5-1550509440-rlgvf");
  assert_string_equal(pods->pods->next->next->name, "hello8-1550505780-kdnjx");
  mw_kubelet_pods_free(pods);
}

static void no_list_is_an_error_that_says_why(void **state)
{
  static const struct {
    const char *name, *text;
  } examples[] = {{"kubelet-pods/podlist_startup.json", "\"items\" is null"},
                  {"kubelet-1.20-answers/pods_just_started.json", "ask again"},
                  {"kubelet-pods/invalid.json", "not JSON: "}};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
    for (int64_t expiry_ns = 0; expiry_ns <= EXPIRY_NS; expiry_ns += EXPIRY_NS) {
      struct mw_error err = {0};
      assert_null(pods_of(examples[i].name, NULL, expiry_ns, &err));
      assert_int_equal(err.code, EBADMSG);
      assert_non_null(strstr(err.text, examples[i].text));
    }
}

static void a_missing_list_is_empty(void **state)
{
  struct mw_kubelet_pods *pods = list_of("{}");

  (void)state;
  assert_int_equal(pods->count, 0);
  assert_null(mw_kubelet_pods_find(pods, "u"));
  mw_kubelet_pods_free(pods);
}

#define ENDED(time) "{\"name\":\"c\",\"state\":{\"terminated\":{\"finishedAt\":" time "}}}"

static void a_pod_expires_when_all_its_containers_ended_long_ago(void **state)
{
  static const struct {
    const char *status;
    bool expires;
  } examples[] = {
      {"\"phase\":\"Succeeded\"", true},
      {"\"phase\":\"Running\"", false},
      {"\"phase\":\"Pending\"", false},
      {"\"phase\":null", true},
      {"\"phase\":\"Failed\",\"containerStatuses\":[" ENDED("\"2026-11-22T11:44:59Z\"") "]", true},
      {"\"phase\":\"Failed\",\"containerStatuses\":[" ENDED("\"2026-11-22T11:45:00Z\"") "]", true},
      {"\"phase\":\"Failed\",\"containerStatuses\":[" ENDED("\"2026-11-22T11:45:01Z\"") "]", false},
      {"\"phase\":\"Failed\",\"containerStatuses\":[" ENDED("null") "]", false},
      {"\"phase\":\"Failed\",\"containerStatuses\":[" ENDED("\"never\"") "]", false},
      {"\"phase\":\"Failed\",\"containerStatuses\":[" ENDED("\"2026-11-22T11:00:00Z\"") "," ENDED(
           "\"2026-11-22T11:59:00Z\"") "]",
       false},
      {"\"phase\":\"Failed\",\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"running\":{}}}]",
       false},
      {"\"phase\":\"Failed\",\"containerStatuses\":[{\"name\":\"c\"}]", false},
      {"\"phase\":\"Failed\",\"initContainerStatuses\":[" ENDED("null") "]", true},
  };
  struct mw_kubelet_pods_config config = {.pod_expiry_ns = EXPIRY_NS};

  (void)state;
  assert_int_equal(mw_kubelet_parse_time("2026-11-22T12:00:00Z", 20, &config.now_ns), 0);
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[512];
    snprintf(text, sizeof text, "{\"items\":[{\"metadata\":{\"uid\":\"u\"},\"status\":{%s}}]}",
             examples[i].status);
    struct mw_kubelet_pods *pods = pods_of_text(text, strlen(text), &config, NULL);
    if (pods->expired_count != examples[i].expires || pods->count != !examples[i].expires)
      fail_msg("%s", examples[i].status);
    mw_kubelet_pods_free(pods);
  }
}

static char *pod_of_many(size_t containers)
{
  char *text = malloc(containers * 13 + 128), *end = text;

  assert_non_null(text);
  end += sprintf(end, "{\"items\":[{\"status\":{\"containerStatuses\":[");
  for (size_t i = 0; i < containers; i++)
    end += sprintf(end, "%s{\"name\":\"c\"}", i > 0 ? "," : "");
  strcpy(end, "]}},{\"metadata\":{\"name\":\"next\"}}]}");
  return text;
}

static void a_pod_with_too_many_containers_is_left_out(void **state)
{
  char *text = pod_of_many(MW_KUBELET_POD_CONTAINERS_MAX);
  struct mw_kubelet_pods *pods = list_of(text);

  (void)state;
  assert_int_equal(pods->count, 2);
  mw_kubelet_pods_free(pods);
  free(text);

  text = pod_of_many(MW_KUBELET_POD_CONTAINERS_MAX + 1);
  pods = list_of(text);
  assert_int_equal(pods->count, 1);
  assert_int_equal(pods->too_large_count, 1);
  assert_string_equal(pods->pods->name, "next");
  assert_string_equal(pods->oddities.first, "items[0]: over 10000 containers");
  mw_kubelet_pods_free(pods);
  free(text);
}

/* ---- What is known of a pod ---- */

static void every_member_is_where_it_belongs(void **state)
{
  struct mw_kubelet_pods *pods = list_of(full_pods);
  const struct mw_kubelet_pod *pod = pods->pods;
  const struct mw_kubelet_container_spec *spec = pod->specs[MW_KUBELET_REGULAR];
  const struct mw_kubelet_container_status *status = pod->statuses[MW_KUBELET_REGULAR];

  (void)state;
  assert_string_equal(pod->uid, "u1");
  assert_string_equal(pod->local_uid, "u1");
  assert_int_equal(pod->deleted_ns - pod->created_ns, 1000000000);
  assert_string_equal(mw_kubelet_map_get(pod->labels, "tier"), "front");
  assert_null(mw_kubelet_map_get(pod->labels, "b"));
  assert_string_equal(pod->owners->kind, "ReplicaSet");
  assert_int_equal(pod->owners->controller, MW_KUBELET_YES);
  assert_string_equal(pod->volumes->claim_name, "c");
  assert_int_equal(pod->host_network, MW_KUBELET_YES);
  assert_int_equal(pod->run_as_user.value, INT64_C(3000000000));
  assert_int_equal(pod->run_as_group.value, -1);
  assert_string_equal(pod->priority_class, "high");
  assert_string_equal(pod->ips->next->ip, "fd00::1");
  assert_true(pod->is_ready);
  assert_int_equal(pod->specs_count[MW_KUBELET_REGULAR], 2);
  assert_int_equal(spec->ports->number.value, 80);
  assert_int_equal(spec->ports->host_number.value, 81);
  assert_string_equal(spec->env->value, "1");
  assert_false(spec->env->from_reference);
  assert_null(spec->env->next->value);
  assert_true(spec->env->next->from_reference);
  assert_int_equal(spec->limits.cpu_nanocores.value, 500000000);
  assert_int_equal(spec->limits.memory_bytes.value, 67108864);
  assert_int_equal(spec->requests.cpu_nanocores.value, 250000000);
  assert_int_equal(spec->requests.memory_bytes.value, 1000);
  assert_string_equal(status->id, "id-c1");
  assert_string_equal(status->runtime, "containerd");
  assert_string_equal(status->image, "i:c1");
  assert_string_equal(status->repo_digest, "r@sha256:c1");
  assert_ptr_equal(status->spec, spec);
  assert_int_equal(status->state.kind, MW_KUBELET_RUNNING);
  assert_int_equal(status->last_state.exit_code.value, 137);
  assert_string_equal(status->last_state.reason, "OOMKilled");
  assert_int_equal(status->restarts_count.value, 3);
  assert_int_equal(status->started, MW_KUBELET_NO);
  assert_int_equal(status->next->state.kind, MW_KUBELET_WAITING);
  assert_string_equal(status->next->state.reason, "CrashLoopBackOff");
  mw_kubelet_pods_free(pods);
}

static void a_recorded_kubelet_is_read(void **state)
{
  struct mw_kubelet_pods *pods = pods_of("kubelet-1.20-answers/pods.json", NULL, 0, NULL);
  const struct mw_kubelet_pod *ended = pod_named(pods, "oneshot-kubelab-node");
  const struct mw_kubelet_pod *waits = pod_named(pods, "noimage");
  const struct mw_kubelet_pod *agent = pod_named(pods, "agent-5xk2p");

  (void)state;
  assert_true(ended->is_static);
  assert_false(ended->is_mirror);
  assert_int_equal(ended->created_ns, 0); /* null: the API server never saw it */
  const struct mw_kubelet_container_status *job = ended->statuses[MW_KUBELET_REGULAR];
  assert_int_equal(job->state.kind, MW_KUBELET_TERMINATED);
  assert_int_equal(job->state.exit_code.value, 0);
  assert_string_equal(job->image, "docker.io/library/busybox:1.35"); /* told by its spec alone */
  assert_null(job->repo_digest);
  assert_string_equal(waits->phase, "Pending");
  assert_null(waits->statuses[MW_KUBELET_REGULAR]->id);
  assert_int_equal(waits->statuses[MW_KUBELET_REGULAR]->state.kind, MW_KUBELET_WAITING);
  assert_false(waits->is_static);
  assert_int_equal(agent->host_network, MW_KUBELET_YES);
  assert_int_equal(waits->host_network, MW_KUBELET_UNKNOWN);
  mw_kubelet_pods_free(pods);
}

static void a_claim_is_found(void **state)
{
  struct mw_kubelet_pods *pods =
      pods_of("kubelet-pods/podlist_persistent_volume_claim.json", NULL, 0, NULL);
  const struct mw_kubelet_pod_volume *volume = pod_named(pods, "cassandra-0")->volumes;

  (void)state;
  while (volume && !volume->claim_name)
    volume = volume->next;
  assert_non_null(volume);
  assert_string_equal(volume->claim_name, "cassandra-data-cassandra-0");
  mw_kubelet_pods_free(pods);
}

static void an_owner_may_be_told_by_an_annotation(void **state)
{
  struct mw_kubelet_pods *pods = pods_of("kubelet-pods/podlist_1.8-2.json", NULL, 0, NULL);
  size_t without = 0;

  (void)state;
  for (const struct mw_kubelet_pod *pod = pods->pods; pod; pod = pod->next)
    without += pod->owners == NULL;
  assert_int_equal(without, 3); /* static ones, and one made by hand */
  mw_kubelet_pods_free(pods);

  pods =
      list_of("{\"items\":[{\"metadata\":{\"annotations\":{\"kubernetes.io/created-by\":"
              "\"{\\\"kind\\\":\\\"SerializedReference\\\",\\\"reference\\\":{\\\"kind\\\":"
              "\\\"DaemonSet\\\",\\\"name\\\":\\\"d\\\",\\\"uid\\\":\\\"u\\\"}}\"}}},"
              "{\"metadata\":{\"annotations\":{\"kubernetes.io/created-by\":\"{\"}}},"
              "{\"metadata\":{\"annotations\":{\"kubernetes.io/created-by\":"
              "\"{\\\"kind\\\":\\\"Other\\\",\\\"reference\\\":{\\\"name\\\":\\\"d\\\"}}\"}}}]}");
  assert_string_equal(pods->pods->owners->kind, "DaemonSet");
  assert_string_equal(pods->pods->owners->name, "d");
  assert_null(pods->pods->next->owners);
  assert_null(pods->pods->next->next->owners);
  assert_int_equal(pods->oddities.count, 2);
  mw_kubelet_pods_free(pods);
}

static void maps_are_sorted_and_have_each_key_once(void **state)
{
  struct mw_kubelet_pods *pods = list_of(
      "{\"items\":[{\"metadata\":{\"labels\":{\"b\":\"1\",\"a\":\"2\",\"c\":null,\"b\":\"3\","
      "\"d\":7,\"\":\"\"}}}]}");
  const struct mw_kubelet_pair *pair = pods->pods->labels;

  (void)state;
  assert_string_equal(pair->key, "");
  assert_string_equal(pair->value, "");
  assert_string_equal(pair->next->key, "a");
  assert_string_equal(pair->next->next->key, "b");
  assert_string_equal(pair->next->next->value, "3"); /* the last one */
  assert_null(pair->next->next->next);
  assert_int_equal(pods->oddities.count, 1);
  mw_kubelet_pods_free(pods);
}

/* ---- Ids and images ---- */

static void an_id_is_cut_at_its_first_separator(void **state)
{
  static const struct {
    const char *text, *runtime, *id;
    uint64_t oddities;
  } examples[] = {
      {"docker://deadbeef", "docker", "deadbeef", 0},
      {"containerd://deadbeef", "containerd", "deadbeef", 0},
      {"cri-o://a://b", "cri-o", "a://b", 0},
      {"", NULL, NULL, 0},
      {"deadbeef", NULL, NULL, 1},
      {"/deadbeef", NULL, NULL, 1},
      {"://deadbeef", NULL, NULL, 1},
      {"docker://", NULL, NULL, 1},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[256];
    snprintf(text, sizeof text,
             "{\"items\":[{\"status\":{\"containerStatuses\":[{\"name\":\"c\",\"containerID\":"
             "\"%s\"}]}}]}",
             examples[i].text);
    struct mw_kubelet_pods *pods = list_of(text);
    const struct mw_kubelet_container_status *status = pods->pods->statuses[MW_KUBELET_REGULAR];
    assert_int_equal(pods->oddities.count, examples[i].oddities);
    assert_true((status->id != NULL) == (examples[i].id != NULL));
    if (status->id) {
      assert_string_equal(status->id, examples[i].id);
      assert_string_equal(status->runtime, examples[i].runtime);
    }
    mw_kubelet_pods_free(pods);
  }
}

static void an_image_is_named_by_whoever_knows_it(void **state)
{
  static const struct {
    const char *image, *image_id, *spec, *expected, *digest;
  } examples[] = {
      {"nginx:1", "docker-pullable://nginx@sha256:aa", "n", "nginx:1", "nginx@sha256:aa"},
      {"sha256:bb", "docker-pullable://nginx@sha256:aa", "n", "nginx@sha256:aa", "nginx@sha256:aa"},
      {"sha256:bb", "sha256:bb", "n", "n", NULL},
      {"sha256:bb", "", "n", "n", NULL},
      {"sha256:bb", "docker://sha256:bb", "n", "n", NULL},
      {"", "sha256:bb", "n", "n", NULL},
      {"sha256:bb", "sha256:bb", "", "sha256:bb", NULL},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[512];
    snprintf(text, sizeof text,
             "{\"items\":[{\"status\":{\"containerStatuses\":[{\"name\":\"c\",\"image\":\"%s\","
             "\"imageID\":\"%s\"}]},\"spec\":{\"containers\":[{\"name\":\"b\",\"image\":\"x\"},"
             "{\"name\":\"c\",\"image\":\"%s\"},{\"name\":\"a\",\"image\":\"y\"}]}}]}",
             examples[i].image, examples[i].image_id, examples[i].spec);
    struct mw_kubelet_pods *pods = list_of(text);
    const struct mw_kubelet_container_status *status = pods->pods->statuses[MW_KUBELET_REGULAR];
    assert_string_equal(status->image, examples[i].expected);
    assert_true((status->repo_digest != NULL) == (examples[i].digest != NULL));
    if (status->repo_digest)
      assert_string_equal(status->repo_digest, examples[i].digest);
    mw_kubelet_pods_free(pods);
  }
}

/* ---- Readiness ---- */

#define SOURCE(source) "\"kubernetes.io/config.source\":\"" source "\""
#define TOLERATED "\"ad.datadoghq.com/tolerate-unready\":\"true\""
#define READY(status) ",\"conditions\":[{\"type\":\"Ready\",\"status\":\"" status "\"}]"

static void readiness_follows_phase_annotations_and_condition(void **state)
{
  static const struct {
    const char *annotations, *status;
    bool is_ready;
  } examples[] = {
      {SOURCE("file"), "\"phase\":\"Pending\"", true},
      {SOURCE("http"), "\"phase\":\"Pending\"", true},
      {SOURCE("api"), "\"phase\":\"Pending\"", false},
      {SOURCE("file"), "\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"c\"}]", false},
      {SOURCE("file"), "\"phase\":\"Running\"", false},
      {"", "\"phase\":\"Running\"" READY("True"), true},
      {"", "\"phase\":\"Running\"" READY("False"), false},
      {"", "\"phase\":\"Running\",\"conditions\":[{\"type\":\"Initialized\",\"status\":\"True\"}]",
       false},
      {TOLERATED, "\"phase\":\"Running\"" READY("False"), true},
      {TOLERATED, "\"phase\":\"Pending\"", false},
      {"", "\"phase\":\"Succeeded\"" READY("True"), false},
      {"", "\"phase\":null" READY("True"), false},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[512];
    snprintf(text, sizeof text,
             "{\"items\":[{\"metadata\":{\"annotations\":{%s}},\"status\":{%s}}]}",
             examples[i].annotations, examples[i].status);
    struct mw_kubelet_pods *pods = list_of(text);
    if (pods->pods->is_ready != examples[i].is_ready)
      fail_msg("%s %s", examples[i].annotations, examples[i].status);
    mw_kubelet_pods_free(pods);
  }
}

static void readiness_of_recorded_pods(void **state)
{
  struct mw_kubelet_pods *pods = pods_of("kubelet-pods/podlist_1.8-2.json", NULL, 0, NULL);

  (void)state;
  assert_true(pod_named(pods, "nginx-99d8b564-4r4vq")->is_ready); /* tolerated */
  assert_int_equal(pod_named(pods, "nginx-99d8b564-4r4vq")->condition_ready, MW_KUBELET_NO);
  assert_true(pod_named(pods, "kube-apiserver-my-node-name")->is_static);
  mw_kubelet_pods_free(pods);
  pods = pods_of("kubelet-pods/podlist_1.8-1.json", NULL, 0, NULL);
  for (const struct mw_kubelet_pod *pod = pods->pods; pod; pod = pod->next)
    if (pod->name && strncmp(pod->name, "nginx", 5) == 0)
      assert_false(pod->is_ready);
  mw_kubelet_pods_free(pods);
}

/* ---- Looking up ---- */

static void a_mirror_is_found_by_both_of_its_uids(void **state)
{
  struct mw_kubelet_pods *pods = list_of(
      "{\"items\":[{\"metadata\":{\"uid\":\"b\",\"name\":\"mirror\",\"annotations\":{"
      "\"kubernetes.io/config.hash\":\"a\",\"kubernetes.io/config.mirror\":\"a\","
      "\"kubernetes.io/config.source\":\"file\"}}},"
      "{\"metadata\":{\"uid\":\"c\",\"name\":\"same\"}},{\"metadata\":{\"uid\":\"d\",\"name\":"
      "\"same\"}},{\"metadata\":{\"uid\":\"c\",\"name\":\"later\"}},{}]}");

  (void)state;
  assert_string_equal(mw_kubelet_pods_find(pods, "a")->name, "mirror");
  assert_string_equal(mw_kubelet_pods_find(pods, "b")->name, "mirror");
  assert_true(mw_kubelet_pods_find(pods, "a")->is_mirror);
  assert_string_equal(mw_kubelet_pods_find(pods, "c")->name, "same"); /* the first of equal uids */
  assert_string_equal(mw_kubelet_pods_find(pods, "d")->name, "same"); /* two of one name */
  assert_null(mw_kubelet_pods_find(pods, ""));
  assert_null(mw_kubelet_pods_find(pods, "e"));
  mw_kubelet_pods_free(pods);
}

static void a_container_is_found_by_its_name(void **state)
{
  struct mw_kubelet_pods *pods = list_of(
      "{\"items\":[{\"status\":{\"initContainerStatuses\":[{\"name\":\"a\",\"containerID\":"
      "\"x://1\"},{\"name\":\"b\",\"containerID\":\"x://2\"}],\"containerStatuses\":[{\"name\":"
      "\"b\",\"containerID\":\"x://3\"},{\"name\":\"c\"}],\"ephemeralContainerStatuses\":[{"
      "\"name\":\"e\",\"containerID\":\"x://4\"}]}}]}");

  (void)state;
  assert_string_equal(mw_kubelet_pod_find_container(pods->pods, "a")->id, "1");
  assert_string_equal(mw_kubelet_pod_find_container(pods->pods, "b")->id, "3"); /* regular wins */
  assert_null(mw_kubelet_pod_find_container(pods->pods, "c"));                  /* has no id */
  assert_string_equal(mw_kubelet_pod_find_container(pods->pods, "e")->id, "4");
  assert_null(mw_kubelet_pod_find_container(pods->pods, "f"));
  mw_kubelet_pods_free(pods);
}

static void an_init_container_runs_and_ends(void **state)
{
  static const struct {
    const char *name;
    enum mw_kubelet_state_kind kind;
  } examples[] = {{"kubelet-pods/podlist_init_container_running.json", MW_KUBELET_RUNNING},
                  {"kubelet-pods/podlist_init_container_terminated.json", MW_KUBELET_TERMINATED}};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_kubelet_pods *pods = pods_of(examples[i].name, NULL, 0, NULL);
    const struct mw_kubelet_pod *pod = pods->pods;
    while (pod && !pod->statuses[MW_KUBELET_INIT])
      pod = pod->next;
    assert_non_null(pod);
    assert_int_equal(pod->statuses[MW_KUBELET_INIT]->state.kind, examples[i].kind);
    assert_true(pod->statuses[MW_KUBELET_INIT]->state.started_ns > 0);
    assert_non_null(pod->statuses[MW_KUBELET_INIT]->spec);
    mw_kubelet_pods_free(pods);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists_of_real_kubelets_have_their_pods),
      cmocka_unit_test(those_that_did_not_expire_keep_their_order),
      cmocka_unit_test(no_list_is_an_error_that_says_why),
      cmocka_unit_test(a_missing_list_is_empty),
      cmocka_unit_test(a_pod_expires_when_all_its_containers_ended_long_ago),
      cmocka_unit_test(a_pod_with_too_many_containers_is_left_out),
      cmocka_unit_test(every_member_is_where_it_belongs),
      cmocka_unit_test(a_recorded_kubelet_is_read),
      cmocka_unit_test(a_claim_is_found),
      cmocka_unit_test(an_owner_may_be_told_by_an_annotation),
      cmocka_unit_test(maps_are_sorted_and_have_each_key_once),
      cmocka_unit_test(an_id_is_cut_at_its_first_separator),
      cmocka_unit_test(an_image_is_named_by_whoever_knows_it),
      cmocka_unit_test(readiness_follows_phase_annotations_and_condition),
      cmocka_unit_test(readiness_of_recorded_pods),
      cmocka_unit_test(a_mirror_is_found_by_both_of_its_uids),
      cmocka_unit_test(a_container_is_found_by_its_name),
      cmocka_unit_test(an_init_container_runs_and_ends),
  };

  return cmocka_run_group_tests_name("core/kubelet/pods", tests, NULL, NULL);
}
