/**
 * @file containers.h
 * Container cgroups made for measuring, with a sleeping process in each.
 *
 * The tree is /<root>/burstable/pod<uid>/<64 hex digits>, two containers to a pod, in every
 * hierarchy of version 1 that the agent reads, or in the one of version 2. The root is named after
 * this process, so two benchmarks do not meet. The processes of a pod have a network namespace of
 * their own (network.h), where this machine permits it.
 * Thread-safety: none.
 */
#ifndef BENCH_CONTAINERS_H
#define BENCH_CONTAINERS_H

#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "moonwatch/cgroup.h"
#include "moonwatch/error.h"
#include "network.h"

#define BENCH_CONTAINER_TOUCHED_BYTES ((size_t)128 << 10)

struct bench_hierarchy {
  char mount[PATH_MAX];
  int version;
  bool has_memory, has_cpuset;
};

struct bench_containers {
  char root[64]; /**< "mwbench-1234", below each mount */
  size_t hierarchies_count;
  struct bench_hierarchy hierarchies[MW_CONTROLLER_COUNT];
  size_t count; /**< that were begun */
  pid_t *pids;
  size_t *names;    /**< of each the number that its name is made of */
  size_t next_name; /**< for pods that are made later */
  struct bench_networks networks;
  struct mw_error networks_error; /**< code 0: each pod has one */
};

/** Find the hierarchies of this machine. Deinit frees, and removes nothing. */
int bench_containers_init(struct bench_containers *containers, struct mw_error *err);
void bench_containers_deinit(struct bench_containers *containers);

/**
 * Make @p count containers, and a cgroup "agent" for the process whose memory is measured. Where
 * namespaces are refused they go without, and networks_error says why.
 * Call bench_containers_remove afterwards, whatever this returned.
 * @return 0; -EINTR when @p stop was set meanwhile; -EACCES, -EPERM, -EROFS: this process may not.
 */
int bench_containers_make(struct bench_containers *containers, size_t count,
                          const volatile sig_atomic_t *stop, struct mw_error *err);

/**
 * Remove pod @p pod with its two containers, and make another one, of new names, in its place.
 * @return 0, or -errno.
 */
int bench_containers_replace_pod(struct bench_containers *containers, size_t pod,
                                 struct mw_error *err);

/** End the processes, remove the cgroups and wait until the namespaces are gone.
 *  @return 0, or -errno of the first that stayed. */
int bench_containers_remove(struct bench_containers *containers, struct mw_error *err);

/**
 * Let this process and its children see these containers alone: in a mount namespace of their own
 * the root becomes the top of each hierarchy. What others run neither counts nor disturbs.
 */
int bench_containers_isolate(const struct bench_containers *containers, struct mw_error *err);

/** Move this process, once isolated, into the cgroup "agent". */
int bench_containers_enter_agent(const struct bench_containers *containers, struct mw_error *err);

/** Memory charged to the cgroup "agent", kernel memory included. */
int bench_containers_agent_memory(const struct bench_containers *containers, uint64_t *bytes,
                                  struct mw_error *err);

/** What of it is the content of files, which the kernel gives up when somebody needs memory. */
int bench_containers_agent_file_memory(const struct bench_containers *containers, uint64_t *bytes,
                                       struct mw_error *err);

#endif
