/* The commands that ask a running agent, or tell it what to do. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/control.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/script_command.h"
#include "json/reader.h"

#define WHERE_HELP                                                                                 \
  "  --socket PATH        where the agent listens (default: of the configuration)\n"               \
  "  --config FILE        the configuration, instead of the one that is found\n"                   \
  "  --help               show this\n"

#define SHARED_HELP                                                                                \
  WHERE_HELP                                                                                       \
  "\n"                                                                                             \
  "Exit codes: 0 fine, 1 the agent refuses, or none answers, 2 wrong usage."

struct command {
  const char *name;
  const char *word; /* what stands behind it; NULL: nothing */
  const char *help;
};

static const struct command status_command = {
    "status", NULL,
    "Usage: moonwatch status [OPTION...]\n"
    "\n"
    "Show how the running agent is: what is wrong, in plain words; each script with\n"
    "its runs, how long they take and what they use; sources, sinks, and what the\n"
    "agent itself costs.\n"
    "\n"
    "Options:\n"
    "  --all                each figure of containers, and where errors were raised\n"
    "  --format table|json  a table for eyes, or one object (default: table)\n" WHERE_HELP "\n"
    "Exit codes: 0 fine, 1 something is wrong, 2 no agent tells, or wrong usage."};

static const struct command order_commands[] = {
    {"reload", NULL,
     "Usage: moonwatch reload [OPTION...]\n"
     "\n"
     "Have the running agent read its configuration, load every script and open its\n"
     "output files anew, as SIGHUP does. What has changed is read without being told.\n"
     "While there are mistakes in the configuration, which this tells, the old one\n"
     "goes on.\n"
     "\n"
     "Options:\n" SHARED_HELP},
    {"run-now", "NAME",
     "Usage: moonwatch run-now NAME [OPTION...]\n"
     "\n"
     "Have the running agent run the script NAME at once, also when it is paused.\n"
     "\n"
     "Options:\n" SHARED_HELP},
    {"pause", "NAME",
     "Usage: moonwatch pause NAME [OPTION...]\n"
     "\n"
     "Have the running agent leave the script NAME alone, until it is resumed or the\n"
     "agent starts again.\n"
     "\n"
     "Options:\n" SHARED_HELP},
    {"resume", "NAME",
     "Usage: moonwatch resume NAME [OPTION...]\n"
     "\n"
     "Have the running agent run the script NAME again, whether it was paused or is\n"
     "held because it was over its budget.\n"
     "\n"
     "Options:\n" SHARED_HELP},
    {"log-level", "LEVEL",
     "Usage: moonwatch log-level LEVEL [OPTION...]\n"
     "\n"
     "Have the running agent log what is of LEVEL or above, until it starts again:\n"
     "debug, info, warn or error.\n"
     "\n"
     "Options:\n" SHARED_HELP},
};

struct arguments {
  const char *word, *socket, *file;
  enum mw_cli_format format;
  bool all;
};

/* ---- Arguments ---- */

enum option_code { OPTION_ALL = 256, OPTION_CONFIG, OPTION_FORMAT, OPTION_HELP, OPTION_SOCKET };

static const struct option status_options[] = {
    {"all", no_argument, NULL, OPTION_ALL},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {0},
};

static const struct option order_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"help", no_argument, NULL, OPTION_HELP},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {0},
};

static int take_word(const struct command *command, struct arguments *out, const char *word)
{
  if (!command->word || out->word)
    return mw_cli_usage(command->name, "what is \"%s\" for?", word);
  if (!*word || strpbrk(word, " \n"))
    return mw_cli_usage(command->name, "\"%s\" is no %s", word, command->word);
  out->word = word;
  return 0;
}

static int take_option(const struct command *command, struct arguments *out, int option,
                       char **argv, const struct option *options)
{
  switch (option) {
  case 1:
    return take_word(command, out, optarg);
  case OPTION_ALL:
    out->all = true;
    return 0;
  case OPTION_CONFIG:
    out->file = optarg;
    return 0;
  case OPTION_SOCKET:
    out->socket = optarg;
    return 0;
  case OPTION_FORMAT:
    return mw_cli_take_format(command->name, optarg, &out->format);
  default:
    return mw_cli_bad_option(command->name, option, argv, options);
  }
}

/* @return 0 to go on, MW_EXIT_USAGE, or -1 when --help was shown. */
static int parse_arguments(const struct command *command, int argc, char **argv,
                           const struct option *options, struct arguments *out)
{
  int option, rc = 0;

  opterr = 0;
  while (rc == 0 && (option = getopt_long(argc, argv, "-:", options, NULL)) != -1) {
    if (option == OPTION_HELP) {
      puts(command->help);
      return -1;
    }
    rc = take_option(command, out, option, argv, options);
  }
  while (rc == 0 && optind < argc)
    rc = take_word(command, out, argv[optind++]);
  if (rc == 0 && command->word && !out->word)
    return mw_cli_usage(command->name, "which %s?", command->word);
  return rc;
}

/* ---- The commands ---- */

static int print_table(const char *json, bool all)
{
  struct mw_script_command command = {.name = "status", .runs = 1, .without_sources = true};
  int rc = mw_script_command_set(&command, "status", json);

  if (rc == 0)
    rc = mw_script_command_set(&command, "all", all ? "true" : "false");
  return rc != 0 ? rc : mw_script_command_run(&command);
}

/* Is the member "healthy" of the object itself true? */
struct verdict {
  unsigned depth;
  bool is_next, healthy;
};

static int begin(void *data, struct mw_error *err)
{
  struct verdict *verdict = data;

  (void)err;
  verdict->depth++;
  return 0;
}

static int end(void *data, struct mw_error *err)
{
  struct verdict *verdict = data;

  (void)err;
  verdict->depth--;
  return 0;
}

static int take_key(void *data, struct mw_slice key, struct mw_error *err)
{
  struct verdict *verdict = data;

  (void)err;
  verdict->is_next = verdict->depth == 1 && mw_slice_equal(key, "healthy");
  return 0;
}

static int take_boolean(void *data, bool value, struct mw_error *err)
{
  struct verdict *verdict = data;

  (void)err;
  if (verdict->is_next)
    verdict->healthy = value;
  verdict->is_next = false;
  return 0;
}

static bool is_healthy(const struct mw_buf *status)
{
  static const struct mw_json_events events = {.begin_object = begin,
                                               .end_object = end,
                                               .begin_array = begin,
                                               .end_array = end,
                                               .key = take_key,
                                               .boolean = take_boolean};
  struct verdict verdict = {0};
  const struct mw_json_reader_config config = {.events = &events, .data = &verdict};
  struct mw_json_reader *reader = mw_json_reader_new(&config, NULL);

  if (!reader)
    return false;
  mw_json_reader_feed(reader, (struct mw_slice){status->data, status->len_bytes}, NULL);
  bool whole = mw_json_reader_finish(reader, NULL) == 0;
  mw_json_reader_free(reader);
  return whole && verdict.healthy;
}

int mw_command_status(int argc, char **argv)
{
  struct arguments arguments = {0};
  MW_AUTO_BUF body;
  int rc = parse_arguments(&status_command, argc, argv, status_options, &arguments);

  mw_buf_init(&body, MW_CONTROL_BODY_MAX_BYTES);
  if (rc != 0)
    return rc < 0 ? MW_EXIT_FINE : rc;
  if (mw_cli_ask(arguments.socket, arguments.file, "status", &body) != 0)
    return MW_EXIT_USAGE; /* nobody tells: another code than that of an agent that is ill */
  if (arguments.format == MW_CLI_TABLE)
    rc = print_table(body.data, arguments.all);
  else
    fwrite(body.data, 1, body.len_bytes, stdout);
  if (rc != 0)
    return rc;
  return is_healthy(&body) ? MW_EXIT_FINE : MW_EXIT_FAILED;
}

int mw_command_order(int argc, char **argv)
{
  const struct command *command = order_commands;
  struct arguments arguments = {0};
  char line[MW_CONTROL_LINE_MAX_BYTES];
  MW_AUTO_BUF body;

  mw_buf_init(&body, MW_CONTROL_BODY_MAX_BYTES);
  while (strcmp(command->name, argv[0]) != 0)
    command++; /* main.c calls this for no other names */
  int rc = parse_arguments(command, argc, argv, order_options, &arguments);
  if (rc != 0)
    return rc < 0 ? MW_EXIT_FINE : rc;
  if ((size_t)snprintf(line, sizeof line, "%s%s%s", command->name, arguments.word ? " " : "",
                       arguments.word ? arguments.word : "") >= sizeof line - 1)
    return mw_cli_usage(command->name, "the %s is too long", command->word);
  rc = mw_cli_ask(arguments.socket, arguments.file, line, &body);
  if (rc == 0)
    fwrite(body.data, 1, body.len_bytes, stdout);
  return rc;
}
