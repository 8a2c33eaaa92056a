/**
 * @file loader.h
 * Reads a configuration, and checks it, in a thread of its own: whatever files and scripts do
 * meanwhile, nobody waits. One at a time.
 *
 * Thread-safety: none.
 */
#ifndef MW_LOADER_H
#define MW_LOADER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/config.h"

#define MW_LOADER_UNLOADED_MAX 64

/** Its fields are private. */
struct mw_loader {
  struct mw_config_request request;
  char unloaded_names[MW_LOADER_UNLOADED_MAX][MW_CONFIG_NAME_MAX_BYTES + 1];
  const char *unloaded[MW_LOADER_UNLOADED_MAX + 1];
  size_t unloaded_count;
  pthread_t thread;
  bool is_busy; /* the thread is to be joined */
  int fd;       /* an eventfd: the thread is about to end, and all below is the caller's again */
  int64_t began_wall_ns;
  struct mw_config *config;
  int rc;
  struct mw_error err;
};

/** @param request what it points to is borrowed. @return 0, or -errno. */
int mw_loader_init(struct mw_loader *loader, const struct mw_config_request *request,
                   struct mw_error *err);

/** The script @p name is not to be loaded when the scripts are looked at the next time; not while
 * it is busy. Beyond the bound it is loaded all the same. */
void mw_loader_leave_out(struct mw_loader *loader, const char *name);

/** Begin to read, while it is not busy. @return 0, or why there is no thread. */
int mw_loader_begin(struct mw_loader *loader, struct mw_error *err);

struct mw_loaded {
  struct mw_config *config; /**< the caller's; NULL: there is none */
  int rc;                   /**< of mw_config_load and mw_config_check_scripts, with @c err */
  struct mw_error err;
  int64_t began_wall_ns;
};

/** Has it been read? @return false: not yet, or it is not busy. */
bool mw_loader_take(struct mw_loader *loader, struct mw_loaded *out);

/** Stop reading, until @p deadline_ns of the monotonic clock, and free what there is. @return
 * false: it hangs in a call of the system, and is still in use. */
bool mw_loader_stop(struct mw_loader *loader, int64_t deadline_ns);

#endif
