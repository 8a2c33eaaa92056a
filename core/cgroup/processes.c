/* The processes of one container: those of its cgroup and of all that are below it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "cgroup/internal.h"

/* "1142219\n1142238\n": a process that is out of sight is 0. */
static int parse_procs(struct mw_slice text, struct mw_pids *out, struct mw_error *err)
{
  struct mw_slice line;
  uint64_t pid;
  int rc = 0;

  if (text.len_bytes > 0 && text.data[text.len_bytes - 1] != '\n')
    return mw_error_set(err, EBADMSG, "is cut in the middle of a line");
  while (rc == 0 && mw_slice_next_line(&text, &line)) {
    char quoted[MW_TEXT_QUOTED_BYTES];
    if (!mw_parse_u64(line, &pid) || pid > INT32_MAX)
      return mw_error_set(err, EBADMSG, "has a line that is not a process id: %s",
                          mw_text_quote(line, quoted));
    if (pid == 0)
      out->hidden_count++;
    else
      rc = mw_pids_append(out, (int32_t)pid, err);
  }
  return rc;
}

/* @return 0, -EOPNOTSUPP for a threaded cgroup, or -errno. */
static int read_procs(struct mw_cgroups *cgroups, const struct mw_hierarchy *hierarchy,
                      const char *directory, struct mw_pids *out, struct mw_error *err)
{
  struct mw_error problem;

  mw_buf_clear(&cgroups->path);
  int rc = mw_buf_printf(&cgroups->path, err, "%s/cgroup.procs", directory + 1);
  if (rc < 0)
    return rc;
  rc = mw_file_read(hierarchy->root_fd, cgroups->path.data, &cgroups->text, err);
  if (rc < 0)
    return rc;
  rc = parse_procs((struct mw_slice){cgroups->text.data, cgroups->text.len_bytes}, out, &problem);
  return rc < 0 ? mw_error_set(err, -rc, "%s%s/cgroup.procs %s", hierarchy->mount_path, directory,
                               problem.text)
                : 0;
}

static bool is_child(int parent_fd, const struct dirent64 *entry)
{
  struct stat status;

  if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
    return false;
  if (entry->d_type != DT_UNKNOWN)
    return entry->d_type == DT_DIR;
  return fstatat(parent_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(status.st_mode);
}

static int push_child(struct mw_cgroups *cgroups, const char *directory, const char *name,
                      struct mw_error *err)
{
  char path[PATH_MAX];

  if ((size_t)snprintf(path, sizeof path, "%s/%s", directory, name) >= sizeof path)
    return 0; /* deeper than the kernel takes paths */
  return mw_pending_push(cgroups, path)
             ? 0
             : mw_error_set(err, ENOMEM, "out of memory for the sub-cgroups of %s", directory);
}

static int list_children(struct mw_cgroups *cgroups, const struct mw_hierarchy *hierarchy,
                         const char *directory, struct mw_error *err)
{
  _Alignas(struct dirent64) char buffer[16384];
  ssize_t got;
  MW_AUTO_CLOSE int fd = openat(hierarchy->root_fd, directory + 1,
                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

  while (fd >= 0 && (got = getdents64(fd, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < got;) {
      const struct dirent64 *child = (const struct dirent64 *)(buffer + at);
      at += child->d_reclen;
      int rc = is_child(fd, child) ? push_child(cgroups, directory, child->d_name, err) : 0;
      if (rc < 0)
        return rc;
    }
  }
  if (fd >= 0 && got == 0)
    return 0;
  return mw_error_set(err, errno, "cannot list %s%s: %s", hierarchy->mount_path, directory,
                      strerror(errno));
}

/* One cgroup, and its children into the list of those to visit. A cgroup without any has two links,
 * as every directory of the kernel's: a look that saves listing its forty files. */
static int visit(struct mw_cgroups *cgroups, const struct mw_hierarchy *hierarchy,
                 const char *directory, struct mw_pids *out, struct mw_error *err)
{
  struct stat status;

  int rc = read_procs(cgroups, hierarchy, directory, out, err);
  if (rc < 0 && rc != -EOPNOTSUPP)
    return rc;
  if (fstatat(hierarchy->root_fd, directory + 1, &status, AT_SYMLINK_NOFOLLOW) < 0)
    return mw_error_set(err, errno, "cannot look at %s%s: %s", hierarchy->mount_path, directory,
                        strerror(errno));
  if (hierarchy->is_kernels && status.st_nlink == 2)
    return rc;
  int listed = list_children(cgroups, hierarchy, directory, err);
  return listed < 0 ? listed : rc;
}

static bool has_vanished(int rc)
{
  return rc == -ENOENT || rc == -ENODEV || rc == -ENOTDIR;
}

/* All in one hierarchy. */
static int list_in(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry, uint8_t index,
                   struct mw_pids *out, struct mw_error *err)
{
  const struct mw_hierarchy *hierarchy = &cgroups->hierarchies[index];
  char directory[PATH_MAX];

  mw_pids_clear(out);
  cgroups->pending.len_bytes = 0;
  int rc = visit(cgroups, hierarchy, mw_reader_path_in(entry, index), out, err);
  for (int visited = 1; rc == 0 && mw_pending_pop(cgroups, directory); visited++) {
    if (visited >= MW_CGROUP_DIRECTORIES_MAX)
      return mw_error_set(err, E2BIG, "container %s has more than %d sub-cgroups", entry->found.id,
                          MW_CGROUP_DIRECTORIES_MAX);
    struct mw_error problem;
    rc = visit(cgroups, hierarchy, directory, out, &problem);
    if (has_vanished(rc) || rc == -EOPNOTSUPP)
      rc = 0;
    else if (rc < 0)
      mw_error_set(err, problem.code, "%s", problem.text);
  }
  mw_pids_sort(out);
  return rc;
}

int mw_processes_list(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry,
                      struct mw_pids *out, struct mw_error *err)
{
  struct mw_error problem;

  if (mw_reader_is_gone(cgroups, entry))
    return mw_reader_gone(cgroups, entry, err);
  int rc = list_in(cgroups, entry, entry->hierarchy, out, &problem);
  if (rc == 0)
    return 0;
  if (mw_reader_is_gone(cgroups, entry))
    return mw_reader_gone(cgroups, entry, err);
  if (!entry->paths_known)
    mw_paths_find(cgroups, entry);
  for (uint8_t i = 0; i < cgroups->hierarchies_count; i++)
    if (i != entry->hierarchy && !(entry->absent_hierarchies >> i & 1) &&
        list_in(cgroups, entry, i, out, NULL) == 0)
      return 0;
  return mw_error_set(err, problem.code, "%s", problem.text);
}
