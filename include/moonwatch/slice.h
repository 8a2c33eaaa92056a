/** @file slice.h  A piece of somebody else's text. */
#ifndef MW_SLICE_H
#define MW_SLICE_H

#include <stddef.h>

struct mw_slice {
  const char *data; /**< not ended by '\0' */
  size_t len_bytes;
};

#endif
