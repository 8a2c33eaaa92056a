/**
 * @file transport.h
 * How a request reaches the other side. The client above has checked the request and filled in its
 * defaults; the receiver takes what comes.
 *
 * Thread-safety: none; a transport belongs to one client.
 */
#ifndef MW_TRANSPORT_H
#define MW_TRANSPORT_H

#include "http/credentials.h"
#include "http/receiver.h"
#include "http/url.h"
#include "moonwatch/http.h"

struct mw_http_call {
  const struct mw_http_request
      *request; /**< complete; its url may have been replaced by a redirect */
  const char *url_text;
  struct mw_url url;
  const struct mw_secrets *secrets; /**< never NULL */
  const char *user_agent;
  int64_t deadline_ns; /**< monotonic */
};

struct mw_http_transport {
  /**
   * Ask once; redirects are the client's business. Everything of the answer goes to @p receiver,
   * the phase in which it failed too.
   * @return 0: the answer came whole, whatever its status, or the receiver had enough; else -errno
   * with a text that says why, without the URL.
   */
  int (*ask)(struct mw_http_transport *transport, const struct mw_http_call *call,
             struct mw_receiver *receiver, struct mw_error *err);
  void (*free)(struct mw_http_transport *transport);
};

/** Through libcurl, which is loaded with the first request. @return NULL: -ENOMEM. */
struct mw_http_transport *mw_transport_curl_new(struct mw_error *err);

#endif
