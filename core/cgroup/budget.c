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
#define KEPT_FILE_BYTES 4710 /* 0.7 KB for the descriptor, 4 KB for the buffer behind its reads */

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

static uint64_t own_memory_limit_bytes(void)
{
  struct mw_cgroup_mounts *mounts = malloc(sizeof *mounts);
  char path[PATH_MAX];
  uint64_t limit = UINT64_MAX;
  MW_AUTO_BUF mount_text, text;

  mw_buf_init(&mount_text, (size_t)1 << 20);
  mw_buf_init(&text, (size_t)1 << 16);
  if (mounts && read_text("/proc/self/mounts", &mount_text)) {
    mw_cgroup_mounts_parse((struct mw_slice){mount_text.data, mount_text.len_bytes}, "", mounts);
    const char *v1 = mw_cgroup_mounts_find(mounts, "memory");
    const char *v2 = mw_cgroup_mounts_find(mounts, "cgroupv2");
    struct mw_slice own = {0};
    mw_buf_clear(&mount_text);
    if (read_text("/proc/self/cgroup", &mount_text))
      own = (struct mw_slice){mount_text.data, mount_text.len_bytes};
    if (v1 && own_path(own, "memory", path))
      limit = smallest_limit(v1, path, "memory.limit_in_bytes", &text);
    else if (v2 && own_path(own, "", path))
      limit = smallest_limit(v2, path, "memory.max", &text);
  }
  free(mounts);
  return limit;
}

uint32_t mw_cgroup_kept_files_default(void)
{
  uint64_t most = KEPT_FILES_MOST, by_memory = own_memory_limit_bytes() / 8 / KEPT_FILE_BYTES;
  struct rlimit files;

  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 2 < most)
    most = files.rlim_cur / 2;
  if (by_memory < most)
    most = by_memory;
  return (uint32_t)most;
}
