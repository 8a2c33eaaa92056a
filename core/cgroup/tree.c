/*
 * Which cgroups exist.
 *
 * A full walk lists directories with getdents64. It looks into a container only when there may be
 * something inside: one that had no sub-cgroup when it was listed, and of which no event has told
 * since, is taken as it was. Between walks inotify tells of each directory that comes or goes.
 * It is silent on some mounts (another cgroup namespace has another superblock), so a few link
 * counts are compared at each refresh: they change with every mkdir and rmdir, unlike the times of
 * a cgroup directory, which never do. A change that inotify does not tell of ends the trust in it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "cgroup/internal.h"

#define LINK_CHECKS_PER_REFRESH 4      /* while inotify is trusted */
#define EVENT_MAX_DELAY_NS MW_NS_PER_S /* the kernel counts a link first, then tells of it */
#define WATCH_EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

/* ---- Directories ---- */

static struct mw_cgroup_directory *directory_find(struct mw_hierarchy *hierarchy, const char *path)
{
  struct mw_cgroup_directory *directory;

  HASH_FIND_STR(hierarchy->directories, path, directory);
  return directory;
}

static void directory_unlink(struct mw_cgroup_directory *directory)
{
  if (directory->entry)
    directory->entry->directory = NULL;
  directory->entry = NULL;
}

static void directory_unwatch(struct mw_cgroups *cgroups, struct mw_cgroup_directory *directory)
{
  if (directory->watch < 0)
    return;
  HASH_DELETE(hh_watch, cgroups->by_watch, directory);
  cgroups->watches_count--;
  directory->watch = -1;
}

/* What is known of a directory does not hold for another one at its place. */
static void directory_reset(struct mw_cgroups *cgroups, struct mw_cgroup_directory *directory)
{
  directory_unwatch(cgroups, directory);
  mw_pod_release(directory->pod);
  directory->pod = NULL;
}

static void directory_free(struct mw_cgroups *cgroups, struct mw_cgroup_directory *directory)
{
  if (directory->watch >= 0 && cgroups->inotify_fd >= 0)
    inotify_rm_watch(cgroups->inotify_fd, directory->watch); /* fails when it is gone: fine */
  directory_reset(cgroups, directory);
  directory_unlink(directory);
  free(directory->path);
  free(directory);
}

static void directory_remove(struct mw_cgroups *cgroups, struct mw_cgroup_directory *directory)
{
  struct mw_hierarchy *hierarchy = &cgroups->hierarchies[directory->hierarchy];

  if (cgroups->suspect == directory)
    cgroups->suspect = NULL;
  HASH_DEL(hierarchy->directories, directory);
  DL_DELETE(cgroups->check_order, directory);
  cgroups->directories_count--;
  directory_free(cgroups, directory);
}

static struct mw_cgroup_directory *directory_add(struct mw_cgroups *cgroups, uint8_t hierarchy,
                                                 const char *path)
{
  struct mw_cgroup_directory *directory;

  if (cgroups->directories_count >= MW_CGROUP_DIRECTORIES_MAX)
    return NULL;
  directory = calloc(1, sizeof *directory);
  if (!directory || !(directory->path = strdup(path)))
    goto fail;
  directory->hierarchy = hierarchy;
  directory->watch = -1;
  HASH_ADD_KEYPTR(hh, cgroups->hierarchies[hierarchy].directories, directory->path,
                  strlen(directory->path), directory);
  if (!directory->hh.tbl)
    goto fail;
  DL_APPEND(cgroups->check_order, directory);
  cgroups->directories_count++;
  return directory;

fail:
  if (directory)
    free(directory->path);
  free(directory);
  cgroups->walk_due = true; /* out of memory: found by the next walk */
  return NULL;
}

/* ---- inotify ---- */

static void distrust_inotify(struct mw_cgroups *cgroups, int code, const char *why,
                             const char *path)
{
  struct mw_error err;

  if (!cgroups->inotify_trusted)
    return;
  cgroups->inotify_trusted = false;
  mw_error_set(&err, code, "inotify %s %s: the link counts of all cgroups are compared instead",
               why, *path ? path : "/");
  mw_cgroups_report(cgroups, "", &err);
}

static void directory_watch(struct mw_cgroups *cgroups, struct mw_cgroup_directory *directory)
{
  struct mw_hierarchy *hierarchy = &cgroups->hierarchies[directory->hierarchy];

  if (cgroups->inotify_fd < 0 || directory->watch >= 0)
    return;
  mw_buf_clear(&cgroups->path);
  if (mw_buf_printf(&cgroups->path, NULL, "%s%s", hierarchy->mount_path, directory->path) < 0)
    return;
  int watch = inotify_add_watch(cgroups->inotify_fd, cgroups->path.data,
                                WATCH_EVENTS | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK);
  if (watch < 0) {
    if (errno == ENOSPC)
      distrust_inotify(cgroups, ENOSPC, "has no watch left (raise fs.inotify.max_user_watches) for",
                       directory->path);
    return;
  }
  struct mw_cgroup_directory *holder;
  HASH_FIND(hh_watch, cgroups->by_watch, &watch, sizeof watch, holder);
  if (holder)
    directory_unwatch(cgroups, holder); /* one directory seen twice, through a bind mount */
  directory->watch = watch;
  HASH_ADD(hh_watch, cgroups->by_watch, watch, sizeof directory->watch, directory);
  if (!directory->hh_watch.tbl)
    directory->watch = -1;
  else
    cgroups->watches_count++;
}

/* ---- Walking ---- */

static bool is_directory(int parent_fd, const struct dirent64 *entry)
{
  struct stat status;

  if (entry->d_type != DT_UNKNOWN)
    return entry->d_type == DT_DIR;
  return fstatat(parent_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
         S_ISDIR(status.st_mode);
}

/* Is the directory a container, and the place of one? (Not when the same id is elsewhere, too.) */
static void directory_find_container(struct mw_cgroups *cgroups,
                                     struct mw_cgroup_directory *directory)
{
  const char *slash = strrchr(directory->path, '/');
  struct mw_cgroup_container found;
  char parent[PATH_MAX];

  directory_unlink(directory);
  directory->is_container = false;
  if (!slash)
    return; /* the root */
  memcpy(parent, directory->path, (size_t)(slash - directory->path));
  parent[slash - directory->path] = '\0';
  if (!mw_cgroup_recognize(cgroups->config.recognizers, parent, slash + 1, &found))
    return;
  directory->is_container = true;
  struct mw_cgroup_entry *entry = mw_entry_find(cgroups, found.id);
  if (entry && entry->hierarchy == directory->hierarchy &&
      strcmp(entry->path, directory->path) == 0) {
    mw_entry_unlink(entry);
    directory->entry = entry;
    entry->directory = directory;
  }
}

/* Is there nothing inside that is not known? Not while events were lost: then all is looked at. */
static bool is_settled(const struct mw_cgroups *cgroups,
                       const struct mw_cgroup_directory *directory)
{
  return directory->entry && !directory->has_children && directory->watch >= 0 &&
         !cgroups->walk_deep;
}

static void see_child(struct mw_cgroups *cgroups, struct mw_hierarchy *hierarchy,
                      const struct mw_cgroup_directory *parent, const struct dirent64 *child)
{
  char path[PATH_MAX];
  size_t parent_bytes = strlen(parent->path), name_bytes = strlen(child->d_name);
  struct mw_cgroup_container found;

  if (parent_bytes + name_bytes + 2 > sizeof path)
    return; /* deeper than the kernel takes paths */
  memcpy(path, parent->path, parent_bytes);
  path[parent_bytes] = '/';
  memcpy(path + parent_bytes + 1, child->d_name, name_bytes + 1);

  struct mw_cgroup_directory *known = directory_find(hierarchy, path);
  if (known && known->inode == child->d_ino && is_settled(cgroups, known)) {
    known->walk = known->entry->walk = cgroups->walk;
    return;
  }
  if ((!known || known->is_container) &&
      mw_cgroup_recognize(cgroups->config.recognizers, parent->path, child->d_name, &found))
    mw_entry_see(cgroups, parent->hierarchy, path, child->d_ino, &found);
  if (!mw_pending_push(cgroups, path))
    cgroups->walk_due = true; /* out of memory: found by the next walk */
}

static int list_children(struct mw_cgroups *cgroups, int fd, struct mw_cgroup_directory *directory)
{
  /* what a directory of the v1 pids hierarchy holds is a few hundred bytes */
  _Alignas(struct dirent64) char buffer[16384];
  struct mw_hierarchy *hierarchy = &cgroups->hierarchies[directory->hierarchy];
  ssize_t got;

  directory->has_children = false;
  /* to the end: a pending signal cuts an answer short, however much room it leaves */
  while ((got = getdents64(fd, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < got;) {
      const struct dirent64 *child = (const struct dirent64 *)(buffer + at);
      at += child->d_reclen;
      if (strcmp(child->d_name, ".") == 0 || strcmp(child->d_name, "..") == 0 ||
          !is_directory(fd, child))
        continue;
      directory->has_children = true;
      see_child(cgroups, hierarchy, directory, child);
    }
  }
  return got < 0 ? -errno : 0;
}

/* @p path itself, or something below it. */
static bool is_at_or_below(const char *path, const char *top)
{
  size_t top_bytes = strlen(top);

  return strncmp(path, top, top_bytes) == 0 && (path[top_bytes] == '/' || path[top_bytes] == '\0');
}

/* What could not be looked into is not gone: everything known below @p path counts as seen. */
static void keep_below(struct mw_cgroups *cgroups, uint8_t hierarchy, const char *path)
{
  struct mw_cgroup_directory *directory;
  struct mw_cgroup_entry *entry;

  DL_FOREACH(cgroups->check_order, directory)
  if (directory->hierarchy == hierarchy && is_at_or_below(directory->path, path))
    directory->walk = cgroups->walk;
  for (entry = cgroups->entries; entry; entry = entry->hh.next)
    if (entry->hierarchy == hierarchy && is_at_or_below(entry->path, path))
      entry->walk = cgroups->walk;
}

/* Would an event have told that @p directory is another one by now? Then its record holds. */
static bool is_up_to_date(const struct mw_cgroups *cgroups,
                          const struct mw_cgroup_directory *directory)
{
  return directory && directory->watch >= 0 && !cgroups->walk_deep &&
         (directory->entry || !directory->is_container);
}

/* The record of the directory that is open as @p fd, made or brought up to date. NULL: no room. */
static struct mw_cgroup_directory *note_directory(struct mw_cgroups *cgroups, uint8_t hierarchy,
                                                  const char *path, int fd,
                                                  const struct stat *status,
                                                  struct mw_cgroup_directory *known)
{
  struct mw_cgroup_directory *directory = known ? known : directory_add(cgroups, hierarchy, path);
  struct stat later = *status;

  if (!directory)
    return NULL;
  bool is_new = directory->inode != status->st_ino; /* 0 when it was just added */
  if (is_new)
    directory_reset(cgroups, directory); /* made anew: the watch went with the old one */
  directory->inode = status->st_ino;
  directory->walk = cgroups->walk;
  if (directory->watch < 0) {
    directory_watch(cgroups, directory); /* what comes after it makes an event */
    fstat(fd, &later);                   /* what came before it counts as known */
  }
  directory->links = later.st_nlink;
  directory->links_stale = false;
  if (is_new || (directory->is_container && !directory->entry))
    directory_find_container(cgroups, directory);
  return directory;
}

/* List one directory. @return 0 when it was listed or is gone, -errno otherwise. */
static int visit(struct mw_cgroups *cgroups, uint8_t hierarchy, const char *path,
                 struct mw_error *err)
{
  struct mw_hierarchy *tree = &cgroups->hierarchies[hierarchy];
  struct mw_cgroup_directory *directory = directory_find(tree, path);
  bool up_to_date = is_up_to_date(cgroups, directory);
  struct stat status;
  MW_AUTO_CLOSE int fd = openat(tree->root_fd, *path ? path + 1 : ".",
                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

  if (fd < 0 || (!up_to_date && fstat(fd, &status) < 0)) {
    bool gone = errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENODEV;
    if (gone && *path)
      return 0;
    keep_below(cgroups, hierarchy, path);
    return mw_error_set(err, errno, "cannot list %s%s: %s", tree->mount_path, path,
                        strerror(errno));
  }
  if (up_to_date)
    directory->walk = cgroups->walk;
  else
    directory = note_directory(cgroups, hierarchy, path, fd, &status, directory);
  if (!directory)
    return mw_error_set(err, ENOSPC, "%s%s is left out: over %d cgroups, or out of memory",
                        tree->mount_path, path, MW_CGROUP_DIRECTORIES_MAX);
  int rc = list_children(cgroups, fd, directory);
  if (rc < 0 && rc != -ENOENT && rc != -ENODEV) {
    keep_below(cgroups, hierarchy, path);
    return mw_error_set(err, -rc, "cannot list %s%s: %s", tree->mount_path, path, strerror(-rc));
  }
  return 0;
}

/* Visit @p path and everything below it. @return 0, or -errno when @p path itself was refused. */
static int visit_all(struct mw_cgroups *cgroups, uint8_t hierarchy, const char *path,
                     struct mw_error *err)
{
  char next[PATH_MAX];
  struct mw_error problem;

  cgroups->pending.len_bytes = 0;
  int rc = visit(cgroups, hierarchy, path, err);
  while (mw_pending_pop(cgroups, next))
    if (visit(cgroups, hierarchy, next, &problem) < 0)
      mw_cgroups_report(cgroups, "", &problem);
  return rc;
}

static void sweep(struct mw_cgroups *cgroups)
{
  struct mw_cgroup_directory *directory, *next_directory;
  struct mw_cgroup_entry *entry, *next_entry;

  DL_FOREACH_SAFE(cgroups->check_order, directory, next_directory)
  if (directory->walk != cgroups->walk)
    directory_remove(cgroups, directory);
  HASH_ITER(hh, cgroups->entries, entry, next_entry)
  if (entry->walk != cgroups->walk)
    mw_entry_remove(cgroups, entry);
}

/* ---- Events ---- */

static void on_created(struct mw_cgroups *cgroups, struct mw_cgroup_directory *parent,
                       const char *name)
{
  uint8_t hierarchy = parent->hierarchy;
  char path[PATH_MAX];
  struct mw_cgroup_container found;
  struct mw_error err;
  struct stat status;

  if ((size_t)snprintf(path, sizeof path, "%s/%s", parent->path, name) >= sizeof path)
    return;
  parent->links_stale = true;
  parent->has_children = true;
  if (fstatat(cgroups->hierarchies[hierarchy].root_fd, path + 1, &status, AT_SYMLINK_NOFOLLOW) <
          0 ||
      !S_ISDIR(status.st_mode))
    return; /* gone again */
  if (mw_cgroup_recognize(cgroups->config.recognizers, parent->path, name, &found))
    mw_entry_see(cgroups, hierarchy, path, status.st_ino, &found);
  if (visit_all(cgroups, hierarchy, path, &err) < 0)
    mw_cgroups_report(cgroups, "", &err);
}

/* A cgroup is removed only when it has no children left, so nothing is below it. */
static void on_deleted(struct mw_cgroups *cgroups, struct mw_cgroup_directory *parent,
                       const char *name)
{
  uint8_t hierarchy = parent->hierarchy;
  char path[PATH_MAX];
  struct mw_cgroup_container found;

  if ((size_t)snprintf(path, sizeof path, "%s/%s", parent->path, name) >= sizeof path)
    return;
  parent->links_stale = true;
  struct mw_cgroup_directory *directory = directory_find(&cgroups->hierarchies[hierarchy], path);
  if (directory)
    directory_remove(cgroups, directory);
  if (!mw_cgroup_recognize(cgroups->config.recognizers, parent->path, name, &found))
    return;
  struct mw_cgroup_entry *entry = mw_entry_find(cgroups, found.id);
  if (entry && entry->hierarchy == hierarchy && strcmp(entry->path, path) == 0)
    mw_entry_remove(cgroups, entry);
}

static void on_event(struct mw_cgroups *cgroups, const struct inotify_event *event)
{
  struct mw_cgroup_directory *directory;

  if (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT)) {
    cgroups->events_lost = true;
    return;
  }
  HASH_FIND(hh_watch, cgroups->by_watch, &event->wd, sizeof event->wd, directory);
  if (!directory)
    return;
  if (cgroups->suspect == directory)
    cgroups->suspect = NULL;
  if (event->mask & IN_IGNORED)
    directory_unwatch(cgroups, directory);
  else if (!(event->mask & IN_ISDIR))
    return;
  else if (event->mask & (IN_MOVED_FROM | IN_MOVED_TO))
    cgroups->events_lost = true; /* version 1 lets cgroups be renamed, with all that is below */
  else if (event->mask & IN_CREATE)
    on_created(cgroups, directory, event->name);
  else if (event->mask & IN_DELETE)
    on_deleted(cgroups, directory, event->name);
}

static void read_events(struct mw_cgroups *cgroups)
{
  _Alignas(struct inotify_event) char buffer[16384];
  ssize_t got;

  while (cgroups->inotify_fd >= 0 && !cgroups->events_lost &&
         (got = read(cgroups->inotify_fd, buffer, sizeof buffer)) > 0) {
    for (ssize_t at = 0; at < got;) {
      const struct inotify_event *event = (const struct inotify_event *)(buffer + at);
      at += (ssize_t)(sizeof *event + event->len);
      on_event(cgroups, event);
    }
  }
}

/* ---- The whole ---- */

static void drain_events(struct mw_cgroups *cgroups)
{
  char buffer[16384];

  while (cgroups->inotify_fd >= 0 && read(cgroups->inotify_fd, buffer, sizeof buffer) > 0)
    ;
}

int mw_tree_walk(struct mw_cgroups *cgroups, struct mw_error *err)
{
  bool any_root = false;
  struct mw_error problem;

  read_events(cgroups); /* they tell where a look inside is needed */
  cgroups->walk_deep = cgroups->walk == 0 || cgroups->events_lost || !cgroups->inotify_trusted;
  if (cgroups->walk_deep)
    drain_events(cgroups); /* what they would tell is about to be seen */
  cgroups->events_lost = false;
  cgroups->walk++;
  cgroups->walk_due = false;
  cgroups->has_duplicates = false;
  cgroups->suspect = NULL;
  for (uint8_t i = 0; i < cgroups->hierarchies_count; i++) {
    if (!cgroups->hierarchies[i].walked)
      continue;
    if (visit_all(cgroups, i, "", &problem) == 0)
      any_root = true;
    else
      mw_cgroups_report(cgroups, "", &problem);
  }
  if (!cgroups->walk_due) { /* else something was left out that may well be there */
    sweep(cgroups);
    cgroups->walk_due = false; /* who was removed is not elsewhere either */
  }
  cgroups->walked_ns = mw_cgroups_now_ns(cgroups);
  if (cgroups->generation == 0)
    cgroups->generation = 1;
  if (any_root)
    return 0;
  cgroups->walk_due = true;
  /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): at least one hierarchy is walked */
  return mw_error_set(err, problem.code, "%s", problem.text);
}

/* ---- Link counts ---- */

static bool has_changed(struct mw_cgroups *cgroups, struct mw_cgroup_directory *directory)
{
  const struct mw_hierarchy *hierarchy = &cgroups->hierarchies[directory->hierarchy];
  struct stat status;

  if (fstatat(hierarchy->root_fd, *directory->path ? directory->path + 1 : ".", &status,
              AT_SYMLINK_NOFOLLOW) < 0)
    return true;
  if (directory->links_stale) {
    directory->links = status.st_nlink;
    directory->links_stale = false;
  }
  return directory->inode != status.st_ino || directory->links != status.st_nlink;
}

/* Compare the next few link counts, or all of them. @return the first that changed, or NULL. */
static struct mw_cgroup_directory *check_links(struct mw_cgroups *cgroups)
{
  size_t checks = cgroups->directories_count;

  if (cgroups->inotify_trusted && checks > LINK_CHECKS_PER_REFRESH)
    checks = LINK_CHECKS_PER_REFRESH;
  while (checks-- > 0) {
    struct mw_cgroup_directory *directory = cgroups->check_order;
    DL_DELETE(cgroups->check_order, directory);
    DL_APPEND(cgroups->check_order, directory);
    if (has_changed(cgroups, directory))
      return directory;
  }
  return NULL;
}

/* @return whether inotify missed a change: nothing told of it for longer than that takes. */
static bool inotify_is_silent(struct mw_cgroups *cgroups, int64_t now_ns)
{
  if (!cgroups->suspect) {
    cgroups->suspect = check_links(cgroups);
    cgroups->suspected_ns = now_ns;
    return false;
  }
  if (now_ns - cgroups->suspected_ns <= EVENT_MAX_DELAY_NS)
    return false;
  distrust_inotify(cgroups, ESTALE, "did not tell of a change in", cgroups->suspect->path);
  return true;
}

int mw_tree_refresh(struct mw_cgroups *cgroups, struct mw_error *err)
{
  int64_t now_ns = mw_cgroups_now_ns(cgroups);

  if (cgroups->walk == 0 || cgroups->walk_due ||
      now_ns - cgroups->walked_ns > cgroups->config.full_walk_interval_ns)
    return mw_tree_walk(cgroups, err);

  read_events(cgroups);
  if (cgroups->walk_due || cgroups->events_lost ||
      (cgroups->inotify_trusted ? inotify_is_silent(cgroups, now_ns)
                                : check_links(cgroups) != NULL))
    return mw_tree_walk(cgroups, err);
  return 0;
}

void mw_tree_free(struct mw_cgroups *cgroups)
{
  struct mw_cgroup_entry *entry, *next_entry;
  struct mw_cgroup_directory *directory, *next_directory;

  HASH_ITER(hh, cgroups->entries, entry, next_entry)
  {
    HASH_DEL(cgroups->entries, entry);
    mw_entry_free(cgroups, entry);
  }
  DL_FOREACH_SAFE(cgroups->check_order, directory, next_directory)
  directory_remove(cgroups, directory);
}
