/* The members of the Summary API, each table in the order in which kubelets write them. */
#include <stddef.h>

#include "kubelet/summary.h"

/* ---- Pressure ---- */

static const struct mw_member pressure_members[] = {
    MW_MEMBER("total", NUMBER, struct mw_kubelet_pressure, total),
    MW_MEMBER("avg10", DECIMAL, struct mw_kubelet_pressure, avg10_percent),
    MW_MEMBER("avg60", DECIMAL, struct mw_kubelet_pressure, avg60_percent),
    MW_MEMBER("avg300", DECIMAL, struct mw_kubelet_pressure, avg300_percent),
};
static const struct mw_shape pressure_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_pressure), pressure_members, .finish = NULL);

static const struct mw_member pressures_members[] = {
    MW_MEMBER_OF("full", PART, struct mw_kubelet_pressures, full, pressure_shape),
    MW_MEMBER_OF("some", PART, struct mw_kubelet_pressures, some, pressure_shape),
};
static const struct mw_shape pressures_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_pressures), pressures_members, .finish = NULL);

/* ---- Resources ---- */

static const struct mw_member cpu_members[] = {
    MW_MEMBER("time", TIME, struct mw_kubelet_cpu, time_ns),
    MW_MEMBER("usageNanoCores", NUMBER, struct mw_kubelet_cpu, usage_nanocores),
    MW_MEMBER("usageCoreNanoSeconds", NUMBER, struct mw_kubelet_cpu, usage_core_ns),
    MW_MEMBER_OF("psi", RECORD, struct mw_kubelet_cpu, psi, pressures_shape),
};
static const struct mw_shape cpu_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_cpu), cpu_members, .finish = NULL);

static const struct mw_member memory_members[] = {
    MW_MEMBER("time", TIME, struct mw_kubelet_memory, time_ns),
    MW_MEMBER("availableBytes", NUMBER, struct mw_kubelet_memory, available_bytes),
    MW_MEMBER("usageBytes", NUMBER, struct mw_kubelet_memory, usage_bytes),
    MW_MEMBER("workingSetBytes", NUMBER, struct mw_kubelet_memory, working_set_bytes),
    MW_MEMBER("rssBytes", NUMBER, struct mw_kubelet_memory, rss_bytes),
    MW_MEMBER("pageFaults", NUMBER, struct mw_kubelet_memory, page_faults_total),
    MW_MEMBER("majorPageFaults", NUMBER, struct mw_kubelet_memory, major_page_faults_total),
    MW_MEMBER_OF("psi", RECORD, struct mw_kubelet_memory, psi, pressures_shape),
};
static const struct mw_shape memory_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_memory), memory_members, .finish = NULL);

static const struct mw_member io_members[] = {
    MW_MEMBER("time", TIME, struct mw_kubelet_io, time_ns),
    MW_MEMBER_OF("psi", RECORD, struct mw_kubelet_io, psi, pressures_shape),
};
static const struct mw_shape io_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_io), io_members, .finish = NULL);

static const struct mw_member swap_members[] = {
    MW_MEMBER("time", TIME, struct mw_kubelet_swap, time_ns),
    MW_MEMBER("swapAvailableBytes", NUMBER, struct mw_kubelet_swap, available_bytes),
    MW_MEMBER("swapUsageBytes", NUMBER, struct mw_kubelet_swap, usage_bytes),
};
static const struct mw_shape swap_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_swap), swap_members, .finish = NULL);

/* ---- File systems ---- */

#define FILESYSTEM_MEMBERS(type, prefix)                                                           \
  MW_MEMBER("time", TIME, type, prefix time_ns),                                                   \
      MW_MEMBER("availableBytes", NUMBER, type, prefix available_bytes),                           \
      MW_MEMBER("capacityBytes", NUMBER, type, prefix capacity_bytes),                             \
      MW_MEMBER("usedBytes", NUMBER, type, prefix used_bytes),                                     \
      MW_MEMBER("inodesFree", NUMBER, type, prefix inodes_free),                                   \
      MW_MEMBER("inodes", NUMBER, type, prefix inodes),                                            \
      MW_MEMBER("inodesUsed", NUMBER, type, prefix inodes_used)

static const struct mw_member filesystem_members[] = {
    FILESYSTEM_MEMBERS(struct mw_kubelet_filesystem, ),
};
static const struct mw_shape filesystem_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_filesystem), filesystem_members, .finish = NULL);

static int finish_volume(struct mw_decoder *decoder, void *owner, void *record,
                         struct mw_error *err)
{
  const struct mw_kubelet_volume *volume = record;

  (void)owner;
  (void)err;
  return mw_decoder_require(decoder, volume->name, "a volume without a name");
}

static const struct mw_member claim_members[] = {
    MW_MEMBER("name", TEXT, struct mw_kubelet_volume, claim_name),
    MW_MEMBER("namespace", TEXT, struct mw_kubelet_volume, claim_namespace),
};
static const struct mw_shape claim_shape = MW_SHAPE(0, claim_members, .finish = NULL);

static const struct mw_member volume_members[] = {
    FILESYSTEM_MEMBERS(struct mw_kubelet_volume, filesystem.),
    MW_MEMBER("name", TEXT, struct mw_kubelet_volume, name),
    MW_MEMBER_HERE("pvcRef", claim_shape),
};
static const struct mw_shape volume_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_volume), volume_members, .finish = finish_volume);

/* ---- Network ---- */

static int finish_interface(struct mw_decoder *decoder, void *owner, void *record,
                            struct mw_error *err)
{
  const struct mw_kubelet_interface *interface = record;

  (void)owner;
  (void)err;
  return mw_decoder_require(decoder, interface->name, "an interface without a name");
}

#define INTERFACE_MEMBERS(type, prefix)                                                            \
  MW_MEMBER("name", TEXT, type, prefix name),                                                      \
      MW_MEMBER("rxBytes", NUMBER, type, prefix received_bytes),                                   \
      MW_MEMBER("rxErrors", NUMBER, type, prefix receive_errors),                                  \
      MW_MEMBER("txBytes", NUMBER, type, prefix sent_bytes),                                       \
      MW_MEMBER("txErrors", NUMBER, type, prefix send_errors)

static const struct mw_member interface_members[] = {
    INTERFACE_MEMBERS(struct mw_kubelet_interface, ),
};
static const struct mw_shape interface_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_interface), interface_members, .finish = finish_interface);

static const struct mw_member network_members[] = {
    MW_MEMBER("time", TIME, struct mw_kubelet_network, time_ns),
    INTERFACE_MEMBERS(struct mw_kubelet_network, default_interface.),
    MW_MEMBER_LIST_OF("interfaces", struct mw_kubelet_network, interfaces, interface_shape,
                      .max = MW_KUBELET_INTERFACES_MAX),
};
static const struct mw_shape network_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_network), network_members, .finish = NULL);

/* ---- Containers and pods ---- */

static int finish_container(struct mw_decoder *decoder, void *owner, void *record,
                            struct mw_error *err)
{
  const struct mw_kubelet_container_stats *container = record;

  (void)owner;
  (void)err;
  return mw_decoder_require(decoder, container->name, "a container without a name");
}

static const struct mw_member container_members[] = {
    MW_MEMBER("name", TEXT, struct mw_kubelet_container_stats, name),
    MW_MEMBER("startTime", TIME, struct mw_kubelet_container_stats, start_ns),
    MW_MEMBER_OF("cpu", RECORD, struct mw_kubelet_container_stats, cpu, cpu_shape),
    MW_MEMBER_OF("memory", RECORD, struct mw_kubelet_container_stats, memory, memory_shape),
    MW_MEMBER_OF("io", RECORD, struct mw_kubelet_container_stats, io, io_shape),
    MW_MEMBER_OF("rootfs", RECORD, struct mw_kubelet_container_stats, rootfs, filesystem_shape),
    MW_MEMBER_OF("logs", RECORD, struct mw_kubelet_container_stats, logs, filesystem_shape),
    MW_MEMBER_OF("swap", RECORD, struct mw_kubelet_container_stats, swap, swap_shape),
};
static const struct mw_shape container_shape = MW_SHAPE(
    sizeof(struct mw_kubelet_container_stats), container_members, .finish = finish_container);

static int finish_pod(struct mw_decoder *decoder, void *owner, void *record, struct mw_error *err)
{
  const struct mw_kubelet_pod_stats *pod = record;

  (void)owner;
  (void)err;
  return mw_decoder_require(decoder, pod->uid, "a pod without podRef.uid");
}

static const struct mw_member reference_members[] = {
    MW_MEMBER("name", TEXT, struct mw_kubelet_pod_stats, name),
    MW_MEMBER("namespace", TEXT, struct mw_kubelet_pod_stats, namespace_),
    MW_MEMBER("uid", TEXT, struct mw_kubelet_pod_stats, uid),
};
static const struct mw_shape reference_shape = MW_SHAPE(0, reference_members, .finish = NULL);

static const struct mw_member processes_members[] = {
    MW_MEMBER("process_count", NUMBER, struct mw_kubelet_pod_stats, processes_count),
};
static const struct mw_shape processes_shape = MW_SHAPE(0, processes_members, .finish = NULL);

static const struct mw_member pod_members[] = {
    MW_MEMBER_HERE("podRef", reference_shape),
    MW_MEMBER("startTime", TIME, struct mw_kubelet_pod_stats, start_ns),
    MW_MEMBER_LIST_OF("containers", struct mw_kubelet_pod_stats, containers, container_shape,
                      .max = MW_KUBELET_CONTAINERS_MAX),
    MW_MEMBER_OF("cpu", RECORD, struct mw_kubelet_pod_stats, cpu, cpu_shape),
    MW_MEMBER_OF("memory", RECORD, struct mw_kubelet_pod_stats, memory, memory_shape),
    MW_MEMBER_OF("io", RECORD, struct mw_kubelet_pod_stats, io, io_shape),
    MW_MEMBER_OF("network", RECORD, struct mw_kubelet_pod_stats, network, network_shape),
    MW_MEMBER_LIST_OF("volume", struct mw_kubelet_pod_stats, volumes, volume_shape,
                      .max = MW_KUBELET_CONTAINERS_MAX),
    MW_MEMBER_OF("ephemeral-storage", RECORD, struct mw_kubelet_pod_stats, ephemeral_storage,
                 filesystem_shape),
    MW_MEMBER_HERE("process_stats", processes_shape),
    MW_MEMBER_OF("swap", RECORD, struct mw_kubelet_pod_stats, swap, swap_shape),
};
static const struct mw_shape pod_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_pod_stats), pod_members, .finish = finish_pod);

/* ---- The node ---- */

static const struct mw_member runtime_members[] = {
    MW_MEMBER_OF("imageFs", RECORD, struct mw_kubelet_node_stats, image_filesystem,
                 filesystem_shape),
    MW_MEMBER_OF("containerFs", RECORD, struct mw_kubelet_node_stats, container_filesystem,
                 filesystem_shape),
};
static const struct mw_shape runtime_shape = MW_SHAPE(0, runtime_members, .finish = NULL);

static const struct mw_member rlimit_members[] = {
    MW_MEMBER("time", TIME, struct mw_kubelet_rlimit, time_ns),
    MW_MEMBER("maxpid", INTEGER, struct mw_kubelet_rlimit, pids_max),
    MW_MEMBER("curproc", INTEGER, struct mw_kubelet_rlimit, processes_count),
};
static const struct mw_shape rlimit_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_rlimit), rlimit_members, .finish = NULL);

static const struct mw_member node_members[] = {
    MW_MEMBER("nodeName", TEXT, struct mw_kubelet_node_stats, name),
    MW_MEMBER_LIST_OF("systemContainers", struct mw_kubelet_node_stats, system_containers,
                      container_shape, .max = MW_KUBELET_CONTAINERS_MAX),
    MW_MEMBER("startTime", TIME, struct mw_kubelet_node_stats, start_ns),
    MW_MEMBER_OF("cpu", RECORD, struct mw_kubelet_node_stats, cpu, cpu_shape),
    MW_MEMBER_OF("memory", RECORD, struct mw_kubelet_node_stats, memory, memory_shape),
    MW_MEMBER_OF("io", RECORD, struct mw_kubelet_node_stats, io, io_shape),
    MW_MEMBER_OF("network", RECORD, struct mw_kubelet_node_stats, network, network_shape),
    MW_MEMBER_OF("fs", RECORD, struct mw_kubelet_node_stats, filesystem, filesystem_shape),
    MW_MEMBER_HERE("runtime", runtime_shape),
    MW_MEMBER_OF("rlimit", RECORD, struct mw_kubelet_node_stats, rlimit, rlimit_shape),
    MW_MEMBER_OF("swap", RECORD, struct mw_kubelet_node_stats, swap, swap_shape),
};
static const struct mw_shape node_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_node_stats), node_members, .finish = NULL);

static const struct mw_member summary_members[] = {
    MW_MEMBER_OF("node", PART, struct mw_kubelet_summary, node, node_shape),
    MW_MEMBER_LIST_OF("pods", struct mw_kubelet_summary, pods, pod_shape, .must_be = true,
                      .count_offset = offsetof(struct mw_kubelet_summary, pods_count)),
};

const struct mw_shape mw_kubelet_summary_shape =
    MW_SHAPE(sizeof(struct mw_kubelet_summary), summary_members, .finish = NULL);
