/**
 * @file verify.h
 * A file of a queue is found sound before this process maps it.
 */
#ifndef MW_QUEUE_VERIFY_H
#define MW_QUEUE_VERIFY_H

#include <stdbool.h>

#include "moonwatch/error.h"

/** Look at the pages of @p path. @return 0; -ENOENT: there is none, or an empty one; -EBADMSG;
 *  -EPROTO; -EPERM: others may write it; -errno. */
int mw_queue_verify_pages(const char *path, struct mw_error *err);

/**
 * The same in a child process, which maps the file in @p dir after that, and walks over all
 * messages when it was not closed in order. One that takes too long, or is ended by a signal, means
 * that the file is damaged. The child closes
 * @p lock_fd: it may outlive this process. To be called before this process starts threads.
 */
int mw_queue_verify(const char *dir, const char *path, int lock_fd, struct mw_error *err);

#endif
