/* The thread that writes: what came in, and the cursors that moved, in groups. */
#include <errno.h>
#include <string.h>

#include "moonwatch/clock.h"
#include "queue/internal.h"

#define CHUNK_BYTES ((size_t)1 << 20) /* of a transaction: LMDB holds its pages in memory */
#define RETRY_MAX_NS (60 * MW_NS_PER_S)

/* Where cursors are that have passed nothing of the file need not be known to the second. */
#define CURSORS_INTERVAL_NS (30 * MW_NS_PER_S)

struct chunk {
  struct mw_node *nodes[MW_QUEUE_CHUNK_COUNT];
  size_t nodes_count;
  uint64_t end; /* number behind the last one that was looked at */
  struct mw_queue_place places[MW_QUEUE_CURSORS_MAX];
  size_t places_count;
  struct mw_disk_commit commit;
  bool is_needed; /* something changed that has to be in the file now */
  bool is_all;    /* nothing is left behind it */
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

/* ---- What to write: with the mutex held ---- */

static void collect_nodes(struct mw_queue *queue, struct chunk *chunk)
{
  const struct mw_ring *ring = &queue->ring;
  uint64_t passed = queue->bounds.keep_ns > 0 ? 0 : mw_queue_passed(queue, false);
  uint64_t number = queue->committed > ring->first ? queue->committed : ring->first;
  size_t bytes = 0, bytes_max = queue->bounds.file_bytes / 8 < CHUNK_BYTES
                                    ? (size_t)(queue->bounds.file_bytes / 8)
                                    : CHUNK_BYTES;

  chunk->nodes_count = 0;
  for (; number < ring->end && chunk->nodes_count < queue->chunk_max_count; number++) {
    struct mw_node *node = *mw_ring_place(ring, number);
    if (number < passed)
      continue;
    bytes += node->bytes;
    if (chunk->nodes_count > 0 && bytes > bytes_max)
      break;
    node->references++;
    chunk->nodes[chunk->nodes_count++] = node;
  }
  chunk->end = number;
  chunk->is_all = number == ring->end;
}

/* Has a cursor passed messages of the file since the last commit, which would come again? */
static bool has_passed_some(const struct mw_queue *queue, const struct mw_queue_place *place)
{
  const struct mw_disk_content *content = &queue->content;

  for (size_t i = 0; i < content->places_count; i++)
    if (strcmp(content->places[i].name, place->name) == 0)
      return content->places[i].next < place->next && content->places[i].next < content->end;
  return true;
}

static bool is_same(const struct mw_queue *queue, const struct chunk *chunk)
{
  const struct mw_disk_content *content = &queue->content;

  return chunk->end == content->state.next_number && chunk->places_count == content->places_count &&
         memcmp(chunk->places, content->places, chunk->places_count * sizeof *chunk->places) == 0;
}

static void collect_places(struct mw_queue *queue, struct chunk *chunk)
{
  chunk->places_count = 0;
  for (int i = 0; i < queue->cursors_count; i++) {
    const struct mw_queue_place *place = &queue->cursors[i].place;
    if (!*place->name)
      continue;
    chunk->is_needed = chunk->is_needed || has_passed_some(queue, place);
    chunk->places[chunk->places_count++] = *place;
  }
}

static void collect(struct mw_queue *queue, struct chunk *chunk)
{
  uint64_t passed = mw_queue_passed(queue, false);

  chunk->is_needed = queue->cursors_changed || queue->is_closing;
  collect_nodes(queue, chunk);
  collect_places(queue, chunk);
  chunk->is_needed =
      chunk->is_needed || chunk->nodes_count > 0 ||
      (now_ns() - queue->cursors_committed_ns >= CURSORS_INTERVAL_NS && !is_same(queue, chunk));
  chunk->commit = (struct mw_disk_commit){
      .nodes = chunk->nodes,
      .nodes_count = chunk->nodes_count,
      .places = chunk->places,
      .places_count = chunk->places_count,
      .state = {.next_number = chunk->end,
                .damaged_total = queue->damaged_total,
                .committed_total = queue->committed_total + chunk->nodes_count,
                .is_clean = queue->is_closing && chunk->is_all},
      .passed = passed < chunk->end ? passed : chunk->end,
      .now_wall_ns = mw_clock_wall_ns(mw_clock_system()),
      .keep_ns = queue->bounds.keep_ns,
      .max_age_ns = queue->bounds.max_age_ns,
  };
}

/* ---- What was written: with the mutex held ---- */

static void note_committed(struct mw_queue *queue, const struct chunk *chunk)
{
  const struct mw_ring *ring = &queue->ring;
  uint64_t number = queue->committed > ring->first ? queue->committed : ring->first;

  for (; number < chunk->end; number++)
    queue->uncommitted_bytes -= (*mw_ring_place(ring, number))->bytes;
  if (queue->committed < chunk->end)
    queue->committed = chunk->end;
  queue->committed_total += chunk->nodes_count;
  queue->content = queue->disk.content;
  queue->cursors_changed = false;
  queue->cursors_committed_ns = now_ns();
  queue->error[0] = '\0';
  mw_queue_trim(queue);
}

static void note_figures(struct mw_queue *queue, int64_t took_ns)
{
  queue->commits_total = queue->disk.commits_total;
  queue->written_bytes_total = queue->disk.written_bytes_total;
  queue->last_commit_took_ns = took_ns;
  if (queue->max_commit_took_ns < took_ns)
    queue->max_commit_took_ns = took_ns;
}

static void note_failure(struct mw_queue *queue, const struct mw_error *err)
{
  bool is_new = strcmp(queue->error, err->text) != 0;

  memcpy(queue->error, err->text, sizeof queue->error);
  pthread_mutex_unlock(&queue->mutex);
  if (is_new)
    mw_queue_tell(queue, true, "%s; messages stay in memory meanwhile", err->text);
  pthread_mutex_lock(&queue->mutex);
}

/* ---- Failures ---- */

static void retry_later(struct mw_queue *queue)
{
  queue->retry_at_ns = now_ns() + queue->retry_wait_ns;
  queue->retry_wait_ns =
      queue->retry_wait_ns * 2 < RETRY_MAX_NS ? queue->retry_wait_ns * 2 : RETRY_MAX_NS;
}

/* With the mutex held. @return whether the file is in use. */
static bool attach(struct mw_queue *queue)
{
  bool again = queue->was_attached || queue->error[0];

  pthread_mutex_unlock(&queue->mutex);
  int rc = mw_queue_attach(queue, false, &queue->writer_error);
  if (rc == 0 && again)
    mw_queue_tell(queue, false, "the file in %s is in use again", queue->disk.dir);
  pthread_mutex_lock(&queue->mutex);
  if (rc < 0) {
    note_failure(queue, &queue->writer_error);
    retry_later(queue);
  }
  return rc == 0;
}

/* With the mutex held. What LMDB cannot go on with is looked at anew, page by page. */
static bool reopen(struct mw_queue *queue)
{
  queue->is_unreadable = true; /* sinks wait for the outcome */
  pthread_mutex_unlock(&queue->mutex);
  mw_queue_detach(queue);
  pthread_mutex_lock(&queue->mutex);
  bool is_open = attach(queue);
  queue->is_unreadable = false;
  pthread_cond_broadcast(&queue->changed);
  return is_open;
}

/* The bound is smaller than what was to be written: less of it, and one that is larger than the
 * file stays in memory alone. @return whether to try again at once. */
static bool write_less(struct mw_queue *queue, const struct chunk *chunk)
{
  if (chunk->nodes_count == 0)
    return false;
  if (chunk->nodes_count > 1) {
    queue->chunk_max_count = chunk->nodes_count / 2;
    return true;
  }
  mw_queue_tell(queue, true,
                "message %llu of %zu bytes is too large for the file: it stays in memory alone "
                "(queue.file_bytes)",
                (unsigned long long)chunk->nodes[0]->message.number,
                chunk->nodes[0]->message.body.len_bytes);
  return true;
}

/* ---- Commits ---- */

static void release_nodes(struct chunk *chunk)
{
  for (size_t i = 0; i < chunk->nodes_count; i++)
    mw_node_release(chunk->nodes[i]);
}

/* With the mutex held, which is let go of meanwhile. @return 0 or -errno. */
static int write_chunk(struct mw_queue *queue, struct chunk *chunk)
{
  int64_t began_ns = now_ns();

  queue->disk.bound_bytes = queue->bounds.file_bytes;
  pthread_mutex_unlock(&queue->mutex);
  int rc = mw_disk_commit(&queue->disk, &chunk->commit, &queue->writer_error);
  if (rc == -EFBIG && chunk->nodes_count == 1) { /* its cursors all the same */
    write_less(queue, chunk);
    chunk->commit.nodes_count = 0;
    rc = mw_disk_commit(&queue->disk, &chunk->commit, &queue->writer_error);
  }
  int64_t took_ns = now_ns() - began_ns;
  pthread_mutex_lock(&queue->mutex);
  note_figures(queue, took_ns);
  release_nodes(chunk);
  return rc;
}

/* With the mutex held, which is let go of while the file is looked at. */
static bool is_worth_it(struct mw_queue *queue, const struct chunk *chunk)
{
  if (chunk->is_needed)
    return true;
  pthread_mutex_unlock(&queue->mutex);
  bool wants = mw_disk_wants_delete(&queue->disk, &chunk->commit);
  pthread_mutex_lock(&queue->mutex);
  return wants;
}

/* With the mutex held. @return whether to go on at once. */
static bool commit_some(struct mw_queue *queue, struct chunk *chunk)
{
  collect(queue, chunk);
  if (!is_worth_it(queue, chunk))
    return false;
  int rc = write_chunk(queue, chunk);
  if (rc == 0) {
    note_committed(queue, chunk);
    queue->chunk_max_count = MW_QUEUE_CHUNK_COUNT;
    queue->retry_wait_ns = MW_QUEUE_RETRY_MIN_NS;
    queue->retry_at_ns = 0;
    queue->all_committed = chunk->is_all;
    return !chunk->is_all;
  }
  if (rc == -EFBIG && write_less(queue, chunk))
    return true;
  queue->all_committed = false;
  note_failure(queue, &queue->writer_error);
  if (queue->disk.is_broken && reopen(queue))
    return true;
  retry_later(queue);
  return false;
}

/* With the mutex held: all that waits, in as many transactions as it takes. */
static void work(struct mw_queue *queue, struct chunk *chunk)
{
  if (queue->is_unreadable && queue->is_attached)
    reopen(queue);
  if (!queue->is_attached && !attach(queue))
    return;
  while (commit_some(queue, chunk))
    ;
}

/* ---- The thread ---- */

bool mw_queue_is_urgent(const struct mw_queue *queue)
{
  size_t many = queue->bounds.buffer_bytes / 4 < queue->bounds.flush_bytes
                    ? queue->bounds.buffer_bytes / 4
                    : queue->bounds.flush_bytes;

  return queue->uncommitted_bytes >= many;
}

/* With the mutex held. */
static void wait_for_work(struct mw_queue *queue)
{
  int rc = 0;

  while (rc == 0 && !queue->is_closing) {
    bool is_failing = queue->retry_at_ns > 0;
    int64_t until_ns = is_failing ? queue->retry_at_ns : queue->next_commit_ns;
    struct timespec deadline = {.tv_sec = until_ns / MW_NS_PER_S,
                                .tv_nsec = until_ns % MW_NS_PER_S};
    if (!is_failing && (mw_queue_is_urgent(queue) || queue->is_unreadable))
      return;
    rc = pthread_cond_timedwait(&queue->work, &queue->mutex, &deadline);
  }
}

void *mw_queue_run_writer(void *data)
{
  struct mw_queue *queue = data;
  struct chunk chunk;

  pthread_mutex_lock(&queue->mutex);
  for (bool is_last = false; !is_last;) {
    wait_for_work(queue);
    is_last = queue->is_closing;
    queue->next_commit_ns = now_ns() + queue->bounds.flush_interval_ns;
    work(queue, &chunk);
  }
  queue->is_done = true;
  bool is_abandoned = queue->is_abandoned;
  pthread_cond_broadcast(&queue->changed);
  pthread_mutex_unlock(&queue->mutex);
  if (is_abandoned)
    mw_queue_free(queue);
  return NULL;
}
