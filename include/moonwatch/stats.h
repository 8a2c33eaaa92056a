/**
 * @file stats.h
 * The cached stats API: "the numbers of container X, at most V milliseconds old".
 *
 * A reading is stamped when it is complete. It is given out again while it is not older than the
 * caller accepts (an age equal to the bound is a hit); a bound of 0 or less always reads. Failures
 * are kept like readings, to spare the source. One reading of a container is in flight at a time:
 * who asks meanwhile gets its result. Entries leave one by one, when nobody has renewed them for
 * the retention time. The cache knows no inventory: it is asked by {id, runtime, namespace}.
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

struct mw_stats;

/** Which container; NULL stands for "". */
struct mw_container_ref {
  const char *id;
  const char *runtime;
  const char *namespace_;
};

/**
 * Where readings come from. @p out is zeroed or holds an earlier reading, of whatever container,
 * whose memory may be used again; on failure what it holds does not matter.
 * Called without a lock held, at most once at a time for one container.
 * @return 0, or a negative errno with @p err filled.
 */
typedef int mw_stats_fetch(void *data, const struct mw_container_ref *ref,
                           struct mw_cgroup_sample *out, struct mw_error *err);

struct mw_stats_config {
  mw_stats_fetch *fetch;
  void *fetch_data;
  const struct mw_clock *clock; /**< NULL: the system's */
  int64_t retention_ms;         /**< 0: 30,000 */
  int64_t wait_max_ms;          /**< for somebody else's reading; 0: 10,000 */
  size_t entries_max;           /**< 0: 100,000; at the bound the oldest leaves */
};

/** All three texts of a reference together may have this many bytes. */
#define MW_STATS_KEY_BYTES (MW_CGROUP_ID_BYTES + 2 * MW_CGROUP_WORD_BYTES)

MW_API struct mw_stats *mw_stats_new(const struct mw_stats_config *config, struct mw_error *err);
/** Accepts NULL. No other thread may be inside. */
MW_API void mw_stats_free(struct mw_stats *stats);

/**
 * The numbers of @p ref, at most @p max_age_ms old, copied into @p out, which keeps its own memory
 * (struct mw_cgroup_sample in cgroup.h). Once the cache has met a container, asking for it
 * allocates nothing but the text of a failure.
 * @return 0, or what the fetch returned, now or within the last @p max_age_ms; -EINVAL: no id;
 * -ENAMETOOLONG: over MW_STATS_KEY_BYTES; -ETIMEDOUT: the reading that somebody else is at takes
 * longer than wait_max_ms; -ENOMEM. @p out is unspecified after a failure but can be used again.
 */
MW_API int mw_stats_container(struct mw_stats *stats, const struct mw_container_ref *ref,
                              int64_t max_age_ms, struct mw_cgroup_sample *out,
                              struct mw_error *err);

struct mw_stats_usage {
  size_t entries;
  uint64_t hits_total;
  uint64_t reads_total;   /**< fetches started */
  uint64_t joined_total;  /**< callers that waited for somebody else's fetch */
  uint64_t expired_total; /**< entries that left by age */
  uint64_t evicted_total; /**< entries that left at the bound */
};

MW_API void mw_stats_usage(struct mw_stats *stats, struct mw_stats_usage *out);

/* ---- The collector that reads cgroups ---------------------------------------------------- */

/** Pass mw_stats_fetch_cgroup as fetch and one of these, kept alive by the caller, as its data. */
struct mw_stats_cgroup_source {
  struct mw_cgroups *cgroups;
  struct mw_host *host;
};

MW_API int mw_stats_fetch_cgroup(void *source, const struct mw_container_ref *ref,
                                 struct mw_cgroup_sample *out, struct mw_error *err);

#endif
