#include "agent/runner.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/connections.h"
#include "agent/running.h"
#include "agent/sinks.h"
#include "base/log.h"

#define POLL_INTERVAL_DEFAULT_NS (400 * MW_NS_PER_MS)
#define LOOK_WITH_HINTS_NS (5 * MW_NS_PER_S) /* for what gives none */
#define LOOK_AGAIN_NS (100 * MW_NS_PER_MS)   /* at what changes right now */

#define SINK_GOES_NS (MW_NS_PER_S / 2) /* for what waits for a sink that is not wanted any more */
#define DELIVERY_SHARE 4 /* of the time for the end, one part in so many is for the sinks */

/* A sink at work. */
struct outlet {
  struct mw_runner *runner;
  struct mw_sink *sink;
  struct mw_script_order order; /* its configuration is held */
  atomic_bool given_up;
};

struct mw_runner {
  struct mw_config *config;   /* that it was started with: the memory of what follows */
  struct mw_http_access http; /* of the context */
  struct mw_context *context;
  struct mw_queue *queue;
  struct mw_running *running; /* NULL: who crashes the agent is not found out */
  struct mw_folders folders;
  struct mw_crew crew;
  struct outlet *outlets[MW_QUEUE_CURSORS_MAX];
  size_t outlets_count;
  bool outlet_hangs;
  atomic_size_t outlets_left; /* that were not given up */
  int sinkless_fd;            /* an eventfd, written when the last one was */
  int64_t started_ns, poll_interval_ns;
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

/* ---- Sinks ---- */

static void free_outlet(struct outlet *outlet)
{
  mw_config_free(outlet->order.config);
  free(outlet);
}

/* By the sink's thread, or for one that goes: once. */
static void give_up(struct outlet *outlet)
{
  if (!atomic_exchange(&outlet->given_up, true) &&
      atomic_fetch_sub(&outlet->runner->outlets_left, 1) == 1)
    eventfd_write(outlet->runner->sinkless_fd, 1);
}

static void sink_is_given_up(void *data)
{
  give_up(data);
}

static struct mw_crew_shared shared_by(struct mw_runner *runner)
{
  return (struct mw_crew_shared){.context = runner->context,
                                 .queue = runner->queue,
                                 .folders = &runner->folders,
                                 .running = runner->running};
}

static int start_outlet(struct outlet *outlet, struct mw_error *err)
{
  struct mw_runner *runner = outlet->runner;
  const struct mw_sink_config common = {.on_given_up = sink_is_given_up,
                                        .on_given_up_data = outlet};
  const struct mw_crew_shared shared = shared_by(runner);

  atomic_fetch_add(&runner->outlets_left, 1);
  outlet->sink = mw_sinks_start(&outlet->order, &shared, &common, err);
  if (outlet->sink)
    return 0;
  atomic_fetch_sub(&runner->outlets_left, 1);
  return -err->code;
}

int mw_runner_add_sink(struct mw_runner *runner, const struct mw_script_order *order,
                       struct mw_error *err)
{
  if (runner->outlets_count == MW_QUEUE_CURSORS_MAX)
    return mw_error_set(err, EINVAL, "there are more than %d sinks", MW_QUEUE_CURSORS_MAX);
  struct outlet *outlet = calloc(1, sizeof *outlet);
  if (!outlet)
    return mw_error_set(err, ENOMEM, "out of memory for the sink %s", order->settings->name);
  outlet->runner = runner;
  outlet->order = *order;
  mw_config_hold(order->config);
  int rc = start_outlet(outlet, err);
  if (rc < 0)
    free_outlet(outlet);
  else
    runner->outlets[runner->outlets_count++] = outlet;
  return rc;
}

/* @return whether it has ended, and is freed. */
static bool stop_outlet(struct outlet *outlet, int64_t deadline_ns)
{
  struct mw_delivery_status status;
  size_t left;

  mw_sink_status(outlet->sink, &status);
  bool ended = mw_sink_stop(outlet->sink, deadline_ns, &left);
  if (left > 0)
    mw_log(MW_LOG_WARN, "agent", "%zu messages were not delivered to a sink%s%s", left,
           *status.error ? ": " : "", status.error);
  if (ended)
    free_outlet(outlet);
  else
    mw_log(MW_LOG_ERROR, outlet->order.settings->name,
           "does not end: what it writes to does not take it");
  return ended;
}

/* One that hangs is left alone: the process has to end without it. */
void mw_runner_remove_sink(struct mw_runner *runner, size_t index)
{
  struct outlet *outlet = runner->outlets[index];

  runner->outlets_count--;
  memmove(&runner->outlets[index], &runner->outlets[index + 1],
          (runner->outlets_count - index) * sizeof runner->outlets[0]);
  if (!atomic_exchange(&outlet->given_up, true))
    atomic_fetch_sub(&runner->outlets_left, 1);
  if (!stop_outlet(outlet, now_ns() + SINK_GOES_NS))
    runner->outlet_hangs = true;
}

void mw_runner_note_sinks(struct mw_runner *runner)
{
  if (runner->outlets_count > 0 && atomic_load(&runner->outlets_left) == 0)
    eventfd_write(runner->sinkless_fd, 1);
}

void mw_runner_reopen_sinks(struct mw_runner *runner)
{
  for (size_t i = 0; i < runner->outlets_count; i++)
    mw_sink_reopen(runner->outlets[i]->sink);
}

static bool stop_outlets(struct mw_runner *runner, int64_t deadline_ns)
{
  bool all = !runner->outlet_hangs;

  for (size_t i = 0; i < runner->outlets_count; i++)
    mw_sink_finish(runner->outlets[i]->sink, deadline_ns);
  for (size_t i = 0; i < runner->outlets_count; i++)
    all &= stop_outlet(runner->outlets[i], deadline_ns);
  runner->outlets_count = 0;
  return all;
}

/* ---- The start ---- */

static int start_scripts(struct mw_runner *runner, const struct mw_settings *settings,
                         struct mw_error *err)
{
  const struct mw_crew_shared shared = shared_by(runner);
  int rc = 0;

  mw_crew_set_shared(&runner->crew, &shared);
  for (size_t i = 0; i < settings->scripts_count && rc == 0; i++) {
    const struct mw_script_order order = {&settings->scripts[i], settings->script_dirs,
                                          settings->config};
    if (settings->scripts[i].kind != MW_SCRIPT_SINK)
      rc = mw_crew_add(&runner->crew, &order, err);
  }
  mw_crew_begin(&runner->crew);
  return rc;
}

static int start_sinks(struct mw_runner *runner, const struct mw_settings *settings,
                       struct mw_error *err)
{
  int rc = 0;

  for (size_t i = 0; i < settings->scripts_count && rc == 0; i++) {
    const struct mw_script_order order = {&settings->scripts[i], settings->script_dirs,
                                          settings->config};
    if (settings->scripts[i].kind == MW_SCRIPT_SINK)
      rc = mw_runner_add_sink(runner, &order, err);
  }
  return rc;
}

static void open_running(struct mw_runner *runner, const char *state_dir)
{
  struct mw_error err;

  if (!state_dir)
    return;
  runner->running = mw_running_open(state_dir, &err);
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
static int start_all(struct mw_runner *runner, const struct mw_settings *settings,
                     struct mw_error *err)
{
  struct mw_kubelet_config kubelet = mw_connections_kubelet(settings);
  struct mw_context_config context_config = {.host_root = settings->host_root,
                                             .state_dir = settings->state_dir,
                                             .http = &runner->http,
                                             .kubelet = &kubelet};
  int rc = mw_connections_http(settings, &runner->http, err);

  if (rc < 0)
    return rc;
  runner->context = mw_context_new(&context_config, err);
  if (!runner->context)
    return -err->code;
  runner->queue = open_queue(settings, err);
  if (!runner->queue)
    return -err->code;
  runner->sinkless_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (runner->sinkless_fd < 0)
    return mw_error_set(err, errno, "cannot make an eventfd: %s", strerror(errno));
  open_running(runner, settings->state_dir);
  rc = start_sinks(runner, settings, err);
  if (rc == 0)
    rc = start_scripts(runner, settings, err);
  return rc;
}

void mw_runner_set_limits(struct mw_runner *runner, const struct mw_settings *settings)
{
  runner->poll_interval_ns = settings->poll_interval_s > 0
                                 ? (int64_t)(settings->poll_interval_s * (double)MW_NS_PER_S)
                                 : POLL_INTERVAL_DEFAULT_NS;
  mw_crew_set_parallel_runs(&runner->crew, settings->parallel_runs);
  if (runner->queue)
    mw_queue_configure(runner->queue, &settings->queue);
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
  runner->config = mw_config_hold(settings->config);
  runner->sinkless_fd = -1;
  runner->started_ns = now_ns();
  atomic_init(&runner->outlets_left, 0);
  mw_folders_open(&runner->folders);
  mw_crew_init(&runner->crew, settings->parallel_runs);
  mw_runner_set_limits(runner, settings);
  if (start_all(runner, settings, why) == 0)
    return runner;
  *hangs = !mw_runner_stop(runner, MW_RUNNER_PATIENCE_NS);
  return NULL;
}

bool mw_runner_is_ready(struct mw_runner *runner)
{
  return mw_crew_is_ready(&runner->crew);
}

/* ---- While it works ---- */

int64_t mw_runner_look_interval_ns(const struct mw_runner *runner, enum mw_watch_answer answer)
{
  bool has_hints = runner->folders.fd >= 0 && !atomic_load(&runner->folders.incomplete);

  if (answer == MW_WATCH_UNSETTLED && LOOK_AGAIN_NS < runner->poll_interval_ns)
    return LOOK_AGAIN_NS;
  return has_hints && answer != MW_WATCH_UNSETTLED ? LOOK_WITH_HINTS_NS : runner->poll_interval_ns;
}

static enum mw_watch_answer look_at_sink(struct mw_sink *sink)
{
  struct mw_worker *worker = mw_sink_worker(sink);

  return worker ? mw_worker_look(worker, false) : MW_WATCH_SAME;
}

int64_t mw_runner_look(struct mw_runner *runner)
{
  enum mw_watch_answer answer = mw_crew_look(&runner->crew);

  for (size_t i = 0; i < runner->outlets_count; i++)
    if (look_at_sink(runner->outlets[i]->sink) == MW_WATCH_UNSETTLED)
      answer = MW_WATCH_UNSETTLED;
  mw_running_beat(runner->running);
  mw_crew_reap(&runner->crew);
  return mw_runner_look_interval_ns(runner, mw_crew_has_leaving(&runner->crew) ? MW_WATCH_UNSETTLED
                                                                               : answer);
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
  mw_runner_reopen_sinks(runner);
  for (size_t i = 0; i < mw_crew_count(&runner->crew); i++)
    mw_worker_look(mw_crew_worker(&runner->crew, i), true);
}

/* ---- The end ---- */

bool mw_runner_stop(struct mw_runner *runner, int64_t timeout_ns)
{
  if (!runner)
    return true;
  int64_t deadline_ns = now_ns() + timeout_ns;
  bool all = mw_crew_stop(&runner->crew, deadline_ns - timeout_ns / DELIVERY_SHARE);

  all &= stop_outlets(runner, deadline_ns);
  if (!all)
    return false;
  mw_crew_deinit(&runner->crew);
  mw_running_close(runner->running, true);
  mw_queue_close(runner->queue, deadline_ns);
  mw_context_free(runner->context);
  mw_folders_close(&runner->folders);
  if (runner->sinkless_fd >= 0)
    close(runner->sinkless_fd);
  mw_config_free(runner->config);
  free(runner);
  return true;
}

/* ---- For others ---- */

struct mw_crew *mw_runner_crew(struct mw_runner *runner)
{
  return &runner->crew;
}

struct mw_folders *mw_runner_folders(struct mw_runner *runner)
{
  return &runner->folders;
}

/* Workers of sinks come behind the others. */
static struct mw_sink *find_script_sink(const struct mw_runner *runner, size_t number)
{
  for (size_t i = 0; i < runner->outlets_count; i++)
    if (mw_sink_worker(runner->outlets[i]->sink) && number-- == 0)
      return runner->outlets[i]->sink;
  return NULL;
}

size_t mw_runner_workers_count(const struct mw_runner *runner)
{
  size_t count = 0;

  while (find_script_sink(runner, count))
    count++;
  return mw_crew_count(&runner->crew) + count;
}

struct mw_worker *mw_runner_worker(const struct mw_runner *runner, size_t index)
{
  size_t count = mw_crew_count(&runner->crew);

  return index < count ? mw_crew_worker(&runner->crew, index)
                       : mw_sink_worker(find_script_sink(runner, index - count));
}

size_t mw_runner_sinks_count(const struct mw_runner *runner)
{
  return runner->outlets_count;
}

struct mw_sink *mw_runner_sink(const struct mw_runner *runner, size_t index)
{
  return runner->outlets[index]->sink;
}

const struct mw_script_order *mw_runner_sink_order(const struct mw_runner *runner, size_t index)
{
  return &runner->outlets[index]->order;
}

struct mw_queue *mw_runner_queue(const struct mw_runner *runner)
{
  return runner->queue;
}

struct mw_running *mw_runner_running(const struct mw_runner *runner)
{
  return runner->running;
}

struct mw_context *mw_runner_context(const struct mw_runner *runner)
{
  return runner->context;
}

const struct mw_budget *mw_runner_budget(const struct mw_runner *runner, size_t worker)
{
  size_t count = mw_crew_count(&runner->crew);

  return worker < count ? &mw_crew_settings(&runner->crew, worker)->budget
                        : mw_sink_budget(find_script_sink(runner, worker - count));
}

int64_t mw_runner_uptime_ns(const struct mw_runner *runner)
{
  return now_ns() - runner->started_ns;
}
