#include "inventory/scratch.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define CHUNK_MIN_BYTES ((size_t)16 << 10)

struct mw_scratch_chunk {
  struct mw_scratch_chunk *older;
  size_t used_bytes, capacity_bytes;
  alignas(max_align_t) char bytes[];
};

static struct mw_scratch_chunk *add_chunk(struct mw_scratch *scratch, size_t bytes)
{
  size_t capacity_bytes = bytes > CHUNK_MIN_BYTES ? bytes : CHUNK_MIN_BYTES;
  struct mw_scratch_chunk *chunk = malloc(sizeof *chunk + capacity_bytes);

  if (!chunk)
    return NULL;
  *chunk = (struct mw_scratch_chunk){.older = scratch->newest, .capacity_bytes = capacity_bytes};
  scratch->newest = chunk;
  return chunk;
}

void *mw_scratch_array(struct mw_scratch *scratch, size_t count, size_t size_bytes)
{
  const size_t align = alignof(max_align_t);
  struct mw_scratch_chunk *chunk = scratch->newest;

  if (count > SIZE_MAX / 4 / size_bytes)
    return NULL;
  size_t bytes = (count * size_bytes + align - 1) / align * align;
  if (!chunk || chunk->capacity_bytes - chunk->used_bytes < bytes)
    chunk = add_chunk(scratch, bytes);
  if (!chunk)
    return NULL;
  void *array = chunk->bytes + chunk->used_bytes;
  chunk->used_bytes += bytes;
  return array;
}

static void free_chunks(struct mw_scratch_chunk *chunk)
{
  while (chunk) {
    struct mw_scratch_chunk *older = chunk->older;
    free(chunk);
    chunk = older;
  }
}

void mw_scratch_reset(struct mw_scratch *scratch)
{
  if (!scratch->newest)
    return;
  free_chunks(scratch->newest->older);
  scratch->newest->older = NULL;
  scratch->newest->used_bytes = 0;
}

void mw_scratch_deinit(struct mw_scratch *scratch)
{
  free_chunks(scratch->newest);
  scratch->newest = NULL;
}
