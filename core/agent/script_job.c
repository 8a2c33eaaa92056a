#include "agent/script_job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "agent/config.h"
#include "agent/meter.h"
#include "agent/task.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "script/script.h"

/* A script that is loaded. */
struct instance {
  const struct mw_script_job *job;
  struct mw_script_order order; /* that it was made of */
  struct mw_task *task;
  size_t files_seen;
  struct mw_meter meter;
};

/* ---- Orders ---- */

void mw_script_job_init(struct mw_script_job *job)
{
  pthread_mutex_init(&job->mutex, NULL);
  job->order = (struct mw_script_order){0};
}

void mw_script_job_deinit(struct mw_script_job *job)
{
  mw_config_free(job->order.config);
  pthread_mutex_destroy(&job->mutex);
}

void mw_script_job_order(struct mw_script_job *job, const struct mw_script_order *order)
{
  mw_config_hold(order->config);
  pthread_mutex_lock(&job->mutex);
  struct mw_config *last = job->order.config;
  job->order = *order;
  pthread_mutex_unlock(&job->mutex);
  mw_config_free(last);
}

/* @return the order, whose configuration is held. */
static struct mw_script_order take_order(struct mw_script_job *job)
{
  pthread_mutex_lock(&job->mutex);
  struct mw_script_order order = job->order;
  mw_config_hold(order.config);
  pthread_mutex_unlock(&job->mutex);
  return order;
}

/* ---- Messages ---- */

static int emit(void *data, const struct mw_message *message, struct mw_error *err)
{
  struct instance *instance = data;
  int rc = mw_meter_take(&instance->meter, message->body.len_bytes, err);

  return rc < 0 ? rc : mw_queue_put(instance->job->queue, message, err);
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
  const struct instance *instance = data;
  struct mw_running_slot *slot = instance->job->slot;

  if (!slot)
    return 0;
  uint64_t text_hash = hash_file(path);
  mw_running_note_text(slot, text_hash, instance->order.settings->budget.wall_ms);
  return mw_running_admit(slot, text_hash, err);
}

static size_t count_files(const struct mw_task *task)
{
  size_t count = 0;

  while (mw_task_file(task, count))
    count++;
  return count;
}

static const enum mw_task_kind task_kinds[MW_SCRIPT_KIND_COUNT] = {
    [MW_SCRIPT_SOURCE] = MW_TASK_SOURCE,
    [MW_SCRIPT_CHECK] = MW_TASK_CHECK,
    [MW_SCRIPT_SINK] = MW_TASK_SINK};

static struct mw_task *open_task(struct instance *instance, struct watching *watching,
                                 struct mw_error *err)
{
  const struct mw_script_job *job = instance->job;
  const struct mw_script_settings *settings = instance->order.settings;
  struct mw_task_config config = {
      .kind = task_kinds[settings->kind],
      .name = settings->name,
      .script_dirs = instance->order.script_dirs,
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
      .admit_data = instance,
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
  mw_config_free(instance->order.config);
  free(instance);
}

static void *open_instance(void *data, struct mw_watch *watch, struct mw_error *err)
{
  struct mw_script_job *job = data;
  struct watching watching = {
      .watch = watch, .folders = job->folders, .read_from_ns = mw_clock_wall_ns(mw_clock_system())};
  struct instance *instance = calloc(1, sizeof *instance);

  if (!instance) {
    mw_error_set(err, ENOMEM, "out of memory for a script");
    return NULL;
  }
  instance->job = job;
  instance->order = take_order(job);
  instance->meter = (struct mw_meter){.name = instance->order.settings->name,
                                      .budget = &instance->order.settings->budget};
  instance->task = open_task(instance, &watching, err);
  if (!instance->task) {
    close_instance(instance);
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

static void usage(void *data, struct mw_job_usage *out)
{
  const struct instance *instance = data;

  *out = (struct mw_job_usage){.memory_peak_bytes = mw_task_memory_peak_bytes(instance->task),
                               .messages_count = instance->meter.messages_count,
                               .messages_bytes = instance->meter.messages_bytes,
                               .http_requests_count = mw_task_http_requests_count(instance->task)};
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

static int run(void *data, enum mw_limit *limit, struct mw_error *err)
{
  struct instance *instance = data;

  mw_meter_start(&instance->meter);
  int rc = mw_meter_judge(&instance->meter, instance->task, mw_task_run(instance->task, err), limit,
                          err);
  if (instance->order.settings->kind == MW_SCRIPT_SOURCE)
    mw_context_sweep(instance->job->context);
  return rc;
}

void *mw_script_job_of(void *data)
{
  const struct instance *instance = data;
  return (void *)(uintptr_t)instance->job;
}

const struct mw_script_settings *mw_script_job_settings(const void *data)
{
  const struct instance *instance = data;
  return instance->order.settings;
}

struct mw_task *mw_script_job_task(void *data)
{
  const struct instance *instance = data;
  return instance->task;
}

enum mw_limit mw_script_job_limit(void *data, int rc, struct mw_error *err)
{
  const struct instance *instance = data;
  enum mw_limit limit;

  mw_meter_judge(&instance->meter, instance->task, rc, &limit, err);
  return limit;
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
    .usage = usage,
    .ready = ready,
    .interrupt = mw_script_interrupt,
};
