/**
 * @file inventory.h
 * Which containers exist: complete lists from sources, merged into immutable snapshots.
 *
 * A source gives its whole list each time. The list that equals its last one makes no new
 * generation; entities that did not change are shared between snapshots. A reader takes a counted
 * reference under a mutex that is held for a few instructions, and looks at a snapshot for as long
 * as it likes.
 *
 * When two sources name the same id, the source that spoke first, since the start, wins.
 *
 * Thread-safety: an inventory may be shared by all threads; a snapshot never changes.
 */
#ifndef MW_INVENTORY_H
#define MW_INVENTORY_H

#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"

struct mw_inventory;
struct mw_inventory_snapshot;

/** NULL stands for "" in what a source gives; in a snapshot nothing is NULL. */
struct mw_container {
  const char *id;
  const char *runtime;
  const char *namespace_;
  const char *state;  /**< "running", ...; "" is unknown */
  const char *health; /**< "healthy", ...; "" is unknown */
  int64_t created_s;  /**< since 1970; 0 is unknown */
  int64_t started_s;
};

#define MW_INVENTORY_CONTAINERS_MAX 100000 /**< of one source */
#define MW_INVENTORY_SOURCES_MAX 64
#define MW_INVENTORY_TEXT_MAX_BYTES 1024 /**< each text of a container, and a source's name */

struct mw_inventory *mw_inventory_new(struct mw_error *err);
void mw_inventory_free(struct mw_inventory *inventory); /**< accepts NULL; no reader may be left */

/**
 * Replace what @p source said by @p containers, which are copied.
 * Twice the same id in one list: the first counts.
 * @return 0; -EINVAL: an empty id or source name, or a text over MW_INVENTORY_TEXT_MAX_BYTES;
 * -E2BIG: over MW_INVENTORY_CONTAINERS_MAX; -ENOSPC: a source over MW_INVENTORY_SOURCES_MAX;
 * -ENOMEM. On failure the last list stays.
 */
int mw_inventory_replace(struct mw_inventory *inventory, const char *source,
                         const struct mw_container *containers, size_t count, struct mw_error *err);

/** A counted reference to the newest snapshot; never NULL. Give it back with _release. */
struct mw_inventory_snapshot *mw_inventory_acquire(struct mw_inventory *inventory);
void mw_inventory_release(struct mw_inventory_snapshot *snapshot); /**< accepts NULL */

/** 0 before any source spoke; goes up with each change. */
uint64_t mw_inventory_snapshot_generation(const struct mw_inventory_snapshot *snapshot);
size_t mw_inventory_snapshot_count(const struct mw_inventory_snapshot *snapshot);

/** Sorted by id. Borrowed: valid until the snapshot is released. @p index < count. */
const struct mw_container *mw_inventory_snapshot_at(const struct mw_inventory_snapshot *snapshot,
                                                    size_t index);

#endif
