/**
 * @file origin.h
 * Which collectors the numbers of a reading come from.
 *
 * Counters of the same container differ from one collector to the next (what they count, when they
 * started), so a rate may only be made of two readings of equal origin.
 * Thread-safety: a plain record; the names live as long as the struct mw_stats that gave them.
 */
#ifndef MW_ORIGIN_H
#define MW_ORIGIN_H

#include <stdbool.h>

struct mw_origin {
  const char *collector; /**< who gave the reading: "cgroup"; NULL: it came through no collector */
  const char *gaps;      /**< who fills in what that one lacks; NULL: nobody has */
};

/** The names are those of the same struct mw_stats: the same name is the same pointer. */
static inline bool mw_origin_equal(struct mw_origin a, struct mw_origin b)
{
  return a.collector == b.collector && a.gaps == b.gaps;
}

#endif
