/**
 * @file refusal.h
 * What a kubelet means when it says no, and what cures it.
 * Thread-safety: no state.
 */
#ifndef MW_KUBELET_REFUSAL_H
#define MW_KUBELET_REFUSAL_H

#include "moonwatch/http.h"

#define MW_KUBELET_RULE_BYTES 160

/** Which right of the API group "" opens a path: both are subresources of nodes. */
struct mw_kubelet_right {
  const char *subresource; /**< "stats" */
  const char *older;       /**< what kubelets ask for that do not know it; NULL: the same */
};

/** The right for "/pods", "/stats/summary", "/metrics/cadvisor". */
struct mw_kubelet_right mw_kubelet_right_for(const char *path);

/** As a rule of a ClusterRole: {apiGroups: [""], resources: [nodes/stats], verbs: [get]}. */
void mw_kubelet_rule(const char *subresource, char out[static MW_KUBELET_RULE_BYTES]);

/** Did the kubelet, which said @p said, look at nodes/@p subresource alone? */
bool mw_kubelet_wanted(const char *said, const char *subresource);

/**
 * The kubelet at @p url answered the question for @p path with a status that is not 2xx, which is
 * told in @p err with the code @p rc: say what it means of a kubelet, with the cure, where there is
 * more to say. @return @p rc, or the code of the new text.
 */
int mw_kubelet_refused(int rc, const char *url, const char *path,
                       const struct mw_http_credentials *credentials,
                       const struct mw_http_answer *answer, struct mw_error *err);

/** Add what cures a certificate that is not believed to the text in @p err. */
void mw_kubelet_not_believed(const struct mw_http_credentials *credentials, struct mw_error *err);

#endif
