/*
 * Reads any bytes as a time and as a quantity. Neither reads outside the text, a refused one leaves
 * the result alone; a quantity at a larger scale is as much larger, as far as rounding goes; a sign
 * changes the sign.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "moonwatch/kubelet_values.h"

#define UNTOUCHED INT64_C(-7777777777777)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_time(const char *text, size_t len_bytes)
{
  int64_t time_ns = UNTOUCHED;

  int rc = mw_kubelet_parse_time(text, len_bytes, &time_ns);
  assert(rc == 0 || rc == -EINVAL || rc == -ERANGE);
  assert(rc == 0 ? len_bytes >= 20 : time_ns == UNTOUCHED);
}

static void check_negated(const char *text, size_t len_bytes, int64_t value)
{
  int64_t negated = UNTOUCHED;
  char *copy = malloc(len_bytes + 1);

  assert(copy);
  copy[0] = '-';
  memcpy(copy + 1, text, len_bytes);
  assert(mw_kubelet_parse_quantity(copy, len_bytes + 1, 0, &negated) == 0);
  assert(negated == -value);
  free(copy);
}

static void check_quantity(const char *text, size_t len_bytes)
{
  int64_t whole = UNTOUCHED, thousandths = UNTOUCHED;

  int rc = mw_kubelet_parse_quantity(text, len_bytes, 0, &whole);
  int finer_rc = mw_kubelet_parse_quantity(text, len_bytes, 3, &thousandths);
  assert(rc == 0 || rc == -EINVAL || rc == -ERANGE);
  assert((rc == -EINVAL) == (finer_rc == -EINVAL));
  assert(rc == 0 || whole == UNTOUCHED);
  if (rc == 0 && text[0] != '-' && text[0] != '+')
    check_negated(text, len_bytes, whole);
  if (rc < 0 || finer_rc < 0)
    return;
  /* away from zero, by less than one */
  int64_t size = whole < 0 ? -whole : whole,
          finer_size = thousandths < 0 ? -thousandths : thousandths;
  assert((whole < 0) == (thousandths < 0));
  assert(finer_size <= size * 1000 && finer_size > (size - 1) * 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  check_time((const char *)data, size);
  check_quantity((const char *)data, size);
  return 0;
}
