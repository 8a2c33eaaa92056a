/** @file curl_failure.h  What libcurl's codes mean to an operator. Thread-safety: no state. */
#ifndef MW_CURL_FAILURE_H
#define MW_CURL_FAILURE_H

#include "http/curl_library.h"
#include "http/receiver.h"
#include "http/transport.h"

/** What is known about a transfer that failed. */
struct mw_curl_failure {
  const struct mw_curl *curl;
  CURL *easy;
  CURLcode code;
  int os_errno;     /**< right after it failed */
  const char *text; /**< libcurl's own; may be empty */
};

/** Sets the phase of the receiver's answer. @return as mw_http_ask. */
int mw_curl_explain(const struct mw_curl_failure *failure, const struct mw_http_call *call,
                    struct mw_receiver *receiver, struct mw_error *err);

/** How far it is. */
enum mw_http_phase mw_curl_phase(const struct mw_curl *curl, CURL *easy,
                                 const struct mw_http_call *call,
                                 const struct mw_receiver *receiver);

/** It took too long; the receiver's phase says where. @return -ETIMEDOUT. */
int mw_curl_explain_timeout(const struct mw_http_call *call, const struct mw_receiver *receiver,
                            struct mw_error *err);

#endif
