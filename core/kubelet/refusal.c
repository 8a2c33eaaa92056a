#include "kubelet/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RUNS_COMMANDS "that right also allows running commands in containers"

struct mw_kubelet_right mw_kubelet_right_for(const char *path)
{
  if (strncmp(path, "/stats", 6) == 0)
    return (struct mw_kubelet_right){.subresource = "stats"};
  if (strncmp(path, "/metrics", 8) == 0)
    return (struct mw_kubelet_right){.subresource = "metrics"};
  if (strcmp(path, "/pods") == 0)
    return (struct mw_kubelet_right){.subresource = "pods", .older = "proxy"};
  return (struct mw_kubelet_right){.subresource = "proxy"};
}

void mw_kubelet_rule(const char *subresource, char out[static MW_KUBELET_RULE_BYTES])
{
  snprintf(out, MW_KUBELET_RULE_BYTES, "- {apiGroups: [\"\"], resources: [nodes/%s], verbs: [get]}",
           subresource);
}

/* "Forbidden (user=system:anonymous, verb=get, resource=nodes, subresource=proxy)"; those that know
 * finer rights name all that would do: "subresource(s)=[pods proxy]". */
bool mw_kubelet_wanted(const char *said, const char *subresource)
{
  const char *at = strstr(said, "subresource=");
  size_t used = strlen(subresource);

  if (!at)
    return false;
  at += strlen("subresource=");
  return strncmp(at, subresource, used) == 0 && (at[used] == ')' || at[used] == ',');
}

/* " (it says: ...)", or nothing. */
static const char *quote(const char *said, char out[static MW_HTTP_SAID_BYTES + 16])
{
  size_t used = strlen(said);

  while (used > 0 && (said[used - 1] == ' ' || said[used - 1] == '\n'))
    used--;
  if (used == 0)
    *out = '\0';
  else
    snprintf(out, MW_HTTP_SAID_BYTES + 16, " (it says: %.*s)", (int)used, said);
  return out;
}

static int refused_identity(const char *question, const char *said,
                            const struct mw_http_credentials *credentials, struct mw_error *err)
{
  if (credentials->token_file && strncmp(question, "GET http:", 9) == 0)
    return mw_error_set(err, EACCES,
                        "%s: the kubelet wants to know who asks%s, and a token is not sent over "
                        "plain http: kubelet.url is to begin with https://",
                        question, said);
  if (credentials->token_file)
    return mw_error_set(err, EACCES,
                        "%s: the kubelet refuses the token in %s%s: it may have expired, be made "
                        "for others than the API server, or the API server does not answer the "
                        "kubelet; kubelet.token_file names another one",
                        question, credentials->token_file, said);
  if (credentials->cert_file)
    return mw_error_set(err, EACCES,
                        "%s: the kubelet refuses the certificate in %s%s: it is to be signed by "
                        "the kubelet's clientCAFile",
                        question, credentials->cert_file, said);
  return mw_error_set(err, EACCES,
                      "%s: the kubelet wants to know who asks%s: set kubelet.token_file, or "
                      "kubelet.cert_file and kubelet.key_file",
                      question, said);
}

static int refused_right(const char *question, const char *path, const char *said,
                         const char *quoted, struct mw_error *err)
{
  struct mw_kubelet_right right = mw_kubelet_right_for(path);
  char rule[MW_KUBELET_RULE_BYTES], older[MW_KUBELET_RULE_BYTES];

  mw_kubelet_rule(right.subresource, rule);
  if (!right.older)
    return mw_error_set(err, EACCES, "%s: the right is missing%s: grant get on nodes/%s: %s",
                        question, quoted, right.subresource, rule);
  mw_kubelet_rule(right.older, older);
  if (mw_kubelet_wanted(said, right.older))
    return mw_error_set(
        err, EACCES,
        "%s: the right is missing%s: this kubelet asks for get on nodes/%s, and " RUNS_COMMANDS
        ": %s; newer ones are content with nodes/%s",
        question, quoted, right.older, older, right.subresource);
  return mw_error_set(err, EACCES,
                      "%s: the right is missing%s: grant get on nodes/%s: %s; kubelets before 1.33 "
                      "ask for nodes/%s instead, and " RUNS_COMMANDS,
                      question, quoted, right.subresource, rule, right.older);
}

int mw_kubelet_refused(int rc, const char *url, const char *path,
                       const struct mw_http_credentials *credentials,
                       const struct mw_http_answer *answer, struct mw_error *err)
{
  char question[600], quoted[MW_HTTP_SAID_BYTES + 16];

  snprintf(question, sizeof question, "GET %s%s: status %d", url, path, answer->status);
  quote(answer->said, quoted);
  switch (answer->status) {
  case 401:
    return refused_identity(question, quoted, credentials, err);
  case 403:
    return refused_right(question, path, answer->said, quoted, err);
  case 404:
    return mw_error_set(err, ENOENT, "%s%s: this is no kubelet, or one that does not tell it",
                        question, quoted);
  default:
    return rc;
  }
}

void mw_kubelet_not_believed(const struct mw_http_credentials *credentials, struct mw_error *err)
{
  size_t used = strlen(err->text);

  snprintf(
      err->text + used, sizeof err->text - used,
      "; that is kubelet.ca_file (now: %s); a kubelet that made its certificate itself gets one "
      "of the cluster with serverTLSBootstrap: true in its configuration",
      credentials->ca_file ? credentials->ca_file : "the system's authorities");
}
