/**
 * @file kubelet_summary.h
 * What a kubelet answers to GET /stats/summary, read while it arrives in pieces of any size.
 *
 * Everything but the oddities may be absent: a pointer is NULL, a number is not known, a time is 0.
 * Times are nanoseconds since 1970. Figures lag: each item has a time of its own, some seconds old,
 * and rates come from that. Lists are chains in the order of the answer, which changes from one
 * answer to the next. The texts are UTF-8 without NUL; memory is that of the summary alone.
 *
 * Source: the Summary API v1alpha1 of the kubelet (k8s.io/kubelet/pkg/apis/stats/v1alpha1), as
 * kubelets from 1.8 to 1.36 send it; those of Windows leave much out.
 * Thread-safety: a reader belongs to one thread at a time; a summary does not change.
 */
#ifndef MW_KUBELET_SUMMARY_H
#define MW_KUBELET_SUMMARY_H

#include "moonwatch/kubelet_values.h"

/** Time that tasks waited. Since 1.33, on hosts with pressure figures. */
struct mw_kubelet_pressure {
  /** Counts up. The API says ns, while kubelets pass on what the kernel counts, which is us: use it
   *  only where the kubelet at hand is known. */
  struct mw_kubelet_number total;
  struct mw_kubelet_decimal avg10_percent, avg60_percent, avg300_percent;
};

struct mw_kubelet_pressures {
  struct mw_kubelet_pressure some, full;
};

struct mw_kubelet_cpu {
  int64_t time_ns;
  struct mw_kubelet_number usage_nanocores; /**< absent in the first sample of a container */
  struct mw_kubelet_number usage_core_ns;   /**< counts up */
  struct mw_kubelet_pressures *psi;
};

struct mw_kubelet_memory {
  int64_t time_ns;
  struct mw_kubelet_number available_bytes; /**< absent where there is no limit */
  struct mw_kubelet_number usage_bytes;
  struct mw_kubelet_number working_set_bytes; /**< all that Windows knows */
  struct mw_kubelet_number rss_bytes;         /**< absent: the node is Windows */
  struct mw_kubelet_number page_faults_total; /**< 0 for pods on cgroup version 1 */
  struct mw_kubelet_number major_page_faults_total;
  struct mw_kubelet_pressures *psi;
};

/** Since 1.28. */
struct mw_kubelet_swap {
  int64_t time_ns;
  struct mw_kubelet_number available_bytes, usage_bytes;
};

/** Since 1.33. */
struct mw_kubelet_io {
  int64_t time_ns;
  struct mw_kubelet_pressures *psi;
};

/** available, capacity, inodes and inodes_free are those of the whole file system beneath. */
struct mw_kubelet_filesystem {
  int64_t time_ns;
  struct mw_kubelet_number available_bytes, capacity_bytes, used_bytes;
  struct mw_kubelet_number inodes_free, inodes, inodes_used;
};

struct mw_kubelet_volume {
  struct mw_kubelet_volume *next;
  const char *name;                         /**< never NULL */
  const char *claim_name, *claim_namespace; /**< NULL: no claim */
  struct mw_kubelet_filesystem filesystem;
};

struct mw_kubelet_interface {
  struct mw_kubelet_interface *next;
  const char *name; /**< NULL for the default one: there is none */
  struct mw_kubelet_number received_bytes, receive_errors, sent_bytes, send_errors; /**< count up */
};

struct mw_kubelet_network {
  int64_t time_ns;
  struct mw_kubelet_interface default_interface; /**< also among the others */
  struct mw_kubelet_interface *interfaces;       /**< each has a name */
};

struct mw_kubelet_container_stats {
  struct mw_kubelet_container_stats *next;
  const char *name; /**< never NULL */
  int64_t start_ns;
  struct mw_kubelet_cpu *cpu;
  struct mw_kubelet_memory *memory;
  struct mw_kubelet_swap *swap;
  struct mw_kubelet_io *io;
  struct mw_kubelet_filesystem *rootfs, *logs;
};

struct mw_kubelet_pod_stats {
  struct mw_kubelet_pod_stats *next;
  const char *uid; /**< never NULL */
  const char *name, *namespace_;
  int64_t start_ns;
  struct mw_kubelet_container_stats *containers; /**< those that run, and no pause container */
  struct mw_kubelet_cpu *cpu;
  struct mw_kubelet_memory *memory;
  struct mw_kubelet_swap *swap;
  struct mw_kubelet_io *io;
  struct mw_kubelet_network *network; /**< of a pod with host network: that of the node */
  struct mw_kubelet_volume *volumes;  /**< none until they were looked at for the first time */
  struct mw_kubelet_filesystem *ephemeral_storage;
  struct mw_kubelet_number processes_count;
};

struct mw_kubelet_rlimit {
  int64_t time_ns;
  struct mw_kubelet_integer pids_max, processes_count;
};

struct mw_kubelet_node_stats {
  const char *name;
  int64_t start_ns;
  struct mw_kubelet_container_stats *system_containers; /**< "kubelet", "runtime", "pods", "misc" */
  struct mw_kubelet_cpu *cpu;
  struct mw_kubelet_memory *memory;
  struct mw_kubelet_swap *swap;
  struct mw_kubelet_io *io;
  struct mw_kubelet_network *network;
  struct mw_kubelet_filesystem *filesystem;
  struct mw_kubelet_filesystem *image_filesystem;     /**< of the runtime's images */
  struct mw_kubelet_filesystem *container_filesystem; /**< of their writable layers, since 1.29 */
  struct mw_kubelet_rlimit *rlimit;
};

struct mw_kubelet_summary {
  struct mw_kubelet_node_stats node;
  struct mw_kubelet_pod_stats *pods; /**< those with a container that runs */
  size_t pods_count;
  struct mw_kubelet_oddities oddities;
};

/** At most so many in a pod; what is behind them is an oddity. */
#define MW_KUBELET_CONTAINERS_MAX 10000
#define MW_KUBELET_INTERFACES_MAX 65536

struct mw_kubelet_summary_reader;

/** @param limits NULL: the defaults. @return NULL with -ENOMEM in @p err. */
MW_API struct mw_kubelet_summary_reader *
mw_kubelet_summary_reader_new(const struct mw_kubelet_limits *limits, struct mw_error *err);
MW_API void
mw_kubelet_summary_reader_free(struct mw_kubelet_summary_reader *reader); /**< NULL: ok */

/**
 * Read the next piece of the answer, which may end anywhere. After a failure every later call fails
 * the same way.
 * @return 0; -EBADMSG: not JSON (the text says why, and near which byte), or no summary;
 * -EMSGSIZE: a ceiling; -ENOMEM.
 */
MW_API int mw_kubelet_summary_reader_feed(struct mw_kubelet_summary_reader *reader,
                                          const char *piece, size_t len_bytes,
                                          struct mw_error *err);

/**
 * No more pieces: take the summary. The reader can only be freed then.
 * @return NULL: as mw_kubelet_summary_reader_feed, -EBADMSG also when the answer ends early.
 */
MW_API struct mw_kubelet_summary *
mw_kubelet_summary_reader_take(struct mw_kubelet_summary_reader *reader, struct mw_error *err);

MW_API void mw_kubelet_summary_free(struct mw_kubelet_summary *summary); /**< accepts NULL */

/** The memory that a summary takes. */
MW_API size_t mw_kubelet_summary_bytes(const struct mw_kubelet_summary *summary);

#endif
