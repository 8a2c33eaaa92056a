/* moonwatch check: run one check in the foreground, and show what it emits. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/meter.h"
#include "agent/task.h"
#include "base/log.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "cli/container_table.h"
#include "cli/read_list.h"
#include "cli/session.h"
#include "cli/trial.h"
#include "moonwatch/stats.h"

#define OPTIONS_MAX 64

struct arguments {
  const char *name, *file; /* file: the configuration; NULL: the one that is found */
  struct mw_session_config session;
  uint64_t count;
  double interval_s; /* 0: the check's own */
  enum mw_cli_format format;
  bool list_reads;
  struct mw_option options[OPTIONS_MAX];
  size_t options_count;
  struct mw_log_config log;
};

/* A check at work, and where its messages go. */
struct run {
  const struct arguments *arguments;
  struct mw_trial trial;
  struct mw_session session;
  struct mw_task *check;
  struct mw_meter meter;
  struct mw_group_ids group_ids;
  struct mw_container_table *table;
  struct mw_read_list reads;
  bool table_printed;
  bool silent;       /* the first reading, which only gives rates something to start from */
  bool check_failed; /* the last run of the check itself, whatever its sources did */
  uint64_t messages_total;
};

static void print_help(void)
{
  puts("Usage: moonwatch check NAME [OPTION...]\n"
       "\n"
       "Run the check NAME (or the script at a path that ends in .lua) in the\n"
       "foreground, and show what it emits: nothing is sent. It has the options and the\n"
       "budget that are configured for a check of its name, so that an edited copy is\n"
       "tried as it will run. Rates need two readings, so a silent one comes first.\n"
       "\n"
       "Options:\n"
       "  --config FILE        the configuration (default: MOONWATCH_CONFIG, else\n"
       "                       " MW_CONFIG_FILE_DEFAULT ", where there is one)\n"
       "  --count N            how often to run (default: 1)\n"
       "  --interval S         seconds between runs, fractions allowed\n"
       "                       (default: as configured, else the check's own)\n"
       "  --format table|json  a table for eyes, or one message a line (default: table)\n"
       "  --set KEY=VALUE      an option of the check, or kubelet.KEY=VALUE, see\n"
       "                       moonwatch inventory --help; may be repeated\n"
       "  --source NAME        a source of containers, or the script at a path that ends\n"
       "                       in .lua; may be repeated (default: as configured)\n"
       "  --host-root DIR      the host below DIR: /host in a container, or a recorded\n"
       "                       one (default: as configured)\n" MW_SESSION_HTTP_HELP
       "  --state-dir DIR      where the check keeps what it stores (moonwatch.store);\n"
       "                       without it, it can store nothing\n"
       "  --list-reads         instead of messages, the cgroup files that the runs read,\n"
       "                       once each; limits are read first, then once a minute\n"
       "  --log-level LEVEL    debug, info, warn or error (default: warn)\n"
       "  --log-format FORMAT  text or json (default: text)\n"
       "  --help               show this\n"
       "\n"
       "Exit codes: 0 fine, 1 the check failed, 2 wrong usage, 3 nothing to do: it\n"
       "looks at containers, and none runs.\n"
       "Messages of the program itself go to standard error.");
}

/* ---- Arguments ---- */

static int parse_count(const char *text, struct arguments *out)
{
  if (!mw_parse_u64((struct mw_slice){text, strlen(text)}, &out->count) || out->count == 0)
    return mw_cli_usage("check", "--count %s is not a number of runs, 1 or more", text);
  return 0;
}

static int parse_set(char *text, struct arguments *out)
{
  char *equals = strchr(text, '=');

  if (mw_cli_is_setting(text))
    return mw_cli_take_setting("check", text, &out->session.kubelet);
  if (!equals || equals == text)
    return mw_cli_usage("check", "--set %s is not of the form KEY=VALUE", text);
  if (out->options_count == OPTIONS_MAX)
    return mw_cli_usage("check", "--set is given more than %d times", OPTIONS_MAX);
  *equals = '\0';
  out->options[out->options_count++] = (struct mw_option){.key = text, .text = equals + 1};
  return 0;
}

static int parse_log_format(const char *text, struct arguments *out)
{
  if (strcmp(text, "json") == 0)
    out->log.format = MW_LOG_JSON;
  else if (strcmp(text, "text") != 0)
    return mw_cli_usage("check", "--log-format %s is neither text nor json", text);
  return 0;
}

/* Above the bytes that stand for short options, of which there are none. */
enum option_code {
  OPTION_CONFIG = 256,
  OPTION_COUNT,
  OPTION_CREDENTIALS,
  OPTION_FORMAT,
  OPTION_HELP,
  OPTION_HOST_ROOT,
  OPTION_HTTP_ANSWERS,
  OPTION_INTERVAL,
  OPTION_LIST_READS,
  OPTION_LOG_FORMAT,
  OPTION_LOG_LEVEL,
  OPTION_SET,
  OPTION_SOURCE,
  OPTION_STATE_DIR,
  OPTION_UNIX_SOCKET,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"count", required_argument, NULL, OPTION_COUNT},
    {"credentials", required_argument, NULL, OPTION_CREDENTIALS},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"host-root", required_argument, NULL, OPTION_HOST_ROOT},
    {"http-answers", required_argument, NULL, OPTION_HTTP_ANSWERS},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"list-reads", no_argument, NULL, OPTION_LIST_READS},
    {"log-format", required_argument, NULL, OPTION_LOG_FORMAT},
    {"log-level", required_argument, NULL, OPTION_LOG_LEVEL},
    {"set", required_argument, NULL, OPTION_SET},
    {"source", required_argument, NULL, OPTION_SOURCE},
    {"state-dir", required_argument, NULL, OPTION_STATE_DIR},
    {"unix-socket", required_argument, NULL, OPTION_UNIX_SOCKET},
    {0},
};

static int parse_option(int option, char **argv, struct arguments *out)
{
  struct mw_error err;

  switch (option) {
  case OPTION_CONFIG:
    out->file = optarg;
    return 0;
  case OPTION_COUNT:
    return parse_count(optarg, out);
  case OPTION_FORMAT:
    return mw_cli_take_format("check", optarg, &out->format);
  case OPTION_INTERVAL:
    return mw_cli_parse_interval("check", optarg, &out->interval_s);
  case OPTION_LOG_LEVEL:
    return mw_log_level_parse(optarg, &out->log.level, &err) < 0
               ? mw_cli_usage("check", "%s", err.text)
               : 0;
  case OPTION_LOG_FORMAT:
    return parse_log_format(optarg, out);
  case OPTION_HOST_ROOT:
    out->session.host_root = optarg;
    return 0;
  case OPTION_LIST_READS:
    out->list_reads = true;
    return 0;
  case OPTION_STATE_DIR:
    out->session.state_dir = optarg;
    return 0;
  case OPTION_SET:
    return parse_set(optarg, out);
  case OPTION_SOURCE:
    return mw_session_take_source(&out->session, "check", optarg);
  case OPTION_CREDENTIALS:
    return mw_session_take_credentials(&out->session, "check", optarg);
  case OPTION_UNIX_SOCKET:
    return mw_session_take_unix_socket(&out->session, "check", optarg);
  case OPTION_HTTP_ANSWERS:
    out->session.http.recorded_dir = optarg;
    return 0;
  default:
    return mw_cli_bad_option("check", option, argv, long_options);
  }
}

/* @return 0 to go on, MW_EXIT_USAGE, or -1 when --help was shown. */
static int parse_arguments(int argc, char **argv, struct arguments *out)
{
  struct mw_error err;
  int option, rc;

  *out = (struct arguments){.count = 1, .log = {.level = MW_LOG_WARN, .fd = 2}};
  opterr = 0;
  /* "-": a NAME may stand anywhere among the options */
  while ((option = getopt_long(argc, argv, "-:", long_options, NULL)) != -1) {
    if (option == OPTION_HELP) {
      print_help();
      return -1;
    }
    if (option == 1) {
      if (out->name)
        return mw_cli_usage("check", "one check at a time: %s or %s?", out->name, optarg);
      out->name = optarg;
    } else if ((rc = parse_option(option, argv, out)) != 0) {
      return rc;
    }
  }
  if (optind < argc && !out->name)
    out->name = argv[optind++];
  if (optind < argc)
    return mw_cli_usage("check", "what is \"%s\" for?", argv[optind]);
  if (!out->name)
    return mw_cli_usage("check", "which check? For example: moonwatch check container_rt");
  if (out->session.host_root && mw_cli_check_host_root(out->session.host_root, &err) < 0)
    return mw_cli_usage("check", "%s", err.text);
  return 0;
}

/* ---- Running ---- */

static int take_message(void *data, const struct mw_message *message, struct mw_error *err)
{
  struct run *run = data;
  int rc = mw_meter_take(&run->meter, message->body.len_bytes, err);

  if (rc < 0)
    return rc;
  run->messages_total++;
  if (run->silent || run->arguments->list_reads)
    return 0;
  if (run->arguments->format == MW_CLI_TABLE)
    return mw_container_table_add(run->table, message, err);
  fwrite(message->body.data, 1, message->body.len_bytes, stdout);
  putchar('\n');
  return 0;
}

static void print_title_and_table(struct run *run)
{
  char title[512], name[MW_HOST_NAME_BYTES] = "?", memory[MW_CLI_UNIT_BYTES] = "?", clock[32];
  struct mw_host *host = mw_context_host(run->session.context);
  const char *host_root = mw_context_host_root(run->session.context);
  uint64_t memory_bytes;
  time_t now = (time_t)(mw_clock_wall_ns(mw_context_clock(run->session.context)) / MW_NS_PER_S);
  struct tm local;

  mw_host_name(host, name, NULL);
  if (mw_host_memory_total_bytes(host, &memory_bytes, NULL) == 0)
    mw_cli_bytes((double)memory_bytes, memory);
  localtime_r(&now, &local);
  strftime(clock, sizeof clock, "%H:%M:%S", &local);
  bool elsewhere = strcmp(host_root, "/") != 0;
  snprintf(title, sizeof title, "%s  %u CPUs  %s  %zu containers  %s%s%s", name,
           mw_host_cpu_count(host), memory, mw_session_containers_count(&run->session), clock,
           elsewhere ? "  host root " : "", elsewhere ? host_root : "");
  if (run->table_printed)
    putchar('\n');
  run->table_printed = true;
  mw_container_table_print(run->table, title, mw_cli_terminal_columns());
  mw_container_table_clear(run->table);
}

/* @return 0, or MW_EXIT_FAILED when it was said why. */
static int run_tasks(struct run *run)
{
  struct mw_error err;
  enum mw_limit limit;
  size_t failed = mw_session_run_sources(&run->session);

  mw_meter_start(&run->meter);
  int rc = mw_meter_judge(&run->meter, run->check, mw_task_run(run->check, &err), &limit, &err);

  /* that containers cannot be listed is nothing to a check that does not ask for them */
  if (!mw_context_inventory_wanted(run->session.context))
    failed = 0;
  if (failed > 0)
    mw_session_say_failures(&run->session);
  if (rc < 0)
    mw_cli_say("%s", err.text);
  run->check_failed = rc < 0;
  return failed > 0 || rc < 0 ? MW_EXIT_FAILED : 0;
}

/* @return 0, or MW_EXIT_FAILED when it was said why. */
static int run_once(struct run *run)
{
  uint64_t messages_before = run->messages_total;
  int rc = run_tasks(run);

  if (run->silent || run->arguments->list_reads)
    return rc;
  /* what was emitted before a failure is shown as well */
  if (run->arguments->format == MW_CLI_TABLE && (rc == 0 || run->messages_total > messages_before))
    print_title_and_table(run);
  int flushed = mw_cli_flush();
  return rc != 0 ? rc : flushed;
}

/* No container was there in any run, for a check that looks at containers. */
static bool nothing_to_do(struct run *run)
{
  return run->messages_total == 0 && mw_session_containers_count(&run->session) == 0 &&
         mw_context_inventory_wanted(run->session.context);
}

static int say_nothing_to_do(struct run *run)
{
  mw_cli_say("no container runs on the host at %s", mw_context_host_root(run->session.context));
  return MW_EXIT_NOTHING;
}

/* A run that was due while the last one was still going is left out. */
static int64_t next_run_ns(int64_t last_ns, int64_t interval_ns)
{
  int64_t late_ns = mw_clock_monotonic_ns(mw_clock_system()) - last_ns;

  return last_ns + interval_ns * (late_ns > 0 ? late_ns / interval_ns + 1 : 1);
}

/* The runs that are shown. A run that fails is said to have failed, and the next one is tried. */
static int run_and_show(struct run *run, int64_t interval_ns)
{
  int64_t due_ns = mw_clock_monotonic_ns(mw_clock_system());
  int rc = 0;

  for (uint64_t i = 0; i < run->arguments->count; i++) {
    due_ns = next_run_ns(due_ns, interval_ns);
    if (!mw_cli_sleep_until(due_ns))
      return rc;
    if (run_once(run) != 0)
      rc = MW_EXIT_FAILED;
  }
  return rc == 0 && nothing_to_do(run) ? say_nothing_to_do(run) : rc;
}

static int run_all(struct run *run)
{
  double interval_s = mw_task_interval_s(run->check);

  run->silent = true;
  int first_rc = run_once(run);
  /* what the sources that did not fail list is shown all the same */
  if (first_rc != 0 && (run->check_failed || mw_session_containers_count(&run->session) == 0))
    return first_rc;
  if (nothing_to_do(run))
    return say_nothing_to_do(run);
  mw_cli_say("took a first reading; rates follow in %g s", interval_s);
  run->silent = false;
  mw_group_ids_init(&run->group_ids, 1); /* the same input gives the same output */
  run->reads.recording = true;
  int rc = run_and_show(run, (int64_t)(interval_s * (double)MW_NS_PER_S));
  if (run->arguments->list_reads)
    mw_read_list_print(&run->reads);
  return rc;
}

static int open_check(struct run *run)
{
  const struct arguments *arguments = run->arguments;
  const struct mw_script_settings *script = &run->trial.script;
  struct mw_task_config config = {.kind = MW_TASK_CHECK,
                                  .name = arguments->name,
                                  .script_dirs = run->session.script_dirs,
                                  .context = run->session.context,
                                  .options = run->trial.options,
                                  .options_count = run->trial.options_count,
                                  .interval_s = arguments->interval_s > 0 ? arguments->interval_s
                                                                          : script->interval_s,
                                  .memory_max_bytes = script->budget.memory_bytes,
                                  .timeout_ms = script->budget.wall_ms,
                                  .cpu_ms = script->budget.cpu_ms,
                                  .http_requests_max = &script->budget.http_requests_count,
                                  .emit = take_message,
                                  .emit_data = run,
                                  .group_ids = &run->group_ids};
  struct mw_error err;

  run->check = mw_task_open(&config, &err);
  if (run->check)
    return 0;
  mw_cli_say("%s", err.text);
  return err.code == EINVAL || err.code == ENOENT ? MW_EXIT_USAGE : MW_EXIT_FAILED;
}

static int read_configuration(struct run *run, struct mw_session_config *session)
{
  const struct arguments *arguments = run->arguments;
  int rc = mw_trial_open(&run->trial, arguments->file, arguments->name);

  if (rc == 0)
    rc = mw_trial_take_options(&run->trial, arguments->options, arguments->options_count);
  if (rc == 0)
    rc = mw_trial_fill_session(&run->trial, session);
  run->meter =
      (struct mw_meter){.name = run->trial.script.name, .budget = &run->trial.script.budget};
  return rc;
}

static int open_and_run(struct run *run, struct mw_session_config *config)
{
  struct mw_error err;
  int rc;

  run->table = mw_container_table_new(&err);
  if (!run->table) {
    mw_cli_say("%s", err.text);
    return MW_EXIT_FAILED;
  }
  if ((rc = read_configuration(run, config)) != 0 ||
      (rc = mw_session_open(&run->session, config)) != 0 || (rc = open_check(run)) != 0 ||
      (rc = mw_session_open_sources(&run->session, config)) != 0)
    return rc;
  return run_all(run);
}

static int run_check(const struct arguments *arguments)
{
  struct run run = {.arguments = arguments};
  struct mw_session_config config = arguments->session;

  if (arguments->list_reads) {
    config.on_read = mw_read_list_add;
    config.on_read_data = &run.reads;
  }
  mw_group_ids_init(&run.group_ids, 1);
  int rc = open_and_run(&run, &config);
  mw_task_close(run.check);
  mw_session_close(&run.session);
  mw_trial_close(&run.trial);
  mw_container_table_free(run.table);
  mw_read_list_deinit(&run.reads);
  return rc;
}

int mw_command_check(int argc, char **argv)
{
  struct arguments arguments;
  int rc = parse_arguments(argc, argv, &arguments);

  if (rc != 0)
    return rc < 0 ? MW_EXIT_FINE : rc;
  mw_log_configure(&arguments.log);
  mw_cli_hold_interruptions();
  return run_check(&arguments);
}
