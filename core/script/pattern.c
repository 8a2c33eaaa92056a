#include "script/pattern.h"

#include <stdint.h>
#include <string.h>

#define ESCAPE '%'

/* ---- Classes of characters ---- */

enum {
  ALPHA = 1 << 0,
  CONTROL = 1 << 1,
  DIGIT = 1 << 2,
  GRAPH = 1 << 3,
  LOWER = 1 << 4,
  PUNCT = 1 << 5,
  SPACE = 1 << 6,
  UPPER = 1 << 7,
  HEX = 1 << 8,
  ZERO = 1 << 9,
};

/* ASCII, whatever the locale. */
static const uint16_t classes_of[256] = {
    [0] = CONTROL | ZERO,
    [1 ... 8] = CONTROL,
    ['\t' ... '\r'] = CONTROL | SPACE,
    [14 ... 31] = CONTROL,
    [' '] = SPACE,
    ['!' ... '/'] = PUNCT | GRAPH,
    ['0' ... '9'] = DIGIT | HEX | GRAPH,
    [':' ... '@'] = PUNCT | GRAPH,
    ['A' ... 'F'] = ALPHA | UPPER | HEX | GRAPH,
    ['G' ... 'Z'] = ALPHA | UPPER | GRAPH,
    ['[' ... '`'] = PUNCT | GRAPH,
    ['a' ... 'f'] = ALPHA | LOWER | HEX | GRAPH,
    ['g' ... 'z'] = ALPHA | LOWER | GRAPH,
    ['{' ... '~'] = PUNCT | GRAPH,
    [127] = CONTROL,
};

static const uint16_t class_of_letter[26] = {
    ['a' - 'a'] = ALPHA,         ['c' - 'a'] = CONTROL, ['d' - 'a'] = DIGIT, ['g' - 'a'] = GRAPH,
    ['l' - 'a'] = LOWER,         ['p' - 'a'] = PUNCT,   ['s' - 'a'] = SPACE, ['u' - 'a'] = UPPER,
    ['w' - 'a'] = ALPHA | DIGIT, ['x' - 'a'] = HEX,     ['z' - 'a'] = ZERO,
};

static bool is_letter(uint8_t c)
{
  return classes_of[c] & ALPHA;
}

/* The class that %letter names, or 0 when it stands for the character itself. */
static uint16_t class_named(uint8_t letter)
{
  return is_letter(letter) ? class_of_letter[(letter | 0x20) - 'a'] : 0;
}

static bool matches_escaped(uint8_t c, uint8_t letter)
{
  uint16_t class = class_named(letter);
  if (class == 0)
    return c == letter;
  return ((classes_of[c] & class) != 0) == ((classes_of[letter] & LOWER) != 0);
}

/* ---- Items: what matches one character ---- */

enum item_kind { ANY, BYTE, CLASS, SET };

struct item {
  enum item_kind kind;
  uint8_t byte;        /* BYTE */
  bool wanted;         /* CLASS and SET: true, or false for the complement */
  uint16_t class;      /* CLASS */
  const uint8_t *from; /* SET: what stands between the brackets */
  const uint8_t *to;
  const char *after; /* the pattern behind the item */
};

static bool set_contains(const uint8_t *from, const uint8_t *to, uint8_t c)
{
  while (from < to) {
    if (*from == ESCAPE) { /* never the last: the set's end was found in the same way */
      if (matches_escaped(c, from[1]))
        return true;
      from += 2;
    } else if (to - from > 2 && from[1] == '-') {
      if (from[0] <= c && c <= from[2])
        return true;
      from += 3;
    } else if (*from++ == c) {
      return true;
    }
  }
  return false;
}

static inline bool item_matches(const struct item *item, uint8_t c)
{
  switch (item->kind) {
  case ANY:
    return true;
  case BYTE:
    return c == item->byte;
  case CLASS:
    return ((classes_of[c] & item->class) != 0) == item->wanted;
  case SET:
    break;
  }
  return set_contains(item->from, item->to, c) == item->wanted;
}

/* How far @p item matches from @p s on. */
static const char *run_end(const struct item *item, const char *s, const char *end)
{
  if (item->kind == ANY)
    return end;
  if (item->kind == CLASS) {
    while (s < end && ((classes_of[(uint8_t)*s] & item->class) != 0) == item->wanted)
      s++;
    return s;
  }
  while (s < end && item_matches(item, (uint8_t)*s))
    s++;
  return s;
}

/* ---- One attempt ---- */

enum step { ADVANCED, FAILED, MATCHED, EXHAUSTED, INVALID };

/* Where another way can be tried, or a capture has to be undone on the way back there. A pattern
 * pushes at most one for each of its repetitions and brackets, so their number is bounded by its
 * length and never by the subject's. */
enum choice_kind { GIVE_BACK, TAKE_MORE, UNDO_OPEN, UNDO_CLOSE };

struct choice {
  enum choice_kind kind;
  uint32_t capture;    /* UNDO_CLOSE */
  const char *p;       /* pattern: behind the item of GIVE_BACK, at the item of TAKE_MORE */
  const char *s;       /* subject: where the repetition ends for now */
  const char *s_least; /* GIVE_BACK: where it must not end before */
};

struct attempt {
  struct mw_pattern *pattern;
  const char *p;
  const char *s;
  size_t choices_count;
  struct choice choices[MW_PATTERN_CHOICES_MAX];
};

static enum step invalid(struct attempt *at, const char *problem)
{
  at->pattern->problem = problem;
  return INVALID;
}

static inline enum step push_choice(struct attempt *at, struct choice choice)
{
  if (at->choices_count == MW_PATTERN_CHOICES_MAX)
    return invalid(at, "pattern too complex");
  at->choices[at->choices_count++] = choice;
  return ADVANCED;
}

/* The set behind the bracket at at->p. Its first character is never its end: "[]]". */
static enum step decode_set(struct attempt *at, const char *bracket, struct item *item)
{
  const char *end = at->pattern->pattern_end;
  const char *p = bracket + 1;

  item->kind = SET;
  item->wanted = !(p < end && *p == '^');
  p += !item->wanted;
  item->from = (const uint8_t *)p;
  do {
    p += p < end && *p == ESCAPE ? 2 : 1;
  } while (p < end && *p != ']');
  if (p >= end)
    return invalid(at, "malformed pattern (missing ']')");
  item->to = (const uint8_t *)p;
  item->after = p + 1;
  return ADVANCED;
}

static inline enum step decode_item(struct attempt *at, const char *p, struct item *item)
{
  uint8_t c = (uint8_t)*p;

  if (c == '[')
    return decode_set(at, p, item);
  item->after = p + 1;
  if (c != ESCAPE) {
    item->kind = c == '.' ? ANY : BYTE;
    item->byte = c;
    return ADVANCED;
  }
  if (p + 1 == at->pattern->pattern_end)
    return invalid(at, "malformed pattern (ends with '%')");
  uint8_t letter = (uint8_t)p[1];
  item->after = p + 2;
  item->class = class_named(letter);
  item->kind = item->class ? CLASS : BYTE;
  item->wanted = (classes_of[letter] & LOWER) != 0;
  item->byte = letter;
  return ADVANCED;
}

/* ---- Captures ---- */

static enum step open_capture(struct attempt *at)
{
  struct mw_pattern *m = at->pattern;
  bool position = at->p + 1 < m->pattern_end && at->p[1] == ')';

  if (m->captures_count == MW_PATTERN_CAPTURES_MAX)
    return invalid(at, "too many captures");
  m->captures[m->captures_count++] = (struct mw_capture){
      .start = at->s, .state = position ? MW_CAPTURE_POSITION : MW_CAPTURE_OPEN};
  at->p += position ? 2 : 1;
  return push_choice(at, (struct choice){.kind = UNDO_OPEN});
}

static enum step close_capture(struct attempt *at)
{
  struct mw_pattern *m = at->pattern;
  size_t i = m->captures_count;

  while (i > 0 && m->captures[i - 1].state != MW_CAPTURE_OPEN)
    i--;
  if (i == 0)
    return invalid(at, "invalid pattern capture");
  struct mw_capture *capture = &m->captures[i - 1];
  capture->len_bytes = (size_t)(at->s - capture->start);
  capture->state = MW_CAPTURE_TEXT;
  at->p++;
  return push_choice(at, (struct choice){.kind = UNDO_CLOSE, .capture = (uint32_t)(i - 1)});
}

/* %1 to %9: the text of an earlier capture again. */
static enum step match_capture(struct attempt *at)
{
  struct mw_pattern *m = at->pattern;
  size_t number = (size_t)(at->p[1] - '0');

  if (number == 0 || number > m->captures_count || m->captures[number - 1].state == MW_CAPTURE_OPEN)
    return invalid(at, "invalid capture index");
  const struct mw_capture *capture = &m->captures[number - 1];
  if (capture->state == MW_CAPTURE_POSITION ||
      (size_t)(m->subject_end - at->s) < capture->len_bytes ||
      memcmp(at->s, capture->start, capture->len_bytes) != 0)
    return FAILED;
  at->s += capture->len_bytes;
  at->p += 2;
  return ADVANCED;
}

/* ---- Steps ---- */

/* %bxy: from an x to the y that balances it. */
static enum step match_balanced(struct attempt *at)
{
  const struct mw_pattern *m = at->pattern;
  size_t depth = 1;

  if (m->pattern_end - at->p < 4)
    return invalid(at, "unbalanced pattern");
  char opens = at->p[2], closes = at->p[3];
  if (at->s == m->subject_end || *at->s != opens)
    return FAILED;
  for (const char *s = at->s + 1; s < m->subject_end; s++) {
    if (*s == closes && --depth == 0) {
      at->s = s + 1;
      at->p += 4;
      return ADVANCED;
    }
    if (*s == opens && *s != closes)
      depth++;
  }
  return FAILED;
}

/* %f[set]: the border where the set begins; outside the subject stands '\0'. */
static enum step match_frontier(struct attempt *at)
{
  const struct mw_pattern *m = at->pattern;
  struct item set = {.kind = SET};

  if (m->pattern_end - at->p < 3 || at->p[2] != '[')
    return invalid(at, "missing '[' after '%f' in pattern");
  enum step step = decode_set(at, at->p + 2, &set);
  if (step != ADVANCED)
    return step;
  char before = at->s == m->subject ? '\0' : at->s[-1];
  char here = at->s == m->subject_end ? '\0' : *at->s;
  if (item_matches(&set, (uint8_t)before) || !item_matches(&set, (uint8_t)here))
    return FAILED;
  at->p = set.after;
  return ADVANCED;
}

static inline enum step repeat_greedily(struct attempt *at, const struct item *item, bool once_more)
{
  const char *least = at->s + once_more;
  const char *most = run_end(item, at->s, at->pattern->subject_end);

  if (most < least)
    return FAILED;
  at->p = item->after + 1;
  at->s = most;
  if (most == least)
    return ADVANCED;
  return push_choice(at,
                     (struct choice){.kind = GIVE_BACK, .p = at->p, .s = most, .s_least = least});
}

/* One character, or a repetition of it. */
static inline enum step match_item(struct attempt *at)
{
  const struct mw_pattern *m = at->pattern;
  struct item item;

  enum step step = decode_item(at, at->p, &item);
  if (step != ADVANCED)
    return step;
  char suffix = item.after < m->pattern_end ? *item.after : '\0';
  if (suffix == '*' || suffix == '+')
    return repeat_greedily(at, &item, suffix == '+');
  if (suffix == '-') {
    step = push_choice(at, (struct choice){.kind = TAKE_MORE, .p = at->p, .s = at->s});
    at->p = item.after + 1;
    return step;
  }
  bool matches = at->s < m->subject_end && item_matches(&item, (uint8_t)*at->s);
  if (suffix != '?') {
    at->p = item.after;
    at->s += matches;
    return matches ? ADVANCED : FAILED;
  }
  at->p = item.after + 1;
  at->s += matches;
  if (!matches)
    return ADVANCED;
  return push_choice(
      at, (struct choice){.kind = GIVE_BACK, .p = at->p, .s = at->s, .s_least = at->s - 1});
}

static inline enum step advance(struct attempt *at)
{
  const char *end = at->pattern->pattern_end;

  if (at->p == end)
    return MATCHED;
  switch (*at->p) {
  case '(':
    return open_capture(at);
  case ')':
    return close_capture(at);
  case '$':
    if (at->p + 1 == end)
      return at->s == at->pattern->subject_end ? MATCHED : FAILED;
    break;
  case ESCAPE:
    if (at->p + 1 == end)
      break;
    if (at->p[1] == 'b')
      return match_balanced(at);
    if (at->p[1] == 'f')
      return match_frontier(at);
    if (classes_of[(uint8_t)at->p[1]] & DIGIT)
      return match_capture(at);
    break;
  default:
    break;
  }
  return match_item(at);
}

/* One character more for the lazy repetition on top; gone when there is none. */
static enum step take_more(struct attempt *at, struct choice *choice)
{
  struct item item;

  decode_item(at, choice->p, &item); /* succeeded when the choice was pushed */
  if (choice->s == at->pattern->subject_end || !item_matches(&item, (uint8_t)*choice->s)) {
    at->choices_count--;
    return FAILED;
  }
  at->s = ++choice->s;
  at->p = item.after + 1;
  return ADVANCED;
}

/* Go back to the last place with another way, undoing the captures on the way there. */
static enum step back_up(struct attempt *at)
{
  while (at->choices_count > 0) {
    struct choice *choice = &at->choices[at->choices_count - 1];
    switch (choice->kind) {
    case GIVE_BACK:
      at->p = choice->p;
      at->s = --choice->s;
      at->choices_count -= choice->s == choice->s_least;
      return ADVANCED;
    case TAKE_MORE:
      if (take_more(at, choice) == ADVANCED)
        return ADVANCED;
      break;
    case UNDO_OPEN:
      at->pattern->captures_count--;
      at->choices_count--;
      break;
    case UNDO_CLOSE:
      at->pattern->captures[choice->capture].state = MW_CAPTURE_OPEN;
      at->choices_count--;
      break;
    }
  }
  return EXHAUSTED;
}

enum mw_pattern_outcome mw_pattern_match(struct mw_pattern *pattern, const char *start,
                                         const char **end)
{
  struct attempt at; /* not zeroed: of the choices only choices_count are ever looked at */
  enum step step;

  at.pattern = pattern;
  at.p = pattern->pattern;
  at.s = start;
  at.choices_count = 0;
  pattern->captures_count = 0;
  do {
    step = advance(&at);
    if (step == FAILED) {
      if (*pattern->stop)
        return MW_PATTERN_STOPPED;
      step = back_up(&at);
    }
  } while (step == ADVANCED);
  *end = at.s;
  if (step == INVALID)
    return MW_PATTERN_INVALID;
  return step == MATCHED ? MW_PATTERN_MATCH : MW_PATTERN_NO_MATCH;
}

static const char specials[] = "^$*+?.([%-";

/* Whether every match begins with the first character of the pattern. ')' is a mistake there. */
static bool begins_literally(const struct mw_pattern *m)
{
  ptrdiff_t len_bytes = m->pattern_end - m->pattern;

  if (len_bytes == 0 || *m->pattern == ')' || memchr(specials, *m->pattern, sizeof specials - 1))
    return false;
  return len_bytes == 1 || (m->pattern[1] != '*' && m->pattern[1] != '?' && m->pattern[1] != '-');
}

enum mw_pattern_outcome mw_pattern_search(struct mw_pattern *pattern, bool anchored,
                                          const char **start, const char **end)
{
  bool literal = !anchored && begins_literally(pattern);

  for (const char *s = *start;; s++) {
    if (literal) {
      s = memchr(s, *pattern->pattern, (size_t)(pattern->subject_end - s));
      if (!s)
        return MW_PATTERN_NO_MATCH;
    }
    enum mw_pattern_outcome outcome = mw_pattern_match(pattern, s, end);
    if (outcome != MW_PATTERN_NO_MATCH) {
      *start = s;
      return outcome;
    }
    if (anchored || s == pattern->subject_end)
      return MW_PATTERN_NO_MATCH;
  }
}

bool mw_pattern_is_plain(const char *text, size_t len_bytes)
{
  return strcspn(text, specials) == len_bytes;
}
