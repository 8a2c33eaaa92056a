/**
 * @file ring.h
 * Messages in memory, by their numbers, without gaps.
 *
 * Thread-safety: none; the queue's mutex guards rings and the references of nodes.
 */
#ifndef MW_QUEUE_RING_H
#define MW_QUEUE_RING_H

#include "moonwatch/queue.h"

/** A message with its texts behind it: in the ring, in batches, with the writer; counted. The
 *  message comes first, so that a batch finds its nodes again. */
struct mw_node {
  struct mw_message message;
  unsigned references;
  size_t bytes; /* that it takes of the buffer */
  char texts[]; /* script, kind, body: each with a '\0' behind it */
};

/** With room for texts so long, which are not filled; one reference. NULL: out of memory. */
struct mw_node *mw_node_alloc(size_t script_bytes, size_t kind_bytes, size_t body_bytes);
struct mw_node *mw_node_copy(const struct mw_message *message);
void mw_node_release(struct mw_node *node);

static inline struct mw_node *mw_node_of(const struct mw_message *message)
{
  return (struct mw_node *)(uintptr_t)message;
}

struct mw_ring {
  struct mw_node **places; /* message n is at n modulo their count, which is a power of two */
  size_t places_count;
  uint64_t first, end; /* numbers: from the first to before the end */
  size_t bytes;
};

void mw_ring_init(struct mw_ring *ring);
void mw_ring_deinit(struct mw_ring *ring);

static inline struct mw_node **mw_ring_place(const struct mw_ring *ring, uint64_t number)
{
  return &ring->places[number & (ring->places_count - 1)];
}

/** Give @p node the next number, and hold it. @return 0 or -ENOMEM. */
int mw_ring_append(struct mw_ring *ring, struct mw_node *node, struct mw_error *err);
void mw_ring_remove_first(struct mw_ring *ring);

/** Add @p shift to all numbers; who holds a node keeps it as it is. @return 0 or -ENOMEM, and
 *  nothing has changed. */
int mw_ring_renumber(struct mw_ring *ring, uint64_t shift);

#endif
