/**
 * @file status.h
 * How the agent is: what is wrong, its scripts, sinks, sources and its own cost, as one JSON
 * object. Thread-safety: as the runner.
 */
#ifndef MW_STATUS_H
#define MW_STATUS_H

#include "agent/runner.h"
#include "base/buf.h"
#include "moonwatch/error.h"

/** Append the object, its keys sorted. @return 0, or -errno. */
int mw_status_write(struct mw_runner *runner, struct mw_buf *out, struct mw_error *err);

/** "waiting" and so on. */
const char *mw_status_state_name(enum mw_worker_state state);

#endif
