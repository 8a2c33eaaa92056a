/**
 * @file queue.h
 * Messages on their way from those who make them to those who deliver them: in order, bounded, with
 * a cursor for each sink that moves when the sink says that what it took is delivered. What was not
 * comes again: delivery is at least once.
 *
 * Who puts a message in never waits for a disk: it goes into a buffer in memory. With a directory,
 * one thread of the queue writes what came in, and the cursors that moved, to an LMDB file there,
 * in groups: every flush_interval_ns, or when flush_bytes wait. Sinks read what they have not had,
 * from memory or from the file, wherever it is. What was in the file when the process ended is
 * there for the next one, with the cursors as they were committed: a message that was delivered
 * after the last commit is delivered once more.
 *
 * Bounds: where the buffer has no room, its oldest messages go (those that wait for the disk, when
 * the disk does not take them); where the file is full or a message is too old, the oldest go. Each
 * sink that has not had them counts them. Records carry checksums: one whose bytes changed is
 * counted, and passed over.
 *
 * A disk that is full, read-only, slow or away stops nothing: the queue works in memory, says in
 * its usage what is wrong, and takes the file up again when it can be used.
 *
 * Thread-safety: a queue may be shared by all threads; a cursor belongs to one of them. A process
 * has a directory open once (-EBUSY), another one that writes is refused; readers are welcome.
 */
#ifndef MW_QUEUE_H
#define MW_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"
#include "moonwatch/export.h"
#include "moonwatch/slice.h"

#define MW_QUEUE_CURSORS_MAX 16
#define MW_QUEUE_BATCH_MAX 256
#define MW_QUEUE_NAME_MAX_BYTES 64 /**< of a script, a kind, a cursor */
#define MW_QUEUE_BODY_MAX_BYTES ((size_t)64 << 20)

struct mw_queue;

struct mw_message {
  uint64_t number;       /**< its place in the queue, from 1 on without gaps; not read by put */
  const char *script;    /**< that emitted it: "container_rt" */
  const char *kind;      /**< "container_rt", "metric", "event": letters, digits, _, - and . */
  int schema;            /**< version of the body's fields */
  int64_t emitted_at_ns; /**< wall clock */
  struct mw_slice body;  /**< JSON: an object or a list */
};

/** What a crash may cost. */
enum mw_queue_durability {
  /** Each commit is synced. `kill -9` and a power cut cost what came in since the last commit. */
  MW_QUEUE_SYNC,
  /** Half of the syncs: a power cut may cost the commit before that, too. The file stays whole. */
  MW_QUEUE_LAZY,
  /** No sync: `kill -9` costs the same, a power cut may cost the whole file. */
  MW_QUEUE_NO_SYNC,
};

struct mw_queue_config {
  const char *dir;     /**< made with mode 0700; copied; NULL: in memory only */
  size_t buffer_bytes; /**< of memory: bodies, names, and what the queue needs itself */
  uint64_t file_bytes; /**< of the file, pages in use; 0: MW_QUEUE_FILE_DEFAULT_BYTES */
  int64_t max_age_ns;  /**< of a message that a sink has not had; 0: any */
  int64_t keep_ns;     /**< so long messages stay that every sink has had, for other readers */
  int64_t flush_interval_ns; /**< 0: MW_QUEUE_FLUSH_INTERVAL_DEFAULT_NS */
  size_t flush_bytes;        /**< 0: MW_QUEUE_FLUSH_DEFAULT_BYTES */
  enum mw_queue_durability durability;
  /** Messages and errors of the queue's thread; NULL: nobody reads them. */
  void (*tell)(void *data, bool is_error, const char *text);
  void *tell_data;
};

#define MW_QUEUE_FILE_DEFAULT_BYTES (UINT64_C(256) << 20)
#define MW_QUEUE_FILE_MIN_BYTES (UINT64_C(1) << 20)
#define MW_QUEUE_FLUSH_INTERVAL_DEFAULT_NS INT64_C(2000000000)
#define MW_QUEUE_FLUSH_DEFAULT_BYTES ((size_t)4 << 20)

/**
 * Open the file, or make it. After an unclean stop a child process verifies it first. A file that
 * cannot be used is renamed to data.mdb.damaged, and a new one begun; a disk that cannot be used
 * now is tried again. Neither is a failure: see mw_queue_usage.
 * @return NULL with @p err: -EBUSY: another process writes, or this one has it open; -EPERM: others
 * may write into the directory; -EINVAL: a bound that makes no sense; -ENOMEM; -EAGAIN: no thread.
 */
MW_API struct mw_queue *mw_queue_open(const struct mw_queue_config *config, struct mw_error *err);

/**
 * Commit what there is, and the cursors, then free; no batch is taken, and no other thread is
 * inside a call. A disk that hangs is waited for until @p deadline_ns of the monotonic clock; then
 * what it does goes on, and frees the queue when it ends: tell_data has to stay. Accepts NULL.
 * @return whether all was committed, which is always true in memory only.
 */
MW_API bool mw_queue_close(struct mw_queue *queue, int64_t deadline_ns);

/** Other bounds from now on; dir, durability and tell are not read. */
MW_API void mw_queue_configure(struct mw_queue *queue, const struct mw_queue_config *config);

/* ---- Putting in ---- */

/**
 * Copy @p message to the end. Without cursors and keep_ns it is counted, and gone.
 * @return 0; -EMSGSIZE: it is larger than the buffer; -EINVAL: a name is too long; -ENOMEM.
 */
MW_API int mw_queue_put(struct mw_queue *queue, const struct mw_message *message,
                        struct mw_error *err);

/* ---- Delivering ---- */

enum mw_queue_start {
  MW_QUEUE_FROM_END,       /**< what is put in from now on */
  MW_QUEUE_FROM_BEGINNING, /**< all that is there */
};

/**
 * The cursor of the sink @p name, which goes on where the last one of this name was, in the file;
 * one that was not there begins at @p start.
 * @return its number, or -ENOSPC: there are MW_QUEUE_CURSORS_MAX; -EEXIST: it is taken.
 */
MW_API int mw_queue_add_cursor(struct mw_queue *queue, const char *name, enum mw_queue_start start,
                               struct mw_error *err);

/**
 * The sink goes for now: its cursor stays where it is, and holds back what it has not had. No batch
 * of it is taken.
 */
MW_API void mw_queue_leave_cursor(struct mw_queue *queue, int cursor);

/**
 * Nobody will deliver for the sink @p name any more, which has left: what waited for it counts as
 * dropped. @return 0; -ENOENT: there is no such cursor; -EBUSY: it is in use.
 */
MW_API int mw_queue_drop_cursor(struct mw_queue *queue, const char *name, struct mw_error *err);

/** The messages taken by one sink; what they point to is valid until the batch is ended. */
struct mw_queue_batch {
  size_t count;
  uint64_t first; /**< number of the first one; numbers grow, with gaps where records are damaged */
  size_t late;    /**< for the sink: so many that counted as dropped already it has delivered */
  const struct mw_message *messages[MW_QUEUE_BATCH_MAX];
};

/**
 * Wait until there is something for @p cursor, until @p deadline_ns of the monotonic clock, or
 * until it is woken. @return whether there is something.
 */
MW_API bool mw_queue_wait(struct mw_queue *queue, int cursor, int64_t deadline_ns);

/** End the waits that are going on, or the next one of a cursor that does not wait. */
MW_API void mw_queue_wake(struct mw_queue *queue);

/**
 * Take the next messages, at most @p max_count (0: MW_QUEUE_BATCH_MAX) and @p max_bytes of bodies,
 * but one at least when there is one that can be read.
 */
MW_API void mw_queue_take(struct mw_queue *queue, int cursor, size_t max_count, size_t max_bytes,
                          struct mw_queue_batch *out);

/** Give a batch back: its first @p delivered messages were delivered, the rest comes again. */
MW_API void mw_queue_end(struct mw_queue *queue, int cursor, struct mw_queue_batch *batch,
                         size_t delivered);

/**
 * The message with @p number, that of the last batch that was not delivered, never will be: it is
 * counted as set aside, and the cursor passes it; damaged ones before it are dropped. No batch is
 * taken.
 */
MW_API void mw_queue_set_aside(struct mw_queue *queue, int cursor, uint64_t number);

/* ---- How it is ---- */

struct mw_queue_usage {
  size_t messages;                      /**< in memory and in the file */
  size_t buffer_messages, buffer_bytes; /**< of these in memory */
  uint64_t file_used_bytes;             /**< pages in use; 0: there is no file */
  uint64_t file_size_bytes;             /**< as long as it ever was */
  uint64_t put_total, committed_total, damaged_total;
  uint64_t commits_total, written_bytes_total; /**< as the kernel counts what was handed to it */
  int64_t last_commit_took_ns, max_commit_took_ns;
  bool has_file;                   /**< a directory is configured, and its file is in use */
  char error[MW_ERROR_TEXT_BYTES]; /**< why it is not, or the last commit failed; "": fine */
};

struct mw_queue_cursor {
  char name[MW_QUEUE_NAME_MAX_BYTES];
  bool in_use;          /**< a sink has it; else it holds back messages until it is dropped */
  size_t waiting;       /**< messages that it has not delivered */
  int64_t oldest_at_ns; /**< wall clock, when the first of these was emitted; 0: none */
  uint64_t delivered_total, dropped_total, set_aside_total;
};

MW_API void mw_queue_usage(struct mw_queue *queue, struct mw_queue_usage *out);
MW_API void mw_queue_cursor_usage(struct mw_queue *queue, int cursor, struct mw_queue_cursor *out);

/** All cursors, those that no sink has included. @return how many. */
MW_API size_t mw_queue_cursors(struct mw_queue *queue,
                               struct mw_queue_cursor out[static MW_QUEUE_CURSORS_MAX]);

/* ---- Reading a file, also while another process writes ---- */

struct mw_queue_reader;

/** Belongs to one thread. @return NULL with @p err: -ENOENT: there is no queue in @p dir; -EBADMSG:
 *  damaged; -EPROTO: of a newer version; -EBUSY: this process has it open; -errno. */
MW_API struct mw_queue_reader *mw_queue_reader_open(const char *dir, struct mw_error *err);
MW_API void mw_queue_reader_close(struct mw_queue_reader *reader); /**< accepts NULL */

/**
 * The first message behind the number @p after (0: all) that was emitted at @p since_ns (wall
 * clock) or later. What @p out points to is valid until the next call.
 * @return 1; 0: there is none yet; -EBADMSG: a record whose bytes changed, out->number tells which:
 * go on behind it; -errno.
 */
MW_API int mw_queue_reader_next(struct mw_queue_reader *reader, uint64_t after, int64_t since_ns,
                                struct mw_message *out, struct mw_error *err);

struct mw_queue_file_stats {
  uint64_t messages_count, first_number, end_number;
  int64_t first_at_ns, last_at_ns; /**< wall clock; 0: none */
  uint64_t used_bytes, size_bytes;
  uint64_t bodies_bytes, stored_bytes; /**< before and after compression, of what is there */
  size_t cursors_count;
  struct mw_queue_cursor cursors[MW_QUEUE_CURSORS_MAX]; /**< in_use is false: nobody can tell */
  bool is_clean;                                        /**< it was closed in order, or is in use */
};

MW_API int mw_queue_reader_stats(struct mw_queue_reader *reader, struct mw_queue_file_stats *out,
                                 struct mw_error *err);

#endif
