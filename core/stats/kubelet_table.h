/**
 * @file kubelet_table.h
 * The last readings of each container that a kubelet's summaries named.
 * Thread-safety: none; a table belongs to one thread at a time.
 */
#ifndef MW_STATS_KUBELET_TABLE_H
#define MW_STATS_KUBELET_TABLE_H

#include "moonwatch/stats.h"

struct mw_kubelet_row; /* see kubelet_table.c */

/** Zeroed: empty. */
struct mw_kubelet_table {
  struct mw_kubelet_row *by_id;
};

/** What is known of a container; borrowed until the next store or sweep. */
struct mw_kubelet_known {
  int64_t stored_ns;
  const struct mw_cgroup_sample *figures;
  const struct mw_network_sample *network;
};

/** Both readings are copied. @return 0 or -ENOMEM, and then the container is unknown. */
int mw_kubelet_table_store(struct mw_kubelet_table *table, const char *id,
                           const struct mw_cgroup_sample *figures,
                           const struct mw_network_sample *network, int64_t now_ns,
                           struct mw_error *err);

/** @return false: nothing is known. */
bool mw_kubelet_table_find(const struct mw_kubelet_table *table, const char *id,
                           struct mw_kubelet_known *out);

/** Drop what was stored before @p oldest_ns. */
void mw_kubelet_table_sweep(struct mw_kubelet_table *table, int64_t oldest_ns);

void mw_kubelet_table_deinit(struct mw_kubelet_table *table);

#endif
