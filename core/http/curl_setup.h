/** @file curl_setup.h  A request as options of libcurl. Thread-safety: none. */
#ifndef MW_CURL_SETUP_H
#define MW_CURL_SETUP_H

#include "http/curl_library.h"
#include "http/transport.h"

/**
 * Set what @p call wants on a handle that was just reset. It borrows the secrets, the body and
 * @p out_headers, which the caller frees when the transfer is over, in any case.
 * @return 0; -ENOMEM; -ENOTSUP: this libcurl lacks something.
 */
int mw_curl_setup(const struct mw_curl *curl, CURL *easy, const struct mw_http_call *call,
                  struct curl_slist **out_headers, struct mw_error *err);

#endif
