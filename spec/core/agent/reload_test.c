/* A configuration that changes while an agent works by it. */
#include "agent/reload.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/log.h"
#include "support/tmptree.h"

#define GENEROUS_NS (60 * MW_NS_PER_S)
#define RELOADS 1000

/* Reads its options, and counts; the sink takes what it says. */
#define CHECK                                                                                      \
  "local M = { api = 1, interval_s = 0.02, options = { x = { type = 'integer', default = 1 } } "   \
  "}\n"                                                                                            \
  "function M.run(context) context:gauge('x', context.options.x) end\n"                            \
  "return M\n"

#define SOURCE                                                                                     \
  "local M = { api = 1, interval_s = 0.02 }\n"                                                     \
  "function M.list() return { containers = { { id = 'c1' } } } end\n"                              \
  "return M\n"

struct fixture {
  char dir[TMPTREE_ROOT_BYTES], file[TMPTREE_ROOT_BYTES + 16];
  struct mw_option flags[1];
  struct mw_config_request request;
  struct mw_runner *runner;
  struct mw_reload reload;
  struct mw_error err;
};

static void write_file(struct fixture *f, const char *name, const char *text)
{
  char path[TMPTREE_PATH_BYTES];

  snprintf(path, sizeof path, "%s/%s", f->dir, name);
  tmptree_write(path, text);
}

/* As an editor does: another file, which takes its name. */
static void replace_file(struct fixture *f, const char *name, const char *text)
{
  char fresh[TMPTREE_PATH_BYTES], path[TMPTREE_PATH_BYTES];

  write_file(f, "fresh", text);
  snprintf(fresh, sizeof fresh, "%s/fresh", f->dir);
  snprintf(path, sizeof path, "%s/%s", f->dir, name);
  assert_int_equal(rename(fresh, path), 0);
}

static void remove_file(struct fixture *f, const char *name)
{
  char path[TMPTREE_PATH_BYTES];

  snprintf(path, sizeof path, "%s/%s", f->dir, name);
  assert_int_equal(unlink(path), 0);
}

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_ERROR + 1, .fd = 2});
  tmptree_make(f->dir);
  snprintf(f->file, sizeof f->file, "%s/moonwatch.lua", f->dir);
  f->flags[0] = (struct mw_option){"log.level", "error"};
  f->request = (struct mw_config_request){.file = f->file, .flags = f->flags, .flags_count = 1};
  for (const char *name = "abc"; *name; name++) {
    char path[32];
    snprintf(path, sizeof path, "scripts/checks/%c.lua", *name);
    write_file(f, path, CHECK);
  }
  write_file(f, "scripts/sources/here.lua", SOURCE);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  assert_true(mw_reload_stop(&f->reload, mw_clock_monotonic_ns(mw_clock_system()) + GENEROUS_NS));
  assert_true(mw_runner_stop(f->runner, GENEROUS_NS));
  tmptree_remove(f->dir);
  free(f);
  return 0;
}

/* A main file with @p keys, and the sink file. */
static const char *main_file(struct fixture *f, const char *keys)
{
  static char text[2048];

  snprintf(text, sizeof text, "return { sinks = { 'file' }, state_dir = '%s', %s }\n", f->dir,
           keys);
  return text;
}

static void write_sink(struct fixture *f, const char *options)
{
  char text[1024];

  snprintf(text, sizeof text, "return { options = { path = '%s/messages', %s } }\n", f->dir,
           options);
  write_file(f, "conf.d/file.lua", text);
}

/* What is as young as the agent that reads it is read twice, and would be counted. */
static void let_files_age(void)
{
  nanosleep(&(struct timespec){.tv_nsec = 30000000}, NULL);
}

static void start(struct fixture *f, const char *keys)
{
  bool hangs;

  write_sink(f, "");
  write_file(f, "moonwatch.lua", main_file(f, keys));
  let_files_age();
  struct mw_config *config = mw_config_load(&f->request, &f->err);
  assert_non_null(mw_config_settings(config));
  f->runner = mw_runner_start(mw_config_settings(config), &hangs, &f->err);
  if (!f->runner)
    fail_msg("%s", f->err.text);
  assert_int_equal(mw_reload_init(&f->reload, &f->request, config, f->runner, &f->err), 0);
  mw_config_free(config);
}

static void look(struct fixture *f)
{
  int rc;

  mw_runner_look(f->runner);
  mw_reload_look(&f->reload);
  mw_reload_take(&f->reload, &rc, &f->err);
  nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* @return the status of the script @p name; "": it is not there. */
static struct mw_worker_status status_of(struct fixture *f, const char *name)
{
  struct mw_worker_status status = {.name = ""};

  for (size_t i = 0; i < mw_runner_workers_count(f->runner); i++)
    if (strcmp(mw_worker_name(mw_runner_worker(f->runner, i)), name) == 0)
      mw_worker_status(mw_runner_worker(f->runner, i), &status);
  return status;
}

static bool has(struct fixture *f, const char *name)
{
  return *status_of(f, name).name != '\0';
}

static void wait_for_runs(struct fixture *f, const char *name)
{
  uint64_t runs = status_of(f, name).runs_total;

  while (status_of(f, name).runs_total <= runs)
    look(f);
}

/* Have it read, as the operator wants. */
static int try_to_reload(struct fixture *f)
{
  int rc = 0;

  mw_reload_want(&f->reload);
  while (mw_reload_is_busy(&f->reload))
    if (!mw_reload_take(&f->reload, &rc, &f->err))
      sched_yield();
  return rc;
}

static void reload(struct fixture *f)
{
  if (try_to_reload(f) < 0)
    fail_msg("%s\n%s", f->err.text, f->reload.mistakes.data);
}

static void reload_with(struct fixture *f, const char *keys)
{
  write_file(f, "moonwatch.lua", main_file(f, keys));
  reload(f);
}

/* ---- Files ---- */

static void a_file_that_is_replaced_is_read(void **state)
{
  struct fixture *f = *state;

  start(f, "sources = {}, checks = { 'a' }");
  replace_file(f, "moonwatch.lua", main_file(f, "sources = {}, checks = { 'b' }"));
  while (!has(f, "b") || has(f, "a"))
    look(f);
  assert_int_equal(1, f->reload.reloads_total);
}

static void a_file_of_a_script_may_come_change_and_go(void **state)
{
  struct fixture *f = *state;

  start(f, "sources = {}, checks = { 'a', 'b' }");
  write_file(f, "conf.d/a.lua", "return { interval_s = 0.5 }");
  while (status_of(f, "a").interval_s != 0.5)
    look(f);
  write_file(f, "conf.d/a.lua", "return { interval_s = 0.25 }");
  while (status_of(f, "a").interval_s != 0.25)
    look(f);
  remove_file(f, "conf.d/a.lua");
  while (status_of(f, "a").interval_s != 0.02)
    look(f);
  assert_int_equal(3, status_of(f, "a").reloads_total);
  assert_int_equal(0, status_of(f, "b").reloads_total);
}

/* Kubernetes: the file is a link to ..data/FILE, and ..data one to a folder, which is switched. */
static void a_link_that_is_switched_is_seen(void **state)
{
  struct fixture *f = *state;
  char data[TMPTREE_PATH_BYTES], fresh[TMPTREE_PATH_BYTES];

  start(f, "sources = {}, checks = { 'a' }");
  snprintf(data, sizeof data, "%s/..data", f->dir);
  snprintf(fresh, sizeof fresh, "%s/..data_tmp", f->dir);
  write_file(f, "..1/moonwatch.lua", main_file(f, "sources = {}, checks = { 'b' }"));
  write_file(f, "..2/moonwatch.lua", main_file(f, "sources = {}, checks = { 'c' }"));
  assert_int_equal(symlink("..1", data), 0);
  remove_file(f, "moonwatch.lua");
  assert_int_equal(symlink("..data/moonwatch.lua", f->file), 0);
  while (!has(f, "b"))
    look(f);
  assert_int_equal(symlink("..2", fresh), 0);
  assert_int_equal(rename(fresh, data), 0);
  while (!has(f, "c"))
    look(f);
}

static void what_says_the_same_changes_nothing(void **state)
{
  struct fixture *f = *state;

  start(f, "sources = {}, checks = { 'a' }");
  int64_t loaded_ns = f->reload.loaded_wall_ns;
  replace_file(f, "moonwatch.lua",
               main_file(f, "checks = { 'a' }, sources = {} --[[ as before ]]"));
  while (f->reload.loaded_wall_ns == loaded_ns)
    look(f);
  assert_int_equal(0, f->reload.reloads_total);
  assert_int_equal(0, status_of(f, "a").reloads_total);
}

/* ---- Mistakes ---- */

static void with_a_mistake_the_old_one_goes_on_as_a_whole(void **state)
{
  struct fixture *f = *state;

  start(f, "sources = {}, checks = { 'a' }");
  write_file(f, "conf.d/a.lua", "return {\n  options = { y = 2 } }");
  replace_file(f, "moonwatch.lua", main_file(f, "sources = {}, checks = { 'a', 'b' }"));
  while (f->reload.mistakes.len_bytes == 0)
    look(f);
  assert_non_null(strstr(f->reload.mistakes.data, "conf.d/a.lua:2: scripts.a.options.y: "));
  assert_false(has(f, "b"));
  wait_for_runs(f, "a");
  assert_int_equal(-EINVAL, try_to_reload(f));
  assert_string_equal("the configuration has 1 mistake: the old one goes on", f->err.text);
  write_file(f, "conf.d/a.lua", "return { options = { x = 2 } }");
  while (!has(f, "b"))
    look(f);
  assert_int_equal(0, f->reload.mistakes.len_bytes);
}

static void a_script_that_is_missing_may_come_later(void **state)
{
  struct fixture *f = *state;

  start(f, "sources = {}, checks = { 'a' }");
  write_file(f, "moonwatch.lua", main_file(f, "sources = {}, checks = { 'a', 'late' }"));
  while (f->reload.mistakes.len_bytes == 0)
    look(f);
  assert_non_null(strstr(f->reload.mistakes.data, "there is no check \"late\""));
  write_file(f, "scripts/checks/late.lua", CHECK);
  while (!has(f, "late"))
    look(f);
}

/* Nor does its end wait for it. */
static void a_script_that_never_loads_keeps_nobody(void **state)
{
  struct fixture *f = *state;

  f->request.cpu_ms = 3600000;
  start(f, "sources = {}, checks = { 'a' }");
  write_file(f, "scripts/checks/b.lua", "while true do end");
  write_file(f, "moonwatch.lua", main_file(f, "sources = {}, checks = { 'a', 'b' }"));
  while (!mw_reload_is_busy(&f->reload))
    look(f);
  wait_for_runs(f, "a");
}

static void flags_say_the_last_word_again(void **state)
{
  struct fixture *f = *state;

  f->flags[0] = (struct mw_option){"checks", "a"};
  start(f, "sources = {}");
  reload_with(f, "sources = {}, checks = { 'b' }");
  assert_true(has(f, "a"));
  assert_false(has(f, "b"));
}

/* ---- Scripts ---- */

static void a_script_of_other_options_is_loaded_anew(void **state)
{
  struct fixture *f = *state;
  char text[65536];

  start(f, "sources = {}, checks = { 'a', 'b' }");
  wait_for_runs(f, "a");
  wait_for_runs(f, "b");
  write_file(f, "conf.d/a.lua", "return { options = { x = 17 } }");
  do {
    look(f);
    snprintf(text, sizeof text, "%s/messages", f->dir);
    tmptree_read(text, text, sizeof text);
  } while (!strstr(text, "\"value\":17}"));
  assert_int_equal(0, status_of(f, "b").reloads_total);
  assert_int_equal(0, status_of(f, "a").failures_total);
}

static void a_script_of_another_budget_has_it(void **state)
{
  struct fixture *f = *state;

  start(f, "sources = {}, checks = { 'a' }");
  wait_for_runs(f, "a");
  write_file(f, "conf.d/a.lua", "return { budget = { messages_count = 0 } }");
  while (!strstr(status_of(f, "a").error, "over its budget of 0 messages"))
    look(f);
  remove_file(f, "conf.d/a.lua");
  while (*status_of(f, "a").error)
    look(f);
}

static void a_script_that_is_disabled_ends_and_comes_back(void **state)
{
  struct fixture *f = *state;

  start(f, "sources = {}, checks = { 'a', 'b' }");
  write_file(f, "conf.d/a.lua", "return { enabled = false }");
  while (has(f, "a"))
    look(f);
  remove_file(f, "conf.d/a.lua");
  while (!has(f, "a"))
    look(f);
  wait_for_runs(f, "a");
  assert_int_equal(0, status_of(f, "b").reloads_total);
}

/* A run that goes on is not cut, and there are never two of one name. */
static void a_script_begins_when_the_one_of_its_name_has_ended(void **state)
{
  struct fixture *f = *state;

  write_file(f, "scripts/checks/a.lua",
             "local M = { api = 1, interval_s = 0.02 }\n"
             "function M.run(context)\n"
             "  local t = os.clock()\n"
             "  while os.clock() - t < 0.2 do end\n"
             "end\n"
             "return M\n");
  start(f, "sources = {}, checks = { 'a', 'b' }");
  while (status_of(f, "a").state != MW_WORKER_RUNNING)
    look(f);
  reload_with(f, "sources = {}, checks = { 'b' }");
  reload_with(f, "sources = {}, checks = { 'a', 'b' }");
  assert_true(f->reload.unfinished || has(f, "a"));
  while (!has(f, "a"))
    look(f);
  wait_for_runs(f, "a");
  assert_false(f->reload.unfinished);
}

static void a_script_that_leaves_ends_with_the_agent_at_the_latest(void **state)
{
  struct fixture *f = *state;

  write_file(f, "scripts/checks/c.lua",
             "local M = { api = 1, interval_s = 0.02 }\n"
             "function M.run() while true do end end\n"
             "return M\n");
  write_file(f, "conf.d/c.lua", "return { budget = { cpu_ms = 3600000, wall_ms = 3600000 } }");
  start(f, "sources = {}, checks = { 'a', 'c' }");
  while (status_of(f, "c").state != MW_WORKER_RUNNING)
    look(f);
  reload_with(f, "sources = {}, checks = { 'a' }");
  wait_for_runs(f, "a");
  assert_true(mw_crew_is_leaving(mw_runner_crew(f->runner), "c")); /* and tear_down ends it */
}

static size_t containers_in(struct fixture *f)
{
  struct mw_inventory_snapshot *snapshot =
      mw_inventory_acquire(mw_context_inventory(mw_runner_context(f->runner)));
  size_t count = mw_inventory_snapshot_count(snapshot);

  mw_inventory_release(snapshot);
  return count;
}

static void containers_of_a_source_that_goes_leave(void **state)
{
  struct fixture *f = *state;

  start(f, "sources = { 'here' }, checks = { 'a' }");
  while (containers_in(f) != 1)
    look(f);
  write_file(f, "moonwatch.lua", main_file(f, "sources = {}, checks = { 'a' }"));
  while (containers_in(f) != 0)
    look(f);
  write_file(f, "moonwatch.lua", main_file(f, "sources = { 'here' }, checks = { 'a' }"));
  while (containers_in(f) != 1)
    look(f);
}

/* Checks wait for sources that have not spoken; for one that is gone they do not. */
static void a_source_that_goes_before_it_has_spoken_keeps_nobody(void **state)
{
  struct fixture *f = *state;

  write_file(f, "scripts/sources/slow.lua",
             "local M = { api = 1, interval_s = 10 }\n"
             "function M.list() while true do end end\n"
             "return M\n");
  write_file(f, "conf.d/slow.lua", "return { budget = { cpu_ms = 30000, wall_ms = 60000 } }");
  start(f, "sources = { 'slow' }, checks = { 'a' }");
  while (status_of(f, "slow").state != MW_WORKER_RUNNING)
    look(f);
  assert_false(mw_runner_is_ready(f->runner));
  remove_file(f, "conf.d/slow.lua");
  reload_with(f, "sources = {}, checks = { 'a' }");
  int64_t left_ns = mw_runner_uptime_ns(f->runner);
  wait_for_runs(f, "a");
  assert_true(left_ns > MW_CREW_PATIENCE_NS ||
              mw_runner_uptime_ns(f->runner) < MW_CREW_PATIENCE_NS);
  assert_true(mw_runner_is_ready(f->runner));
}

/* ---- Sinks ---- */

static void a_sink_may_change(void **state)
{
  struct fixture *f = *state;
  char path[TMPTREE_PATH_BYTES];

  start(f, "sources = {}, checks = { 'a' }");
  struct mw_sink *sink = mw_runner_sink(f->runner, 0);
  reload(f);
  assert_ptr_equal(sink, mw_runner_sink(f->runner, 0)); /* it does not differ */
  for (int i = 0; i < 2 * MW_QUEUE_CURSORS_MAX; i++) {
    char options[64];
    snprintf(options, sizeof options, "keep = %d", i);
    write_sink(f, options);
    reload(f);
    assert_int_equal(1, mw_runner_sinks_count(f->runner));
  }
  snprintf(path, sizeof path, "%s/messages", f->dir);
  unlink(path);
  write_sink(f, "keep = 3, max_bytes = 1000000");
  reload(f);
  while (access(path, F_OK) < 0)
    look(f);
}

static void the_last_sink_may_go_and_another_one_come(void **state)
{
  struct fixture *f = *state;
  char text[256];

  start(f, "sources = {}, checks = { 'a' }");
  snprintf(text, sizeof text,
           "return { sinks = {}, sources = {}, checks = { 'a' }, state_dir = '%s' }", f->dir);
  write_file(f, "moonwatch.lua", text);
  reload(f);
  assert_int_equal(0, mw_runner_sinks_count(f->runner));
  wait_for_runs(f, "a");
  reload_with(f, "sources = {}, checks = { 'a' }");
  assert_int_equal(1, mw_runner_sinks_count(f->runner));
}

/* ---- Keys ---- */

static void keys_that_need_a_restart_are_named(void **state)
{
  struct fixture *f = *state;

  start(f, "sources = {}, checks = { 'a' }");
  reload_with(f, "sources = {}, checks = { 'a' }, queue = { on_disk = false },"
                 "kubelet = { timeout_s = 3 }, credentials = { far = { token_file = '/t' } }");
  assert_string_equal("credentials.far.token_file, kubelet.timeout_s, queue.on_disk",
                      f->reload.restarts.data);
  reload_with(f, "sources = {}, checks = { 'a' }, queue = { on_disk = false }");
  assert_string_equal("queue.on_disk", f->reload.restarts.data);
  reload_with(f, "sources = {}, checks = { 'a' }");
  assert_int_equal(0, f->reload.restarts.len_bytes);
}

static void the_level_of_the_log_changes_at_once(void **state)
{
  struct fixture *f = *state;

  f->request.flags_count = 0;
  start(f, "sources = {}, checks = { 'a' }, log = { level = 'error' }");
  mw_log_set_level(MW_LOG_ERROR + 1); /* as somebody may have told it meanwhile */
  reload(f);
  assert_false(mw_log_enabled(MW_LOG_ERROR));
  reload_with(f, "sources = {}, checks = { 'a' }, log = { level = 'warn' }");
  assert_true(mw_log_enabled(MW_LOG_WARN));
  assert_false(mw_log_enabled(MW_LOG_INFO));
  mw_log_set_level(MW_LOG_ERROR + 1);
}

static void looks_as_often_as_it_is_told_where_there_are_no_hints(void **state)
{
  struct fixture *f = *state;

  start(f, "sources = {}, checks = { 'a' }, poll_interval_s = 0.25");
  atomic_store(&mw_runner_folders(f->runner)->incomplete, true);
  assert_int_equal(250 * MW_NS_PER_MS, mw_runner_look_interval_ns(f->runner, MW_WATCH_SAME));
  reload_with(f, "sources = {}, checks = { 'a' }, poll_interval_s = 2");
  assert_int_equal(2000 * MW_NS_PER_MS, mw_runner_look_interval_ns(f->runner, MW_WATCH_SAME));
  reload_with(f, "sources = {}, checks = { 'a' }");
  assert_int_equal(400 * MW_NS_PER_MS, mw_runner_look_interval_ns(f->runner, MW_WATCH_SAME));
}

/* ---- Memory ---- */

/* Under the address checker what is lost is found; elsewhere what grows. */
static void nothing_is_kept_of_a_thousand_configurations(void **state)
{
  struct fixture *f = *state;
  char text[128];
  size_t before_bytes = 0;

  start(f, "sources = { 'here' }, checks = { 'a', 'b' }");
  for (int i = 0; i < RELOADS; i++) {
    snprintf(text, sizeof text, "return { options = { x = %d }, enabled = %s }", i % 7,
             i % 5 == 0 ? "false" : "true");
    write_file(f, "conf.d/a.lua", text);
    reload(f);
    look(f);
    if (i == RELOADS / 10)
      before_bytes = mallinfo2().uordblks;
  }
  wait_for_runs(f, "b");
  assert_in_range(mallinfo2().uordblks, 0, before_bytes + ((size_t)2 << 20));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(a_file_that_is_replaced_is_read),
      CASE(a_file_of_a_script_may_come_change_and_go),
      CASE(a_link_that_is_switched_is_seen),
      CASE(what_says_the_same_changes_nothing),
      CASE(with_a_mistake_the_old_one_goes_on_as_a_whole),
      CASE(a_script_that_is_missing_may_come_later),
      CASE(a_script_that_never_loads_keeps_nobody),
      CASE(flags_say_the_last_word_again),
      CASE(a_script_of_other_options_is_loaded_anew),
      CASE(a_script_of_another_budget_has_it),
      CASE(a_script_that_is_disabled_ends_and_comes_back),
      CASE(a_script_begins_when_the_one_of_its_name_has_ended),
      CASE(a_script_that_leaves_ends_with_the_agent_at_the_latest),
      CASE(containers_of_a_source_that_goes_leave),
      CASE(a_source_that_goes_before_it_has_spoken_keeps_nobody),
      CASE(a_sink_may_change),
      CASE(the_last_sink_may_go_and_another_one_come),
      CASE(keys_that_need_a_restart_are_named),
      CASE(the_level_of_the_log_changes_at_once),
      CASE(looks_as_often_as_it_is_told_where_there_are_no_hints),
      CASE(nothing_is_kept_of_a_thousand_configurations),
  };
  return cmocka_run_group_tests_name("agent/reload", tests, NULL, NULL);
}
