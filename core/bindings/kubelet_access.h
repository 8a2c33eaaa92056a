/**
 * @file kubelet_access.h
 * The one way of a host's scripts to its kubelet: a client that they share, made when the first one
 * asks.
 *
 * Thread-safety: any thread may ask; one is served at a time, and the others wait, each no longer
 * than it may.
 */
#ifndef MW_KUBELET_ACCESS_H
#define MW_KUBELET_ACCESS_H

#include "moonwatch/kubelet.h"

struct mw_kubelet_access;

/**
 * @param config NULL: nothing is configured; texts are copied. Where it names no
 * service_account_dir, that of pods counts: below @p host_root, else below this process's own root,
 * for an agent in a pod that sees the host elsewhere.
 * @return NULL: -ENOMEM.
 */
struct mw_kubelet_access *mw_kubelet_access_new(const struct mw_kubelet_config *config,
                                                const char *host_root, struct mw_error *err);
void mw_kubelet_access_free(struct mw_kubelet_access *access); /**< accepts NULL */

/** As mw_kubelet_new and mw_kubelet_pods; -ETIMEDOUT also where another script asks for too long.
 */
int mw_kubelet_access_pods(struct mw_kubelet_access *access, int64_t deadline_ns,
                           struct mw_kubelet_pods **out, struct mw_error *err);

/** Does anything say where the kubelet is? */
bool mw_kubelet_access_is_configured(const struct mw_kubelet_access *access);

/** Are its answers recorded ones? */
bool mw_kubelet_access_is_recorded(const struct mw_kubelet_access *access);

/** Another client of the same kubelet, which is the caller's. @return as mw_kubelet_new. */
struct mw_kubelet *mw_kubelet_access_new_client(const struct mw_kubelet_access *access,
                                                struct mw_error *err);

#endif
