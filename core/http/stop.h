/**
 * @file stop.h
 * Stops a client from another thread or a signal handler: a flag for who computes, a descriptor for
 * who waits.
 *
 * Source: eventfd(2). Thread-safety: mw_stop_now and mw_stop_is from any thread, and from signal
 * handlers.
 */
#ifndef MW_STOP_H
#define MW_STOP_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "moonwatch/error.h"

struct mw_stop {
  atomic_bool stopped; /* lock-free, so that a signal handler may set it */
  int fd;              /**< readable from then on */
};

static inline int mw_stop_init(struct mw_stop *stop, struct mw_error *err)
{
  atomic_init(&stop->stopped, false);
  stop->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return stop->fd < 0 ? mw_error_set(err, errno, "cannot make an eventfd: %s", strerror(errno)) : 0;
}

static inline void mw_stop_deinit(struct mw_stop *stop)
{
  if (stop->fd >= 0)
    close(stop->fd);
  stop->fd = -1;
}

static inline bool mw_stop_is(const struct mw_stop *stop)
{
  return atomic_load_explicit(&stop->stopped, memory_order_acquire);
}

static inline void mw_stop_now(struct mw_stop *stop)
{
  int code = errno; /* a signal handler leaves it as it was */
  const uint64_t one = 1;

  atomic_store_explicit(&stop->stopped, true, memory_order_release);
  /* It fails only when 2^64 - 2 calls came before it, and then the descriptor is readable. */
  if (write(stop->fd, &one, sizeof one) < 0)
    errno = code;
  errno = code;
}

#endif
