#include "moonwatch/queue.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
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
  char name[MW_QUEUE_NAME_MAX_BYTES];
  uint64_t next; /* number of the message that it delivers next, which may be gone already */
  uint64_t delivered_total, dropped_total, set_aside_total;
  bool in_use; /* by a sink */
  bool woken;  /* its next wait, or the one that goes on, ends at once */
};

struct mw_queue {
  size_t max_bytes;
  pthread_cond_t changed;
  pthread_mutex_t mutex; /* guards all below; held for copying pointers only */
  struct node **ring;    /* message n is at n modulo its size, which is a power of two */
  size_t ring_size;
  uint64_t first, end; /* numbers of the messages in the ring: from the first to before the end */
  size_t bytes;
  struct cursor cursors[MW_QUEUE_CURSORS_MAX];
  int cursors_count;
};

/* ---- Nodes ---- */

static struct node *node_new(const struct mw_message *message, struct mw_error *err)
{
  size_t script_bytes = strlen(message->script) + 1, kind_bytes = strlen(message->kind) + 1;
  size_t bytes = sizeof(struct node) + script_bytes + kind_bytes + message->body.len_bytes;
  struct node *node = malloc(bytes);

  if (!node) {
    mw_error_set(err, ENOMEM, "out of memory for a message of %zu bytes", message->body.len_bytes);
    return NULL;
  }
  *node = (struct node){.message = *message, .references = 1, .bytes = bytes + sizeof node};
  node->message.script = memcpy(node->texts, message->script, script_bytes);
  node->message.kind = memcpy(node->texts + script_bytes, message->kind, kind_bytes);
  node->message.body.data =
      memcpy(node->texts + script_bytes + kind_bytes, message->body.data, message->body.len_bytes);
  return node;
}

/* All below with the mutex held. */

static struct node **place_of(const struct mw_queue *queue, uint64_t number)
{
  return &queue->ring[number & (queue->ring_size - 1)];
}

static void release(struct node *node)
{
  if (--node->references == 0)
    free(node);
}

static void remove_first(struct mw_queue *queue)
{
  struct node *node = *place_of(queue, queue->first++);

  queue->bytes -= node->bytes;
  release(node);
}

/* What every sink has had is nobody's any more. */
static void trim(struct mw_queue *queue)
{
  uint64_t wanted = queue->end;

  for (int i = 0; i < queue->cursors_count; i++)
    if (queue->cursors[i].next < wanted)
      wanted = queue->cursors[i].next;
  while (queue->first < wanted)
    remove_first(queue);
}

/* Messages that were dropped before the sink has had them. */
static void skip_dropped(const struct mw_queue *queue, struct cursor *cursor)
{
  if (cursor->next >= queue->first)
    return;
  cursor->dropped_total += queue->first - cursor->next;
  cursor->next = queue->first;
}

static int grow(struct mw_queue *queue, struct mw_error *err)
{
  size_t size = queue->ring_size > 0 ? queue->ring_size * 2 : RING_MIN;
  struct node **ring = calloc(size, sizeof(struct node *));

  if (!ring)
    return mw_error_set(err, ENOMEM, "out of memory for a queue of %zu messages", size);
  for (uint64_t i = queue->first; i < queue->end; i++)
    ring[i & (size - 1)] = *place_of(queue, i);
  free(queue->ring);
  queue->ring = ring;
  queue->ring_size = size;
  return 0;
}

static int append(struct mw_queue *queue, struct node *node, struct mw_error *err)
{
  int rc = 0;

  while (queue->bytes + node->bytes > queue->max_bytes)
    remove_first(queue);
  if (queue->end - queue->first == queue->ring_size)
    rc = grow(queue, err);
  if (rc < 0)
    return rc;
  node->references++;
  node->message.number = queue->end;
  *place_of(queue, queue->end++) = node;
  queue->bytes += node->bytes;
  trim(queue); /* there may be no sink */
  pthread_cond_broadcast(&queue->changed);
  return 0;
}

/* ---- The object ---- */

struct mw_queue *mw_queue_open(const struct mw_queue_config *config, struct mw_error *err)
{
  struct mw_queue *queue = calloc(1, sizeof *queue);

  if (!queue) {
    mw_error_set(err, ENOMEM, "out of memory for a queue of messages");
    return NULL;
  }
  queue->max_bytes = config->buffer_bytes;
  queue->first = queue->end = 1;
  pthread_mutex_init(&queue->mutex, NULL);
  mw_cond_init(&queue->changed);
  return queue;
}

bool mw_queue_close(struct mw_queue *queue, int64_t deadline_ns)
{
  (void)deadline_ns;
  if (!queue)
    return true;
  while (queue->first < queue->end)
    remove_first(queue);
  free(queue->ring);
  pthread_cond_destroy(&queue->changed);
  pthread_mutex_destroy(&queue->mutex);
  free(queue);
  return true;
}

void mw_queue_configure(struct mw_queue *queue, const struct mw_queue_config *config)
{
  pthread_mutex_lock(&queue->mutex);
  queue->max_bytes = config->buffer_bytes;
  while (queue->bytes > queue->max_bytes)
    remove_first(queue);
  pthread_mutex_unlock(&queue->mutex);
}

/* ---- Cursors ---- */

/* With the mutex held. @return its number, or -1. */
static int find_cursor(const struct mw_queue *queue, const char *name)
{
  for (int i = 0; i < queue->cursors_count; i++)
    if (strcmp(queue->cursors[i].name, name) == 0)
      return i;
  return -1;
}

/* @return MW_QUEUE_CURSORS_MAX: there is none. */
static int free_place(const struct mw_queue *queue)
{
  int place = 0;

  while (place < queue->cursors_count && *queue->cursors[place].name)
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
    queue->cursors[cursor] =
        (struct cursor){.next = start == MW_QUEUE_FROM_END ? queue->end : queue->first};
    if (cursor == queue->cursors_count)
      queue->cursors_count++;
    snprintf(queue->cursors[cursor].name, MW_QUEUE_NAME_MAX_BYTES, "%s", name);
  }
  queue->cursors[cursor].in_use = true;
  return cursor;
}

int mw_queue_add_cursor(struct mw_queue *queue, const char *name, enum mw_queue_start start,
                        struct mw_error *err)
{
  if (strlen(name) >= MW_QUEUE_NAME_MAX_BYTES)
    return mw_error_set(err, EINVAL, "the name of a sink has at most %d bytes",
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
  pthread_mutex_unlock(&queue->mutex);
}

/* ---- Traffic ---- */

int mw_queue_put(struct mw_queue *queue, const struct mw_message *message, struct mw_error *err)
{
  struct node *node = node_new(message, err);
  int rc;

  if (!node)
    return -ENOMEM;
  pthread_mutex_lock(&queue->mutex);
  if (node->bytes > queue->max_bytes)
    rc = mw_error_set(err, EMSGSIZE,
                      "a message of %zu bytes is larger than the queue of messages "
                      "(queue.buffer_bytes = %zu)",
                      message->body.len_bytes, queue->max_bytes);
  else
    rc = append(queue, node, err);
  release(node); /* the ring has it, if anybody has */
  pthread_mutex_unlock(&queue->mutex);
  return rc;
}

bool mw_queue_wait(struct mw_queue *queue, int cursor, int64_t deadline_ns)
{
  struct timespec deadline = {.tv_sec = deadline_ns / MW_NS_PER_S,
                              .tv_nsec = deadline_ns % MW_NS_PER_S};
  int rc = 0;

  pthread_mutex_lock(&queue->mutex);
  struct cursor *own = &queue->cursors[cursor];
  while (rc == 0 && !own->woken && own->next == queue->end)
    rc = pthread_cond_timedwait(&queue->changed, &queue->mutex, &deadline);
  own->woken = false;
  bool has_some = own->next < queue->end;
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

void mw_queue_take(struct mw_queue *queue, int cursor, size_t max_count, size_t max_bytes,
                   struct mw_queue_batch *out)
{
  struct cursor *own = &queue->cursors[cursor];
  size_t bytes = 0;

  if (max_count == 0 || max_count > MW_QUEUE_BATCH_MAX)
    max_count = MW_QUEUE_BATCH_MAX;
  out->count = out->late = 0;
  pthread_mutex_lock(&queue->mutex);
  skip_dropped(queue, own);
  out->first = own->next;
  for (uint64_t i = own->next; i < queue->end && out->count < max_count; i++) {
    struct node *node = *place_of(queue, i);
    bytes += node->message.body.len_bytes;
    if (out->count > 0 && bytes > max_bytes)
      break;
    node->references++;
    out->messages[out->count++] = &node->message;
  }
  pthread_mutex_unlock(&queue->mutex);
}

/* A message may have been dropped while it was being delivered: it has arrived all the same. */
void mw_queue_end(struct mw_queue *queue, int cursor, struct mw_queue_batch *batch,
                  size_t delivered)
{
  struct cursor *own = &queue->cursors[cursor];

  pthread_mutex_lock(&queue->mutex);
  own->next = batch->first + delivered;
  own->delivered_total += delivered + batch->late;
  own->dropped_total -= batch->late;
  for (size_t i = 0; i < batch->count; i++) /* the message is the first thing in its node */
    release((struct node *)(uintptr_t)batch->messages[i]);
  batch->count = 0;
  trim(queue);
  pthread_mutex_unlock(&queue->mutex);
}

void mw_queue_set_aside(struct mw_queue *queue, int cursor, uint64_t number)
{
  struct cursor *own = &queue->cursors[cursor];

  pthread_mutex_lock(&queue->mutex);
  if (own->next == number) {
    own->next++;
    own->set_aside_total++;
    trim(queue);
  }
  pthread_mutex_unlock(&queue->mutex);
}

/* Its place is free for another name; those of the others stay. */
int mw_queue_drop_cursor(struct mw_queue *queue, const char *name, struct mw_error *err)
{
  int rc = 0;

  pthread_mutex_lock(&queue->mutex);
  int cursor = find_cursor(queue, name);
  if (cursor < 0 || !*name)
    rc = mw_error_set(err, ENOENT, "no sink %s was ever here", name);
  else if (queue->cursors[cursor].in_use)
    rc = mw_error_set(err, EBUSY, "the sink %s is in use", name);
  else
    queue->cursors[cursor] = (struct cursor){.next = UINT64_MAX};
  trim(queue);
  pthread_mutex_unlock(&queue->mutex);
  return rc;
}

/* ---- How it is ---- */

void mw_queue_usage(struct mw_queue *queue, struct mw_queue_usage *out)
{
  pthread_mutex_lock(&queue->mutex);
  *out = (struct mw_queue_usage){.messages = (size_t)(queue->end - queue->first),
                                 .buffer_messages = (size_t)(queue->end - queue->first),
                                 .buffer_bytes = queue->bytes,
                                 .put_total = queue->end - 1};
  pthread_mutex_unlock(&queue->mutex);
}

/* With the mutex held. */
static struct mw_queue_cursor usage_of(const struct mw_queue *queue, const struct cursor *cursor)
{
  uint64_t next = cursor->next > queue->first ? cursor->next : queue->first;
  struct mw_queue_cursor usage = {.in_use = cursor->in_use,
                                  .waiting = (size_t)(queue->end - next),
                                  .delivered_total = cursor->delivered_total,
                                  .dropped_total = cursor->dropped_total + (next - cursor->next),
                                  .set_aside_total = cursor->set_aside_total};

  memcpy(usage.name, cursor->name, sizeof usage.name);
  if (usage.waiting > 0)
    usage.oldest_at_ns = (*place_of(queue, next))->message.emitted_at_ns;
  return usage;
}

void mw_queue_cursor_usage(struct mw_queue *queue, int cursor, struct mw_queue_cursor *out)
{
  pthread_mutex_lock(&queue->mutex);
  *out = usage_of(queue, &queue->cursors[cursor]);
  pthread_mutex_unlock(&queue->mutex);
}

size_t mw_queue_cursors(struct mw_queue *queue,
                        struct mw_queue_cursor out[static MW_QUEUE_CURSORS_MAX])
{
  size_t count = 0;

  pthread_mutex_lock(&queue->mutex);
  for (int i = 0; i < queue->cursors_count; i++)
    if (*queue->cursors[i].name)
      out[count++] = usage_of(queue, &queue->cursors[i]);
  pthread_mutex_unlock(&queue->mutex);
  return count;
}
