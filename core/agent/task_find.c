/* Finding the file of a script, and telling which were looked for. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/task_internal.h"
#include "base/buf.h"
#include "base/suggest.h"

static bool is_path(const char *name)
{
  size_t name_bytes = strlen(name);
  return strchr(name, '/') || (name_bytes > 4 && strcmp(name + name_bytes - 4, ".lua") == 0);
}

static char *base_name(const char *path)
{
  const char *slash = strrchr(path, '/');
  const char *name = slash ? slash + 1 : path;
  size_t name_bytes = strlen(name);

  if (name_bytes > 4 && strcmp(name + name_bytes - 4, ".lua") == 0)
    name_bytes -= 4;
  return strndup(name, name_bytes);
}

/* Add the names of the scripts in @p folder to @p names, and consider each as a suggestion. */
static void list_scripts(const char *folder, struct mw_buf *names, struct mw_suggestion *suggestion,
                         char closest[static 64])
{
  struct dirent **entries;
  int count = scandir(folder, &entries, NULL, alphasort);

  for (int i = 0; i < count; i++) {
    size_t name_bytes = strlen(entries[i]->d_name);
    if (name_bytes > 4 && name_bytes < 64 &&
        strcmp(entries[i]->d_name + name_bytes - 4, ".lua") == 0) {
      entries[i]->d_name[name_bytes - 4] = '\0';
      mw_buf_printf(names, NULL, "%s%s", names->len_bytes > 0 ? ", " : "", entries[i]->d_name);
      const char *before = suggestion->closest;
      mw_suggestion_consider(suggestion, entries[i]->d_name);
      if (suggestion->closest != before) {
        strcpy(closest, entries[i]->d_name);
        suggestion->closest = closest;
      }
    }
    free(entries[i]);
  }
  if (count >= 0)
    free(entries);
}

static int not_found(const struct mw_task *task, struct mw_error *err)
{
  struct mw_suggestion suggestion = {.wanted = task->config.name};
  char folder[4096], closest[64];
  MW_AUTO_BUF names;

  mw_buf_init(&names, 2048);
  for (const char *const *dir = task->config.script_dirs; *dir; dir++) {
    snprintf(folder, sizeof folder, "%s/%s", *dir, mw_task_words(task)->folder);
    list_scripts(folder, &names, &suggestion, closest);
  }
  const char *noun = mw_task_words(task)->noun;
  if (suggestion.closest)
    return mw_error_set(err, ENOENT, "there is no %s \"%s\"; did you mean \"%s\"?", noun,
                        task->config.name, suggestion.closest);
  if (names.len_bytes > 0)
    return mw_error_set(err, ENOENT, "there is no %s \"%s\"; there are: %s", noun,
                        task->config.name, names.data);
  return mw_error_set(err, ENOENT, "there is no %s \"%s\", and none at all below %s/%s", noun,
                      task->config.name, task->config.script_dirs[0], mw_task_words(task)->folder);
}

static void tell_file(const struct mw_task *task, const char *path)
{
  if (task->config.on_file)
    task->config.on_file(task->config.on_file_data, path);
}

void mw_task_tell_files(const struct mw_task *task)
{
  const char *path;

  for (size_t i = 0; task->script && (path = mw_script_file(task->script, i)); i++)
    tell_file(task, path);
}

int mw_task_find_file(struct mw_task *task, struct mw_error *err)
{
  if (is_path(task->config.name)) {
    task->path = strdup(task->config.name);
    task->name = base_name(task->config.name);
    return task->path && task->name ? 0 : mw_error_set(err, ENOMEM, "out of memory");
  }
  task->name = strdup(task->config.name);
  for (const char *const *dir = task->config.script_dirs; *dir; dir++) {
    free(task->path);
    if (asprintf(&task->path, "%s/%s/%s.lua", *dir, mw_task_words(task)->folder,
                 task->config.name) < 0)
      task->path = NULL;
    if (!task->name || !task->path)
      return mw_error_set(err, ENOMEM, "out of memory");
    tell_file(task, task->path);
    if (access(task->path, F_OK) == 0)
      return 0;
    if (errno != ENOENT && errno != ENOTDIR)
      return mw_error_set(err, errno, "cannot look for %s: %s", task->path, strerror(errno));
  }
  return not_found(task, err);
}
