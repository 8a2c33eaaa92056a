/*
 * A file is taken over: what it holds comes before what is in memory.
 *
 * When it could not be opened at the start, numbers were given already: those in memory go up, so
 * that they go on behind the file's. A sink that has delivered some of them meanwhile gets the
 * file's older messages next, and then what it has not had.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "queue/internal.h"

void mw_queue_tell(struct mw_queue *queue, bool is_error, const char *fmt, ...)
{
  char text[MW_ERROR_TEXT_BYTES + 256];
  va_list args;

  if (!queue->tell)
    return;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  queue->tell(queue->tell_data, is_error, text);
}

/* ---- Numbers ---- */

/* What is added to the numbers in memory. */
static uint64_t shift_for(const struct mw_queue *queue)
{
  uint64_t next = queue->disk.content.state.next_number;

  if (queue->was_attached)
    return next > queue->committed ? next - queue->committed : 0;
  return next > queue->ring.first ? next - queue->ring.first : 0;
}

static int renumber(struct mw_queue *queue, uint64_t shift)
{
  if (mw_ring_renumber(&queue->ring, shift) < 0)
    return -ENOMEM;
  queue->shift += shift;
  queue->committed += shift;
  for (int i = 0; i < queue->cursors_count; i++) {
    struct mw_cursor *cursor = &queue->cursors[i];
    if (!*cursor->place.name)
      continue;
    cursor->place.next += shift;
    if (cursor->had_end > 0)
      cursor->had_first += shift, cursor->had_end += shift;
  }
  return 0;
}

/* ---- Cursors ---- */

static struct mw_cursor *find(struct mw_queue *queue, const char *name)
{
  for (int i = 0; i < queue->cursors_count; i++)
    if (strcmp(queue->cursors[i].place.name, name) == 0)
      return &queue->cursors[i];
  return NULL;
}

static void add(struct mw_queue *queue, const struct mw_queue_place *place)
{
  struct mw_cursor *cursor = find(queue, "");

  if (!cursor && queue->cursors_count < MW_QUEUE_CURSORS_MAX)
    cursor = &queue->cursors[queue->cursors_count++];
  if (cursor)
    *cursor = (struct mw_cursor){.place = *place};
}

/* What it has delivered without the file is behind what the file has for it. */
static void go_back(struct mw_cursor *cursor, const struct mw_queue_place *place,
                    uint64_t file_next)
{
  cursor->had_first = file_next;
  cursor->had_end = cursor->place.next;
  cursor->place.next = place->next;
  cursor->went_back = true;
  cursor->place.delivered_total += place->delivered_total;
  cursor->place.dropped_total += place->dropped_total;
  cursor->place.set_aside_total += place->set_aside_total;
}

static void take_over_places(struct mw_queue *queue)
{
  const struct mw_disk_content *content = &queue->disk.content;

  for (size_t i = 0; i < content->places_count; i++) {
    const struct mw_queue_place *place = &content->places[i];
    struct mw_cursor *cursor = find(queue, place->name);
    if (!cursor)
      add(queue, place);
    else if (!queue->was_attached)
      go_back(cursor, place, content->state.next_number);
  }
}

/* With the mutex held. */
static int take_over(struct mw_queue *queue)
{
  const struct mw_disk_content *content = &queue->disk.content;

  if (renumber(queue, shift_for(queue)) < 0)
    return -ENOMEM;
  take_over_places(queue);
  if (queue->committed < content->state.next_number)
    queue->committed = content->state.next_number;
  if (!queue->was_attached) {
    queue->damaged_total += content->state.damaged_total;
    queue->committed_total += content->state.committed_total;
  }
  queue->content = *content;
  queue->is_attached = queue->was_attached = queue->cursors_changed = true;
  queue->is_unreadable = false;
  queue->error[0] = '\0';
  mw_queue_trim(queue);
  pthread_cond_broadcast(&queue->changed);
  return 0;
}

/* ---- The file ---- */

static int open_or_begin_anew(struct mw_queue *queue, bool in_child, struct mw_error *err)
{
  int rc = mw_disk_open(&queue->disk, in_child, err);

  if (rc != -EBADMSG)
    return rc;
  char why[MW_ERROR_TEXT_BYTES];
  memcpy(why, err->text, sizeof why);
  rc = mw_disk_set_aside(&queue->disk, err);
  if (rc < 0)
    return rc;
  mw_queue_tell(queue, true, "%s; it is %s.damaged now, and a new one begins", why,
                queue->disk.path);
  return mw_disk_open(&queue->disk, in_child, err);
}

int mw_queue_attach(struct mw_queue *queue, bool in_child, struct mw_error *err)
{
  int rc = open_or_begin_anew(queue, in_child, err);

  if (rc < 0)
    return rc;
  pthread_mutex_lock(&queue->mutex);
  rc = take_over(queue);
  pthread_mutex_unlock(&queue->mutex);
  if (rc < 0) {
    mw_disk_close(&queue->disk);
    return mw_error_set(err, ENOMEM, "out of memory for the queue in %s", queue->disk.dir);
  }
  return 0;
}

void mw_queue_detach(struct mw_queue *queue)
{
  pthread_mutex_lock(&queue->mutex);
  queue->is_attached = false;
  pthread_mutex_unlock(&queue->mutex);
  mw_disk_close(&queue->disk);
}
