/** @file codes.h  What LMDB's codes stand for. Thread-safety: no state. */
#ifndef MW_LMDB_CODES_H
#define MW_LMDB_CODES_H

#include <stdbool.h>

/** As errno. */
int mw_lmdb_errno(int code);

/** LMDB says EIO when only a part could be written, which is what a file system does that becomes
 *  full: is that of @p dir? */
bool mw_lmdb_is_disk_full(const char *dir);

#endif
