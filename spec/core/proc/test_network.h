/**
 * @file test_network.h
 * A struct mw_proc on a folder for the tests of mw_proc_network, and the short ways to ask it.
 * Thread-safety: none.
 */
#ifndef TEST_NETWORK_H
#define TEST_NETWORK_H

#include "test_proc.h"

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

#define ON_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
