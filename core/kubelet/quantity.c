#include <errno.h>
#include <string.h>

#include "moonwatch/kubelet_values.h"

/* So many digits and the largest suffix, 2^60, still fit into 128 bits: nothing is ever rounded but
 * the result. */
#define DIGITS_MAX 20
#define EXPONENT_MAX 1000 /* whatever is larger or smaller is out of range or next to nothing */

typedef unsigned __int128 wide;

/* magnitude * 10^exponent * 2^shift */
struct quantity {
  bool negative;
  wide magnitude;
  int exponent;
  int shift;
};

/* The digits and the point. Zeros at the end are only counted until another digit follows.
 * @return how many bytes, 0 when there is no digit, or -ERANGE. */
static int parse_digits(const char *text, size_t len_bytes, struct quantity *out)
{
  int digits = 0, significant = 0, zeros = 0;
  bool after_point = false;
  size_t i = 0;

  for (; i < len_bytes && i < EXPONENT_MAX; i++) {
    if (text[i] == '.' && !after_point) {
      after_point = true;
      continue;
    }
    if (text[i] < '0' || text[i] > '9')
      break;
    digits++;
    out->exponent -= after_point;
    zeros++;
    if (text[i] == '0')
      continue;
    significant += significant > 0 ? zeros : 1;
    if (significant > DIGITS_MAX)
      return -ERANGE;
    if (out->magnitude == 0)
      zeros = 1;
    for (; zeros > 0; zeros--)
      out->magnitude *= 10;
    out->magnitude += (wide)(text[i] - '0');
  }
  out->exponent += zeros;
  return digits > 0 ? (int)i : 0;
}

/* "e3", "E-12" */
static int parse_exponent(const char *text, size_t len_bytes, struct quantity *out)
{
  size_t i = 1;
  int exponent = 0;
  bool negative = text[i] == '-';

  if (text[i] == '-' || text[i] == '+')
    i++;
  if (i == len_bytes)
    return -EINVAL;
  for (; i < len_bytes; i++) {
    if (text[i] < '0' || text[i] > '9')
      return -EINVAL;
    if (exponent < EXPONENT_MAX)
      exponent = exponent * 10 + (text[i] - '0');
  }
  out->exponent += negative ? -exponent : exponent;
  return 0;
}

static int parse_suffix(const char *text, size_t len_bytes, struct quantity *out)
{
  static const char decimal[] = "num\0kMGTPE"; /* from 10^-9 to 10^18; the fourth is no suffix */
  static const char binary[] = "KMGTPE";       /* from 2^10 to 2^60 */

  if (len_bytes == 0)
    return 0;
  if (len_bytes > 1 && (text[0] == 'e' || text[0] == 'E'))
    if (text[1] != 'i')
      return parse_exponent(text, len_bytes, out);
  if (len_bytes > 2 || (len_bytes == 2 && text[1] != 'i') || text[0] == '\0')
    return -EINVAL;
  const char *found = len_bytes == 2 ? memchr(binary, text[0], sizeof binary - 1)
                                     : memchr(decimal, text[0], sizeof decimal - 1);
  if (!found)
    return -EINVAL;
  if (len_bytes == 2)
    out->shift = 10 * (int)(found - binary + 1);
  else
    out->exponent += 3 * (int)(found - decimal) - 9;
  return 0;
}

static int multiply(wide *magnitude, int exponent)
{
  for (; exponent > 0 && *magnitude > 0; exponent--) {
    if (*magnitude > (wide)INT64_MAX + 1)
      return -ERANGE;
    *magnitude *= 10;
  }
  return 0;
}

static void divide_rounding_up(wide *magnitude, int exponent)
{
  bool rest = false;

  for (; exponent > 0 && *magnitude > 0; exponent--) {
    rest |= *magnitude % 10 != 0;
    *magnitude /= 10;
  }
  *magnitude += rest;
}

int mw_kubelet_parse_quantity(const char *text, size_t len_bytes, unsigned scale, int64_t *value)
{
  struct quantity quantity = {.exponent = (int)scale};

  if (len_bytes > 0 && (text[0] == '-' || text[0] == '+')) {
    quantity.negative = text[0] == '-';
    text++;
    len_bytes--;
  }
  int used = parse_digits(text, len_bytes, &quantity);
  if (used <= 0)
    return used < 0 ? used : -EINVAL;
  int rc = parse_suffix(text + used, len_bytes - (size_t)used, &quantity);
  if (rc < 0)
    return rc;

  wide magnitude = quantity.magnitude << quantity.shift;
  if (multiply(&magnitude, quantity.exponent) < 0)
    return -ERANGE;
  divide_rounding_up(&magnitude, -quantity.exponent);
  if (magnitude > (wide)INT64_MAX + quantity.negative)
    return -ERANGE;
  *value = quantity.negative ? (int64_t)(0 - (uint64_t)magnitude) : (int64_t)magnitude;
  return 0;
}
