/**
 * @file config_internal.h
 * What the parts of the configuration share; nobody else includes it.
 *
 *   config.c           in which order everything is read
 *   config_values.c    what is kept: values, faults, texts
 *   config_text.c      values as text, from the environment and the command line; what they must be
 *   config_environment.c  which variables are meant
 *   config_file.c      a file, evaluated and looked through
 *   config_lines.c     where in a file a key stands
 *   config_settings.c  the settings that come of it
 *   config_scripts.c   what scripts declare
 */
#ifndef MW_CONFIG_INTERNAL_H
#define MW_CONFIG_INTERNAL_H

#include <stdarg.h>
#include <stdatomic.h>

#include "agent/config.h"
#include "base/buf.h"
#include "base/parse.h"

/** Where the thing that is looked at comes from. */
struct mw_config_place {
  enum mw_config_origin origin;
  const char *name; /**< kept by the configuration */
  unsigned line;
};

struct mw_config_kept; /* texts and arrays, as a list */

struct mw_config {
  atomic_uint references;
  struct mw_config_kept *kept;
  size_t kept_bytes;
  struct mw_config_value *values;
  size_t values_count, values_capacity;
  struct mw_config_fault *faults;
  size_t faults_count, mistakes_count;
  bool out_of_memory; /**< sticks: whoever called finds out at the end */
  bool too_large;     /**< why it is */
  const char *file;
  const char *folder; /**< that the main file lies in */
  size_t files_count;
  int64_t cpu_ms;
  const char *const *unloaded_scripts; /**< NULL: none */
  int64_t loaded_from_ns;
  struct mw_settings settings;
};

/* ---- config_values.c ---- */

/** Memory that lives as long as the configuration, zeroed. NULL: out_of_memory is set. */
void *mw_config_keep(struct mw_config *config, size_t bytes);
/** Say why there is none. @p config may be NULL. */
int mw_config_no_memory(const struct mw_config *config, struct mw_error *err);
const char *mw_config_keep_slice(struct mw_config *config, struct mw_slice text);
const char *mw_config_keep_text(struct mw_config *config, const char *text);

/** Put in @p value, whose path and texts are kept; one with this path goes. */
void mw_config_put(struct mw_config *config, const struct mw_config_value *value);
const struct mw_config_value *mw_config_get(const struct mw_config *config, const char *path);

/** Something is wrong with @p key (NULL: all of it) at @p place. */
void mw_config_mistake(struct mw_config *config, const struct mw_config_place *place,
                       const char *key, const char *meant, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void mw_config_warn(struct mw_config *config, const struct mw_config_place *place, const char *key,
                    const char *meant, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void mw_config_sort_values(struct mw_config *config);
void mw_config_sort_faults(struct mw_config *config);

/** Where @p value was said. */
struct mw_config_place mw_config_place_of(const struct mw_config_value *value);

/* ---- config_text.c ---- */

/** Put in what @p text says of @p key under @p path, or tell what is wrong with it. */
void mw_config_put_text(struct mw_config *config, const struct mw_config_key *key, const char *path,
                        const struct mw_config_place *place, const char *text);

/**
 * Put in a value whose type fits its key, when the rest of it does: bounds, form of a path. Number,
 * or texts, are set; the texts are kept.
 */
void mw_config_put_checked(struct mw_config *config, struct mw_config_value *value);

/* ---- config_file.c ---- */

/** Evaluate the file @p path; its keys are below @p prefix ("", or "scripts.NAME"). */
void mw_config_read_file(struct mw_config *config, const char *path, const char *prefix,
                         const char *const *environment);

/** Tell what Lua says of a chunk, without its traceback; "CHUNK:12: " in front gives the line. */
void mw_config_tell_lua(struct mw_config *config, const struct mw_config_place *place,
                        const char *chunk_name, struct mw_error *err);

/* ---- config_environment.c ---- */

/** Take what variables say of keys without names in them; or of the others, whose names the files
 *  and the lists of scripts give. */
void mw_config_read_environment(struct mw_config *config, const char *const *environment,
                                bool with_names);

/* ---- config_lines.c ---- */

struct mw_config_lines {
  struct mw_config_line *items; /* not to be looked into */
  size_t count, capacity;
  bool out_of_memory;
};

/** Find the keys of the table constructors in @p source. A guess: it is not evaluated. */
void mw_config_lines_scan(struct mw_config_lines *lines, struct mw_slice source);
unsigned mw_config_lines_find(const struct mw_config_lines *lines, const char *path); /**< or 0 */
void mw_config_lines_deinit(struct mw_config_lines *lines);

/* ---- config_defaults.c ---- */

void mw_config_put_defaults(struct mw_config *config);

/** Names: of credentials, of scripts. */
struct mw_config_names {
  const char **items; /**< kept; NULL when there is no memory */
  size_t count;
};

/** The names that stand behind @p table ("credentials.") in paths of values, each once. */
struct mw_config_names mw_config_names_below(struct mw_config *config, const char *table);

/** The names of the scripts that are to run: sources, checks, sinks, in this order. */
struct mw_config_names mw_config_listed(struct mw_config *config);

/** @p pattern with @p name for its first '*'. @return @p out. */
const char *mw_config_path(const char *pattern, const char *name,
                           char out[static MW_CONFIG_PATH_BYTES]);

/** The kind of script that @p name is among those to run; MW_SCRIPT_KIND_COUNT: none. */
enum mw_script_kind mw_config_kind_of(const struct mw_config *config, const char *name);

/** The lists of names, by kind: "sources", "checks", "sinks". */
extern const char *const mw_config_kind_keys[MW_SCRIPT_KIND_COUNT];

/* ---- config_settings.c ---- */

/** Look at what belongs together, and fill the settings. */
void mw_config_settle(struct mw_config *config, const char *shipped_scripts_dir);

#endif
