#include "base/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mount.h"

#define LINKS_MAX 40 /* as the kernel's own limit */
#define QUOTED_BYTES ((size_t)4 * PATH_MAX)

/* On the way: the folder that was reached, and what is left to go. */
struct walk {
  int fd;              /* of the folder; -1: none yet */
  char name[PATH_MAX]; /* of the folder, as messages have it, without a '/' at its end */
  char rest[PATH_MAX];
  int links;
};

/* ---- Who can write ---- */

/* @p path as a word for a shell. */
static const char *quote(const char *path, char out[static QUOTED_BYTES])
{
  static const char plain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-,:@%";
  char *end = out;

  if (path[strspn(path, plain)] == '\0')
    return path;
  *end++ = '\'';
  for (; *path; path++) {
    if (*path == '\'')
      end = stpcpy(end, "'\\'");
    *end++ = *path;
  }
  strcpy(end, "'");
  return out;
}

static int refuse_owner(const char *path, const struct stat *status, struct mw_error *err)
{
  char quoted[QUOTED_BYTES];

  if (geteuid() == 0)
    return mw_error_set(err, EPERM, "%s belongs to user %u, not to root; cure: chown root %s", path,
                        status->st_uid, quote(path, quoted));
  return mw_error_set(
      err, EPERM,
      "%s belongs to user %u, neither to root nor to user %u, which runs this; cure: chown %u %s",
      path, status->st_uid, geteuid(), geteuid(), quote(path, quoted));
}

static int refuse_mode(const char *path, const struct stat *status, struct mw_error *err)
{
  char quoted[QUOTED_BYTES];
  const char *who = (status->st_mode & 022) == 022 ? "go" : status->st_mode & 020 ? "g" : "o";

  return mw_error_set(err, EPERM, "%s can be written by %s; cure: chmod %s-w %s", path,
                      status->st_mode & 002 ? "everybody" : "its group", who, quote(path, quoted));
}

static bool is_own(const struct stat *status)
{
  return status->st_uid == 0 || status->st_uid == geteuid();
}

/* @p fd is what @p status is of. */
static int check(int fd, const char *path, const struct stat *status, struct mw_error *err)
{
  bool is_sticky_dir = S_ISDIR(status->st_mode) && (status->st_mode & S_ISVTX);

  if (!is_own(status))
    return refuse_owner(path, status, err);
  if ((status->st_mode & 022) && !is_sticky_dir &&
      !(status->st_uid == 0 && mw_mount_of_fd_keeps_writers_out(fd)))
    return refuse_mode(path, status, err);
  return 0;
}

static int check_fd(int fd, const char *path, struct stat *status, struct mw_error *err)
{
  if (fstat(fd, status) < 0)
    return mw_error_set(err, errno, "cannot stat %s: %s", path, strerror(errno));
  return check(fd, path, status, err);
}

/* ---- The way ---- */

static int too_long(const char *path, struct mw_error *err)
{
  return mw_error_set(err, ENAMETOOLONG, "cannot open %.256s...: %s", path, strerror(ENAMETOOLONG));
}

static void move_to(struct walk *walk, int fd)
{
  if (walk->fd >= 0)
    close(walk->fd);
  walk->fd = fd;
}

static int go_to_root(struct walk *walk, struct mw_error *err)
{
  struct stat status;
  int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return mw_error_set(err, errno, "cannot open /: %s", strerror(errno));
  move_to(walk, fd);
  walk->name[0] = '\0';
  return check_fd(fd, "/", &status, err);
}

static int begin(struct walk *walk, const char *path, struct mw_error *err)
{
  char folder[PATH_MAX] = "";

  *walk = (struct walk){.fd = -1};
  if (!*path)
    return mw_error_set(err, ENOENT, "cannot open \"\": %s", strerror(ENOENT));
  if (*path != '/' && !getcwd(folder, sizeof folder))
    return mw_error_set(err, errno, "cannot tell the working directory: %s", strerror(errno));
  if ((size_t)snprintf(walk->rest, sizeof walk->rest, "%s%s%s", folder, *path == '/' ? "" : "/",
                       path) >= sizeof walk->rest)
    return too_long(path, err);
  return go_to_root(walk, err);
}

/* Cut the next name off the rest. @return false at the end. */
static bool next_name(struct walk *walk, char out[static PATH_MAX])
{
  size_t blank = strspn(walk->rest, "/");
  size_t bytes = strcspn(walk->rest + blank, "/");

  if (bytes == 0)
    return false;
  snprintf(out, PATH_MAX, "%.*s", (int)bytes, walk->rest + blank);
  memmove(walk->rest, walk->rest + blank + bytes, strlen(walk->rest + blank + bytes) + 1);
  return true;
}

/* The name of what is below the folder, for messages. */
static int path_of(const struct walk *walk, const char *name, char out[static PATH_MAX],
                   struct mw_error *err)
{
  return (size_t)snprintf(out, PATH_MAX, "%s/%s", walk->name, name) >= PATH_MAX
             ? too_long(walk->name, err)
             : 0;
}

/* Put what the link @p fd says in front of the rest. Who owns it decides where it leads. */
static int follow(struct walk *walk, int fd, const char *path, const struct stat *status,
                  struct mw_error *err)
{
  char target[PATH_MAX], rest[PATH_MAX];

  if (!is_own(status))
    return refuse_owner(path, status, err);
  if (++walk->links > LINKS_MAX)
    return mw_error_set(err, ELOOP, "cannot open %s: %s", path, strerror(ELOOP));
  ssize_t bytes = readlinkat(fd, "", target, sizeof target - 1);
  if (bytes < 0)
    return mw_error_set(err, errno, "cannot read the link %s: %s", path, strerror(errno));
  target[bytes] = '\0';
  if ((size_t)snprintf(rest, sizeof rest, "%s/%s", target, walk->rest) >= sizeof rest)
    return too_long(path, err);
  strcpy(walk->rest, rest);
  return *target == '/' ? go_to_root(walk, err) : 0;
}

static int go_down(struct walk *walk, const char *name, int fd, struct mw_error *err)
{
  char path[PATH_MAX];
  int rc = path_of(walk, name, path, err);

  if (rc < 0) {
    close(fd);
    return rc;
  }
  char *slash = strrchr(walk->name, '/');
  if (strcmp(name, "..") != 0)
    strcpy(walk->name, path);
  else if (slash)
    *slash = '\0';
  move_to(walk, fd);
  return 0;
}

/* One step to @p name. */
static int step(struct walk *walk, const char *name, struct mw_error *err)
{
  char path[PATH_MAX];
  struct stat status;
  int rc = path_of(walk, name, path, err);

  if (rc < 0)
    return rc;
  int fd = openat(walk->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    return mw_error_set(err, errno, "cannot open %s: %s", path, strerror(errno));
  if (fstat(fd, &status) < 0)
    rc = mw_error_set(err, errno, "cannot stat %s: %s", path, strerror(errno));
  else if (S_ISLNK(status.st_mode))
    rc = follow(walk, fd, path, &status, err);
  else if ((rc = check(fd, path, &status, err)) == 0)
    return go_down(walk, name, fd, err);
  close(fd);
  return rc;
}

/* Open for reading what the walk has reached: the same file, by its descriptor. */
static int open_reached(const struct walk *walk, int flags, struct mw_error *err)
{
  char self[64];
  struct stat status;

  if (fstat(walk->fd, &status) < 0)
    return mw_error_set(err, errno, "cannot stat %s: %s", walk->name, strerror(errno));
  if ((flags & O_DIRECTORY) && !S_ISDIR(status.st_mode))
    return mw_error_set(err, ENOTDIR, "cannot list %s: not a directory", walk->name);
  if (!(flags & O_DIRECTORY) && !S_ISREG(status.st_mode))
    return mw_error_set(err, EINVAL, "cannot read %s: not a regular file", walk->name);
  snprintf(self, sizeof self, "/proc/self/fd/%d", walk->fd);
  int fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | flags);
  if (fd < 0)
    return mw_error_set(err, errno, "cannot open %s: %s", walk->name, strerror(errno));
  return fd;
}

static int open_checked(const char *path, int flags, struct mw_error *err)
{
  char name[PATH_MAX];
  struct walk walk;
  int rc = begin(&walk, path, err);

  while (rc == 0 && next_name(&walk, name))
    if (strcmp(name, ".") != 0)
      rc = step(&walk, name, err);
  if (rc == 0)
    rc = open_reached(&walk, flags, err);
  if (walk.fd >= 0)
    close(walk.fd);
  return rc;
}

int mw_trusted_open(const char *path, struct mw_error *err)
{
  return open_checked(path, 0, err);
}

int mw_trusted_open_dir(const char *path, struct mw_error *err)
{
  return open_checked(path, O_DIRECTORY, err);
}
