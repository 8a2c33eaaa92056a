#include "agent/script_job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "agent/task.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "script/script.h"

/* A script that is loaded. */
struct instance {
  const struct mw_script_job *job;
  struct mw_task *task;
  size_t files_seen;

  /* Of the run that is going on. */
  uint64_t messages_count, messages_bytes;
  struct refusal {
    const char *key; /* of the budget; NULL: nothing was refused */
    const char *unit;
    uint64_t limit;
  } refusal;
};

/* ---- Messages ---- */

static int say_refused(const struct instance *instance, struct mw_error *err)
{
  const struct refusal *refusal = &instance->refusal;

  return mw_error_set(err, EDQUOT,
                      "the run is over its budget of %" PRIu64 " %s (scripts.%s.budget.%s)",
                      refusal->limit, refusal->unit, instance->job->settings->name, refusal->key);
}

static int refuse(struct instance *instance, const char *key, uint64_t limit, const char *unit,
                  struct mw_error *err)
{
  instance->refusal = (struct refusal){.key = key, .unit = unit, .limit = limit};
  return say_refused(instance, err);
}

static int emit(void *data, const struct mw_message *message, struct mw_error *err)
{
  struct instance *instance = data;
  const struct mw_budget *budget = &instance->job->settings->budget;

  if (instance->messages_count + 1 > budget->messages_count)
    return refuse(instance, "messages_count", budget->messages_count, "messages", err);
  if (instance->messages_bytes + message->body.len_bytes > budget->messages_bytes)
    return refuse(instance, "messages_bytes", budget->messages_bytes, "bytes of messages", err);
  instance->messages_count++;
  instance->messages_bytes += message->body.len_bytes;
  return mw_queue_put(instance->job->queue, message, err);
}

/* ---- Opening ---- */

struct watching {
  struct mw_watch *watch;
  struct mw_folders *folders;
  int64_t read_from_ns;
};

static void note_file(void *data, const char *path)
{
  const struct watching *watching = data;

  mw_folders_add(watching->folders, path);
  mw_watch_add(watching->watch, path, watching->read_from_ns);
}

/* One that cannot be read is not loaded either, and says why. */
static uint64_t hash_file(const char *path)
{
  MW_AUTO_BUF text;

  mw_buf_init(&text, MW_SCRIPT_SOURCE_MAX_BYTES);
  if (mw_file_read(AT_FDCWD, path, &text, NULL) < 0)
    return 0;
  return (uint64_t)mw_crc32c(0, text.data, text.len_bytes) << 32 | text.len_bytes;
}

static int admit(void *data, const char *path, struct mw_error *err)
{
  const struct mw_script_job *job = data;

  if (!job->slot)
    return 0;
  uint64_t text_hash = hash_file(path);
  mw_running_note_text(job->slot, text_hash);
  return mw_running_admit(job->slot, text_hash, err);
}

static size_t count_files(const struct mw_task *task)
{
  size_t count = 0;

  while (mw_task_file(task, count))
    count++;
  return count;
}

static struct mw_task *open_task(struct instance *instance, struct watching *watching,
                                 struct mw_error *err)
{
  const struct mw_script_job *job = instance->job;
  const struct mw_script_settings *settings = job->settings;
  struct mw_task_config config = {
      .kind = settings->kind == MW_SCRIPT_SOURCE ? MW_TASK_SOURCE : MW_TASK_CHECK,
      .name = settings->name,
      .script_dirs = job->script_dirs,
      .trusted_only = true,
      .context = job->context,
      .options = settings->options,
      .options_count = settings->options_count,
      .interval_s = settings->interval_s,
      .memory_max_bytes = settings->budget.memory_bytes,
      .timeout_ms = settings->budget.wall_ms,
      .cpu_ms = settings->budget.cpu_ms,
      .http_requests_max = &settings->budget.http_requests_count,
      .priority = settings->priority >= 0 ? &settings->priority : NULL,
      .stale_s = settings->stale_s,
      .admit = admit,
      .admit_data = (void *)(uintptr_t)job,
      .on_file = note_file,
      .on_file_data = watching,
      .emit = emit,
      .emit_data = instance,
      .group_ids = job->group_ids,
  };

  return mw_task_open(&config, err);
}

static void close_instance(void *data)
{
  struct instance *instance = data;

  mw_task_close(instance->task);
  free(instance);
}

static void *open_instance(void *data, struct mw_watch *watch, struct mw_error *err)
{
  const struct mw_script_job *job = data;
  struct watching watching = {
      .watch = watch, .folders = job->folders, .read_from_ns = mw_clock_wall_ns(mw_clock_system())};
  struct instance *instance = calloc(1, sizeof *instance);

  if (!instance) {
    mw_error_set(err, ENOMEM, "out of memory for a script");
    return NULL;
  }
  instance->job = job;
  instance->task = open_task(instance, &watching, err);
  if (!instance->task) {
    free(instance);
    return NULL;
  }
  instance->files_seen = count_files(instance->task);
  return instance;
}

static int hand_over(void *old, void *fresh, struct mw_error *err)
{
  struct instance *from = old, *to = fresh;

  return mw_task_hand_over(from->task, to->task, err);
}

static double interval_s(void *data)
{
  const struct instance *instance = data;
  return mw_task_interval_s(instance->task);
}

static size_t memory_bytes(void *data)
{
  const struct instance *instance = data;
  return mw_task_memory_bytes(instance->task);
}

/* A module that a run has required is a file of the script from then on. */
static void watch_files(void *data, struct mw_watch *watch)
{
  struct instance *instance = data;
  int64_t read_from_ns = mw_clock_wall_ns(mw_clock_system()) - MW_NS_PER_S;
  const char *path;

  while ((path = mw_task_file(instance->task, instance->files_seen))) {
    mw_folders_add(instance->job->folders, path);
    mw_watch_add(watch, path, read_from_ns);
    instance->files_seen++;
  }
}

/* ---- Runs ---- */

static enum mw_limit limit_of(const struct instance *instance, int rc)
{
  if (rc == -ETIME && mw_task_stopped_by(instance->task) == MW_STOP_CPU)
    return MW_LIMIT_CPU;
  if (rc == -ETIME && mw_task_stopped_by(instance->task) == MW_STOP_WALL)
    return MW_LIMIT_WALL;
  if (rc == -ENOMEM && mw_task_is_over_memory(instance->task))
    return MW_LIMIT_MEMORY;
  return instance->refusal.key ? MW_LIMIT_MESSAGES : MW_LIMIT_NONE;
}

/* Which limit, and which key of the configuration moves it. Messages say so themselves. */
static void name_limit(const struct instance *instance, enum mw_limit limit, struct mw_error *err)
{
  const struct mw_budget *budget = &instance->job->settings->budget;
  const char *name = instance->job->settings->name;

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

/* A script may catch the error of its emit; its messages lack something all the same. */
static int fail_for_refusal(const struct instance *instance, struct mw_error *err)
{
  int rc = say_refused(instance, err);

  mw_error_prefix(err, "check %s", instance->job->settings->name);
  return rc;
}

static int run(void *data, enum mw_limit *limit, struct mw_error *err)
{
  struct instance *instance = data;

  instance->messages_count = instance->messages_bytes = 0;
  instance->refusal = (struct refusal){0};
  int rc = mw_task_run(instance->task, err);
  *limit = limit_of(instance, rc);
  if (rc < 0)
    name_limit(instance, *limit, err);
  else if (*limit == MW_LIMIT_MESSAGES)
    rc = fail_for_refusal(instance, err);
  if (instance->job->settings->kind == MW_SCRIPT_SOURCE)
    mw_context_sweep(instance->job->context);
  return rc;
}

static void ready(void *data)
{
  const struct mw_script_job *job = data;
  job->on_ready(job->on_ready_data);
}

const struct mw_job_ops mw_script_job_ops = {
    .open = open_instance,
    .close = close_instance,
    .hand_over = hand_over,
    .interval_s = interval_s,
    .run = run,
    .watch = watch_files,
    .memory_bytes = memory_bytes,
    .ready = ready,
    .interrupt = mw_script_interrupt,
};
