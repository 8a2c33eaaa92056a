/* Numbers as JSON text, on more values than a spec can list: exact, and never too long. */
#include "json/number.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RANDOM_VALUES 300000

static uint64_t random_u64(void)
{
  static uint64_t state = 88172645463325252U; /* xorshift: the same values in every run */
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static double from_bits(uint64_t bits)
{
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static const char *text_of(double value)
{
  static char text[MW_JSON_NUMBER_BYTES + 1];
  size_t len_bytes = mw_json_format_double(value, text);
  assert_true(len_bytes < sizeof text);
  text[len_bytes] = '\0';
  return text;
}

static int significant_digits(const char *text)
{
  int count = 0, zeros = 0;

  for (; *text && *text != 'e'; text++) {
    if (*text < '0' || *text > '9' || (count == 0 && *text == '0'))
      continue;
    zeros = *text == '0' ? zeros + 1 : 0;
    count++;
  }
  return count - zeros;
}

/* The fewest digits with which printf finds a text that reads back. */
static int fewest_digits(double value)
{
  char text[64];

  for (int digits = 1; digits < 17; digits++) {
    snprintf(text, sizeof text, "%.*e", digits - 1, value);
    if (strtod(text, NULL) == value)
      return significant_digits(text);
  }
  return 17;
}

static void check(double value)
{
  const char *text = text_of(value);

  if (strtod(text, NULL) != value)
    fail_msg("%.17g was written as %s", value, text);
  if (fabs(value) < 0x1p64 && trunc(value) == value)
    return; /* whole: all its digits are wanted */
  if (significant_digits(text) > fewest_digits(value))
    fail_msg("%.17g was written as %s, longer than needed", value, text);
}

static void any_double_reads_back_in_the_fewest_digits(void **state)
{
  (void)state;
  for (int i = 0; i < RANDOM_VALUES / 10; i++) {
    double value = from_bits(random_u64());
    if (isfinite(value))
      check(value);
  }
}

static void doubles_of_common_size_do_too(void **state)
{
  (void)state;
  for (int i = 0; i < RANDOM_VALUES; i++) {
    uint64_t exponent = 1023 - 45 + random_u64() % 110;
    check(from_bits((random_u64() >> 12) | exponent << 52));
  }
}

static void subnormal_doubles_do_too(void **state)
{
  (void)state;
  check(DBL_TRUE_MIN);
  check(DBL_MIN);
  check(nextafter(DBL_MIN, 0));
  for (int i = 0; i < 2000; i++)
    check(from_bits((random_u64() >> 12) >> random_u64() % 52));
}

static void neighbours_of_powers_of_two_and_ten_do_too(void **state)
{
  (void)state;
  for (int exponent = -1074; exponent < 1024; exponent++) {
    double power = ldexp(1, exponent);
    check(power);
    check(nextafter(power, 0));
    check(nextafter(power, DBL_MAX));
  }
  for (int exponent = -307; exponent <= 308; exponent++) {
    double power = pow(10, exponent);
    check(power);
    check(nextafter(power, 0));
    check(nextafter(power, DBL_MAX));
  }
}

static void short_decimals_come_back_as_they_were(void **state)
{
  char expected[64];

  (void)state;
  for (int i = 0; i < RANDOM_VALUES; i++) {
    int places = 1 + (int)(random_u64() % 6);
    uint64_t digits = random_u64() % 1000000000;
    if (digits % 10 == 0)
      digits++;
    snprintf(expected, sizeof expected, "%.*f", places, (double)digits / pow(10, places));
    assert_string_equal(expected, text_of((double)digits / pow(10, places)));
  }
}

static void examples_look_as_people_write_them(void **state)
{
  static const struct {
    double value;
    const char *text;
  } examples[] = {
      {0, "0"},
      {-0.0, "0"},
      {1, "1"},
      {-1, "-1"},
      {0.1, "0.1"},
      {12.34, "12.34"},
      {-12.5, "-12.5"},
      {1.0 / 3, "0.3333333333333333"},
      {0.1 + 0.2, "0.30000000000000004"},
      {1e-5, "0.00001"},
      {1.5e-5, "0.000015"},
      {9.5e-6, "9.5e-06"},
      {1e15, "1000000000000000"},
      {1e17, "100000000000000000"},
      {123456789012345, "123456789012345"},
      {9007199254740992, "9007199254740992"},
      {9007199254740993.0, "9007199254740992"},
      {4503599627370495.5, "4503599627370495.5"},
      {9223372036854775808.0, "9223372036854775808"},
      {-9223372036854775808.0, "-9223372036854775808"},
      {18446744073709549568.0, "18446744073709549568"},
      {18446744073709551616.0, "1.8446744073709552e+19"},
      {1e300, "1e+300"},
      {1e-300, "1e-300"},
      {5e-324, "5e-324"},
      {DBL_MAX, "1.7976931348623157e+308"},
      {-DBL_MAX, "-1.7976931348623157e+308"},
      {2.2250738585072014e-308, "2.2250738585072014e-308"},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
    assert_string_equal(examples[i].text, text_of(examples[i].value));
}

static void integers_keep_every_digit(void **state)
{
  char text[MW_JSON_NUMBER_BYTES], expected[MW_JSON_NUMBER_BYTES];

  (void)state;
  for (int i = 0; i < RANDOM_VALUES; i++) {
    uint64_t value = random_u64() >> random_u64() % 64;
    sprintf(expected, "%lu", (unsigned long)value);
    assert_int_equal(strlen(expected), mw_json_format_u64(value, text));
    assert_memory_equal(expected, text, strlen(expected));
    sprintf(expected, "%ld", (long)value);
    assert_int_equal(strlen(expected), mw_json_format_i64((int64_t)value, text));
    assert_memory_equal(expected, text, strlen(expected));
  }
  assert_int_equal(20, mw_json_format_i64(INT64_MIN, text));
  assert_memory_equal("-9223372036854775808", text, 20);
  assert_int_equal(20, mw_json_format_u64(UINT64_MAX, text));
  assert_memory_equal("18446744073709551615", text, 20);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(examples_look_as_people_write_them),
      cmocka_unit_test(integers_keep_every_digit),
      cmocka_unit_test(short_decimals_come_back_as_they_were),
      cmocka_unit_test(neighbours_of_powers_of_two_and_ten_do_too),
      cmocka_unit_test(doubles_of_common_size_do_too),
      cmocka_unit_test(subnormal_doubles_do_too),
      cmocka_unit_test(any_double_reads_back_in_the_fewest_digits),
  };
  return cmocka_run_group_tests_name("json: numbers", tests, NULL, NULL);
}
