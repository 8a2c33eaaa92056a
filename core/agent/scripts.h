/**
 * @file scripts.h
 * Which scripts run, from which files, and in front of which shipped ones, as one JSON object.
 * Thread-safety: that of the runner.
 */
#ifndef MW_SCRIPTS_H
#define MW_SCRIPTS_H

#include "agent/runner.h"
#include "agent/settings.h"
#include "agent/shadows.h"
#include "base/buf.h"
#include "moonwatch/error.h"

/**
 * Append the object, its keys sorted: "agent", whether one runs; "modules", those of the library
 * that stand in front of shipped ones; "script_dirs"; "scripts", those that are files.
 * @param runner NULL: no agent runs, and what only it knows is absent.
 */
int mw_scripts_write(const struct mw_settings *settings, struct mw_runner *runner,
                     const struct mw_shadows *shadows, struct mw_buf *out, struct mw_error *err);

/** The folder of a kind, below script_dirs: "checks". */
const char *mw_scripts_folder(enum mw_script_kind kind);

#endif
