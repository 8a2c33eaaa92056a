#include "http/retry_after.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/parse.h"
#include "moonwatch/clock.h"

static int month_of(const char *name)
{
  static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

  for (int month = 0; month < 12; month++)
    if (strncmp(names + (size_t)3 * (size_t)month, name, 3) == 0)
      return month;
  return -1;
}

/* Of the years that end with these two digits, the one that is at most 50 years ahead, and less
 * than 50 behind. */
static int full_year(int two_digits, int64_t now_wall_ns)
{
  time_t now = (time_t)(now_wall_ns / MW_NS_PER_S);
  struct tm broken_down;

  gmtime_r(&now, &broken_down);
  int year = broken_down.tm_year + 1900;
  int candidate = year - year % 100 + two_digits;
  if (candidate > year + 50)
    return candidate - 100;
  return candidate <= year - 50 ? candidate + 100 : candidate;
}

/* The three forms that a recipient has to understand; -1: none of them. */
static time_t parse_date(const char *text, int64_t now_wall_ns)
{
  struct tm date = {0};
  char month[4] = "", weekday[10];
  int year, end = 0;

  if (sscanf(text, "%3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", weekday, &date.tm_mday,
             month, &year, &date.tm_hour, &date.tm_min, &date.tm_sec, &end) == 7 &&
      end > 0) {
  } else if (sscanf(text, "%9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n", weekday,
                    &date.tm_mday, month, &year, &date.tm_hour, &date.tm_min, &date.tm_sec,
                    &end) == 7 &&
             end > 0)
    year = full_year(year, now_wall_ns);
  else if (sscanf(text, "%3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n", weekday, month,
                  &date.tm_mday, &date.tm_hour, &date.tm_min, &date.tm_sec, &year, &end) != 7 ||
           end == 0)
    return -1;
  date.tm_year = year - 1900;
  date.tm_mon = month_of(month);
  bool fits = text[end] == '\0' && date.tm_mon >= 0 && year >= 1970 && date.tm_mday >= 1 &&
              date.tm_mday <= 31 && date.tm_hour >= 0 && date.tm_hour <= 23 && date.tm_min >= 0 &&
              date.tm_min <= 59 && date.tm_sec >= 0 && date.tm_sec <= 60;
  return fits ? timegm(&date) : -1;
}

static int64_t at_most_a_day(int64_t seconds)
{
  if (seconds <= 0)
    return 0;
  return seconds < MW_RETRY_AFTER_MAX_MS / 1000 ? seconds * 1000 : MW_RETRY_AFTER_MAX_MS;
}

bool mw_retry_after_parse(const char *text, int64_t now_wall_ns, int64_t *out_ms)
{
  size_t len_bytes = strlen(text);

  if (len_bytes > 0 && strspn(text, "0123456789") == len_bytes) {
    uint64_t seconds;
    bool small = mw_parse_u64((struct mw_slice){text, len_bytes}, &seconds) && seconds < INT64_MAX;
    *out_ms = small ? at_most_a_day((int64_t)seconds) : MW_RETRY_AFTER_MAX_MS;
    return true;
  }
  time_t date = len_bytes < 64 ? parse_date(text, now_wall_ns) : -1;
  if (date == -1)
    return false;
  *out_ms = at_most_a_day((int64_t)date - now_wall_ns / MW_NS_PER_S);
  return true;
}
