/**
 * @file alloc.h
 * The memory of one Lua state: counted, and refused beyond a ceiling.
 * Thread-safety: none; it belongs to the thread that runs the state.
 */
#ifndef MW_SCRIPT_ALLOC_H
#define MW_SCRIPT_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mw_alloc {
  size_t used_bytes;
  size_t peak_bytes;
  size_t max_bytes;
  size_t reserve_bytes; /**< of max_bytes; kept back for who has to collect when it is full */
  bool refused;         /**< set by a refusal, cleared by whoever wants to know of the next one */
  bool starved;         /**< the same, of one that was not for the ceiling: the system had none */

  void *spare; /**< a block that is given up when the system has none, once; NULL: none is left */

  /** For tests: growing fails from the moment this counts down to 1; 0: never. */
  uint64_t fail_after;
};

/** A lua_Alloc; @p ud is a struct mw_alloc. Shrinking and freeing never fail, as Lua demands. */
void *mw_alloc_resize(void *ud, void *block, size_t old_bytes, size_t new_bytes);

#endif
