/* Regular expressions: any pattern and any text end, what the translation lets through PCRE2
 * compiles, and its two matchers say the same.
 *
 * Input: pattern and text with a '\n' between them. */
#include "regex/regex.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regex/translate.h"

#define TRANSLATION_MAX_BYTES ((size_t)1 << 20)

/* Of what is translated only size may be refused, and nesting that an operator on an operator's
 * result adds to. */
static void explain(struct mw_slice pattern, const struct mw_error *err)
{
  struct mw_buf text;

  mw_buf_init(&text, TRANSLATION_MAX_BYTES);
  int rc = mw_regex_translate(pattern, MW_REGEX_BACKTRACKING, &text, NULL);
  if (rc == 0 && err->code != EMSGSIZE && !strstr(err->text, "nests too deeply")) {
    fprintf(stderr, "%s\ntranslation: %s\n", err->text, text.data);
    abort();
  }
  mw_buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
  const uint8_t *separator = len_bytes > 0 ? memchr(data, '\n', len_bytes) : NULL;
  size_t pattern_bytes = separator ? (size_t)(separator - data) : len_bytes;
  struct mw_slice pattern = {(const char *)data, pattern_bytes};
  struct mw_slice text = {separator ? (const char *)separator + 1 : "",
                          separator ? len_bytes - pattern_bytes - 1 : 0};
  struct mw_error err;
  bool first, second;

  struct mw_regex *regex = mw_regex_compile(pattern, &err);
  if (!regex) {
    assert(strstr(err.text, "invalid regex '") == err.text);
    explain(pattern, &err);
    return 0;
  }
  assert(mw_regex_bytes(regex) < 200000);
  int rc = mw_regex_matches(regex, text, &first, &err);
  int other_rc = mw_regex_matches_breadth_first(regex, text, &second, &err);
  assert(rc == 0 || rc == -ELOOP || rc == -EMSGSIZE);
  assert(rc == 0 || other_rc == rc);
  assert(rc != 0 || other_rc != 0 || first == second);
  mw_regex_free(regex);
  return 0;
}
