#include "agent/scripts.h"

#include <string.h>

#include "agent/members.h"
#include "agent/status.h"
#include "agent/task.h"

static const struct kind {
  const char *folder, *noun;
} kinds[MW_SCRIPT_KIND_COUNT] = {
    [MW_SCRIPT_SOURCE] = {"sources", "source"},
    [MW_SCRIPT_CHECK] = {"checks", "check"},
    [MW_SCRIPT_SINK] = {"sinks", "sink"},
};

const char *mw_scripts_folder(enum mw_script_kind kind)
{
  return kinds[kind].folder;
}

/* What an agent knows of a script that it runs. */
struct at_work {
  const char *state;
  int64_t loaded_wall_ns; /* 0: it is not loaded, or has no such time */
  char load_error[MW_ERROR_TEXT_BYTES];
};

static void take_worker(struct mw_worker *worker, struct at_work *out)
{
  struct mw_worker_status status;

  mw_worker_status(worker, &status);
  out->state = mw_status_state_name(status.state);
  out->loaded_wall_ns = status.loaded_wall_ns;
  strcpy(out->load_error,
         *status.error && status.loaded_wall_ns == 0 ? status.error : status.load_error);
}

static void take_sink(struct mw_sink *sink, struct at_work *out)
{
  struct mw_delivery_status status;

  mw_sink_status(sink, &status);
  out->state = *status.error ? "failing" : "working";
}

static struct at_work find_at_work(struct mw_runner *runner,
                                   const struct mw_script_settings *script)
{
  struct at_work found = {.state = "not running"};
  struct mw_delivery_status sink;

  for (size_t i = 0; runner && i < mw_runner_workers_count(runner); i++)
    if (strcmp(mw_worker_name(mw_runner_worker(runner, i)), script->name) == 0)
      take_worker(mw_runner_worker(runner, i), &found);
  for (size_t i = 0; runner && i < mw_runner_sinks_count(runner); i++) {
    mw_sink_status(mw_runner_sink(runner, i), &sink);
    if (script->kind == MW_SCRIPT_SINK && strcmp(sink.name, script->name) == 0)
      take_sink(mw_runner_sink(runner, i), &found);
  }
  return found;
}

/* Members that begin with s and are of the shadow. */
static void write_shadow(struct mw_json_writer *w, const struct mw_shadow *shadow)
{
  if (!shadow)
    return;
  if (shadow->first_seen_s > 0)
    mw_member_count(w, "seen_at_s", (uint64_t)shadow->first_seen_s);
  mw_member_text(w, "shadows", shadow->place.shipped);
  mw_member_bool(w, "shipped_changed", shadow->shipped_changed);
}

static void write_first_line(struct mw_json_writer *w, const char *key, const char *text)
{
  mw_json_write_key(w, key);
  mw_json_write_slice(w, (struct mw_slice){text, strcspn(text, "\n")});
}

static void write_script(struct mw_json_writer *w, const struct mw_script_settings *script,
                         const char *file, const struct at_work *at_work,
                         const struct mw_shadow *shadow)
{
  mw_json_begin_object(w);
  if (at_work->loaded_wall_ns > 0) /* another api would not have been loaded */
    mw_member_count(w, "api", MW_TASK_API);
  mw_member_some_text(w, "file", file);
  mw_member_text(w, "kind", kinds[script->kind].noun);
  if (*at_work->load_error)
    write_first_line(w, "load_error", at_work->load_error);
  if (at_work->loaded_wall_ns > 0)
    mw_member_s(w, "loaded_at_s", at_work->loaded_wall_ns);
  mw_member_text(w, "name", script->name);
  write_shadow(w, shadow);
  mw_member_text(w, "state", at_work->state);
  mw_json_end_object(w);
}

static void write_scripts(struct mw_json_writer *w, const struct mw_settings *settings,
                          struct mw_runner *runner, const struct mw_shadows *shadows)
{
  struct mw_script_place place;

  mw_json_begin_array(w);
  for (size_t i = 0; i < settings->scripts_count; i++) {
    const struct mw_script_settings *script = &settings->scripts[i];
    const char *folder = kinds[script->kind].folder;
    bool has_file = mw_script_place_find(settings->script_dirs, folder, script->name, &place);
    if (!has_file && script->kind == MW_SCRIPT_SINK)
      continue; /* a part of the program */
    const struct at_work at_work = find_at_work(runner, script);
    write_script(w, script, place.file, &at_work, mw_shadow_of(shadows, folder, script->name));
  }
  mw_json_end_array(w);
}

static void write_modules(struct mw_json_writer *w, const struct mw_shadows *shadows)
{
  mw_json_begin_array(w);
  for (size_t i = 0; i < mw_shadows_count(shadows); i++) {
    const struct mw_shadow *shadow = mw_shadow(shadows, i);
    if (strcmp(shadow->folder, "moonwatch") != 0)
      continue;
    mw_json_begin_object(w);
    mw_member_text(w, "file", shadow->place.file);
    mw_member_text(w, "name", shadow->name);
    write_shadow(w, shadow);
    mw_json_end_object(w);
  }
  mw_json_end_array(w);
}

int mw_scripts_write(const struct mw_settings *settings, struct mw_runner *runner,
                     const struct mw_shadows *shadows, struct mw_buf *out, struct mw_error *err)
{
  struct mw_json_writer w;

  mw_json_writer_init(&w, out, err);
  mw_json_begin_object(&w);
  mw_member_bool(&w, "agent", runner != NULL);
  mw_json_write_key(&w, "modules");
  write_modules(&w, shadows);
  mw_json_write_key(&w, "script_dirs");
  mw_json_begin_array(&w);
  for (const char *const *dir = settings->script_dirs; *dir; dir++)
    mw_json_write_text(&w, *dir);
  mw_json_end_array(&w);
  mw_json_write_key(&w, "scripts");
  write_scripts(&w, settings, runner, shadows);
  mw_json_end_object(&w);
  return mw_json_writer_finish(&w);
}
