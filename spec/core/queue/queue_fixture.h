/** @file queue_fixture.h  A queue with a file in a temporary folder, and short words for its calls.
 *  Behind <cmocka.h>. */
#ifndef QUEUE_FIXTURE_H
#define QUEUE_FIXTURE_H

#include <inttypes.h>
#include <pthread.h>

#include "moonwatch/clock.h"
#include "moonwatch/queue.h"
#include "support/tmptree.h"

#define ANY_BYTES ((size_t)1 << 30)
#define TICK_NS (5 * MW_NS_PER_MS)

/* The writer speaks, too. */
static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;

struct fixture {
  char root[TMPTREE_ROOT_BYTES];
  char dir[TMPTREE_ROOT_BYTES + 16];
  char path[TMPTREE_ROOT_BYTES + 32]; /* of the file */
  struct mw_queue_config config;
  struct mw_queue *queue;
  char told[8192]; /* what the queue said, line by line; behind told_lock */
  struct mw_error err;
};

static inline int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

static inline int64_t in_seconds(int64_t seconds)
{
  return now_ns() + seconds * MW_NS_PER_S;
}

static inline void pause_ms(int64_t ms)
{
  const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * MW_NS_PER_MS};

  nanosleep(&pause, NULL);
}

static inline void note_told(void *data, bool is_error, const char *text)
{
  struct fixture *fixture = data;

  pthread_mutex_lock(&told_lock);
  size_t used = strlen(fixture->told);
  snprintf(fixture->told + used, sizeof fixture->told - used, "%s%s\n", is_error ? "! " : "", text);
  pthread_mutex_unlock(&told_lock);
}

static inline void open_queue(struct fixture *fixture)
{
  fixture->queue = mw_queue_open(&fixture->config, &fixture->err);
  if (!fixture->queue)
    fail_msg("%s", fixture->err.text);
}

static inline void close_queue(struct fixture *fixture)
{
  if (fixture->queue)
    assert_true(mw_queue_close(fixture->queue, in_seconds(60)));
  fixture->queue = NULL;
}

static inline void reopen(struct fixture *fixture)
{
  close_queue(fixture);
  open_queue(fixture);
}

/* In memory where that is possible: each commit waits for the disk. */
static inline void prepare(struct fixture *fixture)
{
  *fixture = (struct fixture){0};
  snprintf(fixture->root, sizeof fixture->root, "%s", "/dev/shm/moonwatch-test.XXXXXX");
  if (!mkdtemp(fixture->root))
    tmptree_make(fixture->root);
  snprintf(fixture->dir, sizeof fixture->dir, "%s/a/queue", fixture->root);
  snprintf(fixture->path, sizeof fixture->path, "%s/data.mdb", fixture->dir);
  fixture->config = (struct mw_queue_config){.dir = fixture->dir,
                                             .buffer_bytes = (size_t)4 << 20,
                                             .flush_interval_ns = TICK_NS,
                                             .tell = note_told,
                                             .tell_data = fixture};
}

static inline int set_up(void **state)
{
  static struct fixture fixture;

  prepare(&fixture);
  open_queue(&fixture);
  *state = &fixture;
  return 0;
}

static inline int tear_down(void **state)
{
  struct fixture *fixture = *state;

  mw_queue_close(fixture->queue, in_seconds(60));
  tmptree_remove(fixture->root);
  return 0;
}

static inline int add_cursor(struct fixture *fixture, const char *name)
{
  int cursor = mw_queue_add_cursor(fixture->queue, name, MW_QUEUE_FROM_BEGINNING, &fixture->err);

  if (cursor < 0)
    fail_msg("%s", fixture->err.text);
  return cursor;
}

static inline struct mw_queue_usage usage(const struct fixture *fixture)
{
  struct mw_queue_usage out;

  mw_queue_usage(fixture->queue, &out);
  return out;
}

static inline struct mw_queue_cursor cursor_usage(const struct fixture *fixture, int cursor)
{
  struct mw_queue_cursor out;

  mw_queue_cursor_usage(fixture->queue, cursor, &out);
  return out;
}

static inline int64_t wall_ns(void)
{
  return mw_clock_wall_ns(mw_clock_system());
}

static inline int put_at(const struct fixture *fixture, const char *body, size_t body_bytes,
                         int64_t emitted_at_ns)
{
  struct mw_message message = {.script = "demo",
                               .kind = "test",
                               .schema = 3,
                               .emitted_at_ns = emitted_at_ns,
                               .body = {body, body_bytes}};
  return mw_queue_put(fixture->queue, &message, NULL);
}

static inline void put(const struct fixture *fixture, const char *body)
{
  assert_int_equal(put_at(fixture, body, strlen(body), wall_ns()), 0);
}

static inline void put_numbers(const struct fixture *fixture, int from, int to)
{
  char body[16];

  for (int i = from; i <= to; i++) {
    snprintf(body, sizeof body, "%d", i);
    put(fixture, body);
  }
}

/* Bodies that tell their number, and whose bytes follow from it; they do not compress well. */
static inline size_t make_body(char *out, uint64_t number, size_t body_bytes)
{
  uint64_t state = number * 2654435761u + 1;
  size_t used = (size_t)sprintf(out, "{\"n\":%" PRIu64 ",\"x\":\"", number);

  while (used + 2 < body_bytes) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    out[used++] = (char)('!' + 2 + (state >> 33) % 56);
  }
  used += (size_t)sprintf(out + used, "\"}");
  return used;
}

static inline void put_bodies(const struct fixture *fixture, uint64_t from, uint64_t to,
                              size_t body_bytes)
{
  char *body = malloc(body_bytes + 64);

  for (uint64_t i = from; i <= to; i++)
    assert_int_equal(put_at(fixture, body, make_body(body, i, body_bytes), wall_ns()), 0);
  free(body);
}

/* The number that a body tells, which is what make_body wrote, byte by byte. */
static inline uint64_t number_of(const struct mw_message *message)
{
  char *body = malloc(message->body.len_bytes + 64);
  uint64_t number = 0;

  assert_int_equal(sscanf(message->body.data, "{\"n\":%" SCNu64, &number), 1);
  assert_int_equal(make_body(body, number, message->body.len_bytes), message->body.len_bytes);
  assert_memory_equal(body, message->body.data, message->body.len_bytes);
  assert_string_equal(message->script, "demo");
  assert_string_equal(message->kind, "test");
  assert_int_equal(message->schema, 3);
  free(body);
  return number;
}

/* Wait for what the writer does in its own time. */
#define EVENTUALLY(condition)                                                                      \
  do {                                                                                             \
    int64_t deadline_ns = in_seconds(30);                                                          \
    while (!(condition)) {                                                                         \
      if (now_ns() > deadline_ns)                                                                  \
        fail_msg("never: %s", #condition);                                                         \
      pause_ms(1);                                                                                 \
    }                                                                                              \
  } while (0)

/* Take what is there, and say that @p delivered of it (-1: all) were delivered. @return the bodies,
 * blanks between them. */
static inline const char *take(const struct fixture *fixture, int cursor, int delivered)
{
  static char text[16384];
  struct mw_queue_batch batch;
  size_t used = 0;

  text[0] = '\0';
  mw_queue_take(fixture->queue, cursor, 0, ANY_BYTES, &batch);
  for (size_t i = 0; i < batch.count && used + 1 < sizeof text; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%.*s", i > 0 ? " " : "",
                             (int)batch.messages[i]->body.len_bytes, batch.messages[i]->body.data);
  mw_queue_end(fixture->queue, cursor, &batch, delivered < 0 ? batch.count : (size_t)delivered);
  return text;
}

static inline bool has_told(const struct fixture *fixture, const char *piece)
{
  pthread_mutex_lock(&told_lock);
  bool found = strstr(fixture->told, piece) != NULL;
  pthread_mutex_unlock(&told_lock);
  return found;
}

/* Its usage shows an error before the writer says it. */
static inline void told(const struct fixture *fixture, const char *piece)
{
  int64_t deadline_ns = in_seconds(30);

  while (!has_told(fixture, piece) && now_ns() < deadline_ns)
    pause_ms(1);
  if (!has_told(fixture, piece))
    fail_msg("\"%s\" is not in \"%s\"", piece, fixture->told);
}

#endif
