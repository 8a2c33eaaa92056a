#include "agent/durations.h"

#include <stdlib.h>
#include <string.h>

void mw_durations_add(struct mw_durations *durations, int64_t took_ns)
{
  durations->kept_ns[durations->count++ % MW_DURATIONS_KEPT] = took_ns;
  if (took_ns > durations->max_ns)
    durations->max_ns = took_ns;
}

static int by_size(const void *a, const void *b)
{
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

void mw_durations_summarise(const struct mw_durations *durations, struct mw_durations_summary *out)
{
  int64_t sorted[MW_DURATIONS_KEPT];
  size_t count =
      durations->count < MW_DURATIONS_KEPT ? (size_t)durations->count : MW_DURATIONS_KEPT;

  *out = (struct mw_durations_summary){.max_ns = durations->max_ns};
  if (count == 0)
    return;
  memcpy(sorted, durations->kept_ns, sizeof sorted);
  qsort(sorted, count, sizeof sorted[0], by_size);
  out->last_ns = durations->kept_ns[(durations->count - 1) % MW_DURATIONS_KEPT];
  out->p50_ns = sorted[(count * 50 + 99) / 100 - 1];
  out->p99_ns = sorted[(count * 99 + 99) / 100 - 1];
}
