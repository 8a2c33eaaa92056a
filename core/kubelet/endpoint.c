#include "kubelet/endpoint.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define NAME_MAX_BYTES 253 /* of DNS */

static bool is_given(const char *text)
{
  return text && *text;
}

static int refuse(const char *what, const char *text, const char *why, struct mw_error *err)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  mw_text_quote((struct mw_slice){text, strlen(text)}, quoted);
  return mw_error_set(err, EINVAL, "%s %s %s", what, quoted, why);
}

/* ---- A URL that was given ---- */

/* What is sent in a request's first line has to be one word of it. */
static bool is_word(const char *text)
{
  for (; *text; text++)
    if (!isgraph((unsigned char)*text) || strchr("\"<>\\^`{|}", *text))
      return false;
  return true;
}

static int take_url(const struct mw_kubelet_config *config, struct mw_endpoint *out,
                    struct mw_error *err)
{
  static const char what[] = "the kubelet's url";
  size_t used = strlen(config->url);
  bool is_tls = strncmp(config->url, "https://", 8) == 0;

  if (!is_tls && strncmp(config->url, "http://", 7) != 0)
    return refuse(what, config->url, "does not begin with https:// (or http://)", err);
  const char *host = config->url + (is_tls ? 8 : 7);
  if (*host == '\0' || *host == '/' || *host == ':')
    return refuse(what, config->url, "names no host", err);
  if (!is_word(config->url) || strpbrk(config->url, "?#@"))
    return refuse(what, config->url, "is to be a host, a port and perhaps a path, no more", err);
  if (used >= sizeof out->url)
    return refuse(what, config->url, "is too long", err);
  if (!is_tls && !config->allow_http)
    return refuse(what, config->url,
                  "is plain http, which anybody between can read and change: use https, or allow "
                  "it with kubelet.allow_http=true",
                  err);
  memcpy(out->url, config->url, used + 1);
  while (used > 0 && out->url[used - 1] == '/')
    out->url[--used] = '\0';
  out->is_tls = is_tls;
  return 0;
}

/* ---- The node that was given ---- */

static bool is_host_name(const char *name)
{
  size_t used = strlen(name);

  for (size_t i = 0; i < used; i++)
    if (!isalnum((unsigned char)name[i]) && !strchr("-.", name[i]))
      return false;
  return used <= NAME_MAX_BYTES && isalnum((unsigned char)name[0]);
}

static void add(struct mw_endpoints *out, bool is_tls, const char *host)
{
  struct in6_addr address;
  bool bracket = inet_pton(AF_INET6, host, &address) == 1;
  struct mw_endpoint *endpoint = &out->list[out->count++];

  endpoint->is_tls = is_tls;
  snprintf(endpoint->url, sizeof endpoint->url, "%s://%s%s%s:%d", is_tls ? "https" : "http",
           bracket ? "[" : "", host, bracket ? "]" : "",
           is_tls ? MW_KUBELET_HTTPS_PORT : MW_KUBELET_HTTP_PORT);
}

static int check_node(const struct mw_kubelet_config *config, struct mw_error *err)
{
  struct in6_addr address;

  if (is_given(config->node_ip) && inet_pton(AF_INET, config->node_ip, &address) != 1 &&
      inet_pton(AF_INET6, config->node_ip, &address) != 1)
    return refuse("the node's address", config->node_ip, "is no IP address", err);
  if (is_given(config->node_name) && !is_host_name(config->node_name))
    return refuse("the node's name", config->node_name, "is no name of a host", err);
  return 0;
}

int mw_endpoints_find(const struct mw_kubelet_config *config, struct mw_endpoints *out,
                      struct mw_error *err)
{
  *out = (struct mw_endpoints){0};
  if (is_given(config->url)) {
    out->count = 1;
    return take_url(config, &out->list[0], err);
  }
  if (!is_given(config->node_ip) && !is_given(config->node_name))
    return mw_error_set(err, ENOENT,
                        "nothing tells where the kubelet is: set kubelet.url, or NODE_IP or "
                        "NODE_NAME in the environment (of a pod: valueFrom: {fieldRef: {fieldPath: "
                        "status.hostIP}})");
  int rc = check_node(config, err);
  for (int tls = 1; rc == 0 && tls >= (config->allow_http ? 0 : 1); tls--) {
    if (is_given(config->node_ip))
      add(out, tls, config->node_ip);
    if (is_given(config->node_name))
      add(out, tls, config->node_name);
  }
  return rc;
}
