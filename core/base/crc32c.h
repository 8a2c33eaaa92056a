/**
 * @file crc32c.h
 * A checksum of records on disks: finds every change of up to 32 bits in a row, and all but one in
 * 4 billion of the others. No protection against people.
 * Source: RFC 3720 appendix B.4 (CRC32C, Castagnoli). Thread-safety: no state.
 */
#ifndef MW_CRC32C_H
#define MW_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** Go on with @p crc (0 at first) over @p len_bytes of @p bytes. */
uint32_t mw_crc32c(uint32_t crc, const void *bytes, size_t len_bytes);

/** The same without the processor's instruction for it: what other processors than x86 do. */
uint32_t mw_crc32c_portable(uint32_t crc, const void *bytes, size_t len_bytes);

#endif
