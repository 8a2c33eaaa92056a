/* Workers with made-up jobs; meant to be run under the thread checker, too. Nothing here depends on
 * how long something takes: what is to come is waited for. */
#include "agent/worker.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "agent/running_internal.h"
#include "base/log.h"
#include "moonwatch/clock.h"
#include "support/tmptree.h"

#define GENEROUS_NS (60 * MW_NS_PER_S)

static struct mw_error err;

struct job {
  double interval_s;
  char file[96];
  atomic_int open_code, run_code, limit; /* what the next ones answer */
  atomic_int opens, closes, hand_overs, runs, readies, interrupts;
  atomic_int hand_over_code;
  atomic_bool blocks;   /* a run waits until it may end, or is interrupted */
  atomic_bool is_stuck; /* a run that waits cannot be interrupted */
  atomic_ulong thread;  /* that runs it */
  _Atomic int64_t not_before_ns;
  sem_t began, may_end;
};

static void *job_open(void *data, struct mw_watch *watch, struct mw_error *why)
{
  struct job *job = data;

  if (*job->file)
    mw_watch_add(watch, job->file, INT64_MAX / 2);
  atomic_fetch_add(&job->opens, 1);
  if (job->open_code) {
    mw_error_set(why, job->open_code, "cannot open it");
    return NULL;
  }
  return job;
}

static void job_close(void *instance)
{
  atomic_fetch_add(&((struct job *)instance)->closes, 1);
}

static int job_hand_over(void *old, void *fresh, struct mw_error *why)
{
  struct job *job = fresh;

  assert_non_null(old);
  atomic_fetch_add(&job->hand_overs, 1);
  return job->hand_over_code ? mw_error_set(why, job->hand_over_code, "cannot keep it") : 0;
}

static double job_interval_s(void *instance)
{
  return ((struct job *)instance)->interval_s;
}

static int job_run(void *instance, enum mw_limit *limit, struct mw_error *why)
{
  struct job *job = instance;

  atomic_fetch_add(&job->runs, 1);
  atomic_store(&job->thread, pthread_self());
  sem_post(&job->began);
  if (atomic_load(&job->blocks))
    while (sem_wait(&job->may_end) < 0 && errno == EINTR)
      continue;
  *limit = (enum mw_limit)atomic_load(&job->limit);
  return atomic_load(&job->run_code) ? mw_error_set(why, atomic_load(&job->run_code), "no luck")
                                     : 0;
}

static int64_t job_not_before_ns(void *instance)
{
  return atomic_load(&((struct job *)instance)->not_before_ns);
}

static void job_watch(void *instance, struct mw_watch *watch)
{
  (void)instance;
  (void)watch;
}

static size_t job_memory_bytes(void *instance)
{
  (void)instance;
  return 4711;
}

/* Less in each run. */
static void job_usage(void *instance, struct mw_job_usage *out)
{
  struct job *job = instance;

  *out = (struct mw_job_usage){.memory_peak_bytes = 5000,
                               .messages_count = 100 - (uint64_t)atomic_load(&job->runs),
                               .http_requests_count = 7};
}

static void job_ready(void *data)
{
  atomic_fetch_add(&((struct job *)data)->readies, 1);
}

/* The jobs that a test blocks. */
static struct job *interruptible[2];

static void job_interrupt(pthread_t thread)
{
  for (size_t i = 0; i < 2; i++) {
    struct job *job = interruptible[i];
    if (job && atomic_load(&job->thread) == thread && !atomic_load(&job->is_stuck) &&
        atomic_fetch_add(&job->interrupts, 1) == 0)
      sem_post(&job->may_end);
  }
}

static const struct mw_job_ops ops = {.open = job_open,
                                      .close = job_close,
                                      .hand_over = job_hand_over,
                                      .interval_s = job_interval_s,
                                      .run = job_run,
                                      .not_before_ns = job_not_before_ns,
                                      .watch = job_watch,
                                      .memory_bytes = job_memory_bytes,
                                      .usage = job_usage,
                                      .ready = job_ready,
                                      .interrupt = job_interrupt};

struct fixture {
  struct mw_gate gate;
  struct job job;
  struct mw_running_slot *slot; /* NULL, but in some tests */
  int64_t reopen_ns;
  struct mw_worker *worker;
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_ERROR + 1, .fd = 2});
  mw_gate_init(&f->gate, 2);
  f->job.interval_s = 0.01;
  sem_init(&f->job.began, 0, 0);
  sem_init(&f->job.may_end, 0, 0);
  interruptible[0] = &f->job;
  interruptible[1] = NULL;
  *state = f;
  return 0;
}

static void start_in(struct fixture *f, struct mw_gate *gate, bool at_once)
{
  struct mw_worker_config config = {.kind = "check",
                                    .name = "demo",
                                    .ops = &ops,
                                    .data = &f->job,
                                    .gate = gate,
                                    .slot = f->slot,
                                    .reopen_ns = f->reopen_ns,
                                    .runs_at_once = at_once};
  f->worker = mw_worker_start(&config, &err);
  assert_non_null(f->worker);
}

static void start(struct fixture *f, bool at_once)
{
  start_in(f, &f->gate, at_once);
}

static void wait_and_free(struct fixture *f, int64_t interrupt_ns)
{
  assert_true(mw_workers_wait(&f->worker, 1, interrupt_ns, now_ns() + GENEROUS_NS));
  mw_worker_free(f->worker);
  f->worker = NULL;
}

static void end(struct fixture *f)
{
  mw_worker_stop(f->worker);
  wait_and_free(f, INT64_MAX);
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  if (f->worker)
    end(f);
  assert_true(f->job.closes <= f->job.opens);
  mw_gate_deinit(&f->gate);
  free(f);
  return 0;
}

static struct mw_worker_status status_of(struct fixture *f)
{
  struct mw_worker_status status;

  mw_worker_status(f->worker, &status);
  return status;
}

static void wait_for(atomic_int *counter, int value)
{
  while (atomic_load(counter) < value)
    sched_yield();
}

static struct mw_worker_status wait_for_state(struct fixture *f, enum mw_worker_state state)
{
  struct mw_worker_status status = status_of(f);

  for (; status.state != state; status = status_of(f))
    sched_yield();
  return status;
}

static struct mw_worker_status wait_for_runs(struct fixture *f, uint64_t total)
{
  struct mw_worker_status status = status_of(f);

  for (; status.runs_total < total; status = status_of(f))
    sched_yield();
  return status;
}

/* ---- Runs ---- */

static void a_job_runs_again_and_again(void **state)
{
  struct fixture *f = *state;

  start(f, false);
  mw_worker_release(f->worker);
  struct mw_worker_status status = wait_for_runs(f, 5);
  assert_string_equal(status.error, "");
  assert_int_equal(status.failures_total, 0);
  assert_int_equal(status.memory_bytes, 4711);
  assert_true(status.took.p50_ns <= status.took.p99_ns && status.took.p99_ns <= status.took.max_ns);
  assert_true(status.late.last_ns > 0 && status.late.last_ns <= status.late.max_ns);
  assert_true(status.last_run_wall_ns > 0);
  end(f);
  assert_int_equal(f->job.opens, 1);
  assert_int_equal(f->job.closes, 1);
  assert_int_equal(f->job.readies, 1);
}

static void the_first_run_may_have_to_wait_for_others(void **state)
{
  struct fixture *f = *state;

  start(f, false);
  wait_for(&f->job.readies, 1);
  assert_true(status_of(f).next_run_in_ns < 0);
  mw_worker_release(f->worker);
  wait_for_runs(f, 1);
}

static void a_source_runs_once_before_its_schedule_begins(void **state)
{
  struct fixture *f = *state;

  f->job.interval_s = 3600;
  start(f, true);
  wait_for(&f->job.readies, 1);
  assert_int_equal(f->job.runs, 1);
  mw_worker_release(f->worker);
  assert_int_equal(status_of(f).runs_total, 1);
  assert_true(status_of(f).next_run_in_ns > 0);
}

static void a_run_that_is_due_while_one_goes_on_is_skipped(void **state)
{
  struct fixture *f = *state;

  f->job.blocks = true;
  start(f, true);
  mw_worker_release(f->worker);
  sem_wait(&f->job.began);
  assert_int_equal(status_of(f).state, MW_WORKER_RUNNING);
  for (int64_t until_ns = now_ns() + 50 * MW_NS_PER_MS; now_ns() < until_ns;)
    sched_yield();
  assert_int_equal(f->job.runs, 1);
  f->job.blocks = false;
  sem_post(&f->job.may_end);
  assert_true(wait_for_runs(f, 1).skips_total >= 3);
}

static void a_run_that_waits_for_the_gate_is_late(void **state)
{
  struct fixture *f = *state;
  int64_t held_ns = 50 * MW_NS_PER_MS;

  mw_gate_deinit(&f->gate);
  mw_gate_init(&f->gate, 1);
  start(f, false);
  wait_for_state(f, MW_WORKER_WAITING);
  assert_true(mw_gate_enter(&f->gate));
  mw_worker_release(f->worker);
  wait_for_state(f, MW_WORKER_RUNNING);
  for (int64_t until_ns = now_ns() + held_ns; now_ns() < until_ns;)
    sched_yield();
  mw_gate_leave(&f->gate);
  assert_true(wait_for_runs(f, 1).late.max_ns >= held_ns);
}

static void an_error_is_counted_and_the_next_run_comes(void **state)
{
  struct fixture *f = *state;

  f->job.run_code = EIO;
  start(f, true);
  mw_worker_release(f->worker);
  struct mw_worker_status status = wait_for_runs(f, 3);
  assert_true(status.failures_total >= 3);
  assert_string_equal(status.error, "no luck");
  f->job.run_code = 0;
  wait_for_runs(f, status.runs_total + 2);
  assert_string_equal(status_of(f).error, "");
}

static void what_runs_have_used_is_known_of_the_last_and_the_most(void **state)
{
  struct fixture *f = *state;

  start(f, true);
  mw_worker_release(f->worker);
  wait_for_runs(f, 3);
  struct mw_worker_status status = status_of(f);
  assert_int_equal(status.most.messages_count, 99);
  assert_true(status.last.messages_count <= 97);
  assert_int_equal(status.most.memory_peak_bytes, 5000);
  assert_int_equal(status.most.http_requests_count, 7);
  assert_true(status.loaded_wall_ns > 0);
}

static void the_last_error_stays_when_runs_are_fine_again(void **state)
{
  struct fixture *f = *state;

  f->job.run_code = EIO;
  start(f, true);
  mw_worker_release(f->worker);
  wait_for_runs(f, 1);
  f->job.run_code = 0;
  while (*status_of(f).error)
    sched_yield();
  assert_string_equal(status_of(f).last_error, "no luck");
  assert_true(status_of(f).last_error_wall_ns > 0);
}

static void more_workers_than_places_take_turns(void **state)
{
  struct fixture *f = *state;
  struct fixture others[4] = {0};

  for (int i = 0; i < 4; i++) {
    others[i].job.interval_s = 0.01;
    sem_init(&others[i].job.began, 0, 0);
    struct mw_worker_config config = {.kind = "check",
                                      .name = "other",
                                      .ops = &ops,
                                      .data = &others[i].job,
                                      .gate = &f->gate,
                                      .runs_at_once = true};
    others[i].worker = mw_worker_start(&config, &err);
    mw_worker_release(others[i].worker);
  }
  for (int i = 0; i < 4; i++)
    wait_for_runs(&others[i], 5);
  for (int i = 0; i < 4; i++)
    end(&others[i]);
}

/* ---- What others want ---- */

static void somebody_may_want_a_run_now(void **state)
{
  struct fixture *f = *state;

  f->job.interval_s = 3600;
  start(f, false);
  assert_int_equal(mw_worker_run_now(f->worker, &err), 0);
  wait_for_runs(f, 1);
  mw_worker_pause(f->worker);
  assert_int_equal(status_of(f).state, MW_WORKER_PAUSED);
  assert_int_equal(mw_worker_run_now(f->worker, &err), 0);
  wait_for_runs(f, 2);
}

static void who_pauses_does_not_run_and_skips_nothing(void **state)
{
  struct fixture *f = *state;

  start(f, true);
  mw_worker_release(f->worker);
  wait_for_runs(f, 1);
  mw_worker_pause(f->worker);
  struct mw_worker_status before = wait_for_state(f, MW_WORKER_PAUSED);
  assert_true(before.next_run_in_ns < 0);
  for (int64_t until_ns = now_ns() + 50 * MW_NS_PER_MS; now_ns() < until_ns;)
    sched_yield();
  assert_int_equal(status_of(f).runs_total, before.runs_total);
  mw_worker_resume(f->worker);
  wait_for_runs(f, before.runs_total + 1);
}

/* ---- Budgets ---- */

static void who_is_over_budget_is_made_anew_and_then_held(void **state)
{
  struct fixture *f = *state;

  f->job.run_code = ETIME;
  f->job.limit = MW_LIMIT_CPU;
  start(f, true);
  mw_worker_release(f->worker);
  struct mw_worker_status status = wait_for_state(f, MW_WORKER_HELD);
  assert_int_equal(status.runs_total, 3);
  assert_int_equal(status.over_budget_total, 3);
  assert_int_equal(f->job.opens, 4);
  assert_int_equal(f->job.closes, 3);
  assert_true(status.next_run_in_ns > MW_NS_PER_S);
  assert_string_equal(status.error, "no luck");
  assert_int_equal(status.reloads_total, 0);
  f->job.run_code = 0;
  f->job.limit = MW_LIMIT_NONE;
  mw_worker_resume(f->worker);
  wait_for_runs(f, 5);
  assert_string_equal(status_of(f).error, "");
}

static void who_is_resumed_is_forgiven(void **state)
{
  struct fixture *f = *state;

  f->job.run_code = ETIME;
  f->job.limit = MW_LIMIT_CPU;
  start(f, true);
  mw_worker_release(f->worker);
  assert_int_equal(wait_for_state(f, MW_WORKER_HELD).runs_total, 3);
  mw_worker_resume(f->worker);
  wait_for_runs(f, 4);
  assert_int_equal(wait_for_state(f, MW_WORKER_HELD).runs_total, 6);
}

static void a_new_state_after_a_run_over_budget_is_no_reload(void **state)
{
  struct fixture *f = *state;
  char log[4096];
  int fd = memfd_create("log", MFD_CLOEXEC);

  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_INFO, .fd = fd});
  f->job.run_code = ETIME;
  f->job.limit = MW_LIMIT_CPU;
  start(f, true);
  mw_worker_release(f->worker);
  wait_for_state(f, MW_WORKER_HELD);
  f->job.run_code = 0;
  f->job.limit = MW_LIMIT_NONE;
  mw_worker_resume(f->worker);
  wait_for_runs(f, 5);
  end(f);
  ssize_t log_bytes = pread(fd, log, sizeof log - 1, 0);
  assert_true(log_bytes > 0);
  log[log_bytes] = '\0';
  close(fd);
  assert_null(strstr(log, "was loaded anew"));
  assert_non_null(strstr(log, "runs without errors again"));
}

/* ---- Opening ---- */

static void what_cannot_be_opened_is_opened_when_its_file_changes(void **state)
{
  struct fixture *f = *state;
  char dir[TMPTREE_ROOT_BYTES];

  tmptree_make(dir);
  snprintf(f->job.file, sizeof f->job.file, "%s/x.lua", dir);
  f->job.open_code = ENOENT;
  start(f, false);
  wait_for(&f->job.readies, 1);
  mw_worker_release(f->worker);
  assert_int_equal(status_of(f).state, MW_WORKER_BROKEN);
  assert_string_equal(status_of(f).error, "cannot open it");
  assert_int_equal(mw_worker_run_now(f->worker, &err), -EBADMSG);
  assert_string_equal(err.text, "demo cannot run: cannot open it");
  assert_int_equal(mw_worker_look(f->worker, false), MW_WATCH_SAME);

  f->job.open_code = 0;
  tmptree_write(f->job.file, "");
  assert_int_equal(mw_worker_look(f->worker, false), MW_WATCH_UNSETTLED);
  assert_int_equal(mw_worker_look(f->worker, false), MW_WATCH_CHANGED);
  wait_for_runs(f, 1);
  tmptree_remove(dir);
}

static void what_lacked_memory_is_opened_again_after_a_while(void **state)
{
  struct fixture *f = *state;

  f->reopen_ns = 1;
  f->job.open_code = ENOMEM;
  start(f, false);
  mw_worker_release(f->worker);
  wait_for(&f->job.readies, 1);
  f->job.open_code = 0;
  wait_for_runs(f, 1);
}

static void the_old_one_goes_on_when_the_new_one_is_wrong(void **state)
{
  struct fixture *f = *state;

  start(f, true);
  mw_worker_release(f->worker);
  wait_for_runs(f, 1);
  f->job.open_code = EBADMSG;
  mw_worker_look(f->worker, true);
  wait_for(&f->job.opens, 2);
  wait_for_runs(f, status_of(f).runs_total + 2);
  assert_string_equal(status_of(f).load_error, "cannot open it");
  assert_string_equal(status_of(f).error, "");
  assert_int_equal(f->job.closes, 0);

  f->job.open_code = 0;
  mw_worker_look(f->worker, true);
  wait_for(&f->job.closes, 1);
  assert_string_equal(status_of(f).load_error, "");
  assert_int_equal(status_of(f).reloads_total, 1);
  wait_for_runs(f, status_of(f).runs_total + 1);
}

static void what_is_gone_does_not_go_on(void **state)
{
  struct fixture *f = *state;

  start(f, true);
  mw_worker_release(f->worker);
  wait_for_runs(f, 1);
  f->job.open_code = ENOENT;
  mw_worker_look(f->worker, true);
  wait_for_state(f, MW_WORKER_BROKEN);
  wait_for(&f->job.closes, 1);
}

static void what_is_loaded_anew_is_given_what_was_kept_and_runs_at_once(void **state)
{
  struct fixture *f = *state;

  f->job.interval_s = 3600;
  start(f, true);
  mw_worker_release(f->worker);
  wait_for_runs(f, 1);
  assert_int_equal(f->job.hand_overs, 0);
  mw_worker_look(f->worker, true);
  wait_for_runs(f, 2);
  assert_int_equal(f->job.hand_overs, 1);
  assert_int_equal(f->job.opens, 2);
  assert_string_equal(status_of(f).restore_error, "");
}

static void one_that_is_paused_does_not_run_when_it_is_loaded_anew(void **state)
{
  struct fixture *f = *state;

  f->job.interval_s = 3600;
  start(f, true);
  mw_worker_release(f->worker);
  wait_for_runs(f, 1);
  mw_worker_pause(f->worker);
  mw_worker_look(f->worker, true);
  wait_for(&f->job.closes, 1);
  assert_int_equal(status_of(f).state, MW_WORKER_PAUSED);
  assert_int_equal(f->job.runs, 1);
}

static void one_that_could_not_be_given_it_begins_with_nothing(void **state)
{
  struct fixture *f = *state;

  start(f, true);
  mw_worker_release(f->worker);
  wait_for_runs(f, 1);
  f->job.hand_over_code = EMSGSIZE;
  mw_worker_look(f->worker, true);
  wait_for(&f->job.closes, 2); /* it is opened again, and the old one goes */
  assert_int_equal(f->job.opens, 3);
  wait_for_runs(f, status_of(f).runs_total + 1);
  assert_string_equal(status_of(f).restore_error, "cannot keep it");
  assert_string_equal(status_of(f).load_error, "");

  f->job.hand_over_code = 0;
  mw_worker_look(f->worker, true);
  wait_for(&f->job.closes, 3);
  wait_for_runs(f, status_of(f).runs_total + 1);
  assert_string_equal(status_of(f).restore_error, "");
}

static void a_state_that_went_over_a_limit_gives_nothing(void **state)
{
  struct fixture *f = *state;

  f->job.limit = MW_LIMIT_CPU;
  f->job.run_code = ETIME;
  start(f, true);
  mw_worker_release(f->worker);
  wait_for(&f->job.opens, 2);
  wait_for(&f->job.closes, 1);
  assert_int_equal(f->job.hand_overs, 0);
  assert_string_equal(status_of(f).restore_error, "");
}

/* ---- Quarantine ---- */

/* A slot of the job, as if it had brought the last agent down. */
static struct mw_running_slot *condemned_slot(struct mw_running *running)
{
  struct mw_running_slot *slot = mw_running_slot(running, "check", "demo");

  slot->verdict.text_hash = 1;
  atomic_store(&slot->verdict.why, MW_RUNNING_CRASHED);
  return slot;
}

static void one_in_quarantine_says_so_and_is_opened_when_it_is_resumed(void **state)
{
  struct fixture *f = *state;
  char dir[TMPTREE_ROOT_BYTES];

  tmptree_make(dir);
  struct mw_running *running = mw_running_open(dir, &err);
  assert_non_null(running);
  f->slot = condemned_slot(running);
  f->job.open_code = EPERM;
  start(f, true);
  wait_for_state(f, MW_WORKER_QUARANTINED);
  assert_int_equal(mw_worker_run_now(f->worker, &err), -EBADMSG);
  assert_string_equal(err.text, "demo cannot run: cannot open it");

  f->job.open_code = 0;
  mw_worker_resume(f->worker);
  wait_for_runs(f, 1);
  assert_false(mw_running_is_quarantined(f->slot));
  end(f);
  mw_running_close(running, true);
  tmptree_remove(dir);
}

static void a_run_is_noted(void **state)
{
  struct fixture *f = *state;
  char dir[TMPTREE_ROOT_BYTES];

  tmptree_make(dir);
  struct mw_running *running = mw_running_open(dir, &err);
  f->slot = mw_running_slot(running, "check", "demo");
  f->job.blocks = true;
  start(f, true);
  sem_wait(&f->job.began);
  assert_int_equal(atomic_load(&f->slot->state), MW_RUNNING_RUNNING);
  assert_true(atomic_load(&f->slot->since_ns) > 0);
  sem_post(&f->job.may_end);
  wait_for_state(f, MW_WORKER_WAITING);
  assert_int_equal(atomic_load(&f->slot->state), MW_RUNNING_IDLE);
  end(f);
  mw_running_close(running, true);
  tmptree_remove(dir);
}

/* ---- The end ---- */

static void a_run_that_goes_on_is_interrupted_at_the_end(void **state)
{
  struct fixture *f = *state;

  f->job.blocks = true;
  start(f, true);
  sem_wait(&f->job.began);
  mw_worker_stop(f->worker);
  wait_and_free(f, now_ns());
  assert_true(f->job.interrupts > 0);
  assert_int_equal(f->job.closes, 1);
}

static void one_that_is_stuck_does_not_use_up_the_time_of_others(void **state)
{
  struct fixture *f = *state;
  struct fixture other = {.job = {.interval_s = 3600, .blocks = true}};

  sem_init(&other.job.began, 0, 0);
  sem_init(&other.job.may_end, 0, 0);
  interruptible[1] = &other.job;
  f->job.blocks = f->job.is_stuck = true;
  start(f, true);
  start_in(&other, &f->gate, true);
  sem_wait(&f->job.began);
  sem_wait(&other.job.began);
  struct mw_worker *workers[] = {f->worker, other.worker};
  mw_worker_stop(f->worker);
  mw_worker_stop(other.worker);
  assert_false(mw_workers_wait(workers, 2, now_ns(), now_ns() + MW_NS_PER_S / 2));
  assert_false(mw_worker_has_ended(f->worker));
  wait_and_free(&other, INT64_MAX);
  sem_post(&f->job.may_end);
}

static void who_is_to_end_does_not_say_that_it_is_ready(void **state)
{
  struct fixture *f = *state;

  f->job.blocks = true;
  start(f, true);
  sem_wait(&f->job.began);
  mw_worker_stop(f->worker);
  sem_post(&f->job.may_end);
  wait_and_free(f, INT64_MAX);
  assert_int_equal(f->job.readies, 0);
}

static void who_waits_for_the_gate_ends_when_it_closes(void **state)
{
  struct fixture *f = *state;

  mw_gate_deinit(&f->gate);
  mw_gate_init(&f->gate, 1);
  assert_true(mw_gate_enter(&f->gate));
  start(f, true);
  mw_worker_stop(f->worker);
  mw_gate_close(&f->gate);
  wait_and_free(f, INT64_MAX);
  mw_gate_leave(&f->gate);
  assert_int_equal(f->job.runs, 0);
}

/* ---- Jobs that want to wait, and last runs ---- */

static void a_job_may_want_to_wait_but_not_for_who_asks(void **state)
{
  struct fixture *f = *state;

  atomic_store(&f->job.not_before_ns, now_ns() + 3600 * MW_NS_PER_S);
  start(f, true);
  mw_worker_release(f->worker);
  wait_for_runs(f, 1);
  assert_true(status_of(f).next_run_in_ns > 3000 * MW_NS_PER_S);
  assert_int_equal(0, mw_worker_run_now(f->worker, &err));
  wait_for_runs(f, 2);
  atomic_store(&f->job.not_before_ns, 0);
  assert_int_equal(0, mw_worker_run_now(f->worker, &err));
  wait_for_runs(f, 5); /* as planned again */
}

static void another_instance_waits_for_nothing(void **state)
{
  struct fixture *f = *state;

  atomic_store(&f->job.not_before_ns, now_ns() + 3600 * MW_NS_PER_S);
  start(f, true);
  mw_worker_release(f->worker);
  wait_for_runs(f, 1);
  atomic_store(&f->job.not_before_ns, 0);
  mw_worker_look(f->worker, true);
  wait_for_runs(f, 3);
}

static void who_finishes_runs_once_more(void **state)
{
  struct fixture *f = *state;

  f->job.interval_s = 3600;
  start(f, true);
  wait_for_runs(f, 1);
  mw_worker_finish(f->worker);
  wait_and_free(f, INT64_MAX);
  assert_int_equal(f->job.runs, 2);
  assert_int_equal(f->job.closes, 1);
}

static void who_is_paused_or_broken_finishes_at_once(void **state)
{
  struct fixture *f = *state;

  f->job.interval_s = 3600;
  start(f, true);
  wait_for_runs(f, 1);
  mw_worker_pause(f->worker);
  mw_worker_finish(f->worker);
  wait_and_free(f, INT64_MAX);
  assert_int_equal(f->job.runs, 1);
  f->job.open_code = EIO;
  start(f, true);
  wait_for(&f->job.opens, 2);
  mw_worker_finish(f->worker);
  wait_and_free(f, INT64_MAX);
  assert_int_equal(f->job.runs, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(a_job_runs_again_and_again),
      CASE(a_job_may_want_to_wait_but_not_for_who_asks),
      CASE(another_instance_waits_for_nothing),
      CASE(who_finishes_runs_once_more),
      CASE(who_is_paused_or_broken_finishes_at_once),
      CASE(the_first_run_may_have_to_wait_for_others),
      CASE(a_source_runs_once_before_its_schedule_begins),
      CASE(a_run_that_is_due_while_one_goes_on_is_skipped),
      CASE(a_run_that_waits_for_the_gate_is_late),
      CASE(an_error_is_counted_and_the_next_run_comes),
      CASE(what_runs_have_used_is_known_of_the_last_and_the_most),
      CASE(the_last_error_stays_when_runs_are_fine_again),
      CASE(more_workers_than_places_take_turns),
      CASE(somebody_may_want_a_run_now),
      CASE(who_pauses_does_not_run_and_skips_nothing),
      CASE(who_is_over_budget_is_made_anew_and_then_held),
      CASE(who_is_resumed_is_forgiven),
      CASE(a_new_state_after_a_run_over_budget_is_no_reload),
      CASE(what_cannot_be_opened_is_opened_when_its_file_changes),
      CASE(what_lacked_memory_is_opened_again_after_a_while),
      CASE(the_old_one_goes_on_when_the_new_one_is_wrong),
      CASE(what_is_loaded_anew_is_given_what_was_kept_and_runs_at_once),
      CASE(one_that_is_paused_does_not_run_when_it_is_loaded_anew),
      CASE(one_that_could_not_be_given_it_begins_with_nothing),
      CASE(a_state_that_went_over_a_limit_gives_nothing),
      CASE(what_is_gone_does_not_go_on),
      CASE(one_in_quarantine_says_so_and_is_opened_when_it_is_resumed),
      CASE(a_run_is_noted),
      CASE(a_run_that_goes_on_is_interrupted_at_the_end),
      CASE(one_that_is_stuck_does_not_use_up_the_time_of_others),
      CASE(who_is_to_end_does_not_say_that_it_is_ready),
      CASE(who_waits_for_the_gate_ends_when_it_closes),
  };
  return cmocka_run_group_tests_name("agent/worker", tests, NULL, NULL);
}
