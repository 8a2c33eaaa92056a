/**
 * @file durations.h
 * How long something took, the last times: what a status tells of it. Zero it. Thread-safety: none.
 */
#ifndef MW_DURATIONS_H
#define MW_DURATIONS_H

#include <stdint.h>

#define MW_DURATIONS_KEPT 128

struct mw_durations {
  uint64_t count;
  int64_t max_ns;
  int64_t kept_ns[MW_DURATIONS_KEPT];
};

/** Zeros when there was none. */
struct mw_durations_summary {
  int64_t last_ns, p50_ns, p99_ns; /**< of the last MW_DURATIONS_KEPT */
  int64_t max_ns;                  /**< of all */
};

void mw_durations_add(struct mw_durations *durations, int64_t took_ns);
void mw_durations_summarise(const struct mw_durations *durations, struct mw_durations_summary *out);

#endif
