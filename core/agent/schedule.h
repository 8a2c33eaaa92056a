/**
 * @file schedule.h
 * When a script is due, and for how long one that misbehaves is left alone. Pure: whoever calls
 * brings the time, which is that of a monotonic clock, so jumps of the wall clock change nothing.
 *
 * Due times lie on a grid of whole intervals, which a late or long run does not move. Where the
 * grid lies follows from the script's name: scripts with the same interval are spread over it, and
 * each keeps its place over restarts.
 *
 * Thread-safety: none.
 */
#ifndef MW_SCHEDULE_H
#define MW_SCHEDULE_H

#include <stdint.h>

#include "moonwatch/clock.h"

/** The first run of a script with a long interval comes no later than this. */
#define MW_SCHEDULE_SPREAD_MAX_NS (10 * MW_NS_PER_S)

struct mw_schedule {
  int64_t interval_ns;
  int64_t grid_ns; /**< a point of the grid */
  int64_t due_ns;  /**< the next run */
};

/** The first run is due at @p start_ns plus the script's place in its interval. */
void mw_schedule_init(struct mw_schedule *schedule, const char *name, double interval_s,
                      int64_t start_ns);

/** A run is due now, too: at the start of a source, say. */
void mw_schedule_hurry(struct mw_schedule *schedule, int64_t now_ns);

/**
 * A run has ended at @p now_ns: the next one is due at the first point of the grid behind it.
 * @return how many points of the grid passed between the run's due time and its end: runs that are
 * skipped.
 */
uint64_t mw_schedule_advance(struct mw_schedule *schedule, int64_t now_ns);

/** Another interval from now on, with the same phase. */
void mw_schedule_set_interval(struct mw_schedule *schedule, const char *name, double interval_s,
                              int64_t now_ns);

/* ---- Pauses ---- */

/** So many runs in a row over budget are forgiven. */
#define MW_PENALTY_FORGIVEN 2
#define MW_PENALTY_MIN_S 10
#define MW_PENALTY_MAX_S 3600

/** Zero it. */
struct mw_penalty {
  unsigned offences; /**< in a row */
};

/**
 * A run was over budget. @return how long the script pauses: 0 at first, then MW_PENALTY_MIN_S, and
 * twice as long each time, up to MW_PENALTY_MAX_S.
 */
int64_t mw_penalty_offend_ns(struct mw_penalty *penalty);

/** A run was within its budget. */
void mw_penalty_forgive(struct mw_penalty *penalty);

#endif
