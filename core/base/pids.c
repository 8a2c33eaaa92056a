#include "moonwatch/pids.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void mw_pids_deinit(struct mw_pids *pids)
{
  free(pids->pids);
  *pids = (struct mw_pids){0};
}

void mw_pids_clear(struct mw_pids *pids)
{
  pids->count = pids->hidden_count = 0;
}

static int reserve(struct mw_pids *pids, size_t count, struct mw_error *err)
{
  if (count <= pids->capacity)
    return 0;
  if (count > MW_PIDS_MAX)
    return mw_error_set(err, E2BIG, "more than %zu process ids", MW_PIDS_MAX);
  size_t capacity = count < 8 ? 8 : count * 2;
  int32_t *grown = reallocarray(pids->pids, capacity, sizeof *grown);
  if (!grown)
    return mw_error_set(err, ENOMEM, "out of memory for %zu process ids", count);
  pids->pids = grown;
  pids->capacity = capacity;
  return 0;
}

int mw_pids_append(struct mw_pids *pids, int32_t pid, struct mw_error *err)
{
  int rc = reserve(pids, pids->count + 1, err);

  if (rc == 0)
    pids->pids[pids->count++] = pid;
  return rc;
}

static int by_number(const void *left, const void *right)
{
  int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;

  return (a > b) - (a < b);
}

void mw_pids_sort(struct mw_pids *pids)
{
  size_t kept = 0;

  if (pids->count == 0)
    return;
  qsort(pids->pids, pids->count, sizeof *pids->pids, by_number);
  for (size_t i = 1; i < pids->count; i++)
    if (pids->pids[i] != pids->pids[kept])
      pids->pids[++kept] = pids->pids[i];
  pids->count = kept + 1;
}

int mw_pids_copy(struct mw_pids *to, const struct mw_pids *from, struct mw_error *err)
{
  int rc = reserve(to, from->count, err);

  if (rc < 0)
    return rc;
  if (from->count > 0)
    memcpy(to->pids, from->pids, from->count * sizeof *from->pids);
  to->count = from->count;
  to->hidden_count = from->hidden_count;
  return 0;
}
