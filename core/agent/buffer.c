#include "agent/buffer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/thread.h"
#include "moonwatch/clock.h"

#define RING_MIN 64

/* A message with its texts behind it. In the ring, or in batches, or both: counted. */
struct node {
  struct mw_message message;
  unsigned references;
  size_t bytes;
  char texts[];
};

struct cursor {
  uint64_t next; /* number of the message that it delivers next, which may be gone already */
  uint64_t delivered_total, dropped_total;
  bool closed;
  bool removed; /* and closed: its place is free */
  bool woken;   /* its next wait, or the one that goes on, ends at once */
};

struct mw_buffer {
  size_t max_bytes;
  pthread_cond_t changed;
  pthread_mutex_t mutex; /* guards all below; held for copying pointers only */
  struct node **ring;    /* message n is at n modulo its size, which is a power of two */
  size_t ring_size;
  uint64_t first, end; /* numbers of the messages in the ring: from the first to before the end */
  size_t bytes;
  struct cursor cursors[MW_BUFFER_CURSORS_MAX];
  int cursors_count;
};

/* ---- Nodes ---- */

static struct node *node_new(const struct mw_message *message, struct mw_error *err)
{
  size_t task_bytes = strlen(message->task) + 1, kind_bytes = strlen(message->kind) + 1;
  size_t bytes = sizeof(struct node) + task_bytes + kind_bytes + message->body.len_bytes;
  struct node *node = malloc(bytes);

  if (!node) {
    mw_error_set(err, ENOMEM, "out of memory for a message of %zu bytes", message->body.len_bytes);
    return NULL;
  }
  *node = (struct node){.message = *message, .references = 1, .bytes = bytes + sizeof node};
  node->message.task = memcpy(node->texts, message->task, task_bytes);
  node->message.kind = memcpy(node->texts + task_bytes, message->kind, kind_bytes);
  node->message.body.data =
      memcpy(node->texts + task_bytes + kind_bytes, message->body.data, message->body.len_bytes);
  return node;
}

/* All below with the mutex held. */

static struct node **place_of(struct mw_buffer *buffer, uint64_t number)
{
  return &buffer->ring[number & (buffer->ring_size - 1)];
}

static void release(struct node *node)
{
  if (--node->references == 0)
    free(node);
}

static void remove_first(struct mw_buffer *buffer)
{
  struct node *node = *place_of(buffer, buffer->first++);

  buffer->bytes -= node->bytes;
  release(node);
}

/* What every sink has had is nobody's any more. */
static void trim(struct mw_buffer *buffer)
{
  uint64_t wanted = buffer->end;

  for (int i = 0; i < buffer->cursors_count; i++)
    if (!buffer->cursors[i].closed && buffer->cursors[i].next < wanted)
      wanted = buffer->cursors[i].next;
  while (buffer->first < wanted)
    remove_first(buffer);
}

/* Messages that were dropped before the sink has had them. */
static void skip_dropped(const struct mw_buffer *buffer, struct cursor *cursor)
{
  if (cursor->next >= buffer->first)
    return;
  cursor->dropped_total += buffer->first - cursor->next;
  cursor->next = buffer->first;
}

static int grow(struct mw_buffer *buffer, struct mw_error *err)
{
  size_t size = buffer->ring_size > 0 ? buffer->ring_size * 2 : RING_MIN;
  struct node **ring = calloc(size, sizeof(struct node *));

  if (!ring)
    return mw_error_set(err, ENOMEM, "out of memory for a queue of %zu messages", size);
  for (uint64_t i = buffer->first; i < buffer->end; i++)
    ring[i & (size - 1)] = *place_of(buffer, i);
  free(buffer->ring);
  buffer->ring = ring;
  buffer->ring_size = size;
  return 0;
}

static int append(struct mw_buffer *buffer, struct node *node, struct mw_error *err)
{
  int rc = 0;

  while (buffer->bytes + node->bytes > buffer->max_bytes)
    remove_first(buffer);
  if (buffer->end - buffer->first == buffer->ring_size)
    rc = grow(buffer, err);
  if (rc < 0)
    return rc;
  node->references++;
  *place_of(buffer, buffer->end++) = node;
  buffer->bytes += node->bytes;
  trim(buffer); /* there may be no sink */
  pthread_cond_broadcast(&buffer->changed);
  return 0;
}

/* ---- The object ---- */

struct mw_buffer *mw_buffer_new(size_t max_bytes, struct mw_error *err)
{
  struct mw_buffer *buffer = calloc(1, sizeof *buffer);

  if (!buffer) {
    mw_error_set(err, ENOMEM, "out of memory for a queue of messages");
    return NULL;
  }
  buffer->max_bytes = max_bytes;
  pthread_mutex_init(&buffer->mutex, NULL);
  mw_cond_init(&buffer->changed);
  return buffer;
}

void mw_buffer_free(struct mw_buffer *buffer)
{
  if (!buffer)
    return;
  while (buffer->first < buffer->end)
    remove_first(buffer);
  free(buffer->ring);
  pthread_cond_destroy(&buffer->changed);
  pthread_mutex_destroy(&buffer->mutex);
  free(buffer);
}

int mw_buffer_add_cursor(struct mw_buffer *buffer, struct mw_error *err)
{
  int cursor = -ENOSPC;

  pthread_mutex_lock(&buffer->mutex);
  for (int i = 0; i < buffer->cursors_count && cursor < 0; i++)
    if (buffer->cursors[i].removed)
      cursor = i;
  if (cursor < 0 && buffer->cursors_count < MW_BUFFER_CURSORS_MAX)
    cursor = buffer->cursors_count++;
  if (cursor >= 0)
    buffer->cursors[cursor] = (struct cursor){.next = buffer->end};
  pthread_mutex_unlock(&buffer->mutex);
  return cursor >= 0
             ? cursor
             : mw_error_set(err, ENOSPC, "there are more than %d sinks", MW_BUFFER_CURSORS_MAX);
}

int mw_buffer_put(struct mw_buffer *buffer, const struct mw_message *message, struct mw_error *err)
{
  struct node *node = node_new(message, err);
  int rc;

  if (!node)
    return -ENOMEM;
  pthread_mutex_lock(&buffer->mutex);
  if (node->bytes > buffer->max_bytes)
    rc = mw_error_set(err, EMSGSIZE,
                      "a message of %zu bytes is larger than the buffer of messages "
                      "(buffer_bytes = %zu)",
                      message->body.len_bytes, buffer->max_bytes);
  else
    rc = append(buffer, node, err);
  release(node); /* the ring has it, if anybody has */
  pthread_mutex_unlock(&buffer->mutex);
  return rc;
}

bool mw_buffer_wait(struct mw_buffer *buffer, int cursor, int64_t deadline_ns)
{
  struct timespec deadline = {.tv_sec = deadline_ns / MW_NS_PER_S,
                              .tv_nsec = deadline_ns % MW_NS_PER_S};
  int rc = 0;

  pthread_mutex_lock(&buffer->mutex);
  struct cursor *own = &buffer->cursors[cursor];
  while (rc == 0 && !own->woken && own->next == buffer->end)
    rc = pthread_cond_timedwait(&buffer->changed, &buffer->mutex, &deadline);
  own->woken = false;
  bool has_some = own->next < buffer->end;
  pthread_mutex_unlock(&buffer->mutex);
  return has_some;
}

void mw_buffer_wake(struct mw_buffer *buffer)
{
  pthread_mutex_lock(&buffer->mutex);
  for (int i = 0; i < buffer->cursors_count; i++)
    buffer->cursors[i].woken = true;
  pthread_cond_broadcast(&buffer->changed);
  pthread_mutex_unlock(&buffer->mutex);
}

void mw_buffer_take(struct mw_buffer *buffer, int cursor, size_t max_bytes, struct mw_batch *out)
{
  struct cursor *own = &buffer->cursors[cursor];
  size_t bytes = 0;

  out->count = out->late = 0;
  pthread_mutex_lock(&buffer->mutex);
  skip_dropped(buffer, own);
  out->first = own->next;
  for (uint64_t i = own->next; i < buffer->end && out->count < MW_BATCH_MESSAGES_MAX; i++) {
    struct node *node = *place_of(buffer, i);
    bytes += node->message.body.len_bytes;
    if (out->count > 0 && bytes > max_bytes)
      break;
    node->references++;
    out->messages[out->count++] = &node->message;
  }
  pthread_mutex_unlock(&buffer->mutex);
}

/* A message may have been dropped while it was being delivered: it has arrived all the same. */
void mw_buffer_end(struct mw_buffer *buffer, int cursor, struct mw_batch *batch, size_t delivered)
{
  struct cursor *own = &buffer->cursors[cursor];

  pthread_mutex_lock(&buffer->mutex);
  own->next = batch->first + delivered;
  own->delivered_total += delivered + batch->late;
  own->dropped_total -= batch->late;
  for (size_t i = 0; i < batch->count; i++) /* the message is the first thing in its node */
    release((struct node *)(uintptr_t)batch->messages[i]);
  batch->count = 0;
  trim(buffer);
  pthread_mutex_unlock(&buffer->mutex);
}

void mw_buffer_close_cursor(struct mw_buffer *buffer, int cursor)
{
  struct cursor *own = &buffer->cursors[cursor];

  pthread_mutex_lock(&buffer->mutex);
  own->dropped_total += buffer->end - own->next;
  own->closed = true;
  trim(buffer);
  pthread_mutex_unlock(&buffer->mutex);
}

void mw_buffer_remove_cursor(struct mw_buffer *buffer, int cursor)
{
  pthread_mutex_lock(&buffer->mutex);
  buffer->cursors[cursor].closed = buffer->cursors[cursor].removed = true;
  trim(buffer);
  pthread_mutex_unlock(&buffer->mutex);
}

void mw_buffer_usage(struct mw_buffer *buffer, struct mw_buffer_usage *out)
{
  pthread_mutex_lock(&buffer->mutex);
  *out = (struct mw_buffer_usage){.messages = (size_t)(buffer->end - buffer->first),
                                  .bytes = buffer->bytes,
                                  .put_total = buffer->end};
  pthread_mutex_unlock(&buffer->mutex);
}

void mw_buffer_cursor_usage(struct mw_buffer *buffer, int cursor, struct mw_cursor_usage *out)
{
  pthread_mutex_lock(&buffer->mutex);
  const struct cursor *own = &buffer->cursors[cursor];
  uint64_t next = own->next > buffer->first ? own->next : buffer->first;
  if (own->closed)
    next = own->next;
  *out = (struct mw_cursor_usage){.waiting = own->closed ? 0 : (size_t)(buffer->end - next),
                                  .delivered_total = own->delivered_total,
                                  .dropped_total = own->dropped_total + (next - own->next)};
  pthread_mutex_unlock(&buffer->mutex);
}
