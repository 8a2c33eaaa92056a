/**
 * @file snapshot.h
 * What all sources say, merged.
 * Thread-safety: a snapshot may be shared by all threads.
 */
#ifndef MW_SNAPSHOT_H
#define MW_SNAPSHOT_H

#include "inventory/record.h"

/** What one source says. */
struct mw_voice {
  const char *name; /**< copied */
  bool stale;
  const struct mw_record_list *containers, *pods; /**< NULL: empty */
};

/**
 * Merge @p voices, of which the first counts most. What is as in @p last (may be NULL) is shared
 * with it. @return NULL when out of memory; generation 0.
 */
struct mw_inventory_snapshot *mw_snapshot_new(const struct mw_voice *voices, size_t count,
                                              const struct mw_inventory_snapshot *last);

/** Whether a reader sees the same in both, of which one was made with the other as its last. */
bool mw_snapshot_equal(const struct mw_inventory_snapshot *a,
                       const struct mw_inventory_snapshot *b);

void mw_snapshot_set_generation(struct mw_inventory_snapshot *snapshot, uint64_t generation);
void mw_snapshot_share(struct mw_inventory_snapshot *snapshot); /**< count one more reader */

#endif
