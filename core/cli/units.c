#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/parse.h"
#include "base/text.h"
#include "cli/cli.h"

#define PLAIN_MAX 1e12 /* what is larger no eye can read as digits, and would not fit */

static char *format_number(double number, int decimals, const char *unit,
                           char out[static MW_CLI_UNIT_BYTES])
{
  if (fabs(number) < PLAIN_MAX)
    snprintf(out, MW_CLI_UNIT_BYTES, "%.*f%s", decimals, number, unit);
  else
    snprintf(out, MW_CLI_UNIT_BYTES, "%.3g%s", number, unit);
  return out;
}

char *mw_cli_bytes(double bytes, char out[static MW_CLI_UNIT_BYTES])
{
  static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
  size_t unit = 0;

  while (bytes >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]) {
    bytes /= 1024;
    unit++;
  }
  return format_number(bytes, unit == 0 ? 0 : 1, units[unit], out);
}

char *mw_cli_percent(double percent, char out[static MW_CLI_UNIT_BYTES])
{
  return format_number(percent, 1, " %", out);
}

char *mw_cli_count(double count, char out[static MW_CLI_UNIT_BYTES])
{
  return format_number(count, 0, "", out);
}

/* C1 controls are two bytes in UTF-8, U+0080 to U+009F; some terminals obey them. */
static bool is_order(struct mw_slice sequence)
{
  const unsigned char *bytes = (const unsigned char *)sequence.data;

  if (sequence.len_bytes == 1)
    return iscntrl(bytes[0]) && bytes[0] != '\n' && bytes[0] != '\t';
  return sequence.len_bytes == 2 && bytes[0] == 0xC2 && bytes[1] < 0xA0;
}

void mw_cli_make_printable(char *text)
{
  struct mw_slice rest = {text, strlen(text)};

  while (rest.len_bytes > 0) {
    size_t bytes = mw_utf8_sequence_bytes(rest);
    size_t step = bytes > 0 ? bytes : 1;
    if (bytes == 0 || is_order((struct mw_slice){rest.data, bytes}))
      memset(text + (rest.data - text), '?', step);
    rest.data += step;
    rest.len_bytes -= step;
  }
}

unsigned mw_cli_terminal_columns(void)
{
  const char *from_environment = getenv("COLUMNS");
  struct winsize size;
  uint64_t columns;

  if (from_environment &&
      mw_parse_u64((struct mw_slice){from_environment, strlen(from_environment)}, &columns) &&
      columns > 0 && columns <= 100000)
    return (unsigned)columns;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 0;
}
