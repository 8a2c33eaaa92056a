#include "stats/kinds.h"

#include <stddef.h>

#define SWAP(a, b)                                                                                 \
  do {                                                                                             \
    __typeof__(a) kept = (a);                                                                      \
    (a) = (b);                                                                                     \
    (b) = kept;                                                                                    \
  } while (0)

/* ---- Figures of a container ---- */

#define FIGURES ((UINT64_C(1) << MW_FIGURE_COUNT) - 1)

static int container_copy(void *to, const void *from, struct mw_error *err)
{
  return mw_cgroup_sample_copy(to, from, err);
}

static void container_deinit(void *sample)
{
  mw_cgroup_sample_deinit(sample);
}

static bool container_is_offered(const struct mw_stats_collector *collector)
{
  return collector->container != NULL;
}

static int container_ask(const struct mw_stats_collector *collector,
                         const struct mw_stats_request *request, void *out, struct mw_error *err)
{
  return collector->container(collector->data, request, out, err);
}

static mw_figure_set *container_covered(void *sample)
{
  return &((struct mw_cgroup_sample *)sample)->covered;
}

static uint64_t container_gaps(const void *sample, mw_figure_set wanted)
{
  const struct mw_cgroup_sample *has = sample;
  uint64_t gaps = wanted & FIGURES & ~has->figures.present;

  if (has->devices_count == 0)
    gaps |= wanted & MW_FIGURE_SET_DEVICES;
  if (!has->cpu_limit_present)
    gaps |= wanted & MW_FIGURE_SET_CPU_LIMIT;
  return gaps;
}

static bool fill_devices(struct mw_cgroup_sample *to, struct mw_cgroup_sample *from)
{
  if (from->devices_count == 0)
    return false;
  SWAP(to->devices, from->devices);
  SWAP(to->devices_count, from->devices_count);
  SWAP(to->devices_capacity, from->devices_capacity);
  return true;
}

static bool fill_cpu_limit(struct mw_cgroup_sample *to, const struct mw_cgroup_sample *from)
{
  if (to->cpu_limit_present || !from->cpu_limit_present)
    return false;
  to->cpu_limit_present = true;
  to->cpu_limit_defaulted = from->cpu_limit_defaulted;
  to->cpu_limit_percent = from->cpu_limit_percent;
  return true;
}

static bool container_fill(void *sample, void *filler, uint64_t gaps)
{
  struct mw_cgroup_sample *to = sample, *from = filler;
  uint64_t figures = gaps & from->figures.present & ~to->figures.present;
  bool filled = figures != 0;

  for (uint64_t left = figures; left; left &= left - 1) {
    enum mw_figure figure = (enum mw_figure)__builtin_ctzll(left);
    mw_figures_set(&to->figures, figure, from->figures.values[figure]);
  }
  if (gaps & MW_FIGURE_SET_DEVICES)
    filled |= fill_devices(to, from);
  if (gaps & MW_FIGURE_SET_CPU_LIMIT)
    filled |= fill_cpu_limit(to, from);
  return filled;
}

/* ---- Network ---- */

#define NETWORK_FIGURES ((UINT64_C(1) << MW_NETWORK_FIGURE_COUNT) - 1)
#define NETWORK_INTERFACES (UINT64_C(1) << 62)
#define NETWORK_HOST (UINT64_C(1) << 63)

static int network_copy(void *to, const void *from, struct mw_error *err)
{
  return mw_network_sample_copy(to, from, err);
}

static void network_deinit(void *sample)
{
  mw_network_sample_deinit(sample);
}

static bool network_is_offered(const struct mw_stats_collector *collector)
{
  return collector->network != NULL;
}

static int network_ask(const struct mw_stats_collector *collector,
                       const struct mw_stats_request *request, void *out, struct mw_error *err)
{
  return collector->network(collector->data, request, out, err);
}

/* Not the namespace: one collector's numbers for namespaces mean nothing to another. */
static uint64_t network_gaps(const void *sample, mw_figure_set wanted)
{
  const struct mw_network_sample *has = sample;
  uint64_t gaps = NETWORK_FIGURES & ~(uint64_t)has->present;

  (void)wanted;
  if (has->interfaces_count == 0)
    gaps |= NETWORK_INTERFACES;
  if (has->host_network == MW_HOST_NETWORK_UNKNOWN)
    gaps |= NETWORK_HOST;
  return gaps;
}

static bool fill_interfaces(struct mw_network_sample *to, struct mw_network_sample *from)
{
  if (from->interfaces_count == 0)
    return false;
  SWAP(to->interfaces, from->interfaces);
  SWAP(to->interfaces_count, from->interfaces_count);
  SWAP(to->interfaces_capacity, from->interfaces_capacity);
  return true;
}

static bool network_fill(void *sample, void *filler, uint64_t gaps)
{
  struct mw_network_sample *to = sample, *from = filler;
  uint64_t figures = gaps & NETWORK_FIGURES & from->present;
  bool filled = figures != 0;

  for (uint64_t left = figures; left; left &= left - 1)
    to->values[__builtin_ctzll(left)] = from->values[__builtin_ctzll(left)];
  to->present |= (uint32_t)figures;
  if (gaps & NETWORK_INTERFACES)
    filled |= fill_interfaces(to, from);
  if (gaps & NETWORK_HOST && from->host_network != MW_HOST_NETWORK_UNKNOWN) {
    to->host_network = from->host_network;
    filled = true;
  }
  return filled;
}

/* ---- Processes ---- */

void mw_process_sample_deinit(struct mw_process_sample *sample)
{
  if (!sample)
    return;
  mw_pids_deinit(&sample->pids);
  *sample = (struct mw_process_sample){0};
}

int mw_process_sample_copy(struct mw_process_sample *to, const struct mw_process_sample *from,
                           struct mw_error *err)
{
  int rc = mw_pids_copy(&to->pids, &from->pids, err);

  if (rc < 0)
    return rc;
  to->read_ns = from->read_ns;
  to->origin = from->origin;
  to->totals = from->totals;
  return 0;
}

static int processes_copy(void *to, const void *from, struct mw_error *err)
{
  return mw_process_sample_copy(to, from, err);
}

static void processes_deinit(void *sample)
{
  mw_process_sample_deinit(sample);
}

static bool processes_is_offered(const struct mw_stats_collector *collector)
{
  return collector->processes != NULL;
}

static int processes_ask(const struct mw_stats_collector *collector,
                         const struct mw_stats_request *request, void *out, struct mw_error *err)
{
  return collector->processes(collector->data, request, out, err);
}

/* ---- The table ---- */

const struct mw_stats_kind_info mw_stats_kinds[MW_STATS_KIND_COUNT] = {
    [MW_STATS_CONTAINER] = {.noun = "figures",
                            .sample_bytes = sizeof(struct mw_cgroup_sample),
                            .read_ns_offset = offsetof(struct mw_cgroup_sample, read_ns),
                            .origin_offset = offsetof(struct mw_cgroup_sample, origin),
                            .copy = container_copy,
                            .deinit = container_deinit,
                            .is_offered = container_is_offered,
                            .ask = container_ask,
                            .covered = container_covered,
                            .gaps = container_gaps,
                            .fill = container_fill},
    [MW_STATS_NETWORK] = {.noun = "network figures",
                          .sample_bytes = sizeof(struct mw_network_sample),
                          .read_ns_offset = offsetof(struct mw_network_sample, read_ns),
                          .origin_offset = offsetof(struct mw_network_sample, origin),
                          .copy = network_copy,
                          .deinit = network_deinit,
                          .is_offered = network_is_offered,
                          .ask = network_ask,
                          .gaps = network_gaps,
                          .fill = network_fill},
    [MW_STATS_PROCESSES] = {.noun = "processes",
                            .sample_bytes = sizeof(struct mw_process_sample),
                            .read_ns_offset = offsetof(struct mw_process_sample, read_ns),
                            .origin_offset = offsetof(struct mw_process_sample, origin),
                            .copy = processes_copy,
                            .deinit = processes_deinit,
                            .is_offered = processes_is_offered,
                            .ask = processes_ask},
};
