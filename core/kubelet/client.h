/**
 * @file client.h
 * For a diagnosis: any GET, and all that is known of its answer. What is promised of the client is
 * in moonwatch/kubelet.h.
 */
#ifndef MW_KUBELET_CLIENT_H
#define MW_KUBELET_CLIENT_H

#include "moonwatch/http.h"
#include "moonwatch/kubelet.h"

/**
 * Ask for @p path ("/metrics/cadvisor") and drop the answer, without a pause after failures.
 * @p answer is filled in any case. @return as mw_kubelet_summary.
 */
int mw_kubelet_try(struct mw_kubelet *kubelet, const char *path, int64_t deadline_ns,
                   struct mw_http_answer *answer, struct mw_error *err);

/** Borrowed as long as the client: the files that count. */
const struct mw_http_credentials *mw_kubelet_credentials(const struct mw_kubelet *kubelet);

#endif
