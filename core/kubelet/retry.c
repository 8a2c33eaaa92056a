#include "kubelet/retry.h"

#include "moonwatch/kubelet.h"

bool mw_retry_is_due(const struct mw_retry *retry, int64_t now_ns)
{
  return retry->failures_count == 0 || now_ns >= retry->not_before_ns;
}

static int64_t pause_ns(unsigned failures_count)
{
  int64_t pause = MW_KUBELET_RETRY_MIN_NS;

  for (unsigned i = 1; i < failures_count && pause < MW_KUBELET_RETRY_MAX_NS; i++)
    pause *= 2;
  return pause < MW_KUBELET_RETRY_MAX_NS ? pause : MW_KUBELET_RETRY_MAX_NS;
}

void mw_retry_note_failure(struct mw_retry *retry, int64_t now_ns, int64_t wanted_ns,
                           uint64_t random, const struct mw_error *err)
{
  if (retry->failures_count < UINT32_MAX)
    retry->failures_count++;
  int64_t pause = pause_ns(retry->failures_count);
  pause -= (int64_t)(random % (uint64_t)(pause / 4 + 1));
  if (wanted_ns > MW_KUBELET_RETRY_MAX_NS)
    wanted_ns = MW_KUBELET_RETRY_MAX_NS;
  retry->not_before_ns = now_ns + (pause > wanted_ns ? pause : wanted_ns);
  retry->last = *err;
}

void mw_retry_note_success(struct mw_retry *retry)
{
  retry->failures_count = 0;
}
