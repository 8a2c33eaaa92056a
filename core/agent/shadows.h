/**
 * @file shadows.h
 * Scripts and modules of operators that stand in front of those that ship, and whether the shipped
 * one has changed since.
 *
 * The first of script_dirs that has a file wins, the last one is the shipped one. What a shadow was
 * made from, nobody says; so the agent keeps, in the text file "shadows" of its state directory,
 * the fingerprint that the shipped file had when it first saw the shadow with the content that it
 * has. Who changes the shadow is taken to have looked at the shipped file.
 *
 * Thread-safety: none; the functions of places alone have no state.
 */
#ifndef MW_SHADOWS_H
#define MW_SHADOWS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/error.h"

/** Where a script is. */
struct mw_script_place {
  char file[PATH_MAX];    /**< the one that counts; "": there is none */
  char shipped[PATH_MAX]; /**< the shipped one, where it is another; "": none stands behind it */
};

/**
 * Find FOLDER/NAME.lua below @p dirs, which end with NULL; @p folder is "sources", "checks",
 * "sinks" or "moonwatch". @return whether there is one.
 */
bool mw_script_place_find(const char *const *dirs, const char *folder, const char *name,
                          struct mw_script_place *out);

/** Something that stands in front of something shipped. */
struct mw_shadow {
  char *folder, *name;
  struct mw_script_place place;
  bool shipped_changed;                    /**< since the agent first saw this shadow */
  int64_t first_seen_s;                    /**< of the wall clock; 0: it is not kept */
  uint64_t own, shipped, shipped_at_first; /**< fingerprints */
};

struct mw_shadows;

/** @p state_dir is copied; NULL: nothing is kept. @return NULL with -ENOMEM in @p err. */
struct mw_shadows *mw_shadows_new(const char *state_dir, struct mw_error *err);
void mw_shadows_free(struct mw_shadows *shadows); /**< accepts NULL */

/**
 * Look at what is below @p dirs, and (@p remembers) keep what was seen for the first time.
 * @return 0, or -errno: what is known is right, but could not be kept.
 */
int mw_shadows_look(struct mw_shadows *shadows, const char *const *dirs, bool remembers,
                    struct mw_error *err);

/** Look, and keep; where that fails the log says so, now and then. */
void mw_shadows_keep(struct mw_shadows *shadows, const char *const *dirs);

/** Those of the last look, by folder and name. */
size_t mw_shadows_count(const struct mw_shadows *shadows);
const struct mw_shadow *mw_shadow(const struct mw_shadows *shadows, size_t index);

/** @return NULL: it shadows nothing. */
const struct mw_shadow *mw_shadow_of(const struct mw_shadows *shadows, const char *folder,
                                     const char *name);

#endif
