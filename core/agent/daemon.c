#include "agent/daemon.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/control.h"
#include "agent/notify.h"
#include "agent/orders.h"
#include "agent/reload.h"
#include "agent/runner.h"
#include "base/log.h"
#include "moonwatch/clock.h"

/* Hints come as fast as somebody writes into a folder of scripts. */
#define LOOK_UNTIL_READY_NS (50 * MW_NS_PER_MS)
#define LOOK_AFTER_HINT_NS (50 * MW_NS_PER_MS)

#define SHADOWS_EVERY_NS (60 * MW_NS_PER_S) /* how long what an upgrade replaces may go unseen */
#define READING_ENDS_NS (MW_NS_PER_S / 2)
#define RELOADS_APART_NS (MW_NS_PER_S / 2) /* signals come as fast as somebody sends them */

struct daemon {
  struct mw_runner *runner;
  struct mw_reload reload;
  struct mw_shadows *shadows;
  struct mw_notify notify;
  struct mw_control *control; /* NULL: nobody can ask */
  int signals;                /* a signalfd */
  bool is_ready, has_nothing, has_no_sink, ends, reload_wanted;
  int64_t look_at_ns, watchdog_at_ns, reload_at_ns, shadows_at_ns;
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

/* ---- Signals ---- */

/* Before there is any thread: each inherits the mask. */
static int open_signals(struct mw_error *err)
{
  sigset_t signals;

  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, NULL);
  int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  return fd >= 0 ? fd : mw_error_set(err, errno, "cannot wait for signals: %s", strerror(errno));
}

static void take_signals(struct daemon *daemon)
{
  struct signalfd_siginfo info;

  while (read(daemon->signals, &info, sizeof info) == (ssize_t)sizeof info) {
    if (info.ssi_signo == SIGHUP) {
      daemon->reload_wanted = true;
    } else {
      mw_log(MW_LOG_INFO, "agent", "ends: %s", strsignal((int)info.ssi_signo));
      daemon->ends = true;
    }
  }
}

/* ---- The loop ---- */

/* Did any check load? An agent without one would do nothing, for ever, and look healthy. */
static bool has_check(const struct mw_runner *runner)
{
  struct mw_worker_status status;

  for (size_t i = 0; i < mw_runner_workers_count(runner); i++) {
    mw_worker_status(mw_runner_worker(runner, i), &status);
    if (strcmp(status.kind, "check") == 0 && status.state != MW_WORKER_BROKEN)
      return true;
  }
  return false;
}

static void become_ready(struct daemon *daemon)
{
  if (daemon->is_ready || !mw_runner_is_ready(daemon->runner))
    return;
  daemon->is_ready = true;
  daemon->has_nothing = !has_check(daemon->runner);
  daemon->ends = daemon->has_nothing;
  if (daemon->ends)
    return;
  mw_notify_send(&daemon->notify, "READY=1");
  mw_log(MW_LOG_INFO, "agent", "is ready");
}

/* Half of the time that the manager waits, as it recommends. */
static void feed_watchdog(struct daemon *daemon)
{
  if (daemon->notify.watchdog_ns == 0 || now_ns() < daemon->watchdog_at_ns)
    return;
  mw_notify_send(&daemon->notify, "WATCHDOG=1");
  daemon->watchdog_at_ns = now_ns() + daemon->notify.watchdog_ns / 2;
}

/* However many signals came. */
static void reload_in_time(struct daemon *daemon)
{
  if (!daemon->reload_wanted || now_ns() < daemon->reload_at_ns)
    return;
  daemon->reload_wanted = false;
  mw_log(MW_LOG_INFO, "agent",
         "reloads: the configuration is read, scripts are loaded, and files opened, anew");
  mw_reload_want(&daemon->reload);
  daemon->reload_at_ns = now_ns() + RELOADS_APART_NS;
}

static void tell_reloaded(struct daemon *daemon, int rc, const struct mw_error *err)
{
  const struct mw_reload *reload = &daemon->reload;
  const char *restarts = reload->restarts.len_bytes > 0 ? reload->restarts.data : "";
  MW_AUTO_BUF done;

  mw_buf_init(&done, MW_CONTROL_BODY_MAX_BYTES);
  if (rc == 0)
    mw_buf_printf(&done, NULL,
                  "the configuration was read anew; %zu scripts are loaded anew, each when its run "
                  "is over, and the files of sinks opened%s%s\n",
                  mw_runner_workers_count(daemon->runner),
                  *restarts ? "; these need a restart: " : "", restarts);
  mw_control_answer_waiting(daemon->control, rc,
                            rc == 0         ? &done
                            : rc == -EINVAL ? &reload->mistakes
                                            : NULL,
                            err);
}

/* What is wrong was logged, and is told to those who have asked for it. */
static void take_configuration(struct daemon *daemon)
{
  struct mw_error err;
  int rc;

  if (!mw_reload_take(&daemon->reload, &rc, &err))
    return;
  daemon->look_at_ns = now_ns();
  if (daemon->control && !mw_reload_is_busy(&daemon->reload))
    tell_reloaded(daemon, rc, &err);
}

static void look_for_shadows(struct daemon *daemon)
{
  if (now_ns() < daemon->shadows_at_ns)
    return;
  mw_shadows_keep(daemon->shadows, mw_config_settings(daemon->reload.current)->script_dirs);
  daemon->shadows_at_ns = now_ns() + SHADOWS_EVERY_NS;
}

static void look(struct daemon *daemon)
{
  if (now_ns() < daemon->look_at_ns)
    return;
  int64_t runner_ns = mw_runner_look(daemon->runner);
  int64_t reload_ns = mw_reload_look(&daemon->reload);
  look_for_shadows(daemon);
  daemon->look_at_ns = now_ns() + (runner_ns < reload_ns ? runner_ns : reload_ns);
}

static void take_hints(struct daemon *daemon)
{
  int64_t soon_ns = now_ns() + LOOK_AFTER_HINT_NS;

  if (mw_runner_take_hints(daemon->runner) && soon_ns < daemon->look_at_ns)
    daemon->look_at_ns = soon_ns;
}

static int patience_ms(const struct daemon *daemon)
{
  int64_t until_ns = daemon->look_at_ns;

  if (daemon->notify.watchdog_ns > 0 && daemon->watchdog_at_ns < until_ns)
    until_ns = daemon->watchdog_at_ns;
  if (daemon->reload_wanted && daemon->reload_at_ns < until_ns)
    until_ns = daemon->reload_at_ns;
  int64_t left_ns = until_ns - now_ns();
  if (!daemon->is_ready && left_ns > LOOK_UNTIL_READY_NS) /* nobody wakes it for that */
    left_ns = LOOK_UNTIL_READY_NS;
  return left_ns > 0 ? (int)(left_ns / MW_NS_PER_MS) + 1 : 0;
}

static void work(struct daemon *daemon)
{
  struct pollfd pollers[] = {
      {.fd = daemon->signals, .events = POLLIN},
      {.fd = daemon->control ? mw_control_fd(daemon->control) : -1, .events = POLLIN},
      {.fd = mw_runner_hints_fd(daemon->runner), .events = POLLIN},
      {.fd = mw_runner_sinkless_fd(daemon->runner), .events = POLLIN},
      {.fd = mw_reload_fd(&daemon->reload), .events = POLLIN}};

  while (!daemon->ends) {
    become_ready(daemon);
    feed_watchdog(daemon);
    reload_in_time(daemon);
    take_configuration(daemon);
    look(daemon);
    if (daemon->ends)
      return;
    poll(pollers, sizeof pollers / sizeof pollers[0], patience_ms(daemon));
    take_signals(daemon);
    daemon->has_no_sink = pollers[3].revents != 0;
    daemon->ends |= daemon->has_no_sink;
    take_hints(daemon);
    if (daemon->control)
      mw_control_serve(daemon->control);
  }
}

/* ---- The whole ---- */

static int answer(void *data, char *line, struct mw_buf *body, struct mw_error *err)
{
  struct daemon *daemon = data;
  struct mw_agent agent = {daemon->runner, &daemon->reload, daemon->shadows};

  return mw_orders_take(&agent, line, body, err);
}

/* An agent that cannot be asked does its work all the same. But two of one configuration would send
 * everything twice, and write to the same files; and who may ask is not to be guessed. */
static int open_control(struct daemon *daemon, const struct mw_settings *settings,
                        struct mw_error *err)
{
  const struct mw_control_place place = {.path = settings->socket_path,
                                         .mode = settings->socket_mode,
                                         .group = settings->socket_group};

  daemon->control = mw_control_open(&place, answer, daemon, err);
  if (daemon->control)
    return 0;
  if (err->code == EADDRINUSE || err->code == EINVAL)
    return -err->code;
  mw_log(MW_LOG_WARN, "agent",
         "there is no control socket, so \"moonwatch status\" cannot ask: %s; "
         "--set socket=PATH names another place",
         err->text);
  return 0;
}

/* @return false: something hangs. */
static bool end(struct daemon *daemon)
{
  bool all = mw_reload_stop(&daemon->reload, now_ns() + READING_ENDS_NS);

  return mw_runner_stop(daemon->runner, MW_DAEMON_STOP_MS * MW_NS_PER_MS) && all;
}

static int start(struct daemon *daemon, const struct mw_config_request *request,
                 struct mw_config *config, bool *hangs, struct mw_error *err)
{
  const struct mw_settings *settings = mw_config_settings(config);

  daemon->signals = open_signals(err);
  if (daemon->signals < 0)
    return daemon->signals;
  int rc = mw_notify_open(&daemon->notify, err);
  if (rc < 0)
    return rc;
  rc = open_control(daemon, settings, err);
  if (rc < 0)
    return rc;
  daemon->shadows = mw_shadows_new(settings->state_dir, err);
  if (!daemon->shadows)
    return -err->code;
  daemon->runner = mw_runner_start(settings, hangs, err);
  if (!daemon->runner)
    return -err->code;
  rc = mw_reload_init(&daemon->reload, request, config, daemon->runner, err);
  if (rc < 0)
    *hangs = !end(daemon);
  return rc;
}

int mw_daemon_run(const struct mw_config_request *request, struct mw_config *config, bool *hangs,
                  struct mw_error *err)
{
  struct daemon daemon = {.signals = -1, .notify = {.fd = -1}};
  struct mw_error own, *why = err ? err : &own;

  *hangs = false;
  int rc = start(&daemon, request, config, hangs, why);
  if (rc == 0) {
    work(&daemon);
    if (daemon.has_nothing)
      rc = mw_error_set(why, ENOENT, "no check could be loaded, so there is nothing to do");
    if (daemon.has_no_sink)
      rc = mw_error_set(why, EPIPE, "no sink is left, so nobody reads what is found");
    mw_notify_send(&daemon.notify, "STOPPING=1");
    *hangs = !end(&daemon);
  }
  mw_control_close(daemon.control);
  mw_shadows_free(daemon.shadows);
  mw_notify_close(&daemon.notify);
  if (daemon.signals >= 0)
    close(daemon.signals);
  return rc;
}
