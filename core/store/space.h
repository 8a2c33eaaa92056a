/**
 * @file space.h
 * A part of a store for one script: keys of its own, up to a bound in bytes.
 *
 * The records of the space "name" are those whose keys begin with "name" and a NUL byte. What
 * counts for the bound are the bytes of keys and values and MW_STORE_ENTRY_BYTES for each entry.
 * Functions are as those of moonwatch/store.h, with the keys of the space.
 * Thread-safety: as the store.
 */
#ifndef MW_STORE_SPACE_H
#define MW_STORE_SPACE_H

#include "moonwatch/store.h"

#define MW_STORE_SPACE_NAME_MAX_BYTES 64
#define MW_STORE_SPACE_KEY_MAX_BYTES (MW_STORE_KEY_MAX_BYTES - MW_STORE_SPACE_NAME_MAX_BYTES - 1)
#define MW_STORE_SPACE_DEFAULT_BYTES (UINT64_C(8) << 20)
#define MW_STORE_SPACES_MAX 4096
#define MW_STORE_ENTRY_BYTES 64

struct mw_store_space {
  struct mw_store *store; /* borrowed */
  char prefix[MW_STORE_SPACE_NAME_MAX_BYTES + 1];
  size_t prefix_bytes; /* with its NUL */
  uint64_t max_bytes;
};

/** @return 0; -EINVAL: a name is 1 to 64 bytes, none of them below a blank. */
int mw_store_space_init(struct mw_store_space *space, struct mw_store *store, const char *name,
                        uint64_t max_bytes, struct mw_error *err);

/** Also -EDQUOT: the space is full. */
int mw_store_space_put(const struct mw_store_space *space, struct mw_store_bytes key,
                       struct mw_store_bytes value, struct mw_error *err);
int mw_store_space_get(const struct mw_store_space *space, struct mw_store_bytes key,
                       struct mw_store_value *out, struct mw_error *err);

/** @return 1, or 0 when nothing was there. */
int mw_store_space_delete(const struct mw_store_space *space, struct mw_store_bytes key,
                          struct mw_error *err);

/** @p key gets the key without the prefix of the space. */
int mw_store_space_next(const struct mw_store_space *space, struct mw_store_bytes prefix,
                        struct mw_store_bytes after, struct mw_store_value *key,
                        struct mw_store_value *value, struct mw_error *err);

struct mw_store_space_stats {
  uint64_t entries_count;
  uint64_t used_bytes; /**< of max_bytes */
  uint64_t max_bytes;
};

/** Looks at all entries of the space. */
int mw_store_space_stats(const struct mw_store_space *space, struct mw_store_space_stats *out,
                         struct mw_error *err);

#endif
