/**
 * @file number.h
 * Numbers as JSON text: integers exactly, other doubles in the fewest digits that read back to the
 * same double.
 * Thread-safety: no state.
 */
#ifndef MW_JSON_NUMBER_H
#define MW_JSON_NUMBER_H

#include <stddef.h>
#include <stdint.h>

/** Room for the longest number, "-1.7976931348623157e+308", and to spare. */
#define MW_JSON_NUMBER_BYTES 32

/* All return the length in bytes; no '\0' is written. */

size_t mw_json_format_u64(uint64_t value, char out[static MW_JSON_NUMBER_BYTES]);
size_t mw_json_format_i64(int64_t value, char out[static MW_JSON_NUMBER_BYTES]);

/**
 * @p value is finite. Whole values of less than 2^64 (either sign) are written as integers, the
 * others as 0.00001234 or 123.45, and with an exponent ("1.5e-07", "1e+20") when the first digit
 * stands outside 10^-5 .. 10^16. The sign of a negative zero is dropped.
 */
size_t mw_json_format_double(double value, char out[static MW_JSON_NUMBER_BYTES]);

#endif
