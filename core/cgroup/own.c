/* The container that this process runs in, and the container that an inode is of. */
#include "cgroup/own.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "cgroup/identify.h"
#include "cgroup/internal.h"
#include "cgroup/mounts.h"

#define TEXT_MAX_BYTES ((size_t)8 << 20)
#define LAST_ROOT_INODE 2 /* of the root of a hierarchy, which is no container */

/* ---- By inode ---- */

/* The hierarchy whose inodes others mean: that of memory, where there is one. Of version 1 each
 * hierarchy numbers its cgroups anew. */
static uint8_t base_hierarchy(const struct mw_cgroups *cgroups)
{
  const char *memory = cgroups->controllers[MW_CONTROLLER_MEMORY].mount_path;

  for (uint8_t i = 0; i < cgroups->hierarchies_count; i++)
    if (memory ? cgroups->hierarchies[i].mount_path == memory : cgroups->hierarchies[i].walked)
      return i;
  return 0;
}

static uint64_t inode_in(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry,
                         uint8_t hierarchy)
{
  struct stat status;

  if (entry->hierarchy == hierarchy)
    return entry->found.inode;
  if (!entry->paths_known)
    mw_paths_find(cgroups, entry);
  const char *path = entry->paths[hierarchy] ? entry->paths[hierarchy] : entry->path;
  if (entry->absent_hierarchies >> hierarchy & 1 ||
      fstatat(cgroups->hierarchies[hierarchy].root_fd, path + 1, &status, 0) < 0)
    return 0;
  return status.st_ino;
}

static bool find_inode(struct mw_cgroups *cgroups, uint64_t inode,
                       char id[static MW_CGROUP_ID_BYTES])
{
  uint8_t base = base_hierarchy(cgroups);

  for (struct mw_cgroup_entry *entry = cgroups->entries; entry; entry = entry->hh.next) {
    if (inode_in(cgroups, entry, base) == inode) {
      memcpy(id, entry->found.id, MW_CGROUP_ID_BYTES);
      return true;
    }
  }
  return false;
}

int mw_cgroups_id_of_inode(struct mw_cgroups *cgroups, uint64_t inode,
                           char id[static MW_CGROUP_ID_BYTES], struct mw_error *err)
{
  bool found = false;

  if (inode > LAST_ROOT_INODE) {
    pthread_mutex_lock(&cgroups->mutex);
    found = find_inode(cgroups, inode, id) ||
            (mw_tree_refresh(cgroups, NULL) == 0 && find_inode(cgroups, inode, id));
    pthread_mutex_unlock(&cgroups->mutex);
  }
  if (!found)
    return mw_error_set(err, ENOENT, "no container has a cgroup with inode %llu",
                        (unsigned long long)inode);
  return 0;
}

/* ---- The own cgroup ---- */

/* A file of this process. @return 0, also when it cannot be read and the text is empty; or -errno
 * of what will pass. */
static int read_own(const struct mw_own_places *places, const char *name, struct mw_buf *text)
{
  char path[PATH_MAX];

  mw_buf_clear(text);
  if ((size_t)snprintf(path, sizeof path, "%s/%s", places->self, name) >= sizeof path)
    return 0;
  int rc = mw_file_read(AT_FDCWD, path, text, NULL);
  if (rc < 0)
    mw_buf_clear(text);
  return rc < 0 && mw_will_pass(rc) ? rc : 0;
}

static struct mw_slice slice_of(const struct mw_buf *text)
{
  return (struct mw_slice){text->data, text->len_bytes};
}

/* The cgroup at @p path of the mount, or what is mounted itself: in a container that may be the
 * own cgroup, whatever the path above it is. */
static uint64_t inode_at(const char *mount, struct mw_slice path)
{
  char full[2 * PATH_MAX];
  struct stat status;

  if (path.len_bytes < PATH_MAX) {
    snprintf(full, sizeof full, "%s%.*s", mount, (int)path.len_bytes, path.data);
    if (stat(full, &status) == 0)
      return status.st_ino;
  }
  return stat(mount, &status) == 0 ? status.st_ino : 0;
}

static int own_inode(struct mw_cgroups *cgroups, const struct mw_own_places *places,
                     struct mw_slice lines, struct mw_buf *text, uint64_t *inode)
{
  const struct mw_hierarchy *base = &cgroups->hierarchies[base_hierarchy(cgroups)];
  struct mw_cgroup_mounts *mounts = malloc(sizeof *mounts);
  struct mw_cgroup_line line;

  int rc = mounts ? read_own(places, "mounts", text) : -ENOMEM;
  if (rc == 0) {
    mw_cgroup_mounts_parse(slice_of(text), places->mounts, mounts);
    const char *mount =
        mw_cgroup_mounts_find(mounts, base->version == 1 ? base->controller : "cgroupv2");
    while (mount && mw_cgroup_line_next(&lines, &line)) {
      if (!mw_cgroup_line_names(&line, base->controller))
        continue;
      *inode = inode_at(mount, line.path);
      break;
    }
  }
  free(mounts);
  return rc;
}

/* ---- Mounted files ---- */

static const char *last_hostname(struct mw_slice word)
{
  static const char hostname[] = "hostname";
  const char *end = word.data + word.len_bytes, *last = NULL;

  for (const char *at = word.data;
       (at = memmem(at, (size_t)(end - at), hostname, sizeof hostname - 1)); at++)
    last = at;
  return last;
}

/* The rightmost of "/GROUP/ID/...hostname" in @p word, where GROUP is that of a container and not
 * of its pod's sandbox. @return false when it has none; *is_answer tells of the group. */
static bool find_in_word(mw_cgroup_recognizer *const *recognizers, struct mw_slice word,
                         struct mw_cgroup_container *out, bool *is_answer)
{
  for (const char *end = last_hostname(word); end && end > word.data; end--) {
    if (*end != '/')
      continue;
    const char *start = memrchr(word.data, '/', (size_t)(end - word.data));
    const char *group = start ? memrchr(word.data, '/', (size_t)(start - word.data)) : NULL;
    size_t id_bytes = start ? (size_t)(end - start) - 1 : 0;
    if (!group || start == group + 1 ||
        !mw_cgroup_identify_path(recognizers, (struct mw_slice){start, id_bytes + 1}, out) ||
        strlen(out->id) != id_bytes)
      continue;
    *is_answer =
        !mw_slice_equal((struct mw_slice){group + 1, (size_t)(start - group - 1)}, "sandboxes");
    return true;
  }
  return false;
}

/* The words of a line from right to left; the first that fits decides about the line. */
static bool find_in_line(mw_cgroup_recognizer *const *recognizers, struct mw_slice line,
                         struct mw_cgroup_container *out)
{
  while (line.len_bytes > 0) {
    const char *blank = memrchr(line.data, ' ', line.len_bytes);
    const char *start = blank ? blank + 1 : line.data;
    struct mw_slice word = {start, (size_t)(line.data + line.len_bytes - start)};
    bool is_answer;
    if (find_in_word(recognizers, word, out, &is_answer))
      return is_answer;
    line.len_bytes = blank ? (size_t)(blank - line.data) : 0;
  }
  return false;
}

bool mw_own_id_in_mountinfo(mw_cgroup_recognizer *const *recognizers, struct mw_slice text,
                            char id[static MW_CGROUP_ID_BYTES])
{
  struct mw_cgroup_container found;
  struct mw_slice line;

  while (mw_slice_next_line(&text, &line)) {
    if (find_in_line(recognizers, line, &found)) {
      memcpy(id, found.id, sizeof found.id);
      return true;
    }
  }
  return false;
}

/* ---- All together ---- */

/* @return 0 and *found, or -errno of what will pass. */
static int search(struct mw_cgroups *cgroups, const struct mw_own_places *places,
                  char id[static MW_CGROUP_ID_BYTES], bool *found)
{
  mw_cgroup_recognizer *const *recognizers = cgroups->config.recognizers;
  struct mw_cgroup_container container;
  uint64_t inode = 0;
  MW_AUTO_BUF lines, text;

  mw_buf_init(&lines, TEXT_MAX_BYTES);
  mw_buf_init(&text, TEXT_MAX_BYTES);
  int rc = read_own(places, "cgroup", &lines);
  if (rc == 0)
    rc = own_inode(cgroups, places, slice_of(&lines), &text, &inode);
  if (rc < 0)
    return rc;
  *found = mw_cgroups_id_of_inode(cgroups, inode, id, NULL) == 0;
  if (*found)
    return 0;
  *found = lines.len_bytes > 0 &&
           mw_cgroup_identify_process(recognizers, lines.data, lines.len_bytes, &container);
  if (*found) {
    memcpy(id, container.id, sizeof container.id);
    return 0;
  }
  rc = read_own(places, "mountinfo", &text);
  *found = rc == 0 && mw_own_id_in_mountinfo(recognizers, slice_of(&text), id);
  return rc;
}

int mw_own_id_find(struct mw_cgroups *cgroups, const struct mw_own_places *places,
                   char id[static MW_CGROUP_ID_BYTES], struct mw_error *err)
{
  bool found = false;

  int rc = search(cgroups, places, id, &found);
  if (rc < 0)
    return mw_error_set(err, -rc, "cannot find the container of this process: %s", strerror(-rc));
  return found ? 0 : mw_error_set(err, ENOENT, "this process is in no container");
}

int mw_cgroups_own_container_id(struct mw_cgroups *cgroups, char id[static MW_CGROUP_ID_BYTES],
                                struct mw_error *err)
{
  char self[PATH_MAX];

  if ((size_t)snprintf(self, sizeof self, "%s/self", cgroups->proc_root) >= sizeof self)
    return mw_error_set(err, ENAMETOOLONG, "%s/self is too long a path", cgroups->proc_root);
  return mw_own_id_find(cgroups, &(struct mw_own_places){self, "/sys"}, id, err);
}
