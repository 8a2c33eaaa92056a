/**
 * @file folders.h
 * A hint that files may have changed: watches on the folders that they lie in, and on those of
 * every link on the way to them. Whether something has changed, a look tells (agent/watch.h); the
 * hint only says when to look at once. Source: inotify(7). Thread-safety: mw_folders_add from any
 * thread, the rest from one.
 */
#ifndef MW_FOLDERS_H
#define MW_FOLDERS_H

#include <stdatomic.h>
#include <stdbool.h>

struct mw_folders {
  int fd;                 /**< readable: there is a hint; -1: there will never be one */
  atomic_bool incomplete; /**< some folder cannot be watched, or not for all who write to it: look
                             as if there were no hints */
};

void mw_folders_open(struct mw_folders *folders);
void mw_folders_close(struct mw_folders *folders);

/** Watch where the file @p path lies, or would lie. Again and again for the same is fine. */
void mw_folders_add(struct mw_folders *folders, const char *path);

/** Forget the hints so far. @return whether there was one. */
bool mw_folders_take(struct mw_folders *folders);

#endif
