#include "agent/loader.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"
#include "moonwatch/clock.h"
#include "script/script.h"

/* As that of a worker, which loads scripts as well. */
#define STACK_BYTES ((size_t)512 << 10)

#define INTERRUPT_EVERY_MS 10

int mw_loader_init(struct mw_loader *loader, const struct mw_config_request *request,
                   struct mw_error *err)
{
  *loader = (struct mw_loader){.request = *request, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  return loader->fd >= 0 ? 0
                         : mw_error_set(err, errno, "cannot make an eventfd: %s", strerror(errno));
}

void mw_loader_leave_out(struct mw_loader *loader, const char *name)
{
  if (loader->unloaded_count == MW_LOADER_UNLOADED_MAX)
    return;
  char *kept = loader->unloaded_names[loader->unloaded_count];
  snprintf(kept, sizeof loader->unloaded_names[0], "%s", name);
  loader->unloaded[loader->unloaded_count++] = kept;
  loader->request.unloaded_scripts = loader->unloaded;
}

static void *work(void *data)
{
  struct mw_loader *loader = data;

  pthread_setname_np(pthread_self(), "configuration");
  loader->config = mw_config_load(&loader->request, &loader->err);
  loader->rc =
      loader->config ? mw_config_check_scripts(loader->config, &loader->err) : -loader->err.code;
  eventfd_write(loader->fd, 1);
  return NULL;
}

int mw_loader_begin(struct mw_loader *loader, struct mw_error *err)
{
  loader->began_wall_ns = mw_clock_wall_ns(mw_clock_system());
  int rc = mw_thread_start(&loader->thread, STACK_BYTES, work, loader);

  if (rc < 0)
    return mw_error_set(err, -rc, "cannot start the thread that reads the configuration: %s",
                        strerror(-rc));
  loader->is_busy = true;
  return 0;
}

bool mw_loader_take(struct mw_loader *loader, struct mw_loaded *out)
{
  eventfd_t count;

  if (!loader->is_busy || eventfd_read(loader->fd, &count) < 0)
    return false;
  pthread_join(loader->thread, NULL);
  loader->is_busy = false;
  memset(loader->unloaded, 0, sizeof loader->unloaded);
  loader->unloaded_count = 0;
  *out = (struct mw_loaded){.config = loader->config,
                            .rc = loader->rc,
                            .err = loader->err,
                            .began_wall_ns = loader->began_wall_ns};
  return true;
}

/* Each script that it loads is interrupted in turn. */
bool mw_loader_stop(struct mw_loader *loader, int64_t deadline_ns)
{
  struct pollfd done = {.fd = loader->fd, .events = POLLIN};
  struct mw_loaded loaded;

  while (loader->is_busy && poll(&done, 1, INTERRUPT_EVERY_MS) <= 0) {
    if (mw_clock_monotonic_ns(mw_clock_system()) > deadline_ns)
      return false;
    mw_script_interrupt(loader->thread);
  }
  if (mw_loader_take(loader, &loaded))
    mw_config_free(loaded.config);
  if (loader->fd >= 0)
    close(loader->fd);
  loader->fd = -1;
  return true;
}
