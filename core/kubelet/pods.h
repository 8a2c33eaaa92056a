/**
 * @file pods.h
 * The inside of the pod list, for its reader and for tests. What is promised is in
 * moonwatch/kubelet_pods.h.
 *
 *   pods.c         the reader, and looking things up
 *   pods_tables.c  which member of the API is which of the structs
 *   pods_join.c    what is made of a pod once it is complete
 *
 * Thread-safety: as the reader; the tables are constant.
 */
#ifndef MW_KUBELET_PODS_INSIDE_H
#define MW_KUBELET_PODS_INSIDE_H

#include "kubelet/decoder.h"
#include "moonwatch/kubelet_pods.h"

/** A list, and what the caller does not see of it. */
struct mw_kubelet_pods_result {
  struct mw_kubelet_pods list; /**< first: who frees it has this address */
  struct mw_arena arena;
  int64_t now_ns, pod_expiry_ns;
  /** Sorted by uid, then by place; owned. */
  struct mw_kubelet_uid {
    const char *uid;
    size_t place; /**< of the pod in the list */
    const struct mw_kubelet_pod *pod;
  } * by_uid;
  size_t by_uid_count;
};

/** Of a struct mw_kubelet_pods_result. */
extern const struct mw_shape mw_kubelet_pods_shape;

/** The finish of a pod: owners, ids, images, readiness, expiry. */
int mw_kubelet_finish_pod(struct mw_decoder *decoder, void *owner, void *record,
                          struct mw_error *err);
/** The finish of a status. */
int mw_kubelet_finish_status(struct mw_decoder *decoder, void *owner, void *record,
                             struct mw_error *err);

/**
 * The owner that annotation kubernetes.io/created-by names, taken from @p arena; NULL when @p text
 * names none. @return 0, -ENOMEM, or -EMSGSIZE at the ceiling.
 */
int mw_kubelet_parse_created_by(const char *text, struct mw_arena *arena,
                                struct mw_kubelet_owner **out, struct mw_error *err);

#endif
