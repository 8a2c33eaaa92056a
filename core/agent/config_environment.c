/* Which keys the variables of the environment mean. A variable has no dots and no small letters, so
 * the names of scripts and credentials are those that the files, and the lists of scripts, have.
 *
 * A variable that means nothing is no mistake: Kubernetes sets MOONWATCH_SERVICE_HOST and more for
 * a service of this name. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/config_internal.h"

#define PREFIX "MOONWATCH_"
#define NEAR 2 /* letters that differ */

struct variable {
  char name[MW_CONFIG_PATH_BYTES]; /* "MOONWATCH_LOG_LEVEL" */
  const char *text;
  struct mw_config_place place;
};

/* What means something else to the program. */
static const char *const own_variables[] = {PREFIX "SCRIPTS", PREFIX "CONFIG"};

static bool is_table_of_scripts(const struct mw_config_key *key)
{
  return strncmp(key->path, "scripts.", strlen("scripts.")) == 0;
}

static bool has_names(const struct mw_config_key *key)
{
  return strchr(key->path, '*') != NULL;
}

static void put(struct mw_config *config, const struct variable *variable,
                const struct mw_config_key *key, const char *path)
{
  mw_config_put_text(config, key, path, &variable->place, variable->text);
}

/* ---- Keys without names ---- */

static bool take_plain(struct mw_config *config, const struct variable *variable)
{
  const struct mw_config_key *key;
  char name[MW_CONFIG_PATH_BYTES];

  for (size_t i = 0; (key = mw_config_key(i)); i++) {
    if (has_names(key) || strcmp(mw_config_variable(key->path, name), variable->name) != 0)
      continue;
    put(config, variable, key, key->path);
    return true;
  }
  return false;
}

/* ---- Keys with names ---- */

/* The rest of the variable, in small letters, is a name. */
static bool lower_name(const char *text, size_t bytes, char out[static MW_CONFIG_PATH_BYTES])
{
  if (bytes == 0 || bytes > MW_CONFIG_NAME_MAX_BYTES)
    return false;
  for (size_t i = 0; i < bytes; i++)
    out[i] = (char)tolower((unsigned char)text[i]);
  out[bytes] = '\0';
  return mw_config_is_name(out);
}

/* scripts.NAME.options.*: what stands behind is the option. */
static bool take_option(struct mw_config *config, const struct variable *variable,
                        const struct mw_config_key *key, const char *path)
{
  char name[MW_CONFIG_PATH_BYTES], option[MW_CONFIG_PATH_BYTES], whole[MW_CONFIG_PATH_BYTES];
  size_t table_bytes = strlen(path) - 1; /* without its '*' */
  size_t before = strlen(PREFIX) + table_bytes;

  mw_config_variable(path, name);
  if (strncmp(variable->name, name, before) != 0 ||
      !lower_name(variable->name + before, strlen(variable->name + before), option) ||
      snprintf(whole, sizeof whole, "%.*s%s", (int)table_bytes, path, option) >= (int)sizeof whole)
    return false;
  put(config, variable, key, whole);
  return true;
}

static bool take_known(struct mw_config *config, const struct variable *variable,
                       const struct mw_config_key *key, const struct mw_config_names *names)
{
  char path[MW_CONFIG_PATH_BYTES], name[MW_CONFIG_PATH_BYTES];

  for (size_t i = 0; i < names->count; i++) {
    mw_config_path(key->path, names->items[i], path);
    if (key->type == MW_CONFIG_ANY && take_option(config, variable, key, path))
      return true;
    if (key->type == MW_CONFIG_ANY || strcmp(mw_config_variable(path, name), variable->name) != 0)
      continue;
    put(config, variable, key, path);
    return true;
  }
  return false;
}

/* Credentials and sockets that no file knows. */
static bool take_new(struct mw_config *config, const struct variable *variable,
                     const struct mw_config_key *key)
{
  char pattern[MW_CONFIG_PATH_BYTES], name[MW_CONFIG_PATH_BYTES], path[MW_CONFIG_PATH_BYTES];
  size_t before = strcspn(key->path, "*") + strlen(PREFIX), bytes = strlen(variable->name);

  mw_config_variable(key->path, pattern);
  size_t behind = strlen(pattern) - before - 1;
  if (bytes <= before + behind || strncmp(variable->name, pattern, before) != 0 ||
      strcmp(variable->name + bytes - behind, pattern + before + 1) != 0 ||
      !lower_name(variable->name + before, bytes - before - behind, name))
    return false;
  put(config, variable, key, mw_config_path(key->path, name, path));
  return true;
}

struct names {
  struct mw_config_names scripts, credentials, sockets;
  size_t values_count; /* there were when they were looked for */
};

/* A variable may have brought a new one. */
static void refresh(struct mw_config *config, struct names *names)
{
  if (names->values_count == config->values_count)
    return;
  *names = (struct names){.scripts = mw_config_listed(config),
                          .credentials = mw_config_names_below(config, "credentials."),
                          .sockets = mw_config_names_below(config, "unix_sockets."),
                          .values_count = config->values_count};
}

static bool take_named(struct mw_config *config, const struct variable *variable,
                       const struct names *names)
{
  const struct mw_config_key *key;

  for (size_t i = 0; (key = mw_config_key(i)); i++) {
    bool is_socket = strncmp(key->path, "unix_sockets.", strlen("unix_sockets.")) == 0;
    if (has_names(key) && take_known(config, variable, key,
                                     is_table_of_scripts(key) ? &names->scripts
                                     : is_socket              ? &names->sockets
                                                              : &names->credentials))
      return true;
  }
  for (size_t i = 0; (key = mw_config_key(i)); i++)
    if (has_names(key) && !is_table_of_scripts(key) && take_new(config, variable, key))
      return true;
  return false;
}

/* ---- What nobody takes ---- */

static void warn_if_near(struct mw_config *config, const struct variable *variable)
{
  const struct mw_config_key *key;
  char name[MW_CONFIG_PATH_BYTES];

  for (size_t i = 0; i < sizeof own_variables / sizeof own_variables[0]; i++)
    if (strcmp(variable->name, own_variables[i]) == 0)
      return;
  if (strncmp(variable->name, PREFIX "SCRIPTS_", strlen(PREFIX "SCRIPTS_")) == 0) {
    mw_config_warn(config, &variable->place, NULL, NULL,
                   "is ignored: it is about no script among sources, checks and sinks, or about "
                   "none of its keys");
    return;
  }
  for (size_t i = 0; (key = mw_config_key(i)); i++) {
    if (has_names(key) ||
        mw_edit_distance(mw_config_variable(key->path, name), variable->name, NEAR) > NEAR)
      continue;
    mw_config_warn(config, &variable->place, NULL, name, "is ignored: it is about no key");
    return;
  }
}

static bool is_plain(const char *name)
{
  const struct mw_config_key *key;
  char variable[MW_CONFIG_PATH_BYTES];

  for (size_t i = 0; (key = mw_config_key(i)); i++)
    if (!has_names(key) && strcmp(mw_config_variable(key->path, variable), name) == 0)
      return true;
  return false;
}

/* "NAME=TEXT". @return false: it is none of ours. */
static bool cut(const char *entry, struct variable *out)
{
  size_t bytes = strcspn(entry, "=");

  if (strncmp(entry, PREFIX, strlen(PREFIX)) != 0 || entry[bytes] != '=' ||
      bytes >= sizeof out->name)
    return false;
  snprintf(out->name, sizeof out->name, "%.*s", (int)bytes, entry);
  out->text = entry + bytes + 1;
  return true;
}

void mw_config_read_environment(struct mw_config *config, const char *const *environment,
                                bool with_names)
{
  struct names names = {.values_count = 0};

  for (; environment && *environment; environment++) {
    struct variable variable = {.place = {.origin = MW_CONFIG_ENVIRONMENT}};
    if (!cut(*environment, &variable) || is_plain(variable.name) == with_names)
      continue;
    variable.place.name = mw_config_keep_text(config, variable.name);
    if (!variable.place.name)
      return;
    if (!with_names) {
      take_plain(config, &variable);
      continue;
    }
    refresh(config, &names);
    if (!take_named(config, &variable, &names))
      warn_if_near(config, &variable);
  }
}
