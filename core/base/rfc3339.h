/** @file rfc3339.h  Points of time as texts. Source: RFC 3339. Thread-safety: no state. */
#ifndef MW_RFC3339_H
#define MW_RFC3339_H

#include <stdint.h>

#define MW_RFC3339_BYTES 40

/** "2026-11-26T12:00:00.123Z" of a time of the wall clock. @return @p out. */
char *mw_rfc3339(int64_t wall_ns, char out[static MW_RFC3339_BYTES]);

#endif
