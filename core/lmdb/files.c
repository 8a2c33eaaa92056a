#include "lmdb/files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define LOCK_FILE "writer.lock"
#define PID_TEXT_BYTES 32

const char *mw_lmdb_advice(int code)
{
  switch (code) {
  case ENOSPC:
  case EDQUOT:
    return "; free space on its file system";
  case EROFS:
    return "; its file system is mounted read-only: choose another directory, or remount it";
  case EACCES:
  case EPERM:
    return "; run as the user who owns it, or give it to this one";
  default:
    return "";
  }
}

/* ---- The directory ---- */

static int make_one(const char *path, struct mw_error *err)
{
  if (mkdir(path, 0700) == 0 || errno == EEXIST)
    return 0;
  return mw_error_set(err, errno, "cannot make the directory %s: %s%s", path, strerror(errno),
                      mw_lmdb_advice(errno));
}

int mw_lmdb_make_dir(const struct mw_lmdb_kind *kind, const char *dir, struct mw_error *err)
{
  char path[PATH_MAX];
  int rc = 0;

  if (snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path)
    return mw_error_set(err, ENAMETOOLONG, "the path %s is too long", dir);
  if (!*path)
    return mw_error_set(err, EINVAL, "the path of a %s is empty", kind->what);
  for (char *slash = strchr(path + 1, '/'); rc == 0 && slash; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    rc = make_one(path, err);
    *slash = '/';
  }
  return rc < 0 ? rc : make_one(path, err);
}

static int check_status(const char *path, const struct stat *status, struct mw_error *err)
{
  if (status->st_uid != geteuid() && status->st_uid != 0)
    return mw_error_set(err, EPERM,
                        "%s belongs to user %ju, who could change what is stored; "
                        "run as that user (sudo -u '#%ju' ...), or choose another directory",
                        path, (uintmax_t)status->st_uid, (uintmax_t)status->st_uid);
  if (status->st_mode & (S_IWGRP | S_IWOTH))
    return mw_error_set(err, EPERM, "others may write to %s; cure: chmod go-w %s", path, path);
  return 0;
}

int mw_lmdb_check_dir(const char *dir, struct mw_error *err)
{
  struct stat status;

  if (stat(dir, &status) < 0)
    return mw_error_set(err, errno, "cannot look at %s: %s%s", dir, strerror(errno),
                        mw_lmdb_advice(errno));
  if (!S_ISDIR(status.st_mode))
    return mw_error_set(err, ENOTDIR, "%s is not a directory", dir);
  return check_status(dir, &status, err);
}

int mw_lmdb_check_file(const char *path, struct mw_error *err)
{
  struct stat status;

  if (lstat(path, &status) < 0)
    return errno == ENOENT ? -ENOENT
                           : mw_error_set(err, errno, "cannot look at %s: %s%s", path,
                                          strerror(errno), mw_lmdb_advice(errno));
  if (!S_ISREG(status.st_mode))
    return mw_error_set(err, EBADMSG, "%s is not a regular file", path);
  return check_status(path, &status, err);
}

/* ---- Once in a process ---- */

/* LMDB's own locks are those of fcntl(2), which belong to the process: the first of two handles to
 * be closed would let go of the locks of both. */
static pthread_mutex_t taken_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct mw_lmdb_files *taken;

static int register_files(struct mw_lmdb_files *files, const struct mw_lmdb_kind *kind,
                          const char *dir, struct mw_error *err)
{
  struct stat status;
  bool found = false;

  if (stat(dir, &status) < 0)
    return mw_error_set(err, errno, "cannot look at %s: %s", dir, strerror(errno));
  files->device = status.st_dev;
  files->inode = status.st_ino;
  files->pid = getpid();
  pthread_mutex_lock(&taken_mutex);
  for (const struct mw_lmdb_files *other = taken; other; other = other->next)
    found = found || (other->device == files->device && other->inode == files->inode &&
                      other->pid == files->pid);
  if (!found) {
    files->registered = true;
    files->next = taken;
    taken = files;
  }
  pthread_mutex_unlock(&taken_mutex);
  return found ? mw_error_set(err, EBUSY, "the %s in %s is open in this process already",
                              kind->what, dir)
               : 0;
}

static void unregister_files(struct mw_lmdb_files *files)
{
  pthread_mutex_lock(&taken_mutex);
  for (struct mw_lmdb_files **at = &taken; *at; at = &(*at)->next) {
    if (*at == files) {
      *at = files->next;
      break;
    }
  }
  files->registered = false;
  pthread_mutex_unlock(&taken_mutex);
}

/* ---- One writer of all processes ---- */

static int say_who_writes(int fd, const struct mw_lmdb_kind *kind, const char *dir,
                          struct mw_error *err)
{
  char pid[PID_TEXT_BYTES] = "";
  ssize_t got = pread(fd, pid, sizeof pid - 1, 0);
  size_t digits = got > 0 ? strspn(pid, "0123456789") : 0;

  pid[digits] = '\0';
  return mw_error_set(err, EBUSY,
                      "process %s writes the %s in %s; stop it first, or name another state "
                      "directory (to look at the %s while it runs: %s)",
                      digits > 0 ? pid : "?", kind->what, dir, kind->what, kind->look_with);
}

/* A lock of the open file, not of the process: it holds against this process, too, and ends with
 * it, however that ends. */
static int lock_file(int fd, const struct mw_lmdb_kind *kind, const char *path, const char *dir,
                     struct mw_error *err)
{
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  char pid[PID_TEXT_BYTES];

  if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
    return errno == EAGAIN || errno == EACCES
               ? say_who_writes(fd, kind, dir, err)
               : mw_error_set(err, errno, "cannot lock %s: %s", path, strerror(errno));
  int len_bytes = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
  if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)len_bytes, 0) != len_bytes)
    return mw_error_set(err, errno, "cannot write %s: %s%s", path, strerror(errno),
                        mw_lmdb_advice(errno));
  return 0;
}

static int take_pen(struct mw_lmdb_files *files, const struct mw_lmdb_kind *kind, const char *dir,
                    struct mw_error *err)
{
  char path[PATH_MAX];

  if (snprintf(path, sizeof path, "%s/" LOCK_FILE, dir) >= (int)sizeof path)
    return mw_error_set(err, ENAMETOOLONG, "the path %s is too long", dir);
  int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0)
    return mw_error_set(err, errno, "cannot open %s: %s%s", path, strerror(errno),
                        mw_lmdb_advice(errno));
  int rc = lock_file(fd, kind, path, dir, err);
  if (rc < 0)
    close(fd);
  else
    files->lock_fd = fd;
  return rc;
}

int mw_lmdb_take_files(struct mw_lmdb_files *files, const struct mw_lmdb_kind *kind,
                       const char *dir, bool read_only, struct mw_error *err)
{
  int rc = register_files(files, kind, dir, err);

  return rc < 0 || read_only ? rc : take_pen(files, kind, dir, err);
}

void mw_lmdb_release_files(struct mw_lmdb_files *files)
{
  if (files->lock_fd >= 0)
    close(files->lock_fd);
  files->lock_fd = -1;
  if (files->registered)
    unregister_files(files);
}

bool mw_lmdb_is_written(const char *dir)
{
  struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
  char path[PATH_MAX];

  if (snprintf(path, sizeof path, "%s/" LOCK_FILE, dir) >= (int)sizeof path)
    return false;
  MW_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ---- The end ---- */

int mw_lmdb_remove_files(const char *dir, struct mw_error *err)
{
  static const char *const names[] = {MW_LMDB_DATA_FILE, MW_LMDB_DATA_FILE ".damaged", "lock.mdb",
                                      LOCK_FILE};
  MW_AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd < 0)
    return mw_error_set(err, errno, "cannot open %s: %s", dir, strerror(errno));
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (unlinkat(fd, names[i], 0) < 0 && errno != ENOENT)
      return mw_error_set(err, errno, "cannot remove %s/%s: %s%s", dir, names[i], strerror(errno),
                          mw_lmdb_advice(errno));
  if (rmdir(dir) < 0)
    return mw_error_set(err, errno, "cannot remove %s: %s", dir, strerror(errno));
  return 0;
}
