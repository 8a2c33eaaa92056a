/**
 * @file files.h
 * The directory of a file: made, found safe, and taken by one process.
 */
#ifndef MW_LMDB_FILES_H
#define MW_LMDB_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "lmdb/kind.h"
#include "moonwatch/error.h"

#define MW_LMDB_DATA_FILE "data.mdb"

struct mw_lmdb_files {
  int lock_fd; /* of writer.lock; -1: none */
  bool registered;
  pid_t pid; /* that registered it: a child of fork(2) has no part in it */
  dev_t device;
  ino_t inode;
  struct mw_lmdb_files *next; /* of the list of this process */
};

/** Make @p dir with mode 0700 and the folders above it. */
int mw_lmdb_make_dir(const struct mw_lmdb_kind *kind, const char *dir, struct mw_error *err);

/** Refuse what others could change: -EPERM. */
int mw_lmdb_check_dir(const char *dir, struct mw_error *err);

/** The same of the file @p path; -ENOENT, without a text: there is none. */
int mw_lmdb_check_file(const char *path, struct mw_error *err);

/**
 * Take the directory for this process, and for writing for this one alone. @p files is zeroed, but
 * for lock_fd, which is -1; it stays where it is until it is released.
 * @return 0; -EBUSY: who has it is in the text; -errno.
 */
int mw_lmdb_take_files(struct mw_lmdb_files *files, const struct mw_lmdb_kind *kind,
                       const char *dir, bool read_only, struct mw_error *err);
void mw_lmdb_release_files(struct mw_lmdb_files *files);

/** Does a process write there? */
bool mw_lmdb_is_written(const char *dir);

/** Remove what LMDB and we have in @p dir, and @p dir when nothing else is in there. */
int mw_lmdb_remove_files(const char *dir, struct mw_error *err);

/** What a person may do about @p code; "": nothing that we know of. */
const char *mw_lmdb_advice(int code);

#endif
