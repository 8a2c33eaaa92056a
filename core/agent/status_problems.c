#include "agent/status_problems.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/members.h"
#include "agent/shadows.h"

#define TEXT_BYTES 1024
#define LIST_MAX_BYTES ((size_t)1 << 19)
#define LISTED_FIGURES_MAX 5

/* One of the two lists: texts, each with its '\0'. */
struct sentences {
  struct mw_buf texts;
  size_t count;
};

static void __attribute__((format(printf, 2, 3)))
say(struct sentences *sentences, const char *fmt, ...)
{
  char text[TEXT_BYTES];
  va_list args;

  sentences->count++;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  mw_buf_append(&sentences->texts, text, strlen(text) + 1, NULL); /* what has no room is counted */
}

/* The first line of an error: a traceback has a member of its own. */
static int first_line_bytes(const char *error)
{
  return (int)strcspn(error, "\n");
}

/* ---- What is wrong ---- */

static void say_state(struct sentences *problems, const struct mw_worker_status *status)
{
  int bytes = first_line_bytes(status->error);

  if (status->state == MW_WORKER_BROKEN)
    say(problems, "%s cannot be loaded: %.*s", status->name, bytes, status->error);
  else if (status->state == MW_WORKER_QUARANTINED)
    say(problems, "%s is left alone (moonwatch resume %s ends it): %.*s", status->name,
        status->name, bytes, status->error);
  else if (status->state == MW_WORKER_HELD)
    say(problems, "%s pauses for %" PRId64 " s more, over its budget %u times in a row: %.*s",
        status->name, (status->held_for_ns + MW_NS_PER_S - 1) / MW_NS_PER_S, status->offences,
        bytes, status->error);
  else if (*status->error)
    say(problems, "%s failed at its last run, %" PRIu64 " of %" PRIu64 " have failed: %.*s",
        status->name, status->failures_total, status->runs_total, bytes, status->error);
}

static void say_scripts(struct sentences *problems, struct mw_runner *runner)
{
  struct mw_worker_status status;

  for (size_t i = 0; i < mw_runner_workers_count(runner); i++) {
    mw_worker_status(mw_runner_worker(runner, i), &status);
    say_state(problems, &status);
    if (*status.load_error)
      say(problems, "%s has changed and does not load, so the old one goes on: %.*s", status.name,
          first_line_bytes(status.load_error), status.load_error);
  }
}

static void say_sources(struct sentences *problems, struct mw_runner *runner)
{
  struct mw_inventory_source sources[MW_INVENTORY_SOURCES_MAX];
  size_t count = mw_inventory_sources(mw_context_inventory(mw_runner_context(runner)), sources);

  for (size_t i = 0; i < count; i++)
    if (sources[i].stale && sources[i].age_ns >= 0)
      say(problems, "the source %s was last heard of %" PRId64 " s ago", sources[i].name,
          sources[i].age_ns / MW_NS_PER_S);
}

static void say_sinks(struct sentences *problems, struct mw_runner *runner)
{
  struct mw_delivery_status status;

  for (size_t i = 0; i < mw_runner_sinks_count(runner); i++) {
    mw_sink_status(mw_runner_sink(runner, i), &status);
    if (*status.error)
      say(problems, "the sink %s does not deliver, %" PRIu64 " messages wait: %.*s", status.name,
          (uint64_t)status.usage.waiting, first_line_bytes(status.error), status.error);
  }
}

static void say_queue(struct sentences *problems, struct mw_queue *queue)
{
  struct mw_queue_usage usage;

  mw_queue_usage(queue, &usage);
  if (*usage.error)
    say(problems, "the queue cannot write its file, so messages are in memory alone: %.*s",
        first_line_bytes(usage.error), usage.error);
}

/* A sentence for each mistake. */
static void say_configuration(struct sentences *problems, const struct mw_reload *reload)
{
  const char *line = reload->mistakes.len_bytes > 0 ? reload->mistakes.data : "";

  for (int bytes; *line; line += bytes + (line[bytes] == '\n')) {
    bytes = first_line_bytes(line);
    if (bytes > 0)
      say(problems, "the configuration has a mistake, the old one goes on: %.*s", bytes, line);
  }
}

static void say_problems(struct sentences *problems, struct mw_runner *runner)
{
  if (!mw_runner_is_ready(runner))
    say(problems, "the agent has only just begun: it is not ready");
  say_scripts(problems, runner);
  say_sources(problems, runner);
  say_sinks(problems, runner);
  say_queue(problems, mw_runner_queue(runner));
}

/* ---- What is good to know ---- */

static void note_configuration(struct sentences *notes, const struct mw_reload *reload)
{
  if (reload->restarts.len_bytes > 0)
    say(notes, "the configuration has changed in what needs a restart: %s", reload->restarts.data);
}

static void note_scripts(struct sentences *notes, struct mw_runner *runner)
{
  struct mw_worker_status status;

  for (size_t i = 0; i < mw_runner_workers_count(runner); i++) {
    mw_worker_status(mw_runner_worker(runner, i), &status);
    if (status.state == MW_WORKER_PAUSED)
      say(notes, "%s is paused: moonwatch resume %s lets it go on", status.name, status.name);
    if (*status.restore_error)
      say(notes, "%s began with nothing when it was loaded anew: %.*s", status.name,
          first_line_bytes(status.restore_error), status.restore_error);
  }
}

static void note_sinks(struct sentences *notes, struct mw_runner *runner)
{
  struct mw_delivery_status status;

  for (size_t i = 0; i < mw_runner_sinks_count(runner); i++) {
    mw_sink_status(mw_runner_sink(runner, i), &status);
    if (status.usage.dropped_total > 0)
      say(notes, "the sink %s has missed %" PRIu64 " messages: the queue was full", status.name,
          status.usage.dropped_total);
    if (status.usage.set_aside_total > 0)
      say(notes, "%" PRIu64 " messages were refused and set aside by the sink %s: the log has them",
          status.usage.set_aside_total, status.name);
  }
}

static void note_queue(struct sentences *notes, struct mw_runner *runner)
{
  struct mw_queue_cursor cursors[MW_QUEUE_CURSORS_MAX];
  size_t count = mw_queue_cursors(mw_runner_queue(runner), cursors);
  struct mw_queue_usage usage;

  mw_queue_usage(mw_runner_queue(runner), &usage);
  if (usage.damaged_total > 0)
    say(notes, "%" PRIu64 " messages in the queue's file were damaged and passed over",
        usage.damaged_total);
  for (size_t i = 0; i < count; i++)
    if (!cursors[i].in_use && cursors[i].waiting > 0)
      say(notes,
          "%zu messages are kept for the sink %s, which is not configured: "
          "moonwatch queue forget %s gives them up",
          cursors[i].waiting, cursors[i].name, cursors[i].name);
}

/* A file that cannot be read takes all its figures with it. */
static void note_figures(struct sentences *notes, const struct mw_context_usage *usage)
{
  char names[512] = "";
  size_t used = 0, failed = 0;

  for (int i = 0; i < MW_FIGURE_COUNT; i++)
    if (usage->figures_failed[i] > 0 && failed++ < LISTED_FIGURES_MAX)
      used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "",
                               mw_figure_info(i)->name);
  if (failed > 0)
    say(notes,
        "%zu figures could not be read in some containers (moonwatch doctor tells why): %s%s",
        failed, names, failed > LISTED_FIGURES_MAX ? ", ..." : "");
  if (usage->presence.unread > 0)
    say(notes, "%" PRIu32 " containers could not be read at all when they were last looked at",
        usage->presence.unread);
}

static void note_shadows(struct sentences *notes, const struct mw_shadows *shadows)
{
  for (size_t i = 0; i < mw_shadows_count(shadows); i++) {
    const struct mw_shadow *shadow = mw_shadow(shadows, i);
    if (shadow->shipped_changed)
      say(notes,
          "%s stands in front of a shipped file that has changed since: moonwatch scripts diff "
          "%s/%s",
          shadow->place.file, shadow->folder, shadow->name);
  }
}

/* ---- Both ---- */

static void write_list(struct mw_json_writer *w, const char *key, const struct sentences *list)
{
  mw_json_write_key(w, key);
  mw_json_begin_array(w);
  for (size_t at = 0; at < list->texts.len_bytes; at += strlen(list->texts.data + at) + 1)
    mw_json_write_text(w, list->texts.data + at);
  mw_json_end_array(w);
}

void mw_status_write_problems(struct mw_json_writer *w, const struct mw_agent *agent,
                              const struct mw_context_usage *usage)
{
  struct mw_runner *runner = agent->runner;
  struct sentences notes = {0}, problems = {0};

  mw_buf_init(&notes.texts, LIST_MAX_BYTES);
  mw_buf_init(&problems.texts, LIST_MAX_BYTES);
  say_problems(&problems, runner);
  say_configuration(&problems, agent->reload);
  note_configuration(&notes, agent->reload);
  note_scripts(&notes, runner);
  note_sinks(&notes, runner);
  note_queue(&notes, runner);
  note_figures(&notes, usage);
  note_shadows(&notes, agent->shadows);
  mw_member_bool(w, "healthy", problems.count == 0);
  write_list(w, "notes", &notes);
  write_list(w, "problems", &problems);
  mw_buf_deinit(&notes.texts);
  mw_buf_deinit(&problems.texts);
}
