/**
 * @file retry.h
 * When to ask again after a failure, and what to say until then.
 * Thread-safety: none; it belongs to its client.
 */
#ifndef MW_KUBELET_RETRY_H
#define MW_KUBELET_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "moonwatch/error.h"

/** Zeroed: nothing has failed. */
struct mw_retry {
  unsigned failures_count; /**< in a row */
  int64_t not_before_ns;
  struct mw_error last;
};

/** May it be tried at @p now_ns? */
bool mw_retry_is_due(const struct mw_retry *retry, int64_t now_ns);

/**
 * It failed with @p err: wait MW_KUBELET_RETRY_MIN_NS, doubled with each failure in a row, and at
 * least @p wanted_ns, but never more than MW_KUBELET_RETRY_MAX_NS. @p random takes up to a quarter
 * of that away, so that many agents do not ask at once.
 */
void mw_retry_note_failure(struct mw_retry *retry, int64_t now_ns, int64_t wanted_ns,
                           uint64_t random, const struct mw_error *err);

void mw_retry_note_success(struct mw_retry *retry);

#endif
