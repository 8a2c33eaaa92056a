/**
 * @file daemon.h
 * The agent as a process: signals, the service manager, and the loop around a runner.
 *
 * SIGTERM and SIGINT end it, SIGHUP reads the configuration, loads scripts and opens files anew;
 * SIGPIPE and SIGXFSZ are for the caller to ignore. It speaks with systemd where
 * NOTIFY_SOCKET is set (agent/notify.h). Thread-safety: once in a process, called by its
 * first thread, while that is the only one.
 */
#ifndef MW_DAEMON_H
#define MW_DAEMON_H

#include <stdbool.h>

#include "agent/config.h"
#include "moonwatch/error.h"

/** From the signal to the end. */
#define MW_DAEMON_STOP_MS 4000

/**
 * Work until a signal ends it.
 * @param request what @p config, which has no mistakes, was loaded by: so it is loaded again.
 * @param hangs becomes whether a thread is left that does not end: the
 * process then has to end without waiting for it.
 * @return 0, or -errno: it could not begin.
 */
int mw_daemon_run(const struct mw_config_request *request, struct mw_config *config, bool *hangs,
                  struct mw_error *err);

#endif
