/** @file deadline.h  Points in time until which somebody waits, on the system's CLOCK_MONOTONIC. */
#ifndef MW_STATS_DEADLINE_H
#define MW_STATS_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>

#include "moonwatch/clock.h"

static inline int64_t mw_deadline_after(int64_t wait_ns)
{
  int64_t now_ns = mw_clock_monotonic_ns(mw_clock_system());
  return wait_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + wait_ns;
}

static inline bool mw_deadline_is_over(int64_t deadline_ns)
{
  return mw_clock_monotonic_ns(mw_clock_system()) >= deadline_ns;
}

#endif
