/* The whole of an agent, but for its loop, with scripts of the test's own. Runs in the project's
 * folder. */
#include "agent/runner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/log.h"
#include "moonwatch/clock.h"
#include "support/tmptree.h"

#define GENEROUS_NS (60 * MW_NS_PER_S)
#define SCRIPTS_MAX 4

struct fixture {
  char dir[TMPTREE_ROOT_BYTES], output[TMPTREE_PATH_BYTES];
  struct mw_option path;
  struct mw_script_settings scripts[SCRIPTS_MAX];
  struct mw_settings settings;
  struct mw_runner *runner;
  struct mw_error err;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_ERROR + 1, .fd = 2});
  tmptree_make(f->dir);
  snprintf(f->output, sizeof f->output, "%s/messages", f->dir);
  f->path = (struct mw_option){.key = "path", .text = f->output};
  f->scripts[0] = (struct mw_script_settings){
      .kind = MW_SCRIPT_SINK, .name = "file", .options = &f->path, .options_count = 1};
  f->settings = (struct mw_settings){.host_root = "spec/fixtures/hybrid",
                                     .script_dirs = {f->dir},
                                     .parallel_runs = 4,
                                     .queue.buffer_bytes = 1 << 20,
                                     .scripts = f->scripts,
                                     .scripts_count = 1};
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  assert_true(mw_runner_stop(f->runner, GENEROUS_NS));
  tmptree_remove(f->dir);
  free(f);
  return 0;
}

static void add_script(struct fixture *f, enum mw_script_kind kind, const char *name,
                       const char *body)
{
  bool is_source = kind == MW_SCRIPT_SOURCE;
  char path[TMPTREE_PATH_BYTES], text[1024];

  assert_true(f->settings.scripts_count < SCRIPTS_MAX);
  f->scripts[f->settings.scripts_count++] = (struct mw_script_settings){
      .kind = kind, .name = name, .interval_s = 0.01, .budget = MW_BUDGET_DEFAULT, .priority = -1};
  snprintf(path, sizeof path, "%s/%s/%s.lua", f->dir, is_source ? "sources" : "checks", name);
  snprintf(text, sizeof text, "local M = { api = 1 }\nfunction M.%s(context)\n%s\nend\nreturn M\n",
           is_source ? "list" : "run", body);
  tmptree_write(path, text);
}

static void start(struct fixture *f)
{
  bool hangs;

  f->runner = mw_runner_start(&f->settings, &hangs, &f->err);
  if (!f->runner)
    fail_msg("%s", f->err.text);
}

static struct mw_worker_status status_of(struct fixture *f, size_t worker)
{
  struct mw_worker_status status;

  mw_worker_status(mw_runner_worker(f->runner, worker), &status);
  return status;
}

static void wait_for_state(struct fixture *f, size_t worker, enum mw_worker_state state)
{
  while (status_of(f, worker).state != state)
    sched_yield();
}

/* ---- A server that says nothing ---- */

static int listen_somewhere(unsigned *port)
{
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t len_bytes = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

  assert_int_equal(bind(fd, (struct sockaddr *)&address, len_bytes), 0);
  assert_int_equal(listen(fd, 1), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len_bytes), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

/* @return the connection of a request that has arrived. */
static int accept_request(int listener)
{
  char request[16];
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

  assert_true(read(fd, request, sizeof request) > 0);
  return fd;
}

/* ---- The start ---- */

static void what_a_start_that_fails_has_begun_is_ended(void **state)
{
  struct fixture *f = *state;
  bool hangs = true;

  f->scripts[1] = (struct mw_script_settings){.kind = MW_SCRIPT_SINK, .name = "file"}; /* no path */
  f->settings.scripts_count = 2;
  assert_null(mw_runner_start(&f->settings, &hangs, &f->err));
  assert_int_equal(f->err.code, EINVAL);
  assert_false(hangs);
}

/* ---- Budgets ---- */

static void a_refusal_that_a_script_catches_is_told_all_the_same(void **state)
{
  struct fixture *f = *state;

  add_script(f, MW_SCRIPT_CHECK, "flood",
             "for i = 1, 9 do pcall(context.gauge, context, 'n', i) end");
  f->scripts[1].budget.messages_count = 5;
  start(f);
  while (status_of(f, 0).over_budget_total == 0)
    sched_yield();
  struct mw_worker_status status = status_of(f, 0);
  assert_string_equal(status.error, "check flood: the run is over its budget of 5 messages "
                                    "(scripts.flood.budget.messages_count)");
  assert_true(status.failures_total > 0);
}

/* ---- The end ---- */

/* Its last words would otherwise wake the check, which is gone. */
static void it_may_end_before_a_source_has_spoken(void **state)
{
  struct fixture *f = *state;

  add_script(f, MW_SCRIPT_CHECK, "idle", "");
  add_script(f, MW_SCRIPT_SOURCE, "busy", "while true do end");
  f->scripts[2].budget.cpu_ms = 0;
  start(f);
  wait_for_state(f, 0, MW_WORKER_WAITING);
  wait_for_state(f, 1, MW_WORKER_RUNNING);
  assert_true(mw_runner_stop(f->runner, GENEROUS_NS));
  f->runner = NULL;
}

static void its_end_ends_a_request_that_nobody_answers(void **state)
{
  struct fixture *f = *state;
  char body[256];
  unsigned port;
  int listener = listen_somewhere(&port);

  snprintf(body, sizeof body,
           "require('moonwatch.http').get('http://127.0.0.1:%u/', { timeout_s = 3000 })", port);
  add_script(f, MW_SCRIPT_CHECK, "asks", body);
  f->scripts[1].budget.wall_ms = 3600000;
  start(f);
  int connection = accept_request(listener);
  assert_true(mw_runner_stop(f->runner, GENEROUS_NS));
  f->runner = NULL;
  close(connection);
  close(listener);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(what_a_start_that_fails_has_begun_is_ended),
      CASE(a_refusal_that_a_script_catches_is_told_all_the_same),
      CASE(it_may_end_before_a_source_has_spoken),
      CASE(its_end_ends_a_request_that_nobody_answers),
  };
  return cmocka_run_group_tests_name("agent/runner", tests, NULL, NULL);
}
