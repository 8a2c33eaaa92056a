/**
 * @file place.h
 * Where something was found last. Who asks for the same containers again and again gives a place
 * along with each, zeroed at first, and spares the owner a look into tables that are larger than
 * the caches of a CPU.
 *
 * A place holds for as long as its owner has removed nothing, which the version tells: versions are
 * drawn from one counter of the process, so that no place of one object is taken for another's.
 * Thread-safety: a place belongs to one thread at a time, and to one container; owners look at it
 * with their own mutex held.
 */
#ifndef MW_PLACE_H
#define MW_PLACE_H

#include <stdint.h>

/** Zero it before the first use. Nothing has to be released. */
struct mw_place {
  void *at;
  uint64_t version; /**< 0: nothing was found yet */
};

#endif
