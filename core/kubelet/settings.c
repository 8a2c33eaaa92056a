#include "kubelet/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"

#define TIMEOUT_MAX_S 300

enum type { TEXT, SECONDS, BOOLEAN };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const struct setting {
  const char *name;
  enum type type;
  size_t offset;
} settings[] = {
    {"allow_http", BOOLEAN, offsetof(struct mw_kubelet_config, allow_http)},
    {"ca_file", TEXT, offsetof(struct mw_kubelet_config, ca_file)},
    {"cert_file", TEXT, offsetof(struct mw_kubelet_config, cert_file)},
    {"insecure_skip_verify", BOOLEAN, offsetof(struct mw_kubelet_config, insecure_skip_verify)},
    {"key_file", TEXT, offsetof(struct mw_kubelet_config, key_file)},
    {"node_ip", TEXT, offsetof(struct mw_kubelet_config, node_ip)},
    {"node_name", TEXT, offsetof(struct mw_kubelet_config, node_name)},
    {"timeout_s", SECONDS, offsetof(struct mw_kubelet_config, timeout_ms)},
    {"token_file", TEXT, offsetof(struct mw_kubelet_config, token_file)},
    {"url", TEXT, offsetof(struct mw_kubelet_config, url)},
};

static int set_boolean(bool *out, const char *name, const char *text, struct mw_error *err)
{
  bool is_true = strcmp(text, "true") == 0;

  if (!is_true && strcmp(text, "false") != 0)
    return mw_error_set(err, EINVAL, "kubelet.%s=%s is neither true nor false", name, text);
  *out = is_true;
  return 0;
}

static int set_seconds(int64_t *out_ms, const char *name, const char *text, struct mw_error *err)
{
  char *end;
  double seconds = strtod(text, &end);

  if (!isdigit((unsigned char)text[0]) || *end != '\0' ||
      !(seconds >= 0.001 && seconds <= TIMEOUT_MAX_S))
    return mw_error_set(err, EINVAL, "kubelet.%s=%s is not a number of seconds from 0.001 to %d",
                        name, text, TIMEOUT_MAX_S);
  *out_ms = (int64_t)(seconds * 1000);
  return 0;
}

static int unknown(const char *name, struct mw_error *err)
{
  struct mw_suggestion suggestion = {.wanted = name};

  for (size_t i = 0; i < COUNT_OF(settings); i++)
    mw_suggestion_consider(&suggestion, settings[i].name);
  if (suggestion.closest)
    return mw_error_set(err, EINVAL, "there is no setting kubelet.%s; did you mean kubelet.%s?",
                        name, suggestion.closest);
  return mw_error_set(err, EINVAL,
                      "there is no setting kubelet.%s; there are: url, node_ip, node_name, "
                      "ca_file, cert_file, key_file, token_file, timeout_s, allow_http, "
                      "insecure_skip_verify",
                      name);
}

int mw_kubelet_set(struct mw_kubelet_config *config, const char *name, const char *text,
                   struct mw_error *err)
{
  for (size_t i = 0; i < COUNT_OF(settings); i++) {
    void *member = (char *)config + settings[i].offset;
    if (strcmp(settings[i].name, name) != 0)
      continue;
    switch (settings[i].type) {
    case BOOLEAN:
      return set_boolean(member, name, text, err);
    case SECONDS:
      return set_seconds(member, name, text, err);
    case TEXT:
      *(const char **)member = text;
      return 0;
    }
  }
  return unknown(name, err);
}

bool mw_kubelet_service_account(const char *host_root, char out[static PATH_MAX])
{
  const char *roots[] = {host_root && strcmp(host_root, "/") != 0 ? host_root : "", ""};

  for (size_t i = 0; i < COUNT_OF(roots); i++) {
    int used = snprintf(out, PATH_MAX, "%s/" MW_KUBELET_SERVICE_ACCOUNT_DIR, roots[i]);
    if (used < PATH_MAX && access(out, F_OK) == 0)
      return true;
  }
  return false;
}

bool mw_kubelet_is_configured(const struct mw_kubelet_config *config)
{
  const char *const places[] = {config->url, config->node_ip, config->node_name};

  for (size_t i = 0; i < COUNT_OF(places); i++)
    if (places[i] && *places[i])
      return true;
  return false;
}

const char **mw_kubelet_config_text(struct mw_kubelet_config *config, size_t index)
{
  const char **const texts[] = {
      &config->url,         &config->node_ip,  &config->node_name,  &config->ca_file,
      &config->cert_file,   &config->key_file, &config->token_file, &config->service_account_dir,
      &config->recorded_dir};

  return index < COUNT_OF(texts) ? texts[index] : NULL;
}
