#include "agent/config.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/config_internal.h"
#include "base/cleanup.h"
#include "base/trusted.h"
#include "moonwatch/clock.h"

#define FOLDER_FILES_MAX 512

/* ---- Files ---- */

/* The main file, or a warning that the defaults hold. */
static void read_main_file(struct mw_config *config, const struct mw_config_request *request)
{
  if (request->file_may_lack && access(config->file, F_OK) < 0 && errno == ENOENT)
    return;
  mw_config_read_file(config, config->file, "", request->environment);
}

static int is_script_file(const struct dirent *entry)
{
  size_t bytes = strlen(entry->d_name);

  return entry->d_name[0] != '.' && bytes > 4 && strcmp(entry->d_name + bytes - 4, ".lua") == 0;
}

static void read_folder_file(struct mw_config *config, const char *folder, const char *file_name,
                             const char *const *environment)
{
  char path[4200], prefix[MW_CONFIG_PATH_BYTES], name[NAME_MAX + 1];

  snprintf(path, sizeof path, "%s/%s", folder, file_name);
  snprintf(name, sizeof name, "%.*s", (int)strlen(file_name) - 4, file_name);
  if (mw_config_is_name(name)) {
    snprintf(prefix, sizeof prefix, "scripts.%.63s", name);
    mw_config_read_file(config, path, prefix, environment);
    return;
  }
  const struct mw_config_place place = {MW_CONFIG_FILE, mw_config_keep_text(config, path), 0};
  if (place.name)
    mw_config_mistake(config, &place, NULL, NULL,
                      "is to be named after a script: letters, digits, '_' and '-', and .lua");
}

static void read_folder_files(struct mw_config *config, const struct mw_config_place *folder,
                              int fd, const char *const *environment)
{
  struct dirent **entries = NULL;
  int count = scandirat(fd, ".", &entries, is_script_file, alphasort);

  if (count < 0)
    mw_config_mistake(config, folder, NULL, NULL, "cannot list it: %s", strerror(errno));
  else if (count > FOLDER_FILES_MAX)
    mw_config_mistake(config, folder, NULL, NULL, "has %d files, more than %d", count,
                      FOLDER_FILES_MAX);
  for (int i = 0; i < count; i++) {
    if (count <= FOLDER_FILES_MAX)
      read_folder_file(config, folder->name, entries[i]->d_name, environment);
    free(entries[i]);
  }
  free(entries);
}

/* conf.d beside the main file; it may lack. What does not end in .lua, such as the copy that a
 * package manager keeps, is not looked at. */
static void read_folder(struct mw_config *config, const char *const *environment)
{
  char path[4100];
  struct mw_error err;

  snprintf(path, sizeof path, "%s/conf.d", config->folder);
  const struct mw_config_place place = {MW_CONFIG_FILE, mw_config_keep_text(config, path), 0};
  MW_AUTO_CLOSE int fd = place.name ? mw_trusted_open_dir(path, &err) : -ENOENT;
  if (fd >= 0)
    read_folder_files(config, &place, fd, environment);
  else if (fd != -ENOENT)
    mw_config_mistake(config, &place, NULL, NULL, "%s", err.text);
}

/* ---- The command line ---- */

/* Is the path about a script that is not to run? Then say so. */
static bool is_of_no_script(struct mw_config *config, const struct mw_config_place *place,
                            const char *path)
{
  const char *name = path + strlen("scripts.");
  char own[MW_CONFIG_PATH_BYTES];

  if (strncmp(path, "scripts.", strlen("scripts.")) != 0)
    return false;
  snprintf(own, sizeof own, "%.*s", (int)strcspn(name, "."), name);
  if (mw_config_kind_of(config, own) != MW_SCRIPT_KIND_COUNT)
    return false;
  const struct mw_config_names listed = mw_config_listed(config);
  struct mw_suggestion suggestion = {.wanted = own};
  for (size_t i = 0; i < listed.count; i++)
    mw_suggestion_consider(&suggestion, listed.items[i]);
  mw_config_mistake(config, place, path, suggestion.closest,
                    "\"%s\" is not among sources, checks and sinks", own);
  return true;
}

static void take_flag(struct mw_config *config, const struct mw_option *flag, bool with_names)
{
  const struct mw_config_place place = {MW_CONFIG_FLAG, "--set", 0};
  char meant[MW_CONFIG_PATH_BYTES];
  bool is_table;
  const struct mw_config_key *key = mw_config_key_find(flag->key, &is_table);

  if ((key && strchr(key->path, '*')) != with_names)
    return;
  if (!key && is_table)
    mw_config_mistake(config, &place, flag->key, NULL, "is a table: set one of its keys");
  else if (!key || strlen(flag->key) >= MW_CONFIG_PATH_BYTES)
    mw_config_mistake(config, &place, flag->key, mw_config_key_suggest(flag->key, meant),
                      "there is no such key");
  else if (!is_of_no_script(config, &place, flag->key))
    mw_config_put_text(config, key, flag->key, &place, flag->text);
}

static void take_flags(struct mw_config *config, const struct mw_config_request *request,
                       bool with_names)
{
  for (size_t i = 0; i < request->flags_count; i++)
    take_flag(config, &request->flags[i], with_names);
}

/* ---- All of it ---- */

/* @return false: out of memory. */
static bool set_paths(struct mw_config *config, const char *file)
{
  const char *slash = strrchr(file, '/');
  struct mw_slice folder =
      slash ? (struct mw_slice){file, (size_t)(slash - file)} : (struct mw_slice){".", 1};

  config->file = mw_config_keep_text(config, file);
  config->folder = mw_config_keep_slice(config, folder);
  return config->file && config->folder;
}

/* Names of scripts are known when all has been read that is about no script; hence two passes. */
static void read_all(struct mw_config *config, const struct mw_config_request *request)
{
  read_main_file(config, request);
  read_folder(config, request->environment);
  mw_config_read_environment(config, request->environment, false);
  take_flags(config, request, false);
  mw_config_put_defaults(config);
  mw_config_read_environment(config, request->environment, true);
  take_flags(config, request, true);
  mw_config_put_defaults(config);
  mw_config_sort_values(config);
  mw_config_settle(config, request->shipped_scripts_dir);
  mw_config_sort_faults(config);
}

struct mw_config *mw_config_load(const struct mw_config_request *request, struct mw_error *err)
{
  struct mw_config *config = calloc(1, sizeof *config);

  if (config) {
    atomic_init(&config->references, 1);
    config->loaded_from_ns = mw_clock_wall_ns(mw_clock_system());
    config->settings.config = config;
    config->unloaded_scripts = request->unloaded_scripts;
    config->in_use = request->in_use;
    config->running = request->running;
    config->cpu_ms = request->cpu_ms > 0 ? request->cpu_ms : MW_CONFIG_CPU_DEFAULT_MS;
    if (set_paths(config, request->file ? request->file : MW_CONFIG_FILE_DEFAULT))
      read_all(config, request);
  }
  if (config && !config->out_of_memory)
    return config;
  mw_config_no_memory(config, err);
  mw_config_free(config);
  return NULL;
}

const struct mw_settings *mw_config_settings(const struct mw_config *config)
{
  return config->mistakes_count == 0 ? &config->settings : NULL;
}

const char *mw_config_socket(const struct mw_config *config)
{
  return config->settings.socket_path;
}

const char *mw_config_queue_dir(const struct mw_config *config)
{
  return config->settings.queue.dir;
}
