/*
 * Reads any bytes as a URL, a Location, a Retry-After, a line of a header, and an index of recorded
 * answers. What is taken for a URL has a host and no byte that could end a line; what it prints has
 * neither a query nor a password; it is of its own origin.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/receiver.h"
#include "http/recorded_index.h"
#include "http/retry_after.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool parse_url(const char *text)
{
  char printed[MW_URL_PRINT_BYTES];
  struct mw_url url = {.port = 0};

  if (mw_url_parse(text, &url, NULL) < 0) {
    assert(url.port == 0);
    return false;
  }
  assert(url.host.len_bytes > 0 && url.port > 0);
  assert(!memchr(url.authority.data, '@', url.authority.len_bytes));
  assert(mw_url_same_origin(&url, &url));
  mw_url_print(&url, printed);
  assert(strncmp(printed, url.https ? "https://" : "http://", url.https ? 8 : 7) == 0);
  assert(strlen(printed) < sizeof printed);
  const char *query = strchr(printed, '?');
  assert(!query || strcmp(query, "?...") == 0 || strlen(printed) == sizeof printed - 1);
  assert(text[strcspn(text, " \r\n\t#")] == '\0');
  return true;
}

/* What a Location leads to is a URL, or it is refused; a path leads to the same server. */
static void resolve(struct mw_slice reference)
{
  struct mw_url base, to;
  MW_AUTO_BUF whole;

  mw_buf_init(&whole, (size_t)1 << 20);
  assert(mw_url_parse("https://h:1/a/b?c", &base, NULL) == 0);
  assert(mw_url_resolve(&base, reference, &whole, NULL) == 0);
  bool is_path = reference.len_bytes > 1 && reference.data[0] == '/' && reference.data[1] != '/';
  if (parse_url(whole.data) && is_path) {
    assert(mw_url_parse(whole.data, &to, NULL) == 0);
    assert(mw_url_same_origin(&base, &to));
  }
}

static void parse_index(struct mw_slice text)
{
  struct mw_recorded_answer *answers = NULL;

  int rc = mw_recorded_index_parse(text, &answers, NULL);
  for (struct mw_recorded_answer *answer = answers; rc == 0 && answer; answer = answer->next) {
    assert(answer->url && answer->method && answer->status >= 200 && answer->step > 0);
    assert(!answer->body_file || answer->body_file[0] != '/');
    assert(mw_recorded_find(answers, answer->method, answer->url));
  }
  mw_recorded_index_free(answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *text = malloc(size + 1); /* an exact size: the checker sees a read behind it */
  struct mw_slice name, value;
  int64_t ms = -1;

  assert(text);
  if (size > 0)
    memcpy(text, data, size);
  text[size] = '\0';
  parse_url(text);
  resolve((struct mw_slice){text, strlen(text)});
  bool is_wait = mw_retry_after_parse(text, INT64_C(784111777) * 1000000000, &ms);
  assert(is_wait ? ms >= 0 && ms <= MW_RETRY_AFTER_MAX_MS : ms == -1);
  if (mw_http_split_field((struct mw_slice){text, size}, &name, &value))
    assert(name.len_bytes > 0 && value.data >= name.data &&
           value.data + value.len_bytes <= text + size);
  parse_index((struct mw_slice){text, size});
  free(text);
  return 0;
}
