#include "regex/translate.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "regex/parser.h"

static void refuse_whole(struct mw_regex_parser *parser, const char *what)
{
  mw_regex_parser_refuse(parser, what, parser->pattern.data, parser->end);
}

/* ---- Groups ---- */

static void open_group(struct mw_regex_parser *parser)
{
  if (parser->depth == MW_REGEX_DEPTH_MAX) {
    refuse_whole(parser, "expression nests too deeply");
    return;
  }
  mw_regex_settle_last(parser);
  mw_regex_switch_folding(parser);
  parser->groups[parser->depth++] = (struct mw_regex_group){
      .flags = parser->flags,
      .folding = parser->folding,
      .offset = parser->out->len_bytes,
      .repeats = parser->repeats,
  };
  parser->repeats = 1;
  mw_regex_put(parser, "(?:");
}

static void close_group(struct mw_regex_parser *parser)
{
  if (parser->depth == 0) {
    refuse_whole(parser, "unexpected )");
    return;
  }
  const struct mw_regex_group *group = &parser->groups[--parser->depth];
  mw_regex_settle_last(parser);
  mw_regex_put(parser, ")");
  parser->at++;
  parser->flags = group->flags;
  parser->folding = group->folding;
  parser->last =
      (struct mw_regex_atom){.present = true, .offset = group->offset, .repeats = parser->repeats};
  parser->repeats = group->repeats;
}

static bool is_group_name(struct mw_slice name)
{
  for (size_t i = 0; i < name.len_bytes; i++)
    if (!mw_is_ascii_alnum((unsigned char)name.data[i]) && name.data[i] != '_')
      return false;
  return name.len_bytes > 0;
}

/* (?P<name> and (?<name>; false: something else is here. */
static bool parse_named_group(struct mw_regex_parser *parser)
{
  const char *from = parser->at;

  if (!mw_regex_skip(parser, "(?P<")) {
    char behind = mw_regex_peek(parser, 3);
    if (behind == '=' || behind == '!' || !mw_regex_skip(parser, "(?<"))
      return false;
  }
  const char *name = parser->at, *close = memchr(name, '>', (size_t)(parser->end - name));
  if (!close || !is_group_name((struct mw_slice){name, (size_t)(close - name)})) {
    mw_regex_parser_refuse(parser, "invalid named capture", from, close ? close + 1 : parser->end);
    return true;
  }
  parser->at = close + 1;
  open_group(parser);
  return true;
}

static unsigned flag_named(uint32_t letter)
{
  switch (letter) {
  case 'i':
    return MW_REGEX_FOLD_CASE;
  case 'm':
    return MW_REGEX_MULTI_LINE;
  case 's':
    return MW_REGEX_DOT_IS_ALL;
  case 'U':
    return MW_REGEX_UNGREEDY;
  default:
    return 0;
  }
}

/* (?flags), (?flags:, (?: with flags such as "i", "is-m". */
static void parse_flags(struct mw_regex_parser *parser)
{
  const char *from = parser->at;
  unsigned set = 0, cleared = 0, *target = &set;

  for (parser->at += 2; parser->at < parser->end;) {
    uint32_t c = mw_regex_take_rune(parser);
    unsigned flag = flag_named(c);
    if (flag != 0) {
      *target |= flag;
    } else if (c == '-' && target == &set) {
      target = &cleared;
    } else if ((c == ':' || c == ')') && (target == &set || cleared != 0)) {
      if (c == ':')
        open_group(parser);
      parser->flags = (parser->flags | set) & ~cleared;
      return;
    } else {
      break;
    }
  }
  mw_regex_parser_refuse(parser, "invalid or unsupported Perl syntax", from, parser->at);
}

static void parse_group(struct mw_regex_parser *parser)
{
  if (mw_regex_peek(parser, 1) != '?') {
    parser->at++;
    open_group(parser);
  } else if (!parse_named_group(parser)) {
    parse_flags(parser);
  }
}

/* ---- Repetition ---- */

struct counts {
  unsigned min, max;
  bool unbounded; /* there is no max */
};

static bool is_digit(char c)
{
  return c >= '0' && c <= '9';
}

/* Digits, without a zero in front; what is too large is MW_REGEX_REPEATS_MAX + 1. */
static bool take_count(struct mw_regex_parser *parser, unsigned *out)
{
  unsigned count = 0;

  if (!is_digit(mw_regex_peek(parser, 0)) ||
      (*parser->at == '0' && is_digit(mw_regex_peek(parser, 1))))
    return false;
  for (; is_digit(mw_regex_peek(parser, 0)); parser->at++) {
    count = count * 10 + (unsigned)(*parser->at - '0');
    if (count > MW_REGEX_REPEATS_MAX)
      count = MW_REGEX_REPEATS_MAX + 1;
  }
  *out = count;
  return true;
}

/* {n}, {n,}, {n,m}; false: the brace is a character like any other. */
static bool take_counts(struct mw_regex_parser *parser, struct counts *out)
{
  const char *from = parser->at;

  *out = (struct counts){0};
  parser->at++;
  bool taken = take_count(parser, &out->min);
  if (taken && mw_regex_skip(parser, ",")) {
    out->unbounded = mw_regex_peek(parser, 0) == '}';
    taken = out->unbounded || take_count(parser, &out->max);
  } else {
    out->max = out->min;
  }
  if (taken && mw_regex_skip(parser, "}"))
    return true;
  parser->at = from;
  return false;
}

static void wrap_last(struct mw_regex_parser *parser)
{
  struct mw_buf *out = parser->out;

  mw_regex_put(parser, "(?:");
  if (parser->rc < 0)
    return;
  char *start = out->data + parser->last.offset;
  memmove(start + 3, start, (size_t)(out->data + out->len_bytes - start) - 3);
  memcpy(start, "(?:", 3);
  mw_regex_put(parser, ")");
}

/* What @p counts make of the products, as RE2 computes them: {0} drops what is inside. */
static void multiply(struct mw_regex_parser *parser, const struct counts *counts, const char *from)
{
  unsigned count = counts->unbounded ? counts->min : counts->max;

  if (count == 0)
    parser->last.repeats = counts->unbounded ? parser->last.repeats : 1;
  else
    parser->last.repeats *= count;
  if (parser->last.repeats > MW_REGEX_REPEATS_MAX)
    mw_regex_parser_refuse(parser, "invalid repeat count", from, parser->at);
}

/* Once, or perhaps: more often makes no difference to what matches no character. */
static void limit_assertion(struct counts *counts)
{
  *counts = (struct counts){.min = counts->min > 0, .max = 1};
}

/* Nothing is left of the last atom: PCRE2 may take an anchor inside {0} for one of the pattern. */
static void drop_last(struct mw_regex_parser *parser)
{
  if (parser->rc < 0)
    return;
  parser->out->len_bytes = parser->last.offset;
  mw_regex_put(parser, "(?:)");
}

static void put_counts(struct mw_regex_parser *parser, const struct counts *counts)
{
  char text[32];
  /* A state of the breadth-first matcher counts how often "x+" has matched: without a group each
   * place where that began would be a state of its own, for ever. */
  bool counts_in_vain = parser->matcher == MW_REGEX_BREADTH_FIRST && counts->min == 1;

  if (parser->last.is_assertion || parser->last.is_repeated ||
      (counts->unbounded && counts_in_vain))
    wrap_last(parser);
  if (counts->unbounded)
    snprintf(text, sizeof text, "{%u,}", counts->min);
  else
    snprintf(text, sizeof text, "{%u,%u}", counts->min, counts->max);
  mw_regex_put(parser, text);
}

/* The operator from @p from to here, which means @p counts, and a '?' that may follow it. */
static void repeat(struct mw_regex_parser *parser, const char *from, struct counts counts)
{
  mw_regex_skip(parser, "?"); /* prefer fewer: there is a match or not, whatever is preferred */
  if (parser->last.repetition)
    mw_regex_parser_refuse(parser, "invalid nested repetition operator", parser->last.repetition,
                           parser->at);
  if (!parser->last.present)
    mw_regex_parser_refuse(parser, "missing argument to repetition operator", from, parser->at);
  multiply(parser, &counts, from);
  if (counts.max == 0 && !counts.unbounded) {
    drop_last(parser);
  } else {
    if (parser->last.is_assertion)
      limit_assertion(&counts);
    put_counts(parser, &counts);
  }
  parser->last.is_repeated = true;
  parser->last.repetition = from;
}

static void parse_braces(struct mw_regex_parser *parser)
{
  const char *from = parser->at;
  struct counts counts;

  if (!take_counts(parser, &counts))
    mw_regex_put_literal(parser, mw_regex_take_rune(parser));
  else if (counts.min > MW_REGEX_REPEATS_MAX || counts.max > MW_REGEX_REPEATS_MAX ||
           (!counts.unbounded && counts.min > counts.max))
    mw_regex_parser_refuse(parser, "invalid repeat count", from, parser->at);
  else
    repeat(parser, from, counts);
}

static void parse_operator(struct mw_regex_parser *parser)
{
  const char *from = parser->at++;

  repeat(parser, from, (struct counts){.min = *from == '+', .max = 1, .unbounded = *from != '?'});
}

/* ---- The rest ---- */

/* \Q...\E: characters, whatever they are. */
static void parse_quoted(struct mw_regex_parser *parser)
{
  while (parser->rc == 0 && parser->at < parser->end && !mw_regex_skip(parser, "\\E"))
    mw_regex_put_literal(parser, mw_regex_take_rune(parser));
}

static void parse_backslash(struct mw_regex_parser *parser)
{
  if (mw_regex_is_set_escape(parser))
    mw_regex_parse_set_escape(parser);
  else if (mw_regex_skip(parser, "\\A"))
    mw_regex_put_assertion(parser, "\\A");
  else if (mw_regex_skip(parser, "\\z"))
    mw_regex_put_assertion(parser, "\\z");
  else if (mw_regex_skip(parser, "\\b"))
    mw_regex_put_assertion(parser, "\\b");
  else if (mw_regex_skip(parser, "\\B"))
    mw_regex_put_assertion(parser, "\\B");
  else if (mw_regex_skip(parser, "\\Q"))
    parse_quoted(parser);
  else
    mw_regex_put_literal(parser, mw_regex_take_escape(parser));
}

static void parse_dot(struct mw_regex_parser *parser)
{
  mw_regex_begin_atom(parser);
  mw_regex_put(parser, parser->flags & MW_REGEX_DOT_IS_ALL ? "." : "\\N");
  parser->at++;
}

static void parse_token(struct mw_regex_parser *parser)
{
  const char *operator= parser->last.repetition;

  switch (*parser->at) {
  case '(':
    parse_group(parser);
    break;
  case ')':
    close_group(parser);
    break;
  case '|':
    mw_regex_settle_last(parser);
    mw_regex_put(parser, "|");
    parser->at++;
    break;
  case '^':
    mw_regex_put_assertion(parser, parser->flags & MW_REGEX_MULTI_LINE ? "^" : "\\A");
    parser->at++;
    break;
  case '$':
    mw_regex_put_assertion(parser, parser->flags & MW_REGEX_MULTI_LINE ? "$" : "\\z");
    parser->at++;
    break;
  case '.':
    parse_dot(parser);
    break;
  case '[':
    mw_regex_parse_set(parser);
    break;
  case '*':
  case '+':
  case '?':
    parse_operator(parser);
    break;
  case '{':
    parse_braces(parser);
    break;
  case '\\':
    parse_backslash(parser);
    break;
  default:
    mw_regex_put_literal(parser, mw_regex_take_rune(parser));
  }
  /* Only an operator that follows one at once is nested: "a*(?i)*" repeats "a*". */
  if (parser->last.repetition == operator)
    parser->last.repetition = NULL;
}

static bool is_utf8(struct mw_slice text)
{
  while (text.len_bytes > 0) {
    size_t sequence = mw_utf8_sequence_bytes(text);
    if (sequence == 0)
      return false;
    text = (struct mw_slice){text.data + sequence, text.len_bytes - sequence};
  }
  return true;
}

static void translate(struct mw_regex_parser *parser)
{
  bool all_starts = parser->matcher == MW_REGEX_BREADTH_FIRST;

  if (!is_utf8(parser->pattern))
    refuse_whole(parser, "invalid UTF-8");
  mw_regex_put(parser, all_starts ? ".*?(?:" : "");
  while (parser->rc == 0 && parser->at < parser->end)
    parse_token(parser);
  if (parser->depth > 0)
    refuse_whole(parser, "missing closing )");
  mw_regex_put(parser, all_starts ? ")" : "");
}

int mw_regex_translate(struct mw_slice pattern, enum mw_regex_matcher matcher, struct mw_buf *out,
                       struct mw_error *err)
{
  struct mw_regex_parser parser = {.pattern = pattern,
                                   .matcher = matcher,
                                   .at = pattern.data,
                                   .end = pattern.data + pattern.len_bytes,
                                   .out = out,
                                   .repeats = 1,
                                   .err = err};

  translate(&parser);
  return parser.rc;
}
