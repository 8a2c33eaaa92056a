/**
 * @file mount.h
 * What a mount table says about who can write.
 *
 * That a mount is read-only tells about this way in alone: systemd's ProtectSystem= mounts the
 * whole host read-only for one service, while everybody else writes on.
 * Source: proc_pid_mountinfo(5), proc_pid_fdinfo(5). Thread-safety: no state.
 */
#ifndef MW_MOUNT_H
#define MW_MOUNT_H

#include <stdbool.h>

#include "base/parse.h"

/**
 * Does the mount @p id of the table @p text keep everybody from writing, also elsewhere? So it is
 * where the file system itself is read-only, on a device of this host (servers have other clients),
 * or where a folder of another file system than that of @p root_id, the mount of "/", was mounted
 * read-only: so a container gets a ConfigMap from its host, and the host's users have no way in.
 */
bool mw_mount_keeps_writers_out(struct mw_slice text, int id, int root_id);

/** The same of the mount that @p fd is on, in this process's table; false also when unknown. */
bool mw_mount_of_fd_keeps_writers_out(int fd);

#endif
