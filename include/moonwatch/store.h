/**
 * @file store.h
 * A key-value store in a directory of its own: what has to outlive the program.
 *
 * One LMDB environment: data.mdb, lock.mdb and writer.lock, the last with the pid of the process
 * that may write. A write is on the disk when the call returns; `kill -9`, a full disk or a power
 * cut costs the write that was going on, nothing before it. Values carry checksums: bytes that
 * changed on the disk are an error, not a value. The pages of the file are looked at before any of
 * them is mapped, so that a damaged file is an error, and no crash. Local file systems only.
 *
 * Keys are 1 to MW_STORE_KEY_MAX_BYTES bytes, in the order of their bytes; values are bytes. The
 * file grows up to a bound and never shrinks: space of what is deleted is used again, two writes
 * later.
 *
 * Thread-safety: a store may be shared by all threads; one writes at a time, many read. No call may
 * be made from a callback of the same store (-EDEADLK). A process opens a directory once at a time
 * (-EBUSY), and a store does not survive fork(2).
 *
 * Errors that any call may return: -EBADF: it is closed. -EDEADLK, as above. -ETIMEDOUT: others
 * kept it busy for the whole of wait_ms. -EBADMSG: damaged. -EIO, -ENOSPC, ... of the system. The
 * text says what to do.
 */
#ifndef MW_STORE_H
#define MW_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"
#include "moonwatch/export.h"

struct mw_store;

#define MW_STORE_KEY_MAX_BYTES 511
#define MW_STORE_VALUE_MAX_BYTES ((size_t)64 << 20)
#define MW_STORE_MAP_DEFAULT_BYTES (UINT64_C(1) << 20)
#define MW_STORE_MAX_DEFAULT_BYTES (UINT64_C(256) << 20)
#define MW_STORE_MAX_BYTES (UINT64_C(1) << 40)
#define MW_STORE_WAIT_DEFAULT_MS 5000

struct mw_store_config {
  const char *dir; /**< made with mode 0700, and the folders above it, unless read_only; copied */
  bool read_only;  /**< also while another process writes; nothing is made, writes are -EROFS */
  /** Instead of failing, rename a damaged data.mdb to data.mdb.damaged and begin with an empty
   *  store; mw_store_set_aside_why tells. Not with read_only. */
  bool set_damaged_aside;
  uint64_t map_bytes; /**< address space at first; 0: MW_STORE_MAP_DEFAULT_BYTES */
  uint64_t max_bytes; /**< how large it may grow; 0: MW_STORE_MAX_DEFAULT_BYTES */
  int64_t wait_ms;    /**< how long a call waits for others; 0: MW_STORE_WAIT_DEFAULT_MS */
};

/** Somebody else's bytes. */
struct mw_store_bytes {
  const void *data;
  size_t len_bytes;
};

/** A copy of a value; zero it before the first use, it keeps its memory for the next. */
struct mw_store_value {
  void *data; /**< owned; NULL until something was read */
  size_t len_bytes;
  size_t capacity_bytes;
};

MW_API void mw_store_value_deinit(struct mw_store_value *value); /**< leaves a zeroed one */

/**
 * Open the store, or make it.
 * @return NULL with @p err: -EBUSY: another process writes, or this one has it open already;
 * -EPERM: others may write into the directory; -ENOENT: read_only, and there is none; -EPROTO: of
 * a newer version; -EBADMSG: not a store, or damaged; -EINVAL: a bound that makes no sense; else
 * -errno of the system.
 */
MW_API struct mw_store *mw_store_open(const struct mw_store_config *config, struct mw_error *err);

/** Wait for calls that are going on, then close. What follows is -EBADF, but closing again is 0. */
MW_API int mw_store_close(struct mw_store *store, struct mw_error *err);

/** Close and free; accepts NULL. No other thread may be inside a call, or make one later. */
MW_API void mw_store_free(struct mw_store *store);

/** Why the file that was there was set aside when it was opened; NULL: it was not. Borrowed. */
MW_API const char *mw_store_set_aside_why(const struct mw_store *store);

/**
 * Put @p value under @p key, in the place of what is there.
 * @return 0; -EINVAL: the key is empty or too long; -EMSGSIZE: the value is larger than
 * MW_STORE_VALUE_MAX_BYTES; -EFBIG: the store is full, up to max_bytes; -EROFS. Nothing has changed
 * then.
 */
MW_API int mw_store_put(struct mw_store *store, struct mw_store_bytes key,
                        struct mw_store_bytes value, struct mw_error *err);

/** Copy what is under @p key. @return 1; 0: nothing is; -EINVAL as above; -ENOMEM. */
MW_API int mw_store_get(struct mw_store *store, struct mw_store_bytes key,
                        struct mw_store_value *out, struct mw_error *err);

/** @p value is NULL where nothing is. Both are gone when it returns. @return 0, or -errno. */
typedef int mw_store_visit(void *data, struct mw_store_bytes key,
                           const struct mw_store_bytes *value, struct mw_error *err);

/**
 * Delete @p keys in one transaction, in their order; @p visit (may be NULL) is called once for
 * each, with what was there. What it returns below 0 is returned, and nothing is deleted. A value
 * whose bytes changed is deleted, and visited as absent.
 */
MW_API int mw_store_delete(struct mw_store *store, const struct mw_store_bytes *keys, size_t count,
                           mw_store_visit *visit, void *data, struct mw_error *err);

/**
 * Visit what begins with @p prefix (empty: all), in the order of keys, as it is at this moment.
 * What @p visit returns below 0 ends the walk and is returned.
 */
MW_API int mw_store_each(struct mw_store *store, struct mw_store_bytes prefix,
                         mw_store_visit *visit, void *data, struct mw_error *err);

/**
 * Copy the first record that begins with @p prefix and comes behind @p after (empty: the first of
 * all): a walk that may take its time, since nothing stays open in between.
 * @return 1; 0: there is none.
 */
MW_API int mw_store_next(struct mw_store *store, struct mw_store_bytes prefix,
                         struct mw_store_bytes after, struct mw_store_value *key,
                         struct mw_store_value *value, struct mw_error *err);

/** Delete everything, in one transaction. */
MW_API int mw_store_clear(struct mw_store *store, struct mw_error *err);

/** Close, and remove its files and its directory, when nothing else is in there. */
MW_API int mw_store_destroy(struct mw_store *store, struct mw_error *err);

struct mw_store_stats {
  uint64_t entries_count;
  uint64_t size_bytes; /**< of the file, up to the last page that was ever used */
  uint64_t map_bytes;
  uint64_t max_bytes;
};

MW_API int mw_store_stats(struct mw_store *store, struct mw_store_stats *out, struct mw_error *err);

struct mw_store_report {
  uint64_t entries_count;
  uint64_t damaged_count; /**< records whose bytes changed */
};

/**
 * Hold every value against its checksum; the pages were looked at when it was opened. @p damaged
 * (may be NULL) is called with the key of each that is not what was put, without a value.
 */
MW_API int mw_store_check(struct mw_store *store, mw_store_visit *damaged, void *data,
                          struct mw_store_report *out, struct mw_error *err);

#endif
