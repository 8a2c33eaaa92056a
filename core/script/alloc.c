#include "script/alloc.h"

#include <stdlib.h>

static bool may_grow(struct mw_alloc *alloc, size_t extra_bytes)
{
  if (alloc->fail_after == 1)
    return false;
  if (alloc->fail_after > 1)
    alloc->fail_after--;
  return alloc->used_bytes + alloc->reserve_bytes <= alloc->max_bytes &&
         extra_bytes <= alloc->max_bytes - alloc->reserve_bytes - alloc->used_bytes;
}

static void *resize(struct mw_alloc *alloc, void *block, size_t new_bytes)
{
  void *moved = realloc(block, new_bytes);

  if (moved || !alloc->spare)
    return moved;
  free(alloc->spare);
  alloc->spare = NULL;
  return realloc(block, new_bytes);
}

void *mw_alloc_resize(void *ud, void *block, size_t old_bytes, size_t new_bytes)
{
  struct mw_alloc *alloc = ud;
  size_t held_bytes = block ? old_bytes : 0;

  if (new_bytes == 0) {
    free(block);
    alloc->used_bytes -= held_bytes;
    return NULL;
  }
  if (new_bytes > held_bytes && !may_grow(alloc, new_bytes - held_bytes)) {
    alloc->refused = true;
    return NULL;
  }

  void *moved = resize(alloc, block, new_bytes);
  if (!moved) {
    if (new_bytes <= held_bytes)
      return block; /* Lua cannot bear a refusal to shrink; the block is large enough */
    alloc->refused = alloc->starved = true;
    return NULL;
  }
  alloc->used_bytes += new_bytes - held_bytes; /* wraps round to a subtraction when it shrank */
  if (alloc->used_bytes > alloc->peak_bytes)
    alloc->peak_bytes = alloc->used_bytes;
  return moved;
}
