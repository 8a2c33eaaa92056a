/* Running out of memory at every allocation of ours and of the JSON parser: nothing leaks, each
 * says so, and the next request works. */
#include "moonwatch/http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/http/http_support.h"
#include "support/failing_malloc.h"

#define ATTEMPTS_MAX 1000

#define INDEX                                                                                      \
  "{\"answers\": [{\"url\": \"https://h/a\", \"status\": 302, \"headers\": {\"Location\": "        \
  "\"/b\"}},"                                                                                      \
  "{\"url\": \"https://h/b\", \"status\": 200, \"headers\": {\"A\": \"b\"}, \"body_file\": "       \
  "\"b\"},"                                                                                        \
  "{\"url\": \"https://h/c\", \"status\": 200, \"body\": \"text\"}]}"

static int count_pieces(void *data, const char *piece, size_t len_bytes, struct mw_error *err)
{
  (void)piece;
  (void)len_bytes;
  (void)err;
  ++*(int *)data;
  return 0;
}

/* One request of each kind, by a client of its own. @return what went wrong. */
static int make_and_ask(struct mw_error *err, int *pieces)
{
  static struct mw_http_credentials credentials;
  const struct mw_http_sink sink = {.data = pieces, .body = count_pieces};
  struct mw_http_request request = {
      .url = "https://h/a", .redirects_max = 1, .credentials = &credentials};

  credentials.token_file = in_folder("token");
  *pieces = 0;
  struct mw_http *http = mw_http_new(&(struct mw_http_config){.recorded_dir = folder}, err);
  if (!http)
    return -err->code;
  int rc = mw_http_ask(http, &request, &sink, NULL, err);
  request.url = "https://h/c";
  if (rc == 0)
    rc = mw_http_ask(http, &request, &sink, NULL, err);
  mw_http_free(http);
  return rc;
}

static void it_fails_whole_or_not_at_all(void **state)
{
  int rc = -1, pieces = 0;
  long nth = 0;
  (void)state;

  put("answers.json", INDEX);
  put("token", "abc");
  put("b", "body");
  while (rc < 0 && ++nth < ATTEMPTS_MAX) {
    struct mw_error err = {0};
    allocations_total = 0;
    failing_allocation = nth;
    rc = make_and_ask(&err, &pieces);
    failing_allocation = 0;
    if (rc < 0 && err.code != ENOMEM)
      fail_msg("allocation %ld: %s", nth, err.text);
  }
  assert_true(nth > 20 && nth < ATTEMPTS_MAX);
  assert_int_equal(2, pieces);
}

static void the_next_request_works(void **state)
{
  (void)state;

  struct mw_http *http = recorded_client(INDEX);
  const struct mw_http_request request = {.url = "https://h/a", .redirects_max = 1};
  int rc = -1;
  for (long nth = 1; rc < 0 && nth < ATTEMPTS_MAX; nth++) {
    struct mw_error err = {0};
    allocations_total = 0;
    failing_allocation = nth;
    rc = mw_http_ask(http, &request, NULL, NULL, &err);
    failing_allocation = 0;
    if (rc < 0)
      assert_int_equal(ENOMEM, err.code);
    assert_int_equal(0, mw_http_ask(http, &request, NULL, NULL, NULL));
  }
  assert_int_equal(0, rc);
  mw_http_free(http);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_fails_whole_or_not_at_all),
      cmocka_unit_test(the_next_request_works),
  };
  return cmocka_run_group_tests_name("http/http_memory", tests, make_folder, remove_folder);
}
