/**
 * @file cli.h
 * What the commands of the program share: exit codes, messages, where the scripts are.
 */
#ifndef MW_CLI_H
#define MW_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"
#include "moonwatch/kubelet.h"

/** Documented in docs and in --help; scripts of operators rely on them. */
enum mw_exit {
  MW_EXIT_FINE = 0,
  MW_EXIT_FAILED = 1,  /**< a check, or the program itself, failed */
  MW_EXIT_USAGE = 2,   /**< the command line is wrong */
  MW_EXIT_NOTHING = 3, /**< there is nothing to do: no container */
};

/* The commands: argv[0] is the name of the command. */
int mw_command_check(int argc, char **argv);
int mw_command_config(int argc, char **argv);
int mw_command_doctor(int argc, char **argv);
int mw_command_filter(int argc, char **argv);
int mw_command_host(int argc, char **argv);
int mw_command_inventory(int argc, char **argv);
int mw_command_queue(int argc, char **argv);
int mw_command_run(int argc, char **argv);
int mw_command_scripts(int argc, char **argv);
int mw_command_stats(int argc, char **argv);
int mw_command_store(int argc, char **argv);
int mw_command_status(int argc, char **argv);
int mw_command_tail(int argc, char **argv);

/** reload, run-now, pause, resume, log-level. */
int mw_command_order(int argc, char **argv);

/** "moonwatch: ..." on standard error. Control characters are left out, but for line ends. */
void mw_cli_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Say what is wrong with the command line of @p command, point to its --help. @return 2. */
int mw_cli_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * What getopt_long returned '?' or ':' for, said as mw_cli_usage does. The values of @p options are
 * 256 or more: what is below is a short option, and there are none.
 */
int mw_cli_bad_option(const char *command, int answer, char **argv, const struct option *options);

/** What may stand behind the name of a command; @p data is the caller's. */
struct mw_cli_syntax {
  const struct option *options;
  int help_code; /**< of --help */
  void (*print_help)(void);

  /** Take the option @p code, whose value is optarg, or what mw_cli_bad_option is for. @return 0 or
   *  an exit code, as take_word. */
  int (*take_option)(void *data, int code, char **argv);
  int (*take_word)(void *data, const char *word);
};

/**
 * Read options and words, in any order; what is behind "--" are words.
 * @return 0 to go on, an exit code, or -1 when the help was shown.
 */
int mw_cli_read_arguments(const struct mw_cli_syntax *syntax, int argc, char **argv, void *data);

/** Write out what was printed. @return 0, or MW_EXIT_FAILED when it was said that this failed. */
int mw_cli_flush(void);

enum mw_cli_format { MW_CLI_TABLE, MW_CLI_JSON };

/** The host that a command shows, and how. */
struct mw_cli_host_view {
  const char *host_root; /**< NULL: this one */
  enum mw_cli_format format;
  /** Without what the environment says; its recorded_dir is --http-answers. */
  struct mw_kubelet_config kubelet;
};

/** A command that shows a host and needs nothing else. */
struct mw_cli_host_command {
  const char *name; /**< "doctor" */
  const char *help;
  bool with_kubelet;                                /**< it has --set kubelet.KEY=VALUE */
  int (*show)(const struct mw_cli_host_view *view); /**< @return an exit code */
};

/** Read its options (--format, --help, --host-root) and show it. @return an exit code. */
int mw_cli_host_command(const struct mw_cli_host_command *command, int argc, char **argv);

/** --interval @p text of @p command. @return 0, or what mw_cli_usage returns. */
int mw_cli_parse_interval(const char *command, const char *text, double *interval_s);

/** --format @p text of @p command. @return 0, or what mw_cli_usage returns. */
int mw_cli_take_format(const char *command, const char *text, enum mw_cli_format *out);

/** Is there a host below @p host_root? @return 0, or -errno with a sentence that says so. */
int mw_cli_check_host_root(const char *host_root, struct mw_error *err);

/**
 * Where the scripts that ship are: MOONWATCH_SCRIPTS, else share/moonwatch beside the bin folder
 * of this program. @return text that the caller frees, or NULL with @p err filled.
 */
char *mw_cli_scripts_dir(struct mw_error *err);

/**
 * Where the configuration is: MOONWATCH_CONFIG, else etc/moonwatch/moonwatch.lua beside the bin
 * folder of this program, where there is one, else /etc/moonwatch/moonwatch.lua. *may_lack: nobody
 * has named it, so it need not be there. @return text that the caller frees; NULL: out of memory.
 */
char *mw_cli_config_file(bool *may_lack);

/* ---- wait.c: between two runs of a command ---- */

/** From now on SIGINT and SIGTERM end a sleep, and nothing else. */
void mw_cli_hold_interruptions(void);

/** Sleep until @p wake_ns of the monotonic clock. @return false when interrupted. */
bool mw_cli_sleep_until(int64_t wake_ns);

/* ---- units.c: numbers for people; each writes into @p out and returns it ---- */

#define MW_CLI_UNIT_BYTES 24

char *mw_cli_bytes(double bytes, char out[static MW_CLI_UNIT_BYTES]);     /**< "1.5 MiB" */
char *mw_cli_percent(double percent, char out[static MW_CLI_UNIT_BYTES]); /**< "12.3 %" */
char *mw_cli_count(double count, char out[static MW_CLI_UNIT_BYTES]);     /**< "12" */

/** Bytes of @p text that a terminal would take as orders become '?'. Valid UTF-8 stays. */
void mw_cli_make_printable(char *text);

/** Columns to print for: COLUMNS of the environment, else those of the terminal; 0: any number. */
unsigned mw_cli_terminal_columns(void);

#endif
