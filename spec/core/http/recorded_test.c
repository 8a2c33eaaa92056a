#include "http/recorded.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/http/http_support.h"

#define PODS "https://127.0.0.1:10250/pods"

static void answers_by_method_and_url(void **state)
{
  struct heard heard;
  (void)state;

  struct mw_http *http = recorded_client(
      "{\"answers\": [{\"url\": \"" PODS "\", \"status\": 200, \"version\": 20, \"headers\": "
      "{\"Content-Type\": \"application/json\", \"Via\": [\"a\", \"b\"]}, \"body\": \"{}\"},"
      "{\"method\": \"POST\", \"url\": \"" PODS "\", \"status\": 202, \"body\": \"taken\"}]}");
  get(http, PODS, &heard);
  assert_int_equal(0, heard.rc);
  assert_int_equal(200, heard.answer.status);
  assert_int_equal(20, heard.answer.version);
  assert_int_equal(2, heard.answer.body_bytes);
  assert_int_equal(MW_HTTP_PHASE_BODY, heard.answer.phase);
  assert_int_equal(-1, heard.answer.retry_after_ms);
  assert_string_equal("content-type: application/json\nvia: a\nvia: b\n", heard.headers.data);
  assert_string_equal("{}", heard.body.data);
  forget_heard(&heard);

  ask(http, &(struct mw_http_request){.method = "POST", .url = PODS}, &heard);
  assert_int_equal(202, heard.answer.status);
  assert_string_equal("taken", heard.body.data);
  forget_heard(&heard);
  mw_http_free(http);
}

static void a_repeated_request_takes_the_next_step_and_stays_on_the_last(void **state)
{
  static const char *const expected[] = {"one", "two", "two", "four", "four"};
  struct heard heard;
  (void)state;

  struct mw_http *http = recorded_client(
      "{\"answers\": [{\"url\": \"" PODS "\", \"status\": 200, \"body\": \"one\"},"
      "{\"url\": \"http://other/\", \"status\": 204},"
      "{\"url\": \"" PODS "\", \"status\": 200, \"body\": \"two\"},"
      "{\"url\": \"" PODS "\", \"step\": 4, \"status\": 200, \"body\": \"four\"}]}");
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    get(http, PODS, &heard);
    assert_string_equal(expected[i], heard.body.data);
    forget_heard(&heard);
  }
  mw_http_free(http);
}

static void reads_bodies_from_files_in_pieces(void **state)
{
  const size_t len_bytes = 100000;
  char *text = malloc(len_bytes);
  struct heard heard;
  (void)state;

  memset(text, 'x', len_bytes);
  put_bytes("pods.json", text, len_bytes);
  free(text);
  struct mw_http *http = recorded_client("{\"answers\": [{\"url\": \"" PODS
                                         "\", \"status\": 200, \"body_file\": \"pods.json\"}]}");
  get(http, PODS, &heard);
  assert_int_equal(0, heard.rc);
  assert_int_equal(len_bytes, heard.body.len_bytes);
  assert_true(heard.pieces_count > 1);
  forget_heard(&heard);

  ask(http, &(struct mw_http_request){.url = PODS, .body_max_bytes = 65536}, &heard);
  assert_int_equal(-EMSGSIZE, heard.rc);
  assert_string_equal("GET " PODS ": the answer is larger than the limit of 64 KiB",
                      heard.err.text);
  forget_heard(&heard);

  ask(http, &(struct mw_http_request){.url = PODS, .body_max_bytes = len_bytes}, &heard);
  assert_int_equal(0, heard.rc); /* at the limit, not over it */
  forget_heard(&heard);
  mw_http_free(http);
}

static void a_file_that_is_missing_is_named(void **state)
{
  struct heard heard;
  (void)state;

  struct mw_http *http = recorded_client("{\"answers\": [{\"url\": \"" PODS
                                         "\", \"status\": 200, \"body_file\": \"gone\"}]}");
  get(http, PODS, &heard);
  assert_int_equal(-ENOENT, heard.rc);
  assert_non_null(strstr(heard.err.text, "cannot open gone: No such file"));
  assert_non_null(strstr(heard.err.text, folder));
  forget_heard(&heard);
  mw_http_free(http);
}

static void an_unknown_request_is_named_with_the_index(void **state)
{
  char expected[400];
  struct heard heard;
  (void)state;

  struct mw_http *http = recorded_client("{\"answers\": []}");
  ask(http, &(struct mw_http_request){.method = "PUT", .url = PODS "?token=secret"}, &heard);
  assert_int_equal(-ECONNREFUSED, heard.rc);
  assert_int_equal(MW_HTTP_PHASE_CONNECT, heard.answer.phase);
  assert_int_equal(0, heard.answer.status);
  snprintf(expected, sizeof expected,
           "PUT " PODS
           "?...: nobody answers: %s/answers.json has no PUT of this URL with this query",
           folder);
  assert_string_equal(expected, heard.err.text);
  forget_heard(&heard);
  mw_http_free(http);
}

static void a_step_that_has_not_come_is_unknown(void **state)
{
  struct heard heard;
  (void)state;

  struct mw_http *http =
      recorded_client("{\"answers\": [{\"url\": \"" PODS "\", \"step\": 2, \"status\": 204}]}");
  get(http, PODS, &heard);
  assert_int_equal(-ECONNREFUSED, heard.rc);
  forget_heard(&heard);
  get(http, PODS, &heard);
  assert_int_equal(204, heard.answer.status);
  forget_heard(&heard);
  mw_http_free(http);
}

static void fails_as_recorded(void **state)
{
  static const struct {
    const char *fails;
    int code;
    enum mw_http_phase phase;
  } cases[] = {
      {"refused", ECONNREFUSED, MW_HTTP_PHASE_CONNECT},
      {"timeout", ETIMEDOUT, MW_HTTP_PHASE_SEND},
      {"untrusted", EACCES, MW_HTTP_PHASE_TLS},
      {"reset", ECONNRESET, MW_HTTP_PHASE_BODY},
  };
  char index[300];
  struct heard heard;
  (void)state;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    snprintf(index, sizeof index,
             "{\"answers\": [{\"url\": \"" PODS "\", \"fails\": \"%s\", \"body\": \"12345678\"}]}",
             cases[i].fails);
    struct mw_http *http = recorded_client(index);
    get(http, PODS, &heard);
    assert_int_equal(-cases[i].code, heard.rc);
    assert_int_equal(cases[i].phase, heard.answer.phase);
    assert_string_equal(i == 3 ? "1234" : "", heard.body.data);
    forget_heard(&heard);
    mw_http_free(http);
  }
}

static void head_has_no_body(void **state)
{
  struct heard heard;
  (void)state;

  struct mw_http *http = recorded_client("{\"answers\": [{\"method\": \"HEAD\", \"url\": \"" PODS
                                         "\", \"status\": 200, \"body\": \"unheard\"}]}");
  ask(http, &(struct mw_http_request){.method = "HEAD", .url = PODS}, &heard);
  assert_int_equal(0, heard.rc);
  assert_int_equal(0, heard.answer.body_bytes);
  forget_heard(&heard);
  mw_http_free(http);
}

/* ---- The index ---- */

static void an_index_that_is_wrong_says_where(void **state)
{
  static const struct {
    const char *index, *reason;
  } cases[] = {
      {"", "answers.json: "},
      {"[]", "a list is not expected there"},
      {"{\"answer\": []}", "an object with a list named answers is expected"},
      {"{\"answers\": [1]}", "a number is not expected there"},
      {"{\"answers\": [\"x\"]}", "an object with a list named answers is expected"},
      {"{\"answers\": [{}]}", "answer 1: it has no url"},
      {"{\"answers\": [{\"url\": \"http://a/\"}]}", "answer 1: it has no status"},
      {"{\"answers\": [{\"url\": 1}]}", "answer 1: url: not such a number"},
      {"{\"answers\": [{\"url\": \"\"}]}", "answer 1: url: a text is expected"},
      {"{\"answers\": [{\"url\": \"a\", \"url\": \"b\"}]}", "answer 1: url: is there twice"},
      {"{\"answers\": [{\"url\": null}]}", "answer 1: url: a text or a number is expected"},
      {"{\"answers\": [{\"url\": true}]}", "answer 1: url: a text or a number is expected"},
      {"{\"answers\": [{\"status\": 42}]}", "answer 1: status: not such a number"},
      {"{\"answers\": [{\"status\": 1e2}]}", "answer 1: status: not such a number"},
      {"{\"answers\": [{\"version\": 12}]}", "answer 1: version: not such a number"},
      {"{\"answers\": [{\"step\": 0}]}", "answer 1: step: not such a number"},
      {"{\"answers\": [{\"status\": \"ok\"}]}", "answer 1: status: a text is not expected there"},
      {"{\"answers\": [{\"fails\": \"often\"}]}", "answer 1: fails: refused, timeout, reset or"},
      {"{\"answers\": [{\"body_file\": \"/etc/passwd\"}]}", "answer 1: body_file: a file in the"},
      {"{\"answers\": [{\"body_file\": \"../x\"}]}", "answer 1: body_file: a file in the"},
      {"{\"answers\": [{\"statsu\": 200}]}", "answer 1: there is no member \"statsu\""},
      {"{\"answers\": [{\"headers\": []}]}", "answer 1: headers: a list is not expected there"},
      {"{\"answers\": [{\"headers\": {\"a:b\": \"\"}}]}", "answer 1: headers: not the name of"},
      {"{\"answers\": [{\"headers\": {\"a\": \"b\\nc: d\"}}]}",
       "answer 1: headers: a value is one"},
      {"{\"answers\": [{\"headers\": {\"a\": 1}}]}", "answer 1: headers: a number is not expected"},
      {"{\"answers\": [{\"url\": \"a\", \"status\": 200, \"body\": \"x\", \"body_file\": \"y\"}]}",
       "answer 1: it has a body and a body_file"},
      {"{\"answers\": [{\"url\": \"a\", \"status\": 200, \"step\": 2},"
       "{\"url\": \"a\", \"status\": 200, \"step\": 2}]}",
       "answer 2: its step is not behind that of the one before it"},
      {"{\"answers\": [{\"url\": {}}]}", "answer 1: url: an object is not expected there"},
  };
  struct mw_error err;
  (void)state;

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    put("answers.json", cases[i].index);
    err = (struct mw_error){0};
    assert_null(mw_http_new(&(struct mw_http_config){.recorded_dir = folder}, &err));
    if (err.code != EBADMSG || !strstr(err.text, cases[i].reason))
      fail_msg("%s: %s", cases[i].index, err.text);
    assert_non_null(strstr(err.text, folder));
  }
}

static void a_folder_without_an_index_is_named(void **state)
{
  struct mw_error err = {0};
  (void)state;

  unlink(in_folder("answers.json"));
  assert_null(mw_http_new(&(struct mw_http_config){.recorded_dir = folder}, &err));
  assert_int_equal(ENOENT, err.code);
  assert_non_null(strstr(err.text, folder));
  assert_null(mw_http_new(&(struct mw_http_config){.recorded_dir = "/nonexistent/x"}, &err));
  assert_int_equal(ENOENT, err.code);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(answers_by_method_and_url),
      cmocka_unit_test(a_repeated_request_takes_the_next_step_and_stays_on_the_last),
      cmocka_unit_test(reads_bodies_from_files_in_pieces),
      cmocka_unit_test(a_file_that_is_missing_is_named),
      cmocka_unit_test(an_unknown_request_is_named_with_the_index),
      cmocka_unit_test(a_step_that_has_not_come_is_unknown),
      cmocka_unit_test(fails_as_recorded),
      cmocka_unit_test(head_has_no_body),
      cmocka_unit_test(an_index_that_is_wrong_says_where),
      cmocka_unit_test(a_folder_without_an_index_is_named),
  };
  return cmocka_run_group_tests_name("http/recorded", tests, make_folder, remove_folder);
}
