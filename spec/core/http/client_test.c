/* What holds for every answer, whatever transport it comes by: shown with recorded ones. */
#include "moonwatch/http.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/http/http_support.h"

static struct mw_http *one_answer(const char *members)
{
  char index[4000];

  snprintf(index, sizeof index, "{\"answers\": [{\"url\": \"https://h/x\", %s}]}", members);
  struct mw_http *http = recorded_client(index);
  assert_non_null(http);
  return http;
}

/* ---- Status ---- */

static void each_status_has_its_code_and_its_cure(void **state)
{
  static const struct {
    const char *members;
    int code;
    const char *text;
  } cases[] = {
      {"\"status\": 401", EACCES,
       "401: it wants to know who asks: give a token_file, or a cert_file and a key_file"},
      {"\"status\": 403, \"body\": \"Forbidden (user=u,\\n\\tverb=get)\\u0007\"", EACCES,
       "403: not allowed; it says: Forbidden (user=u, verb=get)?"},
      {"\"status\": 404", ENOENT, "404: there is no such thing"},
      {"\"status\": 429, \"headers\": {\"Retry-After\": \"7\"}", EAGAIN,
       "429: too many requests; it asks to wait 7 s"},
      {"\"status\": 503", EAGAIN, "503: it cannot answer now"},
      {"\"status\": 500, \"body\": \"oops\"", EPROTO, "500: it failed; it says: oops"},
      {"\"status\": 304", EPROTO, "304"},
      {"\"status\": 302", EPROTO, "302: it redirects, and does not say where to"},
  };
  char expected[300];
  struct heard heard;
  (void)state;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct mw_http *http = one_answer(cases[i].members);
    get(http, "https://h/x", &heard);
    snprintf(expected, sizeof expected, "GET https://h/x: %s", cases[i].text);
    assert_string_equal(expected, heard.err.text);
    assert_int_equal(-cases[i].code, heard.rc);
    assert_int_equal(cases[i].code, heard.err.code);
    assert_int_equal(MW_HTTP_PHASE_STATUS, heard.answer.phase);
    assert_int_equal(i == 3 ? 7000 : -1, heard.answer.retry_after_ms);
    assert_string_equal("", heard.body.data); /* a sink gets bodies of success only */
    forget_heard(&heard);
    mw_http_free(http);
  }
}

static void of_what_a_refusal_says_the_beginning_is_kept(void **state)
{
  char members[1200], body[1001];
  struct heard heard;
  (void)state;

  memset(body, 'y', sizeof body - 1);
  body[sizeof body - 1] = '\0';
  snprintf(members, sizeof members, "\"status\": 500, \"body\": \"%s\"", body);
  struct mw_http *http = one_answer(members);
  get(http, "https://h/x", &heard);
  assert_int_equal(MW_HTTP_SAID_BYTES - 1, strlen(heard.answer.said));
  forget_heard(&heard);

  /* More than the ceiling is no other error: it says no, whatever it says besides. */
  ask(http, &(struct mw_http_request){.url = "https://h/x", .body_max_bytes = 10}, &heard);
  assert_int_equal(-EPROTO, heard.rc);
  forget_heard(&heard);
  mw_http_free(http);
}

/* ---- Ceilings ---- */

static void the_header_has_a_ceiling(void **state)
{
  struct heard heard;
  (void)state;

  struct mw_http *http =
      one_answer("\"status\": 200, \"headers\": {\"A\": \"12345\", \"B\": \"12345\"}");
  ask(http, &(struct mw_http_request){.url = "https://h/x", .headers_max_bytes = 20}, &heard);
  assert_int_equal(0, heard.rc); /* two lines of 10 bytes with their ends */
  forget_heard(&heard);
  ask(http, &(struct mw_http_request){.url = "https://h/x", .headers_max_bytes = 19}, &heard);
  assert_int_equal(-EMSGSIZE, heard.rc);
  assert_string_equal(
      "GET https://h/x: the header of the answer is larger than the limit of 19 bytes",
      heard.err.text);
  assert_string_equal("a: 12345\n", heard.headers.data);
  forget_heard(&heard);
  ask(http, &(struct mw_http_request){.url = "https://h/x", .headers_max_bytes = SIZE_MAX}, &heard);
  assert_int_equal(0, heard.rc);
  forget_heard(&heard);
  mw_http_free(http);
}

/* ---- Redirects ---- */

#define REDIRECT(from, to)                                                                         \
  "{\"url\": \"" from "\", \"status\": 302, \"headers\": {\"Location\": \"" to                     \
  "\", \"X\": \"redirect\"}, \"body\": \"moved\"}"

static void redirects_are_followed_only_when_asked_for(void **state)
{
  struct heard heard;
  (void)state;

  struct mw_http *http =
      recorded_client("{\"answers\": [" REDIRECT("https://h/a", "/b") ", " REDIRECT(
          "https://h/b",
          "c?q#f") ","
                   "{\"url\": \"https://h/c?q\", \"status\": 200, \"headers\": {\"X\": \"last\"},"
                   "\"body\": \"here\"}]}");
  get(http, "https://h/a", &heard);
  assert_int_equal(-EPROTO, heard.rc);
  assert_string_equal(
      "GET https://h/a: 302: it redirects to https://h/b, which is not followed (at "
      "most 0, of GET and HEAD); it says: moved",
      heard.err.text);
  forget_heard(&heard);

  ask(http, &(struct mw_http_request){.url = "https://h/a", .redirects_max = 1}, &heard);
  assert_int_equal(-EPROTO, heard.rc);
  assert_non_null(strstr(heard.err.text, "GET https://h/a: 302: it redirects to https://h/c?..."));
  forget_heard(&heard);

  ask(http, &(struct mw_http_request){.url = "https://h/a", .redirects_max = 2}, &heard);
  assert_int_equal(0, heard.rc);
  assert_int_equal(200, heard.answer.status);
  assert_string_equal("x: last\n", heard.headers.data);
  assert_string_equal("here", heard.body.data);
  forget_heard(&heard);
  mw_http_free(http);
}

static void redirects_stay_on_the_server(void **state)
{
  static const char *const elsewhere[] = {"http://h/b", "https://other/b", "https://h:8443/b",
                                          "//other/b"};
  char index[300];
  struct heard heard;
  (void)state;

  for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
    snprintf(index, sizeof index, "{\"answers\": [" REDIRECT("https://h/a", "%s") "]}",
             elsewhere[i]);
    struct mw_http *http = recorded_client(index);
    ask(http, &(struct mw_http_request){.url = "https://h/a", .redirects_max = 5}, &heard);
    assert_int_equal(-EPROTO, heard.rc);
    assert_non_null(strstr(heard.err.text, "which is another server: not followed"));
    forget_heard(&heard);
    mw_http_free(http);
  }
}

static void redirects_without_sense_are_errors(void **state)
{
  static const char *const locations[] = {"ftp://h/", "https://u:p@h/", "https://h/\x01", "a b"};
  char index[300];
  struct heard heard;
  (void)state;

  for (size_t i = 0; i < sizeof locations / sizeof locations[0]; i++) {
    snprintf(index, sizeof index, "{\"answers\": [" REDIRECT("https://h/a", "%s") "]}",
             i == 2 ? "https://h/\\u0001" : locations[i]);
    struct mw_http *http = recorded_client(index);
    ask(http, &(struct mw_http_request){.url = "https://h/a", .redirects_max = 5}, &heard);
    assert_int_equal(-EPROTO, heard.rc);
    assert_non_null(strstr(heard.err.text, "302: it redirects to what is not followed"));
    forget_heard(&heard);
    mw_http_free(http);
  }
}

static void a_post_is_never_redirected(void **state)
{
  struct heard heard;
  (void)state;

  struct mw_http *http = recorded_client(
      "{\"answers\": [{\"method\": \"POST\", \"url\": \"https://h/a\", \"status\": 307, "
      "\"headers\": {\"Location\": \"/b\"}}]}");
  ask(http, &(struct mw_http_request){.method = "POST", .url = "https://h/a", .redirects_max = 5},
      &heard);
  assert_int_equal(-EPROTO, heard.rc);
  assert_non_null(strstr(heard.err.text, "which is not followed"));
  forget_heard(&heard);
  mw_http_free(http);
}

static void a_circle_ends(void **state)
{
  struct heard heard;
  (void)state;

  struct mw_http *http = recorded_client("{\"answers\": [" REDIRECT("https://h/a", "/a") "]}");
  ask(http, &(struct mw_http_request){.url = "https://h/a", .redirects_max = 7}, &heard);
  assert_int_equal(-EPROTO, heard.rc);
  assert_non_null(strstr(heard.err.text, "at most 7"));
  forget_heard(&heard);
  mw_http_free(http);
}

/* ---- Requests ---- */

static void a_wrong_request_is_refused_before_anything_is_asked(void **state)
{
  static const char *const no_colon[] = {"Name", NULL}, *const injected[] = {"A: b\r\nC: d", NULL},
                           *const own[] = {"content-length: 5", NULL},
                           *const no_name[] = {": x", NULL}, *const blank[] = {"A b: x", NULL};
  static const struct mw_http_credentials half = {.cert_file = "/x"};
  static const struct {
    struct mw_http_request request;
    const char *text;
  } cases[] = {
      {{.url = NULL}, "request: it has no URL"},
      {{.url = "https://u:p@h/"}, "it has a user or a password in it"},
      {{.url = "ftp://h/"}, "it does not begin with http:// or https://"},
      {{.url = "https://h/x", .method = ""}, "request: not a method that can be asked: \"\""},
      {{.url = "https://h/x", .method = "GET /"}, "not a method that can be asked: \"GET /\""},
      {{.url = "https://h/x", .method = "CONNECT"}, "not a method"},
      {{.url = "https://h/x", .headers = no_colon}, "not a header: \"Name\""},
      {{.url = "https://h/x", .headers = no_name}, "not a header: \"\""},
      {{.url = "https://h/x", .headers = blank}, "not a header: \"A b\""},
      {{.url = "https://h/x", .headers = injected}, "the header \"A\" has a byte that cannot be"},
      {{.url = "https://h/x", .headers = own}, "\"content-length\" is the client's own"},
      {{.url = "https://h/x", .unix_socket = ""}, "not the path of a unix socket"},
      {{.url = "https://h/x", .credentials = &half}, "go together: key_file is missing"},
      {{.url = "https://h/x", .method = "HEAD", .body = "x", .body_bytes = 1}, "HEAD has no body"},
  };
  struct heard heard;
  (void)state;

  struct mw_http *http = one_answer("\"status\": 200");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    ask(http, &cases[i].request, &heard);
    assert_int_equal(-EINVAL, heard.rc);
    assert_int_equal(MW_HTTP_PHASE_REQUEST, heard.answer.phase);
    assert_int_equal(0, heard.answer.status);
    if (!strstr(heard.err.text, cases[i].text))
      fail_msg("%s", heard.err.text);
    assert_null(strstr(heard.err.text, "u:p"));
    forget_heard(&heard);
  }
  mw_http_free(http);
}

static void nobody_has_to_listen(void **state)
{
  (void)state;

  struct mw_http *http = one_answer("\"status\": 200, \"body\": \"x\"");
  const struct mw_http_request request = {.url = "https://h/x"}, wrong = {.url = "https://h/y"};
  assert_int_equal(0, mw_http_ask(http, &request, NULL, NULL, NULL));
  assert_int_equal(-ECONNREFUSED, mw_http_ask(http, &wrong, NULL, NULL, NULL));
  mw_http_free(http);
}

/* ---- Credentials ---- */

static void what_was_shown_is_named_when_it_is_refused(void **state)
{
  struct mw_http_credentials credentials = {.token_file = put("token", "abc\n")};
  struct mw_http_request request = {.url = "https://h/x", .credentials = &credentials};
  struct heard heard;
  (void)state;

  struct mw_http *http = recorded_client(
      "{\"answers\": [{\"url\": \"https://h/x\", \"status\": 401}, {\"url\": \"http://h/x\", "
      "\"status\": 401}]}");
  ask(http, &request, &heard);
  assert_int_equal(-EACCES, heard.rc);
  assert_non_null(strstr(heard.err.text, "401: the token in /tmp/"));
  assert_null(strstr(heard.err.text, "abc"));
  forget_heard(&heard);

  request.url = "http://h/x";
  ask(http, &request, &heard);
  assert_non_null(strstr(heard.err.text, "was not sent, since http has no secrets: ask by https"));
  forget_heard(&heard);
  mw_http_free(http);
}

static void credentials_that_cannot_be_read_end_the_request(void **state)
{
  struct mw_http_credentials credentials = {.token_file = "/nonexistent/token"};
  struct mw_http_request request = {.url = "https://h/x", .credentials = &credentials};
  struct heard heard;
  (void)state;

  struct mw_http *http = one_answer("\"status\": 200");
  ask(http, &request, &heard);
  assert_int_equal(-ENOENT, heard.rc);
  assert_int_equal(0, heard.answer.status); /* which tells it from a 404 */
  assert_int_equal(MW_HTTP_PHASE_REQUEST, heard.answer.phase);
  assert_string_equal(
      "GET https://h/x: token_file: cannot open /nonexistent/token: No such file or "
      "directory",
      heard.err.text);
  forget_heard(&heard);
  mw_http_free(http);
}

/* ---- The sink, and ending it ---- */

static int refuse_header(void *data, const char *name, const char *value, struct mw_error *err)
{
  (void)data;
  (void)value;
  return mw_error_set(err, ENOSPC, "no room for %s", name);
}

static int refuse_body(void *data, const char *piece, size_t len_bytes, struct mw_error *err)
{
  (void)data;
  (void)piece;
  return mw_error_set(err, EDOM, "not %zu bytes", len_bytes);
}

static void what_the_sink_says_ends_the_request(void **state)
{
  const struct mw_http_request request = {.url = "https://h/x"};
  struct mw_error err;
  (void)state;

  struct mw_http *http =
      one_answer("\"status\": 200, \"headers\": {\"A\": \"b\"}, \"body\": \"xyz\"");
  assert_int_equal(
      -ENOSPC,
      mw_http_ask(http, &request, &(struct mw_http_sink){.header = refuse_header}, NULL, &err));
  assert_string_equal("GET https://h/x: no room for a", err.text);
  assert_int_equal(
      -EDOM, mw_http_ask(http, &request, &(struct mw_http_sink){.body = refuse_body}, NULL, &err));
  assert_string_equal("GET https://h/x: not 3 bytes", err.text);
  mw_http_free(http);
}

static int cancel_it(void *data, const char *piece, size_t len_bytes, struct mw_error *err)
{
  (void)piece;
  (void)len_bytes;
  (void)err;
  mw_http_cancel(data);
  return 0;
}

static void a_canceled_client_ends_and_refuses_every_later_request(void **state)
{
  const struct mw_http_request request = {.url = "https://h/x"};
  struct mw_error err;
  (void)state;

  char *body = calloc(1, 40000);
  memset(body, 'x', 39999);
  put("body", body);
  free(body);
  struct mw_http *http = one_answer("\"status\": 200, \"body_file\": \"body\"");
  assert_int_equal(-ECANCELED, mw_http_ask(http, &request,
                                           &(struct mw_http_sink){.data = http, .body = cancel_it},
                                           NULL, &err));
  assert_string_equal("GET https://h/x: canceled", err.text);
  assert_int_equal(-ECANCELED, mw_http_ask(http, &request, NULL, NULL, &err));
  mw_http_free(http);
}

static void phases_have_names(void **state)
{
  (void)state;
  assert_string_equal("request", mw_http_phase_name(MW_HTTP_PHASE_REQUEST));
  assert_string_equal("tls", mw_http_phase_name(MW_HTTP_PHASE_TLS));
  assert_string_equal("body", mw_http_phase_name(MW_HTTP_PHASE_BODY));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_status_has_its_code_and_its_cure),
      cmocka_unit_test(of_what_a_refusal_says_the_beginning_is_kept),
      cmocka_unit_test(the_header_has_a_ceiling),
      cmocka_unit_test(redirects_are_followed_only_when_asked_for),
      cmocka_unit_test(redirects_stay_on_the_server),
      cmocka_unit_test(redirects_without_sense_are_errors),
      cmocka_unit_test(a_post_is_never_redirected),
      cmocka_unit_test(a_circle_ends),
      cmocka_unit_test(a_wrong_request_is_refused_before_anything_is_asked),
      cmocka_unit_test(nobody_has_to_listen),
      cmocka_unit_test(what_was_shown_is_named_when_it_is_refused),
      cmocka_unit_test(credentials_that_cannot_be_read_end_the_request),
      cmocka_unit_test(what_the_sink_says_ends_the_request),
      cmocka_unit_test(a_canceled_client_ends_and_refuses_every_later_request),
      cmocka_unit_test(phases_have_names),
  };
  return cmocka_run_group_tests_name("http/client", tests, make_folder, remove_folder);
}
