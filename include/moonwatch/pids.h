/**
 * @file pids.h
 * A list of process ids, such as those of one container.
 *
 * Zero it before the first use; it keeps its memory when it is cleared for the next.
 * Thread-safety: none; a list belongs to one thread at a time.
 */
#ifndef MW_PIDS_H
#define MW_PIDS_H

#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"
#include "moonwatch/export.h"

/** More than the kernel can have (PID_MAX_LIMIT, 4 Mi). */
#define MW_PIDS_MAX ((size_t)1 << 23)

struct mw_pids {
  int32_t *pids; /**< count of them; owned */
  size_t count;
  size_t capacity;
  /** Processes that are there but out of sight: the kernel shows them as 0 to a reader in another
   *  pid namespace. */
  size_t hidden_count;
};

MW_API void mw_pids_deinit(struct mw_pids *pids); /**< leaves an empty list */
MW_API void mw_pids_clear(struct mw_pids *pids);  /**< keeps the memory */

/** @return 0; -E2BIG: over MW_PIDS_MAX; -ENOMEM. The list stays as it was then. */
MW_API int mw_pids_append(struct mw_pids *pids, int32_t pid, struct mw_error *err);

/** Ascending, each once. */
MW_API void mw_pids_sort(struct mw_pids *pids);

/** Returns as mw_pids_append. */
MW_API int mw_pids_copy(struct mw_pids *to, const struct mw_pids *from, struct mw_error *err);

#endif
