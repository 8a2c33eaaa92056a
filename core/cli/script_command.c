#include "cli/script_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "json/reader.h"

/* A command at work. */
struct work {
  const struct mw_script_command *command;
  struct mw_session session;
  struct mw_task *task;
  struct mw_group_ids group_ids;
  bool ended; /* the script has said how */
  int exit_code;
};

/* ---- What a script emits ---- */

static int print_line(void *data, struct mw_slice text, struct mw_error *err)
{
  MW_AUTO_BUF line;

  (void)data;
  mw_buf_init(&line, text.len_bytes);
  int rc = mw_buf_append(&line, text.data, text.len_bytes, err);
  if (rc == 0 && line.len_bytes > 0)
    mw_cli_make_printable(line.data);
  if (rc == 0)
    puts(line.len_bytes > 0 ? line.data : "");
  return rc;
}

static int say_line(void *data, struct mw_slice text, struct mw_error *err)
{
  (void)data;
  (void)err;
  mw_cli_say("%.*s", (int)text.len_bytes, text.data);
  return 0;
}

static int take_code(void *data, const struct mw_json_number *number, struct mw_error *err)
{
  struct work *work = data;

  (void)err;
  work->ended = true;
  work->exit_code = number->kind == MW_JSON_I64 && number->value.i64 >= MW_EXIT_FINE &&
                            number->value.i64 <= MW_EXIT_NOTHING
                        ? (int)number->value.i64
                        : MW_EXIT_FAILED;
  return 0;
}

static int read_body(struct work *work, const struct mw_json_events *events, struct mw_slice body,
                     struct mw_error *err)
{
  struct mw_json_reader_config config = {
      .events = events, .data = work, .string_max_bytes = body.len_bytes};
  struct mw_json_reader *reader = mw_json_reader_new(&config, err);

  if (!reader)
    return -ENOMEM;
  int rc = mw_json_reader_feed(reader, body, err);
  if (rc == 0)
    rc = mw_json_reader_finish(reader, err);
  mw_json_reader_free(reader);
  return rc;
}

static int take_message(void *data, const struct mw_message *message, struct mw_error *err)
{
  static const struct mw_json_events lines = {.string = print_line};
  static const struct mw_json_events notices = {.string = say_line};
  static const struct mw_json_events exit = {.number = take_code};

  if (strcmp(message->kind, "lines") == 0)
    return read_body(data, &lines, message->body, err);
  if (strcmp(message->kind, "notices") == 0)
    return read_body(data, &notices, message->body, err);
  if (strcmp(message->kind, "exit") == 0)
    return read_body(data, &exit, message->body, err);
  printf("%.*s\n", (int)message->body.len_bytes, message->body.data);
  return 0;
}

/* ---- Runs ---- */

static int run_once(struct work *work)
{
  struct mw_error err;
  size_t failed = mw_session_run_sources(&work->session);

  mw_session_say_failures(&work->session);
  if (mw_task_run(work->task, &err) < 0) {
    mw_cli_say("%s", err.text);
    return MW_EXIT_FAILED;
  }
  int flushed = mw_cli_flush();
  return failed > 0 ? MW_EXIT_FAILED : flushed;
}

static int run_all(struct work *work)
{
  int64_t interval_ns = (int64_t)(work->command->interval_s * (double)MW_NS_PER_S);
  int rc = MW_EXIT_FINE;

  for (unsigned i = 0; i < work->command->runs && !work->ended; i++) {
    if (i > 0 && !mw_cli_sleep_until(mw_clock_monotonic_ns(mw_clock_system()) + interval_ns)) {
      mw_cli_say("interrupted before the second reading");
      return MW_EXIT_FAILED;
    }
    if (run_once(work) != MW_EXIT_FINE)
      rc = MW_EXIT_FAILED;
  }
  /* that a source failed is more than that it left nothing to do */
  return work->ended && rc == MW_EXIT_FINE ? work->exit_code : rc;
}

static int open_task(struct work *work)
{
  struct mw_task_config config = {.kind = MW_TASK_COMMAND,
                                  .name = work->command->name,
                                  .script_dirs = work->session.script_dirs,
                                  .context = work->session.context,
                                  .options = work->command->options,
                                  .options_count = work->command->options_count,
                                  .emit = take_message,
                                  .emit_data = work,
                                  .group_ids = &work->group_ids};
  struct mw_error err;

  work->task = mw_task_open(&config, &err);
  if (work->task)
    return 0;
  mw_cli_say("%s", err.text);
  return err.code == EINVAL ? MW_EXIT_USAGE : MW_EXIT_FAILED;
}

int mw_script_command_run(struct mw_script_command *command)
{
  struct work work = {.command = command};
  int rc;

  snprintf(command->columns, sizeof command->columns, "%u", mw_cli_terminal_columns());
  if ((rc = mw_script_command_set(command, "columns", command->columns)) != 0 ||
      (rc = mw_script_command_set(command, "format",
                                  command->format == MW_CLI_JSON ? "json" : "table")) != 0)
    return rc;
  mw_group_ids_init(&work.group_ids, 1);
  mw_cli_hold_interruptions();
  rc = mw_session_open(&work.session, &command->session);
  if (rc == 0)
    rc = open_task(&work);
  if (rc == 0 && !command->without_sources)
    rc = mw_session_open_sources(&work.session, &command->session);
  if (rc == 0)
    rc = run_all(&work);
  mw_task_close(work.task);
  mw_session_close(&work.session);
  return rc;
}

/* ---- The command line ---- */

int mw_script_command_set(struct mw_script_command *command, const char *key, const char *text)
{
  if (command->options_count == MW_SCRIPT_COMMAND_OPTIONS_MAX)
    return mw_cli_usage(command->name, "there are more than %d options",
                        MW_SCRIPT_COMMAND_OPTIONS_MAX - 2);
  command->options[command->options_count++] = (struct mw_option){.key = key, .text = text};
  return 0;
}

int mw_script_command_take_set(struct mw_script_command *command, char *text)
{
  char *equals = strchr(text, '=');

  if (mw_cli_is_setting(text))
    return mw_cli_take_setting(command->name, text, &command->session.kubelet);
  if (!equals || equals == text)
    return mw_cli_usage(command->name, "--set %s is not of the form KEY=VALUE", text);
  *equals = '\0';
  return mw_script_command_set(command, text, equals + 1);
}

int mw_script_command_take(struct mw_script_command *command, int option, char **argv,
                           const struct option *options)
{
  struct mw_error err;

  switch (option) {
  case MW_OPTION_FORMAT:
    return mw_cli_take_format(command->name, optarg, &command->format);
  case MW_OPTION_HOST_ROOT:
    command->session.host_root = optarg;
    return mw_cli_check_host_root(optarg, &err) < 0 ? mw_cli_usage(command->name, "%s", err.text)
                                                    : 0;
  case MW_OPTION_SET:
    return mw_cli_take_setting_only(command->name, optarg, &command->session.kubelet);
  case MW_OPTION_SOURCE:
    return mw_session_take_source(&command->session, command->name, optarg);
  case MW_OPTION_CREDENTIALS:
    return mw_session_take_credentials(&command->session, command->name, optarg);
  case MW_OPTION_UNIX_SOCKET:
    return mw_session_take_unix_socket(&command->session, command->name, optarg);
  case MW_OPTION_HTTP_ANSWERS:
    command->session.http.recorded_dir = optarg;
    return 0;
  default:
    return mw_cli_bad_option(command->name, option, argv, options);
  }
}
