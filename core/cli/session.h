/**
 * @file session.h
 * The sources of containers and what they work on, for the commands that look at containers.
 *
 * Thread-safety: none; a session belongs to one thread.
 */
#ifndef MW_SESSION_H
#define MW_SESSION_H

#include "agent/settings.h"
#include "agent/task.h"
#include "base/buf.h"
#include "bindings/context.h"
#include "cli/settings.h"
#include "moonwatch/error.h"

#define MW_SESSION_SOURCES_MAX 16

/** What the command line says of it; zeroed: this host, and what bare cgroups show. */
struct mw_session_config {
  const char *host_root; /**< NULL: "/" */
  const char *state_dir; /**< NULL: scripts keep nothing */

  /** What is configured: where scripts are, the sources, where sources_count is 0, and what they
   * are given. NULL: nothing is; borrowed. */
  const struct mw_settings *settings;
  const char *sources[MW_SESSION_SOURCES_MAX];
  size_t sources_count;                          /**< 0: those configured, else cgroup alone */
  struct mw_http_access http;                    /**< what scripts may name over HTTP */
  struct mw_kubelet_config kubelet;              /**< without what the environment says */
  void (*on_read)(void *data, const char *path); /**< as in struct mw_context_config */
  void *on_read_data;
};

struct mw_session {
  struct mw_context *context;
  char *scripts_dir;
  const char *script_dirs[MW_SETTINGS_DIRS_MAX + 1]; /**< for tasks; ends with NULL */
  struct mw_task *sources[MW_SESSION_SOURCES_MAX];
  size_t sources_count;
  struct mw_buf failures; /**< of the last run of the sources: texts, each ends with a '\0' */
};

/** --source @p text. @return 0, or what mw_cli_usage returns. */
int mw_session_take_source(struct mw_session_config *config, const char *command, const char *text);

/**
 * --credentials @p text, NAME.KEY=VALUE; --unix-socket @p text, NAME=PATH. The text is cut at its
 * signs, and has to outlive the session. @return 0, or what mw_cli_usage returns.
 */
int mw_session_take_credentials(struct mw_session_config *config, const char *command, char *text);
int mw_session_take_unix_socket(struct mw_session_config *config, const char *command, char *text);

/** What these options and --http-answers DIR do, for the help of commands. */
#define MW_SESSION_HTTP_HELP                                                                       \
  "  --credentials NAME.KEY=VALUE\n"                                                               \
  "                       what scripts name when they ask over HTTP: KEY is\n"                     \
  "                       ca_file, cert_file, key_file, token_file, or\n"                          \
  "                       insecure_skip_verify (true or false); may be repeated\n"                 \
  "  --unix-socket NAME=PATH\n"                                                                    \
  "                       a socket that scripts may name; may be repeated\n"                       \
  "  --http-answers DIR   recorded answers (DIR/answers.json), no network\n"

/** Find the scripts and make the context, which borrows what @p config says of HTTP. @return 0, or
 * an exit code when it was said why. */
int mw_session_open(struct mw_session *session, const struct mw_session_config *config);

/** Open the sources. @return 0, or an exit code when it was said why. */
int mw_session_open_sources(struct mw_session *session, const struct mw_session_config *config);

/**
 * Run all sources, in their order. The last list of one that fails stays, and the others are run
 * all the same. @return how many failed; mw_session_say_failures says why.
 */
size_t mw_session_run_sources(struct mw_session *session);
void mw_session_say_failures(const struct mw_session *session);

size_t mw_session_containers_count(struct mw_session *session);

void mw_session_close(struct mw_session *session); /**< accepts a zeroed one */

#endif
