/* What scripts declare, held against what the configuration says of them. A script is loaded, so
 * what stands outside of its functions runs; neither init nor run is called. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/config_declared.h"
#include "agent/config_internal.h"
#include "agent/sinks.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/trusted.h"
#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/lua_log.h"
#include "script/script.h"

#define LOAD_TIMEOUT_MS 10000
#define PATH_BYTES 4608

static const char *const nouns[MW_SCRIPT_KIND_COUNT] = {"source", "check", "sink"};

struct visit {
  struct mw_config *config;
  struct mw_context *context;
  const char *name;
  enum mw_script_kind kind;
  struct mw_config_place place; /* where it is named */
  char path[PATH_BYTES];        /* of its file */
  int fd;                       /* of its file; -1: not found yet */
  const char *built_in;         /* NULL: it has a file; else what it declares */
};

/* ---- Finding it ---- */

/* Open it below the folders of its kind, unless it is a part of the program.
 * @return 0, -ENOENT, or why it is refused. */
static int find(struct visit *visit, enum mw_script_kind kind, struct mw_error *err)
{
  const char *const *dirs = visit->config->settings.script_dirs;

  visit->built_in = kind == MW_SCRIPT_SINK ? mw_sinks_declaration(visit->name) : NULL;
  if (visit->built_in) {
    snprintf(visit->path, sizeof visit->path, "%s", visit->name);
    return 0;
  }
  for (; *dirs; dirs++) {
    snprintf(visit->path, sizeof visit->path, "%s/%s/%s.lua", *dirs, mw_config_kind_keys[kind],
             visit->name);
    visit->fd = mw_trusted_open(visit->path, err);
    visit->kind = kind;
    if (visit->fd != -ENOENT && visit->fd != -ENOTDIR)
      return visit->fd < 0 ? visit->fd : 0;
  }
  return mw_error_set(err, ENOENT, "there is no %s of this name", nouns[kind]);
}

static int is_script(const struct dirent *entry)
{
  size_t bytes = strlen(entry->d_name);

  return bytes > 4 && strcmp(entry->d_name + bytes - 4, ".lua") == 0;
}

/* Consider what lies in @p folder. */
static void consider(struct mw_config *config, const char *folder, struct mw_suggestion *suggestion)
{
  struct dirent **entries;
  int count = scandir(folder, &entries, is_script, alphasort);

  for (int i = 0; i < count; i++) {
    struct mw_slice name = {entries[i]->d_name, strlen(entries[i]->d_name) - 4};
    const char *kept = mw_config_keep_slice(config, name);
    if (kept)
      mw_suggestion_consider(suggestion, kept);
    free(entries[i]);
  }
  if (count >= 0)
    free(entries);
}

/* The script of one of the kinds from @p first to @p last that was probably meant, or NULL. */
static const char *suggest(struct visit *visit, int first, int last)
{
  struct mw_suggestion suggestion = {.wanted = visit->name};
  const char *const *dirs = visit->config->settings.script_dirs;
  char folder[PATH_BYTES];

  for (size_t i = 0; last == MW_SCRIPT_SINK && mw_sinks_name(i); i++)
    mw_suggestion_consider(&suggestion, mw_sinks_name(i));
  for (; *dirs; dirs++) {
    for (int kind = first; kind <= last; kind++) {
      snprintf(folder, sizeof folder, "%s/%s", *dirs, mw_config_kind_keys[kind]);
      consider(visit->config, folder, &suggestion);
    }
  }
  return suggestion.closest;
}

/* ---- Looking at it ---- */

static void prepare(lua_State *L, void *data)
{
  const struct visit *visit = data;

  mw_lua_set_context(L, visit->context);
  mw_lua_log_set_component(L, visit->name);
}

struct look {
  struct visit *visit;
  struct mw_script *script;
};

static int look(lua_State *L)
{
  const struct look *look = lua_touserdata(L, 1);
  struct visit *visit = look->visit;

  mw_script_push_table(look->script);
  mw_config_check_declared(L, visit->config, visit->name, visit->path);
  return 0;
}

/* "checks/load.lua", as its messages name it. */
static const char *chunk_name(const struct visit *visit)
{
  if (visit->built_in)
    return visit->name;
  return visit->path + strlen(visit->path) - strlen(mw_config_kind_keys[visit->kind]) -
         strlen(visit->name) - strlen("/.lua");
}

/* Its text. @return 0, or -errno. */
static int read_source(const struct visit *visit, struct mw_buf *out, struct mw_error *err)
{
  return visit->built_in ? mw_buf_append_text(out, visit->built_in, err)
                         : mw_file_read_fd(visit->fd, visit->path, out, err);
}

static bool is_unloaded(const struct visit *visit)
{
  const char *const *name = visit->config->unloaded_scripts;

  while (name && *name && strcmp(*name, visit->name) != 0)
    name++;
  return name && *name;
}

static void load(struct visit *visit)
{
  struct mw_script_config script_config = {.name = visit->name,
                                           .modules = mw_lua_sandbox_modules,
                                           .module_dirs = visit->config->settings.script_dirs,
                                           .trusted_only = true,
                                           .prepare = prepare,
                                           .prepare_data = visit};
  struct look looking = {.visit = visit};
  const struct mw_config_place place = {MW_CONFIG_FILE,
                                        mw_config_keep_text(visit->config, visit->path), 0};
  struct mw_error err;
  MW_AUTO_BUF source;

  mw_buf_init(&source, MW_SCRIPT_SOURCE_MAX_BYTES);
  if (read_source(visit, &source, &err) == 0)
    looking.script = mw_script_new(&script_config, &err);
  if (looking.script)
    mw_script_limit_cpu(looking.script, visit->config->cpu_ms);
  bool fine = looking.script &&
              mw_script_load_text(looking.script, chunk_name(visit), source.data, source.len_bytes,
                                  LOAD_TIMEOUT_MS, &err) == 0 &&
              mw_script_call(looking.script, look, &looking, LOAD_TIMEOUT_MS, &err) == 0;
  if (!fine && place.name)
    mw_config_tell_lua(visit->config, &place, chunk_name(visit), &err);
  mw_script_free(looking.script);
}

/* ---- Which are looked at ---- */

/* What no declaration can say of a sink that ships: the sink file needs a path. */
static void ask_sink(struct visit *visit, const char *key)
{
  const struct mw_settings *settings = &visit->config->settings;
  struct mw_error err;

  for (size_t i = 0; i < settings->scripts_count; i++)
    if (settings->scripts[i].kind == MW_SCRIPT_SINK &&
        strcmp(settings->scripts[i].name, visit->name) == 0 &&
        mw_sinks_check(&settings->scripts[i], &err) < 0)
      mw_config_mistake(visit->config, &visit->place, key, NULL, "%s", err.text);
}

static void visit_listed(struct visit *visit, const struct mw_config_value *list)
{
  enum mw_script_kind kind = mw_config_kind_of(visit->config, visit->name);
  size_t mistakes = mw_config_mistakes_count(visit->config);
  struct mw_error err;
  int rc = find(visit, kind, &err);

  if (rc == -ENOENT)
    mw_config_mistake(visit->config, &visit->place, list->path, suggest(visit, kind, kind),
                      "there is no %s \"%s\"", nouns[kind], visit->name);
  else if (rc < 0)
    mw_config_mistake(visit->config, &visit->place, list->path, NULL, "%s", err.text);
  else if (!is_unloaded(visit))
    load(visit);
  if (visit->built_in && mw_config_mistakes_count(visit->config) == mistakes)
    ask_sink(visit, list->path);
}

/* What conf.d says of a script that does not run is held against it all the same. */
static void visit_other(struct visit *visit)
{
  struct mw_error err;
  int rc = -ENOENT;

  for (int kind = 0; rc == -ENOENT && kind < MW_SCRIPT_KIND_COUNT; kind++)
    rc = find(visit, (enum mw_script_kind)kind, &err);
  if (rc == -ENOENT)
    mw_config_warn(visit->config, &visit->place, NULL, suggest(visit, 0, MW_SCRIPT_KIND_COUNT - 1),
                   "is about no script: there is no \"%s\"", visit->name);
  else if (rc < 0)
    mw_config_mistake(visit->config, &visit->place, NULL, NULL, "%s", err.text);
  else if (!is_unloaded(visit))
    load(visit);
}

static void close_file(struct visit *visit)
{
  if (visit->fd >= 0)
    close(visit->fd);
}

static void visit_all_listed(struct mw_config *config, struct mw_context *context)
{
  const struct mw_config_names names = mw_config_listed(config);

  for (size_t i = 0; i < names.count; i++) {
    enum mw_script_kind kind = mw_config_kind_of(config, names.items[i]);
    const struct mw_config_value list = *mw_config_get(config, mw_config_kind_keys[kind]);
    struct visit visit = {.config = config,
                          .context = context,
                          .name = names.items[i],
                          .place = mw_config_place_of(&list),
                          .fd = -1};
    visit.place.name = visit.place.name ? visit.place.name : "default";
    visit_listed(&visit, &list);
    close_file(&visit);
  }
}

/* Where the first value of the script was said. */
static struct mw_config_place place_of(const struct mw_config *config, const char *name)
{
  char table[MW_CONFIG_PATH_BYTES];
  size_t bytes = (size_t)snprintf(table, sizeof table, "scripts.%s.", name);

  for (size_t i = 0; i < config->values_count; i++)
    if (strncmp(config->values[i].path, table, bytes) == 0)
      return (struct mw_config_place){config->values[i].origin, config->values[i].place, 0};
  return (struct mw_config_place){MW_CONFIG_FILE, config->file, 0};
}

static void visit_all_others(struct mw_config *config, struct mw_context *context)
{
  const struct mw_config_names names = mw_config_names_below(config, "scripts.");

  for (size_t i = 0; i < names.count; i++) {
    struct visit visit = {.config = config,
                          .context = context,
                          .name = names.items[i],
                          .place = place_of(config, names.items[i]),
                          .fd = -1};
    if (mw_config_kind_of(config, names.items[i]) != MW_SCRIPT_KIND_COUNT)
      continue;
    visit_other(&visit);
    close_file(&visit);
  }
}

/* ---- Folders ---- */

static bool is_folder(const char *path)
{
  struct stat status;

  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void warn_of_folder(struct mw_config *config, const struct mw_config_value *value,
                           const char *folder, const char *what_for)
{
  const struct mw_config_place place = mw_config_place_of(value);

  mw_config_warn(config, &place, value->path, NULL, "there is no folder %s%s", folder, what_for);
}

/* Folders that somebody has named, and that may still be made. */
static void check_script_dirs(struct mw_config *config)
{
  const struct mw_config_value *found = mw_config_get(config, "script_dirs");

  if (!found || found->origin == MW_CONFIG_DEFAULT)
    return;
  const struct mw_config_value dirs = *found;
  for (size_t i = 0; i < dirs.texts_count; i++)
    if (!is_folder(dirs.texts[i]))
      warn_of_folder(config, &dirs, dirs.texts[i], "");
}

static void check_output_folder(struct mw_config *config)
{
  const struct mw_config_value *found = mw_config_get(config, "scripts.file.options.path");
  char folder[PATH_BYTES];

  if (!found || mw_config_kind_of(config, "file") != MW_SCRIPT_SINK || found->texts_count != 1)
    return;
  const struct mw_config_value path = *found;
  const char *slash = strrchr(path.texts[0], '/');
  snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path.texts[0]) : 0, path.texts[0]);
  if (*folder && !is_folder(folder))
    warn_of_folder(config, &path, folder, ", and the sink makes none");
}

int mw_config_check_scripts(struct mw_config *config, struct mw_error *err)
{
  const struct mw_context_config context_config = {.host_root = NULL};
  struct mw_context *context = mw_context_new(&context_config, err);

  if (!context)
    return -err->code;
  visit_all_others(config, context);
  visit_all_listed(config, context);
  mw_context_free(context);
  check_script_dirs(config);
  check_output_folder(config);
  mw_config_sort_values(config);
  mw_config_sort_faults(config);
  return config->out_of_memory ? mw_config_no_memory(config, err) : 0;
}
