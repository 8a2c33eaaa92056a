/* moonwatch queue: what is in the queue, and what holds it back. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/control.h"
#include "base/rfc3339.h"
#include "cli/ask.h"
#include "cli/cli.h"
#include "cli/queue_dir.h"
#include "json/writer.h"

#define STATS_MAX_BYTES 65536

static void print_help(void)
{
  puts("Usage: moonwatch queue stats [OPTION...]\n"
       "       moonwatch queue forget SINK [OPTION...]\n"
       "\n"
       "Look at the queue of messages between checks and sinks, or change it.\n"
       "\n"
       "Actions:\n"
       "  stats   tell what is in its file, and what each sink has not had yet\n"
       "  forget  have the running agent give up what SINK has not had: a sink that\n"
       "          was taken out of the configuration holds it back until then\n"
       "\n"
       "Options:\n"
       "  --format table|json  stats: how to print (default: table)\n"
       "  --state-dir DIR      stats: the state directory (default: of the configuration)\n"
       "  --socket PATH        forget: where the agent listens (default: of the\n"
       "                       configuration)\n"
       "  --config FILE        the configuration, instead of the one that is found\n"
       "  --help               show this\n"
       "\n"
       "Exit codes: 0 fine, 1 it failed, 2 wrong usage, 3 there is no queue yet.");
}

/* ---- Arguments ---- */

struct arguments {
  struct mw_cli_queue_place place;
  enum mw_cli_format format;
  const char *socket, *action, *sink;
};

enum option_code {
  OPTION_CONFIG = 256,
  OPTION_FORMAT,
  OPTION_HELP,
  OPTION_SOCKET,
  OPTION_STATE_DIR,
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"format", required_argument, NULL, OPTION_FORMAT},
    {"help", no_argument, NULL, OPTION_HELP},
    {"socket", required_argument, NULL, OPTION_SOCKET},
    {"state-dir", required_argument, NULL, OPTION_STATE_DIR},
    {0},
};

static int take_word(void *data, const char *word)
{
  struct arguments *arguments = data;

  if (!arguments->action)
    arguments->action = word;
  else if (!arguments->sink && strcmp(arguments->action, "forget") == 0)
    arguments->sink = word;
  else
    return mw_cli_usage("queue", "what is \"%s\" for?", word);
  return 0;
}

static int take_option(void *data, int option, char **argv)
{
  struct arguments *arguments = data;

  switch (option) {
  case OPTION_CONFIG:
    arguments->place.config_file = optarg;
    return 0;
  case OPTION_FORMAT:
    return mw_cli_take_format("queue", optarg, &arguments->format);
  case OPTION_SOCKET:
    arguments->socket = optarg;
    return 0;
  case OPTION_STATE_DIR:
    arguments->place.state_dir = optarg;
    return 0;
  default:
    return mw_cli_bad_option("queue", option, argv, long_options);
  }
}

static int check_arguments(const struct arguments *arguments)
{
  if (!arguments->action)
    return mw_cli_usage("queue", "what is to be done: stats or forget?");
  if (strcmp(arguments->action, "stats") != 0 && strcmp(arguments->action, "forget") != 0)
    return mw_cli_usage("queue", "there is no action \"%s\": stats or forget?", arguments->action);
  if (strcmp(arguments->action, "stats") == 0)
    return 0;
  if (!arguments->sink || !*arguments->sink || strpbrk(arguments->sink, " \n"))
    return mw_cli_usage("queue",
                        "forget needs the name of a sink; moonwatch queue stats lists them");
  return 0;
}

static const struct mw_cli_syntax syntax = {.options = long_options,
                                            .help_code = OPTION_HELP,
                                            .print_help = print_help,
                                            .take_option = take_option,
                                            .take_word = take_word};

/* ---- stats ---- */

static void print_cursor(const struct mw_queue_cursor *cursor)
{
  char oldest[MW_RFC3339_BYTES] = "-";

  if (cursor->oldest_at_ns > 0)
    mw_rfc3339(cursor->oldest_at_ns, oldest);
  printf("%-16s  %10zu  %-24s  %12llu  %10llu  %10llu\n", cursor->name, cursor->waiting, oldest,
         (unsigned long long)cursor->delivered_total, (unsigned long long)cursor->dropped_total,
         (unsigned long long)cursor->set_aside_total);
}

static void print_table(const char *dir, const struct mw_queue_file_stats *stats)
{
  char used[MW_CLI_UNIT_BYTES], size[MW_CLI_UNIT_BYTES], bodies[MW_CLI_UNIT_BYTES],
      stored[MW_CLI_UNIT_BYTES], first[MW_RFC3339_BYTES] = "-", last[MW_RFC3339_BYTES] = "-";

  if (stats->messages_count > 0) {
    mw_rfc3339(stats->first_at_ns, first);
    mw_rfc3339(stats->last_at_ns, last);
  }
  printf("%s: %llu messages, %s to %s\n"
         "%s of messages, stored in %s; pages in use %s of %s\n",
         dir, (unsigned long long)stats->messages_count, first, last,
         mw_cli_bytes((double)stats->bodies_bytes, bodies),
         mw_cli_bytes((double)stats->stored_bytes, stored),
         mw_cli_bytes((double)stats->used_bytes, used),
         mw_cli_bytes((double)stats->size_bytes, size));
  if (stats->cursors_count == 0)
    return;
  printf("\n%-16s  %10s  %-24s  %12s  %10s  %10s\n", "SINK", "WAITING", "OLDEST", "DELIVERED",
         "DROPPED", "SET ASIDE");
  for (size_t i = 0; i < stats->cursors_count; i++)
    print_cursor(&stats->cursors[i]);
}

static void write_count(struct mw_json_writer *w, const char *key, uint64_t count)
{
  mw_json_write_key(w, key);
  mw_json_write_u64(w, count);
}

static void write_time(struct mw_json_writer *w, const char *key, int64_t wall_ns)
{
  char text[MW_RFC3339_BYTES];

  if (wall_ns <= 0)
    return;
  mw_json_write_key(w, key);
  mw_json_write_text(w, mw_rfc3339(wall_ns, text));
}

static void write_cursor(struct mw_json_writer *w, const struct mw_queue_cursor *cursor)
{
  mw_json_begin_object(w);
  write_count(w, "delivered_total", cursor->delivered_total);
  write_count(w, "dropped_total", cursor->dropped_total);
  mw_json_write_key(w, "name");
  mw_json_write_text(w, cursor->name);
  write_time(w, "oldest_at", cursor->oldest_at_ns);
  write_count(w, "set_aside_total", cursor->set_aside_total);
  write_count(w, "waiting", cursor->waiting);
  mw_json_end_object(w);
}

static int print_json(const char *dir, const struct mw_queue_file_stats *stats,
                      struct mw_error *err)
{
  struct mw_json_writer w;
  MW_AUTO_BUF out;

  mw_buf_init(&out, STATS_MAX_BYTES);
  mw_json_writer_init(&w, &out, err);
  mw_json_begin_object(&w);
  write_count(&w, "bodies_bytes", stats->bodies_bytes);
  mw_json_write_key(&w, "cursors");
  mw_json_begin_array(&w);
  for (size_t i = 0; i < stats->cursors_count; i++)
    write_cursor(&w, &stats->cursors[i]);
  mw_json_end_array(&w);
  mw_json_write_key(&w, "dir");
  mw_json_write_text(&w, dir);
  write_time(&w, "first_at", stats->first_at_ns);
  write_count(&w, "first_number", stats->first_number);
  mw_json_write_key(&w, "is_clean");
  mw_json_write_bool(&w, stats->is_clean);
  write_time(&w, "last_at", stats->last_at_ns);
  write_count(&w, "messages_count", stats->messages_count);
  write_count(&w, "next_number", stats->end_number);
  write_count(&w, "size_bytes", stats->size_bytes);
  write_count(&w, "stored_bytes", stats->stored_bytes);
  write_count(&w, "used_bytes", stats->used_bytes);
  mw_json_end_object(&w);
  int rc = mw_json_writer_finish(&w);
  if (rc == 0)
    puts(out.data);
  return rc;
}

static int show_stats(const struct arguments *arguments, const char *dir)
{
  struct mw_queue_file_stats stats;
  struct mw_error err;
  int exit_code = MW_EXIT_FINE;
  struct mw_queue_reader *reader = mw_cli_open_queue(dir, &exit_code);

  if (!reader)
    return exit_code;
  int rc = mw_queue_reader_stats(reader, &stats, &err);
  if (rc == 0 && arguments->format == MW_CLI_JSON)
    rc = print_json(dir, &stats, &err);
  else if (rc == 0)
    print_table(dir, &stats);
  mw_queue_reader_close(reader);
  if (rc < 0)
    mw_cli_say("%s", err.text);
  return rc < 0 ? MW_EXIT_FAILED : MW_EXIT_FINE;
}

/* ---- The command ---- */

static int forget(const struct arguments *arguments)
{
  char line[MW_CONTROL_LINE_MAX_BYTES];
  MW_AUTO_BUF body;

  mw_buf_init(&body, MW_CONTROL_BODY_MAX_BYTES);
  if ((size_t)snprintf(line, sizeof line, "drop-cursor %s", arguments->sink) >= sizeof line - 1)
    return mw_cli_usage("queue", "the name of the sink is too long");
  int rc = mw_cli_ask(arguments->socket, arguments->place.config_file, line, &body);
  if (rc == 0)
    fwrite(body.data, 1, body.len_bytes, stdout);
  return rc;
}

int mw_command_queue(int argc, char **argv)
{
  struct arguments arguments = {0};
  int rc = mw_cli_read_arguments(&syntax, argc, argv, &arguments);

  if (rc == 0)
    rc = check_arguments(&arguments);
  if (rc != 0)
    return rc < 0 ? MW_EXIT_FINE : rc;
  if (arguments.action && strcmp(arguments.action, "forget") == 0)
    return forget(&arguments);
  char *dir = mw_cli_queue_dir(&arguments.place);
  rc = dir ? show_stats(&arguments, dir) : MW_EXIT_FAILED;
  free(dir);
  return rc;
}
