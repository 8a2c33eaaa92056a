/** @file ask.h  Asking the agent that runs, for the commands that do. */
#ifndef MW_CLI_ASK_H
#define MW_CLI_ASK_H

#include "base/buf.h"

/**
 * Ask the agent at @p socket (NULL: where the configuration says, the one in @p file or the one
 * that is found), and append its answer to @p body. @return 0, or MW_EXIT_FAILED when it was said
 * why.
 */
int mw_cli_ask(const char *socket, const char *file, const char *line, struct mw_buf *body);

#endif
