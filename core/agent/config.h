/**
 * @file config.h
 * The configuration: what the operator's files, the environment and the command line say, checked,
 * with the origin of each value, and the settings that are made of it.
 *
 * A later one wins over an earlier one: the default, the main file, conf.d/<script>.lua beside it,
 * the environment, the command line. Files are Lua: each returns a table, and runs in a state of
 * its own with a ceiling, a deadline, and one function more than other scripts have, env "NAME".
 * Files that others than root and the agent's user can write are refused (base/trusted.h).
 *
 * Every key has one row in a table (config_keys.h): its path, such as "log.level"; in the
 * environment MOONWATCH_LOG_LEVEL; on the command line --set log.level=debug. What conf.d/NAME.lua
 * says is "scripts.NAME.interval_s" and so on.
 *
 * Thread-safety: none while it is made; then it does not change, and threads may share it, each
 * with a reference of its own.
 */
#ifndef MW_CONFIG_H
#define MW_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/config_keys.h"
#include "agent/options.h"
#include "agent/settings.h"
#include "base/buf.h"
#include "moonwatch/error.h"

#define MW_CONFIG_FILE_DEFAULT "/etc/moonwatch/moonwatch.lua"
#define MW_CONFIG_SOCKET_DEFAULT "/run/moonwatch/control.sock"
#define MW_CONFIG_CPU_DEFAULT_MS 2000
#define MW_CONFIG_MEMORY_MAX_BYTES ((size_t)16 << 20) /**< of the state that a file runs in */
#define MW_CONFIG_FAULTS_MAX 256
#define MW_CONFIG_VALUES_MAX 8192
#define MW_CONFIG_KEPT_MAX_BYTES ((size_t)64 << 20) /**< of all that is kept of it */

struct mw_config;
struct mw_running;

struct mw_config_request {
  const char *file;                /**< the main file; NULL: MW_CONFIG_FILE_DEFAULT */
  bool file_may_lack;              /**< then the defaults hold; conf.d is read all the same */
  const char *shipped_scripts_dir; /**< the last of script_dirs; NULL: none */
  const struct mw_option *flags;   /**< of --set; a list is repeated */
  size_t flags_count;
  const char *const *environment; /**< "NAME=VALUE", ends with NULL; NULL: nothing is set */
  /** Scripts that mw_config_check_scripts does not load; ends with NULL; NULL: it loads all. They
   *  outlive the configuration. */
  const char *const *unloaded_scripts;
  /** That the agent works by, borrowed until the scripts are checked: what is wrong with a script
   * of which it says the same is a warning, since it keeps nobody from working. NULL: none. */
  const struct mw_config *in_use;
  struct mw_running *running; /**< told which script is loaded to be looked at; NULL: nobody is */
  int64_t cpu_ms;             /**< CPU time of each file; 0: MW_CONFIG_CPU_DEFAULT_MS */
};

enum mw_config_origin {
  MW_CONFIG_DEFAULT,
  MW_CONFIG_FILE,
  MW_CONFIG_ENVIRONMENT,
  MW_CONFIG_FLAG,
};

/** Something that is wrong, or (is_warning) that looks as if it were. */
struct mw_config_fault {
  bool is_warning;
  enum mw_config_origin origin;
  const char *place; /**< the file, the variable, or "--set" */
  unsigned line;     /**< of the file; 0: not known */
  const char *key;   /**< "log.level"; NULL: the whole file */
  const char *text;  /**< what was expected, and what is there: a sentence without its dot */
  const char *meant; /**< the key or name that was probably meant; NULL: no idea */
};

/** What a key has. */
struct mw_config_value {
  const char *path; /**< "scripts.container_rt.options.max_per_message" */
  const struct mw_config_key *key;
  enum mw_config_type type; /**< that of the key; of an option what was written: MW_CONFIG_NUMBER,
                                 _BOOLEAN, _TEXT, _NAMES, or _ANY from outside of the files */
  enum mw_config_origin origin;
  const char *place; /**< as in a fault; NULL: the default */
  unsigned line;
  double number;            /**< of MW_CONFIG_INTEGER, _NUMBER; 1 or 0 of _BOOLEAN */
  const char *const *texts; /**< of the others; a list has any number, the rest have one */
  size_t texts_count;
};

/**
 * Read everything. Mistakes are collected, all of them; see mw_config_mistakes_count.
 * @return NULL with @p err only where it cannot even tell what is wrong: -ENOMEM; -EMSGSIZE: it is
 * larger than MW_CONFIG_KEPT_MAX_BYTES.
 */
struct mw_config *mw_config_load(const struct mw_config_request *request, struct mw_error *err);

/** Another reference to it, and so to its settings. Accepts NULL. @return @p config. */
struct mw_config *mw_config_hold(struct mw_config *config);

/** Give up a reference; settings and values go with the last one. Accepts NULL. */
void mw_config_free(struct mw_config *config);

/** What the agent is to do. @return NULL while there are mistakes. Borrowed. */
const struct mw_settings *mw_config_settings(const struct mw_config *config);

/**
 * Where the agent listens, and where its queue is, also while there are mistakes: who asks a
 * running agent what is wrong with a configuration has that one at hand. Borrowed.
 * @return NULL when it does not tell; for the queue also when that is in memory alone.
 */
const char *mw_config_socket(const struct mw_config *config);
const char *mw_config_queue_dir(const struct mw_config *config);

/**
 * Look at what the scripts that are to run declare: are they there, can they be trusted, and do
 * their options fit? Each is loaded into a sandbox of its own; neither init nor run is called.
 * What is wrong is added to the faults. @return 0, -ENOMEM, or -EMSGSIZE.
 */
int mw_config_check_scripts(struct mw_config *config, struct mw_error *err);

/** The main file's first, then those of conf.d, the environment, the command line; by line. */
size_t mw_config_faults_count(const struct mw_config *config);
const struct mw_config_fault *mw_config_fault(const struct mw_config *config, size_t index);

/** "FILE:LINE: warning: KEY: TEXT; did you mean KEY?", without an end of line. @return as mw_buf.
 */
int mw_config_fault_append(const struct mw_config_fault *fault, struct mw_buf *out,
                           struct mw_error *err);

/** Faults that are no warnings, those included that found no room. */
size_t mw_config_mistakes_count(const struct mw_config *config);

/** All that is in effect, defaults included, sorted by path. Borrowed. */
size_t mw_config_values_count(const struct mw_config *config);
const struct mw_config_value *mw_config_value(const struct mw_config *config, size_t index);

/** Is the value one that no one should read over a shoulder? Told by its name. */
bool mw_config_is_secret(const struct mw_config_value *value);

/** When reading its files began, by the wall clock: see mw_watch_add. */
int64_t mw_config_loaded_from_ns(const struct mw_config *config);

/** Files that were read. */
size_t mw_config_files_count(const struct mw_config *config);

#endif
