/**
 * @file script_command.h
 * Commands that are scripts: commands/NAME.lua runs like a check, in a sandbox of its own, and what
 * it emits is what the command prints.
 *
 * Messages, by kind: "json", printed as it is, one a line; "lines", a list of texts for standard
 * output; "notices", the same for standard error; "exit", an object whose "code" is the exit code
 * and ends the command.
 *
 * Options that each of them declares: format, "table" or "json", and columns, how wide a table may
 * be (0: any width).
 */
#ifndef MW_SCRIPT_COMMAND_H
#define MW_SCRIPT_COMMAND_H

#include <getopt.h>

#include "cli/cli.h"
#include "cli/session.h"

#define MW_SCRIPT_COMMAND_OPTIONS_MAX 64

struct mw_script_command {
  const char *name; /**< "stats" */
  struct mw_session_config session;
  enum mw_cli_format format;
  struct mw_option options[MW_SCRIPT_COMMAND_OPTIONS_MAX];
  size_t options_count;
  unsigned runs;     /**< how often it is run; sources run before each */
  double interval_s; /**< between two runs */
  bool without_sources;
  char columns[24]; /**< the text of that option */
};

/** Codes of the options that these commands share; their own begin at MW_OPTION_OWN. */
enum mw_shared_option {
  MW_OPTION_FORMAT = 256,
  MW_OPTION_CREDENTIALS,
  MW_OPTION_HTTP_ANSWERS,
  MW_OPTION_HOST_ROOT,
  MW_OPTION_SET,
  MW_OPTION_SOURCE,
  MW_OPTION_UNIX_SOCKET,
  MW_OPTION_HELP,
  MW_OPTION_OWN,
};

#define MW_SHARED_OPTIONS                                                                          \
  {"format", required_argument, NULL, MW_OPTION_FORMAT},                                           \
      {"credentials", required_argument, NULL, MW_OPTION_CREDENTIALS},                             \
      {"http-answers", required_argument, NULL, MW_OPTION_HTTP_ANSWERS},                           \
      {"host-root", required_argument, NULL, MW_OPTION_HOST_ROOT},                                 \
      {"set", required_argument, NULL, MW_OPTION_SET},                                             \
      {"source", required_argument, NULL, MW_OPTION_SOURCE},                                       \
      {"unix-socket", required_argument, NULL, MW_OPTION_UNIX_SOCKET},                             \
  {                                                                                                \
    "help", no_argument, NULL, MW_OPTION_HELP                                                      \
  }

/**
 * Take a shared option, or say what is wrong with @p option. --help is the caller's.
 * @return 0, or an exit code.
 */
int mw_script_command_take(struct mw_script_command *command, int option, char **argv,
                           const struct option *options);

/** Give the script an option. @p text is borrowed. @return 0, or an exit code: too many. */
int mw_script_command_set(struct mw_script_command *command, const char *key, const char *text);

/** --set KEY=VALUE of the script, or of its host; @p text is cut at its sign. @return 0, or an exit
 * code. */
int mw_script_command_take_set(struct mw_script_command *command, char *text);

/** Run it. @return the exit code. */
int mw_script_command_run(struct mw_script_command *command);

#endif
