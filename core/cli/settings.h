/**
 * @file settings.h
 * --set of what belongs to no script but to the host's connections: kubelet.KEY=VALUE.
 * Thread-safety: none.
 */
#ifndef MW_CLI_SETTINGS_H
#define MW_CLI_SETTINGS_H

#include <stdbool.h>

#include "kubelet/settings.h"

/** Is @p text, "KEY=VALUE", such a setting? Options of scripts have no dot in their names. */
bool mw_cli_is_setting(const char *text);

/**
 * Take such a setting; @p text is cut at its sign, and borrowed.
 * @return 0, or what mw_cli_usage returns.
 */
int mw_cli_take_setting(const char *command, char *text, struct mw_kubelet_config *kubelet);

/** For commands whose scripts have no options of the operator. @return as mw_cli_take_setting. */
int mw_cli_take_setting_only(const char *command, char *text, struct mw_kubelet_config *kubelet);

/** NODE_IP and NODE_NAME, where no setting says otherwise; borrowed from the environment. */
void mw_cli_take_environment(struct mw_kubelet_config *kubelet);

/** Say what credentials that believe any certificate give up in safety. */
void mw_cli_warn_of_credentials(const char *name);

/** Say what @p kubelet gives up in safety. */
void mw_cli_warn_of_settings(const struct mw_kubelet_config *kubelet, const char *host_root);

#endif
