/**
 * @file recorded.h
 * Answers from a folder instead of the network, for specs and recorded hosts.
 *
 * The folder has an index, answers.json, and files with bodies beside it:
 *
 *     {
 *       "answers": [
 *         { "url": "https://127.0.0.1:10250/pods", "status": 200, "version": 20,
 *           "headers": { "Content-Type": "application/json" }, "body_file": "pods.json" },
 *         { "url": "https://127.0.0.1:10250/pods", "status": 503, "body": "not now" },
 *         { "method": "POST", "url": "http://d/containers/x/stop", "status": 204 },
 *         { "url": "https://127.0.0.1:10250/healthz", "fails": "timeout" }
 *       ]
 *     }
 *
 * - url: whole, and compared as it stands. method: "GET" by default.
 * - step: which request of this method and URL gets it, from 1 on; by default the next one. A step
 *   holds until the next one that is named, the last one for ever. Steps are those of a client.
 * - status: 200 to 599. version: 10, 11 (the default) or 20. headers: texts, or lists of texts for
 *   fields that come more than once. body: the text; or body_file: a file in the folder.
 * - fails, instead of a status: "refused", "timeout", "reset" (when the body has come half way),
 *   "untrusted" (the certificate).
 *
 * Other members are refused, so that a slip does not go unnoticed. A request that the index does
 * not have fails with -ECONNREFUSED, and names the request and the index: nobody is there.
 *
 * What the network's answers are held to holds here too: status, ceilings, cancellation, redirects,
 * credentials that have to be readable.
 *
 * Thread-safety: none; a transport belongs to one client.
 */
#ifndef MW_RECORDED_H
#define MW_RECORDED_H

#include "http/transport.h"

#define MW_RECORDED_INDEX "answers.json"
#define MW_RECORDED_INDEX_MAX_BYTES ((size_t)16 << 20)
#define MW_RECORDED_ANSWERS_MAX 2000

/** @return NULL: -ENOMEM; as open(2) and read(2); -EBADMSG: the index is wrong. */
struct mw_http_transport *mw_transport_recorded_new(const char *dir, struct mw_error *err);

#endif
