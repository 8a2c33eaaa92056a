/**
 * @file notify.h
 * Tells the service manager how the agent is: datagrams to NOTIFY_SOCKET, which systemd sets.
 * Source: sd_notify(3), sd_watchdog_enabled(3). Thread-safety: none.
 */
#ifndef MW_NOTIFY_H
#define MW_NOTIFY_H

#include <stdint.h>

#include "moonwatch/error.h"

struct mw_notify {
  int fd;              /**< -1: nobody wants to know */
  int64_t watchdog_ns; /**< how often it wants to hear of us; 0: never */
};

/**
 * Of the environment: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID. @return 0, also when nobody wants
 * to know; or -errno: somebody does, but cannot be reached.
 */
int mw_notify_open(struct mw_notify *notify, struct mw_error *err);
void mw_notify_close(struct mw_notify *notify);

/** Lines of the protocol, such as "READY=1". What nobody receives is lost. */
void mw_notify_send(const struct mw_notify *notify, const char *lines);

#endif
