#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/task.h"
#include "base/suggest.h"
#include "cli/cli.h"

static const struct command {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *text;
} commands[] = {
    {"check", mw_command_check, "run one check in the foreground"},
    {"config", mw_command_config, "check the configuration, or show what is in effect"},
    {"doctor", mw_command_doctor, "tell what this host permits, and how to get the rest"},
    {"filter", mw_command_filter, "tell which containers the rules leave out, and why"},
    {"host", mw_command_host, "show what is known about this host"},
    {"inventory", mw_command_inventory, "list the containers, and who knows of them"},
    {"log-level", mw_command_order, "change what a running agent logs"},
    {"pause", mw_command_order, "have a running agent leave a script alone"},
    {"queue", mw_command_queue, "tell what is in the queue, and what holds it back"},
    {"reload", mw_command_order, "have a running agent read configuration and scripts anew"},
    {"resume", mw_command_order, "have a running agent run a script again"},
    {"run", mw_command_run, "run the agent"},
    {"run-now", mw_command_order, "have a running agent run a script at once"},
    {"scripts", mw_command_scripts, "list the scripts that run, and how yours differ"},
    {"stats", mw_command_stats, "show all figures of one container"},
    {"status", mw_command_status, "show how a running agent is"},
    {"store", mw_command_store, "look at what scripts keep over restarts"},
    {"tail", mw_command_tail, "print the messages in the queue, the last or as they come"},
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void __attribute__((format(printf, 1, 0))) say(const char *fmt, va_list args)
{
  char text[MW_ERROR_TEXT_BYTES + 64];

  vsnprintf(text, sizeof text, fmt, args);
  mw_cli_make_printable(text);
  fprintf(stderr, "moonwatch: %s\n", text);
}

void mw_cli_say(const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  say(fmt, args);
  va_end(args);
}

int mw_cli_usage(const char *command, const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  say(fmt, args);
  va_end(args);
  fprintf(stderr, "Try \"moonwatch%s%s --help\".\n", *command ? " " : "", command);
  return MW_EXIT_USAGE;
}

int mw_cli_bad_option(const char *command, int answer, char **argv, const struct option *options)
{
  struct mw_suggestion suggestion = {0};
  char word[64];

  if (answer == ':')
    return mw_cli_usage(command, "option %s needs a value", argv[optind - 1]);
  if (optopt < 0) /* a byte that is not ASCII */
    return mw_cli_usage(command, "there are no options of one letter");
  if (optopt > 0 && optopt < 256)
    return mw_cli_usage(command, "there is no option -%c%s", optopt,
                        optopt == 'h' ? "; did you mean --help?" : "");
  snprintf(word, sizeof word, "%.*s", (int)strcspn(argv[optind - 1], "="), argv[optind - 1]);
  if (optopt > 0)
    return mw_cli_usage(command, "option %s takes no value", word);
  suggestion.wanted = word + 2; /* without its "--" */
  for (; options->name; options++)
    mw_suggestion_consider(&suggestion, options->name);
  if (suggestion.closest)
    return mw_cli_usage(command, "there is no option %s; did you mean --%s?", word,
                        suggestion.closest);
  return mw_cli_usage(command, "there is no option %s", word);
}

int mw_cli_read_arguments(const struct mw_cli_syntax *syntax, int argc, char **argv, void *data)
{
  int code, rc = 0;

  opterr = 0;
  while (rc == 0 && (code = getopt_long(argc, argv, "-:", syntax->options, NULL)) != -1) {
    if (code == syntax->help_code) {
      syntax->print_help();
      return -1;
    }
    rc = code == 1 ? syntax->take_word(data, optarg) : syntax->take_option(data, code, argv);
  }
  while (rc == 0 && optind < argc)
    rc = syntax->take_word(data, argv[optind++]);
  return rc;
}

int mw_cli_flush(void)
{
  if (fflush(stdout) == 0 && !ferror(stdout))
    return 0;
  mw_cli_say("cannot write to standard output: %s", strerror(errno));
  clearerr(stdout);
  return MW_EXIT_FAILED;
}

int mw_cli_parse_interval(const char *command, const char *text, double *interval_s)
{
  char *end;

  *interval_s = strtod(text, &end);
  if (!isdigit((unsigned char)text[0]) || *end != '\0' ||
      !(*interval_s >= MW_TASK_INTERVAL_MIN_S && *interval_s <= MW_TASK_INTERVAL_MAX_S))
    return mw_cli_usage(command, "--interval %s is not a number of seconds from %g to %g", text,
                        MW_TASK_INTERVAL_MIN_S, MW_TASK_INTERVAL_MAX_S);
  return 0;
}

int mw_cli_take_format(const char *command, const char *text, enum mw_cli_format *out)
{
  if (strcmp(text, "table") != 0 && strcmp(text, "json") != 0)
    return mw_cli_usage(command, "--format %s is neither table nor json", text);
  *out = strcmp(text, "json") == 0 ? MW_CLI_JSON : MW_CLI_TABLE;
  return 0;
}

static void print_help(void)
{
  puts("Usage: moonwatch COMMAND [ARGUMENT...]\n"
       "\n"
       "A monitoring agent for hosts that run containers, scriptable in Lua.\n"
       "\n"
       "Commands:");
  for (size_t i = 0; i < COMMANDS; i++)
    printf("  %-9s  %s\n", commands[i].name, commands[i].text);
  puts("\n"
       "\"moonwatch COMMAND --help\" tells more of each.\n"
       "\n"
       "Options:\n"
       "  --help     show this\n"
       "  --version  show the version\n"
       "\n"
       "Environment:\n"
       "  MOONWATCH_SCRIPTS  the folder with checks/, commands/, sources/ and\n"
       "                     moonwatch/, instead of the one that was installed with\n"
       "                     the program\n"
       "  MOONWATCH_CONFIG   the configuration file, instead of\n"
       "                     /etc/moonwatch/moonwatch.lua\n"
       "  COLUMNS            how wide tables may be (default: as wide as the terminal)\n"
       "\n"
       "Exit codes: 0 fine, 1 something failed, 2 wrong usage, 3 nothing to do.");
}

/* Descriptors are kept for the files that are read all the time; the budget follows this limit. */
static void raise_descriptor_limit(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit); /* where it is refused the budget is smaller */
  }
}

/* A standard stream that is closed would give its number to the next file that is opened, and what
 * is printed would go there. Opened the wrong way round it fails as a closed one does. */
static void open_standard_streams(void)
{
  for (int fd = 0; fd <= 2; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static int unknown_command(const char *word)
{
  struct mw_suggestion suggestion = {.wanted = word};
  const char *noun = *word == '-' ? "option" : "command";

  for (size_t i = 0; i < COMMANDS; i++)
    mw_suggestion_consider(&suggestion, commands[i].name);
  mw_suggestion_consider(&suggestion, "--help");
  mw_suggestion_consider(&suggestion, "--version");
  if (strcmp(word, "-h") == 0)
    suggestion.closest = "--help";
  if (suggestion.closest)
    return mw_cli_usage("", "there is no %s \"%s\"; did you mean \"%s\"?", noun, word,
                        suggestion.closest);
  return mw_cli_usage("", "there is no %s \"%s\"", noun, word);
}

static int run_command(int argc, char **argv)
{
  for (size_t i = 0; i < COMMANDS; i++)
    if (strcmp(argv[0], commands[i].name) == 0)
      return commands[i].run(argc, argv);
  return unknown_command(argv[0]);
}

static int run(int argc, char **argv)
{
  if (argc < 2)
    return mw_cli_usage("", "which command?");
  if (strcmp(argv[1], "help") == 0 && argc == 3) {
    char help[] = "--help", *words[] = {argv[2], help, NULL};
    return run_command(2, words);
  }
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
    print_help();
    return MW_EXIT_FINE;
  }
  if (strcmp(argv[1], "--version") == 0) {
    puts("moonwatch " MW_VERSION);
    return MW_EXIT_FINE;
  }
  return run_command(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
  open_standard_streams();
  raise_descriptor_limit();
  int rc = run(argc, argv);
  int flushed = mw_cli_flush();
  return rc == MW_EXIT_FINE ? flushed : rc;
}
