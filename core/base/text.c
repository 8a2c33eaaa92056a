#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Lead byte, number of continuation bytes, and the range of the first of them (RFC 3629). */
static const struct utf8_form {
  unsigned char lead_min, lead_max, extra, second_min, second_max;
} utf8_forms[] = {
    {0xC2, 0xDF, 1, 0x80, 0xBF}, {0xE0, 0xE0, 2, 0xA0, 0xBF}, {0xE1, 0xEC, 2, 0x80, 0xBF},
    {0xED, 0xED, 2, 0x80, 0x9F}, {0xEE, 0xEF, 2, 0x80, 0xBF}, {0xF0, 0xF0, 3, 0x90, 0xBF},
    {0xF1, 0xF3, 3, 0x80, 0xBF}, {0xF4, 0xF4, 3, 0x80, 0x8F},
};

static bool is_form(const struct utf8_form *form, const unsigned char *bytes, size_t len_bytes)
{
  if (bytes[0] < form->lead_min || bytes[0] > form->lead_max || len_bytes <= form->extra ||
      bytes[1] < form->second_min || bytes[1] > form->second_max)
    return false;
  for (size_t i = 2; i <= form->extra; i++)
    if ((bytes[i] & 0xC0) != 0x80)
      return false;
  return true;
}

size_t mw_utf8_sequence_bytes(struct mw_slice text)
{
  const unsigned char *bytes = (const unsigned char *)text.data;

  if (text.len_bytes == 0)
    return 0;
  if (bytes[0] < 0x80)
    return 1;
  for (size_t i = 0; i < sizeof utf8_forms / sizeof utf8_forms[0]; i++)
    if (is_form(&utf8_forms[i], bytes, text.len_bytes))
      return utf8_forms[i].extra + 1U;
  return 0;
}

static size_t ascii_bytes(struct mw_slice text)
{
  size_t i = 0;

  for (uint64_t word; i + sizeof word <= text.len_bytes; i += sizeof word) {
    memcpy(&word, text.data + i, sizeof word);
    if (word & UINT64_C(0x8080808080808080))
      break;
  }
  while (i < text.len_bytes && (unsigned char)text.data[i] < 0x80)
    i++;
  return i;
}

bool mw_utf8_is_valid(struct mw_slice text)
{
  while (text.len_bytes > 0) {
    size_t sequence = ascii_bytes(text);
    if (sequence == 0)
      sequence = mw_utf8_sequence_bytes(text);
    if (sequence == 0)
      return false;
    text.data += sequence;
    text.len_bytes -= sequence;
  }
  return true;
}

static bool is_plain(unsigned char byte)
{
  return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}

static int append_escaped(struct mw_buf *buf, unsigned char byte, struct mw_error *err)
{
  static const char shorthand[] = "\"\"\\\\\bb\ff\nn\rr\tt";
  for (size_t i = 0; i + 1 < sizeof shorthand; i += 2)
    if ((unsigned char)shorthand[i] == byte)
      return mw_buf_append(buf, (char[]){'\\', shorthand[i + 1]}, 2, err);
  return mw_buf_printf(buf, err, "\\u%04x", byte);
}

int mw_text_append_json(struct mw_buf *buf, struct mw_slice text, struct mw_error *err)
{
  int rc = mw_buf_append(buf, "\"", 1, err);

  for (size_t i = 0; rc == 0 && i < text.len_bytes;) {
    size_t run = 0;
    while (i + run < text.len_bytes && is_plain((unsigned char)text.data[i + run]))
      run++;
    if (run > 0) {
      rc = mw_buf_append(buf, text.data + i, run, err);
      i += run;
      continue;
    }
    unsigned char byte = (unsigned char)text.data[i];
    size_t sequence = mw_utf8_sequence_bytes((struct mw_slice){text.data + i, text.len_bytes - i});
    if (byte < 0x80)
      rc = append_escaped(buf, byte, err);
    else if (sequence == 2 && byte == 0xC2 && (unsigned char)text.data[i + 1] < 0xA0)
      rc = append_escaped(buf, (unsigned char)text.data[i + 1], err); /* terminals obey U+009B */
    else if (sequence > 0)
      rc = mw_buf_append(buf, text.data + i, sequence, err);
    else
      rc = mw_buf_append(buf, "\xEF\xBF\xBD", 3, err);
    i += sequence > 0 ? sequence : 1;
  }
  return rc == 0 ? mw_buf_append(buf, "\"", 1, err) : rc;
}

const char *mw_text_quote(struct mw_slice text, char out[static MW_TEXT_QUOTED_BYTES])
{
  size_t shown = text.len_bytes < MW_TEXT_EXCERPT_BYTES ? text.len_bytes : MW_TEXT_EXCERPT_BYTES;
  char *end = out;

  *end++ = '"';
  for (size_t i = 0; i < shown; i++) {
    unsigned char byte = (unsigned char)text.data[i];
    if (is_plain(byte))
      *end++ = (char)byte;
    else
      end += sprintf(end, "\\x%02x", byte);
  }
  *end++ = '"';
  strcpy(end, shown < text.len_bytes ? "..." : "");
  return out;
}
