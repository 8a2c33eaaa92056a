/**
 * @file json_shape.h
 * Shapes of objects: messages repeat a few sets of keys, so these are kept sorted and encoded.
 *
 * A key is known by the address that lua_topointer gives, since LuaJIT has each text once. So that
 * an address cannot come to mean another text, the caller keeps the keys of each shape alive, in a
 * Lua table at the places that mw_json_shapes_anchor names. Thread-safety: none; shapes belong to
 * one Lua state.
 */
#ifndef MW_JSON_SHAPE_H
#define MW_JSON_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/parse.h"

#define MW_JSON_SHAPES_MAX 32
#define MW_JSON_SHAPE_MEMBERS_MAX 64

struct mw_json_shape {
  unsigned users; /**< while it is above 0 it is not replaced */
  int anchor;     /**< place of the first key in the table of anchors; the others are behind it */
  size_t count;
  const void *ids[MW_JSON_SHAPE_MEMBERS_MAX]; /**< of the keys, in the order of lua_next */
  uint8_t order[MW_JSON_SHAPE_MEMBERS_MAX];   /**< sorted: which of them comes first, second, ... */
  uint16_t ends[MW_JSON_SHAPE_MEMBERS_MAX];   /**< in text, sorted */
  char text[];                                /**< "\"cpus\":", sorted */
};

/** Zero it before the first use. */
struct mw_json_shapes {
  struct mw_json_shape *at[MW_JSON_SHAPES_MAX];
};

void mw_json_shapes_deinit(struct mw_json_shapes *shapes);

/** No shape is in use any more: after an error that jumped out of an encoding. */
void mw_json_shapes_release(struct mw_json_shapes *shapes);

/** The hash of a sequence of keys, one by one, from 0. It is made of addresses, and proves nothing.
 */
static inline uint64_t mw_json_shape_hash(uint64_t hash, const void *id)
{
  return (hash ^ (uintptr_t)id) * UINT64_C(0x9E3779B97F4A7C15);
}

/** Byte order, the shorter first. */
int mw_json_compare_keys(struct mw_slice a, struct mw_slice b);

/** The shape of @p count keys whose ids stand at @p ids, @p stride_bytes apart; NULL: not known. */
struct mw_json_shape *mw_json_shapes_find(struct mw_json_shapes *shapes, uint64_t hash,
                                          const void *const *ids, size_t stride_bytes,
                                          size_t count);

/** Make a place free. @return false when the shape is not to be remembered. */
bool mw_json_shapes_make_room(struct mw_json_shapes *shapes, uint64_t hash, size_t count,
                              size_t *place);

/** Where in the table of anchors the keys of the shape at @p place are: there, and behind. */
static inline int mw_json_shapes_anchor(size_t place)
{
  return (int)(place * MW_JSON_SHAPE_MEMBERS_MAX) + 1;
}

/** Remember a shape whose keys are anchored. @return NULL when they are too long, or memory is out.
 */
struct mw_json_shape *mw_json_shapes_add(struct mw_json_shapes *shapes, size_t place,
                                         const void *const *ids, const struct mw_slice *keys,
                                         size_t stride_bytes, size_t count);

/** The key that is the @p index-th of the sorted ones, encoded, with its colon. */
static inline struct mw_slice mw_json_shape_key(const struct mw_json_shape *shape, size_t index)
{
  size_t start = index > 0 ? shape->ends[index - 1] : 0;

  return (struct mw_slice){shape->text + start, shape->ends[index] - start};
}

#endif
