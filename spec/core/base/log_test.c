#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int log_pipe[2];
static struct mw_clock_manual manual;
static char text[65536];

static void configure(enum mw_log_level level, enum mw_log_format format)
{
  mw_log_configure(&(struct mw_log_config){
      .level = level, .format = format, .fd = log_pipe[1], .clock = &manual.clock});
}

static int open_pipe(void **state)
{
  (void)state;
  mw_clock_manual_init(&manual);
  manual.now_wall_ns = INT64_C(1723456789) * MW_NS_PER_S + 42 * MW_NS_PER_MS;
  if (pipe2(log_pipe, O_NONBLOCK | O_CLOEXEC) < 0)
    return -1;
  configure(MW_LOG_INFO, MW_LOG_TEXT);
  return 0;
}

static int close_pipe(void **state)
{
  (void)state;
  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_WARN, .fd = STDERR_FILENO});
  close(log_pipe[0]);
  close(log_pipe[1]);
  return 0;
}

/* What was written since the last call. */
static const char *written(void)
{
  ssize_t got = read(log_pipe[0], text, sizeof text - 1);
  text[got > 0 ? got : 0] = '\0';
  return text;
}

static void an_entry_is_a_line_of_time_level_component_and_message(void **state)
{
  (void)state;
  mw_log(MW_LOG_WARN, "cgroup", "%d files of %s", 3, "x");
  assert_string_equal("2024-08-12T09:59:49.042Z warn  cgroup: 3 files of x\n", written());
}

static void json_has_the_same_with_sorted_keys(void **state)
{
  (void)state;
  configure(MW_LOG_INFO, MW_LOG_JSON);
  mw_log(MW_LOG_ERROR, "a\"b", "x\t%s", "\xFF");
  assert_string_equal(
      "{\"component\":\"a\\\"b\",\"level\":\"error\",\"message\":\"x\\t\xEF\xBF\xBD\","
      "\"time\":\"2024-08-12T09:59:49.042Z\"}\n",
      written());
}

static void entries_below_the_level_are_dropped(void **state)
{
  (void)state;
  assert_false(mw_log_enabled(MW_LOG_DEBUG));
  assert_true(mw_log_enabled(MW_LOG_INFO));
  mw_log(MW_LOG_DEBUG, "c", "unheard");
  mw_log_limited(&(struct mw_log_limit){0}, MW_LOG_DEBUG, "c", "unheard");
  assert_string_equal("", written());
  mw_log(MW_LOG_INFO, "c", "heard");
  assert_non_null(strstr(written(), "info  c: heard\n"));
}

static void a_message_cannot_fake_a_second_entry(void **state)
{
  (void)state;
  mw_log(MW_LOG_INFO, "c", "one\n2024 error c: two\r\n");
  assert_non_null(strstr(written(), "info  c: one 2024 error c: two  \n"));
}

static void a_message_gives_no_orders_to_a_terminal(void **state)
{
  (void)state;
  mw_log(MW_LOG_INFO, "c",
         "a\tb\x1b[2Jc\x7f"
         "d\xc2\x9b"
         "1me");
  assert_non_null(strstr(written(), "info  c: a\tb [2Jc d  1me\n"));
  mw_log(MW_LOG_INFO, "c", "caf\xc3\xa9 \xe2\x82\xac \xff");
  assert_non_null(strstr(written(), "info  c: caf\xc3\xa9 \xe2\x82\xac \xff\n"));
}

static void a_long_message_is_cut_and_stays_one_line(void **state)
{
  static char message[40000];
  (void)state;

  memset(message, 'x', sizeof message - 1);
  mw_log(MW_LOG_INFO, "c", "%s", message);
  size_t len_bytes = strlen(written());
  assert_in_range(len_bytes, 10000, 20000);
  assert_int_equal('\n', text[len_bytes - 1]);
  assert_ptr_equal(text + len_bytes - 1, strchr(text, '\n'));
}

static void a_limited_kind_is_silent_for_its_interval_and_then_counts(void **state)
{
  struct mw_log_limit limit = {0};
  (void)state;

  mw_log_limited(&limit, MW_LOG_WARN, "c", "first %d", 1);
  assert_non_null(strstr(written(), "warn  c: first 1\n"));
  for (int i = 0; i < 3; i++)
    mw_log_limited(&limit, MW_LOG_WARN, "c", "again");
  manual.now_monotonic_ns = MW_LOG_LIMIT_INTERVAL_NS - 1;
  mw_log_limited(&limit, MW_LOG_WARN, "c", "again");
  assert_string_equal("", written());

  manual.now_monotonic_ns = MW_LOG_LIMIT_INTERVAL_NS;
  mw_log_limited(&limit, MW_LOG_WARN, "c", "again");
  assert_non_null(strstr(written(), "warn  c: again (and 4 more like this since)\n"));
  manual.now_monotonic_ns = 2 * MW_LOG_LIMIT_INTERVAL_NS;
  mw_log_limited(&limit, MW_LOG_WARN, "c", "again");
  assert_non_null(strstr(written(), "warn  c: again\n"));
}

static void kinds_are_limited_apart(void **state)
{
  struct mw_log_limit limits[2] = {{0}, {0}};
  (void)state;

  mw_log_limited(&limits[0], MW_LOG_WARN, "c", "first");
  mw_log_limited(&limits[1], MW_LOG_WARN, "c", "second");
  assert_non_null(strstr(written(), "second"));
}

/* A pipe that blocks, as the agent gets one from who started it. */
static int fill_pipe_that_blocks(void)
{
  static char page[4096];
  int pages = 0;

  memset(page, '.', sizeof page);
  for (; write(log_pipe[1], page, sizeof page) > 0; pages++) {
  }
  assert_int_equal(0, fcntl(log_pipe[1], F_SETFL, 0));
  configure(MW_LOG_INFO, MW_LOG_TEXT);
  return pages;
}

static void an_entry_that_nobody_reads_stops_nobody_and_is_counted(void **state)
{
  static char message[10000];
  (void)state;

  memset(message, 'x', sizeof message - 1);
  int pages = fill_pipe_that_blocks();
  assert_int_equal(4096, read(log_pipe[0], text, 4096)); /* room for a part of the next one */
  mw_log(MW_LOG_INFO, "c", "%s", message);
  mw_log(MW_LOG_INFO, "c", "unheard");
  mw_log(MW_LOG_INFO, "c", "unheard");
  for (int i = 1; i < pages; i++)
    assert_int_equal(4096, read(log_pipe[0], text, 4096));
  const char *begun = written();
  assert_non_null(strstr(begun, "info  c: x"));
  assert_null(strchr(begun, '\n'));
  size_t begun_bytes = strlen(begun);
  mw_log(MW_LOG_INFO, "c", "heard");
  char *end = strchr(written(), '\n');
  assert_non_null(end);
  assert_int_equal(strlen("2024-08-12T09:59:49.042Z info  c: ") + sizeof message - 1,
                   begun_bytes + (size_t)(end - text));
  assert_string_equal("\n2024-08-12T09:59:49.042Z warn  log: 2 entries were dropped here: nobody "
                      "read them\n2024-08-12T09:59:49.042Z info  c: heard\n",
                      end);
}

static void levels_have_names(void **state)
{
  static const char *const names[] = {"debug", "info", "warn", "error"};
  enum mw_log_level level = MW_LOG_DEBUG;
  struct mw_error err;
  (void)state;

  for (int i = 0; i < 4; i++) {
    assert_int_equal(0, mw_log_level_parse(names[i], &level, NULL));
    assert_int_equal(i, level);
  }
  assert_int_equal(-EINVAL, mw_log_level_parse("INFO", &level, &err));
  assert_string_equal("unknown log level \"INFO\": use debug, info, warn or error", err.text);
  assert_int_equal(MW_LOG_ERROR, level);
}

int main(void)
{
#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)
  const struct CMUnitTest tests[] = {
      WITH_PIPE(an_entry_is_a_line_of_time_level_component_and_message),
      WITH_PIPE(json_has_the_same_with_sorted_keys),
      WITH_PIPE(entries_below_the_level_are_dropped),
      WITH_PIPE(a_message_cannot_fake_a_second_entry),
      WITH_PIPE(a_message_gives_no_orders_to_a_terminal),
      WITH_PIPE(a_long_message_is_cut_and_stays_one_line),
      WITH_PIPE(a_limited_kind_is_silent_for_its_interval_and_then_counts),
      WITH_PIPE(kinds_are_limited_apart),
      WITH_PIPE(an_entry_that_nobody_reads_stops_nobody_and_is_counted),
      WITH_PIPE(levels_have_names),
  };
  return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
