/* moonwatch stats: all figures of one container. */
#include <stdio.h>

#include "cli/script_command.h"

#define INTERVAL_DEFAULT_S 1.0

static void print_help(void)
{
  puts("Usage: moonwatch stats ID [OPTION...]\n"
       "\n"
       "Show every figure that there is of the container ID, with its unit, and how fast\n"
       "each total grows: for that it is read twice. ID is an id, else a name, else the\n"
       "beginning of an id. Figures are explained in docs/metrics.md.\n"
       "\n"
       "Options:\n"
       "  --interval S         seconds between the two readings, fractions allowed\n"
       "                       (default: 1)\n"
       "  --format table|json  for eyes, or one object (default: table)\n"
       "  --source NAME        a source of containers, or the script at a path that ends\n"
       "                       in .lua; may be repeated (default: cgroup)\n"
       "  --host-root DIR      the host below DIR (default: /)\n" MW_SESSION_HTTP_HELP
       "  --set kubelet.KEY=VALUE  see moonwatch inventory --help; may be repeated\n"
       "  --help               show this\n"
       "\n"
       "Exit codes: 0 fine, 1 it cannot be read, or there is no such container, or more\n"
       "than one; 2 wrong usage.");
}

enum { OPTION_INTERVAL = MW_OPTION_OWN };

int mw_command_stats(int argc, char **argv)
{
  static const struct option options[] = {
      {"interval", required_argument, NULL, OPTION_INTERVAL}, MW_SHARED_OPTIONS, {0}};
  struct mw_script_command command = {.name = "stats", .runs = 2, .interval_s = INTERVAL_DEFAULT_S};
  const char *id = NULL;
  int option, rc = 0;

  opterr = 0;
  while (rc == 0 && (option = getopt_long(argc, argv, "-:", options, NULL)) != -1) {
    if (option == MW_OPTION_HELP) {
      print_help();
      return MW_EXIT_FINE;
    }
    if (option == OPTION_INTERVAL)
      rc = mw_cli_parse_interval("stats", optarg, &command.interval_s);
    else if (option != 1)
      rc = mw_script_command_take(&command, option, argv, options);
    else if (id)
      rc = mw_cli_usage("stats", "one container at a time: %s or %s?", id, optarg);
    else
      id = optarg;
  }
  if (rc != 0)
    return rc;
  if (optind < argc && !id)
    id = argv[optind++];
  if (optind < argc)
    return mw_cli_usage("stats", "what is \"%s\" for?", argv[optind]);
  if (!id || !*id)
    return mw_cli_usage("stats", "of which container? moonwatch inventory lists them");
  rc = mw_script_command_set(&command, "id", id);
  return rc != 0 ? rc : mw_script_command_run(&command);
}
