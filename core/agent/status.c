#include "agent/status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "json/writer.h"

#define PROC_STATUS_MAX_BYTES 16384

static const char *const state_names[] = {
    [MW_WORKER_OPENING] = "loading",        [MW_WORKER_BROKEN] = "broken",
    [MW_WORKER_WAITING] = "waiting",        [MW_WORKER_RUNNING] = "running",
    [MW_WORKER_PAUSED] = "paused",          [MW_WORKER_HELD] = "held",
    [MW_WORKER_QUARANTINED] = "quarantined"};

/* ---- Members ---- */

static void write_ms(struct mw_json_writer *w, const char *key, int64_t ns)
{
  mw_json_write_key(w, key);
  mw_json_write_double(w, (double)ns / 1e6);
}

static void write_s(struct mw_json_writer *w, const char *key, int64_t ns)
{
  mw_json_write_key(w, key);
  mw_json_write_double(w, (double)ns / 1e9);
}

static void write_count(struct mw_json_writer *w, const char *key, uint64_t count)
{
  mw_json_write_key(w, key);
  mw_json_write_u64(w, count);
}

static void write_text(struct mw_json_writer *w, const char *key, const char *text)
{
  mw_json_write_key(w, key);
  mw_json_write_text(w, text);
}

/* Absent when there is none. */
static void write_error(struct mw_json_writer *w, const char *key, const char *text)
{
  if (*text)
    write_text(w, key, text);
}

/* ---- The process ---- */

/* "RssAnon:\t    1234 kB" @return false: not there. */
static bool number_of(const char *text, const char *name, uint64_t *out)
{
  const char *line = strstr(text, name);

  if (!line)
    return false;
  *out = strtoull(line + strlen(name), NULL, 10);
  return true;
}

static uint64_t count_descriptors(void)
{
  DIR *dir = opendir("/proc/self/fd");
  uint64_t count = 0;

  if (!dir)
    return 0;
  while (readdir(dir))
    count++;
  closedir(dir);
  return count > 3 ? count - 3 : 0; /* ".", "..", and that of the folder */
}

static void write_process(struct mw_json_writer *w, struct mw_runner *runner)
{
  struct timespec cpu;
  uint64_t number;
  MW_AUTO_BUF text;

  mw_buf_init(&text, PROC_STATUS_MAX_BYTES);
  bool is_read = mw_file_read(AT_FDCWD, "/proc/self/status", &text, NULL) == 0;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
  mw_json_begin_object(w);
  write_s(w, "cpu_s", cpu.tv_sec * MW_NS_PER_S + cpu.tv_nsec);
  write_count(w, "descriptors", count_descriptors());
  write_count(w, "pid", (uint64_t)getpid());
  if (is_read && number_of(text.data, "\nRssAnon:", &number))
    write_count(w, "rss_anon_bytes", number * 1024);
  if (is_read && number_of(text.data, "\nThreads:", &number))
    write_count(w, "threads", number);
  write_s(w, "uptime_s", mw_runner_uptime_ns(runner));
  mw_json_end_object(w);
}

/* ---- The parts ---- */

static void write_queue(struct mw_json_writer *w, struct mw_queue *queue)
{
  struct mw_queue_usage usage;

  mw_queue_usage(queue, &usage);
  mw_json_begin_object(w);
  write_count(w, "bytes", usage.buffer_bytes);
  write_count(w, "messages", usage.messages);
  write_count(w, "put_total", usage.put_total);
  mw_json_end_object(w);
}

static void write_budget(struct mw_json_writer *w, const struct mw_budget *budget)
{
  mw_json_begin_object(w);
  write_count(w, "cpu_ms", (uint64_t)budget->cpu_ms);
  write_count(w, "memory_bytes", budget->memory_bytes);
  write_count(w, "messages_bytes", budget->messages_bytes);
  write_count(w, "messages_count", budget->messages_count);
  write_count(w, "wall_ms", (uint64_t)budget->wall_ms);
  mw_json_end_object(w);
}

static void write_script(struct mw_json_writer *w, const struct mw_worker_status *status,
                         const struct mw_budget *budget)
{
  mw_json_begin_object(w);
  mw_json_write_key(w, "budget");
  write_budget(w, budget);
  write_ms(w, "cpu_last_ms", status->last_cpu_ns);
  write_ms(w, "cpu_max_ms", status->max_cpu_ns);
  write_error(w, "error", status->error);
  write_count(w, "failures_total", status->failures_total);
  mw_json_write_key(w, "interval_s");
  mw_json_write_double(w, status->interval_s);
  write_text(w, "kind", status->kind);
  write_ms(w, "last_ms", status->took.last_ns);
  if (status->last_run_wall_ns > 0)
    write_s(w, "last_run_at_s", status->last_run_wall_ns);
  write_ms(w, "late_last_ms", status->late.last_ns);
  write_ms(w, "late_max_ms", status->late.max_ns);
  write_ms(w, "late_p50_ms", status->late.p50_ns);
  write_ms(w, "late_p99_ms", status->late.p99_ns);
  write_error(w, "load_error", status->load_error);
  write_ms(w, "max_ms", status->took.max_ns);
  write_count(w, "memory_bytes", status->memory_bytes);
  write_text(w, "name", status->name);
  if (status->next_run_in_ns >= 0)
    write_s(w, "next_run_in_s", status->next_run_in_ns);
  write_count(w, "over_budget_total", status->over_budget_total);
  write_ms(w, "p50_ms", status->took.p50_ns);
  write_ms(w, "p99_ms", status->took.p99_ns);
  write_count(w, "reloads_total", status->reloads_total);
  write_error(w, "restore_error", status->restore_error);
  write_count(w, "runs_total", status->runs_total);
  write_count(w, "skips_total", status->skips_total);
  write_text(w, "state", state_names[status->state]);
  mw_json_end_object(w);
}

static void write_sink(struct mw_json_writer *w, struct mw_sink *sink)
{
  struct mw_sink_status status;

  mw_sink_status(sink, &status);
  mw_json_begin_object(w);
  write_count(w, "delivered_total", status.usage.delivered_total);
  write_count(w, "dropped_total", status.usage.dropped_total);
  write_error(w, "error", status.error);
  write_count(w, "failures_total", status.failures_total);
  write_text(w, "name", status.name);
  write_count(w, "waiting", status.usage.waiting);
  mw_json_end_object(w);
}

static void write_source(struct mw_json_writer *w, const struct mw_inventory_source *source)
{
  mw_json_begin_object(w);
  if (source->age_ns >= 0)
    write_s(w, "age_s", source->age_ns);
  write_count(w, "containers_count", source->containers_count);
  write_error(w, "error", source->error);
  write_text(w, "name", source->name);
  write_count(w, "pods_count", source->pods_count);
  mw_json_write_key(w, "stale");
  mw_json_write_bool(w, source->stale);
  mw_json_end_object(w);
}

static void write_scripts(struct mw_json_writer *w, struct mw_runner *runner)
{
  struct mw_worker_status status;

  mw_json_begin_array(w);
  for (size_t i = 0; i < mw_runner_workers_count(runner); i++) {
    mw_worker_status(mw_runner_worker(runner, i), &status);
    write_script(w, &status, mw_runner_budget(runner, i));
  }
  mw_json_end_array(w);
}

static void write_sources(struct mw_json_writer *w, struct mw_runner *runner)
{
  struct mw_inventory_source sources[MW_INVENTORY_SOURCES_MAX];
  size_t count = mw_inventory_sources(mw_context_inventory(mw_runner_context(runner)), sources);

  mw_json_begin_array(w);
  for (size_t i = 0; i < count; i++)
    write_source(w, &sources[i]);
  mw_json_end_array(w);
}

int mw_status_write(struct mw_runner *runner, struct mw_buf *out, struct mw_error *err)
{
  struct mw_json_writer w;

  mw_json_writer_init(&w, out, err);
  mw_json_begin_object(&w);
  mw_json_write_key(&w, "queue");
  write_queue(&w, mw_runner_queue(runner));
  mw_json_write_key(&w, "process");
  write_process(&w, runner);
  mw_json_write_key(&w, "ready");
  mw_json_write_bool(&w, mw_runner_is_ready(runner));
  mw_json_write_key(&w, "scripts");
  write_scripts(&w, runner);
  mw_json_write_key(&w, "sinks");
  mw_json_begin_array(&w);
  for (size_t i = 0; i < mw_runner_sinks_count(runner); i++)
    write_sink(&w, mw_runner_sink(runner, i));
  mw_json_end_array(&w);
  mw_json_write_key(&w, "sources");
  write_sources(&w, runner);
  mw_json_end_object(&w);
  return mw_json_writer_finish(&w);
}
