/**
 * @file scratch.h
 * Memory for arrays that are needed together for a moment, and given back at once.
 * Thread-safety: none; it belongs to one thread at a time.
 */
#ifndef MW_SCRATCH_H
#define MW_SCRATCH_H

#include <stddef.h>

/** Zero it before its first use. */
struct mw_scratch {
  struct mw_scratch_chunk *newest;
};

/**
 * @p count elements of @p size_bytes each, not zeroed, aligned for pointers; they stay where they
 * are until the next reset. @return NULL when out of memory; never NULL for a count of 0.
 */
void *mw_scratch_array(struct mw_scratch *scratch, size_t count, size_t size_bytes);

/** Everything that was given out is void; some memory stays for the next use. */
void mw_scratch_reset(struct mw_scratch *scratch);
void mw_scratch_deinit(struct mw_scratch *scratch);

#define MW_AUTO_SCRATCH __attribute__((cleanup(mw_scratch_deinit))) struct mw_scratch

#endif
