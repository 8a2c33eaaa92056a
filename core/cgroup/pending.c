/* Cgroups that are still to be visited: their paths, each with its NUL, last in first out. */
#include <string.h>

#include "cgroup/internal.h"

bool mw_pending_push(struct mw_cgroups *cgroups, const char *path)
{
  return mw_buf_append(&cgroups->pending, path, strlen(path) + 1, NULL) == 0;
}

bool mw_pending_pop(struct mw_cgroups *cgroups, char path[static PATH_MAX])
{
  struct mw_buf *pending = &cgroups->pending;

  if (pending->len_bytes == 0)
    return false;
  const char *nul = memrchr(pending->data, '\0', pending->len_bytes - 1);
  const char *last = nul ? nul + 1 : pending->data;
  strcpy(path, last);
  pending->len_bytes = (size_t)(last - pending->data);
  return true;
}
