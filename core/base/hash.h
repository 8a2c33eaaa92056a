/**
 * @file hash.h
 * uthash, set so that running out of memory is an error and not an exit, and with a hash function
 * that takes eight bytes at a time: keys here are paths and ids of a hundred bytes, and a walk or a
 * run looks up thousands of them.
 */
#ifndef MW_HASH_H
#define MW_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Multiply and fold; well spread in the low bits, which uthash uses. Not for untrusted floods. */
static inline unsigned mw_hash_bytes(const void *key, size_t len_bytes)
{
  const uint64_t odd = UINT64_C(0x9E3779B97F4A7C15); /* 2^64 divided by the golden ratio */
  const char *bytes = key;
  uint64_t hash = len_bytes * odd, word;

  for (; len_bytes >= sizeof word; bytes += sizeof word, len_bytes -= sizeof word) {
    memcpy(&word, bytes, sizeof word);
    hash = (hash ^ word) * odd;
    hash ^= hash >> 32;
  }
  word = 0;
  memcpy(&word, bytes, len_bytes);
  hash = (hash ^ word) * odd;
  return (unsigned)(hash ^ hash >> 32);
}

#define HASH_FUNCTION(key, len_bytes, hash) ((hash) = mw_hash_bytes((key), (len_bytes)))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#endif
