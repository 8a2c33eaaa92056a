/* Cursors: where sinks are, what they have lost, and what nobody needs any more. */
#include <errno.h>
#include <string.h>

#include "moonwatch/clock.h"
#include "queue/internal.h"

/* ---- What is there ---- */

uint64_t mw_queue_passed(const struct mw_queue *queue, bool in_use_alone)
{
  uint64_t passed = UINT64_MAX;

  for (int i = 0; i < queue->cursors_count; i++) {
    const struct mw_cursor *cursor = &queue->cursors[i];
    if (*cursor->place.name && (cursor->in_use || !in_use_alone) && cursor->place.next < passed)
      passed = cursor->place.next;
  }
  return passed;
}

/* In memory or in the file, whether anybody needs it or not. */
static uint64_t first_there(const struct mw_queue *queue)
{
  const struct mw_disk_content *content = &queue->content;
  bool in_file = queue->is_attached && content->first < content->end;

  return in_file && content->first < queue->ring.first ? content->first : queue->ring.first;
}

/* What every sink has had is deleted from the file some time later. */
uint64_t mw_queue_first(const struct mw_queue *queue)
{
  uint64_t first = first_there(queue), passed = mw_queue_passed(queue, false);

  if (queue->bounds.keep_ns > 0 && queue->has_dir)
    return first;
  passed = passed < queue->ring.end ? passed : queue->ring.end;
  return first > passed ? first : passed;
}

bool mw_queue_has_some(const struct mw_queue *queue, const struct mw_cursor *cursor)
{
  return cursor->place.next < queue->ring.end &&
         (cursor->place.next >= queue->ring.first || !queue->is_unreadable);
}

void mw_queue_note_damaged(struct mw_queue *queue, uint64_t number)
{
  for (size_t i = 0; i < MW_DISK_DAMAGED_MAX; i++)
    if (queue->damaged_seen[i] == number)
      return;
  queue->damaged_seen[queue->damaged_seen_count++ % MW_DISK_DAMAGED_MAX] = number;
  queue->damaged_total++;
}

/* ---- What is gone ---- */

/* How many of the messages from @p first to before @p end it has had. */
static uint64_t had_among(const struct mw_cursor *cursor, uint64_t first, uint64_t end)
{
  first = first > cursor->had_first ? first : cursor->had_first;
  end = end < cursor->had_end ? end : cursor->had_end;
  return first < end ? end - first : 0;
}

void mw_queue_skip(const struct mw_queue *queue, struct mw_cursor *cursor)
{
  struct mw_queue_place *place = &cursor->place;
  uint64_t first = first_there(queue);

  if (place->next < first && !queue->is_unreadable) { /* then its file is being opened anew */
    place->dropped_total += first - place->next - had_among(cursor, place->next, first);
    place->next = first;
  }
  if (place->next >= cursor->had_first && place->next < cursor->had_end)
    place->next = cursor->had_end;
}

void mw_queue_remove_first(struct mw_queue *queue)
{
  const struct mw_node *node = *mw_ring_place(&queue->ring, queue->ring.first);

  if (queue->ring.first >= queue->committed) {
    queue->uncommitted_bytes -= node->bytes;
    queue->committed = queue->ring.first + 1;
  }
  mw_ring_remove_first(&queue->ring);
}

/* Messages that every sink has had need not be written, unless they are kept for others; those
 * that are in the file wait there for sinks that are not in use. */
static bool may_leave(const struct mw_queue *queue, uint64_t number, uint64_t passed,
                      uint64_t passed_in_use)
{
  if (number < queue->committed)
    return number < passed_in_use;
  return number < passed && (queue->bounds.keep_ns == 0 || !queue->has_dir);
}

void mw_queue_trim(struct mw_queue *queue)
{
  uint64_t passed = mw_queue_passed(queue, false), in_use = mw_queue_passed(queue, true);

  while (queue->ring.first < queue->ring.end && may_leave(queue, queue->ring.first, passed, in_use))
    mw_queue_remove_first(queue);
}

void mw_queue_drop_old(struct mw_queue *queue)
{
  struct mw_ring *ring = &queue->ring;

  if (queue->bounds.max_age_ns == 0)
    return;
  int64_t oldest_ns = mw_clock_wall_ns(mw_clock_system()) - queue->bounds.max_age_ns;
  while (ring->first < ring->end &&
         (*mw_ring_place(ring, ring->first))->message.emitted_at_ns < oldest_ns)
    mw_queue_remove_first(queue);
}

/* ---- Coming and going ---- */

/* With the mutex held. @return its number, or -1. */
static int find_cursor(const struct mw_queue *queue, const char *name)
{
  for (int i = 0; i < queue->cursors_count; i++)
    if (strcmp(queue->cursors[i].place.name, name) == 0)
      return i;
  return -1;
}

/* @return MW_QUEUE_CURSORS_MAX: there is none. */
static int free_place(const struct mw_queue *queue)
{
  int place = 0;

  while (place < queue->cursors_count && *queue->cursors[place].place.name)
    place++;
  return place;
}

static int add_cursor(struct mw_queue *queue, const char *name, enum mw_queue_start start,
                      struct mw_error *err)
{
  int cursor = find_cursor(queue, name);

  if (cursor >= 0 && queue->cursors[cursor].in_use)
    return mw_error_set(err, EEXIST, "there is a sink %s already", name);
  if (cursor < 0 && free_place(queue) == MW_QUEUE_CURSORS_MAX)
    return mw_error_set(err, ENOSPC, "there are more than %d sinks", MW_QUEUE_CURSORS_MAX);
  if (cursor < 0) {
    cursor = free_place(queue);
    struct mw_cursor *own = &queue->cursors[cursor];
    *own = (struct mw_cursor){
        .place = {.next = start == MW_QUEUE_FROM_END ? queue->ring.end : mw_queue_first(queue)}};
    memcpy(own->place.name, name, strlen(name));
    if (cursor == queue->cursors_count)
      queue->cursors_count++;
    queue->cursors_changed = true;
  }
  queue->cursors[cursor].in_use = true;
  return cursor;
}

int mw_queue_add_cursor(struct mw_queue *queue, const char *name, enum mw_queue_start start,
                        struct mw_error *err)
{
  if (!*name || strlen(name) >= MW_QUEUE_NAME_MAX_BYTES)
    return mw_error_set(err, EINVAL, "the name of a sink has 1 to %d bytes",
                        MW_QUEUE_NAME_MAX_BYTES - 1);
  pthread_mutex_lock(&queue->mutex);
  int cursor = add_cursor(queue, name, start, err);
  pthread_mutex_unlock(&queue->mutex);
  return cursor;
}

void mw_queue_leave_cursor(struct mw_queue *queue, int cursor)
{
  pthread_mutex_lock(&queue->mutex);
  queue->cursors[cursor].in_use = false;
  mw_queue_trim(queue);
  pthread_mutex_unlock(&queue->mutex);
}

/* Its place is free for another name; those of the others stay. */
int mw_queue_drop_cursor(struct mw_queue *queue, const char *name, struct mw_error *err)
{
  int rc = 0;

  pthread_mutex_lock(&queue->mutex);
  int cursor = find_cursor(queue, name);
  if (cursor < 0 || !*name) {
    rc = mw_error_set(err, ENOENT,
                      "the queue knows no sink \"%s\": moonwatch queue stats lists those it knows",
                      name);
  } else if (queue->cursors[cursor].in_use) {
    rc = mw_error_set(err, EBUSY, "the sink %s is in use", name);
  } else {
    queue->cursors[cursor] = (struct mw_cursor){.in_use = false};
    queue->cursors_changed = true;
  }
  mw_queue_trim(queue);
  pthread_mutex_unlock(&queue->mutex);
  return rc;
}

/* ---- Figures ---- */

/* With the mutex held. @p in_file: number of its oldest message, when that is not in memory. */
static struct mw_queue_cursor usage_of(const struct mw_queue *queue, const struct mw_cursor *cursor,
                                       uint64_t *in_file)
{
  struct mw_cursor now = *cursor;

  mw_queue_skip(queue, &now);
  uint64_t next = now.place.next, end = queue->ring.end;
  struct mw_queue_cursor usage = {.in_use = now.in_use,
                                  .waiting = (size_t)(end - next - had_among(&now, next, end)),
                                  .delivered_total = now.place.delivered_total,
                                  .dropped_total = now.place.dropped_total,
                                  .set_aside_total = now.place.set_aside_total};

  memcpy(usage.name, now.place.name, sizeof usage.name);
  *in_file = 0;
  if (usage.waiting > 0 && next < queue->ring.first)
    *in_file = next;
  else if (usage.waiting > 0)
    usage.oldest_at_ns = (*mw_ring_place(&queue->ring, next))->message.emitted_at_ns;
  return usage;
}

void mw_queue_cursor_usage(struct mw_queue *queue, int cursor, struct mw_queue_cursor *out)
{
  uint64_t in_file;

  pthread_mutex_lock(&queue->mutex);
  *out = usage_of(queue, &queue->cursors[cursor], &in_file);
  pthread_mutex_unlock(&queue->mutex);
  if (in_file > 0)
    out->oldest_at_ns = mw_disk_emitted_at_ns(&queue->disk, in_file);
}

size_t mw_queue_cursors(struct mw_queue *queue,
                        struct mw_queue_cursor out[static MW_QUEUE_CURSORS_MAX])
{
  uint64_t in_file[MW_QUEUE_CURSORS_MAX];
  size_t count = 0;

  pthread_mutex_lock(&queue->mutex);
  for (int i = 0; i < queue->cursors_count; i++)
    if (*queue->cursors[i].place.name) {
      out[count] = usage_of(queue, &queue->cursors[i], &in_file[count]);
      count++;
    }
  pthread_mutex_unlock(&queue->mutex);
  for (size_t i = 0; i < count; i++)
    if (in_file[i] > 0)
      out[i].oldest_at_ns = mw_disk_emitted_at_ns(&queue->disk, in_file[i]);
  return count;
}

void mw_queue_usage(struct mw_queue *queue, struct mw_queue_usage *out)
{
  pthread_mutex_lock(&queue->mutex);
  const struct mw_ring *ring = &queue->ring;
  *out = (struct mw_queue_usage){
      .messages = (size_t)(ring->end - mw_queue_first(queue)),
      .buffer_messages = (size_t)(ring->end - ring->first),
      .buffer_bytes = ring->bytes,
      .file_used_bytes = queue->is_attached ? queue->content.used_bytes : 0,
      .file_size_bytes = queue->is_attached ? queue->content.size_bytes : 0,
      .put_total = ring->end - 1,
      .committed_total = queue->committed_total,
      .damaged_total = queue->damaged_total,
      .commits_total = queue->commits_total,
      .written_bytes_total = queue->written_bytes_total,
      .last_commit_took_ns = queue->last_commit_took_ns,
      .max_commit_took_ns = queue->max_commit_took_ns,
      .has_file = queue->is_attached,
  };
  memcpy(out->error, queue->error, sizeof out->error);
  pthread_mutex_unlock(&queue->mutex);
}
