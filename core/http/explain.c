#include "http/explain.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct mw_http_credentials no_credentials;

static const struct mw_http_credentials *credentials_of(const struct mw_http_call *call)
{
  return call->request->credentials ? call->request->credentials : &no_credentials;
}

static int explain_401(const struct mw_http_call *call, struct mw_error *err)
{
  const struct mw_http_credentials *credentials = credentials_of(call);

  if (call->secrets->token)
    return mw_error_set(err, EACCES,
                        "401: the token in %s is refused: is it of this server, and "
                        "still valid?",
                        credentials->token_file);
  if (credentials->token_file)
    return mw_error_set(err, EACCES,
                        "401: the token in %s was not sent, since http has no secrets: "
                        "ask by https",
                        credentials->token_file);
  if (call->secrets->cert.data)
    return mw_error_set(err, EACCES, "401: the certificate in %s is not accepted",
                        credentials->cert_file);
  return mw_error_set(err, EACCES,
                      "401: it wants to know who asks: give a token_file, or a cert_file and a "
                      "key_file");
}

static int explain_redirect(const struct mw_http_call *call, const struct mw_receiver *receiver,
                            struct mw_error *err)
{
  const char *to = receiver->location.data;
  int status = receiver->answer.status;
  struct mw_url url;
  char printed[MW_URL_PRINT_BYTES];

  if (!to)
    return mw_error_set(err, EPROTO, "%d: it redirects, and does not say where to", status);
  if (mw_url_parse(to, &url, NULL) < 0)
    return mw_error_set(err, EPROTO, "%d: it redirects to what is not followed", status);
  mw_url_print(&url, printed);
  if (!mw_url_same_origin(&call->url, &url))
    return mw_error_set(err, EPROTO,
                        "%d: it redirects to %s, which is another server: not followed", status,
                        printed);
  return mw_error_set(err, EPROTO,
                      "%d: it redirects to %s, which is not followed (at most %u, of "
                      "GET and HEAD)",
                      status, printed, call->request->redirects_max);
}

static int explain_busy(const struct mw_http_answer *answer, struct mw_error *err)
{
  const char *why = answer->status == 429 ? "too many requests" : "it cannot answer now";

  if (answer->retry_after_ms < 0)
    return mw_error_set(err, EAGAIN, "%d: %s", answer->status, why);
  return mw_error_set(err, EAGAIN, "%d: %s; it asks to wait %lld s", answer->status, why,
                      (long long)((answer->retry_after_ms + 999) / 1000));
}

static int explain(const struct mw_http_call *call, const struct mw_receiver *receiver,
                   struct mw_error *err)
{
  int status = receiver->answer.status;

  switch (status) {
  case 401:
    return explain_401(call, err);
  case 403:
    return mw_error_set(err, EACCES, "403: not allowed");
  case 404:
    return mw_error_set(err, ENOENT, "404: there is no such thing");
  case 407:
    return mw_error_set(err, EPROTO, "407: a proxy wants to know who asks");
  case 429:
  case 503:
    return explain_busy(&receiver->answer, err);
  default:
    break;
  }
  if (mw_http_is_redirect(status))
    return explain_redirect(call, receiver, err);
  return mw_error_set(err, EPROTO, status >= 500 ? "%d: it failed" : "%d", status);
}

int mw_explain_status(const struct mw_http_call *call, const struct mw_receiver *receiver,
                      struct mw_error *err)
{
  int rc = explain(call, receiver, err);
  const char *said = receiver->answer.said;

  if (*said && err) {
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, "; it says: %s", said);
  }
  return rc;
}

void mw_explain_request(const struct mw_http_call *call, struct mw_error *err)
{
  char printed[MW_URL_PRINT_BYTES];
  const char *socket = call->request->unix_socket;

  mw_error_prefix(err, "%s %s%s%s", call->request->method, mw_url_print(&call->url, printed),
                  socket ? " on " : "", socket ? socket : "");
}
