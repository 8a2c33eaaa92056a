/*
 * Where a container is in the hierarchies other than the one in which it was found: where
 * /proc/PID/cgroup of one of its processes has its id, else the same path, else nowhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cgroup/internal.h"

#define PROCESS_CGROUP_MAX_BYTES ((size_t)64 << 10)

/* The first process of the container that this pid namespace can see; 0: none. */
static uint64_t first_pid(const struct mw_cgroups *cgroups, const struct mw_cgroup_entry *entry)
{
  char path[PATH_MAX + 16], text[32]; /* one line: there may be a million */
  uint64_t pid;

  snprintf(path, sizeof path, "%s/cgroup.procs", entry->path + 1);
  ssize_t got = mw_file_read_head(cgroups->hierarchies[entry->hierarchy].root_fd, path, text,
                                  sizeof text, NULL);
  struct mw_slice rest = {text, got > 0 ? (size_t)got : 0}, line;
  return mw_slice_next_line(&rest, &line) && mw_parse_u64(line, &pid) ? pid : 0;
}

/* Does "cpu,cpuacct" name @p controller? Version 2 has the empty name. */
static bool names_controller(struct mw_slice names, const char *controller)
{
  while (*controller && names.len_bytes > 0) {
    const char *comma = memchr(names.data, ',', names.len_bytes);
    struct mw_slice name = {names.data, comma ? (size_t)(comma - names.data) : names.len_bytes};
    if (mw_slice_equal(name, controller))
      return true;
    name.len_bytes += comma != NULL;
    names = (struct mw_slice){names.data + name.len_bytes, names.len_bytes - name.len_bytes};
  }
  return !*controller && names.len_bytes == 0;
}

/* The path in the line "4:memory:/docker/abc" of the hierarchy; {NULL, 0} when there is none. */
static struct mw_slice path_of(struct mw_slice text, const struct mw_hierarchy *hierarchy)
{
  struct mw_slice line;

  while (mw_slice_next_line(&text, &line)) {
    const char *end = line.data + line.len_bytes;
    const char *names = memchr(line.data, ':', line.len_bytes);
    const char *path = names ? memchr(names + 1, ':', (size_t)(end - names - 1)) : NULL;
    if (path && names_controller((struct mw_slice){names + 1, (size_t)(path - names - 1)},
                                 hierarchy->controller))
      return (struct mw_slice){path + 1, (size_t)(end - path - 1)};
  }
  return (struct mw_slice){NULL, 0};
}

static bool exists(const struct mw_hierarchy *hierarchy, const char *path)
{
  struct stat status;

  return fstatat(hierarchy->root_fd, *path ? path + 1 : ".", &status, 0) == 0 &&
         S_ISDIR(status.st_mode);
}

/* Cut @p path behind the element that has the id. @return false when none has. */
static bool cut_behind_id(char *path, const char *id)
{
  char *element = strstr(path, id);

  if (!element)
    return false;
  element[strcspn(element, "/")] = '\0';
  return true;
}

/* Who is in a cgroup namespace of his own is shown paths from its root on: "/../../docker/abc".
 * What is mounted may begin further up, so a path is right when what is behind the dots is. */
static struct mw_slice without_dots(struct mw_slice path)
{
  while (path.len_bytes > 3 && memcmp(path.data, "/../", 4) == 0)
    path = (struct mw_slice){path.data + 3, path.len_bytes - 3};
  return path;
}

/*
 * The process may be in a sub-cgroup of the container, here or elsewhere: what is below the
 * container's id is cut off. A path without the id is a cgroup that the container shares with
 * others, whose figures are not its own. Where the entry's own line does not fit (another pid
 * namespace, or another part of the hierarchy) nothing that the file says can be trusted.
 */
static char *path_by_process(const struct mw_cgroup_entry *entry, struct mw_slice found_at,
                             struct mw_slice elsewhere)
{
  size_t entry_bytes = strlen(entry->path);

  found_at = without_dots(found_at);
  elsewhere = without_dots(elsewhere);
  if (elsewhere.len_bytes == 0 || elsewhere.data[0] != '/' || found_at.len_bytes < entry_bytes ||
      /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): no path is empty */
      memcmp(found_at.data, entry->path, entry_bytes) != 0)
    return NULL;
  bool is_inside = found_at.len_bytes == entry_bytes || found_at.data[entry_bytes] == '/';
  char *path = strndup(elsewhere.data, elsewhere.len_bytes);
  if (!path || !is_inside || !cut_behind_id(path, entry->found.id) || strstr(path, "/..")) {
    free(path);
    return NULL;
  }
  return path;
}

static void find_in(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, uint8_t index,
                    struct mw_slice process_text)
{
  const struct mw_hierarchy *hierarchy = &cgroups->hierarchies[index];
  char *path =
      path_by_process(entry, path_of(process_text, &cgroups->hierarchies[entry->hierarchy]),
                      path_of(process_text, hierarchy));

  if (path && strcmp(path, entry->path) != 0 && exists(hierarchy, path)) {
    entry->paths[index] = path;
    return;
  }
  free(path);
  if (!exists(hierarchy, entry->path))
    entry->absent_hierarchies |= UINT32_C(1) << index;
}

void mw_paths_find(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry)
{
  struct mw_slice text = {NULL, 0};
  MW_AUTO_BUF buf;

  mw_buf_init(&buf, PROCESS_CGROUP_MAX_BYTES);
  mw_paths_forget(entry);
  entry->paths_known = true;
  if (cgroups->hierarchies_count == 1)
    return;
  uint64_t pid = first_pid(cgroups, entry);
  if (pid > 0) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%llu/cgroup", cgroups->proc_root, (unsigned long long)pid);
    if (mw_file_read(AT_FDCWD, path, &buf, NULL) == 0)
      text = (struct mw_slice){buf.data, buf.len_bytes};
  }
  for (uint8_t i = 0; i < cgroups->hierarchies_count; i++)
    if (i != entry->hierarchy)
      find_in(cgroups, entry, i, text);
}

void mw_paths_forget(struct mw_cgroup_entry *entry)
{
  for (size_t i = 0; i < MW_HIERARCHIES_MAX; i++) {
    free(entry->paths[i]);
    entry->paths[i] = NULL;
  }
  entry->absent_hierarchies = 0;
  entry->paths_known = false;
}
