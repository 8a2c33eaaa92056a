#include "cli/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/connections.h"
#include "cli/cli.h"
#include "cli/config_load.h"

/* ---- The configuration ---- */

/* "load" of "copies/load.lua" */
static char *name_of(const char *check)
{
  const char *slash = strrchr(check, '/');
  const char *name = slash ? slash + 1 : check;
  size_t bytes = strlen(name);

  if (bytes > 4 && strcmp(name + bytes - 4, ".lua") == 0)
    bytes -= 4;
  return strndup(name, bytes);
}

/* The check counts as the only one, and as enabled, whatever the files say. */
static size_t make_flags(struct mw_trial *trial)
{
  if (!mw_config_is_name(trial->name))
    return 0; /* no configuration can be about it */
  trial->flags[0] = (struct mw_option){.key = "checks", .text = trial->name};
  trial->flags[1] = (struct mw_option){.key = trial->enabled_key, .text = "true"};
  return 2;
}

static void take_script(struct mw_trial *trial)
{
  trial->script = (struct mw_script_settings){
      .kind = MW_SCRIPT_CHECK, .name = trial->name, .budget = MW_BUDGET_DEFAULT};
  for (size_t i = 0; i < trial->settings->scripts_count; i++)
    if (trial->settings->scripts[i].kind == MW_SCRIPT_CHECK &&
        strcmp(trial->settings->scripts[i].name, trial->name) == 0)
      trial->script = trial->settings->scripts[i];
}

int mw_trial_open(struct mw_trial *trial, const char *file, const char *check)
{
  struct mw_error err;

  *trial = (struct mw_trial){.name = name_of(check), .scripts_dir = mw_cli_scripts_dir(&err)};
  if (!trial->scripts_dir) {
    mw_cli_say("%s", err.text);
    return MW_EXIT_FAILED;
  }
  if (!trial->name || asprintf(&trial->enabled_key, "scripts.%s.enabled", trial->name) < 0) {
    trial->enabled_key = NULL;
    mw_cli_say("out of memory");
    return MW_EXIT_FAILED;
  }
  trial->config = mw_cli_load_config(file, trial->flags, make_flags(trial), trial->scripts_dir);
  trial->settings = trial->config ? mw_config_settings(trial->config) : NULL;
  if (!trial->settings)
    return MW_EXIT_USAGE;
  take_script(trial);
  return 0;
}

void mw_trial_close(struct mw_trial *trial)
{
  mw_config_free(trial->config);
  free(trial->options);
  free(trial->scripts_dir);
  free(trial->name);
  free(trial->enabled_key);
  *trial = (struct mw_trial){0};
}

/* ---- The command line on top of it ---- */

static bool is_given(const char *key, const struct mw_option *given, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(given[i].key, key) == 0)
      return true;
  return false;
}

int mw_trial_take_options(struct mw_trial *trial, const struct mw_option *given, size_t count)
{
  const struct mw_script_settings *script = &trial->script;

  trial->options = calloc(script->options_count + count + 1, sizeof *trial->options);
  if (!trial->options) {
    mw_cli_say("out of memory");
    return MW_EXIT_FAILED;
  }
  for (size_t i = 0; i < script->options_count; i++)
    if (!is_given(script->options[i].key, given, count))
      trial->options[trial->options_count++] = script->options[i];
  for (size_t i = 0; i < count; i++)
    trial->options[trial->options_count++] = given[i];
  return 0;
}

static const char *first_of(const char *given, const char *configured)
{
  return given ? given : configured;
}

static struct mw_kubelet_config merge_kubelet(const struct mw_kubelet_config *given,
                                              const struct mw_settings *settings)
{
  struct mw_kubelet_config kubelet = mw_connections_kubelet(settings);

  kubelet.url = first_of(given->url, kubelet.url);
  kubelet.node_ip = first_of(given->node_ip, kubelet.node_ip);
  kubelet.node_name = first_of(given->node_name, kubelet.node_name);
  kubelet.ca_file = first_of(given->ca_file, kubelet.ca_file);
  kubelet.cert_file = first_of(given->cert_file, kubelet.cert_file);
  kubelet.key_file = first_of(given->key_file, kubelet.key_file);
  kubelet.token_file = first_of(given->token_file, kubelet.token_file);
  kubelet.timeout_ms = given->timeout_ms > 0 ? given->timeout_ms : kubelet.timeout_ms;
  kubelet.allow_http |= given->allow_http;
  kubelet.insecure_skip_verify |= given->insecure_skip_verify;
  kubelet.recorded_dir = given->recorded_dir;
  return kubelet;
}

static bool has_identity(const struct mw_http_access *access, const char *name)
{
  for (size_t i = 0; i < access->identities_count; i++)
    if (strcmp(access->identities[i].name, name) == 0)
      return true;
  return false;
}

static bool has_socket(const struct mw_http_access *access, const char *name)
{
  for (size_t i = 0; i < access->sockets_count; i++)
    if (strcmp(access->sockets[i].name, name) == 0)
      return true;
  return false;
}

/* What has no room any more is one name too many for anybody. */
static int merge_http(struct mw_http_access *given, const struct mw_settings *settings)
{
  struct mw_http_access configured;
  struct mw_error err;

  if (mw_connections_http(settings, &configured, &err) < 0) {
    mw_cli_say("%s", err.text);
    return MW_EXIT_USAGE;
  }
  for (size_t i = 0; i < configured.identities_count; i++)
    if (!has_identity(given, configured.identities[i].name) &&
        given->identities_count < MW_HTTP_ACCESS_MAX)
      given->identities[given->identities_count++] = configured.identities[i];
  for (size_t i = 0; i < configured.sockets_count; i++)
    if (!has_socket(given, configured.sockets[i].name) && given->sockets_count < MW_HTTP_ACCESS_MAX)
      given->sockets[given->sockets_count++] = configured.sockets[i];
  return 0;
}

int mw_trial_fill_session(const struct mw_trial *trial, struct mw_session_config *session)
{
  session->settings = trial->settings;
  session->host_root = first_of(session->host_root, trial->settings->host_root);
  session->kubelet = merge_kubelet(&session->kubelet, trial->settings);
  return merge_http(&session->http, trial->settings);
}
