/* Quantities and times: tables of examples. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "moonwatch/kubelet_values.h"

#define UNTOUCHED INT64_C(-7777)

/* ---- Quantities ---- */

struct quantity_example {
  const char *text;
  unsigned scale;
  int64_t value;
};

static int parse_quantity(const char *text, unsigned scale, int64_t *value)
{
  size_t len_bytes = strlen(text);
  char *exact = malloc(len_bytes + 1); /* a checker sees who reads behind it */

  assert_non_null(exact);
  memcpy(exact, text, len_bytes);
  exact = realloc(exact, len_bytes > 0 ? len_bytes : 1);
  int rc = mw_kubelet_parse_quantity(exact, len_bytes, scale, value);
  free(exact);
  return rc;
}

static void a_quantity_becomes_a_whole_number(void **state)
{
  static const struct quantity_example examples[] = {
      {"500m", 9, 500000000}, /* 50 % of a CPU */
      {"1", 9, 1000000000},
      {"250m", 9, 250000000},
      {"1.5", 9, 1500000000},
      {"100n", 9, 100},
      {"1n", 9, 1},
      {"0.5n", 9, 1},
      {"3u", 9, 3000},
      {"128Mi", 0, 134217728},
      {"0.1", 0, 1}, /* rounded up */
      {"0", 0, 0},
      {"0", 9, 0},
      {"0.0", 0, 0},
      {"0Ei", 0, 0},
      {"00100", 0, 100},
      {"1e3", 0, 1000},
      {"1E3", 0, 1000},
      {"1e+3", 0, 1000},
      {"5e-2", 9, 50000000},
      {"1e0", 0, 1},
      {"1e-999999999999", 0, 1},
      {"0e999999999999", 0, 0},
      {"1E", 0, INT64_C(1000000000000000000)},
      {"1P", 0, INT64_C(1000000000000000)},
      {"1T", 0, INT64_C(1000000000000)},
      {"1G", 0, 1000000000},
      {"1M", 0, 1000000},
      {"1k", 0, 1000},
      {"1m", 0, 1},
      {"1000m", 0, 1},
      {"1001m", 0, 2},
      {"1Ki", 0, 1024},
      {"1Mi", 0, 1048576},
      {"1Gi", 0, 1073741824},
      {"1Ti", 0, INT64_C(1099511627776)},
      {"1Pi", 0, INT64_C(1125899906842624)},
      {"1Ei", 0, INT64_C(1152921504606846976)},
      {"1.5Gi", 0, 1610612736},
      {"0.001Ki", 0, 2}, /* 1.024 */
      {".5", 0, 1},
      {"5.", 0, 5},
      {"+5", 0, 5},
      {"-5", 0, -5},
      {"-1.5", 0, -2}, /* away from zero */
      {"-1Ki", 0, -1024},
      {"-0", 0, 0},
      {"9223372036854775807", 0, INT64_MAX},
      {"-9223372036854775808", 0, INT64_MIN},
      {"7.999999999999999999Ei", 0, INT64_MAX},
      {"0.0000000000000000000000000000000001", 0, 1},
      {"1.0000000000000000000000000000000000", 0, 1},
      {"100000000000000000000000000000000000e-20", 0, INT64_C(1000000000000000)},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    int64_t value = UNTOUCHED;
    int rc = parse_quantity(examples[i].text, examples[i].scale, &value);
    if (rc != 0 || value != examples[i].value)
      fail_msg("%s at scale %u: %d, %jd", examples[i].text, examples[i].scale, rc, (intmax_t)value);
  }
}

static void what_is_no_quantity_is_refused(void **state)
{
  static const char *const examples[] = {
      "",     " ",   ".",    "-",    "+",         "m",    "Ki",    "1 ",   " 1",
      "1K",   "1ki", "1KiB", "1g",   "1Zi",       "1Yi",  "1e",    "1e+",  "1e-",
      "1e3m", "1ei", "1Ee3", "--1",  "1-",        "1,5",  "1.5.5", "0x10", "inf",
      "nan",  "1mm", "1i",   "1Kii", "1\xC2\xB5", "\xFF", "1e1.5", "1e 3",
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    int64_t value = UNTOUCHED;
    int rc = parse_quantity(examples[i], 0, &value);
    if (rc != -EINVAL || value != UNTOUCHED)
      fail_msg("\"%s\": %d", examples[i], rc);
  }
}

static void a_nul_byte_is_no_suffix(void **state)
{
  int64_t value = UNTOUCHED;

  (void)state;
  assert_int_equal(mw_kubelet_parse_quantity("1\0", 2, 0, &value), -EINVAL);
  assert_int_equal(mw_kubelet_parse_quantity("1\0i", 3, 0, &value), -EINVAL);
  assert_int_equal(value, UNTOUCHED);
}

static void a_quantity_out_of_range_is_refused(void **state)
{
  static const struct quantity_example examples[] = {
      {"9223372036854775808", 0, 0},
      {"-9223372036854775809", 0, 0},
      {"8Ei", 0, 0},
      {"10E", 0, 0},
      {"1e19", 0, 0},
      {"1e999999999999", 0, 0},
      {"9999999999999999999Ei", 0, 0},
      {"10000000000", 9, 0},
      {"123456789012345678901", 0, 0}, /* 21 significant digits */
      {"0.123456789012345678901", 0, 0},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    int64_t value = UNTOUCHED;
    int rc = parse_quantity(examples[i].text, examples[i].scale, &value);
    if (rc != -ERANGE || value != UNTOUCHED)
      fail_msg("%s: %d", examples[i].text, rc);
  }
}

/* ---- Times ---- */

static int parse_time(const char *text, int64_t *time_ns)
{
  size_t len_bytes = strlen(text);
  char *exact = malloc(len_bytes > 0 ? len_bytes : 1);

  assert_non_null(exact);
  memcpy(exact, text, len_bytes);
  int rc = mw_kubelet_parse_time(exact, len_bytes, time_ns);
  free(exact);
  return rc;
}

static void a_time_becomes_nanoseconds_since_1970(void **state)
{
  static const struct {
    const char *text;
    int64_t ns;
  } examples[] = {
      {"2019-11-20T13:13:13Z", INT64_C(1574255593000000000)},
      {"2026-11-22T19:34:15.660706501Z", INT64_C(1795376055660706501)},
      {"2026-11-22T19:34:15.66Z", INT64_C(1795376055660000000)},
      {"2026-11-22T19:34:15.6607065019999Z", INT64_C(1795376055660706501)},
      {"2026-11-22T21:34:15+02:00", INT64_C(1795376055000000000)},
      {"2026-11-23T01:04:15+05:30", INT64_C(1795376055000000000)},
      {"2026-11-22T11:34:15-08:00", INT64_C(1795376055000000000)},
      {"2026-11-22T11:34:15.5-08:00", INT64_C(1795376055500000000)},
      {"2026-11-22t19:34:15z", INT64_C(1795376055000000000)},
      {"2026-11-22T19:34:15-00:00", INT64_C(1795376055000000000)},
      {"1970-01-01T00:00:00Z", 0},
      {"1970-01-01T00:00:00.000000001Z", 1},
      {"1969-12-31T23:59:59Z", -1000000000},
      {"2000-02-29T00:00:00Z", INT64_C(951782400000000000)},
      {"2000-03-01T00:00:00Z", INT64_C(951868800000000000)},
      {"2016-12-31T23:59:60Z", INT64_C(1483228800000000000)}, /* a leap second */
      {"1678-01-01T00:00:00Z", INT64_C(-9214560000000000000)},
      {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
      {"0001-01-01T00:00:00Z", 0}, /* Go's zero time */
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    int64_t time_ns = UNTOUCHED;
    int rc = parse_time(examples[i].text, &time_ns);
    if (rc != 0 || time_ns != examples[i].ns)
      fail_msg("%s: %d, %jd", examples[i].text, rc, (intmax_t)time_ns);
  }
}

/* Over all years that there are: no day is left out or comes twice. */
static void every_day_is_the_day_after_the_one_before(void **state)
{
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int64_t expected_ns = INT64_C(-9214560000000000000); /* 1678-01-01 */

  (void)state;
  for (int year = 1678; year < 2262; year++)
    for (int month = 1; month <= 12; month++) {
      bool leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
      for (int day = 1; day <= days[month - 1] + leap; day++) {
        char text[32];
        int64_t time_ns = UNTOUCHED;
        snprintf(text, sizeof text, "%04d-%02d-%02dT00:00:00Z", year, month, day);
        assert_int_equal(mw_kubelet_parse_time(text, strlen(text), &time_ns), 0);
        if (time_ns != expected_ns)
          fail_msg("%s: %jd", text, (intmax_t)time_ns);
        expected_ns += INT64_C(86400000000000);
      }
    }
}

static void what_is_no_time_is_refused(void **state)
{
  static const char *const examples[] = {
      "",
      "Z",
      "2026",
      "2026-11-22",
      "2026-11-22T19:34:15",
      "2026-11-22T19:34:15.Z",
      "2026-11-22T19:34:15.5",
      "2026-11-22 19:34:15Z",
      "2026-11-22T19:34Z",
      "2026-13-22T19:34:15Z",
      "2026-00-22T19:34:15Z",
      "2026-11-31T19:34:15Z",
      "2026-11-00T19:34:15Z",
      "2026-02-29T19:34:15Z",
      "1900-02-29T19:34:15Z",
      "2026-11-22T24:00:00Z",
      "2026-11-22T19:60:15Z",
      "2026-11-22T19:34:61Z",
      "2026-11-22T19:34:15+2:00",
      "2026-11-22T19:34:15+0200",
      "2026-11-22T19:34:15+24:00",
      "2026-11-22T19:34:15+02:60",
      "2026-11-22T19:34:15ZZ",
      "2026-11-22T19:34:15Z ",
      " 2026-11-22T19:34:15Z",
      "-026-11-22T19:34:15Z",
      "2026-1a-22T19:34:15Z",
      "2026/11/22T19:34:15Z",
      "2026-11-22T19.34.15Z",
      "2026-11-22T19:34:15,5Z",
      "20261-11-22T19:34:15Z",
      "2026-11-22T-1:34:15Z",
      "1795376055",
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    int64_t time_ns = UNTOUCHED;
    int rc = parse_time(examples[i], &time_ns);
    if (rc != -EINVAL || time_ns != UNTOUCHED)
      fail_msg("\"%s\": %d", examples[i], rc);
  }
}

static void a_time_out_of_range_is_refused(void **state)
{
  static const char *const examples[] = {"1677-01-01T00:00:00Z", "2263-01-01T00:00:00Z",
                                         "9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z",
                                         "0001-01-01T00:00:01Z", "2262-04-11T23:47:16.854775808Z"};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    int64_t time_ns = UNTOUCHED;
    int rc = parse_time(examples[i], &time_ns);
    if (rc != -ERANGE || time_ns != UNTOUCHED)
      fail_msg("\"%s\": %d", examples[i], rc);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_quantity_becomes_a_whole_number),
      cmocka_unit_test(what_is_no_quantity_is_refused),
      cmocka_unit_test(a_nul_byte_is_no_suffix),
      cmocka_unit_test(a_quantity_out_of_range_is_refused),
      cmocka_unit_test(a_time_becomes_nanoseconds_since_1970),
      cmocka_unit_test(every_day_is_the_day_after_the_one_before),
      cmocka_unit_test(what_is_no_time_is_refused),
      cmocka_unit_test(a_time_out_of_range_is_refused),
  };

  return cmocka_run_group_tests_name("core/kubelet/values", tests, NULL, NULL);
}
