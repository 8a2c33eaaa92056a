#include "json/number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Integers ---- */

static size_t count_digits(uint64_t value)
{
  size_t count = 1;

  for (; value >= 10000; value /= 10000)
    count += 4;
  return count + (value >= 10) + (value >= 100) + (value >= 1000);
}

static size_t put_u64(uint64_t value, char *out)
{
  static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                              "25262728293031323334353637383940414243444546474849"
                              "50515253545556575859606162636465666768697071727374"
                              "75767778798081828384858687888990919293949596979899";
  size_t len_bytes = count_digits(value);
  char *end = out + len_bytes;

  for (; value >= 100; value /= 100) {
    end -= 2;
    memcpy(end, pairs + value % 100 * 2, 2);
  }
  if (value >= 10)
    memcpy(out, pairs + value * 2, 2);
  else
    *out = (char)('0' + value);
  return len_bytes;
}

size_t mw_json_format_u64(uint64_t value, char out[static MW_JSON_NUMBER_BYTES])
{
  return put_u64(value, out);
}

size_t mw_json_format_i64(int64_t value, char out[static MW_JSON_NUMBER_BYTES])
{
  if (value >= 0)
    return put_u64((uint64_t)value, out);
  *out = '-';
  return 1 + put_u64(0 - (uint64_t)value, out + 1);
}

/* ---- The shortest decimal of a double ---- */

/** digits x 10^exponent, without a zero at the end. */
struct decimal {
  uint64_t digits;
  int exponent;
};

#ifdef __SIZEOF_INT128__

__extension__ typedef unsigned __int128 u128;

/* 5^k for k up to 27, the last that fits. */
static uint64_t power_of_5(unsigned k)
{
  static const uint64_t small[] = {1, 5, 25, 125, 625, 3125, 15625, 78125};
  static const uint64_t large[] = {1, 390625, 152587890625, 59604644775390625};
  return small[k % 8] * large[k / 8];
}

/* The interval of whole numbers that read back as the value, and the value rounded down. */
struct candidates {
  uint64_t low, high, middle;
  bool round_up; /* the value lies nearer to middle + 1 */
};

/*
 * Drop digits from the end as long as a number remains in the interval, then take the one nearest
 * to the value: no shorter decimal reads back to it.
 */
static struct decimal shortest_of(const struct candidates *c)
{
  uint64_t low = c->low, high = c->high, unit = 1;
  int dropped = 0;

  while ((low + 9) / 10 <= high / 10) {
    low = (low + 9) / 10;
    high /= 10;
    unit *= 10;
    dropped++;
  }
  uint64_t digits = dropped ? (c->middle + unit / 2) / unit : c->middle + c->round_up;
  if (digits < low)
    digits = low;
  if (digits > high)
    digits = high;
  return (struct decimal){digits, dropped};
}

/*
 * Scale the value and the borders of its rounding interval by 10^k to 17 or 18 digits before the
 * point. In the range taken here 5^k fits in 64 bits and every product in 118, so nothing is ever
 * rounded: what is compared is exact.
 *
 * @return false outside that range (about 1.5e-11 to 4.5e15) for the slow way.
 */
static bool shortest_exact(double magnitude, struct decimal *out)
{
  uint64_t bits;
  memcpy(&bits, &magnitude, sizeof bits);
  uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
  int log2 = (int)(bits >> 52) - 1023; /* magnitude = mantissa * 2^(log2 - 52) */
  if (log2 < -36 || log2 > 51)
    return false;

  int log10 = (log2 * 78913) >> 18; /* floor(log2 * log10(2)): exact, or one too small */
  int k = 16 - log10;
  int shift = 54 - log2 - k; /* 2 to 62; below, the unit is a quarter of the last place */
  uint64_t quarters_below = mantissa == UINT64_C(1) << 52 ? 1 : 2; /* spacing halves at 2^n */
  u128 scale = power_of_5((unsigned)k);
  u128 middle = 4 * mantissa * scale;
  u128 low = middle - quarters_below * scale;
  u128 high = middle + 2 * scale;

  /* The borders are no more than twice an odd number: shifted by 2 or more they are not whole, so
   * it does not matter to which neighbour a border itself is rounded. */
  struct candidates c = {
      .low = (uint64_t)(low >> shift) + 1,
      .high = (uint64_t)(high >> shift),
      .middle = (uint64_t)(middle >> shift),
      .round_up = (middle >> (shift - 1)) & 1,
  };
  *out = shortest_of(&c);
  out->exponent -= k;
  return true;
}

#else

static bool shortest_exact(double magnitude, struct decimal *out)
{
  (void)magnitude;
  (void)out;
  return false;
}

#endif

/* "d.dddde+XX" of printf; what stands for the point depends on the locale. */
static struct decimal decimal_of_text(const char *text)
{
  struct decimal d = {(uint64_t)(text[0] - '0'), 0};
  const char *at = text + 1 + strcspn(text + 1, "0123456789e");

  for (; *at != 'e'; at++) {
    d.digits = d.digits * 10 + (uint64_t)(*at - '0');
    d.exponent--;
  }
  d.exponent += atoi(at + 1);
  for (; d.digits % 10 == 0; d.digits /= 10)
    d.exponent++;
  return d;
}

/*
 * Fifteen digits or fewer come back unchanged from a normal double, so if so few are enough, 15
 * finds them. Subnormal doubles hold less, and 17 are always enough.
 */
static struct decimal shortest_by_trying(double magnitude)
{
  char text[64];

  for (int digits = fpclassify(magnitude) == FP_SUBNORMAL ? 1 : 15;; digits++) {
    snprintf(text, sizeof text, "%.*e", digits - 1, magnitude);
    if (digits >= 17 || strtod(text, NULL) == magnitude)
      return decimal_of_text(text);
  }
}

/* ---- Layout ---- */

static size_t put_fixed(const char *digits, size_t count, int before_point, char *out)
{
  char *end = out;

  if (before_point > 0) {
    end = mempcpy(end, digits, (size_t)before_point);
    digits += before_point;
    count -= (size_t)before_point;
    *end++ = '.';
  } else {
    end = mempcpy(end, "0.0000", 2 + (size_t)-before_point);
  }
  end = mempcpy(end, digits, count);
  return (size_t)(end - out);
}

static size_t put_scientific(const char *digits, size_t count, int exponent, char *out)
{
  char *end = out;

  *end++ = digits[0];
  if (count > 1) {
    *end++ = '.';
    end = mempcpy(end, digits + 1, count - 1);
  }
  end += sprintf(end, "e%+03d", exponent);
  return (size_t)(end - out);
}

/* @p d is not whole, or 2^64 and more. */
static size_t put_decimal(struct decimal d, char *out)
{
  char digits[MW_JSON_NUMBER_BYTES];
  size_t count = put_u64(d.digits, digits);
  int exponent = d.exponent + (int)count - 1; /* of the first digit */

  if (exponent >= -5 && exponent < 17)
    return put_fixed(digits, count, exponent + 1, out);
  return put_scientific(digits, count, exponent, out);
}

size_t mw_json_format_double(double value, char out[static MW_JSON_NUMBER_BYTES])
{
  double magnitude = fabs(value);
  char *start = out;
  struct decimal d;

  if (value < 0)
    *start++ = '-';
  if (magnitude < 0x1p63 && (double)(int64_t)magnitude == magnitude)
    return (size_t)(start - out) + put_u64((uint64_t)(int64_t)magnitude, start);
  if (magnitude >= 0x1p63 && magnitude < 0x1p64)
    return (size_t)(start - out) + put_u64((uint64_t)magnitude, start);
  if (!shortest_exact(magnitude, &d))
    d = shortest_by_trying(magnitude);
  return (size_t)(start - out) + put_decimal(d, start);
}
