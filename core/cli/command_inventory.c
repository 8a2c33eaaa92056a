/* moonwatch inventory: the containers and pods that the sources know of. */
#include <stdio.h>

#include "cli/script_command.h"

static void print_help(void)
{
  puts("Usage: moonwatch inventory [OPTION...]\n"
       "\n"
       "List the containers that the sources know of, with what they tell of each, and\n"
       "how many pods there are. JSON has all of it, pods included.\n"
       "\n"
       "Options:\n"
       "  --format table|json  a table for eyes, or one object (default: table)\n"
       "  --source NAME        a source of containers, or the script at a path that ends\n"
       "                       in .lua; may be repeated (default: cgroup)\n"
       "  --host-root DIR      the host below DIR (default: /)\n" MW_SESSION_HTTP_HELP
       "  --set kubelet.KEY=VALUE  for the source kubelet; may be repeated. Keys:\n"
       "      url=URL          https://HOST:10250 (default: of NODE_IP, then NODE_NAME)\n"
       "      node_ip=IP, node_name=NAME  instead of those of the environment\n"
       "      token_file=FILE  a bearer token (default: of the pod's service account)\n"
       "      cert_file=FILE, key_file=FILE  the certificate of a client, and its key\n"
       "      ca_file=FILE     the authority to believe (default: of the pod's service\n"
       "                       account, else those of the system)\n"
       "      timeout_s=S      for an answer (default: 10)\n"
       "      allow_http=true  plain http as well, port 10255; no token is sent there\n"
       "      insecure_skip_verify=true  believe whoever answers\n"
       "  --help               show this\n"
       "\n"
       "Environment:\n"
       "  NODE_IP, NODE_NAME   where the kubelet is, when no setting says it\n"
       "\n"
       "Exit codes: 0 fine, 1 a source failed, 2 wrong usage, 3 no container is known.");
}

int mw_command_inventory(int argc, char **argv)
{
  static const struct option options[] = {MW_SHARED_OPTIONS, {0}};
  struct mw_script_command command = {.name = "inventory", .runs = 1};
  int option, rc;

  opterr = 0;
  while ((option = getopt_long(argc, argv, "+:", options, NULL)) != -1) {
    if (option == MW_OPTION_HELP) {
      print_help();
      return MW_EXIT_FINE;
    }
    if ((rc = mw_script_command_take(&command, option, argv, options)) != 0)
      return rc;
  }
  if (optind < argc)
    return mw_cli_usage("inventory", "what is \"%s\" for?", argv[optind]);
  return mw_script_command_run(&command);
}
