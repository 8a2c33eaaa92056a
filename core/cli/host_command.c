/* The command line of the commands that show a host and need nothing else. */
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/cli.h"

enum option_code { OPTION_FORMAT = 256, OPTION_HELP, OPTION_HOST_ROOT };

int mw_cli_host_command(const struct mw_cli_host_command *command, int argc, char **argv)
{
  static const struct option options[] = {
      {"format", required_argument, NULL, OPTION_FORMAT},
      {"help", no_argument, NULL, OPTION_HELP},
      {"host-root", required_argument, NULL, OPTION_HOST_ROOT},
      {0},
  };
  enum mw_cli_format format = MW_CLI_TABLE;
  const char *host_root = NULL;
  struct mw_error err;
  int option;

  opterr = 0;
  while ((option = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
    switch (option) {
    case OPTION_FORMAT:
      if (mw_cli_parse_format(optarg, &format, &err) < 0)
        return mw_cli_usage(command->name, "%s", err.text);
      break;
    case OPTION_HELP:
      puts(command->help);
      return MW_EXIT_FINE;
    case OPTION_HOST_ROOT:
      host_root = optarg;
      break;
    default:
      return mw_cli_bad_option(command->name, option, argv, options);
    }
  }
  if (optind < argc)
    return mw_cli_usage(command->name, "what is \"%s\" for?", argv[optind]);
  if (host_root && mw_cli_check_host_root(host_root, &err) < 0)
    return mw_cli_usage(command->name, "%s", err.text);
  return command->show(host_root, format);
}
