/* How many descriptors the reader may keep: they are kernel memory of this process's own cgroup. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "cgroup/mounts.h"
#include "moonwatch/cgroup.h"

#define KEPT_FILES_MOST 4096

static bool read_text(const char *path, struct mw_buf *text)
{
  return mw_file_read(AT_FDCWD, path, text, NULL) == 0;
}

/* The path behind @p controller ("" is version 2) in the text of /proc/self/cgroup. */
static bool own_path(struct mw_slice text, const char *controller, char out[static PATH_MAX])
{
  struct mw_slice line;

  while (mw_slice_next_line(&text, &line)) {
    const char *names = memchr(line.data, ':', line.len_bytes);
    if (!names++)
      continue;
    const char *path = memchr(names, ':', line.len_bytes - (size_t)(names - line.data));
    if (!path || !mw_slice_equal((struct mw_slice){names, (size_t)(path - names)}, controller))
      continue;
    size_t path_bytes = line.len_bytes - (size_t)(path + 1 - line.data);
    if (path_bytes >= PATH_MAX)
      return false;
    memcpy(out, path + 1, path_bytes);
    out[path_bytes] = '\0';
    return true;
  }
  return false;
}

/* The smallest limit from @p path up to the root of the hierarchy. */
static uint64_t smallest_limit(const char *mount, char *path, const char *file, struct mw_buf *text)
{
  uint64_t smallest = UINT64_MAX;

  for (;;) {
    char name[2 * PATH_MAX + 64];
    uint64_t limit;
    snprintf(name, sizeof name, "%s%s/%s", mount, strcmp(path, "/") == 0 ? "" : path, file);
    if (read_text(name, text)) {
      struct mw_slice rest = {text->data, text->len_bytes}, line;
      if (mw_slice_next_line(&rest, &line) && mw_parse_u64(line, &limit) && limit < smallest)
        smallest = limit;
    }
    char *slash = strrchr(path, '/');
    if (!slash || path[0] == '\0' || strcmp(path, "/") == 0)
      return smallest;
    *slash = '\0';
  }
}

/* Where this process's memory is counted. */
struct own_place {
  struct mw_cgroup_mounts *mounts;
  const char *mount; /* NULL: it was not found */
  int version;
  char path[PATH_MAX];
};

static void find_in(struct own_place *place, struct mw_slice own)
{
  const char *v1 = mw_cgroup_mounts_find(place->mounts, "memory");
  const char *v2 = mw_cgroup_mounts_find(place->mounts, "cgroupv2");

  place->version = v1 ? 1 : 2;
  if (v1 ? own_path(own, "memory", place->path) : v2 && own_path(own, "", place->path))
    place->mount = v1 ? v1 : v2;
}

static void find_own_place(struct own_place *place)
{
  MW_AUTO_BUF text, own;

  mw_buf_init(&text, (size_t)1 << 20);
  mw_buf_init(&own, (size_t)1 << 20);
  place->mount = NULL;
  place->mounts = malloc(sizeof *place->mounts);
  if (!place->mounts || !read_text("/proc/self/mounts", &text) ||
      !read_text("/proc/self/cgroup", &own))
    return;
  mw_cgroup_mounts_parse((struct mw_slice){text.data, text.len_bytes}, "", place->mounts);
  find_in(place, (struct mw_slice){own.data, own.len_bytes});
}

static uint64_t own_memory_limit_bytes(void)
{
  struct own_place place;
  uint64_t limit = UINT64_MAX;
  MW_AUTO_BUF text;

  mw_buf_init(&text, (size_t)1 << 16);
  find_own_place(&place);
  if (place.mount)
    limit = smallest_limit(place.mount, place.path,
                           place.version == 1 ? "memory.limit_in_bytes" : "memory.max", &text);
  free(place.mounts);
  return limit;
}

bool mw_cgroup_own_memory_bytes(uint64_t *bytes)
{
  struct own_place place;
  char name[2 * PATH_MAX + 64];
  bool found = false;
  MW_AUTO_BUF text;

  mw_buf_init(&text, (size_t)1 << 16);
  find_own_place(&place);
  if (place.mount) {
    snprintf(name, sizeof name, "%s%s/%s", place.mount,
             strcmp(place.path, "/") == 0 ? "" : place.path,
             place.version == 1 ? "memory.usage_in_bytes" : "memory.current");
    struct mw_slice rest, line;
    if (read_text(name, &text)) {
      rest = (struct mw_slice){text.data, text.len_bytes};
      found = mw_slice_next_line(&rest, &line) && mw_parse_u64(line, bytes);
    }
  }
  free(place.mounts);
  return found;
}

uint32_t mw_cgroup_kept_files_default(void)
{
  uint64_t most = KEPT_FILES_MOST,
           by_memory = own_memory_limit_bytes() / 8 / MW_CGROUP_KEPT_FILE_BYTES;
  struct rlimit files;

  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 2 < most)
    most = files.rlim_cur / 2;
  if (by_memory < most)
    most = by_memory;
  return (uint32_t)most;
}
