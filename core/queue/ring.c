#include "queue/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PLACES_MIN 64

/* ---- Nodes ---- */

struct mw_node *mw_node_alloc(size_t script_bytes, size_t kind_bytes, size_t body_bytes)
{
  size_t bytes = sizeof(struct mw_node) + script_bytes + kind_bytes + body_bytes + 3;
  struct mw_node *node = malloc(bytes);

  if (!node)
    return NULL;
  char *kind = node->texts + script_bytes + 1, *body = kind + kind_bytes + 1;
  *node = (struct mw_node){.references = 1, .bytes = bytes + sizeof node};
  node->message.script = node->texts;
  node->message.kind = kind;
  node->message.body = (struct mw_slice){body, body_bytes};
  node->texts[script_bytes] = kind[kind_bytes] = body[body_bytes] = '\0';
  return node;
}

struct mw_node *mw_node_copy(const struct mw_message *message)
{
  size_t script_bytes = strlen(message->script), kind_bytes = strlen(message->kind);
  struct mw_node *node = mw_node_alloc(script_bytes, kind_bytes, message->body.len_bytes);

  if (!node)
    return NULL;
  memcpy(node->texts, message->script, script_bytes);
  memcpy(node->texts + script_bytes + 1, message->kind, kind_bytes);
  if (message->body.len_bytes > 0)
    memcpy(node->texts + script_bytes + kind_bytes + 2, message->body.data,
           message->body.len_bytes);
  node->message.number = message->number;
  node->message.schema = message->schema;
  node->message.emitted_at_ns = message->emitted_at_ns;
  return node;
}

void mw_node_release(struct mw_node *node)
{
  if (--node->references == 0)
    free(node);
}

/* ---- The ring ---- */

void mw_ring_init(struct mw_ring *ring)
{
  *ring = (struct mw_ring){.first = 1, .end = 1};
}

void mw_ring_deinit(struct mw_ring *ring)
{
  while (ring->first < ring->end)
    mw_ring_remove_first(ring);
  free(ring->places);
}

static int grow(struct mw_ring *ring, struct mw_error *err)
{
  struct mw_ring larger = *ring;

  larger.places_count = ring->places_count > 0 ? ring->places_count * 2 : PLACES_MIN;
  larger.places = calloc(larger.places_count, sizeof(struct mw_node *));
  if (!larger.places)
    return mw_error_set(err, ENOMEM, "out of memory for a queue of %zu messages",
                        larger.places_count);
  for (uint64_t i = ring->first; i < ring->end; i++)
    *mw_ring_place(&larger, i) = *mw_ring_place(ring, i);
  free(ring->places);
  *ring = larger;
  return 0;
}

int mw_ring_append(struct mw_ring *ring, struct mw_node *node, struct mw_error *err)
{
  int rc = ring->end - ring->first == ring->places_count ? grow(ring, err) : 0;

  if (rc < 0)
    return rc;
  node->references++;
  node->message.number = ring->end;
  *mw_ring_place(ring, ring->end++) = node;
  ring->bytes += node->bytes;
  return 0;
}

void mw_ring_remove_first(struct mw_ring *ring)
{
  struct mw_node *node = *mw_ring_place(ring, ring->first++);

  ring->bytes -= node->bytes;
  mw_node_release(node);
}

/* Nodes that somebody reads are replaced by copies. */
static int copy_shared(struct mw_ring *ring)
{
  for (uint64_t i = ring->first; i < ring->end; i++) {
    struct mw_node **place = mw_ring_place(ring, i), *own = *place;
    if (own->references == 1)
      continue;
    if (!(own = mw_node_copy(&(*place)->message)))
      return -ENOMEM;
    mw_node_release(*place);
    *place = own;
  }
  return 0;
}

int mw_ring_renumber(struct mw_ring *ring, uint64_t shift)
{
  struct mw_ring moved = *ring;

  if (shift == 0)
    return 0;
  if (copy_shared(ring) < 0 ||
      (ring->places_count > 0 &&
       !(moved.places = calloc(ring->places_count, sizeof(struct mw_node *)))))
    return -ENOMEM;
  moved.first += shift;
  moved.end += shift;
  for (uint64_t i = ring->first; i < ring->end; i++) {
    struct mw_node *node = *mw_ring_place(ring, i);
    node->message.number = i + shift;
    *mw_ring_place(&moved, i + shift) = node;
  }
  free(ring->places);
  *ring = moved;
  return 0;
}
