#include "agent/orders.h"

#include <errno.h>
#include <string.h>

#include "agent/control.h"
#include "agent/scripts.h"
#include "agent/status.h"
#include "base/log.h"
#include "base/suggest.h"
#include "base/text.h"

static struct mw_worker *find_worker(struct mw_agent *agent, const char *name, struct mw_error *err)
{
  struct mw_suggestion suggestion = {.wanted = name};
  char quoted[MW_TEXT_QUOTED_BYTES];

  for (size_t i = 0; i < mw_runner_workers_count(agent->runner); i++) {
    struct mw_worker *worker = mw_runner_worker(agent->runner, i);
    if (strcmp(mw_worker_name(worker), name) == 0)
      return worker;
    mw_suggestion_consider(&suggestion, mw_worker_name(worker));
  }
  mw_error_set(err, ENOENT, "no script %s runs%s%s%s",
               mw_text_quote((struct mw_slice){name, strlen(name)}, quoted),
               suggestion.closest ? "; did you mean " : "",
               suggestion.closest ? suggestion.closest : "", suggestion.closest ? "?" : "");
  return NULL;
}

/* ---- Orders ---- */

static int take_status(struct mw_agent *agent, const char *word, struct mw_buf *body,
                       struct mw_error *err)
{
  (void)word;
  int rc = mw_status_write(agent, body, err);
  return rc < 0 ? rc : mw_buf_append(body, "\n", 1, err);
}

static int take_scripts(struct mw_agent *agent, const char *word, struct mw_buf *body,
                        struct mw_error *err)
{
  const struct mw_settings *settings = mw_config_settings(agent->reload->current);

  (void)word;
  mw_shadows_keep(agent->shadows, settings->script_dirs);
  int rc = mw_scripts_write(settings, agent->runner, agent->shadows, body, err);
  return rc < 0 ? rc : mw_buf_append(body, "\n", 1, err);
}

static int take_reload(struct mw_agent *agent, const char *word, struct mw_buf *body,
                       struct mw_error *err)
{
  (void)word;
  (void)body;
  (void)err;
  mw_log(MW_LOG_INFO, "agent", "reloads, as it was told to");
  mw_reload_want(agent->reload);
  return MW_CONTROL_LATER;
}

static int take_run_now(struct mw_agent *agent, const char *name, struct mw_buf *body,
                        struct mw_error *err)
{
  struct mw_worker *worker = find_worker(agent, name, err);
  int rc = worker ? mw_worker_run_now(worker, err) : -ENOENT;

  return rc < 0 ? rc : mw_buf_printf(body, err, "%s runs now\n", name);
}

static int take_pause(struct mw_agent *agent, const char *name, struct mw_buf *body,
                      struct mw_error *err)
{
  struct mw_worker *worker = find_worker(agent, name, err);

  if (!worker)
    return -ENOENT;
  mw_worker_pause(worker);
  return mw_buf_printf(body, err, "%s is paused; moonwatch resume %s lets it go on\n", name, name);
}

/* What it was before tells whether anything happens. */
static int take_resume(struct mw_agent *agent, const char *name, struct mw_buf *body,
                       struct mw_error *err)
{
  struct mw_worker *worker = find_worker(agent, name, err);
  struct mw_worker_status before, after;

  if (!worker)
    return -ENOENT;
  mw_worker_status(worker, &before);
  mw_worker_resume(worker);
  mw_worker_status(worker, &after);
  if (before.state == MW_WORKER_QUARANTINED)
    return mw_buf_printf(body, err, "%s is loaded again, out of its quarantine\n", name);
  if (before.state != MW_WORKER_PAUSED && before.state != MW_WORKER_HELD)
    return mw_buf_printf(body, err, "%s was not paused; it is %s\n", name,
                         mw_status_state_name(after.state));
  return mw_buf_printf(body, err, "%s goes on; its next run is in %.1f s\n", name,
                       (double)after.next_run_in_ns / 1e9);
}

static int take_log_level(struct mw_agent *agent, const char *text, struct mw_buf *body,
                          struct mw_error *err)
{
  enum mw_log_level level;

  (void)agent;
  int rc = mw_log_level_parse(text, &level, err);
  if (rc < 0)
    return rc;
  mw_log_set_level(level);
  return mw_buf_printf(body, err, "logs what is of level %s or above, until the next start\n",
                       text);
}

static int take_drop_cursor(struct mw_agent *agent, const char *name, struct mw_buf *body,
                            struct mw_error *err)
{
  int rc = mw_queue_drop_cursor(mw_runner_queue(agent->runner), name, err);
  if (rc == -EBUSY)
    mw_error_set(err, EBUSY, "the sink %s runs: take it out of sinks first", name);
  if (rc < 0)
    return rc;
  mw_log(MW_LOG_INFO, "queue", "forgets the sink %s, as it was told to", name);
  return mw_buf_printf(body, err, "the queue forgets the sink %s and what it has not had\n", name);
}

static const struct order {
  const char *name;
  bool needs_word;
  int (*take)(struct mw_agent *agent, const char *word, struct mw_buf *body, struct mw_error *err);
} orders[] = {
    {"status", false, take_status},      {"scripts", false, take_scripts},
    {"reload", false, take_reload},      {"run-now", true, take_run_now},
    {"pause", true, take_pause},         {"resume", true, take_resume},
    {"log-level", true, take_log_level}, {"drop-cursor", true, take_drop_cursor},
};

int mw_orders_take(struct mw_agent *agent, char *line, struct mw_buf *body, struct mw_error *err)
{
  char quoted[MW_TEXT_QUOTED_BYTES];
  char *blank = strchr(line, ' ');
  const char *word = blank ? blank + 1 : "";

  if (blank)
    *blank = '\0';
  for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
    if (strcmp(orders[i].name, line) != 0)
      continue;
    if (orders[i].needs_word != (*word != '\0'))
      return mw_error_set(err, EINVAL, "%s %s", line,
                          orders[i].needs_word ? "needs a word behind it" : "stands alone");
    return orders[i].take(agent, word, body, err);
  }
  return mw_error_set(err, EINVAL, "%s is not understood",
                      mw_text_quote((struct mw_slice){line, strlen(line)}, quoted));
}
