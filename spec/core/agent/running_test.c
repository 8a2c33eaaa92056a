/* Processes that end in the middle of something, and what the next one makes of it. */
#include "agent/running.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "agent/running_internal.h"
#include "moonwatch/clock.h"
#include "support/tmptree.h"

#define OLD_TEXT 17
#define NEW_TEXT 18
#define WALL_MS 1000

struct fixture {
  char dir[TMPTREE_ROOT_BYTES];
  struct mw_error err;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->dir);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  tmptree_remove(f->dir);
  free(f);
  return 0;
}

static struct mw_running *open_in(const char *dir)
{
  struct mw_error err;
  struct mw_running *running = mw_running_open(dir, &err);

  if (!running)
    fail_msg("%s", err.text);
  return running;
}

static struct mw_running_slot *demo_of(struct mw_running *running)
{
  return mw_running_slot(running, "check", "demo");
}

/* ---- Agents that end ---- */

/* Its script has this text, and was opened. */
static struct mw_running_slot *begin(struct mw_running *running, uint64_t text_hash)
{
  struct mw_running_slot *slot = demo_of(running);

  mw_running_enter_thread(slot);
  mw_running_note(slot, MW_RUNNING_OPENING);
  mw_running_note_text(slot, text_hash, WALL_MS);
  mw_running_note_opened(slot);
  mw_running_note(slot, MW_RUNNING_IDLE);
  return slot;
}

static void run_since(struct mw_running_slot *slot, int64_t ago_ns)
{
  mw_running_note(slot, MW_RUNNING_RUNNING);
  atomic_fetch_sub(&slot->since_ns, ago_ns);
}

static void crash(struct mw_running *running)
{
  mw_running_note(begin(running, OLD_TEXT), MW_RUNNING_RUNNING);
  raise(SIGSEGV);
}

static void crash_between_runs(struct mw_running *running)
{
  begin(running, OLD_TEXT);
  raise(SIGSEGV);
}

static void abort_itself(struct mw_running *running)
{
  mw_running_note(begin(running, OLD_TEXT), MW_RUNNING_RUNNING);
  abort();
}

static void crash_opening_another(struct mw_running *running)
{
  struct mw_running_slot *slot = begin(running, OLD_TEXT);

  mw_running_note(slot, MW_RUNNING_OPENING);
  mw_running_note_text(slot, NEW_TEXT, WALL_MS);
  raise(SIGSEGV);
}

static void crash_after_another_was_refused(struct mw_running *running)
{
  struct mw_running_slot *slot = begin(running, OLD_TEXT);

  mw_running_note(slot, MW_RUNNING_OPENING);
  mw_running_note_text(slot, NEW_TEXT, WALL_MS);
  mw_running_note(slot, MW_RUNNING_RUNNING);
  raise(SIGSEGV);
}

static void be_killed(struct mw_running *running)
{
  mw_running_note(begin(running, OLD_TEXT), MW_RUNNING_RUNNING);
  kill(getpid(), SIGKILL);
}

static void be_killed_with_another_text(struct mw_running *running)
{
  mw_running_note(begin(running, NEW_TEXT), MW_RUNNING_RUNNING);
  kill(getpid(), SIGKILL);
}

static void be_killed_between_runs(struct mw_running *running)
{
  begin(running, OLD_TEXT);
  kill(getpid(), SIGKILL);
}

static void be_killed_while_it_hangs(struct mw_running *running)
{
  run_since(begin(running, OLD_TEXT), 60 * MW_NS_PER_S);
  mw_running_beat(running);
  kill(getpid(), SIGKILL);
}

/* As after a change of its budget, while the one with the old budget runs. */
static void be_killed_within_its_own_time(struct mw_running *running)
{
  struct mw_running_slot *slot = demo_of(running);

  mw_running_note_text(slot, OLD_TEXT, 3600 * 1000);
  mw_running_note_opened(slot);
  mw_running_note_text(slot, NEW_TEXT, WALL_MS);
  run_since(slot, 60 * MW_NS_PER_S);
  mw_running_beat(running);
  kill(getpid(), SIGKILL);
}

static void be_aborted_while_it_runs(struct mw_running *running)
{
  run_since(begin(running, OLD_TEXT), WALL_MS * MW_NS_PER_MS);
  kill(getpid(), SIGABRT);
}

static void be_aborted_while_it_hangs(struct mw_running *running)
{
  run_since(begin(running, OLD_TEXT), 60 * MW_NS_PER_S);
  kill(getpid(), SIGABRT);
}

static void end_in_order(struct mw_running *running)
{
  begin(running, OLD_TEXT);
  mw_running_leave_thread();
  mw_running_close(running, true);
  _exit(0);
}

static char *fill_stack(char *outer)
{
  volatile char frame[4096];

  frame[0] = outer ? *outer : 0;
  return frame[0] == 1 ? NULL : fill_stack((char *)(uintptr_t)frame);
}

static void *overflow(void *data)
{
  mw_running_note(begin(data, OLD_TEXT), MW_RUNNING_RUNNING);
  return fill_stack(NULL);
}

static void overflow_the_stack_of_a_thread(struct mw_running *running)
{
  pthread_attr_t attributes;
  pthread_t thread;
  sigset_t all;

  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, NULL); /* as threads of the agent begin */
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, (size_t)256 << 10);
  pthread_create(&thread, &attributes, overflow, running);
  pthread_join(thread, NULL);
}

/* @return how it ended, as of wait(2). */
static int let_end(struct fixture *f, void (*end)(struct mw_running *running))
{
  int status;
  pid_t pid = fork();

  if (pid == 0) {
    const struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    for (int signal = 1; signal < 32; signal++)
      if (signal != SIGKILL && signal != SIGSTOP)
        sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL},
                  NULL); /* cmocka has its own */
    end(mw_running_open(f->dir, NULL));
    _exit(99);
  }
  assert_int_equal(pid, waitpid(pid, &status, 0));
  return status;
}

/* ---- What the next one says ---- */

static int admitted(struct fixture *f, uint64_t text_hash)
{
  struct mw_running *running = open_in(f->dir);
  int rc = mw_running_admit(demo_of(running), text_hash, &f->err);

  mw_running_close(running, true);
  return rc;
}

static void assert_refused(struct fixture *f, const char *why)
{
  assert_int_equal(-EPERM, admitted(f, OLD_TEXT));
  if (!strstr(f->err.text, why))
    fail_msg("\"%s\" is not in: %s", why, f->err.text);
}

static void one_whose_thread_crashed_is_refused(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(0, admitted(f, OLD_TEXT));
  int status = let_end(f, crash);
  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  assert_refused(f, "check demo is in quarantine since 2");
  assert_refused(f, "it ran when the agent crashed in its thread (Segmentation fault)");
}

static void one_that_aborts_is_refused(void **state)
{
  struct fixture *f = *state;
  int status = let_end(f, abort_itself);

  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  assert_refused(f, "(Aborted)");
}

static void one_that_fills_its_stack_is_refused(void **state)
{
  struct fixture *f = *state;
  int status = let_end(f, overflow_the_stack_of_a_thread);

  assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  assert_refused(f, "it ran when the agent crashed in its thread");
}

static void another_text_is_admitted_and_forgotten_is_the_old_one(void **state)
{
  struct fixture *f = *state;

  let_end(f, crash);
  assert_int_equal(0, admitted(f, NEW_TEXT));
  assert_int_equal(0, admitted(f, OLD_TEXT));
}

static void the_text_that_was_being_opened_is_refused_and_not_the_one_before(void **state)
{
  struct fixture *f = *state;

  let_end(f, crash_opening_another);
  assert_int_equal(-EPERM, admitted(f, NEW_TEXT));
  assert_non_null(strstr(f->err.text, "it was being loaded when"));
  assert_int_equal(0, admitted(f, OLD_TEXT));
}

static void the_text_that_runs_is_refused_and_not_one_that_waits(void **state)
{
  struct fixture *f = *state;

  let_end(f, crash_after_another_was_refused);
  assert_refused(f, "it ran when");
}

static void one_that_was_forgiven_is_admitted(void **state)
{
  struct fixture *f = *state;

  let_end(f, crash);
  struct mw_running *running = open_in(f->dir);
  struct mw_running_slot *slot = demo_of(running);
  assert_true(mw_running_is_quarantined(slot));
  mw_running_forgive(slot);
  assert_int_equal(0, mw_running_admit(slot, OLD_TEXT, &f->err));
  mw_running_close(running, true);
  assert_int_equal(0, admitted(f, OLD_TEXT));
}

static void a_crash_between_runs_is_nobodys(void **state)
{
  struct fixture *f = *state;

  let_end(f, crash_between_runs);
  assert_int_equal(0, admitted(f, OLD_TEXT));
}

static void the_third_unexplained_end_in_a_row_counts(void **state)
{
  struct fixture *f = *state;

  for (int i = 1; i < MW_RUNNING_STRIKES_MAX; i++)
    let_end(f, be_killed);
  let_end(f, be_killed);
  assert_refused(f, "it ran each of the last 3 times");
}

static void what_lies_between_two_ends_begins_the_count_anew(void **state)
{
  static void (*const between[])(struct mw_running * running) = {
      end_in_order, be_killed_between_runs, be_killed_with_another_text};
  struct fixture *f = *state;

  for (size_t i = 0; i < sizeof between / sizeof between[0]; i++) {
    let_end(f, be_killed);
    let_end(f, be_killed);
    let_end(f, between[i]);
    let_end(f, be_killed);
    let_end(f, be_killed);
    assert_int_equal(0, admitted(f, OLD_TEXT));
  }
}

static void one_that_hung_is_refused(void **state)
{
  struct fixture *f = *state;

  let_end(f, be_killed_while_it_hangs);
  assert_refused(f, "it ran for much longer than it may, until the agent was ended");
  let_end(f, end_in_order);
  assert_refused(f, "it ran for much longer than it may, until the agent was ended");
}

static void what_counts_is_the_time_of_the_one_that_runs(void **state)
{
  struct fixture *f = *state;

  let_end(f, be_killed_within_its_own_time);
  assert_int_equal(0, admitted(f, OLD_TEXT));
}

static void a_watchdog_blames_who_hangs_and_not_who_runs(void **state)
{
  struct fixture *f = *state;

  let_end(f, be_aborted_while_it_runs);
  assert_int_equal(0, admitted(f, OLD_TEXT));
  let_end(f, be_aborted_while_it_hangs);
  assert_refused(f, "it ran for much longer than it may");
}

/* ---- The file ---- */

static void a_file_that_finds_no_room_is_not_made(void **state)
{
  struct fixture *f = *state;
  struct rlimit before, little = {.rlim_cur = 4096};
  char path[TMPTREE_PATH_BYTES];

  signal(SIGXFSZ, SIG_IGN);
  getrlimit(RLIMIT_FSIZE, &before);
  little.rlim_max = before.rlim_max;
  setrlimit(RLIMIT_FSIZE, &little);
  assert_null(mw_running_open(f->dir, &f->err));
  setrlimit(RLIMIT_FSIZE, &before);
  assert_int_equal(EFBIG, f->err.code);
  snprintf(path, sizeof path, "%s/running.new", f->dir);
  assert_int_equal(-1, access(path, F_OK));
}

static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
  struct fixture *f = *state;
  char path[TMPTREE_PATH_BYTES];

  snprintf(path, sizeof path, "%s/a/b", f->dir);
  assert_null(mw_running_open(path, &f->err));
  assert_int_equal(ENOENT, f->err.code);
}

static void damaged_slots_are_passed_over(void **state)
{
  struct fixture *f = *state;
  char path[TMPTREE_PATH_BYTES];

  let_end(f, crash);
  snprintf(path, sizeof path, "%s/running", f->dir);
  struct mw_running_file *file = malloc(sizeof *file);
  FILE *stream = fopen(path, "r+");
  assert_int_equal(1, fread(file, sizeof *file, 1, stream));
  for (size_t i = 1; i < MW_RUNNING_SLOTS; i++)
    memset(&file->slots[i], (int)i, sizeof file->slots[i]);
  rewind(stream);
  assert_int_equal(1, fwrite(file, sizeof *file, 1, stream));
  fclose(stream);
  free(file);
  assert_refused(f, "Segmentation fault");
}

static void who_finds_no_room_in_it_is_not_noted(void **state)
{
  struct fixture *f = *state;
  struct mw_running *running = open_in(f->dir);
  char name[256];

  memset(name, 'x', sizeof name);
  name[255] = '\0';
  assert_null(mw_running_slot(running, "check", name));
  for (size_t i = 0; i < MW_RUNNING_SLOTS; i++) {
    snprintf(name, sizeof name, "n%zu", i);
    assert_non_null(mw_running_slot(running, "check", name));
  }
  assert_null(demo_of(running));
  assert_non_null(mw_running_slot(running, "check", "n7"));
  mw_running_note(NULL, MW_RUNNING_RUNNING);
  assert_int_equal(0, mw_running_admit(NULL, OLD_TEXT, &f->err));
  assert_null(mw_running_slot(NULL, "check", "demo"));
  mw_running_close(running, true);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(one_whose_thread_crashed_is_refused),
      CASE(one_that_aborts_is_refused),
      CASE(one_that_fills_its_stack_is_refused),
      CASE(another_text_is_admitted_and_forgotten_is_the_old_one),
      CASE(the_text_that_was_being_opened_is_refused_and_not_the_one_before),
      CASE(the_text_that_runs_is_refused_and_not_one_that_waits),
      CASE(one_that_was_forgiven_is_admitted),
      CASE(a_crash_between_runs_is_nobodys),
      CASE(the_third_unexplained_end_in_a_row_counts),
      CASE(what_lies_between_two_ends_begins_the_count_anew),
      CASE(one_that_hung_is_refused),
      CASE(what_counts_is_the_time_of_the_one_that_runs),
      CASE(a_watchdog_blames_who_hangs_and_not_who_runs),
      CASE(a_file_that_finds_no_room_is_not_made),
      CASE(a_folder_that_cannot_be_made_is_an_error),
      CASE(damaged_slots_are_passed_over),
      CASE(who_finds_no_room_in_it_is_not_noted),
  };
  return cmocka_run_group_tests_name("agent: running", tests, NULL, NULL);
}
