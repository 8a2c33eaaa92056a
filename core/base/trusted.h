/**
 * @file trusted.h
 * Files that decide what this process does: configuration, scripts, modules. Whoever can write one,
 * or put another in its place, has the process's rights; so only root and the user that the
 * process runs as may be able to.
 *
 * The path is walked from "/" one name at a time, each opened relative to the one before, links
 * included, and what was looked at is what is opened: nobody can swap a name in between. A folder
 * that all can write and that is sticky, such as /tmp, passes, since what lies in it can be
 * replaced by its owner alone, and owners are looked at. Owners always count; the mode of what is
 * root's does not where nobody can write whatever it says (mount.h): on a device that is read-only
 * itself, and in a folder that a container was given read-only, such as a Kubernetes ConfigMap,
 * whose folders have mode 0777. A mount that is read-only for this process alone is no such place.
 *
 * Source: path_resolution(7), openat(2), inode(7). Access control lists show in the group's bits.
 * Thread-safety: no state.
 */
#ifndef MW_TRUSTED_H
#define MW_TRUSTED_H

#include "moonwatch/error.h"

/**
 * Open the regular file @p path for reading, without blocking.
 * @return a descriptor, or with @p err filled: -EPERM: others can write it or a folder above it,
 * or it belongs to somebody else, and the text has the line that cures it; -EINVAL: not a regular
 * file; -ELOOP: too many links, or a name became one meanwhile; or -errno of what failed.
 */
int mw_trusted_open(const char *path, struct mw_error *err);

/** As mw_trusted_open, of a folder that can be listed. @return -ENOTDIR when it is none. */
int mw_trusted_open_dir(const char *path, struct mw_error *err);

#endif
