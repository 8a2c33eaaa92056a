/** @file head.h  The meta pages of a file, and reading it, for pages.c. */
#ifndef MW_LMDB_HEAD_H
#define MW_LMDB_HEAD_H

#include "lmdb/layout.h"
#include "lmdb/pages.h"

/** All of @p len_bytes at @p offset. @return 0; -EBADMSG: the file ends before; -errno. */
int mw_lmdb_pread(int fd, const char *name, void *out, size_t len_bytes, uint64_t offset,
                  struct mw_error *err);

/** Both, each sound by itself. Returns as mw_lmdb_read_head. */
int mw_lmdb_read_metas(int fd, const char *name, const struct mw_lmdb_kind *kind,
                       struct mw_mdb_meta metas[static 2], struct mw_error *err);

#endif
