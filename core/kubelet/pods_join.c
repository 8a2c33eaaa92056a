/* What is made of a pod once it is complete: who owns it, which container is which, is it ready. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/pods.h"

#define CREATED_BY "kubernetes.io/created-by"
#define CONFIG_SOURCE "kubernetes.io/config.source"
#define CONFIG_MIRROR "kubernetes.io/config.mirror"
#define TOLERATE_UNREADY "ad.datadoghq.com/tolerate-unready"

static bool is(const char *text, const char *expected)
{
  return text && strcmp(text, expected) == 0;
}

/* ---- A status ---- */

/* "containerd://3f2a…" becomes two texts, in place. */
static void split_id(struct mw_decoder *decoder, struct mw_kubelet_container_status *status)
{
  char *separator = status->id ? strstr(status->id, "://") : NULL;

  if (!status->id || status->id[0] == '\0') {
    status->id = NULL;
    return;
  }
  if (!separator || separator == status->id || separator[3] == '\0') {
    mw_decoder_odd(decoder, "containerID is not like containerd://0123abcd");
    status->id = NULL;
    return;
  }
  status->runtime = status->id;
  status->id = separator + 3;
  *separator = '\0';
}

int mw_kubelet_finish_status(struct mw_decoder *decoder, void *owner, void *record,
                             struct mw_error *err)
{
  static const char pullable[] = "docker-pullable://";
  struct mw_kubelet_container_status *status = record;
  int rc = mw_decoder_require(decoder, status->name, "a container status without a name");

  (void)owner;
  (void)err;
  if (rc != 0)
    return rc;
  split_id(decoder, status);
  if (status->image_id && strncmp(status->image_id, pullable, sizeof pullable - 1) == 0)
    status->image_id += sizeof pullable - 1;
  if (status->image_id && strchr(status->image_id, '@'))
    status->repo_digest = status->image_id;
  return 0;
}

/* ---- Statuses and specs ---- */

static bool names_image(const char *image)
{
  static const char digest[] = "sha256:", local[] = "docker://";

  return image && image[0] != '\0' && strncmp(image, digest, sizeof digest - 1) != 0 &&
         strncmp(image, local, sizeof local - 1) != 0;
}

static void name_image(struct mw_kubelet_container_status *status)
{
  if (names_image(status->image))
    return;
  if (names_image(status->image_id))
    status->image = status->image_id;
  else if (status->spec && names_image(status->spec->image))
    status->image = status->spec->image;
}

static int by_name(const void *left, const void *right)
{
  const struct mw_kubelet_container_spec *const *one = left, *const *other = right;
  return strcmp((*one)->name, (*other)->name);
}

static int compare_name(const void *name, const void *element)
{
  const struct mw_kubelet_container_spec *const *spec = element;
  return strcmp(name, (*spec)->name);
}

/* A pod may have thousands of each, in orders of their own: sorted pointers, for the moment. */
static int join(struct mw_arena *arena, struct mw_kubelet_pod *pod,
                enum mw_kubelet_container_kind kind, struct mw_error *err)
{
  struct mw_arena_mark mark = mw_arena_mark(arena);
  size_t count = pod->specs_count[kind], i = 0;

  if (!pod->statuses[kind])
    return 0;
  const struct mw_kubelet_container_spec **specs = mw_arena_take(arena, count * sizeof *specs, err);
  if (!specs)
    return -err->code;
  for (const struct mw_kubelet_container_spec *spec = pod->specs[kind]; spec; spec = spec->next)
    specs[i++] = spec;
  if (count > 1)
    qsort(specs, count, sizeof *specs, by_name);
  for (struct mw_kubelet_container_status *status = pod->statuses[kind]; status;
       status = status->next) {
    const struct mw_kubelet_container_spec *const *found =
        bsearch(status->name, specs, count, sizeof *specs, compare_name);
    status->spec = found ? *found : NULL;
    name_image(status);
  }
  mw_arena_rewind(arena, mark);
  return 0;
}

/* ---- The pod ---- */

static bool has_expired(const struct mw_kubelet_pods_result *result,
                        const struct mw_kubelet_pod *pod)
{
  if (result->pod_expiry_ns <= 0 || is(pod->phase, "Running") || is(pod->phase, "Pending"))
    return false;
  for (const struct mw_kubelet_container_status *status = pod->statuses[MW_KUBELET_REGULAR]; status;
       status = status->next)
    if (status->state.kind != MW_KUBELET_TERMINATED || status->state.finished_ns == 0 ||
        status->state.finished_ns > result->now_ns - result->pod_expiry_ns)
      return false;
  return true;
}

static bool has_too_many(const struct mw_kubelet_pod *pod)
{
  for (int kind = 0; kind < MW_KUBELET_CONTAINER_KIND_COUNT; kind++)
    if (pod->specs_count[kind] > MW_KUBELET_POD_CONTAINERS_MAX ||
        pod->statuses_count[kind] > MW_KUBELET_POD_CONTAINERS_MAX)
      return true;
  return false;
}

static bool is_ready(const struct mw_kubelet_pod *pod)
{
  if (is(pod->phase, "Pending") && pod->is_static && !pod->statuses[MW_KUBELET_REGULAR])
    return true; /* the kubelet never writes the statuses of some static pods */
  if (!is(pod->phase, "Running"))
    return false;
  return is(mw_kubelet_map_get(pod->annotations, TOLERATE_UNREADY), "true") ||
         pod->condition_ready == MW_KUBELET_YES;
}

static int find_owner(struct mw_decoder *decoder, struct mw_arena *arena,
                      struct mw_kubelet_pod *pod, struct mw_error *err)
{
  const char *created_by = mw_kubelet_map_get(pod->annotations, CREATED_BY);

  if (pod->owners || !created_by)
    return 0;
  int rc = mw_kubelet_parse_created_by(created_by, arena, &pod->owners, err);
  if (rc == 0 && !pod->owners)
    mw_decoder_odd(decoder, "annotation " CREATED_BY " names no owner");
  return rc;
}

static void find_origin(struct mw_kubelet_pod *pod)
{
  const char *source = mw_kubelet_map_get(pod->annotations, CONFIG_SOURCE);
  const char *mirror = mw_kubelet_map_get(pod->annotations, CONFIG_MIRROR);

  pod->is_static = is(source, "file") || is(source, "http");
  pod->is_mirror = mirror != NULL;
  pod->local_uid = mirror && mirror[0] != '\0' ? mirror : pod->uid;
}

int mw_kubelet_finish_pod(struct mw_decoder *decoder, void *owner, void *record,
                          struct mw_error *err)
{
  struct mw_kubelet_pods_result *result = owner;
  struct mw_kubelet_pod *pod = record;

  if (has_expired(result, pod)) {
    result->list.expired_count++;
    return MW_LEAVE_OUT;
  }
  if (has_too_many(pod)) {
    result->list.too_large_count++;
    mw_decoder_odd(decoder, "over %d containers", MW_KUBELET_POD_CONTAINERS_MAX);
    return MW_LEAVE_OUT;
  }
  find_origin(pod);
  pod->is_ready = is_ready(pod);
  int rc = find_owner(decoder, &result->arena, pod, err);
  for (int kind = 0; rc == 0 && kind < MW_KUBELET_CONTAINER_KIND_COUNT; kind++)
    rc = join(&result->arena, pod, (enum mw_kubelet_container_kind)kind, err);
  return rc;
}
