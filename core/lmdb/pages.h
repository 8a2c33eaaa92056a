/**
 * @file pages.h
 * Looks at every page of a file of LMDB before LMDB maps it, since LMDB believes what it finds:
 * a page that is cut off is a SIGBUS, a loop in the tree a walk without end, a wrong offset a read
 * somewhere else in memory. What passes can be read and written without harm.
 *
 * Source: the layout of LMDB 0.9, data version 1 (mdb.c: MDB_meta, MDB_page, MDB_node).
 * Thread-safety: no state.
 */
#ifndef MW_LMDB_PAGES_H
#define MW_LMDB_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "lmdb/kind.h"
#include "moonwatch/error.h"

/** What stands in the newest of the two meta pages. */
struct mw_lmdb_head {
  uint32_t page_bytes;
  uint64_t last_page;
  uint64_t transaction;
};

/**
 * Are there two sound meta pages? Nothing is mapped. @p name is for the message.
 * @return 0; -ENODATA: the file is empty, as LMDB leaves it when it is killed in its first
 * instants; -EPROTO: of a newer LMDB; -EBADMSG; -errno of reading.
 */
int mw_lmdb_read_head(int fd, const char *name, const struct mw_lmdb_kind *kind,
                      struct mw_lmdb_head *out, struct mw_error *err);

/**
 * Look at all pages of the state that @p transaction left, which a transaction that reads keeps as
 * they are.
 * @return 0; -EAGAIN: the meta pages are of other transactions; -EPROTO: of a newer moonwatch;
 * -EBADMSG: damaged, or another program's; -ENOMEM; -errno of reading.
 */
int mw_lmdb_check_pages(int fd, const char *name, const struct mw_lmdb_kind *kind,
                        uint64_t transaction, struct mw_error *err);

#endif
