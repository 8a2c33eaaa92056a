#include "agent/meter.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define KEY_COUNT "messages_count"
#define KEY_BYTES "messages_bytes"

void mw_meter_start(struct mw_meter *meter)
{
  meter->messages_count = meter->messages_bytes = 0;
  meter->refused_key = NULL;
}

static int say_refused(const struct mw_meter *meter, struct mw_error *err)
{
  bool is_count = strcmp(meter->refused_key, KEY_COUNT) == 0;

  return mw_error_set(
      err, EDQUOT, "the run is over its budget of %" PRIu64 " %s (scripts.%s.budget.%s)",
      is_count ? (uint64_t)meter->budget->messages_count : (uint64_t)meter->budget->messages_bytes,
      is_count ? "messages" : "bytes of messages", meter->name, meter->refused_key);
}

int mw_meter_take(struct mw_meter *meter, size_t message_bytes, struct mw_error *err)
{
  const struct mw_budget *budget = meter->budget;

  if (meter->messages_count + 1 > budget->messages_count)
    meter->refused_key = KEY_COUNT;
  else if (meter->messages_bytes + message_bytes > budget->messages_bytes)
    meter->refused_key = KEY_BYTES;
  if (meter->refused_key)
    return say_refused(meter, err);
  meter->messages_count++;
  meter->messages_bytes += message_bytes;
  return 0;
}

static enum mw_limit limit_of(const struct mw_meter *meter, const struct mw_task *task, int rc)
{
  if (rc == -ETIME && mw_task_stopped_by(task) == MW_STOP_CPU)
    return MW_LIMIT_CPU;
  if (rc == -ETIME && mw_task_stopped_by(task) == MW_STOP_WALL)
    return MW_LIMIT_WALL;
  if (rc == -ENOMEM && mw_task_is_over_memory(task))
    return MW_LIMIT_MEMORY;
  return meter->refused_key ? MW_LIMIT_MESSAGES : MW_LIMIT_NONE;
}

/* Messages say so themselves. */
static void name_limit(const struct mw_meter *meter, enum mw_limit limit, struct mw_error *err)
{
  const struct mw_budget *budget = meter->budget;
  const char *name = meter->name;

  if (limit == MW_LIMIT_CPU)
    mw_error_prefix(err, "over its budget of %" PRId64 " ms of CPU time (scripts.%s.budget.cpu_ms)",
                    budget->cpu_ms, name);
  else if (limit == MW_LIMIT_WALL)
    mw_error_prefix(err, "over its budget of %" PRId64 " ms (scripts.%s.budget.wall_ms)",
                    budget->wall_ms, name);
  else if (limit == MW_LIMIT_MEMORY)
    mw_error_prefix(err, "over its budget of %zu bytes of memory (scripts.%s.budget.memory_bytes)",
                    budget->memory_bytes, name);
}

int mw_meter_judge(const struct mw_meter *meter, const struct mw_task *task, int rc,
                   enum mw_limit *limit, struct mw_error *err)
{
  *limit = limit_of(meter, task, rc);
  if (rc < 0)
    name_limit(meter, *limit, err);
  if (rc < 0 || *limit != MW_LIMIT_MESSAGES)
    return rc;
  rc = say_refused(meter, err);
  mw_error_prefix(err, "check %s", meter->name);
  return rc;
}
