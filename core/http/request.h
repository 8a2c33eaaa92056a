/**
 * @file request.h
 * Is a request one that can be sent? And what it means where it says nothing.
 *
 * Nothing of a caller ends a line of a header or begins another request, however it is spelt.
 * Source: RFC 9110 sections 5.5, 5.6.2, 9.1. Thread-safety: no state.
 */
#ifndef MW_REQUEST_H
#define MW_REQUEST_H

#include "moonwatch/http.h"

#define MW_REQUEST_CONNECT_DEFAULT_MS 5000
#define MW_REQUEST_TIMEOUT_DEFAULT_MS 30000
#define MW_REQUEST_HEADERS_DEFAULT_BYTES ((size_t)64 << 10)
#define MW_REQUEST_BODY_DEFAULT_BYTES ((size_t)64 << 20)

/** A header is kept, a line at a time: more is not taken, whatever a request says. */
#define MW_REQUEST_HEADERS_MAX_BYTES ((size_t)16 << 20)

/** A day: what waits longer waits for ever. */
#define MW_REQUEST_TIMEOUT_MAX_MS INT64_C(86400000)

/** All but the URL. @return 0 with @p out complete, or -EINVAL. */
int mw_request_complete(const struct mw_http_request *request, struct mw_http_request *out,
                        struct mw_error *err);

#endif
