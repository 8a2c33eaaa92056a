/**
 * @file kubelet_walk.h
 * Reads bytes as a kubelet's answer, in pieces, and walks through all of the result by the tables
 * that it was read with.
 *
 * Holds wherever it goes: what is not known is 0, texts are valid UTF-8, maps are sorted and have
 * each key once, elements of lists that need a name have it. The digest is of everything that was
 * seen. Include it in the fuzzer's only file.
 */
#ifndef KUBELET_WALK_H
#define KUBELET_WALK_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "kubelet/decoder.h"

/* FNV-1a. */
static inline void walk_add(uint64_t *digest, const void *bytes, size_t len_bytes)
{
  for (size_t i = 0; i < len_bytes; i++)
    *digest = (*digest ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
}

static inline void walk_text(uint64_t *digest, const char *text)
{
  if (!text) {
    walk_add(digest, "-", 1);
    return;
  }
  assert(mw_utf8_is_valid((struct mw_slice){text, strlen(text)}));
  walk_add(digest, text, strlen(text) + 1);
}

static inline void *walk_pointer(const void *at)
{
  void *pointer;

  memcpy(&pointer, at, sizeof pointer);
  return pointer;
}

static inline void walk_map(uint64_t *digest, const struct mw_kubelet_pair *pair)
{
  for (; pair; pair = pair->next) {
    assert(pair->key && pair->value);
    assert(!pair->next || strcmp(pair->key, pair->next->key) < 0);
    walk_text(digest, pair->key);
    walk_text(digest, pair->value);
  }
}

static inline void walk_plain(uint64_t *digest, const struct mw_member *member, const void *at)
{
  const struct mw_kubelet_number *number = at;
  const struct mw_kubelet_integer *integer = at;
  const struct mw_kubelet_decimal *decimal = at;

  switch ((enum mw_member_kind)member->kind) {
  case MW_MEMBER_TEXT:
    walk_text(digest, walk_pointer(at));
    break;
  case MW_MEMBER_NUMBER:
  case MW_MEMBER_CPU:
  case MW_MEMBER_BYTES:
    assert(number->known || number->value == 0);
    walk_add(digest, &number->value, sizeof number->value);
    break;
  case MW_MEMBER_INTEGER:
    assert(integer->known || integer->value == 0);
    walk_add(digest, &integer->value, sizeof integer->value);
    break;
  case MW_MEMBER_DECIMAL:
    assert(decimal->value - decimal->value == 0); /* finite */
    walk_add(digest, &decimal->value, sizeof decimal->value);
    break;
  case MW_MEMBER_ANSWER:
    assert(*(const enum mw_kubelet_answer *)at <= MW_KUBELET_YES);
    walk_add(digest, at, sizeof(enum mw_kubelet_answer));
    break;
  default:
    walk_add(digest, at, sizeof(int64_t)); /* a time */
  }
}

static inline void walk_object(uint64_t *digest, const struct mw_shape *shape, const void *base);

/* @p counted: how many the list says that it has; SIZE_MAX: it does not say. */
static inline void walk_list(uint64_t *digest, const struct mw_shape *shape, const void *first,
                             size_t counted)
{
  size_t count = 0;

  for (const void *element = first; element; element = walk_pointer(element), count++)
    walk_object(digest, shape, element);
  assert(counted == SIZE_MAX || counted == count);
}

static inline void walk_object(uint64_t *digest, const struct mw_shape *shape, const void *base)
{
  for (size_t i = 0; i < shape->members_count; i++) {
    const struct mw_member *member = &shape->members[i];
    const void *at = (const char *)base + member->offset;
    size_t counted = SIZE_MAX;
    if (member->count_offset > 0)
      memcpy(&counted, (const char *)base + member->count_offset, sizeof counted);
    if (member->kind == MW_MEMBER_PART)
      walk_object(digest, member->shape, at);
    else if (member->kind == MW_MEMBER_RECORD && walk_pointer(at))
      walk_object(digest, member->shape, walk_pointer(at));
    else if (member->kind == MW_MEMBER_LIST && strcmp(member->name, "conditions") != 0)
      walk_list(digest, member->shape, walk_pointer(at), counted);
    else if (member->kind == MW_MEMBER_MAP)
      walk_map(digest, walk_pointer(at));
    else if (member->kind < MW_MEMBER_PART)
      walk_plain(digest, member, at);
  }
}

/**
 * Cut the next piece off @p rest: 1 to 7 bytes as @p seed goes on, or all when it is 0. The piece
 * is a copy of its very size, to be freed: reading behind it is seen.
 */
static inline char *walk_next_piece(struct mw_slice *rest, uint32_t *seed, size_t *piece_bytes)
{
  *seed = *seed ? *seed * 1664525 + 1013904223 : 0;
  *piece_bytes = *seed ? 1 + (*seed >> 24) % 7 : rest->len_bytes;
  if (*piece_bytes > rest->len_bytes)
    *piece_bytes = rest->len_bytes;
  char *piece = malloc(*piece_bytes > 0 ? *piece_bytes : 1);
  memcpy(piece, rest->data, *piece_bytes);
  rest->data += *piece_bytes;
  rest->len_bytes -= *piece_bytes;
  return piece;
}

#endif
