/* The shipped source and check, from the kernel's files to the message, with a clock of the test's
 * own: rates are exact. Runs in the project's folder. */
#include "agent/task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/tmptree.h"

#define T0 "spec/fixtures/v2/t0"
#define T1 "spec/fixtures/v2/t1"
#define CGROUPS "sys/fs/cgroup"

#define BURNER "d548c5b83fa61d8e3bd86ad42a7ffea9b7c86e3f9d8095c1577d3e1270bb9420"
#define BURNER_DIR CGROUPS "/system.slice/docker-" BURNER ".scope"
#define WRITER "409d6a88b2635ae831a3a7e86dee6bbc0f5cbfd3606a54c6fd690f50bd61e1c1"
#define WRITER_DIR CGROUPS "/machine.slice/libpod-" WRITER ".scope"
#define IDLER "8f9081d15c116dc2d920110b65698e971053f5d26db951b5d2005587d055f4d9"

#define INTERVAL_S 10

static const char *const script_dirs[] = {"scripts", NULL};

struct fixture {
  char root[TMPTREE_ROOT_BYTES];
  struct mw_clock_manual clock;
  struct mw_context *context;
  struct mw_task *source, *check;
  struct mw_error err;
  char body[65536]; /* of the last message */
  size_t messages_count;
};

static int keep_body(void *data, const struct mw_message *message, struct mw_error *err)
{
  struct fixture *f = data;

  (void)err;
  assert_string_equal("container_rt", message->kind);
  assert_true(message->body.len_bytes < sizeof f->body);
  snprintf(f->body, sizeof f->body, "%.*s", (int)message->body.len_bytes, message->body.data);
  f->messages_count++;
  return 0;
}

/* @p kept_files_max: how many files stay open between readings; 0: as many as they like. */
static int set_up_with(void **state, uint32_t kept_files_max)
{
  struct fixture *f = calloc(1, sizeof *f);

  tmptree_make(f->root);
  tmptree_copy(T0, f->root);
  mw_clock_manual_init(&f->clock);
  f->clock.now_monotonic_ns = 100 * MW_NS_PER_S;
  struct mw_context_config config = {
      .host_root = f->root, .clock = &f->clock.clock, .kept_files_max = kept_files_max};
  f->context = mw_context_new(&config, &f->err);
  struct mw_task_config source = {
      .kind = MW_TASK_SOURCE, .name = "cgroup", .script_dirs = script_dirs, .context = f->context};
  struct mw_task_config check = source;
  check.kind = MW_TASK_CHECK;
  check.name = "container_rt";
  check.emit = keep_body;
  check.emit_data = f;
  f->source = mw_task_open(&source, &f->err);
  f->check = mw_task_open(&check, &f->err);
  if (!f->source || !f->check)
    fail_msg("%s", f->err.text);
  *state = f;
  return 0;
}

static int set_up(void **state)
{
  return set_up_with(state, 0);
}

/* A file that is removed is gone at once only when nobody has it open. */
static int set_up_without_kept_files(void **state)
{
  return set_up_with(state, 1);
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  mw_task_close(f->check);
  mw_task_close(f->source);
  mw_context_free(f->context);
  tmptree_remove(f->root);
  free(f);
  return 0;
}

/* One run of both, after @p seconds. */
static void run_after(struct fixture *f, double seconds)
{
  f->clock.now_monotonic_ns += (int64_t)(seconds * (double)MW_NS_PER_S);
  f->messages_count = 0;
  f->body[0] = '\0';
  if (mw_task_run(f->source, &f->err) < 0 || mw_task_run(f->check, &f->err) < 0)
    fail_msg("%s", f->err.text);
}

static void path_below(char out[static TMPTREE_PATH_BYTES], const char *root, const char *dir,
                       const char *file)
{
  assert_true(snprintf(out, TMPTREE_PATH_BYTES, "%s/%s/%s", root, dir, file) < TMPTREE_PATH_BYTES);
}

/* The number behind @p key in the file @p file of the cgroup @p dir below @p root. */
static double number_in(const char *root, const char *dir, const char *file, const char *key)
{
  char path[TMPTREE_PATH_BYTES], text[8192];

  path_below(path, root, dir, file);
  tmptree_read(path, text, sizeof text);
  const char *found = strstr(text, key);
  if (!found)
    fail_msg("%s is not in %s", key, path);
  return strtod(found + strlen(key), NULL);
}

/* What the counter grew by in a second between the two recorded moments. */
static double growth_per_s(const char *dir, const char *file, const char *key)
{
  return (number_in(T1, dir, file, key) - number_in(T0, dir, file, key)) / INTERVAL_S;
}

/* Put the file @p file of the second moment in place of the first one's. */
static void move_on(struct fixture *f, const char *dir, const char *file)
{
  char from[TMPTREE_PATH_BYTES], to[TMPTREE_PATH_BYTES], text[8192];

  path_below(from, T1, dir, file);
  path_below(to, f->root, dir, file);
  tmptree_read(from, text, sizeof text);
  tmptree_write(to, text);
}

/* Field @p field of container @p id in the last message. @return false when it is absent. */
static bool stat_field(const struct fixture *f, const char *id, const char *field, double *out)
{
  char key[128];

  snprintf(key, sizeof key, "\"id\":\"%s\"", id);
  const char *at = strstr(f->body, key);
  if (!at)
    fail_msg("%s is not in the message: %s", id, f->body);
  const char *begin = at, *end = strchr(at, '}');
  while (*begin != '{')
    begin--;
  snprintf(key, sizeof key, "\"%s\":", field);
  const char *found = memmem(begin, (size_t)(end - begin), key, strlen(key));
  if (found)
    *out = strtod(found + strlen(key), NULL);
  return found;
}

static void assert_absent(const struct fixture *f, const char *id, const char *field)
{
  double value;

  if (stat_field(f, id, field, &value))
    fail_msg("%s of %s is not absent, but %.17g", field, id, value);
}

static void assert_field(const struct fixture *f, const char *id, const char *field,
                         double expected)
{
  double value;

  if (!stat_field(f, id, field, &value))
    fail_msg("%s of %s is absent: %s", field, id, f->body);
  if (value < expected * (1 - 1e-12) || value > expected * (1 + 1e-12))
    fail_msg("%s of %s is %.17g, not %.17g", field, id, value, expected);
}

static void the_first_run_has_levels_and_no_rates(void **state)
{
  static const char *const rates[] = {"totalPct",   "userPct", "systemPct",
                                      "cpuUsageNs", "rbps",    "wbps"};
  struct fixture *f = *state;

  run_after(f, 0);
  assert_int_equal(1, f->messages_count);
  for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
    assert_absent(f, BURNER, rates[i]);
    assert_absent(f, WRITER, rates[i]);
  }
  assert_field(f, BURNER, "cpuLimit", 50);
  assert_field(f, BURNER, "memLimit", 64 << 20);
  assert_field(f, WRITER, "memUsage", number_in(T0, WRITER_DIR, "memory.current", ""));
  assert_field(f, WRITER, "threadCount", number_in(T0, WRITER_DIR, "pids.current", ""));
  assert_absent(f, IDLER, "cpuLimit");
}

static void the_second_run_has_the_rates_of_the_counters(void **state)
{
  struct fixture *f = *state;

  run_after(f, 0);
  move_on(f, BURNER_DIR, "cpu.stat");
  move_on(f, WRITER_DIR, "io.stat");
  run_after(f, INTERVAL_S);
  assert_field(f, BURNER, "totalPct", growth_per_s(BURNER_DIR, "cpu.stat", "usage_usec") / 1e4);
  assert_field(f, BURNER, "userPct", growth_per_s(BURNER_DIR, "cpu.stat", "user_usec") / 1e4);
  assert_field(f, BURNER, "systemPct", growth_per_s(BURNER_DIR, "cpu.stat", "system_usec") / 1e4);
  assert_field(f, BURNER, "cpuUsageNs", growth_per_s(BURNER_DIR, "cpu.stat", "usage_usec") * 1e3);
  assert_field(f, WRITER, "rbps", growth_per_s(WRITER_DIR, "io.stat", "rbytes="));
  assert_field(f, WRITER, "wbps", growth_per_s(WRITER_DIR, "io.stat", "wbytes="));
}

static void what_stood_still_has_rates_of_zero(void **state)
{
  struct fixture *f = *state;

  run_after(f, 0);
  run_after(f, INTERVAL_S);
  assert_field(f, IDLER, "totalPct", 0);
  assert_field(f, WRITER, "wbps", 0);
  assert_absent(f, IDLER, "wbps"); /* its io.stat is empty */
}

static void a_reading_from_the_cache_has_the_rates_that_it_had(void **state)
{
  struct fixture *f = *state;
  double expected = growth_per_s(BURNER_DIR, "cpu.stat", "usage_usec") / 1e4;

  run_after(f, 0);
  move_on(f, BURNER_DIR, "cpu.stat");
  run_after(f, INTERVAL_S);
  run_after(f, 0.5); /* the check's max_age_ms */
  assert_field(f, BURNER, "totalPct", expected);
  run_after(f, 0.5);
  assert_field(f, BURNER, "totalPct", 0);
}

/* The check is loaded anew, and given what the old one keeps. */
static void load_anew(struct fixture *f)
{
  struct mw_task_config config = {.kind = MW_TASK_CHECK,
                                  .name = "container_rt",
                                  .script_dirs = script_dirs,
                                  .context = f->context,
                                  .emit = keep_body,
                                  .emit_data = f};
  struct mw_task *fresh = mw_task_open(&config, &f->err);

  if (!fresh || mw_task_hand_over(f->check, fresh, &f->err) < 0)
    fail_msg("%s", f->err.text);
  mw_task_close(f->check);
  f->check = fresh;
}

static void a_reload_costs_no_rate(void **state)
{
  struct fixture *f = *state;

  run_after(f, 0);
  move_on(f, BURNER_DIR, "cpu.stat");
  move_on(f, WRITER_DIR, "io.stat");
  load_anew(f);
  load_anew(f); /* nothing has run in between */
  run_after(f, INTERVAL_S);
  assert_field(f, BURNER, "totalPct", growth_per_s(BURNER_DIR, "cpu.stat", "usage_usec") / 1e4);
  assert_field(f, WRITER, "wbps", growth_per_s(WRITER_DIR, "io.stat", "wbytes="));
  assert_absent(f, IDLER, "wbps");
}

static void the_same_reading_has_the_rates_that_it_had_before_a_reload(void **state)
{
  struct fixture *f = *state;

  run_after(f, 0);
  move_on(f, BURNER_DIR, "cpu.stat");
  run_after(f, INTERVAL_S);
  load_anew(f);
  run_after(f, 0.5); /* the check's max_age_ms */
  assert_field(f, BURNER, "totalPct", growth_per_s(BURNER_DIR, "cpu.stat", "usage_usec") / 1e4);
  assert_absent(f, IDLER, "wbps");
}

static void a_counter_that_went_back_has_a_rate_of_zero(void **state)
{
  char path[TMPTREE_PATH_BYTES];
  struct fixture *f = *state;

  run_after(f, 0);
  path_below(path, f->root, BURNER_DIR, "cpu.stat");
  tmptree_write(path, "usage_usec 5\nuser_usec 3\nsystem_usec 2\n");
  run_after(f, INTERVAL_S);
  assert_field(f, BURNER, "totalPct", 0);
  tmptree_write(path, "usage_usec 1000005\nuser_usec 1000003\nsystem_usec 2\n");
  run_after(f, INTERVAL_S);
  assert_field(f, BURNER, "totalPct", 10);
}

static void a_counter_that_was_missing_has_no_rate_until_it_came_twice(void **state)
{
  char path[TMPTREE_PATH_BYTES], text[8192];
  struct fixture *f = *state;

  path_below(path, f->root, WRITER_DIR, "io.stat");
  tmptree_read(path, text, sizeof text);
  run_after(f, 0);
  tmptree_write(path, "");
  run_after(f, INTERVAL_S);
  assert_absent(f, WRITER, "wbps");
  assert_field(f, WRITER, "totalPct", 0);
  tmptree_write(path, text);
  run_after(f, INTERVAL_S);
  assert_absent(f, WRITER, "wbps");
  run_after(f, INTERVAL_S);
  assert_field(f, WRITER, "wbps", 0);
}

static void a_restarted_container_starts_afresh(void **state)
{
  char old[TMPTREE_PATH_BYTES], new[TMPTREE_PATH_BYTES], fixture[TMPTREE_PATH_BYTES];
  struct fixture *f = *state;

  run_after(f, 0);
  run_after(f, INTERVAL_S);
  assert_field(f, BURNER, "totalPct", 0);

  path_below(fixture, T1, BURNER_DIR, "");
  path_below(old, f->root, BURNER_DIR, "");
  path_below(new, f->root, CGROUPS, "new"); /* beside the old one, so it has another inode */
  tmptree_copy(fixture, new);
  tmptree_remove(old);
  old[strlen(old) - 1] = '\0';
  assert_int_equal(0, rename(new, old));
  run_after(f, INTERVAL_S);
  assert_absent(f, BURNER, "totalPct");
  assert_field(f, BURNER, "cpuLimit", 50);
  run_after(f, INTERVAL_S);
  assert_field(f, BURNER, "totalPct", 0);
}

static void remove_files(const char *dir)
{
  char path[TMPTREE_PATH_BYTES];
  DIR *entries = opendir(dir);

  for (struct dirent *entry; (entry = readdir(entries));) {
    path_below(path, dir, ".", entry->d_name);
    if (entry->d_type == DT_REG)
      assert_int_equal(0, unlink(path));
  }
  closedir(entries);
}

static void a_container_whose_reading_fails_once_keeps_its_history(void **state)
{
  char dir[TMPTREE_PATH_BYTES], fixture[TMPTREE_PATH_BYTES];
  struct fixture *f = *state;
  double value;

  run_after(f, 0);
  path_below(dir, f->root, BURNER_DIR, "");
  path_below(fixture, T1, BURNER_DIR, "");
  remove_files(dir);
  run_after(f, INTERVAL_S);
  assert_true(stat_field(f, BURNER, "state", &value));
  assert_absent(f, BURNER, "totalPct");
  assert_absent(f, BURNER, "threadCount");

  tmptree_copy(fixture, dir);
  run_after(f, 7 * INTERVAL_S); /* what was missing is tried again after a minute */
  assert_field(f, BURNER, "totalPct", growth_per_s(BURNER_DIR, "cpu.stat", "usage_usec") / 1e4 / 8);
}

static void containers_come_and_go(void **state)
{
  char path[TMPTREE_PATH_BYTES], text[TMPTREE_PATH_BYTES];
  struct fixture *f = *state;

  run_after(f, 0);
  path_below(path, f->root, CGROUPS, "system.slice/docker-" IDLER "0.scope"); /* no id: too long */
  path_below(text, path, "", "cpu.stat");
  tmptree_write(text, "usage_usec 1\n");
  path_below(path, f->root, BURNER_DIR, "");
  tmptree_remove(path);
  run_after(f, INTERVAL_S);
  assert_null(strstr(f->body, BURNER));
  assert_null(strstr(f->body, IDLER "0"));
  assert_non_null(strstr(f->body, WRITER));
}

static void without_containers_there_is_no_message_and_no_group(void **state)
{
  char path[TMPTREE_PATH_BYTES];
  struct fixture *f = *state;

  run_after(f, 0);
  path_below(path, f->root, CGROUPS, "");
  tmptree_remove(path);
  mkdir(path, 0755);
  run_after(f, INTERVAL_S);
  assert_int_equal(0, f->messages_count);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(the_first_run_has_levels_and_no_rates),
      CASE(the_second_run_has_the_rates_of_the_counters),
      CASE(what_stood_still_has_rates_of_zero),
      CASE(a_reading_from_the_cache_has_the_rates_that_it_had),
      CASE(a_reload_costs_no_rate),
      CASE(the_same_reading_has_the_rates_that_it_had_before_a_reload),
      CASE(a_counter_that_went_back_has_a_rate_of_zero),
      CASE(a_counter_that_was_missing_has_no_rate_until_it_came_twice),
      CASE(a_restarted_container_starts_afresh),
      cmocka_unit_test_setup_teardown(a_container_whose_reading_fails_once_keeps_its_history,
                                      set_up_without_kept_files, tear_down),
      CASE(containers_come_and_go),
      CASE(without_containers_there_is_no_message_and_no_group),
  };
  return cmocka_run_group_tests_name("agent: container_rt", tests, NULL, NULL);
}
