/**
 * @file meter.h
 * What one run emits, held against its budget, and which limit a run that failed has met.
 * Thread-safety: that of the task.
 */
#ifndef MW_METER_H
#define MW_METER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/settings.h"
#include "agent/task.h"
#include "agent/worker.h"
#include "moonwatch/error.h"

struct mw_meter {
  const char *name;               /**< of the script, for messages; borrowed */
  const struct mw_budget *budget; /**< borrowed */

  /* Of the run that is going on, or was the last; to be read only. */
  uint64_t messages_count, messages_bytes;
  const char *refused_key; /**< of the budget; NULL: no message was refused */
};

/** A run begins. */
void mw_meter_start(struct mw_meter *meter);

/** A message is emitted. @return 0; -EDQUOT: it is one too many, or too large. */
int mw_meter_take(struct mw_meter *meter, size_t message_bytes, struct mw_error *err);

/**
 * A run of @p task has ended with @p rc, and @p err says why: name the limit that it met, and the
 * key that moves it, in front of the error.
 * @return @p rc, or -EDQUOT: it caught the error of a message that was refused, which lacks now.
 */
int mw_meter_judge(const struct mw_meter *meter, const struct mw_task *task, int rc,
                   enum mw_limit *limit, struct mw_error *err);

#endif
