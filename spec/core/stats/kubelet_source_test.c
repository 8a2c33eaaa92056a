/* The collector of the kubelet: when it asks, who waits, and for how long. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kubelet/fixture.h"
#include "moonwatch/stats.h"

#define CID1_CPU_NS 194414788585
#define POD_RCVD_BYTES 254942755

/* ---- A kubelet, and those who know its containers ---- */

struct kubelet {
  struct mw_clock_manual clock;
  atomic_uint requests;
  atomic_uint looks_open;
  atomic_int fails_with; /* errno; 0: answers */
  int64_t takes_ms;      /* of the manual clock */
  const char *fixture;
  int64_t refresh_wait_ms; /* of the source; long: nobody is impatient */
  bool is_held;            /* answers when it is let go */
  sem_t asked, let_go;
  atomic_bool cancelled;
};

static struct kubelet kubelet;
static struct mw_stats_kubelet_source *source;
static struct mw_stats *stats;

static struct mw_kubelet_summary *fetch(void *data, int64_t timeout_ms, struct mw_error *err)
{
  struct kubelet *asked = data;

  assert_int_equal(timeout_ms, 10000);
  asked->requests++;
  if (asked->takes_ms > 0) /* whoever waits does not look at this clock */
    asked->clock.now_monotonic_ns += asked->takes_ms * MW_NS_PER_MS;
  if (asked->is_held) {
    sem_post(&asked->asked);
    sem_wait(&asked->let_go);
  }
  if (asked->cancelled || asked->fails_with) {
    mw_error_set(err, asked->cancelled ? ECANCELED : asked->fails_with, "the kubelet says no");
    return NULL;
  }
  return summary_of(asked->fixture);
}

static void cancel(void *data)
{
  struct kubelet *asked = data;

  asked->cancelled = true;
  sem_post(&asked->let_go);
}

static bool find_id(void *data, const char *pod_uid, const char *name,
                    char id[static MW_CGROUP_ID_BYTES])
{
  static const char *const known[][2] = {
      {"kubedns", "cID1"}, {"prometheus-to-sd", "cID2"}, {"sidecar", "cID3"}};

  (void)data;
  assert_string_equal(pod_uid, "c84eb7fb-09f2-11ea-abb1-42010a84017a");
  for (size_t i = 0; i < 3; i++)
    if (strcmp(known[i][0], name) == 0) {
      strcpy(id, known[i][1]);
      return true;
    }
  return false;
}

static int look(void *data, struct mw_kubelet_lookup *out, struct mw_error *err)
{
  struct kubelet *asked = data;

  (void)err;
  asked->looks_open++;
  *out = (struct mw_kubelet_lookup){.data = data, .container_id = find_id};
  return 0;
}

static void look_end(void *data, struct mw_kubelet_lookup *lookup)
{
  struct kubelet *asked = data;

  assert_ptr_equal(lookup->data, data);
  asked->looks_open--;
}

static void start(bool without_thread)
{
  const struct mw_stats_kubelet_config config = {.data = &kubelet,
                                                 .fetch = fetch,
                                                 .cancel = cancel,
                                                 .look = look,
                                                 .look_end = look_end,
                                                 .clock = &kubelet.clock.clock,
                                                 .refresh_wait_ms = kubelet.refresh_wait_ms,
                                                 .without_thread = without_thread};
  const struct mw_stats_config stats_config = {.clock = &kubelet.clock.clock};

  source = mw_stats_kubelet_source_new(&config, NULL);
  assert_non_null(source);
  struct mw_stats_collector collector = mw_stats_kubelet_collector(source);
  stats = mw_stats_new(&stats_config, NULL);
  assert_non_null(stats);
  assert_int_equal(mw_stats_add_collector(stats, &collector, NULL), 0);
}

static int set_up(void **state)
{
  (void)state;
  memset(&kubelet, 0, sizeof kubelet);
  mw_clock_manual_init(&kubelet.clock);
  kubelet.clock.now_monotonic_ns = 1000 * MW_NS_PER_S;
  kubelet.clock.now_wall_ns = INT64_C(1574255600) * MW_NS_PER_S;
  kubelet.fixture = "kubelet-stats/statsSummaryLinux.json";
  kubelet.refresh_wait_ms = 600000;
  sem_init(&kubelet.asked, 0, 0);
  sem_init(&kubelet.let_go, 0, 0);
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  mw_stats_free(stats);
  mw_stats_kubelet_source_free(source);
  assert_int_equal(kubelet.looks_open, 0);
  sem_destroy(&kubelet.asked);
  sem_destroy(&kubelet.let_go);
  return 0;
}

/* ---- Asking ---- */

/* @return the CPU time of @p id, or a negative errno. */
static int64_t cpu_of(const char *id, const char *runtime, int64_t max_age_ms)
{
  struct mw_container_ref ref = {.id = id, .runtime = runtime};
  struct mw_cgroup_sample sample = {0};
  uint64_t cpu_ns = 0;

  int rc = mw_stats_container(stats, &ref, max_age_ms, MW_FIGURE_SET_ALL, &sample, NULL);
  if (rc == 0)
    assert_true(mw_figures_get(&sample.figures, MW_CPU_TOTAL_NS, &cpu_ns));
  mw_cgroup_sample_deinit(&sample);
  return rc < 0 ? rc : (int64_t)cpu_ns;
}

static int64_t received_by(const char *id, int64_t max_age_ms)
{
  struct mw_container_ref ref = {.id = id, .runtime = "containerd"};
  struct mw_network_sample sample = {0};

  int rc = mw_stats_network(stats, &ref, max_age_ms, &sample, NULL);
  int64_t bytes = (int64_t)sample.values[MW_NETWORK_RCVD_BYTES];
  mw_network_sample_deinit(&sample);
  return rc < 0 ? rc : bytes;
}

static void advance_ms(int64_t ms)
{
  kubelet.clock.now_monotonic_ns += ms * MW_NS_PER_MS;
}

static void one_request_serves_all_containers(void **state)
{
  (void)state;
  start(false);
  assert_int_equal(cpu_of("cID1", "containerd", 60000), CID1_CPU_NS);
  assert_int_equal(kubelet.requests, 1);
  kubelet.fails_with = ENOENT;
  assert_int_equal(cpu_of("cID2", "containerd", 60000), 12460233103);
  assert_int_equal(received_by("cID3", 60000), POD_RCVD_BYTES);
  assert_int_equal(received_by("cID2", 60000), POD_RCVD_BYTES);
  assert_int_equal(cpu_of("cID4", "containerd", 60000), -ENOENT);
  assert_int_equal(kubelet.requests, 1);
  assert_int_equal(cpu_of("cID1", "containerd", 0), -ENOENT);
  assert_int_equal(kubelet.requests, 2);
}

static void a_forced_request_gives_its_numbers(void **state)
{
  (void)state;
  start(false);
  assert_int_equal(cpu_of("cID1", "containerd", 0), CID1_CPU_NS);
  assert_int_equal(cpu_of("cID1", "containerd", 0), CID1_CPU_NS);
  assert_int_equal(kubelet.requests, 2);
}

static void a_kubelet_slower_than_the_age_is_asked_once(void **state)
{
  (void)state;
  start(false);
  kubelet.takes_ms = 600;
  assert_int_equal(cpu_of("cID1", "containerd", 500), CID1_CPU_NS);
  assert_int_equal(cpu_of("cID2", "containerd", 500), 12460233103);
  assert_int_equal(cpu_of("cID4", "containerd", 500), -ENOENT);
  assert_int_equal(kubelet.requests, 1);
}

static void a_failure_serves_for_as_long_as_numbers(void **state)
{
  (void)state;
  start(false);
  kubelet.fails_with = EACCES;
  assert_int_equal(cpu_of("cID1", "containerd", 2000), -EACCES);
  assert_int_equal(cpu_of("cID2", "containerd", 2000), -EACCES);
  assert_int_equal(received_by("cID3", 2000), -EACCES);
  assert_int_equal(kubelet.requests, 1);
  kubelet.fails_with = 0;
  advance_ms(2001);
  assert_int_equal(cpu_of("cID1", "containerd", 2000), CID1_CPU_NS);
  assert_int_equal(kubelet.requests, 2);
}

static void numbers_outlast_a_failure_by_their_age(void **state)
{
  (void)state;
  start(false);
  assert_int_equal(cpu_of("cID1", "containerd", 2000), CID1_CPU_NS);
  advance_ms(3000);
  kubelet.fails_with = EACCES;
  assert_int_equal(cpu_of("cID1", "containerd", 2000), -EACCES);
  assert_int_equal(cpu_of("cID2", "containerd", 4000), 12460233103);
  assert_int_equal(kubelet.requests, 2);
}

static void numbers_leave_when_no_summary_has_them(void **state)
{
  (void)state;
  start(false);
  assert_int_equal(cpu_of("cID1", "containerd", 60000), CID1_CPU_NS);
  kubelet.fixture = "kubelet-stats/statsSummaryWindows.json";
  advance_ms(30001);
  mw_stats_sweep(stats);
  kubelet.fails_with = ENOENT;
  assert_int_equal(cpu_of("cID1", "containerd", 600000), -ENOENT);
}

static void it_offers_containers_of_kubernetes_alone(void **state)
{
  (void)state;
  start(false);
  assert_int_equal(cpu_of("cID1", "podman", 60000), -ENOTSUP);
  assert_int_equal(kubelet.requests, 0);
  assert_int_equal(cpu_of("cID1", "", 60000), CID1_CPU_NS);
  assert_int_equal(cpu_of("cID1", "cri-o", 60000), CID1_CPU_NS);
  assert_int_equal(cpu_of("cID1", "docker", 60000), CID1_CPU_NS);
}

static void without_a_thread_the_asker_fetches(void **state)
{
  (void)state;
  start(true);
  kubelet.takes_ms = 600;
  assert_int_equal(cpu_of("cID1", "containerd", 500), CID1_CPU_NS);
  assert_int_equal(cpu_of("cID4", "containerd", 500), -ENOENT);
  assert_int_equal(kubelet.requests, 1);
}

/* ---- Waiting ---- */

static void *ask_cid1(void *data)
{
  *(int64_t *)data = cpu_of("cID1", "containerd", 60000);
  return NULL;
}

static void *ask_cid2(void *data)
{
  *(int64_t *)data = cpu_of("cID2", "containerd", 60000);
  return NULL;
}

static void all_wait_for_the_first_request(void **state)
{
  pthread_t threads[2];
  int64_t cpu_ns[2];

  (void)state;
  kubelet.is_held = true;
  start(false);
  pthread_create(&threads[0], NULL, ask_cid1, &cpu_ns[0]);
  sem_wait(&kubelet.asked);
  pthread_create(&threads[1], NULL, ask_cid2, &cpu_ns[1]);
  sem_post(&kubelet.let_go);
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  assert_int_equal(cpu_ns[0], CID1_CPU_NS);
  assert_int_equal(cpu_ns[1], 12460233103);
  assert_int_equal(kubelet.requests, 1);
}

static void who_waits_too_long_gets_the_last_numbers(void **state)
{
  (void)state;
  kubelet.refresh_wait_ms = 1;
  start(false);
  assert_int_equal(cpu_of("cID1", "containerd", 60000), CID1_CPU_NS);
  kubelet.is_held = true;
  advance_ms(2001);
  assert_int_equal(cpu_of("cID1", "containerd", 2000), CID1_CPU_NS);
  assert_int_equal(cpu_of("cID2", "containerd", 2000), 12460233103);
  assert_int_equal(received_by("cID3", 2000), POD_RCVD_BYTES);
  assert_int_equal(cpu_of("cID4", "containerd", 2000), -ETIMEDOUT);
  sem_wait(&kubelet.asked); /* its thread may be slow to begin */
  assert_int_equal(kubelet.requests, 2);
}

static void freeing_cancels_a_request(void **state)
{
  struct mw_container_ref ref = {.id = "cID1"};
  const struct mw_stats_config impatient = {.wait_max_ms = 1};
  struct mw_cgroup_sample sample = {0};
  struct mw_error err;

  (void)state;
  kubelet.is_held = true;
  start(false);
  struct mw_stats *others = mw_stats_new(&impatient, NULL);
  struct mw_stats_collector collector = mw_stats_kubelet_collector(source);
  assert_int_equal(mw_stats_add_collector(others, &collector, NULL), 0);
  assert_int_equal(mw_stats_container(others, &ref, 2000, MW_FIGURE_SET_ALL, &sample, &err),
                   -ETIMEDOUT);
  assert_non_null(strstr(err.text, "the kubelet's summary is still on its way after"));
  mw_stats_free(others);
  assert_false(kubelet.cancelled);
}

static void a_source_needs_its_functions(void **state)
{
  const struct mw_stats_kubelet_config config = {.fetch = fetch};
  struct mw_error err;

  (void)state;
  assert_null(mw_stats_kubelet_source_new(&config, &err));
  assert_int_equal(err.code, EINVAL);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      CASE(one_request_serves_all_containers),
      CASE(a_forced_request_gives_its_numbers),
      CASE(a_kubelet_slower_than_the_age_is_asked_once),
      CASE(a_failure_serves_for_as_long_as_numbers),
      CASE(numbers_outlast_a_failure_by_their_age),
      CASE(numbers_leave_when_no_summary_has_them),
      CASE(it_offers_containers_of_kubernetes_alone),
      CASE(without_a_thread_the_asker_fetches),
      CASE(all_wait_for_the_first_request),
      CASE(who_waits_too_long_gets_the_last_numbers),
      CASE(freeing_cancels_a_request),
      cmocka_unit_test(a_source_needs_its_functions),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
