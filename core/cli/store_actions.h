/** @file store_actions.h  What moonwatch store does, apart from its command line. */
#ifndef MW_STORE_ACTIONS_H
#define MW_STORE_ACTIONS_H

#include <stdbool.h>

#include "cli/cli.h"
#include "moonwatch/store.h"

struct mw_store_work {
  struct mw_store *store;
  const char *script, *key, *value; /**< NULL: not given */
  enum mw_cli_format format;
  bool raw;
};

/* All return an exit code; what went wrong was said. */
int mw_store_action_check(struct mw_store_work *work);
int mw_store_action_delete(struct mw_store_work *work);
int mw_store_action_get(struct mw_store_work *work);
int mw_store_action_list(struct mw_store_work *work);
int mw_store_action_put(struct mw_store_work *work);
int mw_store_action_stats(struct mw_store_work *work);

#endif
