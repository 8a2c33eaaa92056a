#include "cgroup/mounts.h"

#include <string.h>

/* The kernel writes blanks, tabs, LF and backslashes in a path as \ooo. */
static bool unescape(struct mw_slice text, char out[static PATH_MAX])
{
  size_t used = 0;

  for (size_t i = 0; i < text.len_bytes; i++) {
    char byte = text.data[i];
    if (byte == '\\' && i + 3 < text.len_bytes && text.data[i + 1] >= '0' &&
        text.data[i + 1] <= '3') {
      byte = (char)((text.data[i + 1] - '0') * 64 + (text.data[i + 2] - '0') * 8 +
                    (text.data[i + 3] - '0'));
      i += 3;
    }
    if (used + 1 >= PATH_MAX || byte == '\0')
      return false;
    out[used++] = byte;
  }
  out[used] = '\0';
  return used > 0 && out[0] == '/';
}

static bool is_below(const char *path, const char *prefix)
{
  size_t prefix_bytes = strlen(prefix);

  return strncmp(path, prefix, prefix_bytes) == 0 &&
         (path[prefix_bytes] == '/' || path[prefix_bytes] == '\0');
}

static void keep(struct mw_cgroup_mounts *mounts, struct mw_slice name, const char *path,
                 bool last_wins)
{
  struct mw_cgroup_mount *mount = mounts->mounts;

  if (name.len_bytes == 0 || name.len_bytes >= sizeof mount->name)
    return;
  while (mount < mounts->mounts + mounts->count && !mw_slice_equal(name, mount->name))
    mount++;
  if (mount == mounts->mounts + mounts->count) {
    if (mounts->count == MW_MOUNTS_MAX)
      return;
    mounts->count++;
    memcpy(mount->name, name.data, name.len_bytes);
    mount->name[name.len_bytes] = '\0';
  } else if (!last_wins && strlen(path) >= strlen(mount->path)) {
    return;
  }
  strcpy(mount->path, path);
}

static void keep_v1(struct mw_cgroup_mounts *mounts, const char *path)
{
  const char *name = strrchr(path, '/') + 1;

  while (*name) {
    size_t len_bytes = strcspn(name, ",");
    keep(mounts, (struct mw_slice){name, len_bytes}, path, false);
    name += len_bytes + (name[len_bytes] == ',');
  }
}

void mw_cgroup_mounts_parse(struct mw_slice text, const char *prefix, struct mw_cgroup_mounts *out)
{
  struct mw_slice line;
  char path[PATH_MAX];

  out->count = 0;
  while (mw_slice_next_line(&text, &line)) {
    struct mw_slice source, target, type;
    if (!mw_slice_next_word(&line, &source) || !mw_slice_next_word(&line, &target) ||
        !mw_slice_next_word(&line, &type) || !unescape(target, path) || !is_below(path, prefix))
      continue;
    if (mw_slice_equal(type, "cgroup2"))
      keep(out, (struct mw_slice){"cgroupv2", 8}, path, true);
    else if (mw_slice_equal(type, "cgroup"))
      keep_v1(out, path);
  }
}

const char *mw_cgroup_mounts_find(const struct mw_cgroup_mounts *mounts, const char *name)
{
  for (size_t i = 0; i < mounts->count; i++)
    if (strcmp(mounts->mounts[i].name, name) == 0)
      return mounts->mounts[i].path;
  return NULL;
}
