/* /proc when memory runs out at the n-th allocation, for every n.
 * Linked as support/failing_malloc.h says. */
#include "test_proc.h"

#include "support/failing_malloc.h"

static struct test_proc host;

static int set_up(void **state)
{
  (void)state;
  test_proc_init(&host);
  test_proc_add(&host, 1, 4, 7);
  test_proc_add(&host, 12, 5, 500);
  test_proc_add(&host, 13, 5, 500);
  test_proc_add(&host, 14, 0, 700);
  tmptree_write(test_proc_path(&host, 12, "fd/0"), "");
  return 0;
}

static int tear_down(void **state)
{
  (void)state;
  test_proc_deinit(&host);
  return 0;
}

static const struct {
  const char *id;
  int pid;
} containers[] = {{"abc", 12}, {"def", 13}, {"ghi", 14}};

static void read_networks(struct mw_proc *proc, struct mw_network_sample *sample, bool may_fail)
{
  for (size_t i = 0; i < 3; i++) {
    struct test_finder finder = {.pids = {containers[i].pid}};
    struct mw_error err = {0};
    int rc = mw_proc_network(proc, containers[i].id, 0, test_proc_find, &finder, sample, &err);
    if (rc != 0 && !(may_fail && rc == -ENOMEM))
      fail_msg("%s", err.text);
  }
}

static bool count_visit(void *data, int32_t pid)
{
  *(int *)data += pid > 0;
  return true;
}

/* With whatever fails: only what is promised comes back. */
static void use(struct mw_proc *proc)
{
  struct mw_network_sample sample = {0}, copy = {0};
  struct mw_process_totals totals;
  int32_t pids[] = {12, 13};
  struct mw_pids list = {.pids = pids, .count = 2};
  int visits = 0;

  read_networks(proc, &sample, true);
  int rc = mw_network_sample_copy(&copy, &sample, NULL);
  assert_true(rc == 0 || rc == -ENOMEM);
  assert_int_equal(mw_proc_totals(proc, &list, &totals, NULL), 0);
  rc = mw_proc_each(proc, count_visit, &visits, NULL);
  assert_true((rc == 0 && visits == 4) || (rc == -ENOMEM && visits == 0));
  mw_proc_sweep(proc);
  mw_network_sample_deinit(&sample);
  mw_network_sample_deinit(&copy);
}

static void expect_all_right(struct mw_proc *proc)
{
  struct mw_network_sample sample = {0};

  read_networks(proc, &sample, false);
  assert_int_equal(sample.values[MW_NETWORK_RCVD_BYTES], 700);
  assert_int_equal(test_proc_usage(proc).witnesses, 3);
  assert_int_equal(test_proc_usage(proc).namespaces, 2);
  assert_int_equal(test_proc_usage(proc).kept_files, 2);
  mw_network_sample_deinit(&sample);
}

static void every_allocation_may_fail_and_all_works_afterwards(void **state)
{
  struct mw_proc_config config = {.proc_root = host.root, .kept_files_max = 100};
  size_t files_before = test_proc_open_files();

  (void)state;
  for (long n = 1;; n++) {
    struct mw_error err = {0};
    allocations_total = 0;
    failing_allocation = n;
    struct mw_proc *proc = mw_proc_open(&config, &err);
    if (!proc)
      assert_int_equal(err.code, ENOMEM);
    if (proc)
      use(proc);
    bool reached = allocations_total >= n;
    failing_allocation = 0;
    if (proc)
      expect_all_right(proc);
    mw_proc_close(proc);
    assert_int_equal(test_proc_open_files(), files_before);
    if (!reached)
      break;
    assert_true(n < 1000);
  }
}

/* The real /proc: pidfds, and an epoll set. */
static void every_allocation_may_fail_with_pidfds(void **state)
{
  size_t files_before = test_proc_open_files();

  (void)state;
  for (long n = 1;; n++) {
    struct mw_network_sample sample = {0};
    struct test_finder finder = {.pids = {(int)getpid()}};
    allocations_total = 0;
    failing_allocation = n;
    struct mw_proc *proc = mw_proc_open(&(struct mw_proc_config){.kept_files_max = 100}, NULL);
    int rc = proc ? mw_proc_network(proc, "abc", 0, test_proc_find, &finder, &sample, NULL) : 0;
    assert_true(rc == 0 || rc == -ENOMEM || rc == -ENODATA);
    bool reached = allocations_total >= n;
    failing_allocation = 0;
    if (proc) {
      rc = mw_proc_network(proc, "abc", 0, test_proc_find, &finder, &sample, NULL);
      assert_true(rc == 0 || rc == -ENODATA);
    }
    mw_network_sample_deinit(&sample);
    mw_proc_close(proc);
    assert_int_equal(test_proc_open_files(), files_before);
    if (!reached)
      break;
    assert_true(n < 1000);
  }
}

static void a_warm_reading_allocates_nothing(void **state)
{
  struct mw_proc *proc = test_proc_open(&host, (struct mw_proc_config){.kept_files_max = 100});
  struct mw_network_sample samples[3] = {0};

  (void)state;
  failing_allocation = 0;
  for (int round = 0; round < 20; round++) {
    if (round == 1)
      allocations_total = 0;
    host.clock.now_monotonic_ns += round == 19 ? 61 * MW_NS_PER_S : MW_NS_PER_MS; /* a lookup */
    for (size_t i = 0; i < 3; i++)
      read_networks(proc, &samples[i], false);
    mw_proc_sweep(proc);
  }
  assert_int_equal(allocations_total, 0);
  for (size_t i = 0; i < 3; i++)
    mw_network_sample_deinit(&samples[i]);
  mw_proc_close(proc);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_allocation_may_fail_and_all_works_afterwards, set_up,
                                      tear_down),
      cmocka_unit_test(every_allocation_may_fail_with_pidfds),
      cmocka_unit_test_setup_teardown(a_warm_reading_allocates_nothing, set_up, tear_down),
  };

  return cmocka_run_group_tests_name("core/proc without memory", tests, NULL, NULL);
}
