/* moonwatch config: check the configuration without running anything, or show what is in effect. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "cli/config_print.h"

#define FLAGS_MAX 256

static void print_help(void)
{
  puts("Usage: moonwatch config check [FILE] [OPTION...]\n"
       "       moonwatch config show [FILE] [OPTION...]\n"
       "       moonwatch config keys\n"
       "\n"
       "check tells every mistake in the configuration FILE, in conf.d/ beside it, in\n"
       "the environment and in --set, with the key that was probably meant. Scripts\n"
       "are loaded to see which options they declare; nothing is run.\n"
       "show prints what is in effect, and where each value is from. Secrets are masked.\n"
       "keys prints every key with its default.\n"
       "\n"
       "A later one wins: default, FILE, conf.d/SCRIPT.lua, environment, --set.\n"
       "\n"
       "  FILE                 the main file (default: MOONWATCH_CONFIG, else\n"
       "                       /etc/moonwatch/moonwatch.lua)\n"
       "\n"
       "Options:\n"
       "  --set KEY=VALUE      as of the environment MOONWATCH_KEY: log.level=debug,\n"
       "                       scripts.container.interval_s=5; may be repeated\n"
       "  --format table|json  for eyes, or a list of objects (default: table)\n"
       "  --help               show this\n"
       "\n"
       "Exit codes: 0 fine, 1 there are mistakes, 2 wrong usage.");
}

enum option_code { OPTION_FORMAT = 256, OPTION_HELP, OPTION_SET };

static const struct option long_options[] = {
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"set", required_argument, NULL, OPTION_SET},
    {0},
};

static const char *const subcommands[] = {"check", "show", "keys"};

#define SUBCOMMANDS (sizeof subcommands / sizeof subcommands[0])

struct arguments {
  const char *subcommand, *file;
  enum mw_cli_format format;
  struct mw_option flags[FLAGS_MAX];
  size_t flags_count;
};

/* ---- Arguments ---- */

static int take_set(struct arguments *out, char *text)
{
  char *equals = strchr(text, '=');

  if (!equals || equals == text)
    return mw_cli_usage("config", "--set %s is not of the form KEY=VALUE", text);
  if (out->flags_count == FLAGS_MAX)
    return mw_cli_usage("config", "--set is given more than %d times", FLAGS_MAX);
  *equals = '\0';
  out->flags[out->flags_count++] = (struct mw_option){.key = text, .text = equals + 1};
  return 0;
}

static int take_subcommand(struct arguments *out, const char *word)
{
  struct mw_suggestion suggestion = {.wanted = word};

  for (size_t i = 0; i < SUBCOMMANDS; i++) {
    if (strcmp(word, subcommands[i]) == 0) {
      out->subcommand = subcommands[i];
      return 0;
    }
    mw_suggestion_consider(&suggestion, subcommands[i]);
  }
  return mw_cli_usage("config", "config knows check, show and keys, not \"%s\"%s%s%s", word,
                      suggestion.closest ? "; did you mean " : "",
                      suggestion.closest ? suggestion.closest : "", suggestion.closest ? "?" : "");
}

static int take_word(void *data, const char *word)
{
  struct arguments *out = data;

  if (!out->subcommand)
    return take_subcommand(out, word);
  if (out->file)
    return mw_cli_usage("config", "one file at a time: %s or %s?", out->file, word);
  if (!*word)
    return mw_cli_usage("config", "the name of the file is empty");
  out->file = word;
  return 0;
}

static int take_option(void *data, int option, char **argv)
{
  struct arguments *out = data;

  switch (option) {
  case OPTION_SET:
    return take_set(out, optarg);
  case OPTION_FORMAT:
    return mw_cli_take_format("config", optarg, &out->format);
  default:
    return mw_cli_bad_option("config", option, argv, long_options);
  }
}

static const struct mw_cli_syntax syntax = {.options = long_options,
                                            .help_code = OPTION_HELP,
                                            .print_help = print_help,
                                            .take_option = take_option,
                                            .take_word = take_word};

/* ---- The subcommands ---- */

static int check(const struct mw_config *config, const char *file, enum mw_cli_format format)
{
  size_t mistakes = mw_config_mistakes_count(config), files = mw_config_files_count(config);
  size_t told = mw_config_faults_count(config);
  struct mw_error err;

  if (format == MW_CLI_JSON) {
    if (mw_config_print_faults_json(config, &err) < 0) {
      mw_cli_say("%s", err.text);
      return MW_EXIT_FAILED;
    }
  } else {
    mw_config_print_faults(config);
    if (mistakes > told)
      printf("... and %zu more\n", mistakes - told);
    if (mistakes > 0)
      printf("%zu mistake%s\n", mistakes, mistakes == 1 ? "" : "s");
    else if (files == 0)
      printf("%s is not there: the defaults hold\n", file);
    else
      printf("%s: fine (%zu file%s)\n", file, files, files == 1 ? "" : "s");
  }
  return mistakes > 0 ? MW_EXIT_FAILED : MW_EXIT_FINE;
}

static int show(const struct mw_config *config, enum mw_cli_format format)
{
  struct mw_error err;

  if (format == MW_CLI_TABLE) {
    mw_config_print_values(config);
  } else if (mw_config_print_values_json(config, &err) < 0) {
    mw_cli_say("%s", err.text);
    return MW_EXIT_FAILED;
  }
  if (mw_config_mistakes_count(config) == 0)
    return MW_EXIT_FINE;
  mw_cli_say("there are mistakes, and what is wrong is left out: moonwatch config check tells");
  return MW_EXIT_FAILED;
}

static int run(const struct arguments *arguments, const char *file, bool may_lack,
               const char *scripts_dir)
{
  const struct mw_config_request request = {.file = file,
                                            .file_may_lack = may_lack,
                                            .shipped_scripts_dir = scripts_dir,
                                            .flags = arguments->flags,
                                            .flags_count = arguments->flags_count,
                                            .environment = (const char *const *)environ};
  struct mw_error err;
  struct mw_config *config = mw_config_load(&request, &err);

  if (!config || mw_config_check_scripts(config, &err) < 0) {
    mw_cli_say("%s", err.text);
    mw_config_free(config);
    return MW_EXIT_FAILED;
  }
  int rc = strcmp(arguments->subcommand, "check") == 0 ? check(config, file, arguments->format)
                                                       : show(config, arguments->format);
  mw_config_free(config);
  return rc;
}

int mw_command_config(int argc, char **argv)
{
  struct arguments arguments = {0};
  struct mw_error err;
  bool may_lack = false;
  int rc = mw_cli_read_arguments(&syntax, argc, argv, &arguments);

  if (rc != 0)
    return rc < 0 ? MW_EXIT_FINE : rc;
  if (!arguments.subcommand)
    return mw_cli_usage("config", "check, show or keys? For example: moonwatch config check");
  if (strcmp(arguments.subcommand, "keys") == 0)
    return mw_config_print_keys(arguments.format);
  char *file = arguments.file ? strdup(arguments.file) : mw_cli_config_file(&may_lack);
  char *scripts_dir = mw_cli_scripts_dir(&err);
  if (!scripts_dir)
    mw_cli_say("%s", err.text);
  else if (!file)
    mw_cli_say("out of memory");
  rc = file && scripts_dir ? run(&arguments, file, may_lack, scripts_dir) : MW_EXIT_FAILED;
  free(file);
  free(scripts_dir);
  return rc;
}
