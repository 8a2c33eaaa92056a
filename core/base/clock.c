#include "moonwatch/clock.h"

#include <time.h>

static int64_t now_ns(clockid_t id)
{
  struct timespec now;
  clock_gettime(id, &now); /* cannot fail: both clocks exist on every Linux */
  return (int64_t)now.tv_sec * MW_NS_PER_S + now.tv_nsec;
}

static int64_t system_monotonic_ns(const struct mw_clock *clock)
{
  (void)clock;
  return now_ns(CLOCK_MONOTONIC);
}

static int64_t system_wall_ns(const struct mw_clock *clock)
{
  (void)clock;
  return now_ns(CLOCK_REALTIME);
}

const struct mw_clock *mw_clock_system(void)
{
  static const struct mw_clock system_clock = {system_monotonic_ns, system_wall_ns};
  return &system_clock;
}

static int64_t manual_monotonic_ns(const struct mw_clock *clock)
{
  return ((const struct mw_clock_manual *)clock)->now_monotonic_ns;
}

static int64_t manual_wall_ns(const struct mw_clock *clock)
{
  return ((const struct mw_clock_manual *)clock)->now_wall_ns;
}

void mw_clock_manual_init(struct mw_clock_manual *manual)
{
  *manual = (struct mw_clock_manual){.clock = {manual_monotonic_ns, manual_wall_ns}};
}
