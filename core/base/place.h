/** @file place.h  The owner's side of moonwatch/place.h. */
#ifndef MW_BASE_PLACE_H
#define MW_BASE_PLACE_H

#include <stddef.h>

#include "moonwatch/place.h"

/** Another version, at first and whenever something was removed. Never 0. Any thread. */
uint64_t mw_place_new_version(void);

/** What was found there under @p version; NULL: look for it. @p place may be NULL. */
static inline void *mw_place_get(const struct mw_place *place, uint64_t version)
{
  return place && place->version == version ? place->at : NULL;
}

/** Remember where it is. @p place may be NULL. */
static inline void mw_place_set(struct mw_place *place, void *at, uint64_t version)
{
  if (place)
    *place = (struct mw_place){at, version};
}

#endif
