/* A file that another process reads, while one writes it or none does. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "queue_fixture.h"

static struct mw_queue_reader *open_reader(struct fixture *fixture)
{
  struct mw_queue_reader *reader = mw_queue_reader_open(fixture->dir, &fixture->err);

  if (!reader)
    fail_msg("%s", fixture->err.text);
  return reader;
}

static void messages_are_read_in_order(void **state)
{
  struct fixture *fixture = *state;
  struct mw_message message = {.number = 0};

  add_cursor(fixture, "a");
  put_bodies(fixture, 1, 20, 3000);
  close_queue(fixture);
  struct mw_queue_reader *reader = open_reader(fixture);
  for (uint64_t i = 1; i <= 20; i++) {
    assert_int_equal(mw_queue_reader_next(reader, message.number, 0, &message, NULL), 1);
    assert_int_equal(message.number, i);
    assert_int_equal(number_of(&message), i);
  }
  assert_int_equal(mw_queue_reader_next(reader, 20, 0, &message, NULL), 0);
  assert_int_equal(mw_queue_reader_next(reader, UINT64_MAX, 0, &message, NULL), 0);
  mw_queue_reader_close(reader);
}

static void older_ones_are_passed_over(void **state)
{
  struct fixture *fixture = *state;
  struct mw_message message;

  add_cursor(fixture, "a");
  put_at(fixture, "1", 1, 1000);
  put_at(fixture, "2", 1, 3000);
  put_at(fixture, "3", 1, 2000);
  close_queue(fixture);
  struct mw_queue_reader *reader = open_reader(fixture);
  assert_int_equal(mw_queue_reader_next(reader, 0, 1500, &message, NULL), 1);
  assert_int_equal(message.number, 2);
  assert_int_equal(mw_queue_reader_next(reader, 2, 2500, &message, NULL), 0);
  mw_queue_reader_close(reader);
}

static void it_tells_what_is_there(void **state)
{
  struct fixture *fixture = *state;
  struct mw_queue_file_stats stats;
  int a = add_cursor(fixture, "a");

  add_cursor(fixture, "b");
  for (int i = 1; i <= 10; i++)
    put_at(fixture, "0123456789", 10, 1000 + i);
  take(fixture, a, 4);
  close_queue(fixture);
  struct mw_queue_reader *reader = open_reader(fixture);
  assert_int_equal(mw_queue_reader_stats(reader, &stats, &fixture->err), 0);
  assert_int_equal(stats.messages_count, 10);
  assert_int_equal(stats.first_number, 1);
  assert_int_equal(stats.end_number, 11);
  assert_int_equal(stats.first_at_ns, 1001);
  assert_int_equal(stats.last_at_ns, 1010);
  assert_int_equal(stats.bodies_bytes, 100);
  assert_true(stats.stored_bytes > 100);
  assert_true(stats.used_bytes > 0 && stats.used_bytes <= stats.size_bytes);
  assert_true(stats.is_clean);
  assert_int_equal(stats.cursors_count, 2);
  assert_string_equal(stats.cursors[0].name, "a");
  assert_int_equal(stats.cursors[0].waiting, 6);
  assert_int_equal(stats.cursors[0].delivered_total, 4);
  assert_int_equal(stats.cursors[0].oldest_at_ns, 1005);
  assert_int_equal(stats.cursors[1].waiting, 10);
  mw_queue_reader_close(reader);
}

static void without_a_queue_there_is_nothing_to_read(void **state)
{
  struct fixture *fixture = *state;

  assert_null(mw_queue_reader_open("/nowhere/at/all", &fixture->err));
  assert_int_equal(fixture->err.code, ENOENT);
  assert_null(mw_queue_reader_open(fixture->dir, &fixture->err));
  assert_int_equal(fixture->err.code, EBUSY);
}

static void a_file_that_is_none_is_not_read(void **state)
{
  struct fixture *fixture = *state;

  close_queue(fixture);
  unlink(fixture->path);
  tmptree_write(fixture->path, "nothing of the kind, and long enough to be looked at: "
                               "................................................................"
                               "................................................................");
  assert_null(mw_queue_reader_open(fixture->dir, &fixture->err));
  assert_int_equal(fixture->err.code, EBADMSG);
}

static void a_record_that_changed_is_told(void **state)
{
  struct fixture *fixture = *state;
  static char file[1 << 20];
  struct mw_message message;

  add_cursor(fixture, "a");
  put_bodies(fixture, 1, 3, 200); /* too short to be compressed */
  close_queue(fixture);
  int fd = open(fixture->path, O_RDWR | O_CLOEXEC);
  size_t file_bytes = (size_t)read(fd, file, sizeof file);
  for (char *at = file; (at = memmem(at, file_bytes - (size_t)(at - file), "{\"n\":2,", 7)); at++)
    assert_int_equal(pwrite(fd, "X", 1, at - file + 100), 1); /* in older pages, too */
  close(fd);
  struct mw_queue_reader *reader = open_reader(fixture);
  assert_int_equal(mw_queue_reader_next(reader, 1, 0, &message, &fixture->err), -EBADMSG);
  assert_int_equal(message.number, 2);
  assert_int_equal(mw_queue_reader_next(reader, 2, 0, &message, &fixture->err), 1);
  assert_int_equal(number_of(&message), 3);
  mw_queue_reader_close(reader);
}

/* A process that puts bodies in, as fast as they are committed, until it is killed. */
static pid_t start_writer(struct fixture *fixture)
{
  close_queue(fixture);
  pid_t child = fork();
  if (child != 0)
    return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  fixture->config.file_bytes = MW_QUEUE_FILE_MIN_BYTES;
  fixture->config.flush_interval_ns = MW_NS_PER_MS;
  open_queue(fixture);
  add_cursor(fixture, "a");
  for (uint64_t i = 1;; i++) {
    put_bodies(fixture, i, i, i * 37 % 9000 + 50);
    if (i % 20 == 0)
      pause_ms(1);
  }
}

static void reads_while_another_process_writes(void **state)
{
  struct fixture *fixture = *state;
  struct mw_queue_file_stats stats;
  struct mw_queue_reader *reader = NULL;
  struct mw_message message = {.number = 0};
  pid_t child = start_writer(fixture);
  unsigned count = 0;

  EVENTUALLY((reader = mw_queue_reader_open(fixture->dir, &fixture->err)) != NULL);
  for (int64_t deadline_ns = in_seconds(2); now_ns() < deadline_ns;) {
    uint64_t after = message.number;
    int rc = mw_queue_reader_next(reader, after, 0, &message, &fixture->err);
    if (rc < 0)
      fail_msg("%s", fixture->err.text);
    if (rc == 0)
      continue;
    assert_true(message.number > after);
    assert_int_equal(number_of(&message), message.number);
    if (count++ % 100 == 0) {
      assert_int_equal(mw_queue_reader_stats(reader, &stats, &fixture->err), 0);
      assert_true(stats.is_clean);
    }
  }
  mw_queue_reader_close(reader);
  assert_true(count > 100);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  reader = open_reader(fixture);
  assert_int_equal(mw_queue_reader_stats(reader, &stats, &fixture->err), 0);
  assert_false(stats.is_clean);
  mw_queue_reader_close(reader);
}

static void reads_from_a_disk_that_cannot_be_written(void **state)
{
  struct fixture *fixture = *state;
  struct mw_message message;

  add_cursor(fixture, "a");
  put_bodies(fixture, 1, 3, 100);
  close_queue(fixture);
  if (mount(fixture->root, fixture->root, NULL, MS_BIND, NULL) < 0)
    skip();
  mount(NULL, fixture->root, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
  struct mw_queue_reader *reader = open_reader(fixture);
  assert_int_equal(mw_queue_reader_next(reader, 0, 0, &message, &fixture->err), 1);
  mw_queue_reader_close(reader);

  /* and the queue itself works in memory meanwhile */
  open_queue(fixture);
  assert_false(usage(fixture).has_file);
  assert_non_null(strstr(usage(fixture).error, "ead-only"));
  int a = add_cursor(fixture, "a");
  put_numbers(fixture, 4, 4);
  assert_string_equal(take(fixture, a, -1), "4");
  umount2(fixture->root, MNT_DETACH);
  EVENTUALLY(usage(fixture).has_file);
  assert_int_equal(cursor_usage(fixture, a).waiting, 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(messages_are_read_in_order),
      TEST(older_ones_are_passed_over),
      TEST(it_tells_what_is_there),
      TEST(without_a_queue_there_is_nothing_to_read),
      TEST(a_file_that_is_none_is_not_read),
      TEST(a_record_that_changed_is_told),
      TEST(reads_while_another_process_writes),
      TEST(reads_from_a_disk_that_cannot_be_written),
  };

  return cmocka_run_group_tests_name("queue/reader", tests, NULL, NULL);
}
