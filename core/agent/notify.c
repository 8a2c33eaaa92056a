#include "agent/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/parse.h"
#include "moonwatch/clock.h"

#define US_MAX UINT64_C(1000000000000) /* eleven days */

/* @return the number of a variable, or 0. */
static uint64_t number_of(const char *variable)
{
  const char *text = getenv(variable);
  uint64_t value;

  return text && mw_parse_u64((struct mw_slice){text, strlen(text)}, &value) ? value : 0;
}

static int64_t watchdog_ns(void)
{
  uint64_t pid = number_of("WATCHDOG_PID"), interval_us = number_of("WATCHDOG_USEC");

  if ((pid != 0 && pid != (uint64_t)getpid()) || interval_us > US_MAX)
    return 0;
  return (int64_t)interval_us * 1000;
}

/* A name that begins with @ is in the abstract namespace: its address begins with a NUL. */
static int connect_to(const char *name, struct mw_error *err)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t name_bytes = strlen(name);

  if ((*name != '/' && *name != '@') || name_bytes >= sizeof address.sun_path)
    return mw_error_set(err, EINVAL, "NOTIFY_SOCKET is \"%s\", which is no address of a socket",
                        name);
  memcpy(address.sun_path, name, name_bytes);
  if (*name == '@')
    address.sun_path[0] = '\0';
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + name_bytes)) == 0)
    return fd;
  int rc = mw_error_set(err, errno, "cannot reach NOTIFY_SOCKET %s: %s", name, strerror(errno));
  if (fd >= 0)
    close(fd);
  return rc;
}

int mw_notify_open(struct mw_notify *notify, struct mw_error *err)
{
  const char *name = getenv("NOTIFY_SOCKET");

  *notify = (struct mw_notify){.fd = -1};
  if (!name || !*name)
    return 0;
  int fd = connect_to(name, err);
  if (fd < 0)
    return fd;
  *notify = (struct mw_notify){.fd = fd, .watchdog_ns = watchdog_ns()};
  return 0;
}

void mw_notify_close(struct mw_notify *notify)
{
  if (notify->fd >= 0)
    close(notify->fd);
  notify->fd = -1;
}

void mw_notify_send(const struct mw_notify *notify, const char *lines)
{
  if (notify->fd >= 0)
    (void)!send(notify->fd, lines, strlen(lines), MSG_NOSIGNAL);
}
