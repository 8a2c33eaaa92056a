#include "stats/kubelet_readings.h"

#include <stdio.h>
#include <string.h>

#include "cgroup/sample.h"
#include "proc/sample.h"

uint64_t mw_kubelet_isolation_id(const char *pod_uid)
{
  uint64_t hash = UINT64_C(14695981039346656037);

  for (; *pod_uid; pod_uid++)
    hash = (hash ^ (unsigned char)*pod_uid) * UINT64_C(1099511628211);
  return hash;
}

/* An item of the future is of now: the clock of the wall was set meanwhile. */
static int64_t monotonic_of(int64_t time_ns, const struct mw_kubelet_moment *complete)
{
  int64_t age_ns;

  if (time_ns == 0 || time_ns > complete->wall_ns ||
      __builtin_sub_overflow(complete->wall_ns, time_ns, &age_ns) ||
      age_ns > complete->monotonic_ns)
    return complete->monotonic_ns;
  return complete->monotonic_ns - age_ns;
}

/* ---- Figures of a container ---- */

static void set(struct mw_figures *figures, enum mw_figure figure,
                const struct mw_kubelet_number *number)
{
  if (number->known)
    mw_figures_set(figures, figure, number->value);
}

/* Windows has no resident set, and of what it uses it knows only the private working set. */
static void set_memory(struct mw_figures *figures, const struct mw_kubelet_memory *memory)
{
  bool is_windows = !memory->rss_bytes.known;

  set(figures, MW_MEMORY_USAGE_BYTES,
      is_windows && memory->working_set_bytes.known ? &memory->working_set_bytes
                                                    : &memory->usage_bytes);
  set(figures, MW_MEMORY_RSS_BYTES, &memory->rss_bytes);
  if (!is_windows)
    set(figures, MW_MEMORY_WORKING_SET_BYTES, &memory->working_set_bytes);
  set(figures, MW_MEMORY_PAGE_FAULTS_TOTAL, &memory->page_faults_total);
  set(figures, MW_MEMORY_MAJOR_PAGE_FAULTS_TOTAL, &memory->major_page_faults_total);
}

/* Pressure stays out: the unit of its totals depends on the kubelet. */
static void convert_container(const struct mw_kubelet_container_stats *container,
                              const struct mw_kubelet_moment *complete,
                              struct mw_cgroup_sample *out)
{
  mw_sample_clear(out);
  out->covered = MW_FIGURE_SET_ALL;
  out->read_ns = monotonic_of(container->cpu ? container->cpu->time_ns : 0, complete);
  if (container->cpu)
    set(&out->figures, MW_CPU_TOTAL_NS, &container->cpu->usage_core_ns);
  if (container->memory)
    set_memory(&out->figures, container->memory);
  if (container->swap)
    set(&out->figures, MW_MEMORY_SWAP_BYTES, &container->swap->usage_bytes);
}

/* ---- Network of a pod ---- */

/* Names of Linux fit. Those of Windows are cut, and numbered to stay apart. */
static void copy_name(char out[static 16], const char *name, size_t number)
{
  if (strlen(name) < 16)
    strcpy(out, name);
  else
    snprintf(out, 16, "%.9s~%zu", name, number % 100000);
}

static int add_interface(struct mw_network_sample *sample,
                         const struct mw_kubelet_interface *interface, size_t number,
                         struct mw_error *err)
{
  struct mw_network_interface added = {.rcvd_bytes = interface->received_bytes.value,
                                       .sent_bytes = interface->sent_bytes.value};

  if (interface->received_bytes.known)
    added.present |= UINT32_C(1) << MW_NETWORK_RCVD_BYTES;
  if (interface->sent_bytes.known)
    added.present |= UINT32_C(1) << MW_NETWORK_SENT_BYTES;
  if (added.present == 0 || strcmp(interface->name, "lo") == 0)
    return 0;
  copy_name(added.name, interface->name, number);
  return mw_network_sample_add(sample, &added, err);
}

static int convert_network(const struct mw_kubelet_pod_stats *pod,
                           const struct mw_kubelet_lookup *lookup,
                           const struct mw_kubelet_moment *complete, struct mw_network_sample *out,
                           struct mw_error *err)
{
  const struct mw_kubelet_network *network = pod->network;
  size_t number = 0;
  int rc = 0;

  mw_network_sample_clear(out);
  out->namespace_id = mw_kubelet_isolation_id(pod->uid);
  out->host_network =
      lookup->host_network ? lookup->host_network(lookup->data, pod->uid) : MW_HOST_NETWORK_UNKNOWN;
  out->read_ns = monotonic_of(network ? network->time_ns : 0, complete);
  if (!network)
    return 0;
  for (const struct mw_kubelet_interface *interface = network->interfaces; rc == 0 && interface;
       interface = interface->next)
    rc = add_interface(out, interface, number++, err);
  if (rc == 0)
    mw_network_sample_sum(out);
  return rc;
}

/* ---- All ---- */

int mw_kubelet_each_reading(const struct mw_kubelet_summary *summary,
                            const struct mw_kubelet_lookup *lookup,
                            const struct mw_kubelet_moment *complete, mw_kubelet_visit *visit,
                            void *data, struct mw_error *err)
{
  struct mw_cgroup_sample figures = {0};
  struct mw_network_sample network = {0};
  char id[MW_CGROUP_ID_BYTES];
  int rc = 0;

  for (const struct mw_kubelet_pod_stats *pod = summary->pods; rc == 0 && pod; pod = pod->next) {
    bool converted = false;
    for (const struct mw_kubelet_container_stats *container = pod->containers; rc == 0 && container;
         container = container->next) {
      if (!lookup->container_id(lookup->data, pod->uid, container->name, id))
        continue;
      if (!converted)
        rc = convert_network(pod, lookup, complete, &network, err);
      converted = true;
      if (rc < 0)
        break;
      convert_container(container, complete, &figures);
      rc = visit(data, id, &figures, &network, err);
    }
  }
  mw_network_sample_deinit(&network);
  mw_cgroup_sample_deinit(&figures);
  return rc;
}
