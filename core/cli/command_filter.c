/* moonwatch filter: which containers the rules leave out, and by which rule. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "cli/script_command.h"

#define ANNOTATIONS_MAX_BYTES ((size_t)1 << 20)

static void print_help(void)
{
  puts("Usage: moonwatch filter test [OPTION...]\n"
       "       moonwatch filter explain [ID...] [OPTION...]\n"
       "\n"
       "Tell whether a container is kept or left out, and by which rule. test asks about\n"
       "a container that is made up of the options; explain about those that run, or\n"
       "those whose ids or names are given. The rules are those of --set, and pause\n"
       "containers are left out as in the checks.\n"
       "\n"
       "Options of test:\n"
       "  --name NAME          of the container\n"
       "  --image IMAGE        of the container\n"
       "  --namespace NAME     of its pod\n"
       "  --annotation K=V     of its pod; may be repeated\n"
       "Options of explain:\n"
       "  --source NAME        a source of containers, or the script at a path that ends\n"
       "                       in .lua; may be repeated (default: cgroup)\n"
       "  --host-root DIR      the host below DIR (default: /)\n"
       "Options:\n"
       "  --set KEY=VALUE      an option of the filter; may be repeated:\n"
       "                       container_exclude=\"name:^test- image:/pause\"; or\n"
       "                       kubelet.KEY=VALUE, see moonwatch inventory --help\n"
       "  --format table|json  for eyes, or one object a container (default: "
       "table)\n" MW_SESSION_HTTP_HELP "  --help               show this\n"
       "\n"
       "Exit codes: 0 fine, 1 a rule does not compile (the others hold), 2 wrong usage,\n"
       "3 explain: no container runs.");
}

enum {
  OPTION_ANNOTATION = MW_OPTION_OWN,
  OPTION_IMAGE,
  OPTION_NAME,
  OPTION_NAMESPACE,
  OPTION_SET,
};

static const struct option options[] = {
    {"annotation", required_argument, NULL, OPTION_ANNOTATION},
    {"image", required_argument, NULL, OPTION_IMAGE},
    {"name", required_argument, NULL, OPTION_NAME},
    {"namespace", required_argument, NULL, OPTION_NAMESPACE},
    {"set", required_argument, NULL, OPTION_SET},
    MW_SHARED_OPTIONS,
    {0},
};

/* What only one of the two subcommands can use. */
static bool belongs_to_test(int option)
{
  return option >= OPTION_ANNOTATION && option <= OPTION_NAMESPACE;
}

static bool belongs_to_explain(int option)
{
  return option == MW_OPTION_SOURCE || option == MW_OPTION_HOST_ROOT;
}

/* One text for all of them, a line each: an annotation may have blanks. */
static int take_annotation(struct mw_buf *annotations, const char *text)
{
  struct mw_error err;

  if (*text == '=' || !strchr(text, '='))
    return mw_cli_usage("filter", "--annotation %s is not of the form K=V", text);
  return mw_buf_printf(annotations, &err, "%s\n", text) < 0 ? mw_cli_usage("filter", "%s", err.text)
                                                            : 0;
}

/* What the script is told by other options than --set. */
static const char *const own_keys[] = {"annotations", "columns", "format",    "ids",
                                       "image",       "name",    "namespace", "subcommand"};

static int take_set(struct mw_script_command *command, char *text)
{
  size_t key_bytes = strcspn(text, "=");

  for (size_t i = 0; i < sizeof own_keys / sizeof own_keys[0]; i++)
    if (strlen(own_keys[i]) == key_bytes && strncmp(own_keys[i], text, key_bytes) == 0)
      return mw_cli_usage("filter", "--set %s: that is no option of the filter", own_keys[i]);
  return mw_script_command_take_set(command, text);
}

static int take_option(struct mw_script_command *command, int option, char **argv)
{
  switch (option) {
  case OPTION_SET:
    return take_set(command, optarg);
  case OPTION_IMAGE:
    return mw_script_command_set(command, "image", optarg);
  case OPTION_NAME:
    return mw_script_command_set(command, "name", optarg);
  case OPTION_NAMESPACE:
    return mw_script_command_set(command, "namespace", optarg);
  default:
    return mw_script_command_take(command, option, argv, options);
  }
}

static int unknown_subcommand(const char *word)
{
  struct mw_suggestion suggestion = {.wanted = word};

  mw_suggestion_consider(&suggestion, "explain");
  mw_suggestion_consider(&suggestion, "test");
  return mw_cli_usage("filter", "filter knows test and explain, not \"%s\"%s%s%s", word,
                      suggestion.closest ? "; did you mean " : "",
                      suggestion.closest ? suggestion.closest : "", suggestion.closest ? "?" : "");
}

/* The first word is the subcommand, what follows are ids to explain. */
static int take_word(struct mw_script_command *command, const char **subcommand, const char *word)
{
  if (!*subcommand) {
    if (strcmp(word, "test") != 0 && strcmp(word, "explain") != 0)
      return unknown_subcommand(word);
    *subcommand = word;
    command->without_sources = strcmp(word, "test") == 0;
    return mw_script_command_set(command, "subcommand", word);
  }
  if (command->without_sources)
    return mw_cli_usage("filter", "what is \"%s\" for? test takes --name, --image, --namespace",
                        word);
  if (!*word)
    return mw_cli_usage("filter", "explain which container? An id is empty");
  return mw_script_command_set(command, "ids", word);
}

/* What the command line says. @return 0 to go on, an exit code, or -1 when --help was shown. */
static int parse_arguments(int argc, char **argv, struct mw_script_command *command,
                           struct mw_buf *annotations)
{
  const char *subcommand = NULL;
  bool tests = false, explains = false;
  int option, rc = 0;

  opterr = 0;
  while (rc == 0 && (option = getopt_long(argc, argv, "-:", options, NULL)) != -1) {
    tests |= belongs_to_test(option);
    explains |= belongs_to_explain(option);
    if (option == MW_OPTION_HELP) {
      print_help();
      return -1;
    }
    if (option == 1)
      rc = take_word(command, &subcommand, optarg);
    else if (option == OPTION_ANNOTATION)
      rc = take_annotation(annotations, optarg);
    else
      rc = take_option(command, option, argv);
  }
  while (rc == 0 && optind < argc)
    rc = take_word(command, &subcommand, argv[optind++]);
  if (rc != 0)
    return rc;
  if (!subcommand)
    return mw_cli_usage("filter", "test or explain? For example: moonwatch filter explain");
  if (command->without_sources && explains)
    return mw_cli_usage("filter", "--source and --host-root belong to explain, not to test");
  if (!command->without_sources && tests)
    return mw_cli_usage("filter", "--name, --image, --namespace and --annotation belong to test, "
                                  "not to explain");
  return annotations->len_bytes > 0
             ? mw_script_command_set(command, "annotations", annotations->data)
             : 0;
}

int mw_command_filter(int argc, char **argv)
{
  struct mw_script_command command = {.name = "filter", .runs = 1};
  MW_AUTO_BUF annotations;

  mw_buf_init(&annotations, ANNOTATIONS_MAX_BYTES);
  int rc = parse_arguments(argc, argv, &command, &annotations);
  if (rc != 0)
    return rc < 0 ? MW_EXIT_FINE : rc;
  return mw_script_command_run(&command);
}
