/** @file config_print.h  What a configuration says, and what is wrong with it, to standard output.
 */
#ifndef MW_CONFIG_PRINT_H
#define MW_CONFIG_PRINT_H

#include "agent/config.h"
#include "cli/cli.h"

/** A line for each fault: "FILE:LINE: KEY: what is wrong; did you mean KEY?" */
void mw_config_print_faults(const struct mw_config *config);

/** A list with an object for each. @return 0, or -errno. */
int mw_config_print_faults_json(const struct mw_config *config, struct mw_error *err);

/** A line for each value: key, value, where it is from. Secrets are masked. */
void mw_config_print_values(const struct mw_config *config);

/** A list with an object for each. @return 0, or -errno. */
int mw_config_print_values_json(const struct mw_config *config, struct mw_error *err);

/** The table of keys: a line, or an object, for each. @return an exit code. */
int mw_config_print_keys(enum mw_cli_format format);

#endif
