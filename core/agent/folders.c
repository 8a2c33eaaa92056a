#include "agent/folders.h"

#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define EVENTS (IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_ONLYDIR)
#define LINKS_MAX 8 /* on the way to one file; the kernel allows 40 */

void mw_folders_open(struct mw_folders *folders)
{
  folders->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  atomic_init(&folders->incomplete, folders->fd < 0);
}

void mw_folders_close(struct mw_folders *folders)
{
  if (folders->fd >= 0)
    close(folders->fd);
  folders->fd = -1;
}

/* Others may write to it without our kernel: another host, or a process outside of a guest. */
static bool is_shared(const char *folder)
{
  static const unsigned long kinds[] = {NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC,  CIFS_SUPER_MAGIC,
                                        SMB2_SUPER_MAGIC, FUSE_SUPER_MAGIC, V9FS_MAGIC,
                                        CEPH_SUPER_MAGIC, AFS_SUPER_MAGIC,  OCFS2_SUPER_MAGIC};
  struct statfs system;

  if (statfs(folder, &system) < 0)
    return false;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (((unsigned long)system.f_type & 0xFFFFFFFF) == kinds[i])
      return true;
  return false;
}

/* The folder of @p path, or the closest one above it that is there: it may be made. */
static void watch_folder_of(struct mw_folders *folders, const char *path)
{
  char folder[PATH_MAX];

  snprintf(folder, sizeof folder, "%s", path);
  for (char *slash; (slash = strrchr(folder, '/'));) {
    *slash = '\0';
    if (inotify_add_watch(folders->fd, *folder ? folder : "/", EVENTS) >= 0) {
      if (is_shared(*folder ? folder : "/"))
        break;
      return;
    }
    if ((errno != ENOENT && errno != ENOTDIR) || !*folder)
      break;
  }
  atomic_store(&folders->incomplete, true);
}

/* Where the link @p link leads, with what follows it. @return false: too long, or no link. */
static bool follow(const char *link, const char *rest, char out[static PATH_MAX])
{
  char target[PATH_MAX];
  ssize_t target_bytes = readlink(link, target, sizeof target - 1);
  const char *slash = strrchr(link, '/');

  if (target_bytes <= 0 || !slash)
    return false;
  target[target_bytes] = '\0';
  int folder_bytes = *target == '/' ? 0 : (int)(slash - link) + 1;
  return snprintf(out, PATH_MAX, "%.*s%s%s", folder_bytes, link, target, rest) < PATH_MAX;
}

/* @return how many bytes of @p path name its first link; 0: there is none. */
static size_t first_link(const char *path)
{
  char part[PATH_MAX];
  struct stat status;

  for (size_t end = 1; path[end - 1]; end++) {
    if ((path[end] != '/' && path[end] != '\0') || end >= sizeof part)
      continue;
    snprintf(part, sizeof part, "%.*s", (int)end, path);
    if (lstat(part, &status) == 0 && S_ISLNK(status.st_mode))
      return end;
    if (path[end] == '\0')
      break;
  }
  return 0;
}

void mw_folders_add(struct mw_folders *folders, const char *path)
{
  char at[PATH_MAX], link[PATH_MAX], next[PATH_MAX];

  if (folders->fd < 0 || *path != '/')
    return;
  snprintf(at, sizeof at, "%s", path);
  for (int links = 0; links < LINKS_MAX; links++) {
    size_t link_bytes = first_link(at);
    if (link_bytes == 0)
      break;
    snprintf(link, sizeof link, "%.*s", (int)link_bytes, at);
    watch_folder_of(folders, link);
    if (!follow(link, at + link_bytes, next))
      break;
    memcpy(at, next, sizeof at);
  }
  watch_folder_of(folders, at);
}

bool mw_folders_take(struct mw_folders *folders)
{
  char events[4096];
  bool some = false;

  while (folders->fd >= 0 && read(folders->fd, events, sizeof events) > 0)
    some = true;
  return some;
}
