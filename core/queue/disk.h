/**
 * @file disk.h
 * The file of a queue: three databases of LMDB.
 *
 *   moonwatch-queue-1-messages   number, big-endian: a record (record.h)
 *   moonwatch-queue-1-cursors    name: next number and totals
 *   moonwatch-queue-1-state      "state": next number, totals, closed in order or not
 *
 * The bound is held by pages in use, not by bytes of messages: what makes room is a transaction of
 * its own. The map, and with it the file, is an eighth larger than the bound, since pages that a
 * transaction frees can be used by the one after the next only.
 *
 * Thread-safety: one thread opens, writes and closes; any may read meanwhile, without waiting for
 * it, but while the map moves.
 */
#ifndef MW_QUEUE_DISK_H
#define MW_QUEUE_DISK_H

#include <limits.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <string.h>

#include "lmdb/files.h"
#include "lmdb/gate.h"
#include "lmdb/kind.h"
#include "queue/record.h"

extern const struct mw_lmdb_kind mw_queue_kind;

enum { MW_DISK_MESSAGES, MW_DISK_CURSORS, MW_DISK_STATE, MW_DISK_DATABASES };

#define MW_DISK_STATE_KEY "state"

static inline MDB_val mw_disk_key_of(const char *name)
{
  return (MDB_val){.mv_data = (void *)(uintptr_t)name, .mv_size = strlen(name)};
}

/** What is there. */
struct mw_disk_content {
  uint64_t first, end; /* numbers of the messages; equal: none */
  uint64_t used_bytes, size_bytes;
  struct mw_queue_state state;
  struct mw_queue_place places[MW_QUEUE_CURSORS_MAX];
  size_t places_count;
};

struct mw_disk {
  char dir[PATH_MAX];
  char path[PATH_MAX + 16]; /* of the file */
  enum mw_queue_durability durability;
  uint64_t bound_bytes, map_bytes;
  uint32_t page_bytes;
  bool is_refused; /* the last open failed with what does not pass by itself: see mw_queue_open */
  bool is_broken;  /* the last commit says that it has to be opened anew */
  MDB_env *env;    /* NULL: closed */
  MDB_dbi databases[MW_DISK_DATABASES];
  struct mw_lmdb_files files;
  struct mw_lmdb_gate gate;
  struct mw_disk_content content;
  struct mw_encoder encoder;
  _Atomic(void *) decompressor; /* one that nobody uses now */
  int64_t last_delete_ns;
  uint64_t commits_total, written_bytes_total;
  int written_fd; /* tells what the thread that commits has written; -1: not open */
  unsigned commits_until_reader_check;
};

/** @return 0 or -ENAMETOOLONG. */
int mw_disk_init(struct mw_disk *disk, const char *dir, enum mw_queue_durability durability,
                 uint64_t bound_bytes, struct mw_error *err);
void mw_disk_deinit(struct mw_disk *disk); /**< closes it */

/**
 * Find the file sound, or make it, and read into disk->content what is there. With @p in_child a
 * child process looks at it; else only its pages are looked at, by this thread.
 * @return 0; -EBADMSG: damaged; -EPROTO: of a newer version; -EBUSY; -errno.
 */
int mw_disk_open(struct mw_disk *disk, bool in_child, struct mw_error *err);

/** Waits until nobody reads. The directory stays taken until mw_disk_deinit. */
void mw_disk_close(struct mw_disk *disk);

/** Rename the file, which is closed, to data.mdb.damaged. */
int mw_disk_set_aside(struct mw_disk *disk, struct mw_error *err);

/** What one transaction writes. */
struct mw_disk_commit {
  struct mw_node *const *nodes; /* with growing numbers */
  size_t nodes_count;
  const struct mw_queue_place *places; /* all cursors */
  size_t places_count;
  struct mw_queue_state state;
  uint64_t passed; /* every cursor has had what is before */
  int64_t now_wall_ns, keep_ns, max_age_ns;
};

/** @return 0 and disk->content is what is there now; -errno: nothing has changed, but that the
 *  oldest messages may be gone. */
int mw_disk_commit(struct mw_disk *disk, const struct mw_disk_commit *commit, struct mw_error *err);

/** Is there enough to be deleted, so that a commit for that alone is worth it? */
bool mw_disk_wants_delete(const struct mw_disk *disk, const struct mw_disk_commit *commit);

#define MW_DISK_DAMAGED_MAX 16

struct mw_disk_read {
  struct mw_node *nodes[MW_QUEUE_BATCH_MAX]; /* the reader's */
  size_t count;
  uint64_t damaged[MW_DISK_DAMAGED_MAX]; /* numbers of records whose bytes changed */
  size_t damaged_count;
  uint64_t reached; /* all before was looked at */
};

/** Copy out messages from @p from to before @p to. @return 0; -EBADF: it is closed; -ENOMEM; other
 *  -errno: it cannot be read. */
int mw_disk_read(struct mw_disk *disk, uint64_t from, uint64_t to, size_t max_count,
                 size_t max_bytes, struct mw_disk_read *out, struct mw_error *err);

/** When the first message from @p number on was emitted; 0: nobody knows. */
int64_t mw_disk_emitted_at_ns(struct mw_disk *disk, uint64_t number);

/* ---- Between disk.c, load.c, room.c and write.c ---- */

int mw_disk_error(const struct mw_disk *disk, const char *action, int code, struct mw_error *err);

/** Read disk->content within @p txn. @return a code of LMDB. */
int mw_disk_load(struct mw_disk *disk, MDB_txn *txn);

/** First and last number, pages in use. @return a code of LMDB. */
int mw_disk_measure(struct mw_disk *disk, MDB_txn *txn);

/** In use, as @p txn sees it. @return a code of LMDB. */
int mw_disk_pages(const MDB_dbi databases[static MW_DISK_DATABASES], MDB_txn *txn, uint64_t *pages);
int mw_disk_used(const struct mw_disk *disk, MDB_txn *txn, uint64_t *used_bytes);

/** Make sure that @p needed_bytes can be written; the oldest messages go. @return 0 or -errno. */
int mw_disk_make_room(struct mw_disk *disk, uint64_t needed_bytes, struct mw_error *err);

/** Delete what nobody needs or what is too old. @return a code of LMDB. */
int mw_disk_delete_old(struct mw_disk *disk, MDB_txn *txn, const struct mw_disk_commit *commit);

/** Map as much as the bound needs. @return 0 or -errno. */
int mw_disk_fit_map(struct mw_disk *disk, struct mw_error *err);

/** Map @p map_bytes; nobody writes. @return 0 or -errno. */
int mw_disk_set_map(struct mw_disk *disk, uint64_t map_bytes, struct mw_error *err);

#endif
