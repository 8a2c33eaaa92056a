/** @file config_load.h  The configuration, for the commands that work by it. */
#ifndef MW_CLI_CONFIG_LOAD_H
#define MW_CLI_CONFIG_LOAD_H

#include "agent/config.h"

/**
 * Load @p file (NULL: where it is by default), with the environment and @p flags of --set, which
 * outlive it, as does @p scripts_dir. What is wrong with it is said.
 * @return NULL when it was said why.
 */
struct mw_config *mw_cli_load_config(const char *file, const struct mw_option *flags,
                                     size_t flags_count, const char *scripts_dir);

#endif
