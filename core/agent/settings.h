/**
 * @file settings.h
 * What the agent is to do: which scripts it runs, how often, with which options and limits. Made of
 * the configuration files, the environment and the command line; see core/agent/config.h for that.
 *
 * Texts are owned by the settings. Thread-safety: settings do not change once they are made, and
 * may be shared by all threads.
 */
#ifndef MW_SETTINGS_H
#define MW_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/options.h"
#include "base/log.h"
#include "moonwatch/queue.h"

#define MW_SETTINGS_SCRIPTS_MAX 256
#define MW_SETTINGS_DIRS_MAX 16
#define MW_SETTINGS_QUEUE_DIR "queue" /**< in the state directory */

enum mw_script_kind { MW_SCRIPT_SOURCE, MW_SCRIPT_CHECK, MW_SCRIPT_SINK, MW_SCRIPT_KIND_COUNT };

/** Of one run of a script. */
struct mw_budget {
  int64_t cpu_ms;
  int64_t wall_ms;
  size_t memory_bytes; /**< of its Lua state, between runs, too */
  uint32_t messages_count;
  size_t messages_bytes;
  uint32_t http_requests_count;
};

#define MW_BUDGET_DEFAULT                                                                          \
  ((struct mw_budget){.cpu_ms = 1000,                                                              \
                      .wall_ms = 10000,                                                            \
                      .memory_bytes = (size_t)64 << 20,                                            \
                      .messages_count = 10000,                                                     \
                      .messages_bytes = (size_t)64 << 20,                                          \
                      .http_requests_count = 100})

/** What a sink is given at a time, and what is done about failures. 0: as the sink wants. */
struct mw_sink_settings {
  size_t batch_messages, batch_bytes;
  double max_age_s;
  unsigned tries_max;
};

struct mw_script_settings {
  enum mw_script_kind kind;
  const char *name;  /**< "container_rt" */
  double interval_s; /**< 0: as the script wants */
  struct mw_budget budget;
  const struct mw_option *options; /**< as a command line has them: a list is repeated */
  size_t options_count;
  int priority;   /**< of a source; -1: the default */
  double stale_s; /**< of a source; 0: the default */
  struct mw_sink_settings sink;
  enum mw_queue_start start_at; /**< of a sink */
};

/** Who the agent is to a far end, and whom it believes: paths of files, NULL where there is none.
 */
struct mw_credentials_settings {
  const char *name; /**< as scripts call them; NULL: the kubelet's own */
  const char *ca_file;
  const char *cert_file; /**< of the client; both or none */
  const char *key_file;
  const char *token_file;
  bool insecure_skip_verify;
};

struct mw_kubelet_settings {
  const char *url;                 /**< NULL: none is configured */
  const char *node_ip, *node_name; /**< NULL: as NODE_IP and NODE_NAME of the environment say */
  struct mw_credentials_settings credentials;
  double timeout_s;
  bool allow_http;
};

/** A socket that scripts may talk to by its name. */
struct mw_unix_socket_settings {
  const char *name;
  const char *path;
};

struct mw_config;

struct mw_settings {
  struct mw_config
      *config; /**< whose memory this is; NULL: that of whoever has made it, for good */
  const char *host_root;
  const char *state_dir;                             /**< "/var/lib/moonwatch" */
  const char *socket_path;                           /**< of the control socket */
  unsigned socket_mode;                              /**< its permissions: 0600 */
  const char *socket_group;                          /**< NULL: the agent's own */
  const char *script_dirs[MW_SETTINGS_DIRS_MAX + 1]; /**< operators' first; ends with NULL */
  struct mw_log_config log;
  unsigned parallel_runs;       /**< 1 or more */
  double poll_interval_s;       /**< between looks at files; 0: the default */
  struct mw_queue_config queue; /**< without whom to tell */
  struct mw_script_settings *scripts;
  size_t scripts_count;
  struct mw_kubelet_settings kubelet;
  struct mw_credentials_settings *credentials;
  size_t credentials_count;
  struct mw_unix_socket_settings *unix_sockets;
  size_t unix_sockets_count;
};

#endif
