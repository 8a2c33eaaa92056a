#include "cgroup/figures.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct mw_figure_info infos[MW_FIGURE_COUNT] = {
    [MW_CPU_TOTAL_NS] = {"cpu_total_ns", "ns", "CPU time used, user and system"},
    [MW_CPU_USER_NS] = {"cpu_user_ns", "ns", "CPU time used in user mode"},
    [MW_CPU_SYSTEM_NS] = {"cpu_system_ns", "ns", "CPU time used by the kernel for the container"},
    [MW_CPU_PERIODS_TOTAL] = {"cpu_periods_total", "count", "periods of the CPU quota that passed"},
    [MW_CPU_THROTTLED_PERIODS_TOTAL] = {"cpu_throttled_periods_total", "count",
                                        "periods in which the quota ran out"},
    [MW_CPU_THROTTLED_NS] = {"cpu_throttled_ns", "ns", "time spent waiting for new quota"},
    [MW_CPU_SHARES] = {"cpu_shares", "count", "relative weight, 1024 by default (version 1)"},
    [MW_CPU_WEIGHT] = {"cpu_weight", "count", "relative weight, 100 by default (version 2)"},
    [MW_CPU_QUOTA_NS] = {"cpu_quota_ns", "ns", "CPU time allowed in a period; absent: no quota"},
    [MW_CPU_PERIOD_NS] = {"cpu_period_ns", "ns", "length of a period of the quota"},
    [MW_CPU_SET_CPUS] = {"cpu_set_cpus", "count", "CPUs that the container may run on"},
    [MW_CPU_PRESSURE_SOME_NS] = {"cpu_pressure_some_ns", "ns",
                                 "time in which some task waited for a CPU (version 2)"},
    [MW_CPU_PRESSURE_FULL_NS] = {"cpu_pressure_full_ns", "ns",
                                 "time in which all tasks waited for a CPU (version 2)"},
    [MW_MEMORY_USAGE_BYTES] = {"memory_usage_bytes", "bytes",
                               "memory charged, page cache included"},
    [MW_MEMORY_WORKING_SET_BYTES] = {"memory_working_set_bytes", "bytes",
                                     "usage less inactive page cache"},
    [MW_MEMORY_RSS_BYTES] = {"memory_rss_bytes", "bytes", "anonymous memory"},
    [MW_MEMORY_RSS_HUGE_BYTES] = {"memory_rss_huge_bytes", "bytes",
                                  "anonymous memory in transparent huge pages"},
    [MW_MEMORY_CACHE_BYTES] = {"memory_cache_bytes", "bytes", "page cache"},
    [MW_MEMORY_MAPPED_FILE_BYTES] = {"memory_mapped_file_bytes", "bytes",
                                     "page cache that is mapped"},
    [MW_MEMORY_INACTIVE_ANON_BYTES] = {"memory_inactive_anon_bytes", "bytes",
                                       "anonymous memory on the inactive list"},
    [MW_MEMORY_ACTIVE_ANON_BYTES] = {"memory_active_anon_bytes", "bytes",
                                     "anonymous memory on the active list"},
    [MW_MEMORY_INACTIVE_FILE_BYTES] = {"memory_inactive_file_bytes", "bytes",
                                       "page cache on the inactive list"},
    [MW_MEMORY_ACTIVE_FILE_BYTES] = {"memory_active_file_bytes", "bytes",
                                     "page cache on the active list"},
    [MW_MEMORY_UNEVICTABLE_BYTES] = {"memory_unevictable_bytes", "bytes",
                                     "memory that cannot be reclaimed"},
    [MW_MEMORY_PAGES_IN_TOTAL] = {"memory_pages_in_total", "count", "pages charged (version 1)"},
    [MW_MEMORY_PAGES_OUT_TOTAL] = {"memory_pages_out_total", "count",
                                   "pages uncharged (version 1)"},
    [MW_MEMORY_PAGE_FAULTS_TOTAL] = {"memory_page_faults_total", "count", "page faults"},
    [MW_MEMORY_MAJOR_PAGE_FAULTS_TOTAL] = {"memory_major_page_faults_total", "count",
                                           "page faults that waited for a disk"},
    [MW_MEMORY_LIMIT_BYTES] = {"memory_limit_bytes", "bytes", "limit; absent: none"},
    [MW_MEMORY_LOW_BYTES] = {"memory_low_bytes", "bytes",
                             "soft limit (version 1) or protected memory, best effort (version 2)"},
    [MW_MEMORY_MIN_BYTES] = {"memory_min_bytes", "bytes", "memory that is never reclaimed"},
    [MW_MEMORY_HIGH_BYTES] = {"memory_high_bytes", "bytes", "usage above which it is throttled"},
    [MW_MEMORY_PEAK_BYTES] = {"memory_peak_bytes", "bytes", "most memory ever charged"},
    [MW_MEMORY_SWAP_BYTES] = {"memory_swap_bytes", "bytes", "memory in swap"},
    [MW_MEMORY_KERNEL_BYTES] = {"memory_kernel_bytes", "bytes",
                                "kernel memory; in version 2 stacks and slab"},
    [MW_MEMORY_KERNEL_STACK_BYTES] = {"memory_kernel_stack_bytes", "bytes",
                                      "kernel stacks of tasks (version 2)"},
    [MW_MEMORY_SLAB_BYTES] = {"memory_slab_bytes", "bytes",
                              "data structures of the kernel (version 2)"},
    [MW_MEMORY_SWAP_LIMIT_BYTES] = {"memory_swap_limit_bytes", "bytes",
                                    "limit of swap alone (version 2); absent: none"},
    [MW_MEMORY_AND_SWAP_LIMIT_BYTES] = {"memory_and_swap_limit_bytes", "bytes",
                                        "limit of memory and swap together (version 1); absent: "
                                        "none"},
    [MW_MEMORY_SWAP_HIGH_BYTES] = {"memory_swap_high_bytes", "bytes",
                                   "swap above which it is throttled (version 2)"},
    [MW_MEMORY_LIMIT_HITS_TOTAL] = {"memory_limit_hits_total", "count",
                                    "times that usage was about to go over the limit"},
    [MW_MEMORY_OOM_EVENTS_TOTAL] = {"memory_oom_events_total", "count",
                                    "times that the limit was reached and nothing could be "
                                    "reclaimed (version 2)"},
    [MW_MEMORY_OOM_KILLS_TOTAL] = {"memory_oom_kills_total", "count",
                                   "processes that the out-of-memory killer ended; in version 1 "
                                   "without those in sub-cgroups"},
    [MW_POD_OOM_EVENTS_TOTAL] = {"pod_oom_events_total", "count",
                                 "memory_oom_events_total of the whole pod (version 2)"},
    [MW_POD_OOM_KILLS_TOTAL] = {"pod_oom_kills_total", "count",
                                "memory_oom_kills_total of the whole pod, with containers that are "
                                "gone"},
    [MW_MEMORY_PRESSURE_SOME_NS] = {"memory_pressure_some_ns", "ns",
                                    "time in which some task waited for memory (version 2)"},
    [MW_MEMORY_PRESSURE_FULL_NS] = {"memory_pressure_full_ns", "ns",
                                    "time in which all tasks waited for memory (version 2)"},
    [MW_HUGETLB_2MB_USAGE_BYTES] = {"hugetlb_2mb_usage_bytes", "bytes",
                                    "huge pages of 2 MiB in use"},
    [MW_HUGETLB_2MB_LIMIT_BYTES] = {"hugetlb_2mb_limit_bytes", "bytes",
                                    "limit of huge pages of 2 MiB; absent: none"},
    [MW_HUGETLB_1GB_USAGE_BYTES] = {"hugetlb_1gb_usage_bytes", "bytes",
                                    "huge pages of 1 GiB in use"},
    [MW_HUGETLB_1GB_LIMIT_BYTES] = {"hugetlb_1gb_limit_bytes", "bytes",
                                    "limit of huge pages of 1 GiB; absent: none"},
    [MW_IO_READ_BYTES] = {"io_read_bytes", "bytes", "read from block devices"},
    [MW_IO_WRITE_BYTES] = {"io_write_bytes", "bytes", "written to block devices"},
    [MW_IO_READ_OPERATIONS_TOTAL] = {"io_read_operations_total", "count",
                                     "read operations on block devices"},
    [MW_IO_WRITE_OPERATIONS_TOTAL] = {"io_write_operations_total", "count",
                                      "write operations on block devices"},
    [MW_IO_PRESSURE_SOME_NS] = {"io_pressure_some_ns", "ns",
                                "time in which some task waited for a block device (version 2)"},
    [MW_IO_PRESSURE_FULL_NS] = {"io_pressure_full_ns", "ns",
                                "time in which all tasks waited for a block device (version 2)"},
    [MW_PIDS_CURRENT] = {"pids_current", "count", "processes and threads"},
    [MW_PIDS_LIMIT] = {"pids_limit", "count", "limit of processes and threads; absent: none"},
};

/* ---- Version 1. Its CPU ticks are 10 ms (USER_HZ is 100 on every architecture that runs
 * containers); of memory.stat the total_ keys count, which include sub-cgroups. ---- */

#define KEY(text) text, sizeof(text) - 1
#define NO_KEY NULL, 0

static const struct mw_figure_row v1_cpuacct_usage[] = {{MW_CPU_TOTAL_NS, NO_KEY, 1, 0}};
static const struct mw_figure_row v1_cpuacct_stat[] = {
    {MW_CPU_USER_NS, KEY("user"), 10000000, 0},
    {MW_CPU_SYSTEM_NS, KEY("system"), 10000000, 0},
};
static const struct mw_figure_row v1_cpu_stat[] = {
    {MW_CPU_PERIODS_TOTAL, KEY("nr_periods"), 1, 0},
    {MW_CPU_THROTTLED_PERIODS_TOTAL, KEY("nr_throttled"), 1, 0},
    {MW_CPU_THROTTLED_NS, KEY("throttled_time"), 1, 0},
};
static const struct mw_figure_row v1_cpu_shares[] = {{MW_CPU_SHARES, NO_KEY, 1, 0}};
static const struct mw_figure_row v1_cpu_quota[] = {{MW_CPU_QUOTA_NS, NO_KEY, 1000, 0}};
static const struct mw_figure_row v1_cpu_period[] = {{MW_CPU_PERIOD_NS, NO_KEY, 1000, 0}};
static const struct mw_figure_row v1_cpuset[] = {{MW_CPU_SET_CPUS, NO_KEY, 1, 0}};
static const struct mw_figure_row v1_memory_usage[] = {{MW_MEMORY_USAGE_BYTES, NO_KEY, 1, 0}};
static const struct mw_figure_row v1_memory_stat[] = {
    {MW_MEMORY_LIMIT_BYTES, KEY("hierarchical_memory_limit"), 1, MW_ABSENT_UNLIMITED},
    {MW_MEMORY_AND_SWAP_LIMIT_BYTES, KEY("hierarchical_memsw_limit"), 1, MW_ABSENT_UNLIMITED},
    {MW_MEMORY_CACHE_BYTES, KEY("total_cache"), 1, 0},
    {MW_MEMORY_RSS_BYTES, KEY("total_rss"), 1, MW_ABSENT_UNLIMITED},
    {MW_MEMORY_RSS_HUGE_BYTES, KEY("total_rss_huge"), 1, 0},
    {MW_MEMORY_MAPPED_FILE_BYTES, KEY("total_mapped_file"), 1, 0},
    {MW_MEMORY_SWAP_BYTES, KEY("total_swap"), 1, 0},
    {MW_MEMORY_PAGES_IN_TOTAL, KEY("total_pgpgin"), 1, 0},
    {MW_MEMORY_PAGES_OUT_TOTAL, KEY("total_pgpgout"), 1, 0},
    {MW_MEMORY_PAGE_FAULTS_TOTAL, KEY("total_pgfault"), 1, 0},
    {MW_MEMORY_MAJOR_PAGE_FAULTS_TOTAL, KEY("total_pgmajfault"), 1, 0},
    {MW_MEMORY_INACTIVE_ANON_BYTES, KEY("total_inactive_anon"), 1, 0},
    {MW_MEMORY_ACTIVE_ANON_BYTES, KEY("total_active_anon"), 1, 0},
    {MW_MEMORY_INACTIVE_FILE_BYTES, KEY("total_inactive_file"), 1, 0},
    {MW_MEMORY_ACTIVE_FILE_BYTES, KEY("total_active_file"), 1, 0},
    {MW_MEMORY_UNEVICTABLE_BYTES, KEY("total_unevictable"), 1, 0},
};
static const struct mw_figure_row v1_memory_soft_limit[] = {
    {MW_MEMORY_LOW_BYTES, NO_KEY, 1, MW_ABSENT_UNLIMITED}};
static const struct mw_figure_row v1_memory_peak[] = {{MW_MEMORY_PEAK_BYTES, NO_KEY, 1, 0}};
static const struct mw_figure_row v1_memory_kernel[] = {{MW_MEMORY_KERNEL_BYTES, NO_KEY, 1, 0}};
static const struct mw_figure_row v1_memory_hits[] = {{MW_MEMORY_LIMIT_HITS_TOTAL, NO_KEY, 1, 0}};
static const struct mw_figure_row v1_memory_oom[] = {
    {MW_MEMORY_OOM_KILLS_TOTAL, KEY("oom_kill"), 1, 0}}; /* since Linux 4.13 */
static const struct mw_figure_row v1_pod_oom[] = {{MW_POD_OOM_KILLS_TOTAL, KEY("oom_kill"), 1, 0}};
static const struct mw_figure_row v1_hugetlb_2mb_limit[] = {
    {MW_HUGETLB_2MB_LIMIT_BYTES, NO_KEY, 1, MW_ABSENT_UNLIMITED}};
static const struct mw_figure_row v1_hugetlb_1gb_limit[] = {
    {MW_HUGETLB_1GB_LIMIT_BYTES, NO_KEY, 1, MW_ABSENT_UNLIMITED}};
static const struct mw_figure_row v1_io_bytes[] = {
    {MW_IO_READ_BYTES, KEY("Read"), 1, 0},
    {MW_IO_WRITE_BYTES, KEY("Write"), 1, 0},
};
static const struct mw_figure_row v1_io_operations[] = {
    {MW_IO_READ_OPERATIONS_TOTAL, KEY("Read"), 1, 0},
    {MW_IO_WRITE_OPERATIONS_TOTAL, KEY("Write"), 1, 0},
};

/* ---- Version 2 ---- */

static const struct mw_figure_row v2_cpu_stat[] = {
    {MW_CPU_TOTAL_NS, KEY("usage_usec"), 1000, 0},
    {MW_CPU_USER_NS, KEY("user_usec"), 1000, 0},
    {MW_CPU_SYSTEM_NS, KEY("system_usec"), 1000, 0},
    {MW_CPU_PERIODS_TOTAL, KEY("nr_periods"), 1, 0},
    {MW_CPU_THROTTLED_PERIODS_TOTAL, KEY("nr_throttled"), 1, 0},
    {MW_CPU_THROTTLED_NS, KEY("throttled_usec"), 1000, 0},
};
static const struct mw_figure_row v2_cpu_weight[] = {{MW_CPU_WEIGHT, NO_KEY, 1, 0}};
static const struct mw_figure_row v2_cpu_max[] = {
    {MW_CPU_QUOTA_NS, KEY("quota"), 1000, 0},
    {MW_CPU_PERIOD_NS, KEY("period"), 1000, 0},
};
static const struct mw_figure_row v2_memory_stat[] = {
    {MW_MEMORY_RSS_BYTES, KEY("anon"), 1, 0},
    {MW_MEMORY_CACHE_BYTES, KEY("file"), 1, 0},
    {MW_MEMORY_KERNEL_STACK_BYTES, KEY("kernel_stack"), 1, 0},
    {MW_MEMORY_MAPPED_FILE_BYTES, KEY("file_mapped"), 1, 0},
    {MW_MEMORY_RSS_HUGE_BYTES, KEY("anon_thp"), 1, 0},
    {MW_MEMORY_INACTIVE_ANON_BYTES, KEY("inactive_anon"), 1, 0},
    {MW_MEMORY_ACTIVE_ANON_BYTES, KEY("active_anon"), 1, 0},
    {MW_MEMORY_INACTIVE_FILE_BYTES, KEY("inactive_file"), 1, 0},
    {MW_MEMORY_ACTIVE_FILE_BYTES, KEY("active_file"), 1, 0},
    {MW_MEMORY_UNEVICTABLE_BYTES, KEY("unevictable"), 1, 0},
    {MW_MEMORY_SLAB_BYTES, KEY("slab"), 1, 0},
    {MW_MEMORY_PAGE_FAULTS_TOTAL, KEY("pgfault"), 1, 0},
    {MW_MEMORY_MAJOR_PAGE_FAULTS_TOTAL, KEY("pgmajfault"), 1, 0},
};
static const struct mw_figure_row v2_memory_max[] = {
    {MW_MEMORY_LIMIT_BYTES, NO_KEY, 1, MW_ABSENT_ZERO}};
static const struct mw_figure_row v2_memory_low[] = {
    {MW_MEMORY_LOW_BYTES, NO_KEY, 1, MW_ABSENT_ZERO}};
static const struct mw_figure_row v2_memory_min[] = {
    {MW_MEMORY_MIN_BYTES, NO_KEY, 1, MW_ABSENT_ZERO}};
static const struct mw_figure_row v2_memory_high[] = {
    {MW_MEMORY_HIGH_BYTES, NO_KEY, 1, MW_ABSENT_ZERO}};
static const struct mw_figure_row v2_memory_peak[] = {
    {MW_MEMORY_PEAK_BYTES, NO_KEY, 1, MW_ABSENT_ZERO}};
static const struct mw_figure_row v2_memory_events[] = {
    {MW_MEMORY_LIMIT_HITS_TOTAL, KEY("max"), 1, 0},
    {MW_MEMORY_OOM_EVENTS_TOTAL, KEY("oom"), 1, 0},
    {MW_MEMORY_OOM_KILLS_TOTAL, KEY("oom_kill"), 1, 0},
};
static const struct mw_figure_row v2_pod_events[] = {
    {MW_POD_OOM_EVENTS_TOTAL, KEY("oom"), 1, 0},
    {MW_POD_OOM_KILLS_TOTAL, KEY("oom_kill"), 1, 0},
};
static const struct mw_figure_row v2_memory_swap[] = {{MW_MEMORY_SWAP_BYTES, NO_KEY, 1, 0}};
static const struct mw_figure_row v2_memory_swap_max[] = {
    {MW_MEMORY_SWAP_LIMIT_BYTES, NO_KEY, 1, MW_ABSENT_ZERO}};
static const struct mw_figure_row v2_memory_swap_high[] = {
    {MW_MEMORY_SWAP_HIGH_BYTES, NO_KEY, 1, MW_ABSENT_ZERO}};
/* No huge pages at all is a limit, too. */
static const struct mw_figure_row v2_hugetlb_2mb_max[] = {
    {MW_HUGETLB_2MB_LIMIT_BYTES, NO_KEY, 1, 0}};
static const struct mw_figure_row v2_hugetlb_1gb_max[] = {
    {MW_HUGETLB_1GB_LIMIT_BYTES, NO_KEY, 1, 0}};
static const struct mw_figure_row cpu_pressure[] = {
    {MW_CPU_PRESSURE_SOME_NS, KEY("some.total"), 1000, 0},
    {MW_CPU_PRESSURE_FULL_NS, KEY("full.total"), 1000, 0}, /* since Linux 5.13 */
};
static const struct mw_figure_row memory_pressure[] = {
    {MW_MEMORY_PRESSURE_SOME_NS, KEY("some.total"), 1000, 0},
    {MW_MEMORY_PRESSURE_FULL_NS, KEY("full.total"), 1000, 0},
};
static const struct mw_figure_row io_pressure[] = {
    {MW_IO_PRESSURE_SOME_NS, KEY("some.total"), 1000, 0},
    {MW_IO_PRESSURE_FULL_NS, KEY("full.total"), 1000, 0},
};
static const struct mw_figure_row v2_io_stat[] = {
    {MW_IO_READ_BYTES, KEY("rbytes"), 1, 0},
    {MW_IO_WRITE_BYTES, KEY("wbytes"), 1, 0},
    {MW_IO_READ_OPERATIONS_TOTAL, KEY("rios"), 1, 0},
    {MW_IO_WRITE_OPERATIONS_TOTAL, KEY("wios"), 1, 0},
};

/* ---- Both ---- */

static const struct mw_figure_row pids_current[] = {{MW_PIDS_CURRENT, NO_KEY, 1, 0}};
static const struct mw_figure_row pids_max[] = {{MW_PIDS_LIMIT, NO_KEY, 1, 0}};
static const struct mw_figure_row hugetlb_2mb[] = {{MW_HUGETLB_2MB_USAGE_BYTES, NO_KEY, 1, 0}};
static const struct mw_figure_row hugetlb_1gb[] = {{MW_HUGETLB_1GB_USAGE_BYTES, NO_KEY, 1, 0}};

#define ROWS(rows) rows, COUNT(rows)
#define HOT 0
#define SLOW MW_FILE_SLOW
#define OPTIONAL MW_FILE_OPTIONAL
#define OF_POD MW_FILE_OF_POD

const struct mw_figure_file mw_figure_files[] = {
    {1, MW_CONTROLLER_CPUACCT, "cpuacct.usage", MW_FORMAT_NUMBER, HOT, ROWS(v1_cpuacct_usage)},
    {1, MW_CONTROLLER_CPUACCT, "cpuacct.stat", MW_FORMAT_PAIRS, HOT, ROWS(v1_cpuacct_stat)},
    {1, MW_CONTROLLER_CPU, "cpu.stat", MW_FORMAT_PAIRS, HOT, ROWS(v1_cpu_stat)},
    {1, MW_CONTROLLER_CPU, "cpu.shares", MW_FORMAT_NUMBER, SLOW, ROWS(v1_cpu_shares)},
    {1, MW_CONTROLLER_CPU, "cpu.cfs_quota_us", MW_FORMAT_NUMBER, SLOW, ROWS(v1_cpu_quota)},
    {1, MW_CONTROLLER_CPU, "cpu.cfs_period_us", MW_FORMAT_NUMBER, SLOW, ROWS(v1_cpu_period)},
    {1, MW_CONTROLLER_CPUSET, "cpuset.cpus", MW_FORMAT_CPU_SET, SLOW, ROWS(v1_cpuset)},
    {1, MW_CONTROLLER_MEMORY, "memory.usage_in_bytes", MW_FORMAT_NUMBER, HOT,
     ROWS(v1_memory_usage)},
    {1, MW_CONTROLLER_MEMORY, "memory.stat", MW_FORMAT_PAIRS, HOT, ROWS(v1_memory_stat)},
    {1, MW_CONTROLLER_MEMORY, "memory.soft_limit_in_bytes", MW_FORMAT_NUMBER, SLOW,
     ROWS(v1_memory_soft_limit)},
    {1, MW_CONTROLLER_MEMORY, "memory.max_usage_in_bytes", MW_FORMAT_NUMBER, SLOW,
     ROWS(v1_memory_peak)},
    {1, MW_CONTROLLER_MEMORY, "memory.kmem.usage_in_bytes", MW_FORMAT_NUMBER, HOT | OPTIONAL,
     ROWS(v1_memory_kernel)},
    {1, MW_CONTROLLER_MEMORY, "memory.failcnt", MW_FORMAT_NUMBER, SLOW, ROWS(v1_memory_hits)},
    {1, MW_CONTROLLER_MEMORY, "memory.oom_control", MW_FORMAT_PAIRS, HOT | OPTIONAL,
     ROWS(v1_memory_oom)},
    {1, MW_CONTROLLER_MEMORY, "memory.oom_control", MW_FORMAT_PAIRS, SLOW | OPTIONAL | OF_POD,
     ROWS(v1_pod_oom)},
    {1, MW_CONTROLLER_IO, "blkio.throttle.io_service_bytes", MW_FORMAT_BLKIO, HOT,
     ROWS(v1_io_bytes)},
    {1, MW_CONTROLLER_IO, "blkio.throttle.io_serviced", MW_FORMAT_BLKIO, HOT,
     ROWS(v1_io_operations)},
    {1, MW_CONTROLLER_PIDS, "pids.current", MW_FORMAT_NUMBER, HOT, ROWS(pids_current)},
    {1, MW_CONTROLLER_PIDS, "pids.max", MW_FORMAT_NUMBER, SLOW, ROWS(pids_max)},
    {1, MW_CONTROLLER_HUGETLB, "hugetlb.2MB.usage_in_bytes", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(hugetlb_2mb)},
    {1, MW_CONTROLLER_HUGETLB, "hugetlb.2MB.limit_in_bytes", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(v1_hugetlb_2mb_limit)},
    {1, MW_CONTROLLER_HUGETLB, "hugetlb.1GB.usage_in_bytes", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(hugetlb_1gb)},
    {1, MW_CONTROLLER_HUGETLB, "hugetlb.1GB.limit_in_bytes", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(v1_hugetlb_1gb_limit)},

    {2, MW_CONTROLLER_CPU, "cpu.stat", MW_FORMAT_PAIRS, HOT, ROWS(v2_cpu_stat)},
    {2, MW_CONTROLLER_CPU, "cpu.weight", MW_FORMAT_NUMBER, SLOW, ROWS(v2_cpu_weight)},
    {2, MW_CONTROLLER_CPU, "cpu.max", MW_FORMAT_CPU_MAX, SLOW, ROWS(v2_cpu_max)},
    {2, MW_CONTROLLER_CPUSET, "cpuset.cpus.effective", MW_FORMAT_CPU_SET, SLOW, ROWS(v1_cpuset)},
    {2, MW_CONTROLLER_MEMORY, "memory.current", MW_FORMAT_NUMBER, HOT, ROWS(v1_memory_usage)},
    {2, MW_CONTROLLER_MEMORY, "memory.stat", MW_FORMAT_PAIRS, HOT, ROWS(v2_memory_stat)},
    {2, MW_CONTROLLER_MEMORY, "memory.max", MW_FORMAT_NUMBER, SLOW, ROWS(v2_memory_max)},
    {2, MW_CONTROLLER_MEMORY, "memory.low", MW_FORMAT_NUMBER, SLOW, ROWS(v2_memory_low)},
    {2, MW_CONTROLLER_MEMORY, "memory.min", MW_FORMAT_NUMBER, SLOW, ROWS(v2_memory_min)},
    {2, MW_CONTROLLER_MEMORY, "memory.high", MW_FORMAT_NUMBER, SLOW, ROWS(v2_memory_high)},
    {2, MW_CONTROLLER_MEMORY, "memory.peak", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(v2_memory_peak)},
    {2, MW_CONTROLLER_MEMORY, "memory.swap.current", MW_FORMAT_NUMBER, HOT | OPTIONAL,
     ROWS(v2_memory_swap)},
    {2, MW_CONTROLLER_MEMORY, "memory.swap.max", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(v2_memory_swap_max)},
    {2, MW_CONTROLLER_MEMORY, "memory.swap.high", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(v2_memory_swap_high)},
    {2, MW_CONTROLLER_MEMORY, "memory.events", MW_FORMAT_PAIRS, HOT, ROWS(v2_memory_events)},
    {2, MW_CONTROLLER_MEMORY, "memory.events", MW_FORMAT_PAIRS, SLOW | OPTIONAL | OF_POD,
     ROWS(v2_pod_events)},
    {2, MW_CONTROLLER_IO, "io.stat", MW_FORMAT_IO_STAT, HOT, ROWS(v2_io_stat)},
    {2, MW_CONTROLLER_IO, "io.max", MW_FORMAT_IO_STAT, SLOW, NULL, 0},
    {2, MW_CONTROLLER_PIDS, "pids.current", MW_FORMAT_NUMBER, HOT, ROWS(pids_current)},
    {2, MW_CONTROLLER_PIDS, "pids.max", MW_FORMAT_NUMBER, SLOW, ROWS(pids_max)},
    {2, MW_CONTROLLER_HUGETLB, "hugetlb.2MB.current", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(hugetlb_2mb)},
    {2, MW_CONTROLLER_HUGETLB, "hugetlb.2MB.max", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(v2_hugetlb_2mb_max)},
    {2, MW_CONTROLLER_HUGETLB, "hugetlb.1GB.current", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(hugetlb_1gb)},
    {2, MW_CONTROLLER_HUGETLB, "hugetlb.1GB.max", MW_FORMAT_NUMBER, SLOW | OPTIONAL,
     ROWS(v2_hugetlb_1gb_max)},
    {2, MW_CONTROLLER_PRESSURE, "cpu.pressure", MW_FORMAT_PRESSURE, HOT | OPTIONAL,
     ROWS(cpu_pressure)},
    {2, MW_CONTROLLER_PRESSURE, "memory.pressure", MW_FORMAT_PRESSURE, HOT | OPTIONAL,
     ROWS(memory_pressure)},
    {2, MW_CONTROLLER_PRESSURE, "io.pressure", MW_FORMAT_PRESSURE, HOT | OPTIONAL,
     ROWS(io_pressure)},
};
const size_t mw_figure_files_count = COUNT(mw_figure_files);

_Static_assert(MW_FIGURE_COUNT <= 60, "a set of figures has one bit for each, and some to spare");

const struct mw_figure_info *mw_figure_info(enum mw_figure figure)
{
  return &infos[figure];
}

bool mw_figure_source(size_t index, struct mw_figure_source *out)
{
  for (size_t i = 0; i < mw_figure_files_count; i++) {
    const struct mw_figure_file *file = &mw_figure_files[i];
    if (index < file->rows_count) {
      const struct mw_figure_row *row = &file->rows[index];
      *out = (struct mw_figure_source){row->figure,
                                       file->version,
                                       file->controller,
                                       file->name,
                                       row->key,
                                       row->scale,
                                       (file->flags & MW_FILE_OPTIONAL) != 0,
                                       (file->flags & MW_FILE_OF_POD) != 0};
      return true;
    }
    index -= file->rows_count;
  }
  return false;
}

const char *mw_controller_name(enum mw_controller controller, int version)
{
  static const char *const names[MW_CONTROLLER_COUNT] = {"cpu", "cpuacct", "cpuset",  "memory",
                                                         "io",  "pids",    "hugetlb", "pressure"};
  return version == 1 && controller == MW_CONTROLLER_IO ? "blkio" : names[controller];
}
