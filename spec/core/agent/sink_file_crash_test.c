/* A sink that is killed while it writes: what is in the file afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "agent/sink.h"
#include "moonwatch/clock.h"
#include "support/tmptree.h"

#define BODY_BYTES ((size_t)4 << 20)
#define ROUNDS 60 /* until a write is hit */

struct fixture {
  char dir[TMPTREE_ROOT_BYTES];
  char path[80];
  char *body;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->dir);
  snprintf(f->path, sizeof f->path, "%s/out.jsonl", f->dir);
  f->body = malloc(BODY_BYTES);
  memset(f->body, ' ', BODY_BYTES);
  memcpy(f->body, "{}", 2);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  tmptree_remove(f->dir);
  free(f->body);
  free(f);
  return 0;
}

static int deliver(void *data, const struct fixture *f)
{
  const struct mw_message message = {
      .script = "s", .kind = "k", .schema = 1, .body = {f->body, BODY_BYTES}};
  struct mw_queue_batch batch = {.count = 1, .first = 1, .messages = {&message}};
  size_t delivered;

  return mw_sink_file_ops.deliver(data, &batch, INT64_MAX, &delivered, NULL);
}

static void *open_sink(const struct fixture *f)
{
  return mw_sink_file_new(
      &(struct mw_sink_file_config){.path = f->path, .max_bytes = 1 << 30, .keep = 1}, NULL);
}

/* Write until somebody kills this process. */
static void write_for_ever(const struct fixture *f)
{
  void *data = open_sink(f);

  while (data && deliver(data, f) == 0)
    ;
  _exit(1);
}

static off_t size_of(const struct fixture *f)
{
  struct stat status;

  return stat(f->path, &status) == 0 ? status.st_size : 0;
}

static void kill_while_it_writes(const struct fixture *f, int round)
{
  const struct timespec moment = {.tv_nsec = round * 100000L};
  off_t before_bytes = size_of(f);
  pid_t child = fork();

  assert_true(child >= 0);
  if (child == 0)
    write_for_ever(f);
  while (size_of(f) == before_bytes && waitpid(child, NULL, WNOHANG) == 0)
    ;
  nanosleep(&moment, NULL);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

static bool ends_within_a_line(const struct fixture *f)
{
  char last = '\n';
  int fd = open(f->path, O_RDONLY | O_CLOEXEC);

  assert_true(fd >= 0);
  assert_true(pread(fd, &last, 1, size_of(f) - 1) == 1);
  close(fd);
  return last != '\n';
}

static void assert_lines_are_whole(const struct fixture *f)
{
  FILE *file = fopen(f->path, "re");
  char *line = NULL;
  size_t capacity = 0;
  ssize_t first = 0, got;

  assert_non_null(file);
  while ((got = getline(&line, &capacity, file)) > 0) {
    first = first > 0 ? first : got;
    assert_int_equal(first, got);
    assert_memory_equal(line + got - 2, "}\n", 2);
  }
  assert_true(first > (ssize_t)BODY_BYTES);
  free(line);
  fclose(file);
}

static void a_kill_costs_no_whole_line_and_leaves_no_part_of_one(void **state)
{
  struct fixture *f = *state;
  bool was_cut = false;

  for (int round = 0; round < ROUNDS && !was_cut; round++) {
    unlink(f->path);
    kill_while_it_writes(f, round);
    was_cut = ends_within_a_line(f);
  }
  void *data = open_sink(f);
  assert_non_null(data);
  assert_int_equal(0, deliver(data, f));
  mw_sink_file_ops.free(data);
  assert_lines_are_whole(f);
  if (!was_cut)
    skip(); /* this file system takes a write as a whole */
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(
      a_kill_costs_no_whole_line_and_leaves_no_part_of_one, set_up, tear_down)};

  return cmocka_run_group_tests(tests, NULL, NULL);
}
