/* The client of a kubelet, with recorded answers: what it finds, what it says when it is refused,
 * and when it asks again. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kubelet/client.h"
#include "support/tmptree.h"

#define URL "https://127.0.0.1:10250"
#define RECORDED "spec/fixtures/kubelet-1.20-answers"
#define FORBIDDEN "Forbidden (user=system:serviceaccount:monitoring:limited, verb=get, "

struct fixture {
  char dir[TMPTREE_ROOT_BYTES];
  struct mw_clock_manual clock;
  struct mw_kubelet_config config;
  struct mw_kubelet *kubelet;
  struct mw_error err;
};

static int set_up(void **state)
{
  struct fixture *fixture = calloc(1, sizeof *fixture);

  assert_non_null(fixture);
  tmptree_make(fixture->dir);
  mw_clock_manual_init(&fixture->clock);
  fixture->config = (struct mw_kubelet_config){
      .url = URL, .recorded_dir = fixture->dir, .clock = &fixture->clock.clock};
  *state = fixture;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *fixture = *state;

  mw_kubelet_free(fixture->kubelet);
  tmptree_remove(fixture->dir);
  free(fixture);
  return 0;
}

/* ---- Recording ---- */

/* A file below the folder of the test. */
static const char *file(struct fixture *fixture, const char *name, const char *text)
{
  static char path[TMPTREE_PATH_BYTES];

  snprintf(path, sizeof path, "%s/%s", fixture->dir, name);
  tmptree_write(path, text);
  return path;
}

/* Answers to be given, as members of the index, and the client of them. */
static void open_with(struct fixture *fixture, const char *answers)
{
  char index[4096];

  assert_true(snprintf(index, sizeof index, "{\"answers\": [%s]}", answers) < (int)sizeof index);
  file(fixture, "answers.json", index);
  fixture->kubelet = mw_kubelet_new(&fixture->config, &fixture->err);
  if (!fixture->kubelet)
    fail_msg("%s", fixture->err.text);
}

#define ANSWER(url, status, body)                                                                  \
  "{\"url\": \"" url "\", \"status\": " #status ", \"body\": \"" body "\"}"
#define FAILS(url, how) "{\"url\": \"" url "\", \"fails\": \"" how "\"}"
#define NO_PODS "{\\\"kind\\\": \\\"PodList\\\", \\\"items\\\": []}"

static int ask_pods(struct fixture *fixture)
{
  struct mw_kubelet_pods *pods = NULL;
  int rc = mw_kubelet_pods(fixture->kubelet, INT64_MAX, &pods, &fixture->err);

  assert_int_equal(rc == 0, pods != NULL);
  mw_kubelet_pods_free(pods);
  return rc;
}

static int ask_summary(struct fixture *fixture)
{
  struct mw_kubelet_summary *summary = NULL;
  int rc = mw_kubelet_summary(fixture->kubelet, INT64_MAX, &summary, &fixture->err);

  assert_int_equal(rc == 0, summary != NULL);
  mw_kubelet_summary_free(summary);
  return rc;
}

static void says(const struct fixture *fixture, const char *text)
{
  if (!strstr(fixture->err.text, text))
    fail_msg("\"%s\" is not in: %s", text, fixture->err.text);
}

static void does_not_say(const struct fixture *fixture, const char *text)
{
  if (strstr(fixture->err.text, text))
    fail_msg("\"%s\" is in: %s", text, fixture->err.text);
}

/* ---- Answers ---- */

static void the_recorded_node_has_seven_pods(void **state)
{
  struct fixture *fixture = *state;
  struct mw_kubelet_pods *pods;

  fixture->config.recorded_dir = RECORDED;
  /* an hour after the recording */
  mw_kubelet_parse_time("2026-11-22T20:35:31Z", 20, &fixture->clock.now_wall_ns);
  fixture->kubelet = mw_kubelet_new(&fixture->config, &fixture->err);
  assert_non_null(fixture->kubelet);
  assert_int_equal(0, mw_kubelet_pods(fixture->kubelet, INT64_MAX, &pods, &fixture->err));
  assert_int_equal(pods->count, 7);
  assert_int_equal(pods->expired_count, 1);
  assert_int_equal(pods->oddities.count, 0);
  mw_kubelet_pods_free(pods);
}

static void pods_expire_by_the_clock_that_was_given(void **state)
{
  struct fixture *fixture = *state;
  struct mw_kubelet_pods *pods;

  fixture->config.recorded_dir = RECORDED;
  mw_kubelet_parse_time("2026-11-22T19:10:00Z", 20, &fixture->clock.now_wall_ns);
  fixture->kubelet = mw_kubelet_new(&fixture->config, &fixture->err);
  assert_int_equal(0, mw_kubelet_pods(fixture->kubelet, INT64_MAX, &pods, &fixture->err));
  assert_int_equal(pods->count, 8);
  mw_kubelet_pods_free(pods);
}

static void the_recorded_node_has_a_summary(void **state)
{
  struct fixture *fixture = *state;
  struct mw_kubelet_summary *summary;

  fixture->config.recorded_dir = RECORDED;
  fixture->kubelet = mw_kubelet_new(&fixture->config, &fixture->err);
  assert_int_equal(0, mw_kubelet_summary(fixture->kubelet, INT64_MAX, &summary, &fixture->err));
  assert_int_equal(summary->pods_count, 6);
  assert_string_equal(summary->node.name, "kubelab-node");
  assert_string_equal(mw_kubelet_url(fixture->kubelet), URL);
  mw_kubelet_summary_free(summary);
}

static void an_answer_that_is_none_names_its_url(void **state)
{
  struct fixture *fixture = *state;

  open_with(fixture, ANSWER(URL "/pods", 200, "{\\\"items\\\": null}") ", " ANSWER(
                         URL "/stats/summary", 200, "{\\\"node\\\": ["));
  assert_int_equal(-EBADMSG, ask_pods(fixture));
  assert_ptr_equal(strstr(fixture->err.text, "GET " URL "/pods: "), fixture->err.text);
  assert_null(strstr(fixture->err.text + 1, "GET "));
  assert_int_equal(-EBADMSG, ask_summary(fixture)); /* it ends early */
  assert_ptr_equal(strstr(fixture->err.text, "GET " URL "/stats/summary: "), fixture->err.text);
  assert_null(strstr(fixture->err.text + 1, "GET "));
}

/* ---- Refusals ---- */

static void a_token_that_is_refused_is_named(void **state)
{
  struct fixture *fixture = *state;

  char path[TMPTREE_PATH_BYTES];

  snprintf(path, sizeof path, "%s", file(fixture, "my-token", "secret-text\n"));
  fixture->config.token_file = path;
  open_with(fixture, ANSWER(URL "/pods", 401, "Unauthorized"));
  assert_int_equal(-EACCES, ask_pods(fixture));
  says(fixture, URL "/pods: status 401");
  says(fixture, "the token in");
  says(fixture, "/my-token");
  says(fixture, "(it says: Unauthorized)");
  does_not_say(fixture, "secret-text");
}

static void who_shows_nothing_hears_what_to_show(void **state)
{
  struct fixture *fixture = *state;

  open_with(fixture, ANSWER(URL "/pods", 401, "Unauthorized"));
  assert_int_equal(-EACCES, ask_pods(fixture));
  says(fixture, "set kubelet.token_file, or kubelet.cert_file and kubelet.key_file");
}

static void a_token_that_was_not_sent_is_said_so(void **state)
{
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES];

  snprintf(path, sizeof path, "%s", file(fixture, "my-token", "t"));
  fixture->config.token_file = path;
  fixture->config.url = "http://127.0.0.1:10255";
  fixture->config.allow_http = true;
  open_with(fixture, ANSWER("http://127.0.0.1:10255/pods", 401, "Unauthorized"));
  assert_int_equal(-EACCES, ask_pods(fixture));
  says(fixture, "not sent over plain http");
}

static void the_right_to_stats_is_named(void **state)
{
  struct fixture *fixture = *state;

  open_with(fixture,
            ANSWER(URL "/stats/summary", 403, FORBIDDEN "resource=nodes, subresource=stats)"));
  assert_int_equal(-EACCES, ask_summary(fixture));
  says(fixture, "grant get on nodes/stats: - {apiGroups: [\"\"], resources: [nodes/stats], verbs: "
                "[get]}");
  does_not_say(fixture, "running commands");
}

static void the_right_to_pods_is_that_of_the_kubelets_age(void **state)
{
  struct fixture *fixture = *state;

  open_with(fixture, ANSWER(URL "/pods", 403, FORBIDDEN "resource=nodes, subresource=proxy)"));
  assert_int_equal(-EACCES, ask_pods(fixture));
  says(fixture, "resources: [nodes/proxy]");
  says(fixture, "also allows running commands in containers");
  mw_kubelet_free(fixture->kubelet);
  open_with(fixture,
            ANSWER(URL "/pods", 403, FORBIDDEN "resource=nodes, subresource(s)=[pods proxy])"));
  assert_int_equal(-EACCES, ask_pods(fixture));
  says(fixture, "grant get on nodes/pods: - {apiGroups: [\"\"], resources: [nodes/pods]");
  says(fixture, "also allows running commands in containers");
}

static void a_body_is_quoted_briefly_and_printable(void **state)
{
  struct fixture *fixture = *state;
  char answers[2048];
  int used = snprintf(answers, sizeof answers,
                      "{\"url\": \"" URL "/pods\", \"status\": 500, "
                      "\"body\": \"a\\u001b[31m\\n%0900d\"}",
                      7);

  assert_true(used < (int)sizeof answers);
  open_with(fixture, answers);
  assert_int_equal(-EPROTO, ask_pods(fixture));
  assert_true(strlen(fixture->err.text) < 400);
  for (const char *c = fixture->err.text; *c; c++)
    assert_true((unsigned char)*c >= ' ');
}

static void a_kubelet_without_time_says_when(void **state)
{
  struct fixture *fixture = *state;

  open_with(fixture, "{\"url\": \"" URL "/pods\", \"status\": 429, "
                     "\"headers\": {\"Retry-After\": \"30\"}, \"body\": \"\"}, " ANSWER(
                         URL "/pods", 200, NO_PODS));
  assert_int_equal(-EAGAIN, ask_pods(fixture));
  fixture->clock.now_monotonic_ns += 29 * MW_NS_PER_S;
  assert_int_equal(-EAGAIN, ask_pods(fixture));
  fixture->clock.now_monotonic_ns += MW_NS_PER_S;
  assert_int_equal(0, ask_pods(fixture));
}

static void a_certificate_that_is_not_believed_has_a_cure(void **state)
{
  struct fixture *fixture = *state;

  open_with(fixture, FAILS(URL "/pods", "untrusted"));
  assert_int_equal(-EACCES, ask_pods(fixture));
  says(fixture, "kubelet.ca_file");
  says(fixture, "serverTLSBootstrap");
}

/* ---- Where it is ---- */

static void node(struct fixture *fixture, bool allow_http)
{
  fixture->config.url = NULL;
  fixture->config.node_ip = "10.0.0.7";
  fixture->config.node_name = "node-1";
  fixture->config.allow_http = allow_http;
}

static void the_first_that_answers_is_the_kubelet(void **state)
{
  struct fixture *fixture = *state;

  node(fixture, true);
  open_with(fixture, FAILS("https://10.0.0.7:10250/pods",
                           "untrusted") ", " ANSWER("https://node-1:10250/pods", 200, NO_PODS));
  assert_int_equal(0, ask_pods(fixture));
  assert_string_equal(mw_kubelet_url(fixture->kubelet), "https://node-1:10250");
}

static void who_forbids_is_the_kubelet_and_no_other_is_asked(void **state)
{
  struct fixture *fixture = *state;

  node(fixture, true);
  open_with(fixture,
            ANSWER("https://10.0.0.7:10250/pods", 403,
                   FORBIDDEN
                   "resource=nodes, "
                   "subresource=proxy)") ", " ANSWER("http://10.0.0.7:10255/pods", 200, NO_PODS));
  assert_int_equal(-EACCES, ask_pods(fixture));
  says(fixture, "https://10.0.0.7:10250/pods: status 403");
  does_not_say(fixture, "10255");
  assert_string_equal(mw_kubelet_url(fixture->kubelet), "https://10.0.0.7:10250");
}

static void who_refuses_the_token_is_the_kubelet(void **state)
{
  struct fixture *fixture = *state;

  node(fixture, true);
  open_with(fixture, ANSWER("https://10.0.0.7:10250/pods", 401, "Unauthorized") ", " ANSWER(
                         "http://10.0.0.7:10255/pods", 200, NO_PODS));
  assert_int_equal(-EACCES, ask_pods(fixture));
}

static void who_has_no_such_answer_is_passed_over(void **state)
{
  struct fixture *fixture = *state;

  node(fixture, false);
  open_with(fixture, ANSWER("https://10.0.0.7:10250/pods", 404, "404 page not found") ", " ANSWER(
                         "https://node-1:10250/pods", 500, "Internal error"));
  assert_int_equal(-ENOENT, ask_pods(fixture));
  says(fixture, "no kubelet is found: GET https://10.0.0.7:10250/pods: status 404");
  says(fixture, "; GET https://node-1:10250/pods: 500");
}

static void plain_http_is_asked_only_where_it_is_allowed(void **state)
{
  struct fixture *fixture = *state;
  static const char answers[] = FAILS("https://10.0.0.7:10250/pods", "refused") ", " FAILS(
      "https://node-1:10250/pods", "refused") ", " ANSWER("http://10.0.0.7:10255/pods", 200,
                                                          NO_PODS);

  node(fixture, false);
  open_with(fixture, answers);
  assert_int_equal(-ECONNREFUSED, ask_pods(fixture));
  does_not_say(fixture, "10255");
  mw_kubelet_free(fixture->kubelet);
  fixture->config.allow_http = true;
  open_with(fixture, answers);
  assert_int_equal(0, ask_pods(fixture));
  assert_string_equal(mw_kubelet_url(fixture->kubelet), "http://10.0.0.7:10255");
}

static void who_is_slow_gets_all_the_time_there_is(void **state)
{
  struct fixture *fixture = *state;

  node(fixture, true);
  open_with(fixture, FAILS("https://10.0.0.7:10250/pods",
                           "timeout") ", " ANSWER("https://10.0.0.7:10250/pods", 200, NO_PODS));
  assert_int_equal(0, ask_pods(fixture));
  assert_string_equal(mw_kubelet_url(fixture->kubelet), "https://10.0.0.7:10250");
}

static void what_was_found_is_asked_again_until_nobody_is_there(void **state)
{
  struct fixture *fixture = *state;

  node(fixture, false);
  open_with(fixture,
            "{\"url\": \"https://10.0.0.7:10250/pods\", \"fails\": \"refused\"}, "
            "{\"url\": \"https://10.0.0.7:10250/pods\", \"status\": 200, \"body\": \"" NO_PODS
            "\"}, " ANSWER("https://node-1:10250/pods", 200,
                           NO_PODS) ", " FAILS("https://node-1:10250/pods", "refused"));
  assert_int_equal(0, ask_pods(fixture));
  assert_string_equal(mw_kubelet_url(fixture->kubelet), "https://node-1:10250");
  assert_int_equal(-ECONNREFUSED, ask_pods(fixture));
  does_not_say(fixture, "10.0.0.7"); /* it was settled */
  fixture->clock.now_monotonic_ns += MW_NS_PER_S;
  assert_int_equal(0, ask_pods(fixture));
  assert_string_equal(mw_kubelet_url(fixture->kubelet), "https://10.0.0.7:10250");
}

/* ---- Again ---- */

static void after_a_failure_it_is_left_alone_for_a_while(void **state)
{
  struct fixture *fixture = *state;

  open_with(fixture,
            FAILS(URL "/pods", "refused") ", " ANSWER(URL "/pods", 500, "later") ", " ANSWER(
                URL "/pods", 200, NO_PODS) ", " ANSWER(URL "/pods", 503, "busy"));
  assert_int_equal(-ECONNREFUSED, ask_pods(fixture));
  fixture->clock.now_monotonic_ns += MW_NS_PER_S / 2;
  assert_int_equal(-ECONNREFUSED, ask_pods(fixture)); /* told again, not asked */
  says(fixture, URL "/pods");
  fixture->clock.now_monotonic_ns += MW_NS_PER_S / 2;
  assert_int_equal(-EPROTO, ask_pods(fixture)); /* asked */
  fixture->clock.now_monotonic_ns += MW_NS_PER_S;
  assert_int_equal(-EPROTO, ask_pods(fixture)); /* twice as long */
  fixture->clock.now_monotonic_ns += MW_NS_PER_S;
  assert_int_equal(0, ask_pods(fixture));
  assert_int_equal(-EAGAIN, ask_pods(fixture));
  fixture->clock.now_monotonic_ns += MW_NS_PER_S;
  assert_int_equal(-EAGAIN, ask_pods(fixture)); /* from the beginning: it was asked */
}

static void the_two_questions_fail_apart(void **state)
{
  struct fixture *fixture = *state;

  open_with(fixture, ANSWER(URL "/pods", 403, "Forbidden") ", " ANSWER(
                         URL "/stats/summary", 200, "{\\\"node\\\": {}, \\\"pods\\\": []}"));
  assert_int_equal(-EACCES, ask_pods(fixture));
  assert_int_equal(0, ask_summary(fixture));
  assert_int_equal(-EACCES, ask_pods(fixture));
}

static void a_caller_without_time_costs_no_pause(void **state)
{
  struct fixture *fixture = *state;
  struct mw_kubelet_pods *pods;

  open_with(fixture, ANSWER(URL "/pods", 200, NO_PODS));
  assert_int_equal(-ETIMEDOUT, mw_kubelet_pods(fixture->kubelet, 0, &pods, &fixture->err));
  assert_int_equal(0, ask_pods(fixture));
}

static void it_can_be_cancelled(void **state)
{
  struct fixture *fixture = *state;

  open_with(fixture, ANSWER(URL "/pods", 200, NO_PODS));
  mw_kubelet_cancel(fixture->kubelet);
  assert_int_equal(-ECANCELED, ask_pods(fixture));
}

/* ---- Credentials ---- */

static void the_service_account_counts_where_it_is_there(void **state)
{
  struct fixture *fixture = *state;
  char token[TMPTREE_PATH_BYTES];

  fixture->config.service_account_dir = fixture->dir;
  open_with(fixture, ANSWER(URL "/pods", 200, NO_PODS));
  assert_null(mw_kubelet_credentials(fixture->kubelet)->token_file);
  assert_null(mw_kubelet_credentials(fixture->kubelet)->ca_file);
  mw_kubelet_free(fixture->kubelet);
  file(fixture, "ca.crt", "");
  snprintf(token, sizeof token, "%s", file(fixture, "token", "t"));
  open_with(fixture, ANSWER(URL "/pods", 200, NO_PODS));
  assert_string_equal(mw_kubelet_credentials(fixture->kubelet)->token_file, token);
  assert_non_null(mw_kubelet_credentials(fixture->kubelet)->ca_file);
  mw_kubelet_free(fixture->kubelet);
  fixture->config.token_file = "/another";
  open_with(fixture, ANSWER(URL "/pods", 200, NO_PODS));
  assert_string_equal(mw_kubelet_credentials(fixture->kubelet)->token_file, "/another");
}

static void a_token_that_cannot_be_read_is_said(void **state)
{
  struct fixture *fixture = *state;

  fixture->config.token_file = "/nonexistent/token";
  open_with(fixture, ANSWER(URL "/pods", 200, NO_PODS));
  assert_int_equal(-ENOENT, ask_pods(fixture));
  says(fixture, "/nonexistent/token");
}

static void what_is_wrong_here_is_said_once(void **state)
{
  struct fixture *fixture = *state;

  node(fixture, true);
  fixture->config.token_file = "/nonexistent/token";
  open_with(fixture, ANSWER("http://10.0.0.7:10255/pods", 200, NO_PODS));
  assert_int_equal(-ENOENT, ask_pods(fixture));
  says(fixture, "https://10.0.0.7:10250/pods");
  does_not_say(fixture, "node-1");
}

static void a_certificate_needs_its_key(void **state)
{
  struct fixture *fixture = *state;

  fixture->config.cert_file = "/a";
  assert_null(mw_kubelet_new(&fixture->config, &fixture->err));
  assert_int_equal(fixture->err.code, EINVAL);
  says(fixture, "kubelet.cert_file is given without kubelet.key_file");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
  const struct CMUnitTest tests[] = {
      TEST(the_recorded_node_has_seven_pods),
      TEST(pods_expire_by_the_clock_that_was_given),
      TEST(the_recorded_node_has_a_summary),
      TEST(an_answer_that_is_none_names_its_url),
      TEST(a_token_that_is_refused_is_named),
      TEST(who_shows_nothing_hears_what_to_show),
      TEST(a_token_that_was_not_sent_is_said_so),
      TEST(the_right_to_stats_is_named),
      TEST(the_right_to_pods_is_that_of_the_kubelets_age),
      TEST(a_body_is_quoted_briefly_and_printable),
      TEST(a_kubelet_without_time_says_when),
      TEST(a_certificate_that_is_not_believed_has_a_cure),
      TEST(the_first_that_answers_is_the_kubelet),
      TEST(who_forbids_is_the_kubelet_and_no_other_is_asked),
      TEST(who_refuses_the_token_is_the_kubelet),
      TEST(who_has_no_such_answer_is_passed_over),
      TEST(plain_http_is_asked_only_where_it_is_allowed),
      TEST(who_is_slow_gets_all_the_time_there_is),
      TEST(what_was_found_is_asked_again_until_nobody_is_there),
      TEST(after_a_failure_it_is_left_alone_for_a_while),
      TEST(the_two_questions_fail_apart),
      TEST(a_caller_without_time_costs_no_pause),
      TEST(it_can_be_cancelled),
      TEST(the_service_account_counts_where_it_is_there),
      TEST(a_token_that_cannot_be_read_is_said),
      TEST(what_is_wrong_here_is_said_once),
      TEST(a_certificate_needs_its_key),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
