/**
 * @file network.h
 * Network namespaces for the pods of a benchmark: each has lo and eth0, which has carried traffic.
 *
 * The other end of each eth0 is in one namespace apart, "outside", so the host's network is not
 * touched. The namespaces belong to the processes in them, and go when those end. Thread-safety:
 * none; entering one moves the calling thread.
 */
#ifndef BENCH_NETWORK_H
#define BENCH_NETWORK_H

#include <stddef.h>

#include "moonwatch/error.h"

struct bench_networks {
  int own;     /**< the namespace of this process, as it was */
  int link;    /**< a netlink socket outside */
  int packets; /**< a packet socket outside; interfaces are switched on and counted with it, too */
  size_t count;
};

#define BENCH_NETWORKS_NONE ((struct bench_networks){.own = -1, .link = -1, .packets = -1})

/** @return 0, or -errno: -EPERM may not, -EOPNOTSUPP no such thing in this kernel. Deinit it
 *  whatever this returned. */
int bench_networks_init(struct bench_networks *networks, struct mw_error *err);
void bench_networks_deinit(struct bench_networks *networks);

/** Move this process into a new one. @return 0, or -errno; it is back where it was at first then.
 */
int bench_networks_enter_new(struct bench_networks *networks, struct mw_error *err);

/** Move this process back; nothing to do when there are none. */
int bench_networks_leave(struct bench_networks *networks, struct mw_error *err);

/** The processes have ended: wait until the kernel has removed all that they had.
 *  @return 0, or -ETIMEDOUT. */
int bench_networks_wait_gone(struct bench_networks *networks, struct mw_error *err);

#endif
