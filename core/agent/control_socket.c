#include "agent/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/control.h"
#include "base/cleanup.h"
#include "moonwatch/clock.h"

#define BACKLOG 16
#define LOCK_AGAIN_NS (10 * MW_NS_PER_MS)

static int set_address(const char *path, struct sockaddr_un *out, struct mw_error *err)
{
  *out = (struct sockaddr_un){.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof out->sun_path)
    return mw_error_set(err, ENAMETOOLONG,
                        "the path of the control socket is longer than %zu bytes",
                        sizeof out->sun_path - 1);
  strcpy(out->sun_path, path);
  return 0;
}

/* ---- Connecting ---- */

/* @return -errno; -EAGAIN: those that wait to be accepted are so many that there is no room. */
static int connect_patiently(int fd, const struct sockaddr_un *address)
{
  const struct timeval patience = {.tv_sec = MW_CONTROL_PATIENCE_NS / MW_NS_PER_S};

  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
      connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
    return -errno;
  return 0;
}

int mw_control_socket_connect(const char *path, struct mw_error *err)
{
  struct sockaddr_un address;
  int rc = set_address(path, &address, err);

  if (rc < 0)
    return rc;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return mw_error_set(err, errno, "cannot make a socket: %s", strerror(errno));
  rc = connect_patiently(fd, &address);
  if (rc == 0)
    return fd;
  close(fd);
  if (rc == -EAGAIN)
    return mw_error_set(err, ETIMEDOUT,
                        "the agent at %s does not answer: nobody was let in for %d s", path,
                        (int)(MW_CONTROL_PATIENCE_NS / MW_NS_PER_S));
  return mw_error_set(err, -rc, "cannot connect to %s: %s", path, strerror(-rc));
}

/* ---- Listening ---- */

static void pause_for(int64_t duration_ns)
{
  const struct timespec duration = {.tv_sec = duration_ns / MW_NS_PER_S,
                                    .tv_nsec = duration_ns % MW_NS_PER_S};

  nanosleep(&duration, NULL);
}

/* The folder of @p path, made when it lacks. @return a descriptor with a lock, or -errno. */
static int lock_folder(const char *path, struct mw_error *err)
{
  char folder[PATH_MAX];
  int64_t waited_ns = 0;

  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  strcpy(slash ? slash + (slash == folder) : folder, slash ? "" : ".");
  mkdir(folder, 0755); /* when it fails, open(2) does, and says why */
  int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return mw_error_set(err, errno, "cannot open %s: %s", folder, strerror(errno));
  while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK || waited_ns >= MW_CONTROL_PATIENCE_NS) {
      int rc = mw_error_set(err, errno, "cannot lock %s: %s", folder, strerror(errno));
      close(fd);
      return rc;
    }
    pause_for(LOCK_AGAIN_NS);
    waited_ns += LOCK_AGAIN_NS;
  }
  return fd;
}

static int bind_to(int fd, const struct sockaddr_un *address)
{
  mode_t before = umask(0177);
  int rc = bind(fd, (const struct sockaddr *)address, sizeof *address) < 0 ? -errno : 0;

  umask(before);
  return rc;
}

static int refuse_taken(const char *path, const char *who, struct mw_error *err)
{
  return mw_error_set(
      err, EADDRINUSE,
      "another agent%s has the control socket %s: stop it, or give this one a place "
      "of its own with --set socket=PATH and --set state_dir=PATH",
      who, path);
}

/* Another agent's stream: whose it is says the kernel, but not across namespaces. */
static int refuse_answered(const char *path, int fd, struct mw_error *err)
{
  struct ucred peer = {0};
  socklen_t peer_bytes = sizeof peer;
  char who[64] = "";

  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes) == 0 && peer.pid > 0)
    snprintf(who, sizeof who, " (process %d)", (int)peer.pid);
  return refuse_taken(path, who, err);
}

/* A file that nobody listens at was left by an agent that has died. */
static int remove_dead(const char *path, struct mw_error *err)
{
  struct stat status;
  int fd = mw_control_socket_connect(path, err);

  if (fd >= 0) {
    int rc = refuse_answered(path, fd, err);
    close(fd);
    return rc;
  }
  if (fd == -ETIMEDOUT)
    return refuse_taken(path, ", which does not answer,", err);
  if (fd != -ECONNREFUSED)
    return fd == -ENOENT ? 0 : fd;
  if (lstat(path, &status) == 0 && !S_ISSOCK(status.st_mode))
    return mw_error_set(err, EEXIST, "%s is there, and no socket", path);
  return unlink(path) == 0
             ? 0
             : mw_error_set(err, errno, "cannot remove %s: %s", path, strerror(errno));
}

static int find_group(const char *name, gid_t *out, struct mw_error *err)
{
  char names[16384]; /* of its members */
  struct group group, *found;
  int code = getgrnam_r(name, &group, names, sizeof names, &found);

  if (code == ERANGE) /* more members than there is room for: the number alone counts */
    found = getgrnam(name);
  else if (code != 0 && code != ENOENT)
    return mw_error_set(err, code, "cannot look for the group %s: %s", name, strerror(code));
  if (!found)
    return mw_error_set(err, EINVAL, "there is no group %s (socket_group)", name);
  *out = found->gr_gid;
  return 0;
}

/* It was made for its user alone: nobody comes in between. */
static int let_in(const struct mw_control_socket *socket, const struct mw_control_place *place,
                  struct mw_error *err)
{
  gid_t gid = 0;
  int rc = place->group ? find_group(place->group, &gid, err) : 0;

  if (rc == 0 && place->group && lchown(socket->path, (uid_t)-1, gid) < 0)
    rc = mw_error_set(err, EINVAL,
                      "cannot give the control socket %s to the group %s (socket_group): %s; the "
                      "agent's user has to be a member of it",
                      socket->path, place->group, strerror(errno));
  if (rc == 0 && chmod(socket->path, place->mode) < 0)
    rc = mw_error_set(err, errno, "cannot set the mode of %s: %s", socket->path, strerror(errno));
  if (rc < 0)
    unlink(socket->path);
  return rc;
}

/* Under the lock until it listens: before, others take it for dead. */
static int claim(struct mw_control_socket *out, const struct sockaddr_un *address,
                 const struct mw_control_place *place, struct mw_error *err)
{
  int rc = bind_to(out->fd, address);

  if (rc == -EADDRINUSE) {
    rc = remove_dead(out->path, err);
    if (rc < 0)
      return rc;
    rc = bind_to(out->fd, address);
  }
  if (rc == 0 && (lstat(out->path, &out->file) < 0 || listen(out->fd, BACKLOG) < 0))
    rc = -errno;
  if (rc == 0)
    return let_in(out, place, err);
  return mw_error_set(err, -rc, "cannot listen at %s: %s", out->path, strerror(-rc));
}

int mw_control_socket_listen(struct mw_control_socket *out, const struct mw_control_place *place,
                             struct mw_error *err)
{
  const char *path = place->path;
  struct sockaddr_un address;
  int rc = set_address(path, &address, err);

  *out = (struct mw_control_socket){.fd = -1, .path = path};
  if (rc < 0)
    return rc;
  MW_AUTO_CLOSE int lock = lock_folder(path, err);
  if (lock < 0)
    return lock;
  out->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (out->fd < 0)
    return mw_error_set(err, errno, "cannot make a socket: %s", strerror(errno));
  rc = claim(out, &address, place, err);
  if (rc < 0) {
    close(out->fd);
    out->fd = -1;
  }
  return rc;
}

static bool is_ours(const struct mw_control_socket *socket)
{
  struct stat status;

  return lstat(socket->path, &status) == 0 && status.st_dev == socket->file.st_dev &&
         status.st_ino == socket->file.st_ino;
}

void mw_control_socket_close(struct mw_control_socket *socket)
{
  if (socket->fd < 0)
    return;
  MW_AUTO_CLOSE int lock = lock_folder(socket->path, NULL);
  if (lock >= 0 && is_ours(socket))
    unlink(socket->path);
  close(socket->fd);
  socket->fd = -1;
}
