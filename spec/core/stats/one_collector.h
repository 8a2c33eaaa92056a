/** @file one_collector.h  For tests of the cache: statistics with a single collector, "fake". */
#ifndef ONE_COLLECTOR_H
#define ONE_COLLECTOR_H

#include "moonwatch/stats.h"

typedef int one_collector_container(void *data, const struct mw_stats_request *request,
                                    struct mw_cgroup_sample *out, struct mw_error *err);

/** Figures of containers of every runtime come from @p container. NULL: out of memory. */
static inline struct mw_stats *one_collector_new(const struct mw_stats_config *config,
                                                 one_collector_container *container, void *data)
{
  static const struct mw_stats_offer offer = {.kinds = 1U << MW_STATS_CONTAINER};
  const struct mw_stats_collector collector = {
      .name = "fake", .data = data, .offers = &offer, .offers_count = 1, .container = container};
  struct mw_stats *stats = mw_stats_new(config, NULL);

  if (stats && mw_stats_add_collector(stats, &collector, NULL) == 0)
    return stats;
  mw_stats_free(stats);
  return NULL;
}

#endif
