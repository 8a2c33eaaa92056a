/* Memory that ends at the n-th allocation of our own code, for every n: an error, and afterwards
 * the same calls work. The thread of the queue allocates, too, so the n-th is not always the same.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "queue_fixture.h"
#include "support/failing_malloc.h"

static const char body[5000];

static int put_some(struct mw_queue *queue)
{
  struct mw_message message = {.script = "s", .kind = "k", .body = {body, sizeof body}};
  int rc = 0;

  for (int i = 0; rc == 0 && i < 3; i++)
    rc = mw_queue_put(queue, &message, NULL);
  return rc;
}

static void deliver(struct mw_queue *queue, int cursor, size_t count_max)
{
  struct mw_queue_batch batch;

  mw_queue_take(queue, cursor, 0, ANY_BYTES, &batch);
  mw_queue_end(queue, cursor, &batch, batch.count < count_max ? batch.count : count_max);
}

static int read_some(struct fixture *fixture)
{
  struct mw_queue_reader *reader = mw_queue_reader_open(fixture->dir, &fixture->err);
  struct mw_message message;
  int rc = reader ? mw_queue_reader_next(reader, 0, 0, &message, NULL) : -fixture->err.code;

  mw_queue_reader_close(reader);
  return rc;
}

/* Open, use and close it. @return 0 or more, or the first failure. */
static int use(struct fixture *fixture)
{
  struct mw_queue *queue = mw_queue_open(&fixture->config, &fixture->err);

  if (!queue)
    return -fixture->err.code;
  int cursor = mw_queue_add_cursor(queue, "a", MW_QUEUE_FROM_BEGINNING, NULL);
  deliver(queue, cursor, SIZE_MAX); /* from the file: all, or each n would have more to allocate */
  int rc = put_some(queue);
  deliver(queue, cursor, 1);
  bool all = mw_queue_close(queue, in_seconds(60));
  return rc < 0 ? rc : !all ? -ENOMEM : read_some(fixture);
}

static void survives_when_memory_ends(void **state)
{
  struct fixture *fixture = *state;
  unsigned failures_count = 0;
  bool reached = true;

  close_queue(fixture);
  fixture->config.flush_interval_ns = MW_NS_PER_S; /* the writer writes at the end */
  for (long n = 1; reached; n++) {
    allocations_total = 0;
    failing_allocation = n;
    int rc = use(fixture);
    failing_allocation = 0;
    reached = allocations_total >= n;
    if (rc < 0 && rc != -ENOMEM && rc != -ENOENT) /* nothing was written by then */
      fail_msg("allocation %ld: %d %s", n, rc, fixture->err.text);
    failures_count += rc < 0;
    assert_true(use(fixture) >= 0);
  }
  assert_true(failures_count > 5);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(survives_when_memory_ends, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
