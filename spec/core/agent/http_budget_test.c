/* How many requests over HTTP one run may make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bindings/context.h"
#include "core/agent/task_fixture.h"
#include "moonwatch/clock.h"

/* Ask three times, tell how often there was an answer, and return the last failure. */
#define ASK_THREE_TIMES                                                                            \
  "local http, answers = require 'moonwatch.http', 0\n"                                            \
  "local message, failure\n"                                                                       \
  "for _ = 1, 3 do\n"                                                                              \
  "  local answer, why, what = http.get 'https://api.example/things'\n"                            \
  "  if answer then answers = answers + 1 else message, failure = why, what end\n"                 \
  "end\n"                                                                                          \
  "context:emit('demo', { answers = answers, errno = failure and failure.errno })\n"               \
  "if message then return nil, message end\n"

static const struct mw_http_access recorded = {.recorded_dir = "spec/fixtures/http-answers"};

static int set_up_recorded(void **state)
{
  struct mw_context_config config = {.host_root = "spec/fixtures/hybrid", .http = &recorded};
  int rc = set_up(state);
  struct fixture *f = *state;

  mw_context_free(f->context);
  f->context = mw_context_new(&config, &f->err);
  assert_non_null(f->context);
  f->config.context = f->context;
  f->config.timeout_ms = 10000;
  return rc;
}

static void each_run_has_the_whole_budget(void **state)
{
  struct fixture *f = *state;
  const uint32_t requests_max = 3;

  f->config.http_requests_max = &requests_max;
  assert_int_equal(0, run_body(f, ASK_THREE_TIMES));
  assert_int_equal(0, mw_task_run(f->task, &f->err));
  assert_int_equal(2, f->messages_count);
  assert_string_equal("{\"answers\":3}", f->messages[1].body);
}

static void a_request_over_it_fails_and_names_the_key(void **state)
{
  struct fixture *f = *state;
  const uint32_t requests_max = 2;

  f->config.http_requests_max = &requests_max;
  assert_int_equal(-ECANCELED, run_body(f, ASK_THREE_TIMES));
  assert_string_equal("{\"answers\":2,\"errno\":122}", f->messages[0].body);
  assert_contains(f->err.text, "the run is over its budget of 2 HTTP requests "
                               "(scripts.demo.budget.http_requests_count)");
  assert_int_equal(-ECANCELED, mw_task_run(f->task, &f->err));
  assert_string_equal("{\"answers\":2,\"errno\":122}", f->messages[1].body);
}

static void a_budget_of_none_allows_none(void **state)
{
  struct fixture *f = *state;
  const uint32_t requests_max = 0;

  f->config.http_requests_max = &requests_max;
  assert_int_equal(-ECANCELED, run_body(f, ASK_THREE_TIMES));
  assert_string_equal("{\"answers\":0,\"errno\":122}", f->messages[0].body);
}

static void a_command_has_no_budget(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(0, run_body(f, ASK_THREE_TIMES));
  assert_string_equal("{\"answers\":3}", f->messages[0].body);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(each_run_has_the_whole_budget, set_up_recorded, tear_down),
      cmocka_unit_test_setup_teardown(a_request_over_it_fails_and_names_the_key, set_up_recorded,
                                      tear_down),
      cmocka_unit_test_setup_teardown(a_budget_of_none_allows_none, set_up_recorded, tear_down),
      cmocka_unit_test_setup_teardown(a_command_has_no_budget, set_up_recorded, tear_down),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
