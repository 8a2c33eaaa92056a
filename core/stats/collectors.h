/**
 * @file collectors.h
 * The collectors of a struct mw_stats: which of them work here, who is asked in which order, and
 * asking them. What is promised is in moonwatch/stats.h.
 *
 *   collectors.c   adds, probes, sorts
 *   ask.c          asks one after the other, fills gaps
 *
 * Thread-safety: every function but init and deinit may be called from any thread. Collectors are
 * never removed, and one that is ready does not change, so routes stay valid.
 */
#ifndef MW_STATS_COLLECTORS_H
#define MW_STATS_COLLECTORS_H

#include <pthread.h>
#include <stdatomic.h>

#include "moonwatch/stats.h"

enum mw_stats_readiness { MW_STATS_PENDING, MW_STATS_READY, MW_STATS_NEVER };

struct mw_stats_slot {
  struct mw_stats_collector collector; /* its offers are those of the probe */
  enum mw_stats_readiness readiness;
  int64_t next_probe_ns;
  unsigned failures; /* of the probe, one after the other */
  char problem[160]; /* why it is not ready; "" when it is */
};

/** A reading that is at nobody's disposal: memory for those that fill gaps. */
struct mw_stats_spare;

struct mw_stats_collectors {
  const struct mw_clock *clock;
  atomic_uint generation; /**< goes up when a collector becomes ready */
  atomic_uint pending_count;

  pthread_mutex_t mutex; /* guards all below; never held while a collector is called */
  bool probing;
  size_t count;
  struct mw_stats_slot slots[MW_STATS_COLLECTORS_MAX];
  struct mw_stats_spare *spares[MW_STATS_KIND_COUNT];
};

/** Those that are to be asked, the first one first. */
struct mw_stats_route {
  size_t count;
  int priorities[MW_STATS_COLLECTORS_MAX];
  const struct mw_stats_collector *collectors[MW_STATS_COLLECTORS_MAX];
};

void mw_stats_collectors_init(struct mw_stats_collectors *all, const struct mw_clock *clock);
void mw_stats_collectors_deinit(struct mw_stats_collectors *all);

/** As mw_stats_add_collector. */
int mw_stats_collectors_add(struct mw_stats_collectors *all,
                            const struct mw_stats_collector *collector, struct mw_error *err);

/** Probe those that are due, unless somebody is at it. */
void mw_stats_collectors_probe(struct mw_stats_collectors *all, int64_t deadline_ns);

/** Who is ready and offers @p kind for @p runtime (NULL: ""). */
void mw_stats_collectors_route(struct mw_stats_collectors *all, enum mw_stats_kind kind,
                               const char *runtime, struct mw_stats_route *out);

/** All that are ready, by the best of their priorities. */
void mw_stats_collectors_all(struct mw_stats_collectors *all, struct mw_stats_route *out);

/** " (kubelet is not ready: ...)" for each that is pending; "" when none is. */
void mw_stats_collectors_excuse(struct mw_stats_collectors *all, char *out, size_t out_bytes);

void mw_stats_collectors_usage(struct mw_stats_collectors *all, struct mw_stats_usage *out);

/* ---- ask.c ---- */

/** A reading of @p kind, by whoever can: mw_stats_cache_fetch on a struct mw_stats_collectors. */
int mw_stats_ask(void *all, enum mw_stats_kind kind, const struct mw_stats_request *request,
                 void *previous, void *out, struct mw_error *err);

/** One of the questions that are tied to no runtime; -ENOENT when the collector cannot tell. */
typedef int mw_stats_question(const struct mw_stats_collector *collector, const void *about,
                              char id[static MW_CGROUP_ID_BYTES], struct mw_error *err);

/** Returns as mw_stats_id_of_pid. */
int mw_stats_ask_everyone(struct mw_stats_collectors *all, mw_stats_question *question,
                          const void *about, int64_t deadline_ns,
                          char id[static MW_CGROUP_ID_BYTES], struct mw_error *err);

/** Memory for a reading of @p kind; NULL: there is none. */
void *mw_stats_spare_take(struct mw_stats_collectors *all, enum mw_stats_kind kind);
void mw_stats_spare_give_back(struct mw_stats_collectors *all, enum mw_stats_kind kind,
                              void *sample);

#endif
