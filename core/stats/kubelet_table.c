#include "stats/kubelet_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct mw_kubelet_row {
  UT_hash_handle hh; /* by id */
  int64_t stored_ns;
  struct mw_cgroup_sample figures;
  struct mw_network_sample network;
  char id[];
};

static void remove_row(struct mw_kubelet_table *table, struct mw_kubelet_row *row)
{
  /* The analyser loses track of what is in the table.
   * NOLINTNEXTLINE(clang-analyzer-unix.Malloc,clang-analyzer-core.NullDereference) */
  HASH_DEL(table->by_id, row);
  mw_cgroup_sample_deinit(&row->figures);
  mw_network_sample_deinit(&row->network);
  free(row);
}

static struct mw_kubelet_row *find(const struct mw_kubelet_table *table, const char *id)
{
  struct mw_kubelet_row *row;

  HASH_FIND_STR(table->by_id, id, row);
  return row;
}

static struct mw_kubelet_row *find_or_add(struct mw_kubelet_table *table, const char *id)
{
  struct mw_kubelet_row *row = find(table, id);
  size_t id_bytes = strlen(id) + 1;

  if (row)
    return row;
  row = calloc(1, sizeof *row + id_bytes);
  if (!row)
    return NULL;
  memcpy(row->id, id, id_bytes);
  HASH_ADD_STR(table->by_id, id, row);
  if (row->hh.tbl)
    return row;
  free(row);
  return NULL;
}

int mw_kubelet_table_store(struct mw_kubelet_table *table, const char *id,
                           const struct mw_cgroup_sample *figures,
                           const struct mw_network_sample *network, int64_t now_ns,
                           struct mw_error *err)
{
  struct mw_kubelet_row *row = find_or_add(table, id);

  if (!row)
    return mw_error_set(err, ENOMEM, "out of memory for the numbers of container %s", id);
  int rc = mw_cgroup_sample_copy(&row->figures, figures, err);
  if (rc == 0)
    rc = mw_network_sample_copy(&row->network, network, err);
  if (rc < 0)
    remove_row(table, row); /* half of one reading and half of another is neither */
  else
    row->stored_ns = now_ns;
  return rc;
}

bool mw_kubelet_table_find(const struct mw_kubelet_table *table, const char *id,
                           struct mw_kubelet_known *out)
{
  const struct mw_kubelet_row *row = find(table, id);

  if (!row)
    return false;
  *out = (struct mw_kubelet_known){
      .stored_ns = row->stored_ns, .figures = &row->figures, .network = &row->network};
  return true;
}

void mw_kubelet_table_sweep(struct mw_kubelet_table *table, int64_t oldest_ns)
{
  struct mw_kubelet_row *row, *next;

  HASH_ITER(hh, table->by_id, row, next)
  {
    if (row->stored_ns < oldest_ns)
      remove_row(table, row);
  }
}

void mw_kubelet_table_deinit(struct mw_kubelet_table *table)
{
  mw_kubelet_table_sweep(table, INT64_MAX);
}
