/* Figures of network namespaces, on a folder where processes come, go and change as told: there are
 * no pidfds here, the time when a process started says which one it is. */
#include "test_proc.h"

#include <sys/stat.h>
#include <sys/wait.h>

static struct test_proc host;
static struct mw_proc *proc;
static struct mw_network_sample sample;
static struct mw_error err;

static int set_up(void **state)
{
  (void)state;
  test_proc_init(&host);
  proc = test_proc_open(&host, (struct mw_proc_config){.kept_files_max = 100});
  sample = (struct mw_network_sample){0};
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  mw_network_sample_deinit(&sample);
  mw_proc_close(proc);
  test_proc_deinit(&host);
  return 0;
}

static int network(const char *id, int64_t max_age_ns, struct test_finder *finder)
{
  return mw_proc_network(proc, id, max_age_ns, test_proc_find, finder, &sample, &err);
}

/* What eth0 of container @p id has received, read now. */
static uint64_t rcvd(const char *id, struct test_finder *finder)
{
  if (network(id, 0, finder) < 0)
    fail_msg("%s", err.text);
  return sample.values[MW_NETWORK_RCVD_BYTES];
}

static void pass_s(int64_t seconds)
{
  host.clock.now_monotonic_ns += seconds * MW_NS_PER_S;
}

/* ---- Reading ---- */

static void a_container_has_the_figures_of_its_process(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 1, 4026531840, 7);
  test_proc_add(&host, 12, 4026532240, 500);
  assert_int_equal(network("abc", 0, &finder), 0);
  assert_int_equal(sample.namespace_id, 4026532240);
  assert_int_equal(sample.host_network, MW_HOST_NETWORK_NO);
  assert_int_equal(sample.read_ns, host.clock.now_monotonic_ns);
  assert_int_equal(sample.interfaces_count, 1);
  assert_string_equal(sample.interfaces[0].name, "eth0");
  assert_int_equal(sample.present, (1 << MW_NETWORK_FIGURE_COUNT) - 1);
  assert_int_equal(sample.values[MW_NETWORK_RCVD_BYTES], 500);
  assert_int_equal(sample.values[MW_NETWORK_SENT_PACKETS], 3);
}

static void the_process_is_remembered(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  assert_int_equal(rcvd("abc", &finder), 500);
  test_proc_rcvd(&host, 12, 600);
  assert_int_equal(rcvd("abc", &finder), 600);
  assert_int_equal(finder.calls, 1);
}

static void a_reading_serves_until_it_is_too_old(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  assert_int_equal(rcvd("abc", &finder), 500);
  test_proc_rcvd(&host, 12, 600);
  pass_s(2);
  assert_int_equal(network("abc", 2 * MW_NS_PER_S, &finder), 0);
  assert_int_equal(sample.values[MW_NETWORK_RCVD_BYTES], 500);
  assert_int_equal(network("abc", 2 * MW_NS_PER_S - 1, &finder), 0);
  assert_int_equal(sample.values[MW_NETWORK_RCVD_BYTES], 600);
  assert_int_equal(test_proc_usage(proc).reads_total, 2);
}

static void containers_in_one_namespace_share_a_reading(void **state)
{
  struct test_finder first = {.pids = {12}}, second = {.pids = {13}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 5, 999);
  assert_int_equal(network("abc", MW_NS_PER_S, &first), 0);
  assert_int_equal(network("def", MW_NS_PER_S, &second), 0);
  assert_int_equal(sample.values[MW_NETWORK_RCVD_BYTES], 500);
  assert_int_equal(sample.namespace_id, 5);
  struct mw_proc_usage usage = test_proc_usage(proc);
  assert_int_equal(usage.reads_total, 1);
  assert_int_equal(usage.witnesses, 2);
  assert_int_equal(usage.namespaces, 1);
  assert_int_equal(usage.kept_files, 1);
}

static void only_lo_is_no_network(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  tmptree_write(test_proc_path(&host, 12, "net/dev"),
                TEST_PROC_HEADING "lo: 1 1 0 0 0 0 0 0 1 1\n");
  assert_int_equal(network("abc", MW_NS_PER_S, &finder), -ENODATA);
  assert_string_equal(err.text, "container abc has no network interface but lo");
  assert_int_equal(sample.namespace_id, 5);
  assert_int_equal(sample.present, 0);
  assert_int_equal(network("abc", MW_NS_PER_S, &finder), -ENODATA);
  assert_int_equal(test_proc_usage(proc).reads_total, 1);
  assert_int_equal(finder.calls, 1);
}

static void a_file_that_is_none_is_told_with_its_path(void **state)
{
  struct test_finder finder = {.pids = {12}};
  char expected[TMPTREE_PATH_BYTES];

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  tmptree_write(test_proc_path(&host, 12, "net/dev"), "Inter-|\n");
  assert_int_equal(network("abc", 0, &finder), -EBADMSG);
  snprintf(expected, sizeof expected, "invalid format for %s/12/net/dev", host.root);
  assert_string_equal(err.text, expected);
  test_proc_rcvd(&host, 12, 600);
  assert_int_equal(rcvd("abc", &finder), 600);
}

static void long_files_are_read_to_their_end(void **state)
{
  struct test_finder finder = {.pids = {12}};
  char *text = malloc(1 << 20), *end;

  (void)state;
  assert_non_null(text);
  test_proc_add(&host, 12, 5, 500);
  for (size_t count = 1; count < 6000; count += count < 200 ? 1 : 1499) {
    end = stpcpy(text, TEST_PROC_HEADING);
    for (size_t i = 0; i < count; i++)
      end += sprintf(end, " veth%zu: 2 1 0 0 0 0 0 0 4 3 0 0 0 0 0 0\n", i);
    tmptree_write(test_proc_path(&host, 12, "net/dev"), text);
    assert_int_equal(rcvd("abc", &finder), 2 * count);
    assert_int_equal(sample.interfaces_count, count);
  }
  free(text);
}

static void an_id_is_needed(void **state)
{
  struct test_finder finder = {.pids = {12}};
  char id[MW_PROC_ID_BYTES + 2];

  (void)state;
  assert_int_equal(network("", 0, &finder), -EINVAL);
  memset(id, 'a', sizeof id - 1);
  id[sizeof id - 1] = '\0';
  assert_int_equal(network(id, 0, &finder), -ENAMETOOLONG);
  id[MW_PROC_ID_BYTES] = '\0';
  test_proc_add(&host, 12, 5, 500);
  assert_int_equal(rcvd(id, &finder), 500);
}

/* ---- Which process ---- */

static void those_that_cannot_serve_are_passed_over(void **state)
{
  struct test_finder finder = {.pids = {10, 11, 12, 13, 14}};

  (void)state;
  test_proc_add(&host, 11, 5, 11); /* 10 is gone */
  test_proc_stat(&host, 11, 'Z', 1, 100);
  test_proc_stat(&host, 12, 'S', 1, 100); /* without a network */
  test_proc_add(&host, 13, 5, 13);
  tmptree_write(test_proc_path(&host, 13, "net/dev"), "");
  test_proc_add(&host, 14, 5, 14);
  assert_int_equal(rcvd("abc", &finder), 14);
  assert_int_equal(test_proc_usage(proc).witnesses, 1);
  assert_int_equal(test_proc_usage(proc).reads_total, 2); /* of 13 and 14 */
}

/* Told of the first file that is read, as is usual, the process's stat. */
static void end_it(void *data, const char *path)
{
  bool *ended = data;

  (void)path;
  if (*ended)
    return;
  *ended = true;
  test_proc_stat(&host, 12, 'Z', 1, 100);
  unlink(test_proc_path(&host, 12, "net/dev"));
  assert_int_equal(mkdir(test_proc_path(&host, 12, "net/dev"), 0755), 0);
}

static void files_of_a_process_that_is_ending_may_fail_as_they_like(void **state)
{
  struct test_finder finder = {.pids = {12}};
  bool ended = false;

  (void)state;
  mw_proc_close(proc);
  proc = test_proc_open(&host, (struct mw_proc_config){.on_read = end_it, .callback_data = &ended});
  test_proc_add(&host, 12, 5, 500);
  assert_int_equal(network("abc", 0, &finder), -ENOENT);
  assert_true(ended);
}

static void without_a_live_process_there_is_no_network(void **state)
{
  struct test_finder finder = {.pids = {10, 11}};

  (void)state;
  test_proc_add(&host, 11, 5, 11);
  test_proc_stat(&host, 11, 'Z', 1, 100);
  assert_int_equal(network("abc", 0, &finder), -ENOENT);
  assert_string_equal(err.text,
                      "no process found inside this cgroup, impossible to gather network stats");
  finder = (struct test_finder){.hidden_count = 2};
  assert_int_equal(network("abc", 0, &finder), -ENOENT);
  assert_non_null(strstr(err.text, "no process of container abc can be seen from this pid namesp"));
  assert_int_equal(test_proc_usage(proc).witnesses, 0);
  assert_int_equal(test_proc_usage(proc).kept_files, 0);
}

static void what_finding_says_is_passed_on(void **state)
{
  struct test_finder finder = {.failure = EIO};

  (void)state;
  assert_int_equal(network("abc", 0, &finder), -EIO);
  assert_string_equal(err.text, "cannot find");
}

static void a_process_that_ends_is_replaced_at_once(void **state)
{
  struct test_finder finder = {.pids = {12, 13}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 6, 700);
  assert_int_equal(rcvd("abc", &finder), 500);
  test_proc_remove(&host, 12);
  assert_int_equal(rcvd("abc", &finder), 700);
  assert_int_equal(sample.namespace_id, 6);
  assert_int_equal(test_proc_usage(proc).namespaces, 1);
  assert_int_equal(test_proc_usage(proc).kept_files, 1);
  test_proc_stat(&host, 13, 'Z', 1, 100);
  assert_int_equal(network("abc", 0, &finder), -ENOENT);
  assert_int_equal(test_proc_usage(proc).kept_files, 0);
}

static void a_process_that_got_the_same_id_is_another(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  assert_int_equal(rcvd("abc", &finder), 500);
  test_proc_remove(&host, 12);
  test_proc_add(&host, 12, 6, 700);
  test_proc_stat(&host, 12, 'S', 1, 101);
  finder.pids[0] = 0; /* and belongs to somebody else */
  assert_int_equal(network("abc", 0, &finder), -ENOENT);
  assert_int_equal(finder.calls, 2);
}

/* The other container's reading is fresh, but this one's process is not the one it was. */
static void sharing_a_reading_needs_a_live_process_of_ones_own(void **state)
{
  struct test_finder first = {.pids = {12}}, second = {.pids = {13}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 5, 500);
  rcvd("abc", &first);
  rcvd("def", &second);
  test_proc_remove(&host, 13);
  pass_s(10);
  assert_int_equal(network("abc", MW_NS_PER_S, &first), 0);
  assert_int_equal(network("def", MW_NS_PER_S, &second), -ENOENT);
}

static void processes_are_asked_for_again_after_a_minute(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 6, 700);
  rcvd("abc", &finder);
  finder.pids[0] = 13;
  pass_s(61);
  assert_int_equal(rcvd("abc", &finder), 700);
  assert_int_equal(finder.calls, 2);
  assert_int_equal(test_proc_usage(proc).namespaces, 1);
  pass_s(60); /* not before: only the first interval is shorter */
  assert_int_equal(rcvd("abc", &finder), 700);
  assert_int_equal(finder.calls, 2);
}

static void a_process_that_moved_is_noticed_at_the_next_lookup(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  rcvd("abc", &finder);
  test_proc_remove(&host, 12);
  test_proc_add(&host, 12, 6, 700);
  assert_int_equal(rcvd("abc", &finder), 500); /* of the file that is open */
  pass_s(61);
  assert_int_equal(rcvd("abc", &finder), 700);
  assert_int_equal(sample.namespace_id, 6);
  assert_int_equal(test_proc_usage(proc).witnesses, 1);
  assert_int_equal(test_proc_usage(proc).kept_files, 1);
}

static void a_lookup_that_fails_leaves_the_process_in_place(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  rcvd("abc", &finder);
  pass_s(61);
  finder.failure = EMFILE;
  err = (struct mw_error){0};
  assert_int_equal(rcvd("abc", &finder), 500);
  assert_int_equal(err.code, 0);
  pass_s(61);
  finder.failure = ENOENT;
  assert_int_equal(network("abc", 0, &finder), -ENOENT);
  assert_int_equal(test_proc_usage(proc).witnesses, 0);
}

static void lookups_of_containers_found_together_are_spread(void **state)
{
  struct test_finder finder = {.pids = {12}};
  int due_early = 0;

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 50; i++) {
      char id[16];
      snprintf(id, sizeof id, "c%d", i);
      rcvd(id, &finder);
    }
    due_early = finder.calls - 50;
    pass_s(30);
  }
  assert_in_range(due_early, 10, 40);
}

/* ---- Namespaces that cannot be told ---- */

static void an_unknown_namespace_is_not_shared(void **state)
{
  struct test_finder first = {.pids = {12}}, second = {.pids = {13}};

  (void)state;
  test_proc_add(&host, 1, 4026531840, 7);
  test_proc_add(&host, 12, 0, 500);
  test_proc_add(&host, 13, 0, 700);
  assert_int_equal(rcvd("abc", &first), 500);
  assert_int_equal(network("def", MW_NS_PER_S, &second), 0);
  assert_int_equal(sample.values[MW_NETWORK_RCVD_BYTES], 700);
  assert_int_equal(sample.namespace_id, 0);
  assert_int_equal(sample.host_network, MW_HOST_NETWORK_UNKNOWN);
  assert_int_equal(test_proc_usage(proc).namespaces, 2);
  pass_s(61);
  assert_int_equal(rcvd("abc", &first), 500);
  assert_int_equal(test_proc_usage(proc).namespaces, 2);
}

static void a_namespace_may_be_a_file(void **state)
{
  struct test_finder finder = {.pids = {12}};
  struct stat status;

  (void)state;
  test_proc_add(&host, 12, 0, 500);
  tmptree_write(test_proc_path(&host, 12, "ns/net"), "");
  assert_int_equal(stat(test_proc_path(&host, 12, "ns/net"), &status), 0);
  assert_int_equal(network("abc", 0, &finder), 0);
  assert_int_equal(sample.namespace_id, status.st_ino);
}

static void the_hosts_network_is_that_of_its_first_process(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  rcvd("abc", &finder);
  assert_int_equal(sample.host_network, MW_HOST_NETWORK_UNKNOWN);
  test_proc_add(&host, 1, 5, 7); /* readable only now */
  pass_s(61);
  rcvd("abc", &finder);
  assert_int_equal(sample.host_network, MW_HOST_NETWORK_YES);
  test_proc_enter(&host, 1, 6); /* asked once */
  pass_s(61);
  rcvd("abc", &finder);
  assert_int_equal(sample.host_network, MW_HOST_NETWORK_YES);
}

/* ---- Budget and forgetting ---- */

static void what_is_over_the_budget_is_opened_each_time(void **state)
{
  struct test_finder first = {.pids = {12}}, second = {.pids = {13}};
  size_t files_before = test_proc_open_files();

  (void)state;
  mw_proc_close(proc);
  proc = test_proc_open(&host, (struct mw_proc_config){.kept_files_max = 1});
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 6, 700);
  for (int round = 0; round < 3; round++) {
    assert_int_equal(rcvd("abc", &first), 500);
    assert_int_equal(rcvd("def", &second), 700);
  }
  assert_int_equal(first.calls + second.calls, 2);
  assert_int_equal(test_proc_usage(proc).kept_files, 1);
  assert_int_equal(test_proc_usage(proc).kept_files_max, 1);
  assert_int_equal(test_proc_open_files(), files_before + 1);
  /* another process under the id, and another namespace, are noticed each time */
  test_proc_stat(&host, 13, 'S', 1, 101);
  second.pids[0] = 0;
  assert_int_equal(network("def", 0, &second), -ENOENT);
}

static void what_is_not_kept_is_not_read_in_another_namespace(void **state)
{
  struct test_finder keeper = {.pids = {12}}, mover = {.pids = {13}};

  (void)state;
  mw_proc_close(proc);
  proc = test_proc_open(&host, (struct mw_proc_config){.kept_files_max = 1});
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 6, 700);
  rcvd("abc", &keeper);
  rcvd("def", &mover);
  test_proc_enter(&host, 13, 7);
  test_proc_rcvd(&host, 13, 1);
  assert_int_equal(rcvd("def", &mover), 1);
  assert_int_equal(sample.namespace_id, 7);
  assert_int_equal(mover.calls, 2);
}

static void the_number_of_a_namespace_that_is_not_held_may_be_used_again(void **state)
{
  struct test_finder keeper = {.pids = {12}}, first = {.pids = {13}}, second = {.pids = {14}};

  (void)state;
  mw_proc_close(proc);
  proc = test_proc_open(&host, (struct mw_proc_config){.kept_files_max = 1});
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 6, 700);
  rcvd("abc", &keeper);
  rcvd("def", &first);
  test_proc_remove(&host, 13);
  test_proc_add(&host, 14, 6, 1);
  assert_int_equal(network("ghi", MW_NS_PER_S, &second), 0);
  assert_int_equal(sample.values[MW_NETWORK_RCVD_BYTES], 1);
}

static void kept_files_are_out_of_the_way_of_select(void **state)
{
  struct test_finder finder = {.pids = {12}};
  int low_before = open("/dev/null", O_RDONLY), low_after;

  (void)state;
  close(low_before);
  test_proc_add(&host, 12, 5, 500);
  rcvd("abc", &finder);
  low_after = open("/dev/null", O_RDONLY);
  close(low_after);
  assert_int_equal(low_after, low_before);
  assert_true(fcntl(1024, F_GETFD) >= 0);
}

static void sweeping_closes_what_the_dead_held(void **state)
{
  struct test_finder first = {.pids = {12}}, second = {.pids = {13}};
  size_t files_before = test_proc_open_files();

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 5, 500);
  rcvd("abc", &first);
  rcvd("def", &second);
  mw_proc_sweep(proc);
  test_proc_remove(&host, 12);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).witnesses, 1);
  assert_int_equal(test_proc_usage(proc).namespaces, 1); /* another is in it */
  assert_int_equal(test_proc_open_files(), files_before + 1);
  test_proc_remove(&host, 13);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).witnesses, 0);
  assert_int_equal(test_proc_usage(proc).namespaces, 0);
  assert_int_equal(test_proc_open_files(), files_before);
}

static void containers_that_nobody_asks_for_are_forgotten(void **state)
{
  struct test_finder finder = {.pids = {12}};

  (void)state;
  test_proc_add(&host, 12, 5, 500);
  rcvd("abc", &finder);
  rcvd("def", &finder);
  pass_s(200);
  rcvd("abc", &finder);
  pass_s(101);
  rcvd("ghi", &finder); /* by the way */
  assert_int_equal(test_proc_usage(proc).witnesses, 2);
  pass_s(301);
  mw_proc_sweep(proc);
  assert_int_equal(test_proc_usage(proc).witnesses, 0);
  assert_int_equal(test_proc_usage(proc).kept_files, 0);
}

/* ---- Rights ---- */

/* In a child without root's rights: 0 when the message is as expected. */
static int look_without_rights(struct test_finder *finder, const char *expected)
{
  pid_t child = fork();
  int status;

  if (child == 0) {
    if (setresuid(65534, 65534, 65534) < 0)
      _exit(2);
    int rc = network("abc", 0, finder);
    _exit(expected ? rc != -EACCES || !strstr(err.text, expected) : rc != 0);
  }
  waitpid(child, &status, 0);
  return status;
}

static void what_is_not_permitted_is_told_with_the_cure(void **state)
{
  struct test_finder finder = {.pids = {12, 13}};

  (void)state;
  if (geteuid() != 0)
    skip(); /* only root can give its rights away */
  assert_int_equal(chmod(host.root, 0755), 0);
  test_proc_add(&host, 12, 5, 500);
  assert_int_equal(chmod(test_proc_path(&host, 12, "net/dev"), 0600), 0);
  assert_int_equal(look_without_rights(&finder, "/12/net/dev: Permission denied (it takes root, or "
                                                "CAP_SYS_PTRACE)"),
                   0);
  test_proc_add(&host, 13, 6, 700); /* the next one will do */
  assert_int_equal(look_without_rights(&finder, NULL), 0);
}

int main(void)
{
#define ON_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      ON_A_FOLDER(a_container_has_the_figures_of_its_process),
      ON_A_FOLDER(the_process_is_remembered),
      ON_A_FOLDER(a_reading_serves_until_it_is_too_old),
      ON_A_FOLDER(containers_in_one_namespace_share_a_reading),
      ON_A_FOLDER(only_lo_is_no_network),
      ON_A_FOLDER(a_file_that_is_none_is_told_with_its_path),
      ON_A_FOLDER(long_files_are_read_to_their_end),
      ON_A_FOLDER(an_id_is_needed),
      ON_A_FOLDER(those_that_cannot_serve_are_passed_over),
      ON_A_FOLDER(files_of_a_process_that_is_ending_may_fail_as_they_like),
      ON_A_FOLDER(without_a_live_process_there_is_no_network),
      ON_A_FOLDER(what_finding_says_is_passed_on),
      ON_A_FOLDER(a_process_that_ends_is_replaced_at_once),
      ON_A_FOLDER(a_process_that_got_the_same_id_is_another),
      ON_A_FOLDER(sharing_a_reading_needs_a_live_process_of_ones_own),
      ON_A_FOLDER(processes_are_asked_for_again_after_a_minute),
      ON_A_FOLDER(a_process_that_moved_is_noticed_at_the_next_lookup),
      ON_A_FOLDER(a_lookup_that_fails_leaves_the_process_in_place),
      ON_A_FOLDER(lookups_of_containers_found_together_are_spread),
      ON_A_FOLDER(an_unknown_namespace_is_not_shared),
      ON_A_FOLDER(a_namespace_may_be_a_file),
      ON_A_FOLDER(the_hosts_network_is_that_of_its_first_process),
      ON_A_FOLDER(what_is_over_the_budget_is_opened_each_time),
      ON_A_FOLDER(what_is_not_kept_is_not_read_in_another_namespace),
      ON_A_FOLDER(the_number_of_a_namespace_that_is_not_held_may_be_used_again),
      ON_A_FOLDER(kept_files_are_out_of_the_way_of_select),
      ON_A_FOLDER(sweeping_closes_what_the_dead_held),
      ON_A_FOLDER(containers_that_nobody_asks_for_are_forgotten),
      ON_A_FOLDER(what_is_not_permitted_is_told_with_the_cure),
  };

  return cmocka_run_group_tests_name("core/proc/network", tests, NULL, NULL);
}
