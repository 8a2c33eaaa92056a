/**
 * @file regex.h
 * Regular expressions of RE2's syntax, as Go has it: does a text contain a match?
 *
 * A pattern is read by RE2's grammar, so that what RE2 refuses is refused here with the same
 * words (look-around, back-references, possessive and atomic groups, recursion, verbs, \Z, \C), and
 * what both PCRE2 and RE2 know in different ways means what RE2 says. It is handed to PCRE2 in a
 * form that says the same there; see translate.h.
 *
 * Time: first PCRE2's backtracking matcher, fast and with a limit; what it cannot decide within the
 * limit is decided by PCRE2's breadth-first matcher, in time linear in the text. That one keeps at
 * most MW_REGEX_STATES_MAX alternatives at a time; a pattern that needs more of them for a text is
 * answered with -ELOOP, never with a silent "no".
 *
 * Sources: https://github.com/google/re2/wiki/Syntax, Go's regexp/syntax, pcre2api(3),
 * pcre2matching(3).
 * Thread-safety: a compiled expression never changes; any number of threads may match with it at
 * once. What a match needs is kept for each thread until it ends, some 20 KiB; so matching
 * allocates only the first time in a thread, and when a text is longer and wronger than before.
 */
#ifndef MW_REGEX_H
#define MW_REGEX_H

#include <stdbool.h>
#include <stddef.h>

#include "base/parse.h"
#include "moonwatch/error.h"

#define MW_REGEX_PATTERN_MAX_BYTES 4096
#define MW_REGEX_TEXT_MAX_BYTES 16384
#define MW_REGEX_STATES_MAX 128

struct mw_regex;

/**
 * @return NULL with @p err filled: -EINVAL for a pattern that RE2 refuses, -EMSGSIZE for one that
 * is too long, or needs too much room when it is compiled, or -ENOMEM. The text of the first two is
 * "invalid regex '<pattern>': error parsing regexp: <what>: `<where>`".
 */
struct mw_regex *mw_regex_compile(struct mw_slice pattern, struct mw_error *err);
void mw_regex_free(struct mw_regex *regex); /**< accepts NULL */

/** The memory that it takes, some 500 bytes for a short one, at most some 130,000. */
size_t mw_regex_bytes(const struct mw_regex *regex);

/**
 * Whether @p text has a match anywhere. A byte that is not UTF-8 counts as one U+FFFD.
 * @return 0; -ELOOP: too expensive for this text; -EMSGSIZE: the text is too long; -ENOMEM.
 */
int mw_regex_matches(const struct mw_regex *regex, struct mw_slice text, bool *out,
                     struct mw_error *err);

/** The same by the second matcher alone: to test that both say the same. */
int mw_regex_matches_breadth_first(const struct mw_regex *regex, struct mw_slice text, bool *out,
                                   struct mw_error *err);

#endif
