/* The texts of cgroup files to figures; what is refused, and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup/figures.h"
#include "cgroup/sample.h"

/* ---- Sets of CPUs ---- */

static void counts_the_cpus_of_a_list(void **state)
{
  static const struct {
    const char *text;
    int64_t count; /* -1: refused */
  } examples[] = {
      {"0,1,5-8", 6},
      {"1", 1},
      {"2-3", 2},
      {"0-7", 8},
      {"0-7\n", 8},
      {"\n", 0},
      {"", 0},
      {"0-3,", 4},
      {",0-3", 4},
      {",", 0},
      {"0-3\n5\n", 5},
      {"5-5", 1},
      {"65535", 1},
      {"0-65535", 65536},
      {"a-3", -1},
      {"3-", -1},
      {"-3", -1},
      {"-", -1},
      {"8-5", -1},
      {"1-2-3", -1},
      {"x", -1},
      {" 1", -1},
      {"0-3\r\n", -1},
      {"65536", -1},
      {"0-99999", -1},
      {"0-18446744073709551615", -1},
      {"99999999999999999999", -1},
      {"0-3,2", -1},
      {"0,0", -1},
      {"5,1", -1},
      {"0-3\n0-3\n", -1}, /* the kernel lists in order */
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    uint64_t count = 77;
    struct mw_slice text = {examples[i].text, strlen(examples[i].text)};
    bool is_list = mw_cpu_set_parse(text, &count);
    if (is_list != (examples[i].count >= 0))
      fail_msg("\"%s\" is %s list of CPUs", examples[i].text, is_list ? "a" : "no");
    assert_int_equal(count, is_list ? examples[i].count : 77);
  }
}

/* ---- One file ---- */

struct result {
  struct mw_figures figures;
  struct mw_cgroup_sample sample;
  struct mw_error err;
  int problems;
};

static const struct mw_figure_file *file_named(int version, const char *name)
{
  for (size_t i = 0; i < mw_figure_files_count; i++)
    if (mw_figure_files[i].version == version && strcmp(mw_figure_files[i].name, name) == 0)
      return &mw_figure_files[i];
  fail_msg("no file %s", name);
  return NULL;
}

/* The text is copied to memory of just its size, so that the checkers see every byte past it. */
static void parse(struct result *result, int version, const char *name, const char *text)
{
  size_t len_bytes = strlen(text);
  char *copy = malloc(len_bytes + 1); /* one more: to ask for 0 is to ask for anything */

  assert_non_null(copy);
  memcpy(copy + 1, text, len_bytes);
  mw_cgroup_sample_deinit(&result->sample);
  *result = (struct result){0};
  result->problems =
      mw_figure_file_parse(file_named(version, name), (struct mw_slice){copy + 1, len_bytes},
                           &result->figures, &result->sample, &result->err);
  free(copy);
}

static void expect_figure(const struct result *result, enum mw_figure figure, uint64_t expected)
{
  uint64_t value;

  if (!mw_figures_get(&result->figures, figure, &value))
    fail_msg("%s is absent (%s)", mw_figure_info(figure)->name, result->err.text);
  assert_int_equal(value, expected);
}

#define EXPECT_ABSENT(result, figure) assert_false((result).figures.present >> (figure)&1)

/* One figure of one file: { version, file, text, figure, value, what is wrong }. */
#define ABSENT UINT64_MAX
#define SOME "some avg10=0.00 avg60=1.50 avg300=0.00 total="
#define FULL "full avg10=0.00 avg60=0.00 avg300=0.00 total="
static void reads_one_figure_or_says_what_is_wrong(void **state)
{
  static const struct {
    int version;
    const char *name, *text;
    enum mw_figure figure;
    uint64_t value;
    const char *problem;
  } examples[] = {
      /* one number */
      {2, "memory.current", "6193152\n", MW_MEMORY_USAGE_BYTES, 6193152, NULL},
      {2, "memory.current", "0\n", MW_MEMORY_USAGE_BYTES, 0, NULL},
      {2, "memory.current", "5\r\n", MW_MEMORY_USAGE_BYTES, 5, NULL},
      {2, "memory.current", "18446744073709551614\n", MW_MEMORY_USAGE_BYTES, UINT64_MAX - 1, NULL},
      {2, "memory.current", "max\n", MW_MEMORY_USAGE_BYTES, ABSENT, NULL},
      {2, "memory.current", "", MW_MEMORY_USAGE_BYTES, ABSENT, "is empty"},
      {2, "memory.current", "\n", MW_MEMORY_USAGE_BYTES, ABSENT, "is not a number"},
      {2, "memory.current", " 5\n", MW_MEMORY_USAGE_BYTES, ABSENT, "is not a number"},
      {2, "memory.current", "5 \n", MW_MEMORY_USAGE_BYTES, ABSENT, "is not a number"},
      {2, "memory.current", "+5\n", MW_MEMORY_USAGE_BYTES, ABSENT, "is not a number"},
      {2, "memory.current", "0x5\n", MW_MEMORY_USAGE_BYTES, ABSENT, "is not a number"},
      {2, "memory.current", "-5\n", MW_MEMORY_USAGE_BYTES, ABSENT, "is not a number"},
      {2, "memory.current", "18446744073709551616\n", MW_MEMORY_USAGE_BYTES, ABSENT,
       "is not a number"},
      {2, "memory.current", "123", MW_MEMORY_USAGE_BYTES, ABSENT, "is cut"},
      {2, "memory.current", "5\n5\n", MW_MEMORY_USAGE_BYTES, 5, "has more than one line"},

      /* limits and what means none */
      {2, "memory.max", "67108864\n", MW_MEMORY_LIMIT_BYTES, 67108864, NULL},
      {2, "memory.max", "max\n", MW_MEMORY_LIMIT_BYTES, ABSENT, NULL},
      {2, "memory.max", "0\n", MW_MEMORY_LIMIT_BYTES, ABSENT, NULL},
      {2, "memory.min", "0\n", MW_MEMORY_MIN_BYTES, ABSENT, NULL},
      {2, "memory.low", "0\n", MW_MEMORY_LOW_BYTES, ABSENT, NULL},
      {2, "memory.high", "max\n", MW_MEMORY_HIGH_BYTES, ABSENT, NULL},
      {2, "memory.high", "4096\n", MW_MEMORY_HIGH_BYTES, 4096, NULL},
      {2, "memory.peak", "7000000\n", MW_MEMORY_PEAK_BYTES, 7000000, NULL},
      {2, "memory.peak", "0\n", MW_MEMORY_PEAK_BYTES, ABSENT, NULL},
      {1, "memory.max_usage_in_bytes", "400000000\n", MW_MEMORY_PEAK_BYTES, 400000000, NULL},
      {1, "memory.soft_limit_in_bytes", "9223372036854771712\n", MW_MEMORY_LOW_BYTES, ABSENT, NULL},
      {1, "memory.soft_limit_in_bytes", "9223372036854710272\n", MW_MEMORY_LOW_BYTES, ABSENT, NULL},
      {1, "memory.soft_limit_in_bytes", "9223372035781033984\n", MW_MEMORY_LOW_BYTES, ABSENT, NULL},
      {1, "memory.soft_limit_in_bytes", "9223372035781033983\n", MW_MEMORY_LOW_BYTES,
       UINT64_C(9223372035781033983), NULL},
      {2, "memory.swap.max", "0\n", MW_MEMORY_SWAP_LIMIT_BYTES, ABSENT, NULL},
      {2, "hugetlb.2MB.max", "0\n", MW_HUGETLB_2MB_LIMIT_BYTES, 0, NULL},
      {1, "memory.stat", "hierarchical_memory_limit 9223372036854771712\n", MW_MEMORY_LIMIT_BYTES,
       ABSENT, NULL},
      {1, "memory.stat", "total_rss 9223372036854775808\n", MW_MEMORY_RSS_BYTES, ABSENT, NULL},
      {1, "pids.max", "max\n", MW_PIDS_LIMIT, ABSENT, NULL},
      {1, "pids.max", "42\n", MW_PIDS_LIMIT, 42, NULL},
      {2, "pids.current", "12\n", MW_PIDS_CURRENT, 12, NULL},

      /* scales */
      {1, "cpu.cfs_period_us", "100000\n", MW_CPU_PERIOD_NS, 100000000, NULL},
      {1, "cpu.cfs_period_us", "", MW_CPU_PERIOD_NS, ABSENT, NULL},
      {1, "cpu.cfs_quota_us", "", MW_CPU_QUOTA_NS, ABSENT, NULL},
      {1, "cpu.cfs_quota_us", "50000\n", MW_CPU_QUOTA_NS, 50000000, NULL},
      {1, "cpu.cfs_quota_us", "-1\n", MW_CPU_QUOTA_NS, ABSENT, NULL},
      {1, "cpu.cfs_quota_us", "-2\n", MW_CPU_QUOTA_NS, ABSENT, "is not a number"},
      {1, "cpu.cfs_period_us", "-1\n", MW_CPU_PERIOD_NS, ABSENT, "is not a number"},
      {1, "cpuacct.stat", "user 8718602\nsystem 1439790\n", MW_CPU_USER_NS, 87186020000000, NULL},
      {1, "cpuacct.stat", "user 18446744073709551615\n", MW_CPU_USER_NS, ABSENT, "out of range"},
      {1, "cpuacct.usage", "115456978426898\n", MW_CPU_TOTAL_NS, 115456978426898, NULL},
      {1, "cpu.shares", "200\n", MW_CPU_SHARES, 200, NULL},
      {2, "cpu.weight", "16\n", MW_CPU_WEIGHT, 16, NULL},

      /* quota and period in one */
      {2, "cpu.max", "40000 100000\n", MW_CPU_QUOTA_NS, 40000000, NULL},
      {2, "cpu.max", "40000 100000\n", MW_CPU_PERIOD_NS, 100000000, NULL},
      {2, "cpu.max", "max 100000\n", MW_CPU_QUOTA_NS, ABSENT, NULL},
      {2, "cpu.max", "max 100000\n", MW_CPU_PERIOD_NS, 100000000, NULL},
      {2, "cpu.max", "40000\n", MW_CPU_QUOTA_NS, ABSENT, NULL},
      {2, "cpu.max", "max\n", MW_CPU_QUOTA_NS, ABSENT, NULL},
      {2, "cpu.max", "\xff\n", MW_CPU_QUOTA_NS, ABSENT, "is not a quota and a period"},
      {2, "cpu.max", "\n", MW_CPU_QUOTA_NS, ABSENT, "is not a quota and a period"},
      {2, "cpu.max", "40000 x\n", MW_CPU_QUOTA_NS, ABSENT, "period that is not a number"},
      {2, "cpu.max", "40000 0\n", MW_CPU_PERIOD_NS, ABSENT, "period that is not a number"},
      {2, "cpu.max", "x 100000\n", MW_CPU_QUOTA_NS, ABSENT, "quota that is not a number"},
      {2, "cpu.max", "x 100000\n", MW_CPU_PERIOD_NS, 100000000, "quota that is not a number"},
      {2, "cpu.max", "-1 100000\n", MW_CPU_QUOTA_NS, ABSENT, "quota that is not a number"},
      {2, "cpu.max", "", MW_CPU_QUOTA_NS, ABSENT, "is empty"},
      {2, "cpu.max", "40000 1000", MW_CPU_QUOTA_NS, ABSENT, "is cut"},
      {2, "cpu.max", "1 2\n1 2\n", MW_CPU_QUOTA_NS, 1000, "has more than one line"},

      /* lines of key and number */
      {2, "cpu.stat", "nr_periods 1\nusage_usec 5\nother x\n\nalone\n", MW_CPU_TOTAL_NS, 5000,
       NULL},
      {2, "cpu.stat", "usage_usec 5\nuser_usec x\n", MW_CPU_TOTAL_NS, 5000, "is not a number"},
      {2, "cpu.stat", "usage_usec 5\nuser_usec x\n", MW_CPU_USER_NS, ABSENT, "is not a number"},
      {2, "cpu.stat", "usage_usec -5\n", MW_CPU_TOTAL_NS, ABSENT, "is not a number"},
      {2, "cpu.stat", "usage_usec  5\n", MW_CPU_TOTAL_NS, ABSENT, "is not a number"},
      {2, "cpu.stat", "usage_usec 5 6\n", MW_CPU_TOTAL_NS, ABSENT, "is not a number"},
      {2, "cpu.stat", "usage_usec \n", MW_CPU_TOTAL_NS, ABSENT, "is not a number"},
      {2, "cpu.stat", "usage_usec 5\nusage_usec 6\n", MW_CPU_TOTAL_NS, 5000, "has a key twice"},
      {2, "cpu.stat", "usage_usec 5\nuser_usec 12", MW_CPU_TOTAL_NS, 5000, "is cut"},
      {2, "cpu.stat", "usage_usec 5\nuser_usec 12", MW_CPU_USER_NS, ABSENT, "is cut"},
      {2, "cpu.stat", "", MW_CPU_TOTAL_NS, ABSENT, "is empty"},
      {2, "cpu.stat", "\xff\xfe\x01\n", MW_CPU_TOTAL_NS, ABSENT, "has none of the keys"},
      {2, "memory.stat", "anon 3108864\nanon_thp 2097152\n", MW_MEMORY_RSS_BYTES, 3108864, NULL},
      {2, "memory.stat", "anon 3108864\nanon_thp 2097152\n", MW_MEMORY_RSS_HUGE_BYTES, 2097152,
       NULL},
      {1, "memory.stat", "cache 1\ntotal_cache 2\n", MW_MEMORY_CACHE_BYTES, 2, NULL},

      {2, "memory.events", "max 1\noom 3\noom_kill 2\noom_group_kill 9\n",
       MW_MEMORY_OOM_KILLS_TOTAL, 2, NULL},
      {2, "memory.events", "low 0\nhigh 0\n", MW_MEMORY_OOM_KILLS_TOTAL, ABSENT,
       "has none of the keys"},
      {1, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
       MW_MEMORY_OOM_KILLS_TOTAL, 4, NULL},
      /* before Linux 4.13 */
      {1, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n", MW_MEMORY_OOM_KILLS_TOTAL,
       ABSENT, NULL},
      {1, "memory.oom_control", "\xff\n", MW_MEMORY_OOM_KILLS_TOTAL, ABSENT,
       "has none of the keys"},

      /* pressure, in us */
      {2, "io.pressure", SOME "7\n" FULL "5\n", MW_IO_PRESSURE_SOME_NS, 7000, NULL},
      {2, "io.pressure", SOME "7\n" FULL "5\n", MW_IO_PRESSURE_FULL_NS, 5000, NULL},
      {2, "memory.pressure", SOME "7\n" FULL "5\n", MW_MEMORY_PRESSURE_FULL_NS, 5000, NULL},
      {2, "cpu.pressure", SOME "7\n" FULL "5\n", MW_CPU_PRESSURE_FULL_NS, 5000, NULL},
      {2, "cpu.pressure", SOME "7\n", MW_CPU_PRESSURE_SOME_NS, 7000, NULL},
      {2, "cpu.pressure", SOME "7\n", MW_CPU_PRESSURE_FULL_NS, ABSENT, NULL},
      {2, "cpu.pressure", FULL "5\n", MW_CPU_PRESSURE_SOME_NS, ABSENT, NULL},
      {2, "cpu.pressure", "irq total=1\n" SOME "7\n", MW_CPU_PRESSURE_SOME_NS, 7000, NULL},
      {2, "cpu.pressure", "some total=7\n", MW_CPU_PRESSURE_SOME_NS, 7000, NULL},
      {2, "cpu.pressure", "some.total total=7\n", MW_CPU_PRESSURE_SOME_NS, ABSENT,
       "has no line of pressure"},
      {2, "cpu.pressure", "so total=7\n", MW_CPU_PRESSURE_SOME_NS, ABSENT,
       "has no line of pressure"},
      {2, "cpu.pressure", "\n", MW_CPU_PRESSURE_SOME_NS, ABSENT, "has no line of pressure"},
      {2, "cpu.pressure", "", MW_CPU_PRESSURE_SOME_NS, ABSENT, "is empty"},
      {2, "cpu.pressure", "some avg10=0.00\n", MW_CPU_PRESSURE_SOME_NS, ABSENT,
       "has a line without a total"},
      {2, "cpu.pressure", SOME "\n", MW_CPU_PRESSURE_SOME_NS, ABSENT, "has a line without a total"},
      {2, "cpu.pressure", SOME "-7\n", MW_CPU_PRESSURE_SOME_NS, ABSENT,
       "has a line without a total"},
      {2, "cpu.pressure", SOME "18446744073709551615\n", MW_CPU_PRESSURE_SOME_NS, ABSENT,
       "out of range"},
      {2, "cpu.pressure", SOME "7\n" SOME "8\n", MW_CPU_PRESSURE_SOME_NS, 7000, "has a line twice"},
      {2, "cpu.pressure", SOME "7\n" FULL "12", MW_CPU_PRESSURE_SOME_NS, 7000, "is cut"},
      {2, "cpu.pressure", SOME "7\n" FULL "12", MW_CPU_PRESSURE_FULL_NS, ABSENT, "is cut"},

      /* CPUs */
      {1, "cpuset.cpus", "0-7\n", MW_CPU_SET_CPUS, 8, NULL},
      {1, "cpuset.cpus", "\n", MW_CPU_SET_CPUS, ABSENT, NULL},
      {1, "cpuset.cpus", "", MW_CPU_SET_CPUS, ABSENT, NULL},
      {1, "cpuset.cpus", "0-1", MW_CPU_SET_CPUS, ABSENT, "is cut"},
      {1, "cpuset.cpus", "1", MW_CPU_SET_CPUS, ABSENT, "is cut"},
      {2, "cpuset.cpus.effective", "5\n", MW_CPU_SET_CPUS, 1, NULL},
      {2, "cpuset.cpus.effective", "a-3\n", MW_CPU_SET_CPUS, ABSENT, "is not a list of CPUs"},
  };
  struct result result = {0};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    parse(&result, examples[i].version, examples[i].name, examples[i].text);
    uint64_t value = ABSENT;
    mw_figures_get(&result.figures, examples[i].figure, &value);
    bool told = examples[i].problem ? strstr(result.err.text, examples[i].problem) != NULL
                                    : result.problems == 0;
    if (value != examples[i].value || !told)
      fail_msg("%s of \"%s\": %llu, \"%s\"", examples[i].name, examples[i].text,
               (unsigned long long)value, result.err.text);
    if (examples[i].problem)
      assert_int_equal(result.err.code, EBADMSG);
  }
  mw_cgroup_sample_deinit(&result.sample);
}

/* ---- Devices ---- */

/* The four totals, read bytes first; as text, since each may be absent: "- 5 - 0". */
static const char *totals_of(const struct result *result)
{
  static char text[128];
  size_t used = 0;

  for (int i = MW_IO_READ_BYTES; i <= MW_IO_WRITE_OPERATIONS_TOTAL; i++) {
    uint64_t value;
    if (mw_figures_get(&result->figures, (enum mw_figure)i, &value))
      used += (size_t)snprintf(text + used, sizeof text - used, "%llu ", (unsigned long long)value);
    else
      used += (size_t)snprintf(text + used, sizeof text - used, "- ");
  }
  return text;
}

static void adds_up_the_devices(void **state)
{
  static const struct {
    int version;
    const char *name, *text, *totals;
    size_t devices;
    const char *problem;
  } examples[] = {
#define BYTES 1, "blkio.throttle.io_service_bytes"
#define STAT 2, "io.stat"
      {BYTES,
       "8:16 Read 5\n8:16 Write 6\n8:16 Sync 9\n8:16 Total 11\n8:0 Read 1\n8:0 Write 2\nTotal 3\n",
       "6 8 - - ", 2, NULL},
      {BYTES, "Total 0\n", "0 0 - - ", 0, NULL},
      {BYTES, "", "- - - - ", 0, NULL},
      {BYTES, "xyz\n", "- - - - ", 0, "has a line that is not"},
      {BYTES, "\xff \xfe \x01\n", "- - - - ", 0, "has a line that is not"},
      {BYTES, "8:0 Read -5\n8:0 Write 1\n", "- - - - ", 1, "has a line that is not"},
      {BYTES, "8-0 Read 5\n", "- - - - ", 0, "has a line that is not"},
      {BYTES, "8:0 Read 5\n8:0 Write 6\n8:0 Read 7\n", "5 6 - - ", 1, "has a device twice"},
      {BYTES, "8:0 Read 5\n8:0 Write 6", "- - - - ", 1, "is cut"},
      {BYTES, "8:0 Read 18446744073709551615\n8:1 Read 1\n8:0 Write 2\n", "- 2 - - ", 2,
       "has a sum out of range"},
      {BYTES, "\n8:0 Read 5\n8:0 Write 6\n\n", "5 6 - - ", 1, NULL},
      {BYTES, "(unknown) Read 2\n(unknown) Write 3\n8:0 Read 5\n8:0 Write 6\n", "7 9 - - ", 1,
       NULL},
      {1, "blkio.throttle.io_serviced", "259:0 Read 38\n259:0 Write 27528\n", "- - 38 27528 ", 1,
       NULL},

      {STAT,
       "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:1 rbytes=10 wbytes=20 rios=30 "
       "wios=40\n",
       "11 22 33 44 ", 2, NULL},
      {STAT, "", "- - - - ", 0, NULL},
      {STAT, "\n\n", "- - - - ", 0, NULL},
      {STAT, "8:0 wbytes=2\n", "- 2 - - ", 1, NULL},
      {STAT, "8:0 dbytes=2\n", "- - - - ", 0, NULL},
      {STAT, "8:0 rbytes=x wbytes=2 rios=3 wios=4\n", "- 2 3 4 ", 1, "is not a number"},
      {STAT, "8:0 rbytes=-1 wbytes=2\n8:1 rbytes=3 wbytes=4\n", "- 6 - - ", 2, "is not a number"},
      {STAT, "8:0 rbytes=1 wbytes\n", "- - - - ", 1, "has a part that is not key=number"},
      {STAT, "disk rbytes=1\n8:1 rbytes=2\n", "- - - - ", 1, "does not start with major:minor"},
      {STAT, "8:0 rbytes=5\n8:0 rbytes=5\n", "5 - - - ", 1, "has a device twice"},
      {STAT, "8:0 rbytes=5\n8:1 rbytes=", "- - - - ", 1, "is cut"},
      {STAT, "8:0 rbytes=5\n7:1", "- - - - ", 1, "is cut"},
      {STAT, "8:0 rbytes= wbytes=2\n", "- 2 - - ", 1, "is not a number"},
      {STAT, "4294967296:0 rbytes=5\n", "- - - - ", 0, "does not start with major:minor"},
      {STAT, "8:0 rbytes=18446744073709551615\n8:1 rbytes=1 wbytes=1\n", "- 1 - - ", 2,
       "has a sum out of range"},
      /* Linux 5.15: no LF behind devices without figures */
      {STAT, "7:7 7:6 8:0 rbytes=5 wbytes=6\n7:3 rbytes=1 wbytes=1\n7:1 7:0 ", "6 7 - - ", 2, NULL},
      {STAT, "7:1 ", "- - - - ", 0, NULL},
      {STAT, "8:0 rbytes=5 ", "- - - - ", 0, "is cut"},

      {2, "io.max", "8:16 rbps=2097152 wbps=max riops=max wiops=120\n", "- - - - ", 1, NULL},
      {2, "io.max", "8:16 rbps=x\n", "- - - - ", 0, "is not a number"},
  };
  struct result result = {0};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    parse(&result, examples[i].version, examples[i].name, examples[i].text);
    bool told = examples[i].problem ? strstr(result.err.text, examples[i].problem) != NULL
                                    : result.problems == 0;
    if (strcmp(totals_of(&result), examples[i].totals) != 0 || !told ||
        result.sample.devices_count != examples[i].devices)
      fail_msg("\"%s\": totals %s, %zu devices, \"%s\"", examples[i].text, totals_of(&result),
               result.sample.devices_count, result.err.text);
  }
  mw_cgroup_sample_deinit(&result.sample);
}

static void gives_figures_to_the_device_before_them(void **state)
{
  struct result result = {0};

  (void)state;
  parse(&result, 2, "io.stat", "7:6 8:16 rbytes=5\n");
  assert_int_equal(result.sample.devices_count, 1);
  assert_int_equal(result.sample.devices[0].major, 8);
  assert_int_equal(result.sample.devices[0].minor, 16);
  assert_int_equal(result.sample.devices[0].present, 1 << MW_IO_DEVICE_READ_BYTES);
  assert_int_equal(result.sample.devices[0].values[MW_IO_DEVICE_READ_BYTES], 5);
  mw_cgroup_sample_deinit(&result.sample);
}

static void believes_in_no_more_devices_than_a_host_can_have(void **state)
{
  struct result result = {0};
  char *text = NULL;
  size_t len_bytes;

  (void)state;
  FILE *file = open_memstream(&text, &len_bytes);
  for (int i = 2 * MW_IO_DEVICES_MAX; i > 0; i--)
    fprintf(file, "%d:0 rbytes=1\n", i);
  fclose(file);
  parse(&result, 2, "io.stat", text);
  free(text);
  assert_int_equal(result.sample.devices_count, MW_IO_DEVICES_MAX);
  assert_int_equal(result.problems, MW_IO_DEVICES_MAX);
  assert_non_null(strstr(result.err.text, "has more devices than there is room for"));
  expect_figure(&result, MW_IO_READ_BYTES, 2 * MW_IO_DEVICES_MAX);
  mw_cgroup_sample_deinit(&result.sample);
}

/* ---- The vectors of version 1 and 2 ---- */

static void reads_the_cpu_time_of_both_versions(void **state)
{
  struct result result = {0};

  (void)state;
  parse(&result, 2, "cpu.stat",
        "usage_usec 5616647428\nuser_usec 3569637760\nsystem_usec 2047009667\nnr_periods 421\n"
        "nr_throttled 7\nthrottled_usec 12\n");
  expect_figure(&result, MW_CPU_TOTAL_NS, 5616647428000);
  expect_figure(&result, MW_CPU_USER_NS, 3569637760000);
  expect_figure(&result, MW_CPU_SYSTEM_NS, 2047009667000);
  expect_figure(&result, MW_CPU_PERIODS_TOTAL, 421);
  expect_figure(&result, MW_CPU_THROTTLED_PERIODS_TOTAL, 7);
  expect_figure(&result, MW_CPU_THROTTLED_NS, 12000);

  parse(&result, 1, "cpu.stat", "nr_periods 421\nnr_throttled 7\nthrottled_time 12\n");
  expect_figure(&result, MW_CPU_THROTTLED_NS, 12);
  EXPECT_ABSENT(result, MW_CPU_TOTAL_NS);
  mw_cgroup_sample_deinit(&result.sample);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_the_cpus_of_a_list),
      cmocka_unit_test(reads_one_figure_or_says_what_is_wrong),
      cmocka_unit_test(adds_up_the_devices),
      cmocka_unit_test(gives_figures_to_the_device_before_them),
      cmocka_unit_test(believes_in_no_more_devices_than_a_host_can_have),
      cmocka_unit_test(reads_the_cpu_time_of_both_versions),
  };

  return cmocka_run_group_tests_name("core/cgroup/parse", tests, NULL, NULL);
}
