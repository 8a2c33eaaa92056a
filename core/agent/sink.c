#include "agent/sink.h"

#include <stddef.h>

#include "moonwatch/clock.h"

/* What a sink may take to come to its end: so long behind the deadline, and so long at least. */
#define END_BEHIND_NS (MW_NS_PER_S / 2)
#define END_MIN_NS (2 * MW_NS_PER_S)

void mw_sink_finish(struct mw_sink *sink, int64_t deadline_ns)
{
  sink->driver->finish(sink, deadline_ns);
}

static bool wait_for_end(struct mw_sink *sink, int64_t deadline_ns)
{
  int64_t soonest_ns = mw_clock_monotonic_ns(mw_clock_system()) + END_MIN_NS;
  int64_t until_ns = deadline_ns + END_BEHIND_NS;

  return sink->driver->wait(sink, deadline_ns, until_ns < soonest_ns ? soonest_ns : until_ns);
}

bool mw_sink_stop(struct mw_sink *sink, int64_t deadline_ns, size_t *left)
{
  struct mw_delivery_status status;

  *left = 0;
  if (!sink)
    return true;
  mw_sink_finish(sink, deadline_ns);
  bool ended = wait_for_end(sink, deadline_ns);
  mw_sink_status(sink, &status);
  *left = status.usage.waiting;
  if (ended)
    sink->driver->free(sink);
  return ended;
}

void mw_sink_reopen(struct mw_sink *sink)
{
  sink->driver->reopen(sink);
}

struct mw_worker *mw_sink_worker(struct mw_sink *sink)
{
  return sink->driver->worker ? sink->driver->worker(sink) : NULL;
}

const struct mw_budget *mw_sink_budget(struct mw_sink *sink)
{
  return sink->driver->budget ? sink->driver->budget(sink) : NULL;
}

void mw_sink_status(struct mw_sink *sink, struct mw_delivery_status *out)
{
  sink->driver->status(sink, out);
}
