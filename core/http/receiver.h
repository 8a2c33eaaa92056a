/**
 * @file receiver.h
 * What becomes of an answer while it arrives, whatever transport it comes by: ceilings, what goes
 * to the sink, what is kept for messages.
 *
 * Thread-safety: none; a receiver lives as long as one request.
 */
#ifndef MW_RECEIVER_H
#define MW_RECEIVER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/parse.h"
#include "http/stop.h"
#include "moonwatch/http.h"

struct mw_receiver {
  const struct mw_http_request *request; /**< complete */
  const struct mw_http_sink *sink;       /**< never NULL */
  const struct mw_stop *stop;
  bool follows;                 /**< a redirect that came would be followed */
  struct mw_http_answer answer; /**< as far as it came */
  struct mw_buf location;       /**< of a redirect; data is NULL: there was none */
  struct mw_buf line;
  size_t headers_bytes;
  bool in_header;
  bool enough; /**< of an answer that says no: the rest is of no use */
  int rc;      /**< why it ended the request; 0: it did not */
  struct mw_error *err;
};

/** @p request, @p sink, @p stop and @p err are borrowed. */
void mw_receiver_init(struct mw_receiver *receiver, const struct mw_http_request *request,
                      const struct mw_http_sink *sink, const struct mw_stop *stop,
                      struct mw_error *err);
void mw_receiver_deinit(struct mw_receiver *receiver);

/** Another request follows, to where a redirect pointed. */
void mw_receiver_restart(struct mw_receiver *receiver);

/* What a transport tells. false: it has to end the request; rc or enough says why. */

/* line_bytes: what it takes on the wire, for the ceiling of the header. */

/** A status line; again after an interim answer (1xx), which nobody hears of. */
bool mw_receive_status(struct mw_receiver *receiver, int status, int version, size_t line_bytes);
bool mw_receive_field(struct mw_receiver *receiver, struct mw_slice name, struct mw_slice value,
                      size_t line_bytes);
void mw_receive_header_end(struct mw_receiver *receiver);
bool mw_receive_body(struct mw_receiver *receiver, struct mw_slice piece);

/** Nothing more is said. */
void mw_receiver_end_said(struct mw_receiver *receiver);

/** End it from within a transport. @return false. */
bool mw_receiver_fail(struct mw_receiver *receiver, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

bool mw_http_is_success(int status);
bool mw_http_is_redirect(int status);

/** A whole header line "Name: value\r\n" in its parts; false: it is none. */
bool mw_http_split_field(struct mw_slice line, struct mw_slice *name, struct mw_slice *value);

#endif
