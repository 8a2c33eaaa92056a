#include "bindings/kubelet_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct names {
  struct mw_inventory_snapshot *snapshot;
  size_t count;
  const struct mw_container *containers[]; /* those in pods, by pod, name, and how well they fit */
};

static bool is_running(const struct mw_container *container)
{
  return strcmp(container->state, "running") == 0;
}

static int compare_name(const struct mw_container *container, const char *pod_uid, const char *name)
{
  int order = strcmp(container->pod_uid, pod_uid);
  return order != 0 ? order : strcmp(container->name, name);
}

/* Of equal names the one that is meant comes first. */
static int compare(const void *a, const void *b)
{
  const struct mw_container *one = *(const struct mw_container *const *)a;
  const struct mw_container *other = *(const struct mw_container *const *)b;
  int order = compare_name(one, other->pod_uid, other->name);

  if (order != 0)
    return order;
  if (is_running(one) != is_running(other))
    return is_running(one) ? -1 : 1;
  if (one->started_s != other->started_s)
    return one->started_s > other->started_s ? -1 : 1;
  return strcmp(one->id, other->id);
}

/* The first one that is not before that name. */
static size_t find_place(const struct names *names, const char *pod_uid, const char *name)
{
  size_t low = 0, high = names->count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (compare_name(names->containers[middle], pod_uid, name) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

static bool find_id(void *data, const char *pod_uid, const char *name,
                    char id[static MW_CGROUP_ID_BYTES])
{
  const struct names *names = data;
  size_t at = find_place(names, pod_uid, name);

  if (at == names->count || compare_name(names->containers[at], pod_uid, name) != 0)
    return false;
  size_t id_bytes = strlen(names->containers[at]->id) + 1;
  if (id_bytes > MW_CGROUP_ID_BYTES)
    return false;
  memcpy(id, names->containers[at]->id, id_bytes);
  return true;
}

static const struct mw_pod *find_pod(const struct mw_inventory_snapshot *snapshot, const char *uid)
{
  size_t low = 0, high = mw_inventory_snapshot_pods_count(snapshot);

  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const struct mw_pod *pod = mw_inventory_snapshot_pod_at(snapshot, middle);
    int order = strcmp(pod->uid, uid);
    if (order == 0)
      return pod;
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  return NULL;
}

static enum mw_host_network find_host_network(void *data, const char *pod_uid)
{
  const struct names *names = data;
  const struct mw_pod *pod = find_pod(names->snapshot, pod_uid);

  if (!pod || pod->host_network == MW_ANSWER_UNKNOWN)
    return MW_HOST_NETWORK_UNKNOWN;
  return pod->host_network == MW_ANSWER_YES ? MW_HOST_NETWORK_YES : MW_HOST_NETWORK_NO;
}

static void collect(struct names *names)
{
  size_t count = mw_inventory_snapshot_count(names->snapshot);

  for (size_t i = 0; i < count; i++) {
    const struct mw_container *container = mw_inventory_snapshot_at(names->snapshot, i)->container;
    if (*container->pod_uid && *container->name)
      names->containers[names->count++] = container;
  }
  qsort(names->containers, names->count, sizeof names->containers[0], compare);
}

int mw_kubelet_names_look(void *inventory, struct mw_kubelet_lookup *out, struct mw_error *err)
{
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(inventory);
  size_t count = mw_inventory_snapshot_count(snapshot);
  struct names *names = malloc(sizeof *names + count * sizeof names->containers[0]);

  if (!names) {
    mw_inventory_release(snapshot);
    return mw_error_set(err, ENOMEM, "out of memory for the names of %zu containers", count);
  }
  names->snapshot = snapshot;
  names->count = 0;
  collect(names);
  *out = (struct mw_kubelet_lookup){
      .data = names, .container_id = find_id, .host_network = find_host_network};
  return 0;
}

void mw_kubelet_names_end(void *inventory, struct mw_kubelet_lookup *lookup)
{
  struct names *names = lookup->data;

  (void)inventory;
  mw_inventory_release(names->snapshot);
  free(names);
}
