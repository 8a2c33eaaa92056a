#include "agent/schedule.h"

#include <string.h>

#include "base/hash.h"

/* Where a script's runs lie between two points of whole intervals, from 0 to below the bound. */
static int64_t phase_ns(const char *name, int64_t interval_ns)
{
  int64_t spread_ns =
      interval_ns < MW_SCHEDULE_SPREAD_MAX_NS ? interval_ns : MW_SCHEDULE_SPREAD_MAX_NS;
  double share = (double)mw_hash_bytes(name, strlen(name)) / ((double)UINT32_MAX + 1);

  return (int64_t)(share * (double)spread_ns);
}

static int64_t to_ns(double interval_s)
{
  int64_t interval_ns = (int64_t)(interval_s * (double)MW_NS_PER_S);
  return interval_ns > 0 ? interval_ns : 1;
}

void mw_schedule_init(struct mw_schedule *schedule, const char *name, double interval_s,
                      int64_t start_ns)
{
  schedule->interval_ns = to_ns(interval_s);
  schedule->grid_ns = start_ns + phase_ns(name, schedule->interval_ns);
  schedule->due_ns = schedule->grid_ns;
}

void mw_schedule_hurry(struct mw_schedule *schedule, int64_t now_ns)
{
  if (schedule->due_ns > now_ns)
    schedule->due_ns = now_ns;
}

uint64_t mw_schedule_advance(struct mw_schedule *schedule, int64_t now_ns)
{
  int64_t interval_ns = schedule->interval_ns;
  int64_t due_ns = schedule->due_ns > schedule->grid_ns ? schedule->due_ns : schedule->grid_ns;

  if (now_ns < schedule->grid_ns) { /* a hurried run, and the first point is still to come */
    schedule->due_ns = schedule->grid_ns;
    return 0;
  }
  int64_t passed = (now_ns - schedule->grid_ns) / interval_ns;
  uint64_t skipped = (uint64_t)(passed - (due_ns - schedule->grid_ns) / interval_ns);
  if (schedule->due_ns < schedule->grid_ns) /* it began before the first point, and ran over it */
    skipped++;
  schedule->due_ns = schedule->grid_ns + (passed + 1) * interval_ns;
  return skipped;
}

void mw_schedule_set_interval(struct mw_schedule *schedule, const char *name, double interval_s,
                              int64_t now_ns)
{
  if (schedule->interval_ns != to_ns(interval_s))
    mw_schedule_init(schedule, name, interval_s, now_ns);
}

/* ---- Pauses ---- */

int64_t mw_penalty_offend_ns(struct mw_penalty *penalty)
{
  int64_t pause_s = MW_PENALTY_MIN_S;

  if (penalty->offences < UINT32_MAX)
    penalty->offences++;
  if (penalty->offences <= MW_PENALTY_FORGIVEN)
    return 0;
  for (unsigned i = MW_PENALTY_FORGIVEN + 1; i < penalty->offences && pause_s < MW_PENALTY_MAX_S;
       i++)
    pause_s *= 2;
  return (pause_s < MW_PENALTY_MAX_S ? pause_s : MW_PENALTY_MAX_S) * MW_NS_PER_S;
}

void mw_penalty_forgive(struct mw_penalty *penalty)
{
  penalty->offences = 0;
}
