/**
 * @file kinds.h
 * What the cache and the collectors need to know of each kind of reading, so that neither is
 * written three times. A reading is a void * here: the struct that enum mw_stats_kind names.
 * Thread-safety: the table is constant.
 */
#ifndef MW_STATS_KINDS_H
#define MW_STATS_KINDS_H

#include "moonwatch/stats.h"

struct mw_stats_kind_info {
  const char *noun; /**< for messages: "network figures" */
  size_t sample_bytes;
  size_t read_ns_offset;                                         /**< of its int64_t read_ns */
  size_t origin_offset;                                          /**< of its struct mw_origin */
  int (*copy)(void *to, const void *from, struct mw_error *err); /**< 0 or -ENOMEM */
  void (*deinit)(void *sample);
  bool (*is_offered)(const struct mw_stats_collector *collector); /**< it has the function */
  int (*ask)(const struct mw_stats_collector *collector, const struct mw_stats_request *request,
             void *out, struct mw_error *err);
  /** The figures that a reading looked for; NULL: readings of this kind look for everything. */
  mw_figure_set *(*covered)(void *sample);
  /** What of @p wanted a reading lacks, 0 is nothing; NULL: gaps of this kind stay open. */
  uint64_t (*gaps)(const void *sample, mw_figure_set wanted);
  /** Move what @p sample lacks over from @p filler. @return false when it has nothing of that. */
  bool (*fill)(void *sample, void *filler, uint64_t gaps);
};

extern const struct mw_stats_kind_info mw_stats_kinds[MW_STATS_KIND_COUNT];

/** When it was complete, monotonic; 0: the collector does not say. */
static inline int64_t mw_stats_read_ns(enum mw_stats_kind kind, const void *sample)
{
  const char *read_ns = (const char *)sample + mw_stats_kinds[kind].read_ns_offset;
  return *(const int64_t *)(const void *)read_ns;
}

static inline struct mw_origin *mw_stats_origin(enum mw_stats_kind kind, void *sample)
{
  return (struct mw_origin *)((char *)sample + mw_stats_kinds[kind].origin_offset);
}

#endif
