/**
 * @file watch.h
 * Tells whether files have changed since they were read: by looking at them, through links, so that
 * an editor that renames, a link that is switched, and a file that comes or goes are all seen.
 *
 * A change counts when two looks in a row find the same: what is being written is left alone.
 * Source: stat(2). Thread-safety: none.
 */
#ifndef MW_WATCH_H
#define MW_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MW_WATCH_FILES_MAX 1024

struct mw_watch_file;

/** Zero it. Its fields are private. */
struct mw_watch {
  struct mw_watch_file *files;
  size_t count, capacity;
};

enum mw_watch_answer {
  MW_WATCH_SAME,
  MW_WATCH_UNSETTLED, /**< something changes: look again soon */
  MW_WATCH_CHANGED,
};

void mw_watch_deinit(struct mw_watch *watch); /**< accepts a zeroed one; usable again */

/**
 * Watch @p path, which need not exist. What it is now counts as known, unless it changed after
 * @p read_from_ns of the wall clock, when reading it may have begun: the next looks then find a
 * change. A path that is there already is known anew. Beyond the bound, or without memory, it is
 * not watched.
 */
void mw_watch_add(struct mw_watch *watch, const char *path, int64_t read_from_ns);

/** Watch what @p from watches, too, as it knows it. */
void mw_watch_merge(struct mw_watch *watch, const struct mw_watch *from);

enum mw_watch_answer mw_watch_look(struct mw_watch *watch);

/** What the last look found is known from now on. */
void mw_watch_settle(struct mw_watch *watch);

#endif
