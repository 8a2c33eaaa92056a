#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "http/credentials.h"
#include "http/explain.h"
#include "http/receiver.h"
#include "http/recorded.h"
#include "http/request.h"
#include "http/stop.h"
#include "http/transport.h"
#include "http/url.h"
#include "moonwatch/clock.h"
#include "moonwatch/http.h"

struct mw_http {
  struct mw_stop stop;
  char *user_agent;
  struct mw_keyring *keyring;
  struct mw_http_transport *transport;
};

/* ---- Life cycle ---- */

static struct mw_http_transport *new_transport(const struct mw_http_config *config,
                                               struct mw_error *err)
{
  return config->recorded_dir ? mw_transport_recorded_new(config->recorded_dir, err)
                              : mw_transport_curl_new(err);
}

struct mw_http *mw_http_new(const struct mw_http_config *config, struct mw_error *err)
{
  struct mw_http *http = calloc(1, sizeof *http);

  if (!http) {
    mw_error_set(err, ENOMEM, "out of memory for an HTTP client");
    return NULL;
  }
  if (mw_stop_init(&http->stop, err) < 0)
    goto fail;
  http->user_agent = strdup(config->user_agent ? config->user_agent : "moonwatch/" MW_VERSION);
  if (!http->user_agent) {
    mw_error_set(err, ENOMEM, "out of memory for an HTTP client");
    goto fail;
  }
  http->keyring = mw_keyring_new(err);
  http->transport = http->keyring ? new_transport(config, err) : NULL;
  if (!http->transport)
    goto fail;
  return http;

fail:
  mw_http_free(http);
  return NULL;
}

void mw_http_free(struct mw_http *http)
{
  if (!http)
    return;
  if (http->transport)
    http->transport->free(http->transport);
  mw_keyring_free(http->keyring);
  mw_stop_deinit(&http->stop);
  free(http->user_agent);
  free(http);
}

void mw_http_cancel(struct mw_http *http)
{
  mw_stop_now(&http->stop);
}

const char *mw_http_phase_name(enum mw_http_phase phase)
{
  static const char *const names[MW_HTTP_PHASE_COUNT] = {
      [MW_HTTP_PHASE_REQUEST] = "request", [MW_HTTP_PHASE_RESOLVE] = "resolve",
      [MW_HTTP_PHASE_CONNECT] = "connect", [MW_HTTP_PHASE_TLS] = "tls",
      [MW_HTTP_PHASE_SEND] = "send",       [MW_HTTP_PHASE_STATUS] = "status",
      [MW_HTTP_PHASE_BODY] = "body",
  };

  return names[phase];
}

/* ---- One request, and those to where it is redirected ---- */

/* Tokens go where nobody can read along: through TLS, or a socket of this host. */
static int read_secrets(struct mw_http *http, const struct mw_http_call *call,
                        struct mw_secrets *out, struct mw_error *err)
{
  const struct mw_http_credentials *credentials = call->request->credentials;

  *out = (struct mw_secrets){0};
  if (!credentials)
    return 0;
  return mw_keyring_read(http->keyring, credentials, call->url.https || call->request->unix_socket,
                         out, err);
}

static bool may_redirect(const struct mw_http_request *request)
{
  return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
}

/* Where the answer points to, if that is to be followed: same server, not too often. The Location
 * becomes a whole URL in any case, for the message. */
static int resolve_redirect(const struct mw_http_call *call, struct mw_receiver *receiver,
                            bool *follow, struct mw_error *err)
{
  struct mw_buf whole;
  struct mw_url to;

  *follow = false;
  if (!receiver->location.data)
    return 0;
  mw_buf_init(&whole, 2 * (size_t)MW_URL_MAX_BYTES);
  struct mw_slice reference = {receiver->location.data, receiver->location.len_bytes};
  int rc = mw_url_resolve(&call->url, reference, &whole, err);
  if (rc < 0) {
    mw_buf_deinit(&whole);
    return rc;
  }
  mw_buf_deinit(&receiver->location);
  receiver->location = whole;
  *follow = receiver->follows && mw_url_parse(whole.data, &to, NULL) == 0 &&
            mw_url_same_origin(&call->url, &to);
  return 0;
}

/* What ended it: the receiver knows better than the transport, which only did what it was told; and
 * a status that was received says more than a connection that broke after it. */
static int judge(const struct mw_http_call *call, struct mw_receiver *receiver, int rc,
                 struct mw_error *err)
{
  int status = receiver->answer.status;

  if (receiver->rc < 0)
    return receiver->rc;
  if (rc == -ECANCELED || rc == -ENOMEM)
    return rc;
  if (receiver->answer.phase == MW_HTTP_PHASE_BODY && !mw_http_is_success(status)) {
    mw_receiver_end_said(receiver);
    receiver->answer.phase = MW_HTTP_PHASE_STATUS;
    return mw_explain_status(call, receiver, err);
  }
  return rc;
}

static int ask_once(struct mw_http *http, struct mw_http_call *call, struct mw_secrets *secrets,
                    struct mw_receiver *receiver, struct mw_error *err)
{
  if (mw_stop_is(&http->stop))
    return mw_error_set(err, ECANCELED, "canceled");
  int rc = read_secrets(http, call, secrets, err);
  return rc < 0 ? rc : http->transport->ask(http->transport, call, receiver, err);
}

static int ask_and_follow(struct mw_http *http, struct mw_http_call *call,
                          struct mw_secrets *secrets, struct mw_receiver *receiver,
                          struct mw_error *err)
{
  unsigned redirects_left = may_redirect(call->request) ? call->request->redirects_max : 0;
  MW_AUTO_BUF url_text;
  bool follow = false;

  mw_buf_init(&url_text, 2 * (size_t)MW_URL_MAX_BYTES);
  for (;; redirects_left--) {
    receiver->follows = redirects_left > 0;
    int rc = ask_once(http, call, secrets, receiver, err);
    int resolved = receiver->rc == 0 ? resolve_redirect(call, receiver, &follow, err) : 0;
    if (resolved < 0)
      return resolved;
    if (rc < 0 || receiver->rc < 0 || !follow)
      return judge(call, receiver, rc, err);
    mw_buf_clear(&url_text);
    rc = mw_buf_append_text(&url_text, receiver->location.data, err);
    if (rc == 0)
      rc = mw_url_parse(url_text.data, &call->url, err);
    if (rc < 0)
      return rc;
    call->url_text = url_text.data;
    mw_receiver_restart(receiver);
  }
}

static int ask_checked(struct mw_http *http, const struct mw_http_request *request,
                       const struct mw_http_sink *sink, struct mw_http_answer *answer,
                       struct mw_error *err)
{
  static const struct mw_http_sink nobody;
  struct mw_secrets secrets = {0};
  struct mw_http_call call = {.request = request,
                              .url_text = request->url,
                              .secrets = &secrets,
                              .user_agent = http->user_agent};
  struct mw_receiver receiver;

  int rc = mw_url_parse(request->url, &call.url, err);
  if (rc < 0)
    return rc;
  const struct mw_url asked = call.url;
  call.deadline_ns = mw_clock_monotonic_ns(mw_clock_system()) + request->timeout_ms * MW_NS_PER_MS;
  mw_receiver_init(&receiver, request, sink ? sink : &nobody, &http->stop, err);
  rc = ask_and_follow(http, &call, &secrets, &receiver, err);
  *answer = receiver.answer;
  mw_receiver_deinit(&receiver);
  if (rc < 0) {
    call.url = asked;
    mw_explain_request(&call, err);
  }
  return rc;
}

int mw_http_ask(struct mw_http *http, const struct mw_http_request *request,
                const struct mw_http_sink *sink, struct mw_http_answer *answer,
                struct mw_error *err)
{
  struct mw_http_answer own_answer;
  struct mw_error own_error; /* its code is looked at, also where the caller does not care */
  struct mw_http_request complete;

  if (!answer)
    answer = &own_answer;
  if (!err)
    err = &own_error;
  *answer = (struct mw_http_answer){.retry_after_ms = -1, .phase = MW_HTTP_PHASE_REQUEST};
  int rc = mw_request_complete(request, &complete, err);
  if (rc < 0)
    mw_error_prefix(err, "request");
  return rc < 0 ? rc : ask_checked(http, &complete, sink, answer, err);
}
