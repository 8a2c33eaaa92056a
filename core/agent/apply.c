#include "agent/apply.h"

#include <string.h>

#include "base/log.h"

/* ---- What differs ---- */

static const struct mw_script_settings *find(const struct mw_settings *settings,
                                             const struct mw_script_settings *like)
{
  for (size_t i = 0; i < settings->scripts_count; i++)
    if (settings->scripts[i].kind == like->kind &&
        strcmp(settings->scripts[i].name, like->name) == 0)
      return &settings->scripts[i];
  return NULL;
}

static bool same_options(const struct mw_script_settings *a, const struct mw_script_settings *b)
{
  if (a->options_count != b->options_count)
    return false;
  for (size_t i = 0; i < a->options_count; i++)
    if (strcmp(a->options[i].key, b->options[i].key) != 0 ||
        strcmp(a->options[i].text, b->options[i].text) != 0)
      return false;
  return true;
}

static bool same_budget(const struct mw_budget *a, const struct mw_budget *b)
{
  return a->cpu_ms == b->cpu_ms && a->wall_ms == b->wall_ms && a->memory_bytes == b->memory_bytes &&
         a->messages_count == b->messages_count && a->messages_bytes == b->messages_bytes &&
         a->http_requests_count == b->http_requests_count;
}

static bool same_sink(const struct mw_sink_settings *a, const struct mw_sink_settings *b)
{
  return a->batch_messages == b->batch_messages && a->batch_bytes == b->batch_bytes &&
         a->max_age_s == b->max_age_s && a->tries_max == b->tries_max;
}

static bool same_script(const struct mw_script_settings *a, const struct mw_script_settings *b)
{
  return a->interval_s == b->interval_s && same_budget(&a->budget, &b->budget) &&
         same_options(a, b) && a->priority == b->priority && a->stale_s == b->stale_s &&
         same_sink(&a->sink, &b->sink);
}

static bool same_dirs(const char *const *a, const char *const *b)
{
  for (; *a && *b; a++, b++)
    if (strcmp(*a, *b) != 0)
      return false;
  return !*a && !*b;
}

/* ---- Scripts ---- */

static void remove_scripts(struct mw_crew *crew, const struct mw_settings *settings,
                           struct mw_applied *out)
{
  for (size_t i = mw_crew_count(crew); i-- > 0;) {
    if (find(settings, mw_crew_settings(crew, i)))
      continue;
    mw_log(MW_LOG_INFO, mw_crew_settings(crew, i)->name, "ends, as the configuration says");
    mw_crew_remove(crew, i);
    out->stopped++;
  }
}

/* @return the place of the script in the crew; its count: it is not there. */
static size_t place_of(const struct mw_crew *crew, const struct mw_script_settings *script)
{
  size_t i = 0;

  while (i < mw_crew_count(crew) && (mw_crew_settings(crew, i)->kind != script->kind ||
                                     strcmp(mw_crew_settings(crew, i)->name, script->name) != 0))
    i++;
  return i;
}

/* One that does not differ has what it needs in the new configuration, too, so that the old one can
 * go when the script is opened the next time. */
static void change_script(struct mw_crew *crew, size_t index, const struct mw_script_order *order,
                          bool anew, struct mw_applied *out)
{
  bool differs = !same_script(mw_crew_settings(crew, index), order->settings) ||
                 !same_dirs(mw_crew_script_dirs(crew, index), order->script_dirs);

  if (differs)
    mw_log(MW_LOG_INFO, order->settings->name, "is configured otherwise");
  mw_crew_change(crew, index, order, anew || differs);
  out->changed += differs;
}

static void add_script(struct mw_crew *crew, const struct mw_script_order *order,
                       struct mw_applied *out)
{
  const char *name = order->settings->name;
  struct mw_error err;

  if (mw_crew_is_leaving(crew, name)) {
    out->unfinished = true;
    return;
  }
  out->started++;
  if (mw_crew_add(crew, order, &err) == 0)
    mw_log(MW_LOG_INFO, name, "begins, as the configuration says");
  else
    mw_log(MW_LOG_ERROR, name, "%s; \"moonwatch reload\" tries again", err.text);
}

static void apply_scripts(struct mw_runner *runner, const struct mw_settings *settings, bool anew,
                          struct mw_applied *out)
{
  struct mw_crew *crew = mw_runner_crew(runner);

  remove_scripts(crew, settings, out);
  for (size_t i = 0; i < settings->scripts_count; i++) {
    const struct mw_script_order order = {&settings->scripts[i], settings->script_dirs,
                                          settings->config};
    size_t index = place_of(crew, order.settings);
    if (order.settings->kind == MW_SCRIPT_SINK)
      continue;
    if (index < mw_crew_count(crew))
      change_script(crew, index, &order, anew, out);
    else
      add_script(crew, &order, out);
  }
}

/* ---- Sinks ---- */

static bool has_sink(const struct mw_runner *runner, const char *name)
{
  for (size_t i = 0; i < mw_runner_sinks_count(runner); i++)
    if (strcmp(mw_runner_sink_order(runner, i)->settings->name, name) == 0)
      return true;
  return false;
}

/* A sink that differs goes as well, and comes again. */
static void remove_sinks(struct mw_runner *runner, const struct mw_settings *settings,
                         struct mw_applied *out)
{
  for (size_t i = mw_runner_sinks_count(runner); i-- > 0;) {
    const struct mw_script_order *now = mw_runner_sink_order(runner, i);
    const struct mw_script_settings *next = find(settings, now->settings);
    if (next && same_script(now->settings, next) &&
        same_dirs(now->script_dirs, settings->script_dirs))
      continue;
    mw_log(MW_LOG_INFO, now->settings->name, "ends, as the configuration says");
    mw_runner_remove_sink(runner, i);
    out->stopped++;
  }
}

static void add_sinks(struct mw_runner *runner, const struct mw_settings *settings,
                      struct mw_applied *out)
{
  struct mw_error err;

  for (size_t i = 0; i < settings->scripts_count; i++) {
    const struct mw_script_settings *sink = &settings->scripts[i];
    const struct mw_script_order order = {sink, settings->script_dirs, settings->config};
    if (sink->kind != MW_SCRIPT_SINK || has_sink(runner, sink->name))
      continue;
    out->started++;
    if (mw_runner_add_sink(runner, &order, &err) == 0)
      mw_log(MW_LOG_INFO, sink->name, "begins, as the configuration says");
    else
      mw_log(MW_LOG_ERROR, sink->name, "%s; \"moonwatch reload\" tries again", err.text);
  }
}

/* ---- All of it ---- */

void mw_apply(struct mw_runner *runner, const struct mw_settings *settings, bool anew,
              struct mw_applied *out)
{
  *out = (struct mw_applied){0};
  mw_runner_set_limits(runner, settings);
  if (anew)
    mw_runner_reopen_sinks(runner);
  remove_sinks(runner, settings, out);
  add_sinks(runner, settings, out);
  mw_runner_note_sinks(runner);
  apply_scripts(runner, settings, anew, out);
}
