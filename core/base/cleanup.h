/** @file cleanup.h  Release a local resource when its scope ends, on every path. */
#ifndef MW_CLEANUP_H
#define MW_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define MW_AUTO_FREE __attribute__((cleanup(mw_auto_free)))
#define MW_AUTO_CLOSE __attribute__((cleanup(mw_auto_close)))

/* The attribute hands over the address of a pointer of any type, hence void *. */
static inline void mw_auto_free(void *pointer_address)
{
  free(*(void **)pointer_address);
}

static inline void mw_auto_close(const int *fd)
{
  if (*fd >= 0)
    close(*fd);
}

#endif
