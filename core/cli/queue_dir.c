#include "cli/queue_dir.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/config_load.h"

static char *dir_of_config(const char *file)
{
  struct mw_config *config = mw_cli_load_config(file, NULL, 0, NULL);
  const char *configured = config ? mw_config_queue_dir(config) : NULL;
  char *dir = NULL;

  if (config && !configured)
    mw_cli_say("the queue is in memory alone (queue.on_disk = false): there is nothing to read");
  else if (configured && !(dir = strdup(configured)))
    mw_cli_say("out of memory");
  mw_config_free(config);
  return dir;
}

char *mw_cli_queue_dir(const struct mw_cli_queue_place *place)
{
  char *dir;

  if (!place->state_dir)
    return dir_of_config(place->config_file);
  if (asprintf(&dir, "%s/" MW_SETTINGS_QUEUE_DIR, place->state_dir) >= 0)
    return dir;
  mw_cli_say("out of memory");
  return NULL;
}

struct mw_queue_reader *mw_cli_open_queue(const char *dir, int *exit_code)
{
  struct mw_error err;
  struct mw_queue_reader *reader = mw_queue_reader_open(dir, &err);

  if (reader)
    return reader;
  *exit_code = err.code == ENOENT ? MW_EXIT_NOTHING : MW_EXIT_FAILED;
  if (err.code == ENOENT)
    mw_cli_say("there is no queue in %s yet", dir);
  else
    mw_cli_say("%s", err.text);
  return NULL;
}
