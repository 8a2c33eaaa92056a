/**
 * @file clock.h
 * Time as an argument: the real clocks, or one that a test moves by hand.
 *
 * Intervals, ages and rates use the monotonic clock; stamps that people read use the wall clock.
 * Source: clock_gettime(2), CLOCK_MONOTONIC and CLOCK_REALTIME.
 * Thread-safety: the system clock may be used from any thread; a manual clock is moved by the
 * thread that owns it while no other reads it.
 */
#ifndef MW_CLOCK_H
#define MW_CLOCK_H

#include <stdint.h>

#include "moonwatch/export.h"

#define MW_NS_PER_MS INT64_C(1000000)
#define MW_NS_PER_S INT64_C(1000000000)

struct mw_clock {
  int64_t (*monotonic_ns)(const struct mw_clock *clock);
  int64_t (*wall_ns)(const struct mw_clock *clock); /**< since 1970-01-01 UTC */
};

/** The clocks of this machine; never NULL, valid for ever. */
MW_API const struct mw_clock *mw_clock_system(void);

/** A clock that stands still until its fields are changed: pass &manual.clock. */
struct mw_clock_manual {
  struct mw_clock clock; /**< first, so that the functions find the rest */
  int64_t now_monotonic_ns;
  int64_t now_wall_ns;
};

MW_API void mw_clock_manual_init(struct mw_clock_manual *manual);

static inline int64_t mw_clock_monotonic_ns(const struct mw_clock *clock)
{
  return clock->monotonic_ns(clock);
}

static inline int64_t mw_clock_wall_ns(const struct mw_clock *clock)
{
  return clock->wall_ns(clock);
}

#endif
