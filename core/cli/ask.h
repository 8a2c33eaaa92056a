/** @file ask.h  Asking a running agent, for the commands that need one. */
#ifndef MW_CLI_ASK_H
#define MW_CLI_ASK_H

#include "base/buf.h"

/**
 * Ask the agent that listens at @p socket (NULL: where the configuration @p file says, NULL: the
 * one that is found); see mw_control_ask. What goes wrong is said.
 * @return 0, or MW_EXIT_FAILED.
 */
int mw_cli_ask(const char *socket, const char *file, const char *line, struct mw_buf *body);

#endif
