/**
 * @file shadows_memory.h
 * What the agent keeps of scripts that stand in front of shipped ones: the text file "shadows" of
 * the state directory. Each line has the time when the shadow was first seen (seconds since 1970),
 * the fingerprints of the shadow and of the shipped file, and the path of the shadow.
 *
 * A line that is none is passed over: what it was about is seen as for the first time.
 * Thread-safety: none.
 */
#ifndef MW_SHADOWS_MEMORY_H
#define MW_SHADOWS_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"

#define MW_SHADOW_MEMORY_FILE "shadows"
#define MW_SHADOW_RECORDS_MAX 1024 /**< beyond it the oldest are forgotten */

struct mw_shadow_record {
  char *path;
  uint64_t own, shipped; /**< fingerprints */
  int64_t first_seen_s;
};

/** Its fields are private. */
struct mw_shadow_memory {
  char *dir;
  bool loaded;
  struct mw_shadow_record *records; /* in the order in which they were seen */
  size_t count;
};

/** @p dir is copied; NULL: nothing is kept. @return 0 or -ENOMEM. */
int mw_shadow_memory_init(struct mw_shadow_memory *memory, const char *dir, struct mw_error *err);
void mw_shadow_memory_deinit(struct mw_shadow_memory *memory);

/** Read the file, at the first call. @return 0, also when there is none yet; or -errno. */
int mw_shadow_memory_load(struct mw_shadow_memory *memory, struct mw_error *err);

/** Write the file, as a whole; makes the directory, with mode 0700. @return 0 or -errno. */
int mw_shadow_memory_save(const struct mw_shadow_memory *memory, struct mw_error *err);

/** @return NULL: @p path was never seen with this content, or with another one since. */
const struct mw_shadow_record *mw_shadow_memory_find(const struct mw_shadow_memory *memory,
                                                     const char *path, uint64_t own);

/** Keep @p record (its path is @p path, copied) in the place of what was known of @p path. Without
 * memory it is not kept. */
void mw_shadow_memory_put(struct mw_shadow_memory *memory, const char *path,
                          const struct mw_shadow_record *record);

#endif
