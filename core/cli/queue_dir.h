/** @file queue_dir.h  Where the queue of the agent is, for the commands that look at it. */
#ifndef MW_CLI_QUEUE_DIR_H
#define MW_CLI_QUEUE_DIR_H

#include "moonwatch/queue.h"

/** What the command line says of it. */
struct mw_cli_queue_place {
  const char *config_file; /**< NULL: the one that is found */
  const char *state_dir;   /**< NULL: as the configuration says */
};

/**
 * @return the folder, which the caller frees; NULL when it was said why
 * there is none.
 */
char *mw_cli_queue_dir(const struct mw_cli_queue_place *place);

/** Open it. *exit_code is why not, which was said: MW_EXIT_NOTHING: there is no queue yet. */
struct mw_queue_reader *mw_cli_open_queue(const char *dir, int *exit_code);

#endif
