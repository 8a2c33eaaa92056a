#include "kubelet/arena.h"

#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The part of the last one that is left over is all that a result costs beyond its content. */
#define CHUNK_BYTES ((size_t)32 << 10)
#define ALIGN_BYTES alignof(uint64_t)

struct mw_arena_chunk {
  struct mw_arena_chunk *older;
  size_t capacity_bytes;
  alignas(max_align_t) char bytes[];
};

void mw_arena_init(struct mw_arena *arena, size_t max_bytes)
{
  *arena = (struct mw_arena){.max_bytes = max_bytes};
}

static void free_until(struct mw_arena *arena, const struct mw_arena_chunk *last)
{
  while (arena->newest != last) {
    struct mw_arena_chunk *older = arena->newest->older;
    arena->chunks_bytes -= sizeof *older + arena->newest->capacity_bytes;
    free(arena->newest);
    arena->newest = older;
  }
}

void mw_arena_deinit(struct mw_arena *arena)
{
  free_until(arena, NULL);
  arena->used_bytes = 0;
}

void mw_arena_rewind(struct mw_arena *arena, struct mw_arena_mark mark)
{
  free_until(arena, mark.newest);
  arena->used_bytes = mark.used_bytes;
}

static int add_chunk(struct mw_arena *arena, size_t bytes, struct mw_error *err)
{
  size_t capacity_bytes = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
  size_t chunk_bytes = sizeof(struct mw_arena_chunk) + capacity_bytes;

  if (chunk_bytes > arena->max_bytes - arena->chunks_bytes)
    return mw_error_set(err, EMSGSIZE, "the result takes more than the limit of %zu bytes",
                        arena->max_bytes);
  struct mw_arena_chunk *chunk = malloc(chunk_bytes);
  if (!chunk)
    return mw_error_set(err, ENOMEM, "out of memory for %zu bytes of a result", chunk_bytes);
  *chunk = (struct mw_arena_chunk){.older = arena->newest, .capacity_bytes = capacity_bytes};
  arena->newest = chunk;
  arena->used_bytes = 0;
  arena->chunks_bytes += chunk_bytes;
  return 0;
}

/* Not zeroed. */
static void *take(struct mw_arena *arena, size_t bytes, size_t align_bytes, struct mw_error *err)
{
  size_t start = (arena->used_bytes + align_bytes - 1) & ~(align_bytes - 1);

  if (!arena->newest || start > arena->newest->capacity_bytes ||
      bytes > arena->newest->capacity_bytes - start) {
    if (add_chunk(arena, bytes, err) < 0)
      return NULL;
    start = 0;
  }
  arena->used_bytes = start + bytes;
  return arena->newest->bytes + start;
}

void *mw_arena_take(struct mw_arena *arena, size_t bytes, struct mw_error *err)
{
  void *taken = take(arena, bytes, ALIGN_BYTES, err);
  return taken ? memset(taken, 0, bytes) : NULL;
}

char *mw_arena_copy_text(struct mw_arena *arena, struct mw_slice text, struct mw_error *err)
{
  char *copy = take(arena, text.len_bytes + 1, 1, err);

  if (!copy)
    return NULL;
  if (text.len_bytes > 0)
    memcpy(copy, text.data, text.len_bytes);
  copy[text.len_bytes] = '\0';
  return copy;
}
