/* Figures of network namespaces, on a folder where processes come, go and change as told: there are
 * no pidfds here, the time when a process started says which one it is. */
#include "test_network.h"

#include <sys/stat.h>

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
static int find_a_hundred(void *data, struct mw_pids *out, struct mw_error *problem)
{
  (void)data;
  for (int pid = 1000; pid < 1100; pid++)
    if (mw_pids_append(out, pid, problem) < 0)
      return -ENOMEM;
  return 0;
}

static void count_stats(void *data, const char *path)
{
  *(int *)data += strstr(path, "/stat") != NULL;
}

/* What is wrong with so many is wrong with all; gone are many of a container that is ending. */
static void not_all_of_many_that_cannot_serve_are_tried(void **state)
{
  int stats = 0;
  const struct mw_proc_config config = {.on_read = count_stats, .callback_data = &stats};

  (void)state;
  for (int pid = 1000; pid < 1100; pid++) {
    test_proc_stat(&host, pid, 'S', 1, 100);
    tmptree_write(test_proc_path(&host, pid, "net/dev"), "");
  }
  mw_proc_close(proc);
  proc = test_proc_open(&host, config);
  assert_int_equal(mw_proc_network(proc, "abc", 0, find_a_hundred, NULL, &sample, &err), -EBADMSG);
  assert_in_range(stats, 64, 64 * 3);
  for (int pid = 1000; pid < 1099; pid++)
    test_proc_remove(&host, pid);
  test_proc_rcvd(&host, 1099, 500);
  assert_int_equal(mw_proc_network(proc, "abc", 0, find_a_hundred, NULL, &sample, &err), 0);
}

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

int main(void)
{
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
      ON_A_FOLDER(not_all_of_many_that_cannot_serve_are_tried),
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
  };

  return cmocka_run_group_tests_name("core/proc/network", tests, NULL, NULL);
}
