#include "cli/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/settings.h"

#define FAILURES_MAX_BYTES (MW_SESSION_SOURCES_MAX * (size_t)MW_ERROR_TEXT_BYTES)

int mw_session_take_source(struct mw_session_config *config, const char *command, const char *text)
{
  if (config->sources_count == MW_SESSION_SOURCES_MAX)
    return mw_cli_usage(command, "--source is given more than %d times", MW_SESSION_SOURCES_MAX);
  config->sources[config->sources_count++] = text;
  return 0;
}

/* Cut @p text at its first @p sign. @return what is behind it; NULL: it has none, or nothing before
 * it. */
static char *cut(char *text, char sign)
{
  char *at = strchr(text, sign);

  if (!at || at == text)
    return NULL;
  *at = '\0';
  return at + 1;
}

int mw_session_take_credentials(struct mw_session_config *config, const char *command, char *text)
{
  struct mw_error err;
  const char *equals = strchr(text, '='), *dot = strchr(text, '.');

  if (!equals || !dot || dot > equals || dot == text)
    return mw_cli_usage(command, "--credentials %s is not of the form NAME.KEY=VALUE", text);
  char *key = cut(text, '.'), *value = cut(key, '=');
  if (!value)
    return mw_cli_usage(command, "--credentials %s.%s has no key", text, key);
  if (mw_http_access_set(&config->http, text, key, value, &err) < 0)
    return mw_cli_usage(command, "--credentials %s.%s: %s", text, key, err.text);
  if (strcmp(key, "insecure_skip_verify") == 0 && strcmp(value, "true") == 0)
    mw_cli_warn_of_credentials(text);
  return 0;
}

int mw_session_take_unix_socket(struct mw_session_config *config, const char *command, char *text)
{
  struct mw_error err;
  char *path = cut(text, '=');

  if (!path)
    return mw_cli_usage(command, "--unix-socket %s is not of the form NAME=PATH", text);
  if (mw_http_access_add_socket(&config->http, text, path, &err) < 0)
    return mw_cli_usage(command, "--unix-socket %s: %s", text, err.text);
  return 0;
}

int mw_session_open(struct mw_session *session, const struct mw_session_config *config)
{
  struct mw_kubelet_config kubelet = config->kubelet;
  struct mw_context_config context_config = {.host_root = config->host_root,
                                             .state_dir = config->state_dir,
                                             .http = &config->http,
                                             .kubelet = &kubelet,
                                             .may_start_threads = true,
                                             .on_read = config->on_read,
                                             .on_read_data = config->on_read_data};
  struct mw_error err;

  mw_cli_take_environment(&kubelet);
  mw_cli_warn_of_settings(&kubelet, config->host_root);
  mw_buf_init(&session->failures, FAILURES_MAX_BYTES);
  session->scripts_dir = mw_cli_scripts_dir(&err);
  if (session->scripts_dir)
    session->context = mw_context_new(&context_config, &err);
  if (!session->context) {
    mw_cli_say("%s", err.text);
    return MW_EXIT_FAILED;
  }
  if (config->settings)
    memcpy(session->script_dirs, config->settings->script_dirs, sizeof session->script_dirs);
  else
    session->script_dirs[0] = session->scripts_dir;
  return 0;
}

static void configure_source(struct mw_task_config *task, const struct mw_script_settings *script)
{
  task->options = script->options;
  task->options_count = script->options_count;
  task->interval_s = script->interval_s;
  task->memory_max_bytes = script->budget.memory_bytes;
  task->timeout_ms = script->budget.wall_ms;
  task->cpu_ms = script->budget.cpu_ms;
  task->http_requests_max = &script->budget.http_requests_count;
  task->priority = script->priority >= 0 ? &script->priority : NULL;
  task->stale_s = script->stale_s;
}

static int open_source(struct mw_session *session, const struct mw_settings *settings,
                       const char *name)
{
  struct mw_task_config config = {.kind = MW_TASK_SOURCE,
                                  .name = name,
                                  .script_dirs = session->script_dirs,
                                  .context = session->context};
  struct mw_error err;

  for (size_t i = 0; settings && i < settings->scripts_count; i++)
    if (settings->scripts[i].kind == MW_SCRIPT_SOURCE &&
        strcmp(settings->scripts[i].name, name) == 0)
      configure_source(&config, &settings->scripts[i]);
  struct mw_task *source = mw_task_open(&config, &err);

  if (!source) {
    mw_cli_say("%s", err.text);
    return err.code == ENOENT ? MW_EXIT_USAGE : MW_EXIT_FAILED;
  }
  session->sources[session->sources_count++] = source;
  return 0;
}

static int open_configured(struct mw_session *session, const struct mw_settings *settings)
{
  int rc = 0;

  for (size_t i = 0; rc == 0 && i < settings->scripts_count; i++)
    if (settings->scripts[i].kind != MW_SCRIPT_SOURCE)
      continue;
    else if (session->sources_count < MW_SESSION_SOURCES_MAX)
      rc = open_source(session, settings, settings->scripts[i].name);
    else
      rc = mw_cli_usage("check", "there are more than %d sources", MW_SESSION_SOURCES_MAX);
  return rc;
}

int mw_session_open_sources(struct mw_session *session, const struct mw_session_config *config)
{
  int rc = 0;

  if (config->sources_count == 0)
    return config->settings ? open_configured(session, config->settings)
                            : open_source(session, NULL, "cgroup");
  for (size_t i = 0; rc == 0 && i < config->sources_count; i++)
    rc = open_source(session, config->settings, config->sources[i]);
  return rc;
}

size_t mw_session_run_sources(struct mw_session *session)
{
  struct mw_error err;
  size_t failed = 0;

  mw_buf_clear(&session->failures);
  for (size_t i = 0; i < session->sources_count; i++) {
    if (mw_task_run(session->sources[i], &err) == 0)
      continue;
    mw_buf_append(&session->failures, err.text, strlen(err.text) + 1, NULL);
    failed++;
  }
  mw_context_sweep(session->context);
  return failed;
}

void mw_session_say_failures(const struct mw_session *session)
{
  for (size_t at = 0; at < session->failures.len_bytes;
       at += strlen(session->failures.data + at) + 1)
    mw_cli_say("%s", session->failures.data + at);
}

size_t mw_session_containers_count(struct mw_session *session)
{
  struct mw_inventory_snapshot *snapshot =
      mw_inventory_acquire(mw_context_inventory(session->context));
  size_t count = mw_inventory_snapshot_count(snapshot);

  mw_inventory_release(snapshot);
  return count;
}

void mw_session_close(struct mw_session *session)
{
  for (size_t i = 0; i < session->sources_count; i++)
    mw_task_close(session->sources[i]);
  mw_context_free(session->context);
  mw_buf_deinit(&session->failures);
  free(session->scripts_dir);
  *session = (struct mw_session){0};
}
