#include "base/rfc3339.h"

#include <stdio.h>
#include <time.h>

#include "moonwatch/clock.h"

char *mw_rfc3339(int64_t wall_ns, char out[static MW_RFC3339_BYTES])
{
  int64_t ms = wall_ns % MW_NS_PER_S / MW_NS_PER_MS;
  time_t seconds = (time_t)(wall_ns / MW_NS_PER_S);
  char date[MW_RFC3339_BYTES - 8];
  struct tm utc;

  if (ms < 0) { /* before 1970 */
    ms += 1000;
    seconds--;
  }
  gmtime_r(&seconds, &utc);
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  snprintf(out, MW_RFC3339_BYTES, "%s.%03dZ", date, (int)ms);
  return out;
}
