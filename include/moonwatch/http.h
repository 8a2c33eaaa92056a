/**
 * @file http.h
 * One client for everything that is asked over HTTP: the kubelet, runtimes on unix sockets, what
 * scripts ask and deliver.
 *
 * Only http and https. TLS is verified; proxies of the environment are not used; redirects are not
 * followed to another host, port or from https to http: each unless the request asks otherwise, and
 * the last never. Connections are kept and used again. Files of credentials are read when they have
 * changed, so a rotated token or certificate counts from the next request on.
 *
 * Bodies are given away while they arrive, so an answer takes no memory here, whatever its size.
 *
 * Transports. Requests go out through libcurl, which is loaded with the first of them, or are
 * answered from a folder of recorded answers, see core/http/recorded.h.
 *
 * Source: RFC 9110, 9112; libcurl. Thread-safety: a client belongs to one thread at a time, but for
 * mw_http_cancel.
 */
#ifndef MW_HTTP_H
#define MW_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"
#include "moonwatch/export.h"

struct mw_http;

struct mw_http_config {
  const char *recorded_dir; /**< answers come from this folder; NULL: from the network; copied */
  const char *user_agent;   /**< NULL: "moonwatch/VERSION"; copied */
};

/** @return NULL: -ENOMEM; as open(2), or -EBADMSG, for a folder that has no usable index. */
MW_API struct mw_http *mw_http_new(const struct mw_http_config *config, struct mw_error *err);
MW_API void mw_http_free(struct mw_http *http); /**< accepts NULL */

/**
 * End the request that is under way, soon, and refuse every later one: both with -ECANCELED. From
 * any thread, and from a signal handler.
 */
MW_API void mw_http_cancel(struct mw_http *http);

/** Who we are, and whom we believe: paths of files, each NULL where there is none. */
struct mw_http_credentials {
  const char *ca_file;       /**< PEM: believed instead of the system's authorities */
  const char *cert_file;     /**< PEM, with key_file: the certificate of the client */
  const char *key_file;      /**< PEM */
  const char *token_file;    /**< bearer token; sent by https and unix sockets, never by http */
  bool insecure_skip_verify; /**< believe any certificate */
};

struct mw_http_request {
  const char *method; /**< NULL: "GET" */
  const char *url;    /**< "https://127.0.0.1:10250/pods"; a password in it is refused */
  const char
      *unix_socket; /**< path of the socket to connect to, whatever the URL's host; NULL: TCP */
  const struct mw_http_credentials *credentials; /**< NULL: none */
  const char *const *headers;                    /**< "Name: value"; ends with NULL; NULL: none */
  const void *body;                              /**< NULL: none */
  size_t body_bytes;
  int64_t connect_timeout_ms; /**< to the end of TLS; 0: 5,000, at most timeout_ms */
  int64_t timeout_ms;         /**< in all; 0: 30,000 */
  size_t headers_max_bytes;   /**< of the answer, all together; 0: 64 KiB; at most 16 MiB */
  size_t body_max_bytes;      /**< of the answer, unpacked; 0: 64 MiB */
  unsigned redirects_max;     /**< of GET and HEAD, on the same host; 0: none is followed */
  bool environment_proxy;     /**< use HTTP_PROXY, HTTPS_PROXY and NO_PROXY */
};

/** How far a request came that failed. */
enum mw_http_phase {
  MW_HTTP_PHASE_REQUEST, /**< it was wrong, or its credentials could not be read */
  MW_HTTP_PHASE_RESOLVE,
  MW_HTTP_PHASE_CONNECT,
  MW_HTTP_PHASE_TLS,
  MW_HTTP_PHASE_SEND,   /**< sending it, or waiting for the answer to begin */
  MW_HTTP_PHASE_STATUS, /**< an answer came whose status is not 2xx */
  MW_HTTP_PHASE_BODY,
  MW_HTTP_PHASE_COUNT
};

/** "request", "resolve", …; a constant. */
MW_API const char *mw_http_phase_name(enum mw_http_phase phase);

/** At most so much of the body of an answer that says no is kept. */
#define MW_HTTP_SAID_BYTES 257

struct mw_http_answer {
  int status;               /**< 200; 0: no answer came */
  int version;              /**< 10, 11, 20: of HTTP, times ten; 0: not known */
  uint64_t body_bytes;      /**< that came, unpacked */
  int64_t retry_after_ms;   /**< what the answer asks for; -1: nothing */
  enum mw_http_phase phase; /**< in which it failed; MW_HTTP_PHASE_BODY when nothing failed */
  char
      said[MW_HTTP_SAID_BYTES]; /**< the beginning of the body where status is not 2xx, printable */
};

/** What an answer is given to. Both may be NULL; neither calls the client. */
struct mw_http_sink {
  void *data;
  /** One field of the answer's header, of the last answer if there were redirects; the name in
   * lower case. @return 0, or a negative errno with @p err filled, which ends the request. */
  int (*header)(void *data, const char *name, const char *value, struct mw_error *err);
  /** The next piece of the body, of an answer with status 2xx. @return as header. */
  int (*body)(void *data, const char *piece, size_t len_bytes, struct mw_error *err);
};

/**
 * Ask, and give the answer to @p sink (NULL: nothing wants it). @p answer (may be NULL) is filled
 * in any case.
 *
 * @return 0: the status is 2xx, and the whole body was given. Otherwise the text says which URL,
 * which phase, why, and what to do where that is known:
 * -EINVAL: the request is wrong; -EACCES: status 401 or 403, or the other side's certificate is not
 * believed, or it refuses ours; -ENOENT: 404; -EAGAIN: 429 or 503; -EPROTO: any other status, or no
 * HTTP; -ETIMEDOUT: a deadline; -EMSGSIZE: a ceiling; -ECANCELED; -ECONNREFUSED, -EHOSTUNREACH and
 * others of connect(2); -ECONNRESET: the connection ended early; -ENOMEM; -ENOTSUP: libcurl is not
 * there; what the sink returned, with its text; as open(2) where credentials cannot be read, and
 * -EBADMSG where something else is in their files. A code of a file and one of an answer may be the
 * same: without an answer status is 0.
 */
MW_API int mw_http_ask(struct mw_http *http, const struct mw_http_request *request,
                       const struct mw_http_sink *sink, struct mw_http_answer *answer,
                       struct mw_error *err);

#endif
