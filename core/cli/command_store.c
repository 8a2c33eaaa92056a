/* moonwatch store: look at what scripts keep over restarts, and change it. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/suggest.h"
#include "bindings/context.h"
#include "cli/cli.h"
#include "cli/store_actions.h"

#define STATE_DIR_DEFAULT "/var/lib/moonwatch"
#define WORDS_MAX 3 /* put KEY VALUE */

static void print_help(void)
{
  puts("Usage: moonwatch store get KEY --script NAME [OPTION...]\n"
       "       moonwatch store put KEY VALUE --script NAME [OPTION...]\n"
       "       moonwatch store delete KEY --script NAME [OPTION...]\n"
       "       moonwatch store list|stats|check [OPTION...]\n"
       "\n"
       "Look at what scripts keep over restarts, or change it.\n"
       "\n"
       "Actions:\n"
       "  get     print the value of KEY\n"
       "  put     keep VALUE under KEY; \"-\" reads it from standard input\n"
       "  delete  delete KEY\n"
       "  list    print all keys, and the beginning of their values\n"
       "  stats   tell how much is used, by which script\n"
       "  check   look at all pages and at the checksums of all values\n"
       "\n"
       "What is no printable text is escaped: \\n, \\x1b. In JSON what is not UTF-8 is\n"
       "in \"keyBase64\" or \"valueBase64\".\n"
       "\n"
       "While an agent runs, put and delete are refused: stop it first.\n"
       "\n"
       "Options:\n"
       "  --state-dir DIR      the state directory (default: " STATE_DIR_DEFAULT ")\n"
       "  --script NAME        the script that keeps it\n"
       "  --format table|json  how to print; JSON: an object on each line (default:\n"
       "                       table)\n"
       "  --raw                get: the bytes as they are, not to a terminal\n"
       "  --help               show this\n"
       "\n"
       "Exit codes: 0 fine, 1 it failed or is damaged, 2 wrong usage, 3 there is no\n"
       "such key, or no store yet.");
}

/* ---- Arguments ---- */

static const struct action {
  const char *name;
  int (*run)(struct mw_store_work *work);
  int words_count; /* behind its name */
  bool writes, needs_script;
} actions[] = {
    {"check", mw_store_action_check, 0, false, false},
    {"delete", mw_store_action_delete, 1, true, true},
    {"get", mw_store_action_get, 1, false, true},
    {"list", mw_store_action_list, 0, false, false},
    {"put", mw_store_action_put, 2, true, true},
    {"stats", mw_store_action_stats, 0, false, false},
};
#define ACTIONS_COUNT (sizeof actions / sizeof actions[0])

struct arguments {
  const char *state_dir;
  const char *words[WORDS_MAX];
  int words_count;
  const struct action *action;
  struct mw_store_work work;
};

enum option_code {
  OPTION_FORMAT = 256,
  OPTION_HELP,
  OPTION_RAW,
  OPTION_SCRIPT,
  OPTION_STATE_DIR,
};

static const struct option long_options[] = {
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"raw", no_argument, NULL, OPTION_RAW},
    {"script", required_argument, NULL, OPTION_SCRIPT},
    {"state-dir", required_argument, NULL, OPTION_STATE_DIR},
    {0},
};

static int take_word(void *data, const char *word)
{
  struct arguments *arguments = data;

  if (arguments->words_count == WORDS_MAX)
    return mw_cli_usage("store", "what is \"%s\" for?", word);
  arguments->words[arguments->words_count++] = word;
  return 0;
}

static int take_option(void *data, int option, char **argv)
{
  struct arguments *arguments = data;

  switch (option) {
  case OPTION_FORMAT:
    return mw_cli_take_format("store", optarg, &arguments->work.format);
  case OPTION_RAW:
    arguments->work.raw = true;
    return 0;
  case OPTION_SCRIPT:
    arguments->work.script = optarg;
    return 0;
  case OPTION_STATE_DIR:
    arguments->state_dir = optarg;
    return 0;
  default:
    return mw_cli_bad_option("store", option, argv, long_options);
  }
}

/* @return NULL when it was said what is wrong. */
static const struct action *find_action(const struct arguments *arguments)
{
  struct mw_suggestion suggestion = {.wanted = arguments->words[0]};

  if (arguments->words_count == 0) {
    mw_cli_usage("store", "what is to be done: get, put, delete, list, stats or check?");
    return NULL;
  }
  for (size_t i = 0; i < ACTIONS_COUNT; i++) {
    if (strcmp(arguments->words[0], actions[i].name) == 0)
      return &actions[i];
    mw_suggestion_consider(&suggestion, actions[i].name);
  }
  mw_cli_usage("store", "there is no action \"%s\"%s%s%s", arguments->words[0],
               suggestion.closest ? "; did you mean \"" : "",
               suggestion.closest ? suggestion.closest : "", suggestion.closest ? "\"?" : "");
  return NULL;
}

static int check_arguments(struct arguments *arguments)
{
  const struct action *action = find_action(arguments);

  if (!action)
    return MW_EXIT_USAGE;
  arguments->action = action;
  if (arguments->words_count > action->words_count + 1)
    return mw_cli_usage("store", "what is \"%s\" for?", arguments->words[action->words_count + 1]);
  if (arguments->words_count < action->words_count + 1)
    return mw_cli_usage("store", "%s needs a %s", action->name,
                        arguments->words_count == 1 ? "key" : "value");
  if (action->needs_script && !arguments->work.script)
    return mw_cli_usage("store", "%s needs --script NAME: which script keeps it?", action->name);
  if (arguments->work.raw && action->run != mw_store_action_get)
    return mw_cli_usage("store", "--raw is for get alone");
  if (arguments->work.raw && isatty(1))
    return mw_cli_usage("store", "--raw is for files and pipes, not for a terminal");
  arguments->work.key = arguments->words[1];
  arguments->work.value = arguments->words[2];
  return 0;
}

static const struct mw_cli_syntax syntax = {.options = long_options,
                                            .help_code = OPTION_HELP,
                                            .print_help = print_help,
                                            .take_option = take_option,
                                            .take_word = take_word};

/* ---- Running ---- */

static int open_and_run(struct arguments *arguments, const char *dir)
{
  struct mw_store_config config = {.dir = dir, .read_only = !arguments->action->writes};
  struct mw_error err;
  char data_path[PATH_MAX];

  snprintf(data_path, sizeof data_path, "%s/data.mdb", dir);
  if (arguments->action->run != mw_store_action_put && access(data_path, F_OK) < 0 &&
      errno == ENOENT) {
    mw_cli_say("there is no store in %s yet", dir);
    return MW_EXIT_NOTHING;
  }
  arguments->work.store = mw_store_open(&config, &err);
  if (!arguments->work.store) {
    mw_cli_say("%s", err.text);
    return err.code == ENOENT ? MW_EXIT_NOTHING : MW_EXIT_FAILED;
  }
  int rc = arguments->action->run(&arguments->work);
  mw_store_free(arguments->work.store);
  return rc;
}

int mw_command_store(int argc, char **argv)
{
  struct arguments arguments = {.state_dir = STATE_DIR_DEFAULT};
  char dir[PATH_MAX - sizeof "/data.mdb"];
  int rc = mw_cli_read_arguments(&syntax, argc, argv, &arguments);

  if (rc == 0)
    rc = check_arguments(&arguments);
  if (rc != 0)
    return rc < 0 ? MW_EXIT_FINE : rc;
  if (snprintf(dir, sizeof dir, "%s/" MW_CONTEXT_STORE_DIR, arguments.state_dir) >= (int)sizeof dir)
    return mw_cli_usage("store", "--state-dir is too long");
  return open_and_run(&arguments, dir);
}
