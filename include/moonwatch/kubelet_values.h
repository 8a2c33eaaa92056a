/**
 * @file kubelet_values.h
 * The values that a kubelet's answers are made of: numbers that may be absent, times, quantities,
 * and what was not usable.
 *
 * Source: RFC 3339; the text form of quantities as the Kubernetes documentation has it ("Resource
 * units", "Quantity"). Thread-safety: no state; every function may be called from any thread.
 */
#ifndef MW_KUBELET_VALUES_H
#define MW_KUBELET_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"
#include "moonwatch/export.h"

/** Absent is never zero: value is 0 and means nothing while it is not known. */
struct mw_kubelet_number {
  uint64_t value;
  bool known;
};

struct mw_kubelet_integer {
  int64_t value;
  bool known;
};

struct mw_kubelet_decimal {
  double value; /**< finite */
  bool known;
};

enum mw_kubelet_answer { MW_KUBELET_UNKNOWN, MW_KUBELET_NO, MW_KUBELET_YES };

/** One label or annotation. */
struct mw_kubelet_pair {
  struct mw_kubelet_pair *next;
  const char *key, *value;
};

/**
 * What an answer said that could not be used: a value of another type, out of range or over a
 * bound, a repeated key, an element without the member that names it. It is absent from the result;
 * the rest is there.
 */
struct mw_kubelet_oddities {
  uint64_t count;
  char first[256]; /**< "items[3].status.startTime: no time: \"soon\"" */
};

/** Ceilings of one answer; 0 is the default. */
struct mw_kubelet_limits {
  size_t document_max_bytes; /**< of all pieces together */
  size_t result_max_bytes;   /**< of the memory that the result takes */
};

#define MW_KUBELET_DOCUMENT_DEFAULT_BYTES ((size_t)64 << 20)
#define MW_KUBELET_RESULT_DEFAULT_BYTES ((size_t)64 << 20)

/**
 * The time @p text in nanoseconds since 1970: "2026-11-22T19:34:15.660706501Z", or with an offset
 * such as +05:30. Digits beyond nanoseconds are dropped; a leap second is the second behind it. The
 * year 1 in Go's zero time means "never" and gives 0, as nothing gives 1970 itself but a clock that
 * was not set.
 * @return 0; -EINVAL: no time; -ERANGE: before 1678 or after 2261. @p time_ns is then untouched.
 */
MW_API int mw_kubelet_parse_time(const char *text, size_t len_bytes, int64_t *time_ns);

/**
 * The quantity @p text, times 10 to the power of @p scale (0 to 18), rounded away from zero to a
 * whole number: "250m" at scale 9 (billionths) is 250000000, "128Mi" at scale 0 is 134217728,
 * "0.1" at scale 0 is 1. Suffixes: n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent: 1e3, 5E-2.
 * @return 0; -EINVAL: no quantity; -ERANGE: no int64_t can hold it, or it has more than 20
 * significant digits. @p value is then untouched.
 */
MW_API int mw_kubelet_parse_quantity(const char *text, size_t len_bytes, unsigned scale,
                                     int64_t *value);

#endif
