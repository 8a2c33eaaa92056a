/**
 * @file internal.h
 * The queue: a ring in memory, a file, cursors over both.
 *
 *            file: first ........... end
 *                        ring: first ............ end
 *                                     committed
 *
 * What is before `committed` needs the disk no more: it is in the file, or every sink has had it.
 * So it may leave the ring. `gone` is what is neither in the file nor in the ring: a cursor that
 * is there has lost messages.
 */
#ifndef MW_QUEUE_INTERNAL_H
#define MW_QUEUE_INTERNAL_H

#include <pthread.h>

#include "queue/disk.h"

struct mw_cursor {
  struct mw_queue_place place; /* its next message may be gone already */
  bool in_use;                 /* by a sink */
  bool woken;                  /* its next wait, or the one that goes on, ends at once */
  /* Delivered before the file was found, in which older ones wait: to be passed over. */
  uint64_t had_first, had_end;
  uint64_t taken_shift; /* the queue's, when its batch was taken */
  bool went_back;       /* to what is in the file, since its batch was taken */
};

#define MW_QUEUE_CHUNK_COUNT 512 /* of messages in one transaction */
#define MW_QUEUE_RETRY_MIN_NS INT64_C(1000000000)

struct mw_bounds {
  size_t buffer_bytes, flush_bytes;
  uint64_t file_bytes;
  int64_t max_age_ns, keep_ns, flush_interval_ns;
};

struct mw_queue {
  pthread_cond_t changed; /* for sinks, and for who closes */
  pthread_cond_t work;    /* for the writer */
  pthread_mutex_t mutex;  /* guards all down to the writer's; held for copying pointers only */
  struct mw_ring ring;
  struct mw_bounds bounds;
  struct mw_cursor cursors[MW_QUEUE_CURSORS_MAX];
  int cursors_count;
  uint64_t committed;
  size_t uncommitted_bytes;
  uint64_t shift; /* so much was added to numbers since the queue was opened */
  uint64_t damaged_total, committed_total;
  uint64_t damaged_seen[MW_DISK_DAMAGED_MAX]; /* the last ones, which were counted */
  unsigned damaged_seen_count;
  bool has_dir;
  bool is_attached;   /* the file is in use */
  bool was_attached;  /* it was, some time */
  bool is_unreadable; /* the writer has to open it anew */
  bool is_closing, is_done;
  bool is_abandoned;              /* the writer frees it at its end */
  bool cursors_changed;           /* one came or went */
  struct mw_disk_content content; /* of the file, at the last commit */
  uint64_t commits_total, written_bytes_total;
  int64_t last_commit_took_ns, max_commit_took_ns;
  bool all_committed; /* at the end */
  char error[MW_ERROR_TEXT_BYTES];

  /* The writer's, and whose readers go through the gate of the disk. */
  struct mw_disk disk;
  pthread_t writer;
  int64_t next_commit_ns, retry_at_ns, retry_wait_ns, cursors_committed_ns;
  size_t chunk_max_count; /* less than usual when the file has little room */
  struct mw_error writer_error;
  void (*tell)(void *data, bool is_error, const char *text);
  void *tell_data;
};

/* ---- Cursors and the ring (cursors.c): with the mutex held ---- */

/** Before any cursor: UINT64_MAX when there is none. */
uint64_t mw_queue_passed(const struct mw_queue *queue, bool in_use_alone);

/** Number of the first message that is still there. */
uint64_t mw_queue_first(const struct mw_queue *queue);

/** Pass over what is gone, and what was had. */
void mw_queue_skip(const struct mw_queue *queue, struct mw_cursor *cursor);

/** What need not be in memory any more leaves it. */
void mw_queue_trim(struct mw_queue *queue);
void mw_queue_remove_first(struct mw_queue *queue);

/** What is too old leaves memory, unless it is in the file. */
void mw_queue_drop_old(struct mw_queue *queue);
bool mw_queue_has_some(const struct mw_queue *queue, const struct mw_cursor *cursor);

/** Count @p number once. */
void mw_queue_note_damaged(struct mw_queue *queue, uint64_t number);

/* ---- The file (attach.c), by the writer, or before it runs ---- */

/** Open it, and take over what is there. @return 0 or -errno with @p err. */
int mw_queue_attach(struct mw_queue *queue, bool in_child, struct mw_error *err);
void mw_queue_detach(struct mw_queue *queue);

__attribute__((format(printf, 3, 4))) void mw_queue_tell(struct mw_queue *queue, bool is_error,
                                                         const char *fmt, ...);

/* ---- The writer (writer.c) ---- */

void *mw_queue_run_writer(void *queue);

void mw_queue_free(struct mw_queue *queue);

/** Are there so many that wait that the writer should not? With the mutex held. */
bool mw_queue_is_urgent(const struct mw_queue *queue);

#endif
