#include "moonwatch/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "moonwatch/clock.h"
#include "queue/internal.h"

#define WRITER_STACK_BYTES ((size_t)256 << 10)

/* ---- The configuration ---- */

static int check_config(const struct mw_queue_config *config, struct mw_error *err)
{
  if (config->buffer_bytes == 0)
    return mw_error_set(err, EINVAL, "the buffer of the queue has no bytes (buffer_bytes)");
  if (config->file_bytes > 0 && config->file_bytes < MW_QUEUE_FILE_MIN_BYTES)
    return mw_error_set(err, EINVAL, "the file of the queue has %llu bytes at least (file_bytes)",
                        (unsigned long long)MW_QUEUE_FILE_MIN_BYTES);
  if (config->max_age_ns < 0 || config->keep_ns < 0 || config->flush_interval_ns < 0)
    return mw_error_set(err, EINVAL, "a time of the queue is negative");
  if (config->dir && !*config->dir)
    return mw_error_set(err, EINVAL, "the path of the queue is empty");
  return 0;
}

static struct mw_bounds bounds_of(const struct mw_queue_config *config)
{
  return (struct mw_bounds){
      .buffer_bytes = config->buffer_bytes,
      .flush_bytes = config->flush_bytes ? config->flush_bytes : MW_QUEUE_FLUSH_DEFAULT_BYTES,
      .file_bytes = config->file_bytes ? config->file_bytes : MW_QUEUE_FILE_DEFAULT_BYTES,
      .max_age_ns = config->max_age_ns,
      .keep_ns = config->keep_ns,
      .flush_interval_ns = config->flush_interval_ns ? config->flush_interval_ns
                                                     : MW_QUEUE_FLUSH_INTERVAL_DEFAULT_NS,
  };
}

/* With the mutex held. What is in the file leaves first: nothing is lost by that. */
static void make_room(struct mw_queue *queue, size_t bytes)
{
  while (queue->ring.bytes + bytes > queue->bounds.buffer_bytes &&
         queue->ring.first < queue->ring.end)
    mw_queue_remove_first(queue);
}

void mw_queue_configure(struct mw_queue *queue, const struct mw_queue_config *config)
{
  pthread_mutex_lock(&queue->mutex);
  queue->bounds = bounds_of(config);
  make_room(queue, 0);
  mw_queue_trim(queue);
  pthread_cond_signal(&queue->work);
  pthread_mutex_unlock(&queue->mutex);
}

/* ---- Open and close ---- */

void mw_queue_free(struct mw_queue *queue)
{
  if (queue->has_dir)
    mw_disk_deinit(&queue->disk);
  mw_ring_deinit(&queue->ring);
  pthread_cond_destroy(&queue->changed);
  pthread_cond_destroy(&queue->work);
  pthread_mutex_destroy(&queue->mutex);
  free(queue);
}

static struct mw_queue *new_queue(const struct mw_queue_config *config, struct mw_error *err)
{
  struct mw_queue *queue = calloc(1, sizeof *queue);

  if (!queue) {
    mw_error_set(err, ENOMEM, "out of memory for a queue of messages");
    return NULL;
  }
  queue->bounds = bounds_of(config);
  queue->tell = config->tell;
  queue->tell_data = config->tell_data;
  queue->committed = 1;
  queue->chunk_max_count = MW_QUEUE_CHUNK_COUNT;
  queue->retry_wait_ns = MW_QUEUE_RETRY_MIN_NS;
  mw_ring_init(&queue->ring);
  pthread_mutex_init(&queue->mutex, NULL);
  mw_cond_init(&queue->changed);
  mw_cond_init(&queue->work);
  return queue;
}

/* Without the file for now, when it cannot be used now. */
static int open_file(struct mw_queue *queue, const struct mw_queue_config *config,
                     struct mw_error *err)
{
  int64_t now_ns = mw_clock_monotonic_ns(mw_clock_system());

  queue->has_dir = true;
  int rc =
      mw_disk_init(&queue->disk, config->dir, config->durability, queue->bounds.file_bytes, err);
  if (rc < 0)
    return rc;
  rc = mw_queue_attach(queue, true, err);
  if (rc < 0 && queue->disk.is_refused)
    return rc;
  queue->next_commit_ns = now_ns + queue->bounds.flush_interval_ns;
  if (rc < 0) {
    queue->retry_at_ns = now_ns + MW_QUEUE_RETRY_MIN_NS;
    memcpy(queue->error, err->text, sizeof queue->error);
    mw_queue_tell(queue, true, "%s; messages stay in memory meanwhile", err->text);
  }
  rc = mw_thread_start(&queue->writer, WRITER_STACK_BYTES, mw_queue_run_writer, queue);
  return rc < 0 ? mw_error_set(err, -rc, "no thread for the queue: %s", strerror(-rc)) : 0;
}

struct mw_queue *mw_queue_open(const struct mw_queue_config *config, struct mw_error *err)
{
  struct mw_error own;

  err = err ? err : &own; /* its text goes into the usage */
  if (check_config(config, err) < 0)
    return NULL;
  struct mw_queue *queue = new_queue(config, err);
  if (queue && config->dir && open_file(queue, config, err) < 0) {
    mw_queue_free(queue);
    return NULL;
  }
  return queue;
}

/* @return whether the writer has ended. */
static bool end_writer(struct mw_queue *queue, int64_t deadline_ns)
{
  struct timespec deadline = {.tv_sec = deadline_ns / MW_NS_PER_S,
                              .tv_nsec = deadline_ns % MW_NS_PER_S};
  int rc = 0;

  pthread_mutex_lock(&queue->mutex);
  queue->is_closing = true;
  pthread_cond_signal(&queue->work);
  while (rc == 0 && !queue->is_done)
    rc = pthread_cond_timedwait(&queue->changed, &queue->mutex, &deadline);
  bool is_done = queue->is_done;
  pthread_t writer = queue->writer;
  queue->is_abandoned = !is_done;
  pthread_mutex_unlock(&queue->mutex);
  if (is_done)
    pthread_join(writer, NULL);
  else
    pthread_detach(writer);
  return is_done;
}

bool mw_queue_close(struct mw_queue *queue, int64_t deadline_ns)
{
  if (!queue)
    return true;
  if (queue->has_dir && !end_writer(queue, deadline_ns))
    return false; /* the writer has it now */
  bool all_committed = !queue->has_dir || queue->all_committed;
  mw_queue_free(queue);
  return all_committed;
}

/* ---- Putting in ---- */

/* With the mutex held. */
static int append(struct mw_queue *queue, struct mw_node *node, struct mw_error *err)
{
  if (node->bytes > queue->bounds.buffer_bytes)
    return mw_error_set(err, EMSGSIZE,
                        "a message of %zu bytes is larger than the queue of messages "
                        "(queue.buffer_bytes = %zu)",
                        node->message.body.len_bytes, queue->bounds.buffer_bytes);
  mw_queue_drop_old(queue);
  make_room(queue, node->bytes);
  int rc = mw_ring_append(&queue->ring, node, err);
  if (rc < 0)
    return rc;
  queue->uncommitted_bytes += node->bytes;
  mw_queue_trim(queue); /* there may be no sink */
  if (queue->has_dir && mw_queue_is_urgent(queue))
    pthread_cond_signal(&queue->work);
  pthread_cond_broadcast(&queue->changed);
  return 0;
}

int mw_queue_put(struct mw_queue *queue, const struct mw_message *message, struct mw_error *err)
{
  if (strlen(message->script) >= MW_QUEUE_NAME_MAX_BYTES ||
      strlen(message->kind) >= MW_QUEUE_NAME_MAX_BYTES)
    return mw_error_set(err, EINVAL, "the script and the kind of a message have at most %d bytes",
                        MW_QUEUE_NAME_MAX_BYTES - 1);
  if (message->body.len_bytes > MW_QUEUE_BODY_MAX_BYTES)
    return mw_error_set(err, EMSGSIZE, "a message of %zu bytes is larger than %zu",
                        message->body.len_bytes, MW_QUEUE_BODY_MAX_BYTES);
  struct mw_node *node = mw_node_copy(message);
  if (!node)
    return mw_error_set(err, ENOMEM, "out of memory for a message of %zu bytes",
                        message->body.len_bytes);
  pthread_mutex_lock(&queue->mutex);
  int rc = append(queue, node, err);
  mw_node_release(node); /* the ring has it, if anybody has */
  pthread_mutex_unlock(&queue->mutex);
  return rc;
}

/* ---- Delivering ---- */

bool mw_queue_wait(struct mw_queue *queue, int cursor, int64_t deadline_ns)
{
  struct timespec deadline = {.tv_sec = deadline_ns / MW_NS_PER_S,
                              .tv_nsec = deadline_ns % MW_NS_PER_S};
  int rc = 0;

  pthread_mutex_lock(&queue->mutex);
  struct mw_cursor *own = &queue->cursors[cursor];
  while (rc == 0 && !own->woken && !mw_queue_has_some(queue, own))
    rc = pthread_cond_timedwait(&queue->changed, &queue->mutex, &deadline);
  own->woken = false;
  bool has_some = mw_queue_has_some(queue, own);
  pthread_mutex_unlock(&queue->mutex);
  return has_some;
}

void mw_queue_wake(struct mw_queue *queue)
{
  pthread_mutex_lock(&queue->mutex);
  for (int i = 0; i < queue->cursors_count; i++)
    queue->cursors[i].woken = true;
  pthread_cond_broadcast(&queue->changed);
  pthread_mutex_unlock(&queue->mutex);
}

/* Where the messages end that follow each other without any that it has had. */
static uint64_t reach_of(const struct mw_cursor *cursor, uint64_t end)
{
  return cursor->had_first > cursor->place.next && cursor->had_first < end ? cursor->had_first
                                                                           : end;
}

/* With the mutex held. */
static void take_from_ring(struct mw_queue *queue, const struct mw_cursor *own, size_t max_count,
                           size_t max_bytes, struct mw_queue_batch *out)
{
  uint64_t end = reach_of(own, queue->ring.end);
  size_t bytes = 0;

  for (uint64_t i = own->place.next; i < end && out->count < max_count; i++) {
    struct mw_node *node = *mw_ring_place(&queue->ring, i);
    bytes += node->message.body.len_bytes;
    if (out->count > 0 && bytes > max_bytes)
      break;
    node->references++;
    out->messages[out->count++] = &node->message;
  }
}

/* With the mutex held. Messages that are in the file no more, or that changed there, are lost to
 * this sink. */
static void take_over_read(struct mw_queue *queue, struct mw_cursor *own,
                           const struct mw_disk_read *read, struct mw_queue_batch *out)
{
  uint64_t next = read->count > 0 ? read->nodes[0]->message.number : read->reached;

  for (size_t i = 0; i < read->damaged_count; i++)
    mw_queue_note_damaged(queue, read->damaged[i]);
  own->place.dropped_total += next - own->place.next;
  own->place.next = next;
  for (size_t i = 0; i < read->count; i++)
    out->messages[out->count++] = &read->nodes[i]->message;
}

/* With the mutex held, which is let go of meanwhile. @return whether the file was read. */
static bool take_from_file(struct mw_queue *queue, struct mw_cursor *own, size_t max_count,
                           size_t max_bytes, struct mw_queue_batch *out)
{
  uint64_t from = own->place.next, end = reach_of(own, queue->ring.first), shift = queue->shift;
  struct mw_disk_read read;

  pthread_mutex_unlock(&queue->mutex);
  int rc = mw_disk_read(&queue->disk, from, end, max_count, max_bytes, &read, NULL);
  pthread_mutex_lock(&queue->mutex);
  if (rc == 0 && shift == queue->shift) {
    take_over_read(queue, own, &read, out);
    return true;
  }
  for (size_t i = 0; i < read.count; i++)
    mw_node_release(mw_node_of(&read.nodes[i]->message));
  if (rc == -EBADMSG && queue->is_attached) {
    queue->is_unreadable = true;
    pthread_cond_signal(&queue->work);
  }
  return rc == 0 || rc == -EBADF; /* another file, or none: the cursor looks anew */
}

void mw_queue_take(struct mw_queue *queue, int cursor, size_t max_count, size_t max_bytes,
                   struct mw_queue_batch *out)
{
  struct mw_cursor *own = &queue->cursors[cursor];

  if (max_count == 0 || max_count > MW_QUEUE_BATCH_MAX)
    max_count = MW_QUEUE_BATCH_MAX;
  out->count = out->late = 0;
  pthread_mutex_lock(&queue->mutex);
  mw_queue_drop_old(queue);
  do
    mw_queue_skip(queue, own);
  while (own->place.next < queue->ring.first && !queue->is_unreadable &&
         take_from_file(queue, own, max_count, max_bytes, out) && out->count == 0);
  if (out->count == 0 && own->place.next >= queue->ring.first)
    take_from_ring(queue, own, max_count, max_bytes, out);
  out->first = own->place.next;
  own->taken_shift = queue->shift;
  own->went_back = false;
  pthread_mutex_unlock(&queue->mutex);
}

/* Where the cursor is behind @p last, the number of the last one that was delivered; numbers may
 * have gone up meanwhile. */
static void pass(const struct mw_queue *queue, struct mw_cursor *own, uint64_t last)
{
  uint64_t shift = queue->shift - own->taken_shift;

  if (own->went_back)
    own->had_end = last + 1 + shift; /* the file's messages come first */
  else
    own->place.next = last + 1 + shift;
}

/* A message may have been dropped while it was being delivered: it has arrived all the same. */
void mw_queue_end(struct mw_queue *queue, int cursor, struct mw_queue_batch *batch,
                  size_t delivered)
{
  struct mw_cursor *own = &queue->cursors[cursor];

  pthread_mutex_lock(&queue->mutex);
  if (delivered > 0) {
    uint64_t last = batch->messages[delivered - 1]->number;
    own->place.dropped_total += last + 1 - batch->first - delivered; /* damaged ones between */
    pass(queue, own, last);
  }
  own->place.delivered_total += delivered + batch->late;
  own->place.dropped_total -= batch->late;
  for (size_t i = 0; i < batch->count; i++)
    mw_node_release(mw_node_of(batch->messages[i]));
  batch->count = 0;
  mw_queue_trim(queue);
  pthread_mutex_unlock(&queue->mutex);
}

void mw_queue_set_aside(struct mw_queue *queue, int cursor, uint64_t number)
{
  struct mw_cursor *own = &queue->cursors[cursor];

  pthread_mutex_lock(&queue->mutex);
  if (own->place.next == number) {
    own->place.next++;
    own->place.set_aside_total++;
    mw_queue_trim(queue);
  }
  pthread_mutex_unlock(&queue->mutex);
}
