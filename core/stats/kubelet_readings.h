/**
 * @file kubelet_readings.h
 * The readings that are in a kubelet's stats summary, for its collector.
 *
 * CPU time, memory and traffic are there; limits, disk, processes, packets and swap traffic are
 * not. A reading is as old as the kubelet's item: its time on the wall becomes one of the monotonic
 * clock. What has no time gets that of the answer.
 *
 * Thread-safety: no state.
 */
#ifndef MW_STATS_KUBELET_READINGS_H
#define MW_STATS_KUBELET_READINGS_H

#include "moonwatch/cgroup.h"
#include "moonwatch/kubelet_summary.h"
#include "moonwatch/proc.h"
#include "moonwatch/stats.h"

/** When an answer was complete, by both clocks. */
struct mw_kubelet_moment {
  int64_t wall_ns; /**< since 1970 */
  int64_t monotonic_ns;
};

/**
 * Told of each container whose id is known; both readings are valid during the call. Containers of
 * a pod get the same network, whose namespace_id stands for the pod (mw_kubelet_isolation_id); a
 * pod without network figures has that alone, and present is 0.
 * @return 0 to go on, or -errno, which is what the caller gets.
 */
typedef int mw_kubelet_visit(void *data, const char *id, const struct mw_cgroup_sample *figures,
                             const struct mw_network_sample *network, struct mw_error *err);

/**
 * Visit the containers of @p summary. Those that @p lookup does not know are passed over.
 * @return 0, -ENOMEM, or what @p visit returned.
 */
int mw_kubelet_each_reading(const struct mw_kubelet_summary *summary,
                            const struct mw_kubelet_lookup *lookup,
                            const struct mw_kubelet_moment *complete, mw_kubelet_visit *visit,
                            void *data, struct mw_error *err);

/** FNV-1a of 64 bits over the bytes of @p pod_uid, as Datadog's agent numbers pods. */
uint64_t mw_kubelet_isolation_id(const char *pod_uid);

#endif
