#include "agent/control.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "support/tmptree.h"

#define STRANGER 4711

struct fixture {
  char dir[TMPTREE_ROOT_BYTES], path[96];
  struct mw_control *control;
  struct mw_error err;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->dir);
  snprintf(f->path, sizeof f->path, "%s/control.sock", f->dir);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  mw_control_close(f->control);
  tmptree_remove(f->dir);
  free(f);
  return 0;
}

/* An agent that says what it was asked, that it cannot when it was asked to fail, and nothing yet
 * when it was asked to wait. */
static int echo(void *data, char *line, struct mw_buf *body, struct mw_error *err)
{
  (void)data;
  if (strcmp(line, "wait") == 0)
    return MW_CONTROL_LATER;
  int rc = mw_buf_printf(body, err, "%s\n", line);
  return strcmp(line, "fail") == 0 ? mw_error_set(err, EINVAL, "as you wish") : rc;
}

static struct mw_control *open_control(struct fixture *f)
{
  const struct mw_control_place place = {.path = f->path, .mode = 0600};

  return mw_control_open(&place, echo, NULL, &f->err);
}

static void start(struct fixture *f)
{
  f->control = open_control(f);
  assert_non_null(f->control);
}

static struct sockaddr_un address_of(const struct fixture *f)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};

  strcpy(address.sun_path, f->path);
  return address;
}

/* Somebody else's socket of @p type at the path. */
static int bind_socket(const struct fixture *f, int type)
{
  struct sockaddr_un address = address_of(f);
  int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

  assert_true(fd >= 0);
  assert_int_equal(0, bind(fd, (struct sockaddr *)&address, sizeof address));
  return fd;
}

static int try_to_connect(const struct fixture *f, int flags)
{
  struct sockaddr_un address = address_of(f);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

  assert_true(fd >= 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
    return fd;
  close(fd);
  return -1;
}

static bool has_file(const struct fixture *f)
{
  return access(f->path, F_OK) == 0;
}

/* ---- The place ---- */

static void takes_the_place_of_one_that_is_dead(void **state)
{
  struct fixture *f = *state;

  close(bind_socket(f, SOCK_STREAM));
  start(f);
  mw_control_close(f->control);
  f->control = NULL;
  assert_false(has_file(f));
}

static void names_who_has_the_place(void **state)
{
  struct fixture *f = *state;
  char who[64];

  start(f);
  assert_null(open_control(f));
  assert_int_equal(EADDRINUSE, f->err.code);
  snprintf(who, sizeof who, "another agent (process %d) has the control socket", (int)getpid());
  assert_non_null(strstr(f->err.text, who));
  assert_non_null(strstr(f->err.text, f->path));
  assert_true(has_file(f));
}

static void leaves_a_socket_of_another_kind(void **state)
{
  struct fixture *f = *state;
  int fd = bind_socket(f, SOCK_DGRAM);

  assert_null(open_control(f));
  assert_int_equal(EPROTOTYPE, f->err.code);
  assert_true(has_file(f));
  close(fd);
}

static void leaves_what_is_no_socket(void **state)
{
  struct fixture *f = *state;

  tmptree_write(f->path, "precious");
  assert_null(open_control(f));
  assert_int_equal(EEXIST, f->err.code);
  assert_true(has_file(f));
}

static void leaves_a_socket_that_it_may_not_connect_to(void **state)
{
  struct fixture *f = *state;

  if (geteuid() != 0)
    skip(); /* only root can become another user */
  start(f);
  assert_int_equal(0, chmod(f->dir, 0777));
  assert_int_equal(0, seteuid(STRANGER));
  assert_null(open_control(f));
  assert_int_equal(0, seteuid(0));
  assert_int_equal(EACCES, f->err.code);
  assert_true(has_file(f));
}

static void leaves_the_file_of_another_that_came_since(void **state)
{
  struct fixture *f = *state;

  start(f);
  assert_int_equal(0, unlink(f->path));
  struct mw_control *second = open_control(f);
  assert_non_null(second);
  mw_control_close(f->control);
  f->control = NULL;
  assert_true(has_file(f));
  mw_control_close(second);
  assert_false(has_file(f));
}

/* Try to become the agent when @p begin ends, tell @p said, and stay until @p end ends. */
static void contend(struct fixture *f, int begin, int said, int end)
{
  char byte;

  if (read(begin, &byte, 1) != 0)
    _exit(1);
  bool won = open_control(f) != NULL;
  if (write(said, won ? "w" : "l", 1) != 1 || read(end, &byte, 1) != 0)
    _exit(1);
  _exit(0); /* as one that is killed: the file stays */
}

static void only_one_of_many_gets_the_place(void **state)
{
  struct fixture *f = *state;

  close(bind_socket(f, SOCK_STREAM));
  for (int round = 0; round < 30; round++) {
    int begin[2], said[2], end[2], won = 0;
    char answer = 0;
    assert_true(pipe(begin) == 0 && pipe(said) == 0 && pipe(end) == 0);
    for (int i = 0; i < 6; i++)
      if (fork() == 0) {
        close(begin[1]);
        close(end[1]);
        contend(f, begin[0], said[1], end[0]);
      }
    close(begin[1]);
    for (int i = 0; i < 6; i++) {
      assert_int_equal(1, read(said[0], &answer, 1));
      won += answer == 'w';
    }
    int fd = try_to_connect(f, 0);
    close(end[1]);
    while (wait(NULL) > 0)
      ;
    close(begin[0]), close(said[0]), close(said[1]), close(end[0]);
    assert_true(fd >= 0); /* at the file is who has won */
    close(fd);
    assert_int_equal(1, won);
  }
}

/* ---- Asking ---- */

static int connect_to(const struct fixture *f)
{
  int fd = try_to_connect(f, SOCK_NONBLOCK);

  assert_true(fd >= 0);
  return fd;
}

/* What the agent says at @p fd before it ends the stream; "" when it says nothing, yet. */
static const char *answer_at(struct fixture *f, int fd)
{
  static char text[256];
  size_t used = 0;
  ssize_t bytes;

  for (int i = 0; i < 20; i++)
    mw_control_serve(f->control);
  while ((bytes = recv(fd, text + used, sizeof text - 1 - used, 0)) > 0)
    used += (size_t)bytes;
  text[used] = '\0';
  return text;
}

/* The answer to @p question, on a stream of its own. */
static const char *answer_to(struct fixture *f, const char *question, size_t question_bytes)
{
  int fd = connect_to(f);

  mw_control_serve(f->control);
  assert_int_equal(question_bytes, send(fd, question, question_bytes, MSG_NOSIGNAL));
  const char *answer = answer_at(f, fd);
  close(fd);
  mw_control_serve(f->control);
  return answer;
}

static void answers_a_line(void **state)
{
  struct fixture *f = *state;
  char longest[MW_CONTROL_LINE_MAX_BYTES];

  start(f);
  assert_string_equal("ok\nstatus\n", answer_to(f, "status\n", 7));
  memset(longest, 'x', sizeof longest);
  longest[sizeof longest - 1] = '\n';
  assert_memory_equal("ok\nxxx", answer_to(f, longest, sizeof longest), 6);
}

static void an_error_may_have_more_to_say(void **state)
{
  struct fixture *f = *state;

  start(f);
  assert_string_equal("error as you wish\nfail\n", answer_to(f, "fail\n", 5));
}

static void answers_later(void **state)
{
  struct fixture *f = *state;
  int fds[] = {-1, -1};
  struct mw_error err;
  MW_AUTO_BUF body;

  start(f);
  for (int i = 0; i < 2; i++) {
    fds[i] = connect_to(f);
    assert_int_equal(5, send(fds[i], "wait\n", 5, MSG_NOSIGNAL));
    assert_string_equal("", answer_at(f, fds[i]));
  }
  close(fds[1]); /* who has gone is not waited for */
  mw_control_serve(f->control);
  mw_buf_init(&body, 64);
  mw_buf_append_text(&body, "this\nand that\n", NULL);
  mw_control_answer_waiting(f->control, mw_error_set(&err, EINVAL, "no"), &body, &err);
  assert_string_equal("error no\nthis\nand that\n", answer_at(f, fds[0]));
  assert_string_equal("ok\nstatus\n", answer_to(f, "status\n", 7));
  close(fds[0]);
}

static void refuses_a_line_that_is_too_long(void **state)
{
  struct fixture *f = *state;
  char text[5000];

  start(f);
  memset(text, 'x', sizeof text);
  assert_string_equal("error line too long\n", answer_to(f, text, sizeof text));
  assert_string_equal("error line too long\n", answer_to(f, text, MW_CONTROL_LINE_MAX_BYTES));
}

static void refuses_a_line_with_a_nul_byte(void **state)
{
  struct fixture *f = *state;

  start(f);
  assert_string_equal("error line has a NUL byte\n", answer_to(f, "pause a\0b\n", 10));
}

static void tells_that_all_streams_are_taken(void **state)
{
  struct fixture *f = *state;
  int taken[MW_CONTROL_STREAMS_MAX];

  start(f);
  for (size_t i = 0; i < MW_CONTROL_STREAMS_MAX; i++) {
    taken[i] = connect_to(f);
    assert_string_equal("", answer_at(f, taken[i]));
  }
  int fd = connect_to(f);
  assert_string_equal("error busy\n", answer_at(f, fd));
  close(fd);
  for (size_t i = 0; i < MW_CONTROL_STREAMS_MAX; i++)
    close(taken[i]);
  mw_control_serve(f->control);
  assert_string_equal("ok\nstatus\n", answer_to(f, "status\n", 7));
}

/* Take every descriptor that is left. @return how many. */
static int take_descriptors(int out[static 64], const struct rlimit *limit)
{
  struct rlimit few = *limit;
  int count = 0, next = dup(0);

  close(next);
  few.rlim_cur = (rlim_t)next + 8;
  assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
  while (count < 64 && (out[count] = dup(0)) >= 0)
    count++;
  assert_int_equal(EMFILE, errno);
  return count;
}

static void does_not_spin_when_descriptors_lack(void **state)
{
  struct fixture *f = *state;
  int taken[64];
  struct rlimit limit;

  start(f);
  int fd = connect_to(f);
  assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &limit));
  int count = take_descriptors(taken, &limit);
  mw_control_serve(f->control);
  struct pollfd poller = {.fd = mw_control_fd(f->control), .events = POLLIN};
  int ready = poll(&poller, 1, 0);
  while (count > 0)
    close(taken[--count]);
  setrlimit(RLIMIT_NOFILE, &limit);
  assert_int_equal(0, ready);

  assert_int_equal(7, send(fd, "status\n", 7, MSG_NOSIGNAL));
  const char *answer;
  while (*(answer = answer_at(f, fd)) == '\0') /* it tries again by itself */
    poll(NULL, 0, 10);
  assert_string_equal("ok\nstatus\n", answer);
  close(fd);
}

static void gives_up_on_an_agent_that_is_stuck(void **state)
{
  struct fixture *f = *state;
  int waiting[8], count = 0;
  MW_AUTO_BUF body;
  int fd = bind_socket(f, SOCK_STREAM);

  mw_buf_init(&body, 100);
  assert_int_equal(0, listen(fd, 0));
  while (count < 8 && (waiting[count] = try_to_connect(f, SOCK_NONBLOCK)) >= 0)
    count++;
  assert_in_range(count, 1, 7);
  assert_int_equal(-ETIMEDOUT, mw_control_ask(f->path, "status", &body, &f->err));
  assert_non_null(strstr(f->err.text, "does not answer"));
  while (count > 0)
    close(waiting[--count]);
  close(fd);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(takes_the_place_of_one_that_is_dead, set_up, tear_down),
      cmocka_unit_test_setup_teardown(names_who_has_the_place, set_up, tear_down),
      cmocka_unit_test_setup_teardown(leaves_a_socket_of_another_kind, set_up, tear_down),
      cmocka_unit_test_setup_teardown(leaves_what_is_no_socket, set_up, tear_down),
      cmocka_unit_test_setup_teardown(leaves_a_socket_that_it_may_not_connect_to, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(leaves_the_file_of_another_that_came_since, set_up,
                                      tear_down),
      cmocka_unit_test_setup_teardown(only_one_of_many_gets_the_place, set_up, tear_down),
      cmocka_unit_test_setup_teardown(answers_a_line, set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_error_may_have_more_to_say, set_up, tear_down),
      cmocka_unit_test_setup_teardown(answers_later, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_a_line_that_is_too_long, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_a_line_with_a_nul_byte, set_up, tear_down),
      cmocka_unit_test_setup_teardown(tells_that_all_streams_are_taken, set_up, tear_down),
      cmocka_unit_test_setup_teardown(does_not_spin_when_descriptors_lack, set_up, tear_down),
      cmocka_unit_test_setup_teardown(gives_up_on_an_agent_that_is_stuck, set_up, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
