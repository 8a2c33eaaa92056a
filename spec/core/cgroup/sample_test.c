/* Readings: the CPU limit, copies, merged limits, devices in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cgroup/sample.h"

/* ---- The CPU limit ---- */

static struct mw_figures limits(uint64_t cpus, uint64_t quota_ns, uint64_t period_ns)
{
  struct mw_figures figures = {0};

  if (cpus)
    mw_figures_set(&figures, MW_CPU_SET_CPUS, cpus);
  if (period_ns) {
    mw_figures_set(&figures, MW_CPU_QUOTA_NS, quota_ns);
    mw_figures_set(&figures, MW_CPU_PERIOD_NS, period_ns);
  }
  return figures;
}

static void computes_the_cpu_limit(void **state)
{
  static const struct {
    uint64_t cpus, quota_ns, period_ns, parent_cpus, parent_quota_ns, parent_period_ns;
    uint32_t host_cpus;
    double limit_percent;
    bool defaulted;
  } examples[] = {
      {10, 50, 100, 0, 0, 0, 8, 50, false},
      {10, 0, 0, 0, 0, 0, 8, 1000, false},
      {0, 0, 0, 0, 0, 0, 8, 800, true},
      {8, 0, 0, 8, 10, 100, 8, 10, false},
      {8, 0, 0, 0, 0, 0, 8, 800, true},
      {2, 150000, 100000, 0, 0, 0, 8, 150, false},
      {1, 150000, 100000, 0, 0, 0, 8, 100, false},
      {0, 25, 100, 4, 10, 100, 8, 25, false}, /* the own limit hides the parent's */
      {0, 0, 0, 4, 0, 0, 8, 400, false},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_cgroup_sample sample = {0};
    struct mw_figures own = limits(examples[i].cpus, examples[i].quota_ns, examples[i].period_ns);
    struct mw_figures parent =
        limits(examples[i].parent_cpus, examples[i].parent_quota_ns, examples[i].parent_period_ns);

    mw_cgroup_cpu_limit(&sample, &own, i % 2 || parent.present ? &parent : NULL,
                        examples[i].host_cpus);
    assert_true(sample.cpu_limit_present);
    assert_true(sample.cpu_limit_percent == examples[i].limit_percent);
    assert_int_equal(sample.cpu_limit_defaulted, examples[i].defaulted);
  }
}

static void has_no_cpu_limit_when_the_cpus_of_the_host_are_unknown(void **state)
{
  struct mw_cgroup_sample sample = {.cpu_limit_present = true};
  struct mw_figures own = limits(4, 50, 100);

  (void)state;
  mw_cgroup_cpu_limit(&sample, &own, NULL, 0);
  assert_false(sample.cpu_limit_present);
}

static void a_period_of_zero_is_no_limit(void **state)
{
  struct mw_cgroup_sample sample = {0};
  struct mw_figures own = {0};

  (void)state;
  mw_figures_set(&own, MW_CPU_QUOTA_NS, 50);
  mw_figures_set(&own, MW_CPU_PERIOD_NS, 0);
  mw_cgroup_cpu_limit(&sample, &own, NULL, 8);
  assert_true(sample.cpu_limit_defaulted);
  assert_true(sample.cpu_limit_percent == 800);
}

/* ---- Devices ---- */

static void keeps_devices_in_order_and_each_once(void **state)
{
  static const uint32_t numbers[][2] = {{8, 16},  {259, 0}, {8, 0},  {7, 9}, {8, 16},
                                        {259, 0}, {0, 0},   {8, 32}, {7, 9}, {UINT32_MAX, 1}};
  struct mw_cgroup_sample sample = {0};

  (void)state;
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    struct mw_io_device *device = mw_sample_device(&sample, numbers[i][0], numbers[i][1]);
    assert_int_equal(device->major, numbers[i][0]);
    assert_int_equal(device->minor, numbers[i][1]);
  }
  assert_int_equal(sample.devices_count, 7);
  for (size_t i = 1; i < sample.devices_count; i++) {
    const struct mw_io_device *one = &sample.devices[i - 1], *next = &sample.devices[i];
    assert_true(one->major < next->major ||
                (one->major == next->major && one->minor < next->minor));
  }
  mw_cgroup_sample_deinit(&sample);
}

static void merges_figures_and_devices(void **state)
{
  struct mw_cgroup_sample to = {0}, from = {0};
  uint64_t value;

  (void)state;
  mw_figures_set(&to.figures, MW_PIDS_CURRENT, 1);
  mw_figures_set(&from.figures, MW_PIDS_LIMIT, 2);
  struct mw_io_device *device = mw_sample_device(&to, 8, 0);
  device->present = 1 << MW_IO_DEVICE_READ_BYTES;
  device->values[MW_IO_DEVICE_READ_BYTES] = 5;
  device = mw_sample_device(&from, 8, 0);
  device->present = 1 << MW_IO_DEVICE_READ_LIMIT_BYTES_PER_S;
  device->values[MW_IO_DEVICE_READ_LIMIT_BYTES_PER_S] = 6;
  mw_sample_device(&from, 7, 0)->present = 1 << MW_IO_DEVICE_WRITE_LIMIT_BYTES_PER_S;

  assert_int_equal(mw_sample_merge(&to, &from), 0);
  assert_true(mw_figures_get(&to.figures, MW_PIDS_CURRENT, &value) && value == 1);
  assert_true(mw_figures_get(&to.figures, MW_PIDS_LIMIT, &value) && value == 2);
  assert_int_equal(to.devices_count, 2);
  assert_int_equal(to.devices[0].major, 7);
  assert_int_equal(to.devices[1].present,
                   1 << MW_IO_DEVICE_READ_BYTES | 1 << MW_IO_DEVICE_READ_LIMIT_BYTES_PER_S);
  assert_int_equal(to.devices[1].values[MW_IO_DEVICE_READ_LIMIT_BYTES_PER_S], 6);
  mw_cgroup_sample_deinit(&to);
  mw_cgroup_sample_deinit(&from);
}

/* ---- Copies ---- */

static void copies_everything_into_memory_of_its_own(void **state)
{
  struct mw_cgroup_sample from = {.inode = 7, .read_ns = 8, .problems_count = 9}, to = {0};

  (void)state;
  mw_figures_set(&from.figures, MW_PIDS_CURRENT, 1);
  strcpy(mw_sample_device(&from, 8, 0)->name, "sda");
  for (uint32_t i = 0; i < 40; i++)
    mw_sample_device(&to, i, 0);
  struct mw_io_device *memory = to.devices;

  assert_int_equal(mw_cgroup_sample_copy(&to, &from, NULL), 0);
  assert_ptr_equal(to.devices, memory); /* larger than needed: kept */
  assert_int_equal(to.devices_count, 1);
  assert_string_equal(to.devices[0].name, "sda");
  assert_int_equal(to.inode, 7);
  assert_int_equal(to.figures.present, from.figures.present);

  for (uint32_t i = 0; i < 100; i++)
    mw_sample_device(&from, i, 1);
  assert_int_equal(mw_cgroup_sample_copy(&to, &from, NULL), 0);
  assert_int_equal(to.devices_count, 101);
  assert_memory_equal(to.devices, from.devices, 101 * sizeof *to.devices);
  mw_cgroup_sample_deinit(&from);

  assert_int_equal(mw_cgroup_sample_copy(&to, &from, NULL), 0); /* an empty one */
  assert_int_equal(to.devices_count, 0);
  mw_cgroup_sample_deinit(&to);
  mw_cgroup_sample_deinit(&to);
  mw_cgroup_sample_deinit(NULL);
}

/* ---- The table ---- */

static void every_figure_has_a_name_and_a_unit_that_ends_it(void **state)
{
  (void)state;
  for (int i = 0; i < MW_FIGURE_COUNT; i++) {
    const struct mw_figure_info *info = mw_figure_info((enum mw_figure)i);
    assert_true(info->name && info->unit && info->text);
    if (strcmp(info->unit, "count") == 0)
      continue;
    size_t name_bytes = strlen(info->name), unit_bytes = strlen(info->unit);
    assert_string_equal(info->name + name_bytes - unit_bytes, info->unit);
  }
}

static void every_figure_that_is_not_computed_has_a_source(void **state)
{
  uint64_t seen = UINT64_C(1) << MW_MEMORY_WORKING_SET_BYTES;
  struct mw_figure_source source = {0};

  (void)state;
  for (size_t i = 0; mw_figure_source(i, &source); i++) {
    assert_true(source.version == 1 || source.version == 2);
    assert_true(source.scale > 0);
    seen |= UINT64_C(1) << source.figure;
  }
  assert_true(seen == (UINT64_C(1) << MW_FIGURE_COUNT) - 1);
  assert_string_equal(mw_controller_name(MW_CONTROLLER_IO, 1), "blkio");
  assert_string_equal(mw_controller_name(MW_CONTROLLER_IO, 2), "io");
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(computes_the_cpu_limit),
      cmocka_unit_test(has_no_cpu_limit_when_the_cpus_of_the_host_are_unknown),
      cmocka_unit_test(a_period_of_zero_is_no_limit),
      cmocka_unit_test(keeps_devices_in_order_and_each_once),
      cmocka_unit_test(merges_figures_and_devices),
      cmocka_unit_test(copies_everything_into_memory_of_its_own),
      cmocka_unit_test(every_figure_has_a_name_and_a_unit_that_ends_it),
      cmocka_unit_test(every_figure_that_is_not_computed_has_a_source),
  };

  return cmocka_run_group_tests_name("core/cgroup/sample", tests, NULL, NULL);
}
