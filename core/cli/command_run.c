/* moonwatch run: the agent in the foreground. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/connections.h"
#include "agent/daemon.h"
#include "agent/sinks.h"
#include "base/log.h"
#include "cli/cli.h"
#include "cli/config_load.h"
#include "cli/settings.h"

#define FLAGS_MAX 256

/* The states of scripts lie in malloc's arenas, of which glibc would make eight for each CPU. As
 * few scripts compute at once as there are places, and each computes more than it allocates. */
#define ARENAS_MAX 2

/* By itself glibc learns from each large block that is freed to keep the next ones, up to tens of
 * megabytes in each arena for good. */
#define GIVEN_BACK_FROM_BYTES (1 << 20)

struct arguments {
  const char *file; /* NULL: the default one, which may lack */
  struct mw_option flags[FLAGS_MAX];
  size_t flags_count;
  char host_root[PATH_MAX], sink_path[PATH_MAX];
};

static void print_help(void)
{
  puts("Usage: moonwatch run [OPTION...]\n"
       "\n"
       "Run the agent in the foreground: sources and checks at their intervals, until\n"
       "SIGTERM or SIGINT ends it. Without configuration the source cgroup says which\n"
       "containers there are, the checks container_rt (every 2 s) and container (every\n"
       "10 s) look at them, and their messages go to standard output, one a line.\n"
       "\n"
       "A script that is changed is loaded anew, between two runs; when it is wrong, the\n"
       "old one goes on; likewise the configuration, which counts as a whole. SIGHUP\n"
       "reads it, loads all scripts and opens output files anew in any case.\n"
       "\n"
       "Options:\n"
       "  --config FILE        the configuration (default: MOONWATCH_CONFIG, else\n"
       "                       " MW_CONFIG_FILE_DEFAULT ", where there is one)\n"
       "  --set KEY=VALUE      a key of the configuration, such as parallel_runs=2 or\n"
       "                       scripts.container_rt.interval_s=5; may be repeated\n"
       "  --source NAME        a source of containers, instead of those configured; may\n"
       "                       be repeated\n"
       "  --check NAME         a check, instead of those configured; may be repeated\n"
       "  --sink NAME          a sink, instead of those configured: stdout, http, or\n"
       "                       one of yours; may be repeated\n"
       "  --sink file:PATH     the sink file, which is rotated, with its path\n"
       "  --host-root DIR      the host below DIR: /host in a container, or a recorded\n"
       "                       one (default: /)\n"
       "  --log-level LEVEL    debug, info, warn or error (default: info)\n"
       "  --log-format FORMAT  text or json (default: text)\n"
       "  --help               show this\n"
       "\n"
       "Exit codes: 0 fine, 1 it could not begin, 2 wrong usage or configuration.\n"
       "Messages of the program itself go to standard error.");
}

/* ---- Arguments ---- */

static int add_flag(struct arguments *arguments, const char *key, const char *text)
{
  if (arguments->flags_count == FLAGS_MAX)
    return mw_cli_usage("run", "there are more than %d options", FLAGS_MAX);
  arguments->flags[arguments->flags_count++] = (struct mw_option){.key = key, .text = text};
  return 0;
}

static int take_set(struct arguments *arguments, char *text)
{
  char *equals = strchr(text, '=');

  if (!equals || equals == text)
    return mw_cli_usage("run", "--set %s is not of the form KEY=VALUE", text);
  *equals = '\0';
  return add_flag(arguments, text, equals + 1);
}

static int take_host_root(struct arguments *arguments, const char *text)
{
  struct mw_error err;

  if (mw_cli_check_host_root(text, &err) < 0)
    return mw_cli_usage("run", "%s", err.text);
  if (!realpath(text, arguments->host_root))
    return mw_cli_usage("run", "--host-root %s: %s", text, strerror(errno));
  return add_flag(arguments, "host_root", arguments->host_root);
}

/* The configuration knows absolute paths only; on a command line they begin where one stands. */
static int take_file_sink(struct arguments *arguments, const char *path)
{
  char folder[PATH_MAX];
  int used;

  if (!*path || arguments->sink_path[0])
    return mw_cli_usage("run", *path ? "--sink file: is given twice"
                                     : "--sink file: needs a path behind the colon");
  if (*path == '/')
    used = snprintf(arguments->sink_path, PATH_MAX, "%s", path);
  else if (getcwd(folder, sizeof folder))
    used = snprintf(arguments->sink_path, PATH_MAX, "%s/%s", folder, path);
  else
    return mw_cli_usage("run", "--sink file:%s: %s", path, strerror(errno));
  if (used >= PATH_MAX)
    return mw_cli_usage("run", "--sink file:%s: the path is too long", path);
  int rc = add_flag(arguments, "sinks", "file");
  return rc != 0 ? rc : add_flag(arguments, "scripts.file.options.path", arguments->sink_path);
}

static int take_sink(struct arguments *arguments, const char *text)
{
  if (strncmp(text, "file:", 5) == 0)
    return take_file_sink(arguments, text + 5);
  return add_flag(arguments, "sinks", text);
}

enum option_code {
  OPTION_CHECK = 256,
  OPTION_CONFIG,
  OPTION_HELP,
  OPTION_HOST_ROOT,
  OPTION_LOG_FORMAT,
  OPTION_LOG_LEVEL,
  OPTION_SET,
  OPTION_SINK,
  OPTION_SOURCE,
};

static const struct option long_options[] = {
    {"check", required_argument, NULL, OPTION_CHECK},
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"help", no_argument, NULL, OPTION_HELP},
    {"host-root", required_argument, NULL, OPTION_HOST_ROOT},
    {"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"set", required_argument, NULL, OPTION_SET},
    {"sink", required_argument, NULL, OPTION_SINK},
    {"source", required_argument, NULL, OPTION_SOURCE},
    {0},
};

static int take_option(struct arguments *arguments, int option, char **argv)
{
  switch (option) {
  case OPTION_CHECK:
    return add_flag(arguments, "checks", optarg);
  case OPTION_CONFIG:
    arguments->file = optarg;
    return 0;
  case OPTION_HOST_ROOT:
    return take_host_root(arguments, optarg);
  case OPTION_LOG_FORMAT:
    return add_flag(arguments, "log.format", optarg);
  case OPTION_LOG_LEVEL:
    return add_flag(arguments, "log.level", optarg);
  case OPTION_SET:
    return take_set(arguments, optarg);
  case OPTION_SINK:
    return take_sink(arguments, optarg);
  case OPTION_SOURCE:
    return add_flag(arguments, "sources", optarg);
  default:
    return mw_cli_bad_option("run", option, argv, long_options);
  }
}

/* @return 0 to go on, MW_EXIT_USAGE, or -1 when --help was shown. */
static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
  int option;

  opterr = 0;
  while ((option = getopt_long(argc, argv, "+:", long_options, NULL)) != -1) {
    if (option == OPTION_HELP) {
      print_help();
      return -1;
    }
    int rc = take_option(arguments, option, argv);
    if (rc != 0)
      return rc;
  }
  return optind < argc ? mw_cli_usage("run", "what is \"%s\" for?", argv[optind]) : 0;
}

/* ---- Running ---- */

static void say_names(const struct mw_settings *settings, enum mw_script_kind kind,
                      const char *what)
{
  char names[512] = "";
  size_t used = 0;

  for (size_t i = 0; i < settings->scripts_count && used < sizeof names; i++)
    if (settings->scripts[i].kind == kind)
      used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "",
                               settings->scripts[i].name);
  mw_log(MW_LOG_INFO, "agent", "%s: %s%s", what, *names ? names : "none",
         used >= sizeof names ? "..." : "");
}

static bool has_source(const struct mw_settings *settings, const char *name)
{
  for (size_t i = 0; i < settings->scripts_count; i++)
    if (settings->scripts[i].kind == MW_SCRIPT_SOURCE &&
        strcmp(settings->scripts[i].name, name) == 0)
      return true;
  return false;
}

/* So that the log says which configuration was meant, and what is given up in safety. */
static void say_settings(const struct mw_settings *settings)
{
  struct mw_kubelet_config kubelet = mw_connections_kubelet(settings);

  mw_log(MW_LOG_INFO, "agent", "host at %s, control socket %s", settings->host_root,
         settings->socket_path);
  say_names(settings, MW_SCRIPT_SOURCE, "sources");
  say_names(settings, MW_SCRIPT_CHECK, "checks");
  say_names(settings, MW_SCRIPT_SINK, "sinks");
  mw_cli_warn_of_settings(&kubelet, settings->host_root);
  if (settings->kubelet.url && !has_source(settings, "kubelet"))
    mw_log(MW_LOG_WARN, "agent",
           "kubelet.url is set, and the source kubelet is not among the sources, so no container "
           "gets its pod: sources = { \"cgroup\", \"kubelet\" }");
  for (size_t i = 0; i < settings->credentials_count; i++)
    if (settings->credentials[i].insecure_skip_verify)
      mw_cli_warn_of_credentials(settings->credentials[i].name);
}

static int run_agent(const struct mw_config_request *request, struct mw_config *config)
{
  const struct mw_settings *settings = mw_config_settings(config);
  struct mw_error err;
  bool hangs;

  signal(SIGPIPE, SIG_IGN); /* who reads our output may go; write(2) says so */
  signal(SIGXFSZ, SIG_IGN); /* a file may have its limit; write(2) says so, too */
  mallopt(M_ARENA_MAX, ARENAS_MAX);
  mallopt(M_MMAP_THRESHOLD, GIVEN_BACK_FROM_BYTES);
  mallopt(M_TRIM_THRESHOLD, GIVEN_BACK_FROM_BYTES);
  mw_log_configure(&settings->log);
  say_settings(settings);
  int rc = mw_daemon_run(request, config, &hangs, &err);
  if (rc < 0)
    mw_cli_say("%s", err.text);
  if (hangs)
    _exit(MW_EXIT_FAILED); /* what exit(3) would free is still in use; the log says what hangs */
  if (rc == 0)
    return MW_EXIT_FINE;
  return rc == -EINVAL ? MW_EXIT_USAGE : MW_EXIT_FAILED;
}

static bool is_there(const struct mw_settings *settings, const char *sink)
{
  char path[PATH_MAX];

  if (mw_sinks_declaration(sink))
    return true;
  for (const char *const *dir = settings->script_dirs; *dir; dir++) {
    snprintf(path, sizeof path, "%s/sinks/%s.lua", *dir, sink);
    if (access(path, F_OK) == 0)
      return true;
  }
  return false;
}

/* A check that is not there is found out when none can be loaded. A sink that is not there would
 * have messages wait for it, unseen. */
static int check_sinks(const struct arguments *arguments, const struct mw_settings *settings)
{
  bool are_named = false; /* on the command line: one of a file may be about to come */

  for (size_t i = 0; i < arguments->flags_count; i++)
    are_named |= strcmp(arguments->flags[i].key, "sinks") == 0;
  for (size_t i = 0; are_named && i < settings->scripts_count; i++)
    if (settings->scripts[i].kind == MW_SCRIPT_SINK &&
        !is_there(settings, settings->scripts[i].name))
      return mw_cli_usage("run",
                          "there is no sink \"%s\": neither stdout nor file:PATH, and no "
                          "sinks/%s.lua below script_dirs",
                          settings->scripts[i].name, settings->scripts[i].name);
  return 0;
}

static int load_and_run(const struct arguments *arguments)
{
  struct mw_cli_config_request request;
  struct mw_error err;
  char *scripts_dir = mw_cli_scripts_dir(&err);
  int rc = MW_EXIT_FAILED;

  if (!scripts_dir) {
    mw_cli_say("%s", err.text);
    return rc;
  }
  if (mw_cli_config_request(&request, arguments->file, arguments->flags, arguments->flags_count,
                            scripts_dir) == 0) {
    struct mw_config *config = mw_cli_load_requested(&request);
    const struct mw_settings *settings = config ? mw_config_settings(config) : NULL;
    if (config)
      rc = settings ? check_sinks(arguments, settings) : MW_EXIT_USAGE;
    if (rc == 0)
      rc = run_agent(&request.request, config);
    mw_config_free(config);
  }
  mw_cli_config_request_deinit(&request);
  free(scripts_dir);
  return rc;
}

int mw_command_run(int argc, char **argv)
{
  struct arguments *arguments = calloc(1, sizeof *arguments);

  if (!arguments) {
    mw_cli_say("out of memory");
    return MW_EXIT_FAILED;
  }
  int rc = parse_arguments(argc, argv, arguments);
  if (rc == 0)
    rc = load_and_run(arguments);
  free(arguments);
  return rc < 0 ? MW_EXIT_FINE : rc;
}
