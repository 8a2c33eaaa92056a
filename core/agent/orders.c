#include "agent/orders.h"

#include <errno.h>
#include <string.h>

#include "agent/control.h"
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

static int take_reload(struct mw_agent *agent, const char *word, struct mw_buf *body,
                       struct mw_error *err)
{
  (void)word;
  mw_log(MW_LOG_INFO, "agent", "reloads, as it was told to");
  (void)body;
  (void)err;
  mw_reload_want(agent->reload);
  return MW_CONTROL_LATER;
}

static int with_worker(struct mw_agent *agent, const char *name,
                       void (*order)(struct mw_worker *worker), struct mw_error *err)
{
  struct mw_worker *worker = find_worker(agent, name, err);

  if (!worker)
    return -ENOENT;
  order(worker);
  return 0;
}

static int take_run_now(struct mw_agent *agent, const char *name, struct mw_buf *body,
                        struct mw_error *err)
{
  struct mw_worker *worker = find_worker(agent, name, err);

  (void)body;
  return worker ? mw_worker_run_now(worker, err) : -ENOENT;
}

static int take_pause(struct mw_agent *agent, const char *name, struct mw_buf *body,
                      struct mw_error *err)
{
  (void)body;
  return with_worker(agent, name, mw_worker_pause, err);
}

static int take_resume(struct mw_agent *agent, const char *name, struct mw_buf *body,
                       struct mw_error *err)
{
  (void)body;
  return with_worker(agent, name, mw_worker_resume, err);
}

static int take_log_level(struct mw_agent *agent, const char *text, struct mw_buf *body,
                          struct mw_error *err)
{
  enum mw_log_level level;

  (void)agent;
  (void)body;
  int rc = mw_log_level_parse(text, &level, err);
  if (rc == 0)
    mw_log_set_level(level);
  return rc;
}

static int take_drop_cursor(struct mw_agent *agent, const char *name, struct mw_buf *body,
                            struct mw_error *err)
{
  (void)body;
  int rc = mw_queue_drop_cursor(mw_runner_queue(agent->runner), name, err);
  if (rc == -EBUSY)
    mw_error_set(err, EBUSY, "the sink %s runs: take it out of sinks first", name);
  if (rc == 0)
    mw_log(MW_LOG_INFO, "queue", "forgets the sink %s, as it was told to", name);
  return rc;
}

static const struct order {
  const char *name;
  bool needs_word;
  int (*take)(struct mw_agent *agent, const char *word, struct mw_buf *body, struct mw_error *err);
} orders[] = {
    {"status", false, take_status},          {"reload", false, take_reload},
    {"run-now", true, take_run_now},         {"pause", true, take_pause},
    {"resume", true, take_resume},           {"log-level", true, take_log_level},
    {"drop-cursor", true, take_drop_cursor},
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
