/**
 * @file dump.h
 * A result as sorted lines, "pods[].cpu.time=1763839026000000000", by the tables that it was read
 * with: for comparing all of it. Elements of lists have no number, so that what one of them lacks
 * does not shift the others.
 *
 * Include it behind <cmocka.h> in the test's only file.
 */
#ifndef DUMP_H
#define DUMP_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kubelet/decoder.h"

#define DUMP_LINES_MAX 2048
#define DUMP_LINE_BYTES 256

struct dump {
  size_t count;
  char lines[DUMP_LINES_MAX][DUMP_LINE_BYTES];
};

static inline void dump_line(struct dump *dump, const char *path, const char *value)
{
  assert_true(dump->count < DUMP_LINES_MAX);
  int used = snprintf(dump->lines[dump->count++], DUMP_LINE_BYTES, "%s=%s", path, value);
  assert_true(used < DUMP_LINE_BYTES);
}

static inline void dump_object(struct dump *dump, const char *path, const struct mw_shape *shape,
                               const void *base);

static inline void *dump_pointer(const void *at)
{
  void *pointer;

  memcpy(&pointer, at, sizeof pointer);
  return pointer;
}

static inline void dump_map(struct dump *dump, const char *path, const void *first)
{
  for (const struct mw_kubelet_pair *pair = first; pair; pair = pair->next) {
    char inner[DUMP_LINE_BYTES];
    snprintf(inner, sizeof inner, "%s.%s", path, pair->key);
    dump_line(dump, inner, pair->value);
  }
}

/* A value as text; false: it is absent, or no plain value. */
static inline bool dump_plain(const struct mw_member *member, const void *at, char out[128])
{
  const struct mw_kubelet_number *number = at;
  const struct mw_kubelet_integer *integer = at;
  const struct mw_kubelet_decimal *decimal = at;
  int64_t time_ns = 0;

  switch ((enum mw_member_kind)member->kind) {
  case MW_MEMBER_TEXT:
    snprintf(out, 128, "%s", dump_pointer(at) ? (const char *)dump_pointer(at) : "");
    return dump_pointer(at) != NULL;
  case MW_MEMBER_NUMBER:
  case MW_MEMBER_CPU:
  case MW_MEMBER_BYTES:
    snprintf(out, 128, "%" PRIu64, number->value);
    assert_true(number->known || number->value == 0);
    return number->known;
  case MW_MEMBER_INTEGER:
    snprintf(out, 128, "%" PRId64, integer->value);
    return integer->known;
  case MW_MEMBER_DECIMAL:
    snprintf(out, 128, "%.10g", decimal->value);
    return decimal->known;
  case MW_MEMBER_ANSWER:
    snprintf(out, 128, "%s",
             *(const enum mw_kubelet_answer *)at == MW_KUBELET_YES ? "true" : "false");
    return *(const enum mw_kubelet_answer *)at != MW_KUBELET_UNKNOWN;
  case MW_MEMBER_TIME:
    memcpy(&time_ns, at, sizeof time_ns);
    snprintf(out, 128, "%" PRId64, time_ns);
    return time_ns != 0;
  default:
    return false;
  }
}

static inline void dump_member(struct dump *dump, const char *path, const struct mw_member *member,
                               const void *base)
{
  const void *at = (const char *)base + member->offset;
  char inner[DUMP_LINE_BYTES], value[128];
  bool is_list = member->kind == MW_MEMBER_LIST;

  snprintf(inner, sizeof inner, "%s%s%s%s", path, path[0] ? "." : "", member->name,
           is_list ? "[]" : "");
  if (dump_plain(member, at, value))
    dump_line(dump, inner, value);
  else if (member->kind == MW_MEMBER_PART)
    dump_object(dump, inner, member->shape, at);
  else if (member->kind == MW_MEMBER_RECORD && dump_pointer(at))
    dump_object(dump, inner, member->shape, dump_pointer(at));
  else if (member->kind == MW_MEMBER_MAP)
    dump_map(dump, inner, dump_pointer(at));
  else if (is_list && strcmp(member->name, "conditions") != 0) /* none is ever kept */
    for (const void *element = dump_pointer(at); element; element = dump_pointer(element))
      dump_object(dump, inner, member->shape, element);
}

static inline void dump_object(struct dump *dump, const char *path, const struct mw_shape *shape,
                               const void *base)
{
  for (size_t i = 0; i < shape->members_count; i++)
    dump_member(dump, path, &shape->members[i], base);
}

static inline int dump_order(const void *left, const void *right)
{
  return strcmp(left, right);
}

static inline void dump_root(struct dump *dump, const struct mw_shape *shape, const void *root)
{
  dump->count = 0;
  dump_object(dump, "", shape, root);
  qsort(dump->lines, dump->count, DUMP_LINE_BYTES, dump_order);
}

/** Is @p line at @p path, or below it? */
static inline bool dump_is_below(const char *line, const char *path)
{
  size_t len_bytes = strlen(path);

  return strncmp(line, path, len_bytes) == 0 && strchr(".=[", line[len_bytes]);
}

/** Both say the same, but for what is at or below @p path (NULL: everywhere). */
static inline void dump_assert_equal_but(const struct dump *left, const struct dump *right,
                                         const char *path, const char *what)
{
  size_t i = 0, j = 0;

  for (;;) {
    while (path && i < left->count && dump_is_below(left->lines[i], path))
      i++;
    while (path && j < right->count && dump_is_below(right->lines[j], path))
      j++;
    if (i == left->count && j == right->count)
      return;
    if (i == left->count || j == right->count || strcmp(left->lines[i], right->lines[j]) != 0)
      fail_msg("%s: \"%s\" became \"%s\"", what, i < left->count ? left->lines[i] : "",
               j < right->count ? right->lines[j] : "");
    i++;
    j++;
  }
}

#endif
