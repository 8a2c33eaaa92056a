/* moonwatch tail: the messages in the queue, the last ones, or as they come. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/lines.h"
#include "base/parse.h"
#include "base/rfc3339.h"
#include "cli/cli.h"
#include "cli/queue_dir.h"
#include "cli/since.h"
#include "moonwatch/clock.h"

#define LINES_DEFAULT 10
#define LOOK_EVERY_NS (200 * MW_NS_PER_MS)
#define LINE_MAX_BYTES ((size_t)128 << 20)
#define BODY_MIN_COLUMNS 20

static void print_help(void)
{
  puts("Usage: moonwatch tail [OPTION...]\n"
       "\n"
       "Print the last messages in the queue of an agent, which may be running or not.\n"
       "A running one writes them there every queue.flush_interval_s, and keeps those\n"
       "that are delivered for queue.keep_s.\n"
       "\n"
       "Options:\n"
       "  --lines N            so many of the last ones (default: 10, or all with\n"
       "                       --since)\n"
       "  --since TIME         those from TIME on: 90s, 10m, 2h or 3d ago, or a time of\n"
       "                       UTC, as 2026-11-26T12:00:00Z\n"
       "  --kind KIND          of this kind alone, such as container_rt\n"
       "  --script NAME        of this script alone\n"
       "  --follow             then print those that come, until interrupted\n"
       "  --format json|table  json: the line that the sinks stdout and file write;\n"
       "                       table: the beginning of each (default: json)\n"
       "  --state-dir DIR      the state directory (default: of the configuration)\n"
       "  --config FILE        the configuration, instead of the one that is found\n"
       "  --help               show this\n"
       "\n"
       "Exit codes: 0 fine, 1 it failed, 2 wrong usage, 3 there is no queue yet.");
}

/* ---- Arguments ---- */

struct arguments {
  struct mw_cli_queue_place place;
  enum mw_cli_format format;
  const char *kind, *script;
  uint64_t lines;
  int64_t since_ns;
  bool has_lines, has_since, follow;
};

enum option_code {
  OPTION_CONFIG = 256,
  OPTION_FOLLOW,
  OPTION_FORMAT,
  OPTION_HELP,
  OPTION_KIND,
  OPTION_LINES,
  OPTION_SCRIPT,
  OPTION_SINCE,
  OPTION_STATE_DIR,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"follow", no_argument, NULL, OPTION_FOLLOW},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"kind", required_argument, NULL, OPTION_KIND},
    {"lines", required_argument, NULL, OPTION_LINES},
    {"script", required_argument, NULL, OPTION_SCRIPT},
    {"since", required_argument, NULL, OPTION_SINCE},
    {"state-dir", required_argument, NULL, OPTION_STATE_DIR},
    {0},
};

static int take_lines(struct arguments *arguments, const char *text)
{
  arguments->has_lines = true;
  return mw_parse_u64((struct mw_slice){text, strlen(text)}, &arguments->lines)
             ? 0
             : mw_cli_usage("tail", "--lines %s is not a number", text);
}

static int take_since(struct arguments *arguments, const char *text)
{
  struct mw_error err;
  int64_t now_ns = mw_clock_wall_ns(mw_clock_system());

  arguments->has_since = true;
  return mw_cli_parse_since(text, now_ns, &arguments->since_ns, &err) < 0
             ? mw_cli_usage("tail", "--since %s", err.text)
             : 0;
}

static int take_format(struct arguments *arguments, const char *text)
{
  return mw_cli_take_format("tail", text, &arguments->format);
}

static int take_option(void *data, int option, char **argv)
{
  struct arguments *arguments = data;

  switch (option) {
  case OPTION_CONFIG:
    arguments->place.config_file = optarg;
    return 0;
  case OPTION_FOLLOW:
    arguments->follow = true;
    return 0;
  case OPTION_FORMAT:
    return take_format(arguments, optarg);
  case OPTION_KIND:
    arguments->kind = optarg;
    return 0;
  case OPTION_LINES:
    return take_lines(arguments, optarg);
  case OPTION_SCRIPT:
    arguments->script = optarg;
    return 0;
  case OPTION_SINCE:
    return take_since(arguments, optarg);
  case OPTION_STATE_DIR:
    arguments->place.state_dir = optarg;
    return 0;
  default:
    return mw_cli_bad_option("tail", option, argv, long_options);
  }
}

static int take_word(void *data, const char *word)
{
  (void)data;
  return mw_cli_usage("tail", "what is \"%s\" for?", word);
}

static const struct mw_cli_syntax syntax = {.options = long_options,
                                            .help_code = OPTION_HELP,
                                            .print_help = print_help,
                                            .take_option = take_option,
                                            .take_word = take_word};

/* ---- Printing ---- */

static int print_json(const struct mw_message *message, struct mw_error *err)
{
  MW_AUTO_BUF line;

  mw_buf_init(&line, LINE_MAX_BYTES);
  int rc = mw_line_append(&line, message, err);
  if (rc == 0)
    fwrite(line.data, 1, line.len_bytes, stdout);
  return rc;
}

static int print_row(const struct mw_message *message)
{
  char time[MW_RFC3339_BYTES], bytes[MW_CLI_UNIT_BYTES];
  unsigned columns = mw_cli_terminal_columns();
  int used = printf("%s  %8llu  %-16s  %-16s  %9s  ", mw_rfc3339(message->emitted_at_ns, time),
                    (unsigned long long)message->number, message->script, message->kind,
                    mw_cli_bytes((double)message->body.len_bytes, bytes));
  size_t shown = message->body.len_bytes;

  if (columns > 0) {
    size_t room =
        (int)columns > used + BODY_MIN_COLUMNS ? columns - (unsigned)used : BODY_MIN_COLUMNS;
    shown = shown < room ? shown : room;
  }
  printf("%.*s\n", (int)shown, message->body.data);
  return 0;
}

static void print_head(enum mw_cli_format format)
{
  if (format == MW_CLI_TABLE)
    printf("%-24s  %8s  %-16s  %-16s  %9s  %s\n", "TIME", "NUMBER", "SCRIPT", "KIND", "BYTES",
           "BODY");
}

/* ---- Reading ---- */

struct tail {
  const struct arguments *arguments;
  struct mw_queue_reader *reader;
  uint64_t after; /* the number of the last message that was looked at */
};

static bool is_wanted(const struct arguments *arguments, const struct mw_message *message)
{
  return (!arguments->kind || strcmp(arguments->kind, message->kind) == 0) &&
         (!arguments->script || strcmp(arguments->script, message->script) == 0);
}

/* The next one that is wanted. @return 1; 0: there is none yet; -errno. */
static int next(struct tail *tail, struct mw_message *out, struct mw_error *err)
{
  for (;;) {
    int rc = mw_queue_reader_next(tail->reader, tail->after, tail->arguments->since_ns, out, err);
    if (rc == 0 || (rc < 0 && rc != -EBADMSG))
      return rc;
    tail->after = out->number;
    if (rc < 0)
      mw_cli_say("%s", err->text);
    else if (is_wanted(tail->arguments, out))
      return 1;
  }
}

static int count_behind(struct tail *tail, uint64_t after, uint64_t *count, struct mw_error *err)
{
  struct mw_message message;
  int rc;

  tail->after = after;
  for (*count = 0; (rc = next(tail, &message, err)) == 1;)
    ++*count;
  return rc;
}

/* Go so far back that the last ones are ahead: twice as far each time, since they may be rare. */
static int go_back(struct tail *tail, struct mw_error *err)
{
  struct mw_queue_file_stats stats;
  uint64_t wanted = tail->arguments->lines, count = 0, distance = wanted;
  int rc = mw_queue_reader_stats(tail->reader, &stats, err);
  bool has_more = rc == 0 && wanted != UINT64_MAX;
  uint64_t after = has_more && stats.end_number > distance ? stats.end_number - 1 - distance : 0;

  while (has_more && (rc = count_behind(tail, after, &count, err)) == 0 && count < wanted &&
         after > 0) {
    distance *= 2;
    after = stats.end_number > distance + 1 ? stats.end_number - 1 - distance : 0;
  }
  tail->after = has_more ? after : 0;
  struct mw_message message;
  for (; rc == 0 && has_more && count > wanted; count--)
    rc = next(tail, &message, err) < 0 ? -err->code : 0;
  return rc;
}

static int print_all(struct tail *tail, struct mw_error *err)
{
  struct mw_message message;
  int rc;

  while ((rc = next(tail, &message, err)) == 1) {
    rc = tail->arguments->format == MW_CLI_JSON ? print_json(&message, err) : print_row(&message);
    if (rc < 0)
      return rc;
    if (ferror(stdout))
      return mw_error_set(err, EPIPE, "cannot write to standard output");
  }
  return rc;
}

static int follow(struct tail *tail, struct mw_error *err)
{
  int rc = 0;

  mw_cli_hold_interruptions();
  while (rc == 0 && mw_cli_flush() == 0 &&
         mw_cli_sleep_until(mw_clock_monotonic_ns(mw_clock_system()) + LOOK_EVERY_NS))
    rc = print_all(tail, err);
  return rc;
}

static int run(const struct arguments *arguments, struct mw_queue_reader *reader)
{
  struct tail tail = {.arguments = arguments, .reader = reader};
  struct mw_error err;
  int rc = go_back(&tail, &err);

  print_head(arguments->format);
  if (rc == 0)
    rc = print_all(&tail, &err);
  if (rc == 0 && arguments->follow)
    rc = follow(&tail, &err);
  if (rc == 0)
    return MW_EXIT_FINE;
  mw_cli_say("%s", err.text);
  return MW_EXIT_FAILED;
}

int mw_command_tail(int argc, char **argv)
{
  struct arguments arguments = {.format = MW_CLI_JSON, .lines = LINES_DEFAULT};
  int rc = mw_cli_read_arguments(&syntax, argc, argv, &arguments);

  if (rc != 0)
    return rc < 0 ? MW_EXIT_FINE : rc;
  if (arguments.has_since && !arguments.has_lines)
    arguments.lines = UINT64_MAX;
  char *dir = mw_cli_queue_dir(&arguments.place);
  if (!dir)
    return MW_EXIT_FAILED;
  struct mw_queue_reader *reader = mw_cli_open_queue(dir, &rc);
  if (reader)
    rc = run(&arguments, reader);
  mw_queue_reader_close(reader);
  free(dir);
  return rc;
}
