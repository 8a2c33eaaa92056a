/**
 * @file status.h
 * How the agent is: its scripts, sinks, sources, configuration and its own cost, as one JSON
 * object. Thread-safety: as the runner.
 */
#ifndef MW_STATUS_H
#define MW_STATUS_H

#include "agent/reload.h"
#include "agent/runner.h"
#include "base/buf.h"
#include "moonwatch/error.h"

/** What can be asked; borrowed. */
struct mw_agent {
  struct mw_runner *runner;
  struct mw_reload *reload;
};

/** Append the object, its keys sorted. @return 0, or -errno. */
int mw_status_write(const struct mw_agent *agent, struct mw_buf *out, struct mw_error *err);

#endif
