#include "base/sort.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RUN_ITEMS 4096 /* what is sorted, or merged, between two looks at the flag */

struct sort {
  size_t item_bytes;
  int (*compare)(const void *, const void *);
  const volatile sig_atomic_t *stop;
};

static size_t smaller(size_t a, size_t b)
{
  return a < b ? a : b;
}

struct run {
  const char *at, *end;
};

static void take(const struct sort *sort, struct run *run, char **out)
{
  memcpy(*out, run->at, sort->item_bytes);
  run->at += sort->item_bytes;
  *out += sort->item_bytes;
}

static void take_rest(struct run *run, char **out)
{
  memcpy(*out, run->at, (size_t)(run->end - run->at));
  *out += run->end - run->at;
}

/* Merge two runs into @p out, the left first where they are equal. */
static int merge(const struct sort *sort, struct run left, struct run right, char *out)
{
  for (size_t i = 0; left.at < left.end && right.at < right.end; i++) {
    if (i % RUN_ITEMS == 0 && *sort->stop)
      return -ECANCELED;
    take(sort, sort->compare(left.at, right.at) <= 0 ? &left : &right, &out);
  }
  take_rest(&left, &out);
  take_rest(&right, &out);
  return 0;
}

/* Merge pairs of runs of @p run_bytes from one array into the other. */
static int merge_pairs(const struct sort *sort, const char *from, size_t bytes, size_t run_bytes,
                       char *out)
{
  int rc = 0;

  for (size_t at = 0; rc == 0 && at < bytes; at += 2 * run_bytes) {
    const char *middle = from + smaller(at + run_bytes, bytes);
    struct run left = {from + at, middle};
    struct run right = {middle, from + smaller(at + 2 * run_bytes, bytes)};
    rc = merge(sort, left, right, out + at);
  }
  return rc;
}

/* Small runs first, each at one go. */
static int sort_runs(const struct sort *sort, char *items, size_t count)
{
  for (size_t at = 0; at < count; at += RUN_ITEMS) {
    if (*sort->stop)
      return -ECANCELED;
    qsort(items + at * sort->item_bytes, smaller(count - at, RUN_ITEMS), sort->item_bytes,
          sort->compare);
  }
  return 0;
}

int mw_sort(void *items, size_t count, size_t item_bytes,
            int (*compare)(const void *, const void *), const volatile sig_atomic_t *stop)
{
  const struct sort sort = {item_bytes, compare, stop};
  size_t bytes = count * item_bytes;
  int rc = sort_runs(&sort, items, count);

  if (rc < 0 || count <= RUN_ITEMS)
    return rc;
  char *other = malloc(bytes), *from = items, *to = other;
  if (!other)
    return -ENOMEM;
  for (size_t run_bytes = RUN_ITEMS * item_bytes; rc == 0 && run_bytes < bytes; run_bytes *= 2) {
    rc = merge_pairs(&sort, from, bytes, run_bytes, to);
    char *merged = to;
    to = from;
    from = merged;
  }
  if (rc == 0 && from != items)
    memcpy(items, from, bytes);
  free(other);
  return rc;
}
