/*
 * Reads any bytes as a stats summary, whole and in pieces, and makes readings of it.
 * Holds: the pieces change neither result nor verdict; what a failure or oddity says is printable;
 * what kubelet_walk.h says; readings are of the past, their sums those of their interfaces.
 */
#include "kubelet/summary.h"
#include "kubelet_walk.h"
#include "stats/kubelet_readings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(const char *text)
{
  for (; *text; text++)
    assert(*text >= 0x20 && *text < 0x7F);
}

static struct mw_kubelet_summary *read_text(struct mw_slice text, uint32_t seed,
                                            struct mw_error *err)
{
  struct mw_kubelet_summary_reader *reader =
      mw_kubelet_summary_reader_new(&(struct mw_kubelet_limits){.result_max_bytes = 1 << 20}, err);
  int rc = 0;

  assert(reader);
  while (rc == 0 && text.len_bytes > 0) {
    size_t piece_bytes;
    char *piece = walk_next_piece(&text, &seed, &piece_bytes);
    rc = mw_kubelet_summary_reader_feed(reader, piece, piece_bytes, err);
    free(piece);
  }
  struct mw_kubelet_summary *summary = mw_kubelet_summary_reader_take(reader, err);
  assert(rc == 0 || !summary);
  mw_kubelet_summary_reader_free(reader);
  return summary;
}

static const struct mw_kubelet_moment complete = {.wall_ns = INT64_C(1795376126000000000),
                                                  .monotonic_ns = 1000000};

static bool find_id(void *data, const char *pod_uid, const char *name,
                    char id[static MW_CGROUP_ID_BYTES])
{
  (void)data;
  assert(pod_uid && name);
  strcpy(id, "id");
  return true;
}

static int visit(void *data, const char *id, const struct mw_cgroup_sample *figures,
                 const struct mw_network_sample *network, struct mw_error *err)
{
  (void)err;
  assert(strcmp(id, "id") == 0);
  assert(figures->read_ns > 0 && figures->read_ns <= complete.monotonic_ns);
  assert(network->read_ns > 0 && network->read_ns <= complete.monotonic_ns);
  assert(network->present == 0 || network->interfaces_count > 0);
  for (size_t i = 0; i < network->interfaces_count; i++)
    assert(memchr(network->interfaces[i].name, '\0', sizeof network->interfaces[i].name));
  ++*(size_t *)data;
  return 0;
}

static void check_readings(const struct mw_kubelet_summary *summary)
{
  const struct mw_kubelet_lookup lookup = {.container_id = find_id};
  size_t visited = 0, containers = 0;

  for (const struct mw_kubelet_pod_stats *pod = summary->pods; pod; pod = pod->next)
    for (const struct mw_kubelet_container_stats *one = pod->containers; one; one = one->next)
      containers++;
  assert(mw_kubelet_each_reading(summary, &lookup, &complete, visit, &visited, NULL) == 0);
  assert(visited == containers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct mw_slice text = {(const char *)data, size};
  uint64_t whole_digest = 0, pieces_digest = 0;
  struct mw_error err = {0}, pieces_err = {0};
  struct mw_kubelet_summary *whole = read_text(text, 0, &err);
  struct mw_kubelet_summary *pieces = read_text(text, 1 + (uint32_t)size, &pieces_err);

  assert((whole == NULL) == (pieces == NULL));
  if (!whole) {
    assert(err.code == pieces_err.code);
    check_printable(err.text);
    return 0;
  }
  walk_object(&whole_digest, &mw_kubelet_summary_shape, whole);
  walk_object(&pieces_digest, &mw_kubelet_summary_shape, pieces);
  assert(whole_digest == pieces_digest);
  assert(whole->oddities.count == pieces->oddities.count);
  assert(strcmp(whole->oddities.first, pieces->oddities.first) == 0);
  assert((whole->oddities.count > 0) == (whole->oddities.first[0] != '\0'));
  check_printable(whole->oddities.first);
  check_readings(whole);
  mw_kubelet_summary_free(whole);
  mw_kubelet_summary_free(pieces);
  return 0;
}
