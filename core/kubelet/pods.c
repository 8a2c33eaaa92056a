#include "kubelet/pods.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mw_kubelet_pods_reader {
  struct mw_kubelet_pods_result *result; /* NULL: taken */
  struct mw_decoder *decoder;
};

struct mw_kubelet_pods_reader *
mw_kubelet_pods_reader_new(const struct mw_kubelet_pods_config *config, struct mw_error *err)
{
  const struct mw_kubelet_limits *limits = &config->limits;
  struct mw_kubelet_pods_reader *reader = calloc(1, sizeof *reader);
  struct mw_kubelet_pods_result *result = calloc(1, sizeof *result);

  if (!reader || !result) {
    mw_error_set(err, ENOMEM, "out of memory for reading a pod list");
    free(reader);
    free(result);
    return NULL;
  }
  mw_arena_init(&result->arena, limits->result_max_bytes > 0 ? limits->result_max_bytes
                                                             : MW_KUBELET_RESULT_DEFAULT_BYTES);
  result->now_ns = config->now_ns;
  result->pod_expiry_ns = config->pod_expiry_ns;
  reader->result = result;
  reader->decoder =
      mw_decoder_new(&(struct mw_decoder_config){.shape = &mw_kubelet_pods_shape,
                                                 .root = result,
                                                 .arena = &result->arena,
                                                 .oddities = &result->list.oddities,
                                                 .noun = "pod list",
                                                 .document_max_bytes = limits->document_max_bytes},
                     err);
  if (reader->decoder)
    return reader;
  mw_kubelet_pods_reader_free(reader);
  return NULL;
}

void mw_kubelet_pods_reader_free(struct mw_kubelet_pods_reader *reader)
{
  if (!reader)
    return;
  mw_decoder_free(reader->decoder);
  mw_kubelet_pods_free(reader->result ? &reader->result->list : NULL);
  free(reader);
}

int mw_kubelet_pods_reader_feed(struct mw_kubelet_pods_reader *reader, const char *piece,
                                size_t len_bytes, struct mw_error *err)
{
  return mw_decoder_feed(reader->decoder, (struct mw_slice){piece, len_bytes}, err);
}

/* ---- The index ---- */

static int by_uid(const void *left, const void *right)
{
  const struct mw_kubelet_uid *one = left, *other = right;
  int order = strcmp(one->uid, other->uid);

  return order != 0 ? order : (one->place > other->place) - (one->place < other->place);
}

/* A pod is found by both of its uids, where they differ. */
static int make_index(struct mw_kubelet_pods_result *result, struct mw_error *err)
{
  size_t place = 0, count = 0;

  if (result->list.count == 0)
    return 0;
  result->by_uid = calloc(2 * result->list.count, sizeof *result->by_uid);
  if (!result->by_uid)
    return mw_error_set(err, ENOMEM, "out of memory for an index of %zu pods", result->list.count);
  for (const struct mw_kubelet_pod *pod = result->list.pods; pod; pod = pod->next, place++) {
    if (pod->uid)
      result->by_uid[count++] = (struct mw_kubelet_uid){pod->uid, place, pod};
    if (pod->local_uid && pod->local_uid != pod->uid)
      result->by_uid[count++] = (struct mw_kubelet_uid){pod->local_uid, place, pod};
  }
  result->by_uid_count = count;
  qsort(result->by_uid, count, sizeof *result->by_uid, by_uid);
  return 0;
}

struct mw_kubelet_pods *mw_kubelet_pods_reader_take(struct mw_kubelet_pods_reader *reader,
                                                    struct mw_error *err)
{
  struct mw_kubelet_pods_result *result = reader->result;

  if (mw_decoder_finish(reader->decoder, err) < 0 || make_index(result, err) < 0)
    return NULL;
  reader->result = NULL;
  return &result->list;
}

static const struct mw_kubelet_pods_result *result_of(const struct mw_kubelet_pods *pods)
{
  return (const struct mw_kubelet_pods_result *)(const void *)pods;
}

void mw_kubelet_pods_free(struct mw_kubelet_pods *pods)
{
  struct mw_kubelet_pods_result *result = (struct mw_kubelet_pods_result *)(void *)pods;

  if (!result)
    return;
  mw_arena_deinit(&result->arena);
  free(result->by_uid);
  free(result);
}

size_t mw_kubelet_pods_bytes(const struct mw_kubelet_pods *pods)
{
  const struct mw_kubelet_pods_result *result = result_of(pods);

  return sizeof *result + result->arena.chunks_bytes +
         2 * result->list.count * sizeof *result->by_uid;
}

/* ---- Looking things up ---- */

const struct mw_kubelet_pod *mw_kubelet_pods_find(const struct mw_kubelet_pods *pods,
                                                  const char *uid)
{
  const struct mw_kubelet_pods_result *result = result_of(pods);
  size_t at = 0, end = result->by_uid_count;

  while (at < end) {
    size_t middle = (at + end) / 2;
    if (strcmp(result->by_uid[middle].uid, uid) < 0)
      at = middle + 1;
    else
      end = middle;
  }
  if (at == result->by_uid_count || strcmp(result->by_uid[at].uid, uid) != 0)
    return NULL;
  return result->by_uid[at].pod;
}

const struct mw_kubelet_container_status *
mw_kubelet_pod_find_container(const struct mw_kubelet_pod *pod, const char *name)
{
  const struct mw_kubelet_container_status *found = NULL;

  for (int kind = 0; kind < MW_KUBELET_CONTAINER_KIND_COUNT; kind++)
    for (const struct mw_kubelet_container_status *status = pod->statuses[kind]; status;
         status = status->next)
      if (status->id && strcmp(status->name, name) == 0)
        found = status;
  return found;
}

const char *mw_kubelet_map_get(const struct mw_kubelet_pair *map, const char *key)
{
  for (; map; map = map->next) {
    int order = strcmp(map->key, key);
    if (order >= 0)
      return order == 0 ? map->value : NULL;
  }
  return NULL;
}
