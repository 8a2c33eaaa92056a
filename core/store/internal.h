/**
 * @file internal.h
 * What the files of the store share: the handle, who may come in, transactions.
 */
#ifndef MW_STORE_INTERNAL_H
#define MW_STORE_INTERNAL_H

#include <lmdb.h>
#include <pthread.h>
#include <sys/types.h>

#include "lmdb/codes.h"
#include "lmdb/files.h"
#include "lmdb/gate.h"
#include "moonwatch/store.h"

/** Our only database; a layout that differs gets the next number. */
#define MW_STORE_DATABASE_PREFIX "moonwatch-store-"
#define MW_STORE_DATABASE MW_STORE_DATABASE_PREFIX "1"

#define MW_STORE_CHECKSUM_BYTES 4

struct mw_store_used; /* bytes of the spaces, see space.c */

struct mw_store {
  char *dir, *data_path;
  char *set_aside_why; /* NULL: nothing was */
  struct mw_store_config config;
  pid_t pid;
  MDB_env *env;
  MDB_dbi values;
  unsigned page_bytes;
  struct mw_lmdb_files files;
  struct mw_lmdb_gate gate;

  /* Belong to who writes. */
  uint64_t map_bytes;
  unsigned writes_until_reader_check;
  struct mw_store_used *used;
};

/* ---- Transactions (transaction.c) ---- */

/** What an operation does inside its transaction. @return 0 or more, -errno with @p err filled, or
 *  a positive code of LMDB through mw_store_lmdb_error. */
typedef int mw_store_step(MDB_txn *txn, void *data, struct mw_error *err);

/** @return what @p step returns, or why there is no transaction. */
int mw_store_read(struct mw_store *store, mw_store_step *step, void *data, struct mw_error *err);

/**
 * The same, to write: committed when @p step returns 0 or more, else rolled back. When the map is
 * full it grows and @p step is called again. @p headroom_bytes are made free beforehand, even
 * beyond the bound: for what makes room. @p committed (may be NULL) is called before anybody else
 * writes.
 */
int mw_store_write(struct mw_store *store, uint64_t headroom_bytes, mw_store_step *step,
                   void (*committed)(void *data), void *data, struct mw_error *err);

/** Is this thread in a callback of @p store? */
bool mw_store_is_inside(const struct mw_store *store);

/** What @p step returns when LMDB said @p code: mw_store_write looks at its own. */
int mw_store_lmdb_error(const struct mw_store *store, const char *action, int code,
                        struct mw_error *err);

/** Call @p visit, with the mark that this thread is inside. */
int mw_store_call(struct mw_store *store, mw_store_visit *visit, void *data,
                  struct mw_store_bytes key, const struct mw_store_bytes *value,
                  struct mw_error *err);

/* ---- Records (records.c): inside a transaction ---- */

int mw_store_check_key(struct mw_store_bytes key, struct mw_error *err);

/** @return 1, 0: nothing is there, or -errno; -EBADMSG is a record whose bytes changed. */
int mw_store_find(struct mw_store *store, MDB_txn *txn, struct mw_store_bytes key,
                  struct mw_store_bytes *out, struct mw_error *err);
int mw_store_insert(struct mw_store *store, MDB_txn *txn, struct mw_store_bytes key,
                    struct mw_store_bytes value, struct mw_error *err);

/** Room that deleting @p count keys may take, before it makes some. */
uint64_t mw_store_delete_headroom(const struct mw_store *store, size_t count);

/** Bytes of the value in the record of @p key, whether its bytes changed or not. */
int mw_store_find_length(struct mw_store *store, MDB_txn *txn, struct mw_store_bytes key,
                         size_t *len_bytes, struct mw_error *err);

/** Walk over what begins with @p prefix. A record whose bytes changed is visited without a value
 *  when @p damaged_too, and else ends the walk. */
int mw_store_walk(struct mw_store *store, MDB_txn *txn, struct mw_store_bytes prefix,
                  bool damaged_too, mw_store_visit *visit, void *data, struct mw_error *err);

int mw_store_value_set(struct mw_store_value *out, const void *bytes, size_t len_bytes,
                       struct mw_error *err);

void mw_store_used_free(struct mw_store *store);

#endif
