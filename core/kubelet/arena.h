/**
 * @file arena.h
 * The memory of a result: many small pieces that stay where they are and are freed at once, under a
 * ceiling. What was taken since a mark can be given back.
 *
 * Always holds: the chunks together are at most max_bytes, and what was handed out is zeroed.
 * Thread-safety: none; an arena belongs to one thread at a time.
 */
#ifndef MW_KUBELET_ARENA_H
#define MW_KUBELET_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/parse.h"
#include "moonwatch/error.h"

struct mw_arena_chunk;

struct mw_arena {
  struct mw_arena_chunk *newest;
  size_t used_bytes;   /**< of the newest chunk */
  size_t chunks_bytes; /**< of all */
  size_t max_bytes;
};

struct mw_arena_mark {
  struct mw_arena_chunk *newest;
  size_t used_bytes;
};

void mw_arena_init(struct mw_arena *arena, size_t max_bytes);
void mw_arena_deinit(struct mw_arena *arena); /**< accepts a zeroed one */

/** Zeroed, aligned for pointers and 64-bit numbers. @return NULL with -ENOMEM, or -EMSGSIZE at the
 * ceiling, in @p err. */
void *mw_arena_take(struct mw_arena *arena, size_t bytes, struct mw_error *err);

/** A copy of @p text with a '\0' behind it. @return as mw_arena_take. */
char *mw_arena_copy_text(struct mw_arena *arena, struct mw_slice text, struct mw_error *err);

static inline struct mw_arena_mark mw_arena_mark(const struct mw_arena *arena)
{
  return (struct mw_arena_mark){arena->newest, arena->used_bytes};
}

/** All that was taken since @p mark is void. */
void mw_arena_rewind(struct mw_arena *arena, struct mw_arena_mark mark);

#endif
