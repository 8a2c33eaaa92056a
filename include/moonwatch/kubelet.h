/**
 * @file kubelet.h
 * The client of the kubelet of one node: finds it, asks it, and says what it lacks when it refuses.
 *
 * Where it is. With a url, there. Else at https://ADDRESS:10250, where ADDRESS is the node's
 * address, then its name (certificates that kubelets make for themselves name the node alone); and
 * only where plain http is allowed, at http://ADDRESS:10255. The first question that is asked is
 * the probe, since kubelets give different rights to their answers: who cannot be reached within
 * MW_KUBELET_PROBE_TIMEOUT_MS, or has no such answer (404, 5xx), is passed over; who answers, or
 * refuses (401, 403), is the kubelet, and whoever comes behind it is not asked.
 *
 * Failures. After one, the same question is asked again not before a second has passed, then two,
 * and so on up to five minutes, each shortened by up to a quarter by chance; until then it fails as
 * it did last. The two questions fail apart from each other.
 *
 * Secrets. A token goes by https alone, read from its file again when that has changed. Proxies of
 * the environment are not used. No redirect is followed.
 *
 * Source: pkg/kubelet/server of Kubernetes; kubernetes.io/docs "Kubelet authentication and
 * authorization". Thread-safety: a client belongs to one thread at a time, but for
 * mw_kubelet_cancel; several clients of the same kubelet share nothing.
 */
#ifndef MW_KUBELET_H
#define MW_KUBELET_H

#include <stdbool.h>
#include <stdint.h>

#include "moonwatch/clock.h"
#include "moonwatch/error.h"
#include "moonwatch/export.h"
#include "moonwatch/kubelet_pods.h"
#include "moonwatch/kubelet_summary.h"

#define MW_KUBELET_HTTPS_PORT 10250
#define MW_KUBELET_HTTP_PORT 10255
#define MW_KUBELET_PROBE_TIMEOUT_MS 1000
#define MW_KUBELET_TIMEOUT_DEFAULT_MS 10000
#define MW_KUBELET_RETRY_MIN_NS MW_NS_PER_S
#define MW_KUBELET_RETRY_MAX_NS (300 * MW_NS_PER_S)

struct mw_kubelet;

/** Texts may be NULL, and "" is as good; all are copied. */
struct mw_kubelet_config {
  const char *url;     /**< "https://10.0.0.7:10250"; a path is kept: that of a proxy */
  const char *node_ip; /**< "10.0.0.7", "fd00::7" */
  const char *node_name;
  const char *ca_file, *cert_file, *key_file, *token_file; /**< as in struct mw_http_credentials */
  /** A folder with "token" and "ca.crt", as pods have it: where the two above are NULL, and the
   *  file is there, it counts. NULL: none. */
  const char *service_account_dir;
  int64_t timeout_ms; /**< of an answer; 0: the default above */
  bool allow_http;    /**< of the url, and of what is tried last */
  bool insecure_skip_verify;
  const char *recorded_dir;     /**< as in struct mw_http_config */
  const struct mw_clock *clock; /**< NULL: the system's; borrowed; for pauses and expiry, not for
                                     how long an answer may take */
};

/**
 * Nothing is asked yet.
 * @return NULL: -ENOENT: there is neither url, node_ip nor node_name; -EINVAL: one of them is no
 * URL, address, or name, or the url is plain http, which is not allowed; -EINVAL: only one of
 * cert_file and key_file; as mw_http_new.
 */
MW_API struct mw_kubelet *mw_kubelet_new(const struct mw_kubelet_config *config,
                                         struct mw_error *err);
MW_API void mw_kubelet_free(struct mw_kubelet *kubelet); /**< accepts NULL */

/** As mw_http_cancel: from any thread. */
MW_API void mw_kubelet_cancel(struct mw_kubelet *kubelet);

/** Where it is, or was asked last: "https://10.0.0.7:10250". Borrowed until the next call. */
MW_API const char *mw_kubelet_url(const struct mw_kubelet *kubelet);

/**
 * Ask for /stats/summary. @p deadline_ns is on the system's monotonic clock; INT64_MAX: only
 * timeout_ms counts.
 * @return 0: @p out is the caller's, to be freed with mw_kubelet_summary_free. As mw_http_ask,
 * where -EACCES says what to grant; -EBADMSG, -EMSGSIZE, -ENOMEM: as
 * mw_kubelet_summary_reader_feed.
 */
MW_API int mw_kubelet_summary(struct mw_kubelet *kubelet, int64_t deadline_ns,
                              struct mw_kubelet_summary **out, struct mw_error *err);

/** As mw_kubelet_summary, for /pods. Pods that ended MW_KUBELET_POD_EXPIRY_DEFAULT_NS ago are left
 * out. */
MW_API int mw_kubelet_pods(struct mw_kubelet *kubelet, int64_t deadline_ns,
                           struct mw_kubelet_pods **out, struct mw_error *err);

#endif
