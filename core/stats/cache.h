/**
 * @file cache.h
 * Readings of containers, of every kind, kept for those who accept their age; one is in flight at a
 * time for a container and kind. What is promised is in moonwatch/stats.h.
 * Thread-safety: a cache may be shared by all threads.
 */
#ifndef MW_STATS_CACHE_H
#define MW_STATS_CACHE_H

#include <stdatomic.h>

#include "moonwatch/stats.h"

struct mw_stats_cache;

/**
 * Makes a reading of @p kind, without a lock held. @p previous is the last one of this container,
 * or zeroed.
 */
typedef int mw_stats_cache_fetch(void *data, enum mw_stats_kind kind,
                                 const struct mw_stats_request *request, void *previous, void *out,
                                 struct mw_error *err);

struct mw_stats_cache_config {
  mw_stats_cache_fetch *fetch;
  void *fetch_data;
  const atomic_uint *generation; /**< once it has gone up, failures from before are read again */
  const struct mw_clock *clock;
  int64_t retention_ns;
  int64_t wait_max_ns;
  size_t entries_max;
};

struct mw_stats_cache *mw_stats_cache_new(const struct mw_stats_cache_config *config,
                                          struct mw_error *err);
void mw_stats_cache_free(struct mw_stats_cache *cache); /**< accepts NULL */

/** As mw_stats_container, for every kind. The deadline of @p request is set by the cache. */
int mw_stats_cache_get(struct mw_stats_cache *cache, enum mw_stats_kind kind,
                       const struct mw_stats_request *request, void *out, struct mw_error *err);

/** Drop the entries that are older than the retention. */
void mw_stats_cache_sweep(struct mw_stats_cache *cache);

/** Fills the counters of @p out, and entries. */
void mw_stats_cache_usage(struct mw_stats_cache *cache, struct mw_stats_usage *out);

/** As mw_stats_presence. */
void mw_stats_cache_presence(struct mw_stats_cache *cache, struct mw_stats_presence *out);

#endif
