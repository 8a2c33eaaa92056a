#include "cli/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/cli.h"

#define PREFIX "kubelet."
#define PREFIX_BYTES (sizeof PREFIX - 1)

bool mw_cli_is_setting(const char *text)
{
  size_t key_bytes = strcspn(text, "=");

  return memchr(text, '.', key_bytes) != NULL;
}

static int unknown_group(const char *command, char *text)
{
  size_t word_bytes = strcspn(text, ".");
  char word[64];

  snprintf(word, sizeof word, "%.*s", (int)word_bytes, text);
  if (word_bytes < sizeof word && mw_edit_distance(word, "kubelet", 3) <= 3)
    return mw_cli_usage(command, "there is no setting %s; did you mean kubelet%s?", text,
                        text + word_bytes);
  return mw_cli_usage(command, "there is no setting %s: those with a dot begin with kubelet.",
                      text);
}

int mw_cli_take_setting(const char *command, char *text, struct mw_kubelet_config *kubelet)
{
  char *equals = strchr(text, '=');
  struct mw_error err;

  if (!equals)
    return mw_cli_usage(command, "--set %s is not of the form KEY=VALUE", text);
  *equals = '\0';
  if (strncmp(text, PREFIX, PREFIX_BYTES) != 0)
    return unknown_group(command, text);
  return mw_kubelet_set(kubelet, text + PREFIX_BYTES, equals + 1, &err) < 0
             ? mw_cli_usage(command, "%s", err.text)
             : 0;
}

int mw_cli_take_setting_only(const char *command, char *text, struct mw_kubelet_config *kubelet)
{
  if (mw_cli_is_setting(text) || !strchr(text, '='))
    return mw_cli_take_setting(command, text, kubelet);
  return mw_cli_usage(command, "--set %.*s: %s has no options, only settings of kubelet.",
                      (int)strcspn(text, "="), text, command);
}

void mw_cli_take_environment(struct mw_kubelet_config *kubelet)
{
  if (!kubelet->node_ip)
    kubelet->node_ip = getenv("NODE_IP");
  if (!kubelet->node_name)
    kubelet->node_name = getenv("NODE_NAME");
}

static bool has_token(const struct mw_kubelet_config *kubelet, const char *host_root)
{
  char account_dir[PATH_MAX];

  return (kubelet->token_file && *kubelet->token_file) ||
         mw_kubelet_service_account(host_root, account_dir);
}

void mw_cli_warn_of_credentials(const char *name)
{
  mw_cli_say("warning: with credentials %s anybody can pass for the server: "
             "insecure_skip_verify is true",
             name);
}

void mw_cli_warn_of_settings(const struct mw_kubelet_config *kubelet, const char *host_root)
{
  if (kubelet->insecure_skip_verify)
    mw_cli_say("warning: kubelet.insecure_skip_verify=true: whoever answers in the kubelet's place "
               "is believed, and is sent the token; kubelet.ca_file is the safe way");
  if (kubelet->allow_http && has_token(kubelet, host_root))
    mw_cli_say(
        "warning: kubelet.allow_http=true: the token never goes over plain http, but whoever "
        "is between can read and change what the kubelet answers");
}
