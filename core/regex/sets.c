/* Characters and sets of them: "a", \x41, [^a-z], [[:alpha:]], \d, \pN. */
#include <string.h>

#include "regex/classes.h"
#include "regex/parser.h"

/* ---- Sets ---- */

static void begin_set(struct mw_regex_parser *parser, bool negated)
{
  mw_regex_begin_atom(parser);
  mw_regex_put(parser, negated ? "[^" : "[");
}

/* An empty set matches nothing, its complement anything: PCRE2 has no brackets for these. */
static void end_set(struct mw_regex_parser *parser)
{
  struct mw_buf *out = parser->out;

  if (parser->rc < 0)
    return;
  bool negated = out->data[parser->last.offset + 1] == '^';
  if (out->len_bytes - parser->last.offset > 1U + negated) {
    mw_regex_put(parser, "]");
    return;
  }
  out->len_bytes = parser->last.offset;
  parser->last.is_assertion = !negated;
  mw_regex_put(parser, negated ? "." : "(?!)");
}

static void put_range(struct mw_regex_parser *parser, uint32_t low, uint32_t high)
{
  if (parser->rc == 0)
    parser->rc = mw_class_put_range(parser->out, low, high, parser->err);
}

void mw_regex_put_literal(struct mw_regex_parser *parser, uint32_t rune)
{
  mw_regex_begin_atom(parser);
  size_t before_bytes = parser->out->len_bytes;
  put_range(parser, rune, rune);
  if (parser->rc == 0 && parser->out->len_bytes == before_bytes) /* a surrogate */
    mw_regex_put_assertion(parser, "(?!)");
}

static void put_ascii(struct mw_regex_parser *parser, struct mw_slice name, bool negated)
{
  if (parser->rc == 0)
    parser->rc = mw_class_put_ascii(parser->out, mw_ascii_class_find(name), negated,
                                    parser->flags & MW_REGEX_FOLD_CASE, parser->err);
}

/* \d, \S and so on, inside brackets or not. */
static bool is_perl_class(const struct mw_regex_parser *parser)
{
  char letter = mw_regex_peek(parser, 1);

  return mw_regex_peek(parser, 0) == '\\' && letter != '\0' && strchr("dDsSwW", letter);
}

/* Outside of brackets PCRE2 means the same; inside it does not, [^\PL\D] for one. */
static bool is_same_class(const struct mw_regex_parser *parser)
{
  return is_perl_class(parser) && (parser->at[1] | 0x20) != 's' &&
         !(parser->flags & MW_REGEX_FOLD_CASE);
}

static void put_same_class(struct mw_regex_parser *parser)
{
  mw_regex_put(parser, (char[]){'\\', parser->at[1], '\0'});
  parser->at += 2;
}

static void parse_perl_class(struct mw_regex_parser *parser)
{
  char letter = (char)(parser->at[1] | 0x20);

  put_ascii(parser, (struct mw_slice){&letter, 1}, parser->at[1] != letter);
  parser->at += 2;
}

static bool is_unicode_class(const struct mw_regex_parser *parser)
{
  return mw_regex_peek(parser, 0) == '\\' &&
         (mw_regex_peek(parser, 1) == 'p' || mw_regex_peek(parser, 1) == 'P');
}

/* \pN, \p{Greek}, \p{^Greek}. */
static void parse_unicode_class(struct mw_regex_parser *parser)
{
  const char *from = parser->at;
  bool negated = from[1] == 'P';
  struct mw_slice name = {from + 2, 0};

  parser->at += 2;
  if (parser->at == parser->end) {
    mw_regex_parser_refuse(parser, "invalid character class range", from, parser->end);
    return;
  }
  if (mw_regex_skip(parser, "{")) {
    const char *brace = memchr(parser->at, '}', (size_t)(parser->end - parser->at));
    if (!brace) {
      mw_regex_parser_refuse(parser, "invalid character class range", from, parser->end);
      return;
    }
    name = (struct mw_slice){parser->at, (size_t)(brace - parser->at)};
    parser->at = brace + 1;
  } else {
    mw_regex_take_rune(parser);
    name.len_bytes = (size_t)(parser->at - name.data);
  }
  if (name.len_bytes > 0 && name.data[0] == '^') {
    negated = !negated;
    name = (struct mw_slice){name.data + 1, name.len_bytes - 1};
  }
  if (!mw_unicode_class_exists(name))
    mw_regex_parser_refuse(parser, "invalid character class range", from, parser->at);
  else if (parser->rc == 0)
    parser->rc = mw_class_put_unicode(parser->out, name, negated,
                                      parser->flags & MW_REGEX_FOLD_CASE, parser->err);
}

/* ---- Escapes that stand for one character ---- */

static bool is_octal(char c)
{
  return c >= '0' && c <= '7';
}

static int hex_value(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* -1: no digit, or the end of the pattern. */
static int take_hex_digit(struct mw_regex_parser *parser)
{
  if (parser->at == parser->end)
    return -1;
  uint32_t rune = mw_regex_take_rune(parser);
  return rune < 0x80 ? hex_value((char)rune) : -1;
}

/* Behind "\x{". false: what is read so far is wrong. */
static bool take_hex_in_braces(struct mw_regex_parser *parser, uint32_t *out)
{
  uint32_t rune = 0;

  for (bool first = true; first || !mw_regex_skip(parser, "}"); first = false) {
    int value = take_hex_digit(parser);
    if (value < 0)
      return false;
    rune = rune * 16 + (uint32_t)value;
    if (rune > MW_RUNE_MAX)
      return false;
  }
  *out = rune;
  return true;
}

/* Behind "\x". */
static bool take_hex(struct mw_regex_parser *parser, uint32_t *out)
{
  if (mw_regex_skip(parser, "{"))
    return take_hex_in_braces(parser, out);
  int high = take_hex_digit(parser), low = take_hex_digit(parser);
  *out = (uint32_t)(high * 16 + low);
  return high >= 0 && low >= 0;
}

/* \a and so on, or -1. */
static int control_named(uint32_t letter)
{
  switch (letter) {
  case 'a':
    return '\a';
  case 'f':
    return '\f';
  case 'n':
    return '\n';
  case 'r':
    return '\r';
  case 't':
    return '\t';
  case 'v':
    return '\v';
  default:
    return -1;
  }
}

/* From the backslash on. After a failure the answer means nothing. */
uint32_t mw_regex_take_escape(struct mw_regex_parser *parser)
{
  const char *from = parser->at++;

  if (parser->at == parser->end) {
    mw_regex_parser_refuse(parser, "trailing backslash at end of expression", parser->end,
                           parser->end);
    return 0;
  }
  uint32_t c = mw_regex_take_rune(parser), rune;
  if (c < 0x80 && !mw_is_ascii_alnum(c))
    return c;
  /* One digit alone would be a back-reference. */
  if (c == '0' || (c >= '1' && c <= '7' && is_octal(mw_regex_peek(parser, 0)))) {
    rune = c - '0';
    for (int i = 0; i < 2 && is_octal(mw_regex_peek(parser, 0)); i++)
      rune = rune * 8 + (uint32_t)(*parser->at++ - '0');
    return rune;
  }
  if (c == 'x' && take_hex(parser, &rune))
    return rune;
  if (control_named(c) >= 0)
    return (uint32_t)control_named(c);
  mw_regex_parser_refuse(parser, "invalid escape sequence", from, parser->at);
  return 0;
}

/* ---- [...] ---- */

/* [:alpha:], [:^alpha:]; false: the bracket is a character like any other. */
static bool parse_named_class(struct mw_regex_parser *parser)
{
  const char *from = parser->at;

  if (!mw_regex_skip(parser, "[:"))
    return false;
  bool negated = mw_regex_skip(parser, "^");
  const char *close = memmem(parser->at, (size_t)(parser->end - parser->at), ":]", 2);
  if (!close) {
    parser->at = from;
    return false;
  }
  struct mw_slice name = {parser->at, (size_t)(close - parser->at)};
  parser->at = close + 2;
  if (name.len_bytes > 1 && mw_ascii_class_find(name)) /* not the "d" of \d */
    put_ascii(parser, name, negated);
  else
    mw_regex_parser_refuse(parser, "invalid character class range", from, parser->at);
  return true;
}

static uint32_t take_member(struct mw_regex_parser *parser, const char *set)
{
  if (parser->at == parser->end) {
    mw_regex_parser_refuse(parser, "missing closing ]", set, parser->end);
    return 0;
  }
  return *parser->at == '\\' ? mw_regex_take_escape(parser) : mw_regex_take_rune(parser);
}

/* One character, or a range of them. A '-' before the ']' is a character. */
static void parse_members(struct mw_regex_parser *parser, const char *set)
{
  const char *from = parser->at;
  uint32_t low = take_member(parser, set), high = low;

  if (mw_regex_peek(parser, 0) == '-' && parser->end - parser->at >= 2 &&
      mw_regex_peek(parser, 1) != ']') {
    parser->at++;
    high = take_member(parser, set);
    if (high < low)
      mw_regex_parser_refuse(parser, "invalid character class range", from, parser->at);
  }
  put_range(parser, low, high);
}

void mw_regex_parse_set(struct mw_regex_parser *parser)
{
  const char *set = parser->at++;

  begin_set(parser, mw_regex_skip(parser, "^"));
  const char *first = parser->at; /* where a ']' is a character */
  while (parser->rc == 0 && (parser->at == first || mw_regex_peek(parser, 0) != ']')) {
    if (is_perl_class(parser))
      parse_perl_class(parser);
    else if (is_unicode_class(parser))
      parse_unicode_class(parser);
    else if (!parse_named_class(parser))
      parse_members(parser, set);
  }
  if (parser->rc == 0)
    parser->at++;
  end_set(parser);
}

/* ---- \d, \pN by themselves ---- */

bool mw_regex_is_set_escape(const struct mw_regex_parser *parser)
{
  return is_perl_class(parser) || is_unicode_class(parser);
}

void mw_regex_parse_set_escape(struct mw_regex_parser *parser)
{
  if (is_same_class(parser)) {
    mw_regex_begin_atom(parser);
    put_same_class(parser);
    return;
  }
  begin_set(parser, false);
  if (is_perl_class(parser))
    parse_perl_class(parser);
  else
    parse_unicode_class(parser);
  end_set(parser);
}
