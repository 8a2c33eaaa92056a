/* The names that are there, and the defaults of what nobody has set. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/config_internal.h"

#define PARALLEL_RUNS_DEFAULT_MAX 4

const char *const mw_config_kind_keys[MW_SCRIPT_KIND_COUNT] = {"sources", "checks", "sinks"};

const char *mw_config_path(const char *pattern, const char *name,
                           char out[static MW_CONFIG_PATH_BYTES])
{
  const char *star = strchr(pattern, '*');

  snprintf(out, MW_CONFIG_PATH_BYTES, "%.*s%s%s", star ? (int)(star - pattern) : 0, pattern, name,
           star ? star + 1 : "");
  return out;
}

/* ---- Names ---- */

static bool has_name(const struct mw_config_names *names, const char *name, size_t bytes)
{
  for (size_t i = 0; i < names->count; i++)
    if (strlen(names->items[i]) == bytes && memcmp(names->items[i], name, bytes) == 0)
      return true;
  return false;
}

struct mw_config_names mw_config_names_below(struct mw_config *config, const char *table)
{
  size_t table_bytes = strlen(table);
  struct mw_config_names names = {
      .items = mw_config_keep(config, (config->values_count + 1) * sizeof *names.items)};

  for (size_t i = 0; names.items && i < config->values_count; i++) {
    const char *name = config->values[i].path + table_bytes;
    if (strncmp(config->values[i].path, table, table_bytes) != 0 ||
        has_name(&names, name, strcspn(name, ".")))
      continue;
    const char *kept = mw_config_keep_slice(config, (struct mw_slice){name, strcspn(name, ".")});
    if (kept)
      names.items[names.count++] = kept;
  }
  return names;
}

struct mw_config_names mw_config_listed(struct mw_config *config)
{
  struct mw_config_names names = {
      .items = mw_config_keep(config, MW_SETTINGS_SCRIPTS_MAX * sizeof *names.items)};

  for (int kind = 0; names.items && kind < MW_SCRIPT_KIND_COUNT; kind++) {
    const struct mw_config_value *list = mw_config_get(config, mw_config_kind_keys[kind]);
    for (size_t i = 0; list && i < list->texts_count; i++)
      if (names.count < MW_SETTINGS_SCRIPTS_MAX &&
          !has_name(&names, list->texts[i], strlen(list->texts[i])))
        names.items[names.count++] = list->texts[i];
  }
  return names;
}

enum mw_script_kind mw_config_kind_of(const struct mw_config *config, const char *name)
{
  for (int kind = 0; kind < MW_SCRIPT_KIND_COUNT; kind++) {
    const struct mw_config_value *list = mw_config_get(config, mw_config_kind_keys[kind]);
    for (size_t i = 0; list && i < list->texts_count; i++)
      if (strcmp(list->texts[i], name) == 0)
        return (enum mw_script_kind)kind;
  }
  return MW_SCRIPT_KIND_COUNT;
}

/* ---- Defaults ---- */

static void put_default(struct mw_config *config, const struct mw_config_key *key, const char *path,
                        const char *text)
{
  const struct mw_config_place place = {.origin = MW_CONFIG_DEFAULT};

  if (!mw_config_get(config, path))
    mw_config_put_text(config, key, path, &place, text);
}

static void put_computed_defaults(struct mw_config *config)
{
  bool is_table;
  char text[16], dir[4200];
  long cpus = sysconf(_SC_NPROCESSORS_ONLN);

  snprintf(text, sizeof text, "%ld",
           cpus < 1                           ? 1
           : cpus > PARALLEL_RUNS_DEFAULT_MAX ? PARALLEL_RUNS_DEFAULT_MAX
                                              : cpus);
  put_default(config, mw_config_key_find("parallel_runs", &is_table), "parallel_runs", text);
  snprintf(dir, sizeof dir, "%s/scripts", config->folder);
  if (mw_config_get(config, "script_dirs"))
    return;
  /* as one path: its folder may have a ':' in it */
  const char **texts = mw_config_keep(config, sizeof *texts);
  const char *kept = mw_config_keep_text(config, dir);
  if (!texts || !kept)
    return;
  texts[0] = kept;
  mw_config_put(config,
                &(struct mw_config_value){.path = "script_dirs",
                                          .key = mw_config_key_find("script_dirs", &is_table),
                                          .type = MW_CONFIG_PATHS,
                                          .texts = texts,
                                          .texts_count = 1});
}

static void put_defaults_of_names(struct mw_config *config, const struct mw_config_key *key,
                                  const struct mw_config_names *names)
{
  char path[MW_CONFIG_PATH_BYTES];

  for (size_t i = 0; i < names->count; i++)
    put_default(config, key, mw_config_path(key->path, names->items[i], path), key->fallback);
}

static void put_table_defaults(struct mw_config *config)
{
  const struct mw_config_names scripts = mw_config_listed(config);
  const struct mw_config_names credentials = mw_config_names_below(config, "credentials.");
  const struct mw_config_key *key;

  for (size_t i = 0; (key = mw_config_key(i)); i++) {
    if (!key->fallback)
      continue;
    if (!strchr(key->path, '*'))
      put_default(config, key, key->path, key->fallback);
    else if (strncmp(key->path, "scripts.", 8) == 0)
      put_defaults_of_names(config, key, &scripts);
    else
      put_defaults_of_names(config, key, &credentials);
  }
}

/* A script has what moonwatch.lua says of budgets, and that has its origin. */
static void inherit_budgets(struct mw_config *config)
{
  const struct mw_config_names scripts = mw_config_listed(config);
  const struct mw_config_key *key;
  char path[MW_CONFIG_PATH_BYTES];

  for (size_t i = 0; (key = mw_config_key(i)); i++) {
    if (strncmp(key->path, "scripts.*.budget.", 17) != 0)
      continue;
    const struct mw_config_value *common = mw_config_get(config, key->path + 10);
    for (size_t k = 0; common && k < scripts.count; k++) {
      struct mw_config_value own = *common;
      own.key = key;
      own.path = mw_config_path(key->path, scripts.items[k], path);
      if (!mw_config_get(config, path) && (own.path = mw_config_keep_text(config, path)))
        mw_config_put(config, &own);
      common = mw_config_get(config, key->path + 10); /* it may have moved */
    }
  }
}

void mw_config_put_defaults(struct mw_config *config)
{
  put_computed_defaults(config);
  put_table_defaults(config);
  inherit_budgets(config);
}
