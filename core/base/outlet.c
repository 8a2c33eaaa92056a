#include "base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "moonwatch/clock.h"

#define AGAIN_MS 5

int mw_outlet_open(int fd)
{
  struct stat status;
  char path[32];

  if (fstat(fd, &status) != 0 || !(S_ISFIFO(status.st_mode) || isatty(fd)))
    return -1;
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int64_t left_ns(int64_t deadline_ns)
{
  return deadline_ns - mw_clock_monotonic_ns(mw_clock_system());
}

static int nobody_takes_it(struct mw_error *err)
{
  return mw_error_set(err, ETIMEDOUT, "nobody takes what is written");
}

static int wait_until_writable(int fd, int64_t deadline_ns, struct mw_error *err)
{
  struct pollfd poller = {.fd = fd, .events = POLLOUT};

  for (;;) {
    int64_t patience_ns = left_ns(deadline_ns);
    int patience_ms = patience_ns > 0 ? (int)(patience_ns / MW_NS_PER_MS) + 1 : 0;
    int rc = poll(&poller, 1, patience_ms);
    if (rc > 0)
      return 0; /* an error, too, which write(2) then tells */
    if (rc == 0 && patience_ms == 0)
      return nobody_takes_it(err);
    if (rc < 0 && errno != EINTR)
      return mw_error_set(err, errno, "cannot wait: %s", strerror(errno));
  }
}

static ssize_t write_part(int fd, const void *data, size_t len_bytes)
{
  struct stat status;

  if (fstat(fd, &status) != 0 || S_ISREG(status.st_mode))
    return write(fd, data, len_bytes);
  size_t part_bytes = len_bytes < PIPE_BUF ? len_bytes : PIPE_BUF;
  if (S_ISSOCK(status.st_mode))
    return send(fd, data, part_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
  return write(fd, data, part_bytes);
}

ssize_t mw_outlet_write(int fd, const void *data, size_t len_bytes, int64_t deadline_ns,
                        struct mw_error *err)
{
  for (;;) {
    int rc = wait_until_writable(fd, deadline_ns, err);
    if (rc < 0)
      return rc;
    ssize_t used = write_part(fd, data, len_bytes);
    if (used >= 0)
      return used;
    if (errno != EINTR && errno != EAGAIN)
      return mw_error_set(err, errno, "cannot write: %s", strerror(errno));
    if (left_ns(deadline_ns) <= 0)
      return nobody_takes_it(err);
    if (errno == EAGAIN) /* there is room, but too little for what comes next */
      poll(NULL, 0, AGAIN_MS);
  }
}
