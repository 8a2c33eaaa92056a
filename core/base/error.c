#include "moonwatch/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int mw_error_set(struct mw_error *err, int code, const char *fmt, ...)
{
  if (err) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    err->code = code;
  }
  return -code;
}

void mw_error_prefix(struct mw_error *err, const char *fmt, ...)
{
  char prefix[MW_ERROR_TEXT_BYTES / 2];
  va_list args;

  if (!err)
    return;
  va_start(args, fmt);
  vsnprintf(prefix, sizeof prefix, fmt, args);
  va_end(args);

  size_t prefix_bytes = strlen(prefix);
  size_t kept_bytes = strnlen(err->text, sizeof err->text - prefix_bytes - 3);
  memmove(err->text + prefix_bytes + 2, err->text, kept_bytes);
  err->text[prefix_bytes + 2 + kept_bytes] = '\0';
  memcpy(err->text, prefix, prefix_bytes);
  memcpy(err->text + prefix_bytes, ": ", 2);
}
