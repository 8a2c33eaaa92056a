/** @file explain.h  Why an answer is no good, and what to do about it. Thread-safety: no state. */
#ifndef MW_EXPLAIN_H
#define MW_EXPLAIN_H

#include "http/receiver.h"
#include "http/transport.h"

/** An answer whose status is not 2xx. @return as mw_http_ask. */
int mw_explain_status(const struct mw_http_call *call, const struct mw_receiver *receiver,
                      struct mw_error *err);

/** Put in front what was asked: "GET https://127.0.0.1:10250/pods". */
void mw_explain_request(const struct mw_http_call *call, struct mw_error *err);

#endif
