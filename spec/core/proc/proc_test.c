/* Processes: one by one, together, and all of them. */
#include "test_proc.h"

#include <sys/wait.h>

static struct test_proc host;
static struct mw_proc *proc;

static int set_up(void **state)
{
  (void)state;
  test_proc_init(&host);
  proc = test_proc_open(&host, (struct mw_proc_config){0});
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  mw_proc_close(proc);
  test_proc_deinit(&host);
  return 0;
}

/* ---- Opening ---- */

static void a_root_that_is_not_there_is_an_error(void **state)
{
  struct mw_error err = {0};

  (void)state;
  assert_null(mw_proc_open(&(struct mw_proc_config){.proc_root = "/nonexistent/proc"}, &err));
  assert_int_equal(err.code, ENOENT);
  assert_string_equal(err.text,
                      "cannot open directory /nonexistent/proc: No such file or directory");
}

static void the_root_is_proc_below_the_host_root(void **state)
{
  char root[TMPTREE_ROOT_BYTES], path[TMPTREE_PATH_BYTES];
  struct mw_process process;

  (void)state;
  tmptree_make(root);
  snprintf(path, sizeof path, "%s/proc/7/stat", root);
  tmptree_write(path, "7 (a) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 55 0 0\n");
  struct mw_proc *below = mw_proc_open(&(struct mw_proc_config){.host_root = root}, NULL);
  assert_non_null(below);
  assert_int_equal(mw_proc_process(below, 7, &process, NULL), 0);
  assert_int_equal(process.start_ticks, 55);
  mw_proc_close(below);
  tmptree_remove(root);
}

static void closing_nothing_is_fine(void **state)
{
  (void)state;
  mw_proc_close(NULL);
}

/* ---- One process ---- */

static void a_process_that_is_gone_is_not_there(void **state)
{
  struct mw_process process = {.pid = -7};
  struct mw_error err = {0};

  (void)state;
  assert_int_equal(mw_proc_process(proc, 12, &process, &err), -ENOENT);
  assert_string_equal(err.text, "process 12 is gone");
  assert_int_equal(process.pid, -7);
}

static void a_stat_that_is_none_is_told_with_its_path(void **state)
{
  struct mw_process process;
  struct mw_error err = {0};
  char expected[256];

  (void)state;
  tmptree_write(test_proc_path(&host, 12, "stat"), "?\n");
  assert_int_equal(mw_proc_process(proc, 12, &process, &err), -EBADMSG);
  snprintf(expected, sizeof expected, "%s/12/stat: not the status of a process: \"?\\x0a\"",
           host.root);
  assert_string_equal(err.text, expected);
}

static void the_text_of_its_cgroups_is_given_whole_or_not_at_all(void **state)
{
  char text[16] = "untouched";
  size_t len_bytes = 0;
  struct mw_error err = {0};

  (void)state;
  tmptree_write(test_proc_path(&host, 12, "cgroup"), "0::/docker/abc\n");
  assert_int_equal(mw_proc_cgroup_text(proc, 12, text, sizeof text, &len_bytes, NULL), 0);
  assert_string_equal(text, "0::/docker/abc\n");
  assert_int_equal(len_bytes, 15);
  assert_int_equal(mw_proc_cgroup_text(proc, 12, text, 15, &len_bytes, &err), -EMSGSIZE);
  assert_non_null(strstr(err.text, "/12/cgroup is larger than the limit of 15 bytes"));
  assert_int_equal(mw_proc_cgroup_text(proc, 13, text, sizeof text, &len_bytes, &err), -ENOENT);
}

static void remember_path(void *data, const char *path)
{
  snprintf(data, TMPTREE_PATH_BYTES, "%s", path);
}

static void what_is_read_is_told_by_its_path(void **state)
{
  char told[TMPTREE_PATH_BYTES] = "";
  struct mw_process process;
  struct mw_proc *telling = test_proc_open(
      &host, (struct mw_proc_config){.on_read = remember_path, .callback_data = told});

  (void)state;
  test_proc_stat(&host, 12, 'S', 1, 100);
  assert_int_equal(mw_proc_process(telling, 12, &process, NULL), 0);
  assert_string_equal(told, test_proc_path(&host, 12, "stat"));
  told[0] = '\0';
  assert_int_equal(mw_proc_process(telling, 13, &process, NULL), -ENOENT);
  assert_string_equal(told, "");
  mw_proc_close(telling);
}

/* ---- Totals ---- */

static struct mw_process_totals totals_of(const int32_t *pids, size_t count, size_t hidden_count)
{
  int32_t copy[8];
  struct mw_pids list = {.pids = copy, .count = count, .hidden_count = hidden_count};
  struct mw_process_totals totals;

  memcpy(copy, pids, count * sizeof *copy);
  assert_int_equal(mw_proc_totals(proc, &list, &totals, NULL), 0);
  return totals;
}

static void add_descriptors(int pid, int count)
{
  char name[32];

  for (int fd = 0; fd < count; fd++) {
    snprintf(name, sizeof name, "fd/%d", fd);
    tmptree_write(test_proc_path(&host, pid, name), "");
  }
}

static void processes_threads_and_open_files_are_counted(void **state)
{
  (void)state;
  test_proc_stat(&host, 1, 'S', 1, 100);
  test_proc_stat(&host, 2, 'R', 12, 100);
  test_proc_stat(&host, 3, 'Z', 1, 100);
  add_descriptors(1, 3);
  add_descriptors(2, 400); /* more than one listing */
  add_descriptors(3, 9);   /* a zombie has none */
  struct mw_process_totals totals = totals_of((int32_t[]){1, 2, 3, 4}, 4, 0);
  assert_int_equal(totals.processes_count, 3);
  assert_int_equal(totals.zombies_count, 1);
  assert_true(totals.threads_present);
  assert_int_equal(totals.threads_count, 14);
  assert_true(totals.open_files_present);
  assert_int_equal(totals.open_files_count, 403);
}

static void without_a_process_in_sight_nothing_is_known(void **state)
{
  (void)state;
  struct mw_process_totals totals = totals_of((int32_t[]){4}, 1, 0);
  assert_int_equal(totals.processes_count, 0);
  assert_false(totals.threads_present);
  assert_false(totals.open_files_present);
  totals = totals_of((int32_t[]){4}, 0, 5);
  assert_int_equal(totals.processes_count, 5);
  assert_false(totals.threads_present);
}

static void what_cannot_be_counted_is_absent(void **state)
{
  (void)state;
  test_proc_stat(&host, 1, 'S', 4, 100); /* no fd folder */
  tmptree_write(test_proc_path(&host, 2, "stat"), "garbage");
  add_descriptors(2, 3);
  struct mw_process_totals totals = totals_of((int32_t[]){1}, 1, 0);
  assert_true(totals.threads_present);
  assert_false(totals.open_files_present);
  assert_int_equal(totals.open_files_count, 0);
  totals = totals_of((int32_t[]){1, 2}, 2, 0);
  assert_int_equal(totals.processes_count, 2);
  assert_false(totals.threads_present);
  assert_int_equal(totals.threads_count, 0);
  assert_false(totals_of((int32_t[]){1}, 1, 1).threads_present); /* of a hidden one nobody knows */
}

static void one_whose_files_can_be_counted_is_enough(void **state)
{
  (void)state;
  test_proc_stat(&host, 1, 'S', 4, 100);
  test_proc_stat(&host, 2, 'S', 4, 100);
  add_descriptors(2, 3);
  struct mw_process_totals totals = totals_of((int32_t[]){1, 2}, 2, 0);
  assert_true(totals.open_files_present);
  assert_int_equal(totals.open_files_count, 3);
}

/* ---- All processes ---- */

struct visits {
  size_t count, most;
  int32_t pids[64];
};

static bool visit(void *data, int32_t pid)
{
  struct visits *visits = data;

  visits->pids[visits->count++ % 64] = pid;
  return visits->count < visits->most;
}

static void all_processes_are_visited_in_order(void **state)
{
  static const char *const others[] = {"self", "12x", "x12",         "0",
                                       "012",  "-5",  "99999999999", "sys"};
  struct visits visits = {.most = 64};

  (void)state;
  test_proc_stat(&host, 300, 'S', 1, 100);
  test_proc_stat(&host, 5, 'S', 1, 100);
  test_proc_stat(&host, 41, 'S', 1, 100);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    char path[TMPTREE_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s/stat", host.root, others[i]);
    tmptree_write(path, "");
  }
  assert_int_equal(mw_proc_each(proc, visit, &visits, NULL), 0);
  assert_int_equal(visits.count, 3);
  assert_int_equal(visits.pids[0], 5);
  assert_int_equal(visits.pids[1], 41);
  assert_int_equal(visits.pids[2], 300);
  visits = (struct visits){.most = 2};
  assert_int_equal(mw_proc_each(proc, visit, &visits, NULL), 0);
  assert_int_equal(visits.count, 2);
}

/* ---- The kernel's own ---- */

static struct mw_process_totals own_totals(void)
{
  int32_t own = (int32_t)getpid();
  struct mw_pids list = {.pids = &own, .count = 1};
  struct mw_process_totals totals;
  struct mw_proc *real = mw_proc_open(&(struct mw_proc_config){0}, NULL);

  assert_non_null(real);
  assert_int_equal(mw_proc_totals(real, &list, &totals, NULL), 0);
  mw_proc_close(real);
  return totals;
}

static void this_process_has_the_descriptors_that_it_opened(void **state)
{
  int fds[20];

  (void)state;
  struct mw_process_totals before = own_totals();
  for (size_t i = 0; i < 20; i++)
    fds[i] = dup(0);
  struct mw_process_totals after = own_totals();
  for (size_t i = 0; i < 20; i++)
    close(fds[i]);
  assert_int_equal(before.processes_count, 1);
  assert_int_equal(before.threads_count, 1);
  assert_int_equal(after.open_files_count - before.open_files_count, 20);
}

static void this_process_is_among_all(void **state)
{
  struct mw_process process;
  struct mw_proc *real = mw_proc_open(&(struct mw_proc_config){.host_root = "/"}, NULL);

  (void)state;
  assert_non_null(real);
  assert_int_equal(mw_proc_process(real, (int32_t)getpid(), &process, NULL), 0);
  assert_int_equal(process.pid, getpid());
  assert_int_equal(process.parent_pid, getppid());
  assert_int_equal(process.state, 'R');
  mw_proc_close(real);
}

static void a_zombie_is_counted_as_one(void **state)
{
  pid_t child = fork();

  (void)state;
  if (child == 0)
    _exit(0);
  siginfo_t info;
  assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
  struct mw_proc *real = mw_proc_open(&(struct mw_proc_config){0}, NULL);
  int32_t pid = (int32_t)child;
  struct mw_pids list = {.pids = &pid, .count = 1};
  struct mw_process_totals totals;
  assert_int_equal(mw_proc_totals(real, &list, &totals, NULL), 0);
  mw_proc_close(real);
  waitpid(child, NULL, 0);
  assert_int_equal(totals.zombies_count, 1);
  assert_true(totals.open_files_present);
  assert_int_equal(totals.open_files_count, 0);
}

int main(void)
{
#define ON_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_root_that_is_not_there_is_an_error),
      cmocka_unit_test(the_root_is_proc_below_the_host_root),
      cmocka_unit_test(closing_nothing_is_fine),
      ON_A_FOLDER(a_process_that_is_gone_is_not_there),
      ON_A_FOLDER(a_stat_that_is_none_is_told_with_its_path),
      ON_A_FOLDER(the_text_of_its_cgroups_is_given_whole_or_not_at_all),
      ON_A_FOLDER(what_is_read_is_told_by_its_path),
      ON_A_FOLDER(processes_threads_and_open_files_are_counted),
      ON_A_FOLDER(without_a_process_in_sight_nothing_is_known),
      ON_A_FOLDER(what_cannot_be_counted_is_absent),
      ON_A_FOLDER(one_whose_files_can_be_counted_is_enough),
      ON_A_FOLDER(all_processes_are_visited_in_order),
      cmocka_unit_test(this_process_has_the_descriptors_that_it_opened),
      cmocka_unit_test(this_process_is_among_all),
      cmocka_unit_test(a_zombie_is_counted_as_one),
  };

  return cmocka_run_group_tests_name("core/proc/proc", tests, NULL, NULL);
}
