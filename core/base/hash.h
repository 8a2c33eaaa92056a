/** @file hash.h  uthash, set so that running out of memory is an error and not an exit. */
#ifndef MW_HASH_H
#define MW_HASH_H

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#endif
