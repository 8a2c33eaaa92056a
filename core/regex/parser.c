#include "regex/parser.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* ---- What is wrong ---- */

#define SHOWN_BYTES 1024

/* Printable, and at most SHOWN_BYTES - 1 bytes: "..." stands for the rest. */
static const char *show(struct mw_slice text, char out[static SHOWN_BYTES])
{
  size_t used = 0;

  for (size_t i = 0, step; i < text.len_bytes; i += step) {
    struct mw_slice rest = {text.data + i, text.len_bytes - i};
    size_t sequence = mw_utf8_sequence_bytes(rest);
    unsigned char byte = (unsigned char)text.data[i];
    bool printable = sequence > 0 && byte >= 0x20 && byte != 0x7F &&
                     !(byte == 0xC2 && (unsigned char)text.data[i + 1] < 0xA0);

    step = printable ? sequence : 1;
    if (used + 8 > SHOWN_BYTES)
      return strcpy(out + used, "..."), out;
    if (printable)
      memcpy(out + used, text.data + i, step);
    else
      snprintf(out + used, 5, "\\x%02x", byte);
    used += printable ? step : 4;
  }
  out[used] = '\0';
  return out;
}

int mw_regex_refuse(struct mw_slice pattern, const char *what, struct mw_slice where, int code,
                    struct mw_error *err)
{
  char shown_pattern[SHOWN_BYTES], shown_where[SHOWN_BYTES];

  return mw_error_set(err, code, "invalid regex '%s': error parsing regexp: %s: `%s`",
                      show(pattern, shown_pattern), what, show(where, shown_where));
}

void mw_regex_parser_refuse(struct mw_regex_parser *parser, const char *what, const char *from,
                            const char *to)
{
  if (parser->rc == 0)
    parser->rc = mw_regex_refuse(parser->pattern, what,
                                 (struct mw_slice){from, (size_t)(to - from)}, EINVAL, parser->err);
}

/* ---- Input and output ---- */

/* The byte at @p offset from here, or '\0' when the pattern ends before it. */
char mw_regex_peek(const struct mw_regex_parser *parser, size_t offset)
{
  return offset < (size_t)(parser->end - parser->at) ? parser->at[offset] : '\0';
}

bool mw_regex_skip(struct mw_regex_parser *parser, const char *text)
{
  size_t len_bytes = strlen(text);

  if ((size_t)(parser->end - parser->at) < len_bytes || memcmp(parser->at, text, len_bytes) != 0)
    return false;
  parser->at += len_bytes;
  return true;
}

/* There is one, and the pattern is UTF-8. */
uint32_t mw_regex_take_rune(struct mw_regex_parser *parser)
{
  static const unsigned char lead_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
  struct mw_slice rest = {parser->at, (size_t)(parser->end - parser->at)};
  size_t count = mw_utf8_sequence_bytes(rest);
  uint32_t rune = (unsigned char)*parser->at++ & lead_bits[count];

  while (--count > 0)
    rune = rune << 6 | ((unsigned char)*parser->at++ & 0x3F);
  return rune;
}

void mw_regex_put(struct mw_regex_parser *parser, const char *text)
{
  if (parser->rc == 0)
    parser->rc = mw_buf_append_text(parser->out, text, parser->err);
}

/* Case folding is switched where it is needed, not where the pattern says so: the flag must not
 * come between an atom and the operator that repeats it, as in "a(?i)*". */
void mw_regex_switch_folding(struct mw_regex_parser *parser)
{
  bool wanted = parser->flags & MW_REGEX_FOLD_CASE;

  if (wanted != parser->folding)
    mw_regex_put(parser, wanted ? "(?i)" : "(?-i)");
  parser->folding = wanted;
}

void mw_regex_settle_last(struct mw_regex_parser *parser)
{
  if (parser->last.present && parser->last.repeats > parser->repeats)
    parser->repeats = parser->last.repeats;
  parser->last = (struct mw_regex_atom){0};
}

void mw_regex_begin_atom(struct mw_regex_parser *parser)
{
  mw_regex_settle_last(parser);
  mw_regex_switch_folding(parser);
  parser->last =
      (struct mw_regex_atom){.present = true, .offset = parser->out->len_bytes, .repeats = 1};
}

bool mw_is_ascii_alnum(uint32_t rune)
{
  return (rune >= '0' && rune <= '9') || ((rune | 0x20) >= 'a' && (rune | 0x20) <= 'z');
}

void mw_regex_put_assertion(struct mw_regex_parser *parser, const char *text)
{
  mw_regex_begin_atom(parser);
  parser->last.is_assertion = true;
  mw_regex_put(parser, text);
}
