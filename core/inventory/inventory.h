/**
 * @file inventory.h
 * Which containers and pods exist: complete lists from sources, merged into immutable snapshots.
 *
 * A source gives its whole list each time, as a report; "unchanged" renews the one that it gave
 * last. A list that equals its last one makes no new generation; what did not change is shared
 * between snapshots. A reader takes a counted reference under a mutex that is held for a few
 * instructions, and looks at a snapshot for as long as it likes.
 *
 * Several sources may name the same id. They are merged in the order of their priority, the lower
 * number first, and by name where it is the same:
 *   texts, numbers    what is empty or zero is filled by the next source, what is set stays
 *   state             likewise, but "running" from anybody wins, except over "paused" and
 *                     "restarting"
 *   times             the last source that knows one wins: a kubelet, which comes before the
 *                     runtimes, knows of a container's start alone and gives it as its creation,
 * too booleans          yes from anybody wins maps              united; of the same key the first
 *   lists             united, without what is there already
 *   ports             united by number and protocol; completed by the next source with a name or a
 *                     host port
 *
 * A source that fails, or says nothing for its stale_max_ns, is stale: what it said last still
 * counts, and containers that no other source names are marked. After another stale_max_ns its
 * list leaves, until the source gives a new one or renews it.
 *
 * Thread-safety: an inventory may be shared by all threads; a snapshot never changes; a report
 * belongs to one thread.
 */
#ifndef MW_INVENTORY_H
#define MW_INVENTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/clock.h"
#include "moonwatch/error.h"

#define MW_INVENTORY_CONTAINERS_MAX 100000 /**< of one source */
#define MW_INVENTORY_PODS_MAX 10000        /**< of one source */
#define MW_INVENTORY_SOURCES_MAX 64
#define MW_INVENTORY_REPORT_MAX_BYTES ((size_t)128 << 20) /**< of one list, pods included */
#define MW_INVENTORY_TEXT_MAX_BYTES 1024 /**< texts, keys, elements of lists, a source's name */
#define MW_INVENTORY_VALUE_MAX_BYTES 4096
#define MW_INVENTORY_PAIRS_MAX 512 /**< of one map; tags of a container as well */
#define MW_INVENTORY_LIST_MAX 64   /**< owners, or addresses, of a pod */
#define MW_INVENTORY_PORTS_MAX 1024
#define MW_INVENTORY_ERROR_BYTES 512
#define MW_INVENTORY_PRIORITY_DEFAULT 50
#define MW_INVENTORY_PRIORITY_MAX 1000
#define MW_INVENTORY_STALE_MAX_DEFAULT_NS (300 * MW_NS_PER_S)

struct mw_inventory;
struct mw_inventory_snapshot;
struct mw_inventory_report;
struct mw_scratch;

/* ---- What is known of a container and of a pod ----
 *
 * Texts are bytes without NUL, not necessarily UTF-8. In what a source gives NULL stands for "";
 * in a snapshot nothing is NULL, and "" is unknown. */

struct mw_inventory_number {
  double value; /**< not negative */
  bool known;
};

enum mw_inventory_answer { MW_ANSWER_UNKNOWN, MW_ANSWER_NO, MW_ANSWER_YES };

struct mw_inventory_pair {
  const char *key, *value; /**< NULL in what a source gives: not fit to be kept, left out */
};

struct mw_inventory_map {
  const struct mw_inventory_pair *pairs;
  size_t count;
};

struct mw_inventory_texts {
  const char *const *texts;
  size_t count;
};

struct mw_inventory_port {
  uint16_t number;
  uint16_t host_number; /**< 0: none */
  const char *protocol; /**< "tcp"; in lower case in a snapshot */
  const char *name;
};

struct mw_inventory_ports {
  const struct mw_inventory_port *ports;
  size_t count;
};

struct mw_container {
  const char *id;
  const char *runtime;        /**< "docker", "containerd", ... */
  const char *runtime_flavor; /**< "kata" */
  const char *namespace_;     /**< of containerd */
  const char *name;
  const char *image; /**< as the source names it: "registry/path/name:tag" */
  const char *image_id;
  const char *repo_digest;
  const char *state;  /**< created, running, paused, restarting, stopped, dead; "unknown" is "" */
  const char *health; /**< starting, healthy, unhealthy; "unknown" is "" */
  const char *pod_uid;
  const char *hostname;
  int64_t created_s; /**< since 1970; 0 is unknown */
  int64_t started_s;
  struct mw_inventory_number restarts_count;
  struct mw_inventory_number cpu_request_percent; /**< of one CPU; these four: of the pod's spec */
  struct mw_inventory_number memory_request_bytes;
  struct mw_inventory_number cpu_limit_percent;
  struct mw_inventory_number memory_limit_bytes;
  struct mw_inventory_map labels; /**< maps are sorted by key in a snapshot */
  struct mw_inventory_map env;
  struct mw_inventory_map ips;     /**< by the name of the network, which may be "" */
  struct mw_inventory_texts tags;  /**< "name:value"; sorted in a snapshot */
  struct mw_inventory_ports ports; /**< sorted by number and protocol in a snapshot */
};

struct mw_pod {
  const char *uid;
  const char *name;
  const char *namespace_;
  const char *phase; /**< as the kubelet says: "Running" */
  const char *qos_class;
  const char *priority_class;
  const char *node_name;
  enum mw_inventory_answer host_network;
  int64_t created_s;
  int64_t started_s;
  struct mw_inventory_map labels;
  struct mw_inventory_map annotations;
  struct mw_inventory_texts ips;  /**< in the order given: the first is the pod's main address */
  struct mw_inventory_map owners; /**< kind and name, in the order given */
};

/* ---- The inventory ---- */

/** @param clock NULL: the system's; borrowed. */
struct mw_inventory *mw_inventory_new(const struct mw_clock *clock, struct mw_error *err);
void mw_inventory_free(struct mw_inventory *inventory); /**< accepts NULL; no reader may be left */

/* ---- For sources ---- */

struct mw_inventory_source_config {
  int priority;         /**< 0 to MW_INVENTORY_PRIORITY_MAX; the lowest is asked first */
  int64_t stale_max_ns; /**< over 0 */
};

/**
 * A source that nobody configured has the defaults above.
 * @return 0; -EINVAL: a number out of range, or a name that is empty or too long; -ENOSPC: one over
 * MW_INVENTORY_SOURCES_MAX; -ENOMEM.
 */
int mw_inventory_configure(struct mw_inventory *inventory, const char *source,
                           const struct mw_inventory_source_config *config, struct mw_error *err);

/** What @p source is about to say. @return NULL: as mw_inventory_configure. */
struct mw_inventory_report *mw_inventory_report_new(struct mw_inventory *inventory,
                                                    const char *source, struct mw_error *err);
void mw_inventory_report_free(struct mw_inventory_report *report); /**< accepts NULL */

/**
 * Memory for the arrays of the container or pod that is added next, and no longer.
 * Borrowed: see inventory/scratch.h.
 */
struct mw_scratch *mw_inventory_report_scratch(struct mw_inventory_report *report);

/**
 * Add one, which is copied. What is too long or too much in a map or a list is left out of it, and
 * logged when the report is taken; a single text that is too long is an error.
 * @return 0; -EINVAL: an empty id or uid, a text over MW_INVENTORY_TEXT_MAX_BYTES, a number that is
 * none; -E2BIG: one over MW_INVENTORY_CONTAINERS_MAX or _PODS_MAX, or the report would take more
 * than MW_INVENTORY_REPORT_MAX_BYTES; -ENOMEM. The text names the element by its number in the
 * report.
 */
int mw_inventory_report_container(struct mw_inventory_report *report,
                                  const struct mw_container *container, struct mw_error *err);
int mw_inventory_report_pod(struct mw_inventory_report *report, const struct mw_pod *pod,
                            struct mw_error *err);

/**
 * Replace what the report's source said before by the report, which is used up and still to be
 * freed. Of two with the same id the one that was added first counts.
 * @return 0; -ENOMEM: the last list stays.
 */
int mw_inventory_replace(struct mw_inventory *inventory, struct mw_inventory_report *report,
                         struct mw_error *err);

/**
 * The source says that its last list still holds.
 * @return 0; -ENODATA: it gave none yet; -EINVAL, -ENOSPC, -ENOMEM as above.
 */
int mw_inventory_renew(struct mw_inventory *inventory, const char *source, struct mw_error *err);

/**
 * The source could not tell, for the reason @p message, which mw_inventory_sources gives. It is
 * stale from its first failure on, until it gives a list or renews the last one.
 * @return as mw_inventory_configure.
 */
int mw_inventory_fail(struct mw_inventory *inventory, const char *source, const char *message,
                      struct mw_error *err);

/**
 * The source will say nothing more, and what it said counts no more: it has been switched off. It
 * may come back. @return 0, also when nobody knows it; -ENOMEM: what it said still counts.
 */
int mw_inventory_forget(struct mw_inventory *inventory, const char *source, struct mw_error *err);

/**
 * Let the clock decide which sources are stale and which lists leave. Replacing, renewing and
 * failing do so, too; this is for when nobody speaks. Out of memory it is left to the next call.
 */
void mw_inventory_sweep(struct mw_inventory *inventory);

/** How a source stands. */
struct mw_inventory_source {
  const char *name; /**< borrowed: valid as long as the inventory */
  int priority;
  size_t containers_count, pods_count; /**< those of its list that count: 0 once it has left */
  bool stale;
  int64_t age_ns;                       /**< since it gave or renewed its list; -1: never */
  char error[MW_INVENTORY_ERROR_BYTES]; /**< why it failed last; "": it did not */
};

/** Fill @p out with all sources, but for those forgotten, in the order in which they are merged.
 * @return how many. */
size_t mw_inventory_sources(struct mw_inventory *inventory,
                            struct mw_inventory_source out[static MW_INVENTORY_SOURCES_MAX]);

/* ---- For readers ---- */

/** A container as all sources together say. */
struct mw_inventory_entry {
  const struct mw_container *container;
  const struct mw_pod *pod;   /**< NULL: it has none, or no source gave it */
  const char *const *sources; /**< names of those that name it, in the order of merging */
  size_t sources_count;
  bool stale; /**< all of them are */
};

/** A counted reference to the newest snapshot; never NULL. Give it back with _release. */
struct mw_inventory_snapshot *mw_inventory_acquire(struct mw_inventory *inventory);
void mw_inventory_release(struct mw_inventory_snapshot *snapshot); /**< accepts NULL */

/** 0 before any source spoke; goes up with each change. */
uint64_t mw_inventory_snapshot_generation(const struct mw_inventory_snapshot *snapshot);
size_t mw_inventory_snapshot_count(const struct mw_inventory_snapshot *snapshot);
size_t mw_inventory_snapshot_pods_count(const struct mw_inventory_snapshot *snapshot);

/**
 * Sorted by id. Borrowed: valid until the snapshot is released. @p index < count.
 * Two snapshots that are held at once give the same address for a container of which, and of whose
 * pod, nothing changed.
 */
const struct mw_inventory_entry *
mw_inventory_snapshot_at(const struct mw_inventory_snapshot *snapshot, size_t index);

/** As mw_inventory_snapshot_at, for pods, sorted by uid. */
const struct mw_pod *mw_inventory_snapshot_pod_at(const struct mw_inventory_snapshot *snapshot,
                                                  size_t index);

#endif
