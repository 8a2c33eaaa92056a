/**
 * @file control_socket.h
 * Both ends of the control socket: the file that an agent listens at, and how others connect.
 *
 * Agents that start at once claim a file one after the other, under flock(2) on its folder. A file
 * is removed only when connect(2) says that nobody listens at it, and at the end only when it is
 * still the one that was made.
 * Source: unix(7), flock(2). Thread-safety: none.
 */
#ifndef MW_CONTROL_SOCKET_H
#define MW_CONTROL_SOCKET_H

#include <sys/stat.h>

#include "moonwatch/error.h"

/** Where it is, and who may use it. */
struct mw_control_place {
  const char *path;
  unsigned mode;     /**< of the file: 0600 is its user and root */
  const char *group; /**< of the file, by its name; NULL: as it comes */
};

struct mw_control_socket {
  int fd; /**< listens; -1: it does not */
  const char *path;
  struct stat file; /**< what was made at path */
};

/**
 * Listen at @p place, whose path must outlive @p out; what a dead agent has left there goes. The
 * folder is made when it lacks. To be called while there is one thread, for the mode of the file.
 * @return 0; -EADDRINUSE: an agent has it, and @p err names its process; -EINVAL: there is no such
 * group, or this process may not give it the file; or -errno.
 */
int mw_control_socket_listen(struct mw_control_socket *out, const struct mw_control_place *place,
                             struct mw_error *err);

/** Close it, and remove the file, unless another agent has put its own there. */
void mw_control_socket_close(struct mw_control_socket *socket);

/**
 * Connect to @p path, with MW_CONTROL_PATIENCE_NS for this and for every read and write.
 * @return a descriptor; -ETIMEDOUT: somebody listens there, and does not accept; or -errno.
 */
int mw_control_socket_connect(const char *path, struct mw_error *err);

#endif
