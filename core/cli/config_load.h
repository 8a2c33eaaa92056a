/** @file config_load.h  The configuration, for the commands that work by it. */
#ifndef MW_CLI_CONFIG_LOAD_H
#define MW_CLI_CONFIG_LOAD_H

#include "agent/config.h"

/** What a configuration is loaded by. */
struct mw_cli_config_request {
  struct mw_config_request request;
  char *file; /**< that it names */
};

/**
 * For @p file (NULL: where it is by default), as an absolute path, with the environment and
 * @p flags of --set, which outlive it, as does @p scripts_dir. @return 0, or -1 when it was said
 * why.
 */
int mw_cli_config_request(struct mw_cli_config_request *out, const char *file,
                          const struct mw_option *flags, size_t flags_count,
                          const char *scripts_dir);
void mw_cli_config_request_deinit(struct mw_cli_config_request *request);

/** Load it. What is wrong with it is said. @return NULL when it was said why. */
struct mw_config *mw_cli_load_requested(const struct mw_cli_config_request *request);

/**
 * Load @p file (NULL: where it is by default), with the environment and @p flags of --set, which
 * outlive it, as does @p scripts_dir. What is wrong with it is said.
 * @return NULL when it was said why.
 */
struct mw_config *mw_cli_load_config(const char *file, const struct mw_option *flags,
                                     size_t flags_count, const char *scripts_dir);

#endif
