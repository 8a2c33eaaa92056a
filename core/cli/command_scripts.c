/* moonwatch scripts: which scripts run, from which files, and how yours differ from the shipped. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/control.h"
#include "agent/scripts.h"
#include "cli/cli.h"
#include "cli/config_load.h"
#include "cli/difference.h"
#include "cli/script_command.h"

struct arguments {
  const char *words[2]; /* "diff" and a name */
  size_t words_count;
  const char *socket, *file;
  enum mw_cli_format format;
};

static void print_help(void)
{
  puts("Usage: moonwatch scripts [OPTION...]\n"
       "       moonwatch scripts diff NAME [OPTION...]\n"
       "\n"
       "Show which scripts run, since when, and from which files; and which of them,\n"
       "and which modules, stand in front of files that ship. Where no agent runs, which\n"
       "ones the configuration names.\n"
       "\n"
       "diff shows how yours differs from the shipped one, as diff -u does. NAME is a\n"
       "script (container_rt, checks/container_rt) or a module (moonwatch/filter).\n"
       "\n"
       "Options:\n"
       "  --format table|json  a table for eyes, or one object (default: table)\n"
       "  --socket PATH        where the agent listens (default: of the configuration)\n"
       "  --config FILE        the configuration, instead of the one that is found\n"
       "  --help               show this\n"
       "\n"
       "Exit codes: 0 fine, 1 something failed, 2 wrong usage; of diff: 0 the same,\n"
       "1 they differ, 2 they cannot be compared, or wrong usage.");
}

/* ---- Arguments ---- */

enum option_code { OPTION_CONFIG = 256, OPTION_FORMAT, OPTION_HELP, OPTION_SOCKET };

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {0},
};

static int take_word(void *data, const char *word)
{
  struct arguments *out = data;

  if (out->words_count == 2 || (out->words_count == 0 && strcmp(word, "diff") != 0))
    return mw_cli_usage("scripts", "what is \"%s\" for?", word);
  out->words[out->words_count++] = word;
  return 0;
}

static int take_option(void *data, int option, char **argv)
{
  struct arguments *out = data;

  switch (option) {
  case OPTION_CONFIG:
    out->file = optarg;
    return 0;
  case OPTION_SOCKET:
    out->socket = optarg;
    return 0;
  case OPTION_FORMAT:
    return mw_cli_take_format("scripts", optarg, &out->format);
  default:
    return mw_cli_bad_option("scripts", option, argv, long_options);
  }
}

static const struct mw_cli_syntax syntax = {.options = long_options,
                                            .help_code = OPTION_HELP,
                                            .print_help = print_help,
                                            .take_option = take_option,
                                            .take_word = take_word};

/* ---- Listing ---- */

static int print(const struct mw_buf *json, enum mw_cli_format format)
{
  struct mw_script_command command = {.name = "scripts", .runs = 1, .without_sources = true};

  if (format == MW_CLI_JSON) {
    fwrite(json->data, 1, json->len_bytes, stdout);
    return MW_EXIT_FINE;
  }
  int rc = mw_script_command_set(&command, "scripts", json->data);
  return rc != 0 ? rc : mw_script_command_run(&command);
}

/* What the configuration names, and what an agent has kept of it, if it may be read. */
static int describe(const struct mw_settings *settings, struct mw_buf *out)
{
  struct mw_error err, unread;
  struct mw_shadows *shadows = mw_shadows_new(settings->state_dir, &err);
  int rc = shadows ? 0 : -err.code;

  if (shadows && mw_shadows_look(shadows, settings->script_dirs, false, &unread) < 0)
    mw_cli_say("what the agent has kept cannot be read: %s", unread.text);
  if (shadows)
    rc = mw_scripts_write(settings, NULL, shadows, out, &err);
  if (rc == 0)
    rc = mw_buf_append(out, "\n", 1, &err);
  if (rc < 0)
    mw_cli_say("%s", err.text);
  mw_shadows_free(shadows);
  return rc < 0 ? MW_EXIT_FAILED : 0;
}

/* Ask the agent; without one, the configuration tells. */
static int list(const struct arguments *arguments, const struct mw_settings *settings)
{
  const char *socket = arguments->socket ? arguments->socket : settings->socket_path;
  struct mw_error err;
  MW_AUTO_BUF body;

  mw_buf_init(&body, MW_CONTROL_BODY_MAX_BYTES);
  int rc = mw_control_ask(socket, "scripts", &body, &err);
  if (rc == -ENOENT || rc == -ECONNREFUSED) {
    mw_cli_say("no agent listens at %s: this is what the configuration names", socket);
    rc = describe(settings, &body);
  } else if (rc < 0) {
    mw_cli_say("%s", err.text);
    rc = MW_EXIT_FAILED;
  }
  return rc != 0 ? rc : print(&body, arguments->format);
}

static int list_or_compare(const struct arguments *arguments, const char *scripts_dir)
{
  struct mw_config *config = mw_cli_load_config(arguments->file, NULL, 0, scripts_dir);
  const struct mw_settings *settings = config ? mw_config_settings(config) : NULL;
  int rc = MW_EXIT_USAGE;

  if (settings)
    rc = arguments->words_count > 0
             ? mw_cli_show_difference(settings->script_dirs, arguments->words[1])
             : list(arguments, settings);
  mw_config_free(config);
  return rc;
}

int mw_command_scripts(int argc, char **argv)
{
  struct arguments arguments = {0};
  struct mw_error err;
  int rc = mw_cli_read_arguments(&syntax, argc, argv, &arguments);

  if (rc == 0 && arguments.words_count == 1)
    rc = mw_cli_usage("scripts", "which NAME? For example: moonwatch scripts diff container_rt");
  if (rc != 0)
    return rc < 0 ? MW_EXIT_FINE : rc;
  char *scripts_dir = mw_cli_scripts_dir(&err);
  if (!scripts_dir) {
    mw_cli_say("%s", err.text);
    return arguments.words_count > 0 ? MW_EXIT_USAGE : MW_EXIT_FAILED;
  }
  rc = list_or_compare(&arguments, scripts_dir);
  free(scripts_dir);
  return rc;
}
