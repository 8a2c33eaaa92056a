#include "agent/reload.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/apply.h"

#define RESTARTS_MAX_BYTES ((size_t)64 << 10)

static int64_t wall_ns(void)
{
  return mw_clock_wall_ns(mw_clock_system());
}

/* ---- Which files ---- */

static const struct mw_config_value *find_value(const struct mw_config *config, const char *path)
{
  const struct mw_config_value *value;

  for (size_t i = 0; (value = mw_config_value(config, i)); i++)
    if (strcmp(value->path, path) == 0)
      return value;
  return NULL;
}

struct watching {
  struct mw_watch *watch;
  struct mw_folders *folders;
  int64_t read_from_ns;
};

static void watch_file(const struct watching *watching, const char *path)
{
  mw_folders_add(watching->folders, path);
  mw_watch_add(watching->watch, path, watching->read_from_ns);
}

static int is_lua(const struct dirent *entry)
{
  size_t bytes = strlen(entry->d_name);

  return bytes > 4 && strcmp(entry->d_name + bytes - 4, ".lua") == 0;
}

/* conf.d as a file, too: its stamp moves when a file in it comes or goes. */
static void watch_folder(const struct watching *watching, const char *main_file)
{
  const char *slash = strrchr(main_file, '/');
  int folder_bytes = slash ? (int)(slash - main_file) + 1 : 0;
  char folder[PATH_MAX], path[PATH_MAX + NAME_MAX + 1];
  struct dirent **entries;

  snprintf(folder, sizeof folder, "%.*sconf.d", folder_bytes, main_file);
  watch_file(watching, folder);
  snprintf(path, sizeof path, "%s/*.lua", folder);
  mw_folders_add(watching->folders, path);
  int count = scandir(folder, &entries, is_lua, NULL);
  for (int i = 0; i < count; i++) {
    snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    watch_file(watching, path);
    free(entries[i]);
  }
  if (count >= 0)
    free(entries);
}

static void watch_scripts_of(const struct watching *watching, const struct mw_config_value *list,
                             const char *dir)
{
  char path[PATH_MAX];

  for (size_t i = 0; i < list->texts_count; i++) {
    snprintf(path, sizeof path, "%s/%s/%s.lua", dir, list->path, list->texts[i]);
    watch_file(watching, path);
  }
}

/* Where the scripts that @p config names are, or would be. */
static void watch_scripts(const struct watching *watching, const struct mw_config *config)
{
  static const char *const lists[] = {"sources", "checks", "sinks"};
  const struct mw_config_value *dirs = find_value(config, "script_dirs");

  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    const struct mw_config_value *list = find_value(config, lists[i]);
    for (size_t dir = 0; list && dirs && dir < dirs->texts_count; dir++)
      watch_scripts_of(watching, list, dirs->texts[dir]);
  }
}

/* @param config that could not be taken; NULL: all is well. */
static void watch_files(struct mw_reload *reload, const struct mw_config *config,
                        int64_t read_from_ns)
{
  const char *file = reload->request->file ? reload->request->file : MW_CONFIG_FILE_DEFAULT;
  const struct watching watching = {&reload->watch, mw_runner_folders(reload->runner),
                                    read_from_ns};
  const char *slash = strrchr(file, '/');
  char folder[PATH_MAX];

  mw_watch_deinit(&reload->watch);
  watch_file(&watching, file);
  watch_folder(&watching, file);
  if (!config)
    return;
  watch_scripts(&watching, config);
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - file) : 0, file);
  if (*folder) /* others may be able to write to it, which is a mistake as well */
    watch_file(&watching, folder);
}

/* ---- What is wrong with it ---- */

/* @return whether they differ. */
static bool replace(struct mw_buf *last, const struct mw_buf *next)
{
  bool differ = last->len_bytes != next->len_bytes ||
                (next->len_bytes > 0 && memcmp(last->data, next->data, next->len_bytes) != 0);

  mw_buf_deinit(last);
  *last = *next;
  return differ;
}

/* @return whether they are others than those of the last one. */
static bool keep_mistakes(struct mw_reload *reload, const struct mw_config *config)
{
  struct mw_buf lines;

  mw_buf_init(&lines, MW_RELOAD_MISTAKES_MAX_BYTES); /* what is beyond it is in the log */
  for (size_t i = 0; i < mw_config_faults_count(config); i++)
    if (!mw_config_fault(config, i)->is_warning &&
        mw_config_fault_append(mw_config_fault(config, i), &lines, NULL) == 0)
      mw_buf_append(&lines, "\n", 1, NULL);
  return replace(&reload->mistakes, &lines);
}

static void log_faults(const struct mw_config *config)
{
  MW_AUTO_BUF line;

  mw_buf_init(&line, MW_LOG_ENTRY_MAX_BYTES);
  for (size_t i = 0; i < mw_config_faults_count(config); i++) {
    const struct mw_config_fault *fault = mw_config_fault(config, i);
    mw_buf_clear(&line);
    if (mw_config_fault_append(fault, &line, NULL) == 0)
      mw_log(fault->is_warning ? MW_LOG_WARN : MW_LOG_ERROR, "configuration", "%s", line.data);
  }
}

static int refuse(struct mw_reload *reload, const struct mw_config *config, bool anew,
                  struct mw_error *err)
{
  size_t count = mw_config_mistakes_count(config);
  int rc = mw_error_set(err, EINVAL, "the configuration has %zu mistake%s: the old one goes on",
                        count, count == 1 ? "" : "s");

  if (keep_mistakes(reload, config)) {
    log_faults(config);
    mw_log(MW_LOG_ERROR, "configuration", "has %zu mistake%s: the old one goes on", count,
           count == 1 ? "" : "s");
  } else if (anew) {
    mw_log_limited(&reload->refusals, MW_LOG_ERROR, "configuration",
                   "has the same mistakes as before: the old one goes on");
  }
  return rc;
}

/* ---- What needs a restart ---- */

static bool same_value(const struct mw_config_value *a, const struct mw_config_value *b)
{
  if (a->number != b->number || a->texts_count != b->texts_count)
    return false;
  for (size_t i = 0; i < a->texts_count; i++)
    if (strcmp(a->texts[i], b->texts[i]) != 0)
      return false;
  return true;
}

static void append_name(struct mw_buf *names, const char *name)
{
  if (names->len_bytes > 0)
    mw_buf_append_text(names, ", ", NULL);
  mw_buf_append_text(names, name, NULL);
}

/* Keys of @p config that @p other lacks, and (@p changed) those that it has otherwise. */
static void append_restarts(const struct mw_config *config, const struct mw_config *other,
                            bool changed, struct mw_buf *names)
{
  const struct mw_config_value *value;

  for (size_t i = 0; (value = mw_config_value(config, i)); i++) {
    if (!value->key->needs_restart)
      continue;
    const struct mw_config_value *last = find_value(other, value->path);
    bool is_new = !last && value->origin != MW_CONFIG_DEFAULT;
    if (is_new || (last && changed && !same_value(value, last)))
      append_name(names, value->path);
  }
}

/* @return whether they are others than before. */
static bool keep_restarts(struct mw_reload *reload)
{
  struct mw_buf names;

  mw_buf_init(&names, RESTARTS_MAX_BYTES);
  append_restarts(reload->current, reload->started, true, &names);
  append_restarts(reload->started, reload->current, false, &names);
  return replace(&reload->restarts, &names);
}

/* ---- Taking it ---- */

/* What "moonwatch log-level" has set stays, unless the configuration changes. */
static bool apply_log(const struct mw_log_config *last, const struct mw_log_config *next)
{
  if (last->level != next->level)
    mw_log_set_level(next->level);
  if (last->format != next->format)
    mw_log_set_format(next->format);
  return last->level != next->level || last->format != next->format;
}

static bool limits_differ(const struct mw_settings *last, const struct mw_settings *next)
{
  return last->parallel_runs != next->parallel_runs ||
         last->poll_interval_s != next->poll_interval_s;
}

static void log_taken(const struct mw_reload *reload)
{
  mw_log(MW_LOG_INFO, "configuration", "was read anew");
  if (reload->restarts.len_bytes > 0)
    mw_log(MW_LOG_WARN, "configuration", "these keys change when the agent is started again: %s",
           reload->restarts.data);
}

/* @return whether anything differs. */
static bool take(struct mw_reload *reload, struct mw_config *config, bool anew)
{
  const struct mw_settings *next = mw_config_settings(config);
  const struct mw_settings *last = mw_config_settings(reload->current);
  struct mw_applied applied;

  bool differs = apply_log(&last->log, &next->log);
  differs |= limits_differ(last, next);
  mw_apply(reload->runner, next, anew, &applied);
  mw_config_free(reload->current);
  reload->current = mw_config_hold(config);
  reload->unfinished = applied.unfinished;
  reload->loaded_wall_ns = wall_ns();
  differs |= keep_restarts(reload);
  differs |= applied.started + applied.stopped + applied.changed > 0 || applied.unfinished;
  if (differs)
    log_taken(reload);
  return differs;
}

static int take_or_refuse(struct mw_reload *reload, struct mw_config *config, bool anew,
                          struct mw_error *err)
{
  if (!mw_config_settings(config))
    return refuse(reload, config, anew, err);
  bool had_mistakes = reload->mistakes.len_bytes > 0;
  bool differs = take(reload, config, anew);
  mw_buf_deinit(&reload->mistakes);
  if (had_mistakes)
    mw_log(MW_LOG_INFO, "configuration", "has no mistakes any more");
  if (differs)
    log_faults(config);
  reload->reloads_total += anew || differs || had_mistakes;
  return 0;
}

/* @return as mw_reload_take's rc. */
static int take_loaded(struct mw_reload *reload, struct mw_loaded *loaded, struct mw_error *err)
{
  int rc = loaded->rc;

  *err = loaded->err;
  if (rc == 0)
    rc = take_or_refuse(reload, loaded->config, reload->anew, err);
  else
    mw_log(MW_LOG_ERROR, "configuration", "%s: the old one goes on", err->text);
  if (rc < 0 && reload->anew)
    mw_runner_reload(reload->runner);
  watch_files(reload, rc < 0 ? loaded->config : NULL, loaded->began_wall_ns);
  mw_config_free(loaded->config);
  return rc;
}

/* ---- The object ---- */

int mw_reload_init(struct mw_reload *reload, const struct mw_config_request *request,
                   struct mw_config *config, struct mw_runner *runner, struct mw_error *err)
{
  *reload = (struct mw_reload){.request = request,
                               .runner = runner,
                               .started = mw_config_hold(config),
                               .current = mw_config_hold(config),
                               .loaded_wall_ns = wall_ns()};
  watch_files(reload, NULL, mw_config_loaded_from_ns(config));
  return mw_loader_init(&reload->loader, request, err);
}

bool mw_reload_stop(struct mw_reload *reload, int64_t deadline_ns)
{
  if (!reload->current)
    return true;
  if (!mw_loader_stop(&reload->loader, deadline_ns)) {
    mw_log(MW_LOG_ERROR, "configuration", "reading it does not end: a file does not answer");
    return false;
  }
  mw_watch_deinit(&reload->watch);
  mw_config_free(reload->started);
  mw_config_free(reload->current);
  mw_buf_deinit(&reload->mistakes);
  mw_buf_deinit(&reload->restarts);
  return true;
}

void mw_reload_want(struct mw_reload *reload)
{
  reload->wanted = true;
}

bool mw_reload_is_busy(const struct mw_reload *reload)
{
  return reload->wanted || reload->loader.is_busy;
}

int mw_reload_fd(const struct mw_reload *reload)
{
  return reload->loader.fd;
}

/* What has brought an agent down is not loaded to see what it declares either. */
static void leave_out_quarantined(struct mw_reload *reload)
{
  struct mw_worker_status status;

  for (size_t i = 0; i < mw_runner_workers_count(reload->runner); i++) {
    mw_worker_status(mw_runner_worker(reload->runner, i), &status);
    if (status.state == MW_WORKER_QUARANTINED)
      mw_loader_leave_out(&reload->loader, status.name);
  }
}

/* @return 0, or why it cannot be read. */
static int begin(struct mw_reload *reload, bool anew, struct mw_error *err)
{
  leave_out_quarantined(reload);
  int rc = mw_loader_begin(&reload->loader, err);

  reload->anew = anew;
  if (rc < 0)
    mw_log(MW_LOG_ERROR, "configuration", "%s", err->text);
  return rc;
}

bool mw_reload_take(struct mw_reload *reload, int *rc, struct mw_error *err)
{
  struct mw_loaded loaded;
  bool has_taken = mw_loader_take(&reload->loader, &loaded);

  if (has_taken)
    *rc = take_loaded(reload, &loaded, err);
  if (reload->loader.is_busy || !reload->wanted)
    return has_taken;
  reload->wanted = false;
  int begun = begin(reload, true, err);
  if (begun < 0)
    *rc = begun;
  return has_taken || begun < 0;
}

/* A script that has waited for another one of its name to end may begin. */
static void finish(struct mw_reload *reload)
{
  struct mw_applied applied;

  if (!reload->unfinished)
    return;
  mw_apply(reload->runner, mw_config_settings(reload->current), false, &applied);
  reload->unfinished = applied.unfinished;
}

/* While it is being read nobody looks: what changes meanwhile is found by the next look. */
int64_t mw_reload_look(struct mw_reload *reload)
{
  enum mw_watch_answer answer = MW_WATCH_SAME;
  struct mw_error err;

  finish(reload);
  if (!mw_reload_is_busy(reload))
    answer = mw_watch_look(&reload->watch);
  if (answer == MW_WATCH_CHANGED && begin(reload, false, &err) == 0)
    mw_watch_settle(&reload->watch);
  return mw_runner_look_interval_ns(reload->runner,
                                    reload->unfinished ? MW_WATCH_UNSETTLED : answer);
}
