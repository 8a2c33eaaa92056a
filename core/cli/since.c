#include "cli/since.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "moonwatch/clock.h"

static const struct unit {
  char letter;
  int64_t seconds;
} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};

#define AGO_MAX_S (100 * 366 * INT64_C(86400))

/* "10m" @return false: it is none. */
static bool parse_ago(const char *text, int64_t *out_s)
{
  char *end;

  if (*text < '0' || *text > '9')
    return false;
  errno = 0;
  long long number = strtoll(text, &end, 10);
  if (errno != 0 || number > AGO_MAX_S || strlen(end) != 1)
    return false;
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (units[i].letter != *end || number > AGO_MAX_S / units[i].seconds)
      continue;
    *out_s = number * units[i].seconds;
    return true;
  }
  return false;
}

static bool parse_moment(const char *text, int64_t *out_s)
{
  static const char *const forms[] = {"%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%MZ",
                                      "%Y-%m-%dT%H:%M", "%Y-%m-%d"};

  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    struct tm utc = {0};
    const char *end = strptime(text, forms[i], &utc);
    if (!end || *end)
      continue;
    *out_s = timegm(&utc);
    return true;
  }
  return false;
}

int mw_cli_parse_since(const char *text, int64_t now_ns, int64_t *out_ns, struct mw_error *err)
{
  int64_t seconds;

  if (parse_ago(text, &seconds))
    *out_ns = now_ns - seconds * MW_NS_PER_S;
  else if (parse_moment(text, &seconds))
    *out_ns = seconds * MW_NS_PER_S;
  else
    return mw_error_set(err, EINVAL,
                        "\"%s\" is no time: 90s, 10m, 2h, 3d ago, or 2026-11-26T12:00:00Z", text);
  return 0;
}
