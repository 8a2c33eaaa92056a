#include "cli/ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/control.h"
#include "cli/cli.h"
#include "cli/config_load.h"

static void say_lines(char *lines)
{
  char *rest = lines;

  for (char *line; (line = strsep(&rest, "\n"));)
    if (*line)
      mw_cli_say("%s", line);
}

static int ask_at(const char *socket, const char *line, struct mw_buf *body)
{
  struct mw_error err;
  bool takes_its_time = strcmp(line, "reload") == 0;
  int rc = mw_control_ask_patiently(
      socket, line, takes_its_time ? MW_CONTROL_LATER_NS : MW_CONTROL_PATIENCE_NS, body, &err);

  if (rc == -ENOENT || rc == -ECONNREFUSED)
    mw_cli_say("no agent listens at %s: moonwatch run starts one, --socket names another place",
               socket);
  else if (rc < 0)
    mw_cli_say("%s", err.text);
  if (rc == -EPROTO && body->len_bytes > 0) /* what it says beside that: lines */
    say_lines(body->data);
  return rc < 0 ? MW_EXIT_FAILED : 0;
}

/* A file of one's own that does not even compile may be that of an agent with a place of its own:
 * no order goes to the agent of the default place instead. */
static bool is_guessed(const char *file, const struct mw_config *config)
{
  return mw_config_mistakes_count(config) > 0 && (file || getenv("MOONWATCH_CONFIG")) &&
         strcmp(mw_config_socket(config), MW_CONFIG_SOCKET_DEFAULT) == 0;
}

int mw_cli_ask(const char *socket, const char *file, const char *line, struct mw_buf *body)
{
  if (socket)
    return ask_at(socket, line, body);
  struct mw_config *config = mw_cli_load_config(file, NULL, 0, NULL);
  const char *configured = config ? mw_config_socket(config) : NULL;
  int rc = MW_EXIT_FAILED;

  if (configured &&
      !is_guessed(
          file,
          config)) /* also with mistakes, which were said: the agent goes on with what it had */
    rc = ask_at(configured, line, body);
  else if (config)
    mw_cli_say("the configuration does not tell where the agent listens; --socket PATH does");
  mw_config_free(config);
  return rc;
}
