/**
 * @file config_keys.h
 * The table of keys: one row for each, from which come parsing, checks, `moonwatch config`, the
 * files in conf/ and their spec.
 *
 * Thread-safety: no state.
 */
#ifndef MW_CONFIG_KEYS_H
#define MW_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/suggest.h"

enum mw_config_type {
  MW_CONFIG_TEXT,
  MW_CONFIG_PATH, /**< begins with '/', but from the command line */
  MW_CONFIG_URL,  /**< http or https, without a password */
  MW_CONFIG_CHOICE,
  MW_CONFIG_INTEGER,
  MW_CONFIG_NUMBER,
  MW_CONFIG_BOOLEAN,
  MW_CONFIG_NAMES, /**< a list */
  MW_CONFIG_PATHS, /**< a list */
  MW_CONFIG_ANY,   /**< what the script declares decides */
};

struct mw_config_key {
  const char *path; /**< "log.level"; a '*' stands for a name: "scripts.*.interval_s" */
  enum mw_config_type type;
  const char *fallback; /**< the default, as on a command line; "": none; NULL: see fallback_doc */
  const char *fallback_doc; /**< in words, where it depends; NULL: as written */
  double min, max;          /**< of a number, of the bytes of a path, of the entries of a list */
  const char *unit;         /**< "ms"; NULL: none */
  bool needs_restart;       /**< an agent that runs cannot change it */
  const char *choices;      /**< of MW_CONFIG_CHOICE: "text json" */
  const char *doc;          /**< one line */
};

size_t mw_config_keys_count(void);
const struct mw_config_key *mw_config_key(size_t index);

/** The longest path, with names in it; and the longest name. */
#define MW_CONFIG_PATH_BYTES 256
#define MW_CONFIG_NAME_MAX_BYTES 63

/** The row of @p path, or NULL; *is_table: there is none, but there are keys below it. */
const struct mw_config_key *mw_config_key_find(const char *path, bool *is_table);

/** Letters, digits, '_' and '-': the name of a script, of credentials, of an option. */
bool mw_config_is_name(const char *text);

/** What a value of the key has to be, such as "true or false". @return @p out, or a constant. */
#define MW_CONFIG_EXPECTED_BYTES 256
const char *mw_config_expected(const struct mw_config_key *key,
                               char out[static MW_CONFIG_EXPECTED_BYTES]);

/** The key that @p path, which is none, was probably meant to be. @return @p out, or NULL. */
const char *mw_config_key_suggest(const char *path, char out[static MW_CONFIG_PATH_BYTES]);

/** "MOONWATCH_LOG_LEVEL" of "log.level". @return @p out. */
const char *mw_config_variable(const char *path, char out[static MW_CONFIG_PATH_BYTES]);

#endif
