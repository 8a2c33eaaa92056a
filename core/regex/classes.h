/**
 * @file classes.h
 * Sets of characters, written as the inside of a PCRE2 character class.
 *
 * All of ASCII but letters, digits and '_' is written as a number: nothing can mean more than it
 * is. Thread-safety: no state.
 */
#ifndef MW_REGEX_CLASSES_H
#define MW_REGEX_CLASSES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/parse.h"

#define MW_RUNE_MAX 0x10FFFFu

/** A set of ASCII characters that has a name. */
struct mw_ascii_class;

/** "alpha" of [[:alpha:]], or "d", "s", "w" of \\d, \\s, \\w; NULL: no such class. */
const struct mw_ascii_class *mw_ascii_class_find(struct mw_slice name);

/** Whether \\p{name} exists: "Any", a general category ("N", "Lu") or a script ("Greek"). */
bool mw_unicode_class_exists(struct mw_slice name);

/* What follows appends to @p out, and returns 0, -EMSGSIZE or -ENOMEM. Surrogates are left out: no
 * text has them. So a set may be written as nothing at all. */

int mw_class_put_range(struct mw_buf *out, uint32_t low, uint32_t high, struct mw_error *err);

/** @p fold: letters of either case are meant, so the complement must have neither. */
int mw_class_put_ascii(struct mw_buf *out, const struct mw_ascii_class *class, bool negated,
                       bool fold, struct mw_error *err);
int mw_class_put_unicode(struct mw_buf *out, struct mw_slice name, bool negated, bool fold,
                         struct mw_error *err);

#endif
