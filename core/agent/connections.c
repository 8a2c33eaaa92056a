#include "agent/connections.h"

#include <stdlib.h>

struct mw_kubelet_config mw_connections_kubelet(const struct mw_settings *settings)
{
  const struct mw_kubelet_settings *kubelet = &settings->kubelet;

  return (struct mw_kubelet_config){
      .url = kubelet->url,
      .node_ip = kubelet->node_ip ? kubelet->node_ip : getenv("NODE_IP"),
      .node_name = kubelet->node_name ? kubelet->node_name : getenv("NODE_NAME"),
      .ca_file = kubelet->credentials.ca_file,
      .cert_file = kubelet->credentials.cert_file,
      .key_file = kubelet->credentials.key_file,
      .token_file = kubelet->credentials.token_file,
      .timeout_ms = (int64_t)(kubelet->timeout_s * 1000),
      .allow_http = kubelet->allow_http,
      .insecure_skip_verify = kubelet->credentials.insecure_skip_verify,
  };
}

static int add_credentials(const struct mw_credentials_settings *from, struct mw_http_access *out,
                           struct mw_error *err)
{
  const struct {
    const char *key, *value;
  } files[] = {{"ca_file", from->ca_file},
               {"cert_file", from->cert_file},
               {"key_file", from->key_file},
               {"token_file", from->token_file},
               {"insecure_skip_verify", from->insecure_skip_verify ? "true" : NULL}};
  int rc = 0;

  for (size_t i = 0; i < sizeof files / sizeof files[0] && rc == 0; i++)
    if (files[i].value)
      rc = mw_http_access_set(out, from->name, files[i].key, files[i].value, err);
  return rc;
}

int mw_connections_http(const struct mw_settings *settings, struct mw_http_access *out,
                        struct mw_error *err)
{
  int rc = 0;

  *out = (struct mw_http_access){0};
  for (size_t i = 0; i < settings->credentials_count && rc == 0; i++)
    rc = add_credentials(&settings->credentials[i], out, err);
  for (size_t i = 0; i < settings->unix_sockets_count && rc == 0; i++)
    rc = mw_http_access_add_socket(out, settings->unix_sockets[i].name,
                                   settings->unix_sockets[i].path, err);
  return rc;
}
