/*
 * Reads any bytes as a pod list, whole and in pieces, with pods that expire and without.
 * Holds: the pieces change neither result nor verdict; what a failure or oddity says is printable;
 * what kubelet_walk.h says; pods that expire are those that are missing; what is looked up is what
 * is there.
 */
#include "kubelet/pods.h"
#include "kubelet_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_printable(const char *text)
{
  for (; *text; text++)
    assert(*text >= 0x20 && *text < 0x7F);
}

static struct mw_kubelet_pods *read_text(struct mw_slice text, uint32_t seed, int64_t expiry_ns,
                                         struct mw_error *err)
{
  struct mw_kubelet_pods_config config = {.now_ns = INT64_C(1795376126000000000),
                                          .pod_expiry_ns = expiry_ns,
                                          .limits = {.result_max_bytes = 1 << 20}};
  struct mw_kubelet_pods_reader *reader = mw_kubelet_pods_reader_new(&config, err);
  int rc = 0;

  assert(reader);
  while (rc == 0 && text.len_bytes > 0) {
    size_t piece_bytes;
    char *piece = walk_next_piece(&text, &seed, &piece_bytes);
    rc = mw_kubelet_pods_reader_feed(reader, piece, piece_bytes, err);
    free(piece);
  }
  struct mw_kubelet_pods *pods = mw_kubelet_pods_reader_take(reader, err);
  assert(rc == 0 || !pods);
  mw_kubelet_pods_reader_free(reader);
  return pods;
}

static void check_status(const struct mw_kubelet_container_status *status)
{
  assert(status->name);
  assert((status->id == NULL) == (status->runtime == NULL));
  assert(!status->id || (status->id[0] && status->runtime[0] && !strstr(status->runtime, "://")));
  assert(!status->repo_digest || strchr(status->repo_digest, '@'));
  assert(!status->spec || strcmp(status->spec->name, status->name) == 0);
}

static void check_pod(const struct mw_kubelet_pods *pods, const struct mw_kubelet_pod *pod)
{
  for (int kind = 0; kind < MW_KUBELET_CONTAINER_KIND_COUNT; kind++) {
    for (const struct mw_kubelet_container_status *one = pod->statuses[kind]; one; one = one->next)
      check_status(one);
    for (const struct mw_kubelet_container_spec *one = pod->specs[kind]; one; one = one->next)
      assert(one->name);
  }
  assert((pod->local_uid != NULL) == (pod->uid != NULL) || pod->is_mirror);
  if (pod->uid)
    assert(mw_kubelet_pods_find(pods, pod->uid));
  if (pod->local_uid)
    assert(mw_kubelet_pods_find(pods, pod->local_uid));
}

static void check_pods(struct mw_slice text, int64_t expiry_ns)
{
  uint64_t whole_digest = 0, pieces_digest = 0;
  struct mw_error err = {0}, pieces_err = {0};
  struct mw_kubelet_pods *whole = read_text(text, 0, expiry_ns, &err);
  struct mw_kubelet_pods *pieces =
      read_text(text, 1 + (uint32_t)text.len_bytes, expiry_ns, &pieces_err);

  assert((whole == NULL) == (pieces == NULL));
  if (!whole) {
    assert(err.code == pieces_err.code);
    check_printable(err.text);
    return;
  }
  walk_object(&whole_digest, &mw_kubelet_pods_shape, whole);
  walk_object(&pieces_digest, &mw_kubelet_pods_shape, pieces);
  assert(whole_digest == pieces_digest);
  assert(whole->oddities.count == pieces->oddities.count);
  check_printable(whole->oddities.first);
  assert(expiry_ns > 0 || whole->expired_count == 0);
  for (const struct mw_kubelet_pod *pod = whole->pods; pod; pod = pod->next)
    check_pod(whole, pod);
  mw_kubelet_pods_free(whole);
  mw_kubelet_pods_free(pieces);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct mw_slice text = {(const char *)data, size};

  check_pods(text, 0);
  check_pods(text, MW_KUBELET_POD_EXPIRY_DEFAULT_NS);
  return 0;
}
