/** @file sinks.h  Sinks by name, made of an operator's options. */
#ifndef MW_SINKS_H
#define MW_SINKS_H

#include "agent/crew.h"
#include "agent/settings.h"
#include "agent/sink.h"

/** Of a sink that is a part of the program: are the options such as it takes? @return 0, or -EINVAL
 * with what is wrong. */
int mw_sinks_check(const struct mw_script_settings *settings, struct mw_error *err);

/**
 * Start the sink that @p order names: "stdout", which has no options, "file", with path, max_bytes,
 * max_age_s and keep, or a script.
 * @param common has whom to tell; what else is in it is the named sink's.
 * @return NULL with @p err, -EINVAL: an option of the first two that is wrong.
 */
struct mw_sink *mw_sinks_start(const struct mw_script_order *order,
                               const struct mw_crew_shared *shared,
                               const struct mw_sink_config *common, struct mw_error *err);

/** What the sink declares, as a script does: Lua that returns a table. @return NULL: there is none.
 */
const char *mw_sinks_declaration(const char *name);

/** Names of those that are a part of the program; NULL behind the last. */
const char *mw_sinks_name(size_t index);

#endif
