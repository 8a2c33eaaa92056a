#include "base/parse.h"

#include <endian.h>
#include <string.h>

#define SAFE_DIGITS 19 /* however large they are, so many fit */

/*
 * Eight digits at a time: neighbours are joined to pairs, pairs to fours, fours to eight. In each
 * step the digit in front, which is the lower byte, counts ten (100, 10000) times as much.
 * @return false when one is no digit.
 */
static bool parse_eight(const char *text, uint64_t *out)
{
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t word;

  memcpy(&word, text, sizeof word);
  word = le64toh(word) ^ ones * '0';
  if (((word + ones * 0x76) | word) & ones * 0x80) /* 10 and more reach the highest bit */
    return false;
  word = (word * 10 + (word >> 8)) & UINT64_C(0x00FF00FF00FF00FF);
  word = (word * 100 + (word >> 16)) & UINT64_C(0x0000FFFF0000FFFF);
  *out = (word * 10000 + (word >> 32)) & UINT64_C(0xFFFFFFFF);
  return true;
}

bool mw_parse_u64(struct mw_slice text, uint64_t *out)
{
  uint64_t value = 0, eight;
  size_t i = 0;

  if (text.len_bytes == 0)
    return false;
  for (; text.len_bytes - i >= 8 && i + 8 <= SAFE_DIGITS; i += 8) {
    if (!parse_eight(text.data + i, &eight))
      return false;
    value = value * 100000000 + eight;
  }
  for (; i < text.len_bytes; i++) {
    unsigned digit = (unsigned)(unsigned char)text.data[i] - '0';
    if (digit > 9 || (i >= SAFE_DIGITS && value > (UINT64_MAX - digit) / 10))
      return false;
    value = value * 10 + digit;
  }
  *out = value;
  return true;
}

bool mw_parse_i64(struct mw_slice text, int64_t *out)
{
  bool negative = text.len_bytes > 0 && text.data[0] == '-';
  struct mw_slice digits = {text.data + negative, text.len_bytes - negative};
  uint64_t magnitude;

  if (!mw_parse_u64(digits, &magnitude) || magnitude > (uint64_t)INT64_MAX + negative)
    return false;
  *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
  return true;
}

bool mw_slice_next_line(struct mw_slice *rest, struct mw_slice *line)
{
  if (rest->len_bytes == 0)
    return false;
  const char *end = memchr(rest->data, '\n', rest->len_bytes);
  size_t taken_bytes = end ? (size_t)(end - rest->data) : rest->len_bytes;

  *line = (struct mw_slice){rest->data, taken_bytes};
  if (taken_bytes > 0 && line->data[taken_bytes - 1] == '\r')
    line->len_bytes--;
  taken_bytes += end != NULL;
  rest->data += taken_bytes;
  rest->len_bytes -= taken_bytes;
  return true;
}

static bool is_blank(char byte)
{
  return byte == ' ' || byte == '\t';
}

bool mw_slice_next_word(struct mw_slice *rest, struct mw_slice *word)
{
  const char *at = rest->data;
  size_t left_bytes = rest->len_bytes;

  for (; left_bytes > 0 && is_blank(*at); left_bytes--)
    at++;
  *word = (struct mw_slice){at, left_bytes};
  for (; left_bytes > 0 && !is_blank(*at); left_bytes--)
    at++;
  word->len_bytes -= left_bytes;
  *rest = (struct mw_slice){at, left_bytes};
  return word->len_bytes > 0;
}

bool mw_slice_equal(struct mw_slice slice, const char *text)
{
  return strlen(text) == slice.len_bytes && memcmp(slice.data, text, slice.len_bytes) == 0;
}
