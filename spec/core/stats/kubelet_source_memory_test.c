/* The collector of the kubelet when memory runs out at the n-th allocation, for every n.
 * Linked as support/failing_malloc.h says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/kubelet/fixture.h"
#include "moonwatch/stats.h"
#include "support/failing_malloc.h"

#define PODS 40 /* enough that the hash table grows */

static struct mw_kubelet_summary *fetch(void *data, int64_t timeout_ms, struct mw_error *err)
{
  const char *text = data;

  (void)timeout_ms;
  struct mw_kubelet_summary_reader *reader = mw_kubelet_summary_reader_new(NULL, err);
  if (!reader)
    return NULL;
  mw_kubelet_summary_reader_feed(reader, text, strlen(text), err);
  struct mw_kubelet_summary *summary = mw_kubelet_summary_reader_take(reader, err);
  mw_kubelet_summary_reader_free(reader);
  return summary;
}

static bool find_id(void *data, const char *pod_uid, const char *name,
                    char id[static MW_CGROUP_ID_BYTES])
{
  (void)data;
  snprintf(id, MW_CGROUP_ID_BYTES, "%s-%s", pod_uid, name);
  return true;
}

static int look(void *data, struct mw_kubelet_lookup *out, struct mw_error *err)
{
  (void)data, (void)err;
  *out = (struct mw_kubelet_lookup){.container_id = find_id};
  return 0;
}

static char *summary_text(void)
{
  const size_t room = (size_t)PODS * 300;
  char *text = __real_malloc(room);
  size_t used = (size_t)snprintf(text, room, "{\"pods\":[");

  for (int i = 0; i < PODS; i++)
    used += (size_t)snprintf(
        text + used, room - used,
        "%s{\"podRef\":{\"uid\":\"p%d\"},\"containers\":[{\"name\":\"c\",\"cpu\":"
        "{\"usageCoreNanoSeconds\":%d}}],\"network\":{\"interfaces\":[{\"name\":\"eth0\","
        "\"rxBytes\":1},{\"name\":\"eth1\",\"rxBytes\":2}]}}",
        i > 0 ? "," : "", i, i);
  snprintf(text + used, room - used, "]}");
  return text;
}

/* @return 0, or the first failure. */
static int read_all(const struct mw_stats_collector *collector, int64_t max_age_ms)
{
  struct mw_cgroup_sample figures = {0};
  struct mw_network_sample network = {0};
  struct mw_error err;
  char id[32];
  int rc = 0;

  for (int i = 0; rc == 0 && i < PODS; i++) {
    const struct mw_stats_request request = {
        .container.id = id, .max_age_ms = max_age_ms, .deadline_ns = INT64_MAX};
    snprintf(id, sizeof id, "p%d-c", i);
    err.code = 0;
    rc = collector->container(collector->data, &request, &figures, &err);
    if (rc == 0)
      rc = collector->network(collector->data, &request, &network, &err);
    if (rc < 0)
      assert_int_equal(err.code, -rc);
    else
      assert_int_equal(network.values[MW_NETWORK_RCVD_BYTES], 3);
  }
  mw_cgroup_sample_deinit(&figures);
  mw_network_sample_deinit(&network);
  return rc;
}

static void every_allocation_may_fail_and_all_works_afterwards(void **state)
{
  const struct mw_stats_kubelet_config config = {
      .data = summary_text(), .fetch = fetch, .look = look, .without_thread = true};
  bool reached = true;

  (void)state;
  for (long n = 1; reached; n++) {
    allocations_total = 0;
    failing_allocation = n;
    struct mw_stats_kubelet_source *source = mw_stats_kubelet_source_new(&config, NULL);
    assert_true((source == NULL) == (n <= 2));
    if (!source)
      continue;
    struct mw_stats_collector collector = mw_stats_kubelet_collector(source);
    int rc = read_all(&collector, 60000);
    reached = allocations_total >= n;
    failing_allocation = 0;
    assert_int_equal(rc, reached ? -ENOMEM : 0);
    assert_int_equal(read_all(&collector, 0), 0);
    mw_stats_kubelet_source_free(source);
  }
  free(config.data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_allocation_may_fail_and_all_works_afterwards),
  };

  return cmocka_run_group_tests_name("the kubelet's collector without memory", tests, NULL, NULL);
}
