/* Who brought the last agent down. */
#include "agent/running_internal.h"
#include "moonwatch/clock.h"

const char mw_running_version[32] = MW_VERSION;

static bool is_busy(const struct mw_running_slot *slot)
{
  uint32_t state = atomic_load(&slot->state);
  return state == MW_RUNNING_OPENING || state == MW_RUNNING_RUNNING;
}

bool mw_running_hangs(const struct mw_running_slot *slot, int64_t now_ns)
{
  bool is_opening = atomic_load(&slot->state) == MW_RUNNING_OPENING;
  int64_t wall_ms = atomic_load(is_opening ? &slot->opening_wall_ms : &slot->wall_ms);
  int64_t since_ns = atomic_load(&slot->since_ns);

  return is_busy(slot) && since_ns > 0 && wall_ms > 0 && wall_ms < INT64_MAX / 2 / MW_NS_PER_MS &&
         now_ns - since_ns > 2 * wall_ms * MW_NS_PER_MS + MW_RUNNING_HANG_NS;
}

/* Of the text that was running, or being opened: the old one may run while another one waits. */
static uint64_t busy_hash(const struct mw_running_slot *slot)
{
  return atomic_load(atomic_load(&slot->state) == MW_RUNNING_OPENING ? &slot->opening_hash
                                                                     : &slot->text_hash);
}

static void condemn(struct mw_running_slot *slot, enum mw_running_why why, uint32_t signal)
{
  slot->verdict.text_hash = busy_hash(slot);
  slot->verdict.signal = signal;
  slot->verdict.was_opening = atomic_load(&slot->state) == MW_RUNNING_OPENING;
  slot->verdict.wall_ns = mw_clock_wall_ns(mw_clock_system());
  atomic_store(&slot->verdict.why, (uint32_t)why);
  slot->strikes.count = 0;
}

static void strike(struct mw_running_slot *slot)
{
  if (slot->strikes.text_hash != busy_hash(slot))
    slot->strikes.count = 0;
  slot->strikes.text_hash = busy_hash(slot);
  if (++slot->strikes.count >= MW_RUNNING_STRIKES_MAX)
    condemn(slot, MW_RUNNING_SUSPECT, 0);
}

void mw_running_judge(struct mw_running_slot *slot, const struct mw_running_file *last)
{
  uint32_t mark = atomic_load(&slot->mark);

  if (atomic_load(&slot->verdict.why) > MW_RUNNING_SUSPECT)
    mw_running_forgive(slot); /* no such verdict: the file is damaged */
  if (atomic_load(&last->is_clean) || !is_busy(slot))
    slot->strikes.count = 0;
  else if (mark == MW_RUNNING_MARK_HUNG || mw_running_hangs(slot, atomic_load(&last->alive_ns)))
    condemn(slot, MW_RUNNING_HUNG, 0);
  else if (mark != 0)
    condemn(slot, MW_RUNNING_CRASHED, mark);
  else
    strike(slot);
}
