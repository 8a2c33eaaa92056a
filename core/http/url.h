/**
 * @file url.h
 * URLs as requests have them: http or https, a host, perhaps a port, a path, a query.
 *
 * Stricter than RFC 3986, so that two programs cannot read one URL in two ways: printable ASCII
 * only, no user or password, no fragment, no percent signs in a host.
 *
 * Source: RFC 3986, RFC 9110 section 4.2. Thread-safety: no state.
 */
#ifndef MW_URL_H
#define MW_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/parse.h"

#define MW_URL_MAX_BYTES 8192

/** The parts of a text that they point into. */
struct mw_url {
  bool https;
  struct mw_slice host;      /**< without the brackets of an IPv6 address */
  struct mw_slice authority; /**< host and port, as they stand there */
  uint16_t port;             /**< 80 or 443 where none was given */
  struct mw_slice path;      /**< with its slash; empty: "/" */
  struct mw_slice query;     /**< with its question mark; empty: none */
};

/** @return 0, or -EINVAL; the text of the error holds nothing of a password. */
int mw_url_parse(const char *text, struct mw_url *out, struct mw_error *err);

/** Same scheme, host and port? */
bool mw_url_same_origin(const struct mw_url *a, const struct mw_url *b);

/**
 * Append to @p out what @p reference, of a Location field, means beside @p base; without its
 * fragment. @return 0; -EMSGSIZE, -ENOMEM.
 */
int mw_url_resolve(const struct mw_url *base, struct mw_slice reference, struct mw_buf *out,
                   struct mw_error *err);

/** Room for mw_url_print, with its '\0'. */
#define MW_URL_PRINT_BYTES 512

/** For messages: without the query, which may hold what nobody should read, and cut where it is
 * long. @return @p out. */
const char *mw_url_print(const struct mw_url *url, char out[static MW_URL_PRINT_BYTES]);

#endif
