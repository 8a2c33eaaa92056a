/* The command line of the commands that show a host and need nothing else. */
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/settings.h"

enum option_code {
  OPTION_FORMAT = 256,
  OPTION_HELP,
  OPTION_HOST_ROOT,
  OPTION_HTTP_ANSWERS,
  OPTION_SET
};

/* The first ones are those of a command with a kubelet. */
static const struct option all_options[] = {
    {"http-answers", required_argument, NULL, OPTION_HTTP_ANSWERS},
    {"set", required_argument, NULL, OPTION_SET},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"host-root", required_argument, NULL, OPTION_HOST_ROOT},
    {0},
};
#define KUBELET_OPTIONS 2

static int take_option(const struct mw_cli_host_command *command, int option, char **argv,
                       const struct option *options, struct mw_cli_host_view *view)
{
  switch (option) {
  case OPTION_FORMAT:
    return mw_cli_take_format(command->name, optarg, &view->format);
  case OPTION_HOST_ROOT:
    view->host_root = optarg;
    return 0;
  case OPTION_HTTP_ANSWERS:
    view->kubelet.recorded_dir = optarg;
    return 0;
  case OPTION_SET:
    return mw_cli_take_setting_only(command->name, optarg, &view->kubelet);
  default:
    return mw_cli_bad_option(command->name, option, argv, options);
  }
}

int mw_cli_host_command(const struct mw_cli_host_command *command, int argc, char **argv)
{
  const struct option *options = all_options + (command->with_kubelet ? 0 : KUBELET_OPTIONS);
  struct mw_cli_host_view view = {.format = MW_CLI_TABLE};
  struct mw_error err;
  int option, rc;

  opterr = 0;
  while ((option = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
    if (option == OPTION_HELP) {
      puts(command->help);
      return MW_EXIT_FINE;
    }
    if ((rc = take_option(command, option, argv, options, &view)) != 0)
      return rc;
  }
  if (optind < argc)
    return mw_cli_usage(command->name, "what is \"%s\" for?", argv[optind]);
  if (view.host_root && mw_cli_check_host_root(view.host_root, &err) < 0)
    return mw_cli_usage(command->name, "%s", err.text);
  return command->show(&view);
}
