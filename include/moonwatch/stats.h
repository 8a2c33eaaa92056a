/**
 * @file stats.h
 * The cached stats API: "the numbers of container X, at most V milliseconds old".
 *
 * There are three kinds of readings: the figures of a container, its network, its processes. They
 * come from collectors, behind one cache.
 *
 * Cache. A reading is as old as its read_ns, which is when it was complete, in a collector that
 * keeps readings itself, too. It is given out again while it is not older than the caller accepts
 * (an age equal to the bound is a hit); a bound of 0 or less always reads. Failures are kept like
 * readings, to spare the source, until a collector becomes ready. One reading of a container and
 * kind is in flight at a time: who asks meanwhile gets its result. Entries leave one by one, when
 * nobody has renewed them for the retention time. The cache knows no inventory: it is asked by {id,
 * runtime, namespace}.
 *
 * Collectors. Of those that offer a kind for the runtime of a container the one of the lowest
 * priority is asked first, of equals the one whose name sorts first; when it fails, the next. When
 * all fail the code is that of the first, and the text has the others' behind it. What the one that
 * answered lacks is filled in from one of those behind it that are cheap to ask (fills_gaps).
 *
 * Rates. Two readings are of the same container when they have the same inode, and their counters
 * can be compared when they have the same origin (origin.h): a rate needs both. So that origins do
 * not change back and forth, the collector that once filled a gap of a container keeps doing so,
 * and the gap is open while it fails.
 *
 * Time. A caller waits for somebody else's reading, and collectors are given, wait_max_ms in all.
 * After that nothing more is begun for it. Who would then rather have old numbers asks again with
 * a larger max_age_ms, which does not wait while any are kept.
 *
 * Thread-safety: a struct mw_stats may be shared by all threads.
 */
#ifndef MW_STATS_H
#define MW_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/cgroup.h"
#include "moonwatch/clock.h"
#include "moonwatch/error.h"
#include "moonwatch/export.h"
#include "moonwatch/host.h"
#include "moonwatch/kubelet_summary.h"
#include "moonwatch/origin.h"
#include "moonwatch/pids.h"
#include "moonwatch/place.h"
#include "moonwatch/proc.h"

struct mw_stats;

struct mw_container_places;

/** Which container; NULL stands for "". */
struct mw_container_ref {
  const char *id;
  const char *runtime;
  const char *namespace_;
  struct mw_container_places *places; /**< of this reference alone; NULL: look everywhere */
};

/** All three texts of a reference together may have this many bytes. */
#define MW_STATS_KEY_BYTES (MW_CGROUP_ID_BYTES + 2 * MW_CGROUP_WORD_BYTES)

/** The processes of a container. Zero it before the first use; it keeps its memory for the next. */
struct mw_process_sample {
  int64_t read_ns; /**< monotonic, when the list was complete */
  struct mw_origin origin;
  struct mw_pids pids;
  struct mw_process_totals totals;
};

MW_API void mw_process_sample_deinit(struct mw_process_sample *sample);

/** Copy @p from into @p to, which keeps and grows its own memory. @return 0 or -ENOMEM. */
MW_API int mw_process_sample_copy(struct mw_process_sample *to,
                                  const struct mw_process_sample *from, struct mw_error *err);

/* ---- Collectors -------------------------------------------------------------------------- */

enum mw_stats_kind {
  MW_STATS_CONTAINER, /**< struct mw_cgroup_sample */
  MW_STATS_NETWORK,   /**< struct mw_network_sample */
  MW_STATS_PROCESSES, /**< struct mw_process_sample */
  MW_STATS_KIND_COUNT
};

/** Where a container was found last, see place.h: in the cache, and by the collector of this host.
 */
struct mw_container_places {
  struct mw_place readings[MW_STATS_KIND_COUNT];
  struct mw_place cgroup;
  struct mw_place network;
};

/** What a collector can say about containers of one runtime, and how good it is at it. */
struct mw_stats_offer {
  const char *runtime; /**< NULL: every runtime */
  unsigned kinds;      /**< bit 1 << enum mw_stats_kind; 0: none, it can only tell ids */
  int priority;        /**< lower is asked first; of several that fit the lowest counts */
};

/** What a collector is asked. */
struct mw_stats_request {
  struct mw_container_ref container; /**< id is neither NULL nor "" */
  int64_t max_age_ms;   /**< accepted of what the collector itself keeps; 0 or less: read */
  mw_figure_set wanted; /**< of the figures of a container, and whether devices are; a reading may
                             have more, and says in `covered` what it looked for */
  int64_t deadline_ns;  /**< of CLOCK_MONOTONIC, whatever the cache's clock: nobody waits longer */
};

/**
 * A source of numbers. Its functions are called from any thread, several at once but for one
 * container and kind one at a time, without a lock held. A reading is zeroed or holds an earlier
 * one, of whatever container, whose memory may be used again; on failure what it holds does not
 * matter. A function that blocks comes back at the request's deadline with -ETIMEDOUT and goes on
 * in a thread of its own. All return 0, or a negative errno with the error filled; -ENOENT: no such
 * container here.
 */
struct mw_stats_collector {
  const char *name; /**< "cgroup": in origins and errors; lives as long as the struct mw_stats */
  void *data;       /**< of the caller; lives as long as the struct mw_stats */
  bool fills_gaps;  /**< cheap to ask: is asked for what a better collector lacks */

  const struct mw_stats_offer *offers; /**< when probe is NULL; borrowed */
  size_t offers_count;
  /**
   * Finds out whether the collector works here; NULL: it does. Called by whoever needs numbers, one
   * at a time, and again until it has returned 0 or -ENOTSUP; @p deadline_ns as in a request.
   * @return 0: ready, with the offers (borrowed); -EAGAIN: not yet, asked again after 2 s;
   * -ENOTSUP: never here; others: asked again after 2 to 4 s, and ever later, up to 60 s.
   */
  int (*probe)(void *data, int64_t deadline_ns, const struct mw_stats_offer **offers,
               size_t *offers_count, struct mw_error *err);

  /* Those of kinds that are not offered may be NULL. */
  int (*container)(void *data, const struct mw_stats_request *request, struct mw_cgroup_sample *out,
                   struct mw_error *err);
  int (*network)(void *data, const struct mw_stats_request *request, struct mw_network_sample *out,
                 struct mw_error *err);
  int (*processes)(void *data, const struct mw_stats_request *request,
                   struct mw_process_sample *out, struct mw_error *err);

  /* Which container is it? NULL: cannot tell. -ENOENT: none that this one knows. They do not block.
   */
  int (*id_of_pid)(void *data, int32_t pid, char id[static MW_CGROUP_ID_BYTES],
                   struct mw_error *err);
  int (*id_of_inode)(void *data, uint64_t inode, char id[static MW_CGROUP_ID_BYTES],
                     struct mw_error *err);
  int (*own_id)(void *data, char id[static MW_CGROUP_ID_BYTES], struct mw_error *err);

  void (*sweep)(void *data); /**< drop what belongs to containers that are gone; may be NULL */
};

#define MW_STATS_COLLECTORS_MAX 16

/**
 * Add a collector, whose struct is copied. Other threads may be at work with @p stats.
 * @return 0; -EINVAL: no name, or it offers a kind that it has no function for; -EEXIST: the name
 * is taken; -ENOSPC: MW_STATS_COLLECTORS_MAX are there.
 */
MW_API int mw_stats_add_collector(struct mw_stats *stats,
                                  const struct mw_stats_collector *collector, struct mw_error *err);

/* ---- Readings ---------------------------------------------------------------------------- */

struct mw_stats_config {
  const struct mw_clock *clock; /**< NULL: the system's; that of the collectors, too */
  int64_t retention_ms;         /**< 0: 30,000 */
  int64_t wait_max_ms;          /**< for somebody else's reading, and for collectors; 0: 10,000 */
  size_t entries_max;           /**< of all kinds; 0: 100,000; at the bound the oldest leaves */
};

MW_API struct mw_stats *mw_stats_new(const struct mw_stats_config *config, struct mw_error *err);
/** Accepts NULL. No other thread may be inside. */
MW_API void mw_stats_free(struct mw_stats *stats);

/*
 * The readings of @p ref, at most @p max_age_ms old, copied into @p out, which keeps its own
 * memory. Once the cache has met a container, asking for it allocates nothing but the text of a
 * failure. All return 0, or what the collectors returned, now or within the last max_age_ms;
 * -ENOTSUP: none offers it, which makes it absent; -EINVAL: no id; -ENAMETOOLONG: over
 * MW_STATS_KEY_BYTES; -ETIMEDOUT: it takes longer than wait_max_ms; -ENOMEM. @p out is unspecified
 * after a failure but can be used again.
 */

/**
 * The figures of a container. A kept reading serves when it looked for all that is @p wanted; a
 * reading for somebody who wanted less is waited for, and another follows. @p out may have more.
 */
MW_API int mw_stats_container(struct mw_stats *stats, const struct mw_container_ref *ref,
                              int64_t max_age_ms, mw_figure_set wanted,
                              struct mw_cgroup_sample *out, struct mw_error *err);

/** -ENODATA: it has no interface but lo, so its figures are absent. */
MW_API int mw_stats_network(struct mw_stats *stats, const struct mw_container_ref *ref,
                            int64_t max_age_ms, struct mw_network_sample *out,
                            struct mw_error *err);

/** Processes that are out of sight, in another pid namespace, are in pids.hidden_count and totals.
 */
MW_API int mw_stats_processes(struct mw_stats *stats, const struct mw_container_ref *ref,
                              int64_t max_age_ms, struct mw_process_sample *out,
                              struct mw_error *err);

/**
 * Let go of what is too old, here and in the collectors. To be called now and then, once a pass for
 * example: other calls drop entries only when they store one.
 */
MW_API void mw_stats_sweep(struct mw_stats *stats);

/* ---- Which container is it? -------------------------------------------------------------- */

/*
 * All collectors are asked in the order of their best priority until one knows; nothing is kept but
 * the own id, for ever. All return 0; -ENOENT: in no container that is known; else the last failure
 * among those that were asked.
 */

MW_API int mw_stats_id_of_pid(struct mw_stats *stats, int32_t pid,
                              char id[static MW_CGROUP_ID_BYTES], struct mw_error *err);

/** @p inode is that of a cgroup's directory. */
MW_API int mw_stats_id_of_inode(struct mw_stats *stats, uint64_t inode,
                                char id[static MW_CGROUP_ID_BYTES], struct mw_error *err);

/** The container in which this process runs. */
MW_API int mw_stats_own_id(struct mw_stats *stats, char id[static MW_CGROUP_ID_BYTES],
                           struct mw_error *err);

/* ---- For status and tests ---------------------------------------------------------------- */

struct mw_stats_usage {
  size_t entries; /**< of all kinds */
  uint64_t hits_total;
  uint64_t reads_total;   /**< readings started */
  uint64_t joined_total;  /**< callers that waited for somebody else's reading */
  uint64_t expired_total; /**< entries that left by age */
  uint64_t evicted_total; /**< entries that left at the bound */
  size_t collectors;      /**< that are ready */
  size_t collectors_pending;
};

MW_API void mw_stats_usage(struct mw_stats *stats, struct mw_stats_usage *out);

/** Of the last reading of each container, as long as it is kept. */
struct mw_stats_presence {
  uint32_t containers;               /**< whose last reading succeeded */
  uint32_t unread;                   /**< whose last reading failed altogether */
  uint32_t looked[MW_FIGURE_COUNT];  /**< containers in which the figure was looked for */
  uint32_t present[MW_FIGURE_COUNT]; /**< and those in which it was */
};

/** Counts when it is called; readings pay nothing for it. */
MW_API void mw_stats_presence(struct mw_stats *stats, struct mw_stats_presence *out);

/* ---- The collector of this host ---------------------------------------------------------- */

/**
 * Reads cgroups and /proc: name "cgroup", every runtime, priority 0, all kinds (figures of
 * containers alone when there is no proc).
 *
 * Processes come from cgroup.procs. Where it shows only that there are some, or leaves them out
 * (another pid namespace), or names them as this /proc does not (that of the host in a container),
 * or cannot be read, /proc/PID/cgroup of all processes tells: one walk for all containers, which
 * serves for max_age_ms, and for network for a second at least; when a walk fails, the last one
 * serves on. read_ns is then the time of the walk.
 *
 * MW_PIDS_CURRENT stays absent without a pids controller, whatever is known of threads: the
 * controller counts what its limit is held against, hidden processes included; the threads of a
 * list of processes, seen one after the other, are another figure, and have a name of their own
 * (threads_count).
 */
struct mw_stats_cgroup_source;

struct mw_stats_cgroup_config {
  struct mw_cgroups *cgroups; /**< all borrowed, and outliving the source */
  struct mw_proc *proc;       /**< NULL: neither network nor processes */
  struct mw_host *host;
  const struct mw_clock *clock;             /**< NULL: the system's */
  mw_cgroup_recognizer *const *recognizers; /**< as in struct mw_cgroups_config */
};

MW_API struct mw_stats_cgroup_source *
mw_stats_cgroup_source_new(const struct mw_stats_cgroup_config *config, struct mw_error *err);
MW_API void mw_stats_cgroup_source_free(struct mw_stats_cgroup_source *source); /**< accepts NULL */

/** To be given to mw_stats_add_collector; @p source outlives that struct mw_stats. */
MW_API struct mw_stats_collector mw_stats_cgroup_collector(struct mw_stats_cgroup_source *source);

/* ---- The collector of the kubelet -------------------------------------------------------- */

/** The summary names pods and containers; who they are is known elsewhere. */
struct mw_kubelet_lookup {
  void *data;
  /** The id of container @p name in the pod @p pod_uid; false: unknown. */
  bool (*container_id)(void *data, const char *pod_uid, const char *name,
                       char id[static MW_CGROUP_ID_BYTES]);
  /** NULL: nobody knows. */
  enum mw_host_network (*host_network)(void *data, const char *pod_uid);
};

/**
 * Has the numbers of a kubelet's stats summary: name "kubelet", runtimes containerd, cri-o, docker
 * and those that are unknown, priority 2, figures and network.
 *
 * One request brings the numbers of all containers. It is made when somebody asks for a container
 * whose numbers are older than he accepts, unless the last request is not older than that: then its
 * failure is his, or the container is unknown. One request is under way at a time, on a thread of
 * its own, and all wait for it: for the first one until their deadline, for each later one
 * refresh_wait_ms at most, all callers together, and then get the last numbers, whose read_ns tells
 * their age.
 *
 * Numbers leave when no summary has had them for the retention time. A reading has no inode: a
 * container that starts anew has another id in Kubernetes.
 */
struct mw_stats_kubelet_source;

struct mw_stats_kubelet_config {
  void *data; /**< of the functions below; outlives the source */
  /**
   * Ask for the summary, for timeout_ms at most; called by one thread at a time.
   * @return NULL with @p err filled.
   */
  struct mw_kubelet_summary *(*fetch)(void *data, int64_t timeout_ms, struct mw_error *err);
  /** End the fetch that is under way, soon, and every later one; from any thread. NULL: wait. */
  void (*cancel)(void *data);
  /** Who the containers are, for one summary; looks until look_end. @return 0 or -errno. */
  int (*look)(void *data, struct mw_kubelet_lookup *out, struct mw_error *err);
  void (*look_end)(void *data, struct mw_kubelet_lookup *lookup); /**< may be NULL */

  const struct mw_clock *clock; /**< NULL: the system's */
  int64_t timeout_ms;           /**< of a request; 0: 10,000 */
  int64_t refresh_wait_ms;      /**< for a request but the first; 0: 1,000 */
  int64_t retention_ms;         /**< 0: 30,000 */
  bool without_thread;          /**< whoever asks fetches, and waits for timeout_ms at most */
};

/** @return NULL with @p err filled: -EINVAL: no fetch, or no look; -ENOMEM. */
MW_API struct mw_stats_kubelet_source *
mw_stats_kubelet_source_new(const struct mw_stats_kubelet_config *config, struct mw_error *err);
/** Accepts NULL. Cancels what is under way and waits for its end. */
MW_API void mw_stats_kubelet_source_free(struct mw_stats_kubelet_source *source);

/** To be given to mw_stats_add_collector; @p source outlives that struct mw_stats. */
MW_API struct mw_stats_collector mw_stats_kubelet_collector(struct mw_stats_kubelet_source *source);

#endif
