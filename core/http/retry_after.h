/**
 * @file retry_after.h
 * The field Retry-After: seconds, or a date.
 * Source: RFC 9110, sections 10.2.3 and 5.6.7. Thread-safety: no state.
 */
#ifndef MW_RETRY_AFTER_H
#define MW_RETRY_AFTER_H

#include <stdbool.h>
#include <stdint.h>

/** What asks for more gets so much: a day. */
#define MW_RETRY_AFTER_MAX_MS INT64_C(86400000)

/** How long to wait at @p now_wall_ns; 0 for a date that is over. False: it is neither. */
bool mw_retry_after_parse(const char *text, int64_t now_wall_ns, int64_t *out_ms);

#endif
