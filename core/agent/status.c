#include "agent/status.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/members.h"
#include "agent/status_problems.h"
#include "agent/status_process.h"

static const char *const state_names[] = {
    [MW_WORKER_OPENING] = "loading",        [MW_WORKER_BROKEN] = "broken",
    [MW_WORKER_WAITING] = "waiting",        [MW_WORKER_RUNNING] = "running",
    [MW_WORKER_PAUSED] = "paused",          [MW_WORKER_HELD] = "held",
    [MW_WORKER_QUARANTINED] = "quarantined"};

const char *mw_status_state_name(enum mw_worker_state state)
{
  return state_names[state];
}

/* ---- The parts ---- */

static void write_queue(struct mw_json_writer *w, struct mw_queue *queue)
{
  struct mw_queue_usage usage;

  mw_queue_usage(queue, &usage);
  mw_json_begin_object(w);
  mw_member_count(w, "buffer_bytes", usage.buffer_bytes);
  mw_member_count(w, "buffer_messages", usage.buffer_messages);
  mw_member_count(w, "commits_total", usage.commits_total);
  mw_member_count(w, "committed_total", usage.committed_total);
  mw_member_count(w, "damaged_total", usage.damaged_total);
  mw_member_some_text(w, "error", usage.error);
  if (usage.has_file) {
    mw_member_count(w, "file_size_bytes", usage.file_size_bytes);
    mw_member_count(w, "file_used_bytes", usage.file_used_bytes);
  }
  mw_member_ms(w, "last_commit_ms", usage.last_commit_took_ns);
  mw_member_ms(w, "max_commit_ms", usage.max_commit_took_ns);
  mw_member_count(w, "messages", usage.messages);
  mw_member_count(w, "put_total", usage.put_total);
  mw_member_count(w, "written_bytes_total", usage.written_bytes_total);
  mw_json_end_object(w);
}

static void write_budget(struct mw_json_writer *w, const struct mw_budget *budget)
{
  mw_json_begin_object(w);
  mw_member_count(w, "cpu_ms", (uint64_t)budget->cpu_ms);
  mw_member_count(w, "http_requests_count", budget->http_requests_count);
  mw_member_count(w, "memory_bytes", budget->memory_bytes);
  mw_member_count(w, "messages_bytes", budget->messages_bytes);
  mw_member_count(w, "messages_count", budget->messages_count);
  mw_member_count(w, "wall_ms", (uint64_t)budget->wall_ms);
  mw_json_end_object(w);
}

/* What follows an error in Lua. */
#define TRACEBACK "\nstack traceback:"

static void write_error(struct mw_json_writer *w, const char *key, const char *text)
{
  char first[MW_ERROR_TEXT_BYTES];
  const char *traceback = strstr(text, TRACEBACK);

  snprintf(first, sizeof first, "%.*s",
           (int)(traceback ? (size_t)(traceback - text) : strlen(text)), text);
  mw_member_some_text(w, key, first);
}

static void write_traceback(struct mw_json_writer *w, const char *key, const char *error)
{
  const char *traceback = strstr(error, TRACEBACK);

  mw_member_some_text(w, key, traceback ? traceback + 1 : "");
}

static void write_usage(struct mw_json_writer *w, const struct mw_job_usage *usage)
{
  mw_json_begin_object(w);
  mw_member_count(w, "http_requests_count", usage->http_requests_count);
  mw_member_count(w, "memory_bytes", usage->memory_peak_bytes);
  mw_member_count(w, "messages_bytes", usage->messages_bytes);
  mw_member_count(w, "messages_count", usage->messages_count);
  mw_json_end_object(w);
}

static void write_wall(struct mw_json_writer *w, const char *key, int64_t wall_ns)
{
  if (wall_ns > 0)
    mw_member_s(w, key, wall_ns);
}

/* Why it does not run, and until when. */
static void write_pause(struct mw_json_writer *w, const struct mw_worker_status *status)
{
  if (status->state == MW_WORKER_HELD) {
    mw_member_s(w, "pause_ends_in_s", status->held_for_ns);
    mw_member_text(w, "pause_reason", "it was over its budget again and again");
  } else if (status->state == MW_WORKER_PAUSED) {
    mw_member_text(w, "pause_reason", "somebody wants it so, until it is resumed");
  }
}

/* Members sorted by their names, the first half of them. */
static void write_errors_and_times(struct mw_json_writer *w, const struct mw_worker_status *status)
{
  mw_member_ms(w, "cpu_last_ms", status->last_cpu_ns);
  mw_member_ms(w, "cpu_max_ms", status->max_cpu_ns);
  write_error(w, "error", status->error);
  mw_member_count(w, "failures_total", status->failures_total);
  mw_member_number(w, "interval_s", status->interval_s);
  mw_member_text(w, "kind", status->kind);
  write_error(w, "last_error", status->last_error);
  write_wall(w, "last_error_at_s", status->last_error_wall_ns);
  mw_member_ms(w, "last_ms", status->took.last_ns);
  write_wall(w, "last_run_at_s", status->last_run_wall_ns);
  write_traceback(w, "last_traceback", status->last_error);
  mw_member_ms(w, "late_last_ms", status->late.last_ns);
  mw_member_ms(w, "late_max_ms", status->late.max_ns);
  mw_member_ms(w, "late_p50_ms", status->late.p50_ns);
  mw_member_ms(w, "late_p99_ms", status->late.p99_ns);
  write_error(w, "load_error", status->load_error);
  write_traceback(w, "load_traceback", status->load_error);
  write_wall(w, "loaded_at_s", status->loaded_wall_ns);
  mw_member_ms(w, "max_ms", status->took.max_ns);
}

static void write_counts_and_state(struct mw_json_writer *w, const struct mw_worker_status *status)
{
  mw_member_count(w, "memory_bytes", status->memory_bytes);
  mw_member_text(w, "name", status->name);
  if (status->next_run_in_ns >= 0)
    mw_member_s(w, "next_run_in_s", status->next_run_in_ns);
  mw_member_count(w, "over_budget_in_a_row", status->offences);
  mw_member_count(w, "over_budget_total", status->over_budget_total);
  mw_member_ms(w, "p50_ms", status->took.p50_ns);
  mw_member_ms(w, "p99_ms", status->took.p99_ns);
  write_pause(w, status);
  mw_member_count(w, "reloads_total", status->reloads_total);
  write_error(w, "restore_error", status->restore_error);
  mw_member_count(w, "runs_total", status->runs_total);
  mw_member_count(w, "skips_total", status->skips_total);
  mw_member_text(w, "state", mw_status_state_name(status->state));
  write_traceback(w, "traceback", status->error);
}

static void write_script(struct mw_json_writer *w, const struct mw_worker_status *status,
                         const struct mw_budget *budget)
{
  mw_json_begin_object(w);
  mw_json_write_key(w, "budget");
  write_budget(w, budget);
  write_errors_and_times(w, status);
  write_counts_and_state(w, status);
  mw_json_write_key(w, "usage_last");
  write_usage(w, &status->last);
  mw_json_write_key(w, "usage_most");
  write_usage(w, &status->most);
  mw_json_end_object(w);
}

static void write_sink(struct mw_json_writer *w, const struct mw_delivery_status *status)
{
  const struct mw_queue_cursor *cursor = &status->usage;

  mw_json_begin_object(w);
  mw_member_count(w, "delivered_total", cursor->delivered_total);
  mw_member_count(w, "dropped_total", cursor->dropped_total);
  mw_member_some_text(w, "error", status->error);
  mw_member_count(w, "failures_in_a_row", status->failures_in_a_row);
  mw_member_count(w, "failures_total", status->failures_total);
  mw_member_bool(w, "in_use", cursor->in_use);
  mw_member_text(w, "name", status->name);
  if (status->next_try_in_ns > 0)
    mw_member_s(w, "next_try_in_s", status->next_try_in_ns);
  if (cursor->waiting > 0)
    mw_member_s(w, "oldest_age_s", mw_clock_wall_ns(mw_clock_system()) - cursor->oldest_at_ns);
  mw_member_count(w, "set_aside_total", cursor->set_aside_total);
  mw_member_count(w, "stale_total", status->stale_total);
  mw_member_count(w, "waiting", cursor->waiting);
  mw_json_end_object(w);
}

/* Nobody delivers for them, and they hold messages back. */
static void write_sinks_that_left(struct mw_json_writer *w, struct mw_queue *queue)
{
  struct mw_queue_cursor cursors[MW_QUEUE_CURSORS_MAX];
  size_t count = mw_queue_cursors(queue, cursors);

  for (size_t i = 0; i < count; i++) {
    const struct mw_delivery_status status = {.name = cursors[i].name, .usage = cursors[i]};
    if (!cursors[i].in_use)
      write_sink(w, &status);
  }
}

static void write_sinks(struct mw_json_writer *w, struct mw_runner *runner)
{
  struct mw_delivery_status status;

  mw_json_begin_array(w);
  for (size_t i = 0; i < mw_runner_sinks_count(runner); i++) {
    mw_sink_status(mw_runner_sink(runner, i), &status);
    write_sink(w, &status);
  }
  write_sinks_that_left(w, mw_runner_queue(runner));
  mw_json_end_array(w);
}

static void write_source(struct mw_json_writer *w, const struct mw_inventory_source *source)
{
  mw_json_begin_object(w);
  if (source->age_ns >= 0)
    mw_member_s(w, "age_s", source->age_ns);
  mw_member_count(w, "containers_count", source->containers_count);
  mw_member_some_text(w, "error", source->error);
  mw_member_text(w, "name", source->name);
  mw_member_count(w, "pods_count", source->pods_count);
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

static void write_configuration(struct mw_json_writer *w, const struct mw_reload *reload)
{
  mw_json_begin_object(w);
  if (reload->mistakes.len_bytes > 0)
    mw_member_text(w, "error", reload->mistakes.data);
  mw_member_s(w, "loaded_at_s", reload->loaded_wall_ns);
  if (reload->restarts.len_bytes > 0)
    mw_member_text(w, "needs_restart", reload->restarts.data);
  mw_member_count(w, "reloads_total", reload->reloads_total);
  mw_json_end_object(w);
}

/* Figures that some container was asked for. */
static void write_figures(struct mw_json_writer *w, const struct mw_context_usage *usage)
{
  const struct mw_stats_presence *presence = &usage->presence;

  mw_json_begin_array(w);
  for (int i = 0; i < MW_FIGURE_COUNT; i++) {
    uint32_t lacking = presence->looked[i] - presence->present[i],
             failed = usage->figures_failed[i];
    if (presence->looked[i] == 0 && failed == 0)
      continue;
    mw_json_begin_object(w);
    mw_member_count(w, "absent", lacking > failed ? lacking - failed : 0);
    mw_member_count(w, "failed", failed);
    mw_member_text(w, "name", mw_figure_info(i)->name);
    mw_member_count(w, "present", presence->present[i]);
    mw_json_end_object(w);
  }
  mw_json_end_array(w);
}

static void write_readings(struct mw_json_writer *w, const struct mw_stats_presence *presence)
{
  mw_json_begin_object(w);
  mw_member_count(w, "containers", presence->containers);
  mw_member_count(w, "unread", presence->unread);
  mw_json_end_object(w);
}

static void write_all(struct mw_json_writer *w, const struct mw_agent *agent,
                      const struct mw_context_usage *usage)
{
  struct mw_runner *runner = agent->runner;

  mw_json_write_key(w, "configuration");
  write_configuration(w, agent->reload);
  mw_json_write_key(w, "figures");
  write_figures(w, usage);
  mw_status_write_problems(w, agent, usage);
  mw_json_write_key(w, "process");
  mw_status_write_process(w, usage, mw_runner_uptime_ns(runner));
  mw_json_write_key(w, "queue");
  write_queue(w, mw_runner_queue(runner));
  mw_json_write_key(w, "readings");
  write_readings(w, &usage->presence);
  mw_member_bool(w, "ready", mw_runner_is_ready(runner));
  mw_json_write_key(w, "scripts");
  write_scripts(w, runner);
  mw_json_write_key(w, "sinks");
  write_sinks(w, runner);
  mw_json_write_key(w, "sources");
  write_sources(w, runner);
}

int mw_status_write(const struct mw_agent *agent, struct mw_buf *out, struct mw_error *err)
{
  struct mw_context_usage usage;
  struct mw_json_writer w;

  mw_context_usage(mw_runner_context(agent->runner), &usage);
  mw_shadows_keep(agent->shadows, mw_config_settings(agent->reload->current)->script_dirs);
  mw_json_writer_init(&w, out, err);
  mw_json_begin_object(&w);
  write_all(&w, agent, &usage);
  mw_json_end_object(&w);
  return mw_json_writer_finish(&w);
}
