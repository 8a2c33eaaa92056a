/**
 * @file translate.h
 * From RE2's grammar to a pattern that means the same to PCRE2.
 *
 * Read by RE2's rules, token by token, and written with few and unambiguous means: characters as
 * letters, digits or numbers, sets with brackets, groups that capture nothing, and anchors that
 * depend on no option. So nothing that only PCRE2 knows gets through, and what differs is written
 * out: \\s has no vertical tab, $ is the very end of the text, (?i)\\w has the Kelvin sign.
 * Only whether there is a match is kept: names and numbers of groups are not.
 *
 * What is written is meant for PCRE2_UTF, PCRE2_DOTALL, PCRE2_MULTILINE and PCRE2_ALT_CIRCUMFLEX,
 * with line feed as newline. Case folding of \\p is that of letters as such: (?i)\\p{Lu}, \\p{Ll}
 * and
 * \\p{Lt} are letters of any case, and other classes stay as they are.
 * Thread-safety: no state.
 */
#ifndef MW_REGEX_TRANSLATE_H
#define MW_REGEX_TRANSLATE_H

#include "base/buf.h"
#include "base/parse.h"

/** Groups inside each other. */
#define MW_REGEX_DEPTH_MAX 250

/** The largest count in {n,m}, and the largest product of those inside each other. */
#define MW_REGEX_REPEATS_MAX 1000

/** The two ways of PCRE2 to look for a match. */
enum mw_regex_matcher {
  MW_REGEX_BACKTRACKING,  /**< pcre2_match */
  MW_REGEX_BREADTH_FIRST, /**< pcre2_dfa_match, anchored: ".*?" in front makes one pass of it */
};

/**
 * Append @p pattern as PCRE2 wants it to @p out.
 * @return 0, or as mw_regex_compile; @p out may then hold a part.
 */
int mw_regex_translate(struct mw_slice pattern, enum mw_regex_matcher matcher, struct mw_buf *out,
                       struct mw_error *err);

/** Fill @p err as mw_regex_compile says; @p where is a piece of @p pattern. @return -code. */
int mw_regex_refuse(struct mw_slice pattern, const char *what, struct mw_slice where, int code,
                    struct mw_error *err);

#endif
