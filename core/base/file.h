/**
 * @file file.h
 * Reading files that others write: with a ceiling, relative to a directory, without blocking.
 *
 * Only regular files are read (those of /proc and cgroups count as such), so a FIFO or a device
 * under a root neither blocks nor answers. Source: open(2), pread(2).
 * Thread-safety: no state; every function may be called from any thread.
 */
#ifndef MW_FILE_H
#define MW_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "moonwatch/error.h"

/**
 * Open the regular file @p path, relative to @p dir_fd (AT_FDCWD: the working directory).
 * @return a descriptor that the caller closes, or -errno; -EINVAL: not a regular file.
 */
int mw_file_open(int dir_fd, const char *path, struct mw_error *err);

/** Open the directory @p path for openat(2). @return a descriptor, or -errno. */
int mw_dir_open(int dir_fd, const char *path, struct mw_error *err);

/**
 * Read all of @p fd from its start into @p out, replacing its content.
 * @p name is for the message alone.
 * @return 0, -errno of pread(2), or -EMSGSIZE when the file is larger than the ceiling of @p out.
 */
int mw_file_read_fd(int fd, const char *name, struct mw_buf *out, struct mw_error *err);

/** mw_file_open, mw_file_read_fd, close. */
int mw_file_read(int dir_fd, const char *path, struct mw_buf *out, struct mw_error *err);

/**
 * Read the first @p size_bytes of @p path, or all of it when it is shorter, without allocating:
 * for the first lines of files that may be long.
 * @return how many bytes were read, or -errno as mw_file_open and pread(2).
 */
ssize_t mw_file_read_head(int dir_fd, const char *path, char *out, size_t size_bytes,
                          struct mw_error *err);

#endif
