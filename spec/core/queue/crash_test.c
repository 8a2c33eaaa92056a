/* Processes that are killed, and disks that are slow or fail: what was committed is there. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "queue_fixture.h"

/* ---- A disk that does what the test says: LMDB finds this function before that of libc ---- */

static atomic_bool sync_hangs, sync_fails;
static atomic_int syncs_count;

__attribute__((visibility("default"))) int fdatasync(int fd)
{
  atomic_fetch_add(&syncs_count, 1);
  while (atomic_load(&sync_hangs))
    pause_ms(1);
  if (atomic_load(&sync_fails)) {
    errno = EIO;
    return -1;
  }
  return (int)syscall(SYS_fdatasync, fd);
}

static void a_disk_that_hangs_stops_nobody(void **state)
{
  struct fixture *fixture = *state;
  int a, syncs;

  close_queue(fixture);
  fixture->config.buffer_bytes = 50000;
  open_queue(fixture);
  a = add_cursor(fixture, "a");
  EVENTUALLY(usage(fixture).commits_total > 0);
  syncs = atomic_load(&syncs_count);
  atomic_store(&sync_hangs, true);
  put_numbers(fixture, 1, 10);
  EVENTUALLY(atomic_load(&syncs_count) > syncs);
  assert_string_equal(take(fixture, a, -1), "1 2 3 4 5 6 7 8 9 10");
  put_bodies(fixture, 1, 100, 3000); /* more than there is room for */
  assert_true(usage(fixture).buffer_bytes <= 50000);
  struct mw_queue_cursor now = cursor_usage(fixture, a);
  assert_true(now.dropped_total > 50);
  assert_int_equal(now.dropped_total + now.waiting, 100);
  atomic_store(&sync_hangs, false);
  reopen(fixture);
  assert_in_range(cursor_usage(fixture, add_cursor(fixture, "a")).waiting, 1, now.waiting);
}

static void whoever_closes_waits_no_longer_than_it_wants(void **state)
{
  struct fixture *fixture = *state;

  add_cursor(fixture, "a");
  atomic_store(&sync_hangs, true);
  put_numbers(fixture, 1, 10);
  assert_false(mw_queue_close(fixture->queue, now_ns() + 30 * MW_NS_PER_MS));
  fixture->queue = NULL;
  atomic_store(&sync_hangs, false);
  EVENTUALLY((fixture->queue = mw_queue_open(&fixture->config, NULL)) != NULL);
  assert_string_equal(take(fixture, add_cursor(fixture, "a"), -1), "1 2 3 4 5 6 7 8 9 10");
}

static void a_disk_that_fails_is_tried_again(void **state)
{
  struct fixture *fixture = *state;
  int a = add_cursor(fixture, "a");

  atomic_store(&sync_fails, true);
  put_numbers(fixture, 1, 3);
  EVENTUALLY(*usage(fixture).error);
  told(fixture, "Input/output error; messages stay in memory meanwhile");
  assert_string_equal(take(fixture, a, 1), "1 2 3");
  atomic_store(&sync_fails, false);
  EVENTUALLY(!*usage(fixture).error);
  assert_int_equal(usage(fixture).committed_total, 2);
  reopen(fixture);
  assert_string_equal(take(fixture, add_cursor(fixture, "a"), -1), "2 3");
}

/* ---- kill -9 ---- */

#define KILLS 50

/* What the child knows to be in the file, and what it has delivered. */
struct shared {
  _Atomic uint64_t put;       /* body numbers from 1 to this one */
  _Atomic uint64_t committed; /* likewise: all up to this one are in the file */
  _Atomic uint64_t delivered; /* by the sink "quick" */
  _Atomic uint64_t delivered_committed;
};

static void deliver_quickly(struct fixture *fixture, int quick, struct shared *shared)
{
  struct mw_queue_batch batch;

  mw_queue_take(fixture->queue, quick, 3, ANY_BYTES, &batch);
  for (size_t i = 0; i < batch.count; i++)
    atomic_store(&shared->delivered, number_of(batch.messages[i]));
  mw_queue_end(fixture->queue, quick, &batch, batch.count);
}

static void be_killed(struct fixture *fixture, struct shared *shared)
{
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  fixture->config.flush_interval_ns = MW_NS_PER_MS;
  if (!(fixture->queue = mw_queue_open(&fixture->config, &fixture->err))) {
    print_error("%s\n", fixture->err.text);
    _exit(1);
  }
  int quick = add_cursor(fixture, "quick");
  uint64_t first = atomic_load(&shared->put) + 1, before = usage(fixture).committed_total;
  uint64_t commits = 0, delivered = atomic_load(&shared->delivered);

  for (uint64_t i = first;; i++) {
    put_bodies(fixture, i, i, i * 97 % 5000 + 40);
    atomic_store(&shared->put, i);
    struct mw_queue_usage now = usage(fixture);
    atomic_store(&shared->committed, first - 1 + now.committed_total - before);
    if (now.commits_total >= commits + 2) { /* one began behind the last look */
      atomic_store(&shared->delivered_committed, delivered);
      delivered = atomic_load(&shared->delivered);
      commits = now.commits_total;
    }
    deliver_quickly(fixture, quick, shared);
    if (i % 5 == 0)
      pause_ms(1);
  }
}

/* Take everything for @p name. @return how many; the bodies' numbers grow. */
static size_t take_all(struct fixture *fixture, const char *name, uint64_t *first, uint64_t *last)
{
  int cursor = add_cursor(fixture, name);
  struct mw_queue_batch batch;
  size_t count = 0;

  *last = 0;
  while (mw_queue_wait(fixture->queue, cursor, 0)) {
    mw_queue_take(fixture->queue, cursor, 0, ANY_BYTES, &batch);
    for (size_t i = 0; i < batch.count; i++) {
      uint64_t number = number_of(batch.messages[i]);
      assert_true(number > *last);
      *first = count++ == 0 ? number : *first;
      *last = number;
    }
    mw_queue_end(fixture->queue, cursor, &batch, batch.count);
  }
  assert_int_equal(cursor_usage(fixture, cursor).dropped_total, 0);
  mw_queue_leave_cursor(fixture->queue, cursor);
  return count;
}

static void check_after_kill(struct fixture *fixture, struct shared *shared, uint64_t put_before)
{
  uint64_t first = 0, last = 0, committed = atomic_load(&shared->committed);

  EVENTUALLY((fixture->queue = mw_queue_open(&fixture->config, NULL)) != NULL); /* its lock goes */
  size_t count = take_all(fixture, "slow", &first, &last);
  if (committed > put_before) {
    assert_int_equal(first, put_before + 1);
    assert_true(last >= committed);
    assert_int_equal(count, last - first + 1); /* none is missing in between */
  }
  take_all(fixture, "quick", &first, &last);
  if (last > 0) { /* again only what it delivered since the last commit */
    assert_true(first <= atomic_load(&shared->delivered) + 1 || first == put_before + 1);
    assert_true(first > atomic_load(&shared->delivered_committed));
  }
  close_queue(fixture);
}

static void nothing_that_was_committed_is_lost_by_a_kill(void **state)
{
  struct fixture *fixture = *state;
  struct shared *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  unsigned seed = 11;

  add_cursor(fixture, "slow");
  close_queue(fixture);
  for (int i = 0; i < KILLS; i++) {
    uint64_t put_before = atomic_load(&shared->put);
    pid_t child = fork();
    if (child == 0)
      be_killed(fixture, shared);
    EVENTUALLY(atomic_load(&shared->put) > put_before);
    pause_ms(rand_r(&seed) % 40);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    check_after_kill(fixture, shared, put_before);
  }
  print_message("%llu put, %llu committed, %llu delivered\n",
                (unsigned long long)atomic_load(&shared->put),
                (unsigned long long)atomic_load(&shared->committed),
                (unsigned long long)atomic_load(&shared->delivered));
  assert_true(atomic_load(&shared->committed) > KILLS);
  munmap(shared, sizeof *shared);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_disk_that_hangs_stops_nobody),
      TEST(whoever_closes_waits_no_longer_than_it_wants),
      TEST(a_disk_that_fails_is_tried_again),
      TEST(nothing_that_was_committed_is_lost_by_a_kill),
  };

  return cmocka_run_group_tests_name("queue/crash", tests, NULL, NULL);
}
