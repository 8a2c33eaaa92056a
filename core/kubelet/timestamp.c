#include <errno.h>
#include <string.h>

#include "moonwatch/kubelet_values.h"

#define NS_PER_S INT64_C(1000000000)
#define DATE_AND_TIME_BYTES 19 /* "2026-11-22T19:34:15" */
#define FRACTION_DIGITS 9

struct moment {
  int year, month, day, hour, minute, second;
};

/* @p digits digits at @p text as a number; -1 when one is none. */
static int digits_at(const char *text, int digits)
{
  int value = 0;

  for (int i = 0; i < digits; i++) {
    if (text[i] < '0' || text[i] > '9')
      return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

static bool is_leap_year(int year)
{
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

static bool parse_moment(const char *text, struct moment *out)
{
  *out = (struct moment){.year = digits_at(text, 4),
                         .month = digits_at(text + 5, 2),
                         .day = digits_at(text + 8, 2),
                         .hour = digits_at(text + 11, 2),
                         .minute = digits_at(text + 14, 2),
                         .second = digits_at(text + 17, 2)};
  return text[4] == '-' && text[7] == '-' && (text[10] == 'T' || text[10] == 't') &&
         text[13] == ':' && text[16] == ':' && out->year >= 0 && out->month >= 1 &&
         out->month <= 12 && out->day >= 1 && out->day <= days_in_month(out->year, out->month) &&
         out->hour >= 0 && out->hour <= 23 && out->minute >= 0 && out->minute <= 59 &&
         out->second >= 0 && out->second <= 60;
}

/* Since 1970, in the Gregorian calendar. Years begin in March here, so that the day that not every
 * year has is their last one. */
static int64_t days_since_1970(const struct moment *moment)
{
  static const int before_month[] = {306, 337, 0, 31, 61, 92, 122, 153, 184, 214, 245, 275};
  int64_t year = moment->month > 2 ? moment->year : moment->year - 1;
  int64_t leap_days = year / 4 - year / 100 + year / 400;

  if (year < 0) /* January and February of the year 0 */
    leap_days = -1;
  return year * 365 + leap_days + before_month[moment->month - 1] + moment->day - 1 - 719468;
}

/* "Z", "+05:30". */
static bool parse_offset(const char *text, size_t len_bytes, int64_t *offset_s)
{
  *offset_s = 0;
  if (len_bytes == 1)
    return text[0] == 'Z' || text[0] == 'z';
  if (len_bytes != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':')
    return false;
  int hours = digits_at(text + 1, 2), minutes = digits_at(text + 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return false;
  *offset_s = (text[0] == '-' ? -60 : 60) * (hours * 60 + minutes);
  return true;
}

/* ".660706501" at the start of @p text, if any. @return its length, or -1. */
static int parse_fraction(const char *text, size_t len_bytes, int64_t *fraction_ns)
{
  size_t used = 1;

  *fraction_ns = 0;
  if (len_bytes == 0 || text[0] != '.')
    return 0;
  for (; used < len_bytes && text[used] >= '0' && text[used] <= '9'; used++)
    if (used <= FRACTION_DIGITS)
      *fraction_ns = *fraction_ns * 10 + (text[used] - '0');
  for (size_t digits = used; digits <= FRACTION_DIGITS; digits++)
    *fraction_ns *= 10;
  return used > 1 && used < 64 ? (int)used : -1;
}

int mw_kubelet_parse_time(const char *text, size_t len_bytes, int64_t *time_ns)
{
  static const char never[] = "0001-01-01T00:00:00Z";
  struct moment moment;
  int64_t fraction_ns, offset_s, whole_ns;

  if (len_bytes < DATE_AND_TIME_BYTES || !parse_moment(text, &moment))
    return -EINVAL;
  if (len_bytes == sizeof never - 1 && memcmp(text, never, sizeof never - 1) == 0) {
    *time_ns = 0;
    return 0;
  }
  int fraction_bytes =
      parse_fraction(text + DATE_AND_TIME_BYTES, len_bytes - DATE_AND_TIME_BYTES, &fraction_ns);
  if (fraction_bytes < 0)
    return -EINVAL;
  size_t used = DATE_AND_TIME_BYTES + (size_t)fraction_bytes;
  if (!parse_offset(text + used, len_bytes - used, &offset_s))
    return -EINVAL;

  int64_t seconds = days_since_1970(&moment) * 86400 + moment.hour * 3600 + moment.minute * 60 +
                    moment.second - offset_s;
  if (__builtin_mul_overflow(seconds, NS_PER_S, &whole_ns) ||
      __builtin_add_overflow(whole_ns, fraction_ns, &whole_ns))
    return -ERANGE;
  *time_ns = whole_ns;
  return 0;
}
