/**
 * @file status.h
 * How the agent is: what is wrong, its scripts, sinks, sources, configuration and its own cost, as
 * one JSON object. Thread-safety: as the runner.
 */
#ifndef MW_STATUS_H
#define MW_STATUS_H

#include "agent/reload.h"
#include "agent/runner.h"
#include "agent/shadows.h"
#include "base/buf.h"
#include "moonwatch/error.h"

/** What can be asked; borrowed. */
struct mw_agent {
  struct mw_runner *runner;
  struct mw_reload *reload;
  struct mw_shadows *shadows;
};

/** Append the object, its keys sorted. @return 0, or -errno. */
int mw_status_write(const struct mw_agent *agent, struct mw_buf *out, struct mw_error *err);

/** "waiting" and so on. */
const char *mw_status_state_name(enum mw_worker_state state);

#endif
