/**
 * @file pattern.h
 * Lua patterns that can be stopped: matching without recursion, and without Lua.
 *
 * Source: Lua 5.1 reference manual, section 5.4.1, and for what it leaves open the behaviour of
 * LuaJIT 2.1, %g included. As there, a mistake in a pattern shows only when matching gets to it.
 * One thing differs: a NUL byte in a pattern is a character like any other.
 *
 * Matching looks at *stop wherever it could go on for long: a flag that a signal sets ends it.
 * Thread-safety: none needed; all state is in the struct.
 */
#ifndef MW_SCRIPT_PATTERN_H
#define MW_SCRIPT_PATTERN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#define MW_PATTERN_CAPTURES_MAX 32
#define MW_PATTERN_CHOICES_MAX 200 /* repetitions and captures in a pattern, roughly */

enum mw_pattern_outcome {
  MW_PATTERN_NO_MATCH,
  MW_PATTERN_MATCH,
  MW_PATTERN_STOPPED, /**< *stop was set */
  MW_PATTERN_INVALID, /**< why is in problem */
};

enum mw_capture_state { MW_CAPTURE_OPEN, MW_CAPTURE_TEXT, MW_CAPTURE_POSITION };

struct mw_capture {
  const char *start;
  size_t len_bytes; /**< of MW_CAPTURE_TEXT */
  enum mw_capture_state state;
};

/** Fill the first five, then ask; subject and pattern are borrowed. */
struct mw_pattern {
  const char *subject, *subject_end;
  const char *pattern, *pattern_end; /**< without the anchor "^", which is the caller's affair */
  const volatile sig_atomic_t *stop;

  const char *problem; /**< after MW_PATTERN_INVALID: "malformed pattern (missing ']')" */
  size_t captures_count;
  struct mw_capture captures[MW_PATTERN_CAPTURES_MAX];
};

/**
 * Match at @p start exactly. After MW_PATTERN_MATCH, @p end is behind the match and the captures
 * are filled; one may still be MW_CAPTURE_OPEN, when the pattern did not close it.
 */
enum mw_pattern_outcome mw_pattern_match(struct mw_pattern *pattern, const char *start,
                                         const char **end);

/**
 * Match at the first place from *start on where it can; *start is then moved there.
 * @p anchored: only at *start itself.
 */
enum mw_pattern_outcome mw_pattern_search(struct mw_pattern *pattern, bool anchored,
                                          const char **start, const char **end);

/**
 * Whether @p text, which ends with '\0', has no character that means something in a pattern. The
 * answer may be false for a plain text with '\0' inside.
 */
bool mw_pattern_is_plain(const char *text, size_t len_bytes);

#endif
