/**
 * @file kubelet_pods.h
 * What a kubelet answers to GET /pods, read while it arrives in pieces of any size.
 *
 * Everything may be absent: a text or pointer is NULL, a number is not known, a time is 0. Times
 * are nanoseconds since 1970. Lists are chains in the order of the answer; maps are chains sorted
 * by key. The texts are UTF-8 without NUL; memory is that of the list alone.
 *
 * Pods that have ended are left out when all their containers ended pod_expiry_ns ago, as
 * kubelets keep naming them for long.
 *
 * Source: the Pod of the Kubernetes API v1, as kubelets from 1.8 on list it; annotations
 * kubernetes.io/config.* from pkg/kubelet/types of Kubernetes.
 * Thread-safety: a reader belongs to one thread at a time; a list does not change.
 */
#ifndef MW_KUBELET_PODS_H
#define MW_KUBELET_PODS_H

#include "moonwatch/kubelet_values.h"

/** In the order in which they are looked for by name. */
enum mw_kubelet_container_kind {
  MW_KUBELET_INIT,
  MW_KUBELET_REGULAR,
  MW_KUBELET_EPHEMERAL,
  MW_KUBELET_CONTAINER_KIND_COUNT
};

struct mw_kubelet_port {
  struct mw_kubelet_port *next;
  struct mw_kubelet_integer number;
  struct mw_kubelet_integer host_number; /**< not known: none */
  const char *name, *host_ip;
  const char *protocol; /**< "TCP" */
};

struct mw_kubelet_variable {
  struct mw_kubelet_variable *next;
  const char *name;    /**< never NULL */
  const char *value;   /**< as written, $(OTHER) not expanded; NULL: empty, or from a reference */
  bool from_reference; /**< of a secret, a config map, the pod itself: not known here */
};

struct mw_kubelet_resources {
  struct mw_kubelet_number cpu_nanocores; /**< 10^9 is one CPU */
  struct mw_kubelet_number memory_bytes;
};

/** What is wanted of a container. */
struct mw_kubelet_container_spec {
  struct mw_kubelet_container_spec *next;
  const char *name; /**< never NULL */
  const char *image;
  const char *restart_policy; /**< "Always" makes a sidecar of an init container; since 1.28 */
  struct mw_kubelet_variable *env;
  struct mw_kubelet_port *ports;
  struct mw_kubelet_resources requests, limits;
};

enum mw_kubelet_state_kind {
  MW_KUBELET_STATE_UNKNOWN, /**< the kubelet did not say, which is as good as waiting */
  MW_KUBELET_WAITING,
  MW_KUBELET_RUNNING,
  MW_KUBELET_TERMINATED
};

struct mw_kubelet_state {
  enum mw_kubelet_state_kind kind;
  int64_t started_ns;                  /**< running, terminated */
  int64_t finished_ns;                 /**< terminated, like the next two */
  struct mw_kubelet_integer exit_code; /**< 137: killed */
  struct mw_kubelet_integer signal;
  const char *reason, *message; /**< waiting, terminated: "CrashLoopBackOff", "OOMKilled" */
};

/** What became of a container. */
struct mw_kubelet_container_status {
  struct mw_kubelet_container_status *next;
  const char *name;    /**< never NULL */
  const char *id;      /**< without its scheme; NULL: it never started */
  const char *runtime; /**< the scheme of its id: "containerd", "docker", "cri-o" */
  /** The runtime's name of the image. Where that is only a digest, as it is for containers that
   *  have ended: that of the image id; where that is one too, that of the spec. */
  const char *image;
  const char *image_id;    /**< without "docker-pullable://" */
  const char *repo_digest; /**< "repository@sha256:…", where the image id is one */
  struct mw_kubelet_state state, last_state;
  struct mw_kubelet_integer restarts_count;
  enum mw_kubelet_answer ready, started;
  /** Of the same kind and name. */
  const struct mw_kubelet_container_spec *spec;
};

struct mw_kubelet_pod_volume {
  struct mw_kubelet_pod_volume *next;
  const char *name;
  const char *claim_name; /**< NULL: it has no persistent volume claim */
};

struct mw_kubelet_owner {
  struct mw_kubelet_owner *next;
  const char *kind, *name, *uid;
  enum mw_kubelet_answer controller;
};

struct mw_kubelet_address {
  struct mw_kubelet_address *next;
  const char *ip; /**< never NULL */
};

struct mw_kubelet_pod {
  struct mw_kubelet_pod *next;
  const char *uid; /**< NULL only where pods do not expire */
  /** Under which cgroups and the stats summary know it: the uid, but for the mirror of a static pod
   *  that of the static pod. */
  const char *local_uid;
  const char *name, *namespace_;
  int64_t created_ns; /**< 0 for a static pod */
  int64_t deleted_ns; /**< when it is to be gone */
  int64_t started_ns;
  struct mw_kubelet_pair *labels, *annotations;
  struct mw_kubelet_owner *owners; /**< of old pods: from annotation kubernetes.io/created-by */

  const char *node_name, *priority_class, *runtime_class, *service_account;
  enum mw_kubelet_answer host_network; /**< a kubelet says only yes: unknown is no */
  struct mw_kubelet_integer run_as_user, run_as_group, fs_group;
  struct mw_kubelet_pod_volume *volumes;

  const char *phase; /**< "Pending", "Running", "Succeeded", "Failed", "Unknown" */
  const char *reason;
  const char *qos_class; /**< "Guaranteed", "Burstable", "BestEffort" */
  const char *host_ip;
  const char *ip;                         /**< the main one; NULL until the sandbox has a network */
  struct mw_kubelet_address *ips;         /**< that one too; since 1.16 */
  enum mw_kubelet_answer condition_ready; /**< of the condition of that name */

  struct mw_kubelet_container_spec *specs[MW_KUBELET_CONTAINER_KIND_COUNT];
  size_t specs_count[MW_KUBELET_CONTAINER_KIND_COUNT];
  struct mw_kubelet_container_status *statuses[MW_KUBELET_CONTAINER_KIND_COUNT];
  size_t statuses_count[MW_KUBELET_CONTAINER_KIND_COUNT];

  bool is_static; /**< its spec comes from a file or URL of the node */
  bool is_mirror; /**< the API server's image of a static pod */
  bool is_ready;  /**< running and ready, or tolerated, or a static pod without statuses yet */
};

/** More of one kind make a pod an oddity that is left out. */
#define MW_KUBELET_POD_CONTAINERS_MAX 10000

struct mw_kubelet_pods {
  struct mw_kubelet_pod *pods;
  size_t count;
  size_t expired_count;   /**< left out because they ended long ago */
  size_t null_count;      /**< elements of the list that were null */
  size_t too_large_count; /**< left out for MW_KUBELET_POD_CONTAINERS_MAX */
  struct mw_kubelet_oddities oddities;
};

#define MW_KUBELET_POD_EXPIRY_DEFAULT_NS (INT64_C(900) * 1000000000)

struct mw_kubelet_pods_config {
  int64_t now_ns;        /**< since 1970 */
  int64_t pod_expiry_ns; /**< usually the default above; 0 or less: pods do not expire */
  struct mw_kubelet_limits limits;
};

struct mw_kubelet_pods_reader;

/** @return NULL with -ENOMEM in @p err. */
MW_API struct mw_kubelet_pods_reader *
mw_kubelet_pods_reader_new(const struct mw_kubelet_pods_config *config, struct mw_error *err);
MW_API void mw_kubelet_pods_reader_free(struct mw_kubelet_pods_reader *reader); /**< NULL: ok */

/**
 * Read the next piece of the answer, which may end anywhere. After a failure every later call fails
 * the same way.
 * @return 0; -EBADMSG: not JSON (the text says why, and near which byte), or no pod list: that is
 * so for null and for a list that is null, which kubelets send for some seconds after their start,
 * while containers run; -EMSGSIZE: a ceiling; -ENOMEM.
 */
MW_API int mw_kubelet_pods_reader_feed(struct mw_kubelet_pods_reader *reader, const char *piece,
                                       size_t len_bytes, struct mw_error *err);

/**
 * No more pieces: take the list. The reader can only be freed then.
 * @return NULL: as mw_kubelet_pods_reader_feed, -EBADMSG also when the answer ends early.
 */
MW_API struct mw_kubelet_pods *mw_kubelet_pods_reader_take(struct mw_kubelet_pods_reader *reader,
                                                           struct mw_error *err);

MW_API void mw_kubelet_pods_free(struct mw_kubelet_pods *pods); /**< accepts NULL */

/** The memory that a list takes. */
MW_API size_t mw_kubelet_pods_bytes(const struct mw_kubelet_pods *pods);

/* ---- Looking things up ---- */

/** The first pod of that uid or local_uid; NULL: none. Borrowed as long as @p pods. */
MW_API const struct mw_kubelet_pod *mw_kubelet_pods_find(const struct mw_kubelet_pods *pods,
                                                         const char *uid);

/**
 * The status with an id of the container @p name; of several the last one counts, in the order
 * init, regular, ephemeral. NULL: none.
 */
MW_API const struct mw_kubelet_container_status *
mw_kubelet_pod_find_container(const struct mw_kubelet_pod *pod, const char *name);

/** The value of @p key in a map; NULL: it is not there. */
MW_API const char *mw_kubelet_map_get(const struct mw_kubelet_pair *map, const char *key);

#endif
