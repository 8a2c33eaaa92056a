/* Sinks and their threads; meant to be run under the thread checker, too. */
#include "agent/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "agent/lines.h"
#include "moonwatch/clock.h"
#include "support/tmptree.h"

#define GENEROUS_NS (30 * MW_NS_PER_S)

static struct mw_queue *open_queue(size_t buffer_bytes)
{
  const struct mw_queue_config config = {.buffer_bytes = buffer_bytes};
  return mw_queue_open(&config, NULL);
}

static struct mw_error err;

struct fixture {
  char dir[TMPTREE_ROOT_BYTES];
  char path[80];
  struct mw_queue *buffer;
  struct mw_sink *sink;
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->dir);
  snprintf(f->path, sizeof f->path, "%s/out.jsonl", f->dir);
  f->buffer = open_queue((size_t)1 << 20);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  size_t left;

  assert_true(mw_sink_stop(f->sink, 0, &left));
  mw_queue_close(f->buffer, 0);
  tmptree_remove(f->dir);
  free(f);
  return 0;
}

static void start(struct fixture *f, const struct mw_sink_ops *ops, void *data)
{
  struct mw_sink_config config = {.name = "test", .ops = ops, .data = data, .queue = f->buffer};

  f->sink = mw_sink_start(&config, &err);
  assert_non_null(f->sink);
}

static size_t stop(struct fixture *f, int64_t deadline_ns)
{
  size_t left;

  assert_true(mw_sink_stop(f->sink, deadline_ns, &left));
  f->sink = NULL;
  return left;
}

static void put(struct fixture *f, const char *body)
{
  struct mw_message message = {.script = "demo",
                               .kind = "metric",
                               .schema = 1,
                               .emitted_at_ns = 1700000000 * MW_NS_PER_S + 7 * MW_NS_PER_MS,
                               .body = {body, strlen(body)}};
  assert_int_equal(mw_queue_put(f->buffer, &message, &err), 0);
}

static void put_numbers(struct fixture *f, int from, int to)
{
  char body[32];

  for (int i = from; i <= to; i++) {
    snprintf(body, sizeof body, "{\"n\":%d}", i);
    put(f, body);
  }
}

static void wait_for_delivery(struct fixture *f, uint64_t total)
{
  struct mw_delivery_status status;

  do {
    sched_yield();
    mw_sink_status(f->sink, &status);
  } while (status.usage.delivered_total < total);
}

static void wait_for_failure(struct fixture *f)
{
  struct mw_delivery_status status;

  do {
    sched_yield();
    mw_sink_status(f->sink, &status);
  } while (status.failures_total == 0);
}

/* ---- What delivers, in tests ---- */

struct far_end {
  atomic_int failures_left, stuck, hanging, asked, seen, reopened;
  char bodies[4096];
  size_t used;
};

static int far_end_deliver(void *data, struct mw_queue_batch *batch, int64_t deadline_ns,
                           size_t *delivered, struct mw_error *why)
{
  struct far_end *end = data;

  *delivered = 0;
  atomic_fetch_add(&end->asked, 1);
  while (atomic_load(&end->hanging))
    sched_yield();
  if (end->stuck) {
    while (now_ns() < deadline_ns)
      sched_yield();
    return mw_error_set(why, ETIMEDOUT, "stuck");
  }
  for (; *delivered < batch->count; ++*delivered) {
    if (atomic_load(&end->failures_left) > 0 && *delivered == 1) {
      atomic_fetch_sub(&end->failures_left, 1);
      return mw_error_set(why, EIO, "no luck");
    }
    const struct mw_slice *body = &batch->messages[*delivered]->body;
    end->used += (size_t)snprintf(end->bodies + end->used, sizeof end->bodies - end->used, "%.*s",
                                  (int)body->len_bytes, body->data);
    atomic_fetch_add(&end->seen, 1);
  }
  return 0;
}

static void far_end_reopen(void *data)
{
  atomic_fetch_add(&((struct far_end *)data)->reopened, 1);
}

static void far_end_free(void *data)
{
  (void)data;
}

static const struct mw_sink_ops far_end_ops = {
    .deliver = far_end_deliver, .reopen = far_end_reopen, .free = far_end_free};

static void a_sink_delivers_in_order_and_tries_again(void **state)
{
  struct fixture *f = *state;
  struct far_end end = {.failures_left = 2};

  put_numbers(f, 0, 0); /* before it was there: not for it */
  start(f, &far_end_ops, &end);
  put_numbers(f, 1, 5);
  wait_for_delivery(f, 5);
  assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
  assert_string_equal(end.bodies, "{\"n\":1}{\"n\":2}{\"n\":3}{\"n\":4}{\"n\":5}");
}

static void the_end_delivers_what_is_left(void **state)
{
  struct fixture *f = *state;
  struct far_end end = {0};

  for (int round = 0; round < 20; round++) {
    start(f, &far_end_ops, &end);
    put_numbers(f, 1, 3);
    assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
    mw_queue_close(f->buffer, 0); /* cursors are for ever */
    f->buffer = open_queue((size_t)1 << 20);
    assert_int_equal(end.seen, 3 * (round + 1));
  }
}

static void the_end_does_not_wait_for_who_is_stuck(void **state)
{
  struct fixture *f = *state;
  struct far_end end = {.stuck = 1};

  start(f, &far_end_ops, &end);
  put_numbers(f, 1, 3);
  assert_int_equal(stop(f, now_ns() + 20 * MW_NS_PER_MS), 3);
}

static void the_end_gives_up_who_hangs(void **state)
{
  struct fixture *f = *state;
  struct far_end end = {.hanging = 1};
  size_t left;

  start(f, &far_end_ops, &end);
  put_numbers(f, 1, 3);
  while (atomic_load(&end.asked) == 0)
    sched_yield();
  assert_false(mw_sink_stop(f->sink, now_ns(), &left));
  assert_int_equal(left, 3);
  atomic_store(&end.hanging, 0);
  stop(f, now_ns() + GENEROUS_NS);
}

static void a_sink_reopens_without_a_message(void **state)
{
  struct fixture *f = *state;
  struct far_end end = {0};

  start(f, &far_end_ops, &end);
  mw_sink_reopen(f->sink);
  while (atomic_load(&end.reopened) == 0)
    sched_yield();
}

/* ---- Lines ---- */

static void a_message_is_one_line(void **state)
{
  static const char expected[] =
      "{\"body\":{\"n\":1},\"emitted_at\":\"2023-11-14T22:13:20.007Z\",\"kind\":\"metric\","
      "\"number\":1,\"schema\":1,\"script\":\"demo\"}\n";
  struct fixture *f = *state;
  int ends[2];
  char text[1024];

  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  start(f, &mw_sink_stream_ops, mw_sink_stream_new(ends[1], &err));
  put_numbers(f, 1, 1);
  assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
  assert_int_equal(read(ends[0], text, sizeof text), sizeof expected - 1);
  assert_memory_equal(text, expected, sizeof expected - 1);
  close(ends[0]);
  close(ends[1]);
}

static void a_line_for_a_slow_reader_stays_whole(void **state)
{
  enum { BODY_BYTES = 300000 };
  struct fixture *f = *state;
  char *body = calloc(1, BODY_BYTES + 1), *text = calloc(1, 2 * BODY_BYTES);
  size_t used = 0;
  int ends[2];

  memset(body, ' ', BODY_BYTES); /* blanks around it are JSON, too */
  memcpy(body, "{}", 2);
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  start(f, &mw_sink_stream_ops, mw_sink_stream_new(ends[1], &err));
  put(f, body);
  put_numbers(f, 2, 2);
  for (ssize_t got = 1; got > 0 && !strstr(text + (used > 40 ? used - 200 : 0), "\"n\":2");) {
    got = read(ends[0], text + used, 2 * BODY_BYTES - 1 - used);
    used += got > 0 ? (size_t)got : 0;
  }
  wait_for_delivery(f, 2);
  char *second = strchr(text, '\n') + 1;
  assert_in_range(second - text, BODY_BYTES, BODY_BYTES + 200);
  assert_int_equal(strncmp(second, "{\"body\":{\"n\":2}", 15), 0);
  close(ends[0]);
  close(ends[1]);
  free(body);
  free(text);
}

static void a_terminal_that_nobody_reads_blocks_nobody(void **state)
{
  struct fixture *f = *state;
  int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

  if (terminal < 0)
    skip();
  assert_int_equal(grantpt(terminal), 0);
  assert_int_equal(unlockpt(terminal), 0);
  int fd = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  assert_true(fd >= 0);
  start(f, &mw_sink_stream_ops, mw_sink_stream_new(fd, &err));
  put_numbers(f, 1, 2000);
  assert_in_range(stop(f, now_ns() + 20 * MW_NS_PER_MS), 1, 2000);
  close(fd);
  close(terminal);
}

static void note_given_up(void *data)
{
  atomic_fetch_add((atomic_int *)data, 1);
}

static void a_reader_that_went_is_given_up_and_keeps_nothing(void **state)
{
  struct fixture *f = *state;
  struct mw_queue_usage usage;
  struct mw_delivery_status status;
  atomic_int given_up = 0;
  int ends[2];

  signal(SIGPIPE, SIG_IGN);
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  struct mw_sink_config config = {.name = "test",
                                  .ops = &mw_sink_stream_ops,
                                  .data = mw_sink_stream_new(ends[1], &err),
                                  .queue = f->buffer,
                                  .on_given_up = note_given_up,
                                  .on_given_up_data = &given_up};
  f->sink = mw_sink_start(&config, &err);
  assert_non_null(f->sink);
  close(ends[0]);
  put_numbers(f, 1, 3);
  while (atomic_load(&given_up) == 0)
    sched_yield();
  put_numbers(f, 4, 5);
  mw_sink_status(f->sink, &status);
  assert_int_equal(status.failures_total, 1);
  assert_int_equal(status.usage.waiting, 0);
  mw_queue_usage(f->buffer, &usage);
  assert_int_equal(usage.messages, 0);
  assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
  close(ends[1]);
}

static size_t newlines_that_are_there(int fd)
{
  char text[65536];
  size_t lines = 0;

  for (ssize_t got; (got = read(fd, text, sizeof text)) > 0;)
    for (ssize_t i = 0; i < got; i++)
      lines += text[i] == '\n';
  return lines;
}

static void what_was_dropped_half_way_and_arrives_counts_as_delivered(void **state)
{
  enum { BODY_BYTES = 300000 };
  struct fixture *f = *state;
  char *body = calloc(1, BODY_BYTES + 1);
  struct mw_delivery_status status;
  size_t lines = 0;
  int ends[2];

  memset(body, ' ', BODY_BYTES);
  memcpy(body, "{}", 2);
  assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
  assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  start(f, &mw_sink_stream_ops, mw_sink_stream_new(ends[1], &err));
  put(f, body);
  wait_for_failure(f); /* the pipe has a part of it */
  for (int i = 0; i < 4; i++)
    put(f, body); /* more than the buffer has room for */
  do {
    lines += newlines_that_are_there(ends[0]);
    mw_sink_status(f->sink, &status);
  } while (status.usage.waiting > 0);
  lines += newlines_that_are_there(ends[0]);
  assert_int_equal(status.usage.delivered_total, lines);
  assert_int_equal(status.usage.dropped_total, 5 - lines);
  close(ends[0]);
  close(ends[1]);
  free(body);
}

/* ---- Files ---- */

static size_t lines_in(const char *path)
{
  char text[65536];
  size_t lines = 0;

  if (access(path, F_OK) != 0)
    return 0;
  tmptree_read(path, text, sizeof text);
  for (const char *c = text; *c; c++)
    lines += *c == '\n';
  return lines;
}

static size_t lines_in_old(struct fixture *f, int number)
{
  char path[128];

  snprintf(path, sizeof path, "%s.%d", f->path, number);
  return lines_in(path);
}

static void start_file(struct fixture *f, struct mw_sink_file_config config)
{
  config.path = f->path;
  start(f, &mw_sink_file_ops, mw_sink_file_new(&config, &err));
}

static void a_file_grows_where_it_was(void **state)
{
  struct fixture *f = *state;
  struct stat status;

  tmptree_write(f->path, "before\n");
  assert_int_equal(chmod(f->path, 0600), 0);
  start_file(f, (struct mw_sink_file_config){.keep = 2});
  put_numbers(f, 1, 3);
  assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
  assert_int_equal(lines_in(f->path), 4);
  assert_int_equal(stat(f->path, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_file_is_rotated_before_it_is_too_large(void **state)
{
  struct fixture *f = *state;
  struct stat status;

  start_file(f, (struct mw_sink_file_config){.max_bytes = 400, .keep = 2});
  put_numbers(f, 100, 109);
  assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
  assert_int_equal(stat(f->path, &status), 0);
  assert_in_range(status.st_size, 1, 512);
  assert_int_equal(lines_in_old(f, 1), lines_in_old(f, 2));
  assert_in_range(lines_in_old(f, 1), 3, 4);
  assert_int_equal(lines_in_old(f, 3), 0);
}

static void old_files_behind_a_gap_stay(void **state)
{
  struct fixture *f = *state;
  char path[128];

  for (int number = 1; number <= 4; number++) {
    snprintf(path, sizeof path, "%s.%d", f->path, number);
    if (number != 2)
      tmptree_write(path, number == 4 ? "4\n4\n4\n4\n" : "3\n3\n3\n");
  }
  start_file(f, (struct mw_sink_file_config){.max_bytes = 10, .keep = 4});
  put_numbers(f, 1, 2);
  assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
  assert_int_equal(lines_in_old(f, 1), 1);
  assert_int_equal(lines_in_old(f, 2), 3);
  assert_int_equal(lines_in_old(f, 3), 3);
  assert_int_equal(lines_in_old(f, 4), 4);
}

static void a_message_larger_than_a_file_gets_one_of_its_own(void **state)
{
  struct fixture *f = *state;

  start_file(f, (struct mw_sink_file_config){.max_bytes = 10, .keep = 9});
  put_numbers(f, 1, 3);
  assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
  for (int i = 1; i <= 2; i++)
    assert_int_equal(lines_in_old(f, i), 1);
  assert_int_equal(lines_in(f->path), 1);
}

static void a_file_that_was_moved_is_made_anew_when_told(void **state)
{
  struct fixture *f = *state;
  char moved[128];

  snprintf(moved, sizeof moved, "%s.moved", f->path);
  start_file(f, (struct mw_sink_file_config){.keep = 2});
  put_numbers(f, 1, 2);
  wait_for_delivery(f, 2);
  assert_int_equal(rename(f->path, moved), 0);
  put_numbers(f, 3, 3);
  wait_for_delivery(f, 3);
  assert_int_equal(lines_in(moved), 3);
  mw_sink_reopen(f->sink);
  put_numbers(f, 4, 4);
  assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
  assert_int_equal(lines_in(f->path) + lines_in(moved), 4);
  assert_int_equal(lines_in(f->path), 1);
}

static void what_cannot_be_opened_is_said_and_tried_again(void **state)
{
  struct fixture *f = *state;
  struct mw_delivery_status status;

  assert_int_equal(mkdir(f->path, 0755), 0);
  start_file(f, (struct mw_sink_file_config){.keep = 2});
  put_numbers(f, 1, 2);
  do {
    sched_yield();
    mw_sink_status(f->sink, &status);
  } while (!*status.error);
  assert_non_null(strstr(status.error, "out.jsonl"));
  assert_int_equal(rmdir(f->path), 0);
  wait_for_delivery(f, 2);
  assert_int_equal(lines_in(f->path), 2);
  do {
    sched_yield();
    mw_sink_status(f->sink, &status);
  } while (*status.error);
  assert_true(status.failures_total > 0);
}

static void a_sink_waits_while_the_disk_is_full(void **state)
{
  struct fixture *f = *state;
  struct mw_queue_batch batch = {.count = 1};
  struct mw_message message = {.script = "t", .kind = "k", .body = {"{}", 2}};
  struct mw_lines lines;
  size_t written;
  int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

  (void)f;
  batch.messages[0] = &message;
  mw_lines_init(&lines);
  assert_int_equal(mw_lines_write(&lines, fd, &batch, 0, now_ns() + GENEROUS_NS, &written, &err),
                   -ENOSPC);
  assert_int_equal(written, 0);
  mw_lines_deinit(&lines);
  close(fd);
}

static void a_line_that_does_not_fit_is_taken_back(void **state)
{
  struct fixture *f = *state;
  struct rlimit before, small;
  char text[1024];

  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = (struct rlimit){.rlim_cur = 250, .rlim_max = before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  start_file(f, (struct mw_sink_file_config){.keep = 2});
  put_numbers(f, 1, 3);
  wait_for_failure(f);
  tmptree_read(f->path, text, sizeof text);
  assert_int_equal(lines_in(f->path), 2);
  assert_int_equal(text[strlen(text) - 1], '\n');
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
  assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
  assert_int_equal(lines_in(f->path), 3);
}

static void assert_file_becomes(struct fixture *f, const char *before, const char *expected)
{
  char text[1024];

  tmptree_write(f->path, before);
  start_file(f, (struct mw_sink_file_config){.keep = 2});
  put_numbers(f, 1, 1);
  assert_int_equal(stop(f, now_ns() + GENEROUS_NS), 0);
  tmptree_read(f->path, text, sizeof text);
  if (strncmp(text, expected, strlen(expected)) != 0)
    fail_msg("\"%s\" became \"%s\"", before, text);
}

static void a_line_that_a_crash_has_cut_is_taken_back(void **state)
{
  struct fixture *f = *state;

  assert_file_becomes(f, "{\"body\":{}}\n{\"body\":{\"n\":7", "{\"body\":{}}\n{\"body\":{\"n\":1}");
  assert_file_becomes(f, "whole\n{\"b", "whole\n{\"body\":{\"n\":1}");
  assert_file_becomes(f, "{", "{\"body\":{\"n\":1}");
}

static void what_somebody_else_has_written_stays_and_is_ended(void **state)
{
  struct fixture *f = *state;

  assert_file_becomes(f, "a\nmine", "a\nmine\n{\"body\":{\"n\":1}");
  assert_file_becomes(f, "{\"bones\"", "{\"bones\"\n{\"body\":{\"n\":1}");
}

static void a_file_belongs_to_one_agent(void **state)
{
  struct fixture *f = *state;
  struct mw_delivery_status status;
  int other = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

  assert_int_equal(flock(other, LOCK_EX), 0);
  start_file(f, (struct mw_sink_file_config){.keep = 2});
  put_numbers(f, 1, 2);
  wait_for_failure(f);
  mw_sink_status(f->sink, &status);
  assert_non_null(strstr(status.error, f->path));
  assert_non_null(strstr(status.error, "is written by another process"));
  assert_int_equal(lines_in(f->path), 0);
  close(other);
  wait_for_delivery(f, 2);
  assert_int_equal(flock(other = open(f->path, O_RDONLY | O_CLOEXEC), LOCK_EX | LOCK_NB), -1);
  close(other);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(a_sink_delivers_in_order_and_tries_again),
      CASE(the_end_delivers_what_is_left),
      CASE(the_end_does_not_wait_for_who_is_stuck),
      CASE(the_end_gives_up_who_hangs),
      CASE(a_sink_reopens_without_a_message),
      CASE(a_message_is_one_line),
      CASE(a_line_for_a_slow_reader_stays_whole),
      CASE(a_terminal_that_nobody_reads_blocks_nobody),
      CASE(a_reader_that_went_is_given_up_and_keeps_nothing),
      CASE(what_was_dropped_half_way_and_arrives_counts_as_delivered),
      CASE(a_file_grows_where_it_was),
      CASE(a_file_is_rotated_before_it_is_too_large),
      CASE(old_files_behind_a_gap_stay),
      CASE(a_message_larger_than_a_file_gets_one_of_its_own),
      CASE(a_file_that_was_moved_is_made_anew_when_told),
      CASE(what_cannot_be_opened_is_said_and_tried_again),
      CASE(a_sink_waits_while_the_disk_is_full),
      CASE(a_line_that_does_not_fit_is_taken_back),
      CASE(a_line_that_a_crash_has_cut_is_taken_back),
      CASE(what_somebody_else_has_written_stays_and_is_ended),
      CASE(a_file_belongs_to_one_agent),
  };
  return cmocka_run_group_tests_name("agent/sink", tests, NULL, NULL);
}
