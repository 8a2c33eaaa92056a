#include "agent/runner.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/connections.h"
#include "agent/running.h"
#include "agent/script_job.h"
#include "agent/sinks.h"
#include "base/gate.h"
#include "base/log.h"

#define LOOK_EVERY_NS (400 * MW_NS_PER_MS)
#define LOOK_WITH_HINTS_NS (5 * MW_NS_PER_S) /* for what gives none: other hosts' file systems */
#define LOOK_AGAIN_NS (100 * MW_NS_PER_MS)   /* at what changes right now */

/* What a run may take to come to its end by itself, once the agent is to end. */
#define MOMENT_NS (MW_NS_PER_S / 2)
#define DELIVERY_SHARE 4 /* of the time for the end, one part in so many is for the sinks */

struct mw_runner {
  const struct mw_settings *settings;
  struct mw_http_access http; /* of the context */
  struct mw_context *context;
  struct mw_queue *queue;
  struct mw_running *running; /* NULL: who crashes the agent is not found out */
  struct mw_folders folders;
  struct mw_gate gate;
  struct mw_group_ids group_ids;
  struct mw_script_job *jobs; /* as many as there are workers */
  struct mw_worker **workers;
  size_t workers_count;
  struct mw_sink *sinks[MW_QUEUE_CURSORS_MAX];
  size_t sinks_count;
  atomic_size_t sinks_left; /* that were not given up */
  int sinkless_fd;          /* an eventfd, written when the last one was */
  int64_t started_ns;
  bool waited_enough;           /* for sources: the checks have been let go */
  atomic_size_t sources_silent; /* those that have not spoken, and one for the start */
  atomic_size_t unready;        /* workers, and one for the start */
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

/* ---- The start ---- */

static void release_all(struct mw_runner *runner)
{
  for (size_t i = 0; i < runner->workers_count; i++)
    mw_worker_release(runner->workers[i]);
}

static void check_is_ready(void *data)
{
  struct mw_runner *runner = data;

  atomic_fetch_sub(&runner->unready, 1);
}

/* The last one to speak lets the others begin. */
static void source_has_spoken(void *data)
{
  struct mw_runner *runner = data;

  if (atomic_fetch_sub(&runner->sources_silent, 1) == 1)
    release_all(runner);
  atomic_fetch_sub(&runner->unready, 1);
}

static int start_worker(struct mw_runner *runner, const struct mw_script_settings *settings,
                        struct mw_error *err)
{
  bool is_source = settings->kind == MW_SCRIPT_SOURCE;
  struct mw_script_job *job = &runner->jobs[runner->workers_count];
  const char *kind = is_source ? "source" : "check";
  struct mw_running_slot *slot =
      mw_running_slot(runner->running, kind, settings->name, settings->budget.wall_ms);
  struct mw_worker_config config = {.kind = kind,
                                    .name = settings->name,
                                    .ops = &mw_script_job_ops,
                                    .data = job,
                                    .gate = &runner->gate,
                                    .slot = slot,
                                    .runs_at_once = is_source};

  *job = (struct mw_script_job){.settings = settings,
                                .script_dirs = runner->settings->script_dirs,
                                .context = runner->context,
                                .group_ids = &runner->group_ids,
                                .queue = runner->queue,
                                .folders = &runner->folders,
                                .slot = slot,
                                .on_ready = is_source ? source_has_spoken : check_is_ready,
                                .on_ready_data = runner};
  atomic_fetch_add(&runner->unready, 1);
  if (is_source)
    atomic_fetch_add(&runner->sources_silent, 1);
  struct mw_worker *worker = mw_worker_start(&config, err);
  if (!worker)
    return -err->code;
  runner->workers[runner->workers_count++] = worker;
  return 0;
}

static int start_workers(struct mw_runner *runner, struct mw_error *err)
{
  const struct mw_settings *settings = runner->settings;
  int rc = 0;

  runner->jobs = calloc(settings->scripts_count + 1, sizeof *runner->jobs);
  runner->workers = calloc(settings->scripts_count + 1, sizeof(struct mw_worker *));
  if (!runner->jobs || !runner->workers)
    return mw_error_set(err, ENOMEM, "out of memory for %zu scripts", settings->scripts_count);
  for (size_t i = 0; i < settings->scripts_count && rc == 0; i++)
    if (settings->scripts[i].kind != MW_SCRIPT_SINK)
      rc = start_worker(runner, &settings->scripts[i], err);
  return rc;
}

static void sink_is_given_up(void *data)
{
  struct mw_runner *runner = data;

  if (atomic_fetch_sub(&runner->sinks_left, 1) == 1)
    eventfd_write(runner->sinkless_fd, 1);
}

static int start_sink(struct mw_runner *runner, const struct mw_script_settings *settings,
                      struct mw_error *err)
{
  struct mw_sink_config common = {
      .queue = runner->queue, .on_given_up = sink_is_given_up, .on_given_up_data = runner};

  if (runner->sinks_count == MW_QUEUE_CURSORS_MAX)
    return mw_error_set(err, EINVAL, "there are more than %d sinks", MW_QUEUE_CURSORS_MAX);
  struct mw_sink *sink = mw_sinks_start(settings, &common, err);
  if (!sink)
    return -err->code;
  atomic_fetch_add(&runner->sinks_left, 1); /* there is no message yet that it could fail at */
  runner->sinks[runner->sinks_count++] = sink;
  return 0;
}

static int start_sinks(struct mw_runner *runner, struct mw_error *err)
{
  static const struct mw_script_settings standard = {.kind = MW_SCRIPT_SINK, .name = "stdout"};
  const struct mw_settings *settings = runner->settings;
  int rc = 0;

  for (size_t i = 0; i < settings->scripts_count && rc == 0; i++)
    if (settings->scripts[i].kind == MW_SCRIPT_SINK)
      rc = start_sink(runner, &settings->scripts[i], err);
  return rc == 0 && runner->sinks_count == 0 ? start_sink(runner, &standard, err) : rc;
}

static void open_running(struct mw_runner *runner)
{
  struct mw_error err;

  if (!runner->settings->state_dir)
    return;
  runner->running = mw_running_open(runner->settings->state_dir, &err);
  if (!runner->running)
    mw_log(MW_LOG_WARN, "agent", "a script that crashes it will not be found out: %s", err.text);
}

static void tell_of_queue(void *data, bool is_error, const char *text)
{
  (void)data;
  mw_log(is_error ? MW_LOG_ERROR : MW_LOG_INFO, "queue", "%s", text);
}

static struct mw_queue *open_queue(const struct mw_settings *settings, struct mw_error *err)
{
  struct mw_queue_config config = settings->queue;

  config.tell = tell_of_queue;
  return mw_queue_open(&config, err);
}

/* The sinks come first, so that they have every message. */
static int start_all(struct mw_runner *runner, struct mw_error *err)
{
  struct mw_kubelet_config kubelet = mw_connections_kubelet(runner->settings);
  struct mw_context_config context_config = {.host_root = runner->settings->host_root,
                                             .state_dir = runner->settings->state_dir,
                                             .http = &runner->http,
                                             .kubelet = &kubelet};
  int rc = mw_connections_http(runner->settings, &runner->http, err);

  if (rc < 0)
    return rc;
  runner->context = mw_context_new(&context_config, err);
  if (!runner->context)
    return -err->code;
  runner->queue = open_queue(runner->settings, err);
  if (!runner->queue)
    return -err->code;
  runner->sinkless_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (runner->sinkless_fd < 0)
    return mw_error_set(err, errno, "cannot make an eventfd: %s", strerror(errno));
  open_running(runner);
  rc = start_sinks(runner, err);
  if (rc == 0)
    rc = start_workers(runner, err);
  return rc;
}

struct mw_runner *mw_runner_start(const struct mw_settings *settings, bool *hangs,
                                  struct mw_error *err)
{
  struct mw_runner *runner = calloc(1, sizeof *runner);
  struct mw_error own, *why = err ? err : &own;

  *hangs = false;
  if (!runner) {
    mw_error_set(err, ENOMEM, "out of memory for the agent");
    return NULL;
  }
  runner->settings = settings;
  runner->sinkless_fd = -1;
  runner->started_ns = now_ns();
  atomic_init(&runner->sources_silent, 1);
  atomic_init(&runner->unready, 1);
  atomic_init(&runner->sinks_left, 0);
  mw_folders_open(&runner->folders);
  mw_gate_init(&runner->gate, settings->parallel_runs);
  mw_group_ids_init(&runner->group_ids, 1);
  if (start_all(runner, why) < 0) {
    *hangs = !mw_runner_stop(runner, MW_RUNNER_PATIENCE_NS);
    return NULL;
  }
  source_has_spoken(runner); /* the start's own parts of both counts */
  return runner;
}

bool mw_runner_is_ready(struct mw_runner *runner)
{
  return atomic_load(&runner->unready) == 0 ||
         now_ns() - runner->started_ns > MW_RUNNER_PATIENCE_NS;
}

/* ---- While it works ---- */

int64_t mw_runner_look(struct mw_runner *runner)
{
  bool has_hints = runner->folders.fd >= 0 && !atomic_load(&runner->folders.incomplete);
  int64_t again_ns = has_hints ? LOOK_WITH_HINTS_NS : LOOK_EVERY_NS;

  if (!runner->waited_enough && atomic_load(&runner->sources_silent) > 0 &&
      now_ns() - runner->started_ns > MW_RUNNER_PATIENCE_NS) {
    runner->waited_enough = true; /* once: it wakes every worker */
    release_all(runner);
  }
  mw_running_beat(runner->running);
  for (size_t i = 0; i < runner->workers_count; i++)
    if (mw_worker_look(runner->workers[i], false) == MW_WATCH_UNSETTLED)
      again_ns = LOOK_AGAIN_NS;
  return again_ns;
}

int mw_runner_hints_fd(const struct mw_runner *runner)
{
  return runner->folders.fd;
}

bool mw_runner_take_hints(struct mw_runner *runner)
{
  return mw_folders_take(&runner->folders);
}

int mw_runner_sinkless_fd(const struct mw_runner *runner)
{
  return runner->sinkless_fd;
}

void mw_runner_reload(struct mw_runner *runner)
{
  for (size_t i = 0; i < runner->sinks_count; i++)
    mw_sink_reopen(runner->sinks[i]);
  for (size_t i = 0; i < runner->workers_count; i++)
    mw_worker_look(runner->workers[i], true);
}

/* ---- The end ---- */

/* Each may still tell the others something until all have ended. */
static bool stop_workers(struct mw_runner *runner, int64_t deadline_ns)
{
  for (size_t i = 0; i < runner->workers_count; i++)
    mw_worker_stop(runner->workers[i]);
  mw_gate_close(&runner->gate);
  if (mw_workers_wait(runner->workers, runner->workers_count, now_ns() + MOMENT_NS, deadline_ns))
    return true;
  for (size_t i = 0; i < runner->workers_count; i++)
    if (!mw_worker_has_ended(runner->workers[i]))
      mw_log(MW_LOG_ERROR, mw_worker_name(runner->workers[i]),
             "does not end: something that it waits for does not answer");
  return false;
}

static bool stop_sink(struct mw_sink *sink, int64_t deadline_ns)
{
  struct mw_sink_status status;
  size_t left;

  mw_sink_status(sink, &status);
  bool ended = mw_sink_stop(sink, deadline_ns, &left);
  if (left > 0)
    mw_log(MW_LOG_WARN, "agent", "%zu messages were not delivered to a sink%s%s", left,
           *status.error ? ": " : "", status.error);
  if (!ended)
    mw_log(MW_LOG_ERROR, status.name, "does not end: what it writes to does not take it");
  return ended;
}

static bool stop_sinks(struct mw_runner *runner, int64_t deadline_ns)
{
  bool all = true;

  for (size_t i = 0; i < runner->sinks_count; i++)
    all &= stop_sink(runner->sinks[i], deadline_ns);
  return all;
}

bool mw_runner_stop(struct mw_runner *runner, int64_t timeout_ns)
{
  if (!runner)
    return true;
  int64_t deadline_ns = now_ns() + timeout_ns;
  bool all = stop_workers(runner, deadline_ns - timeout_ns / DELIVERY_SHARE);

  all &= stop_sinks(runner, deadline_ns);
  if (!all)
    return false;
  for (size_t i = 0; i < runner->workers_count; i++)
    mw_worker_free(runner->workers[i]);
  mw_running_close(runner->running, true);
  mw_queue_close(runner->queue, deadline_ns);
  mw_context_free(runner->context);
  mw_gate_deinit(&runner->gate);
  mw_folders_close(&runner->folders);
  if (runner->sinkless_fd >= 0)
    close(runner->sinkless_fd);
  free(runner->jobs);
  free(runner->workers);
  free(runner);
  return true;
}

/* ---- For others ---- */

size_t mw_runner_workers_count(const struct mw_runner *runner)
{
  return runner->workers_count;
}

struct mw_worker *mw_runner_worker(const struct mw_runner *runner, size_t index)
{
  return runner->workers[index];
}

size_t mw_runner_sinks_count(const struct mw_runner *runner)
{
  return runner->sinks_count;
}

struct mw_sink *mw_runner_sink(const struct mw_runner *runner, size_t index)
{
  return runner->sinks[index];
}

struct mw_queue *mw_runner_queue(const struct mw_runner *runner)
{
  return runner->queue;
}

struct mw_context *mw_runner_context(const struct mw_runner *runner)
{
  return runner->context;
}

const struct mw_budget *mw_runner_budget(const struct mw_runner *runner, size_t worker)
{
  return &runner->jobs[worker].settings->budget;
}

int64_t mw_runner_uptime_ns(const struct mw_runner *runner)
{
  return now_ns() - runner->started_ns;
}
