/* What the texts of the kernel say about a host: tables of examples. */
#include "host/parsers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Without a '\0' behind it, so that an address checker sees who reads too far. */
static struct mw_slice bare_copy(const char *text, size_t len_bytes)
{
  char *copy = malloc(len_bytes > 0 ? len_bytes : 1);
  assert_non_null(copy);
  memcpy(copy, text, len_bytes);
  return (struct mw_slice){copy, len_bytes};
}

static void bare_free(struct mw_slice slice)
{
  free((void *)(uintptr_t)slice.data);
}

struct count_example {
  const char *name, *text;
  uint32_t count;
};

static void check_counts(uint32_t (*parse)(const char *text, size_t len_bytes),
                         const struct count_example *examples, size_t examples_count)
{
  for (size_t i = 0; i < examples_count; i++) {
    struct mw_slice text = bare_copy(examples[i].text, strlen(examples[i].text));
    uint32_t count = parse(text.data, text.len_bytes);
    if (count != examples[i].count)
      fail_msg("%s: %u instead of %u", examples[i].name, count, examples[i].count);
    bare_free(text);
  }
}

static void cpuinfo_counts_lines_with_a_processor_number(void **state)
{
  static const struct count_example examples[] = {
      {"four CPUs of x86",
       "processor\t: 0\nvendor_id\t: GenuineIntel\n\nprocessor\t: 1\n\nprocessor\t: 2\n\n"
       "processor\t: 3\n",
       4},
      {"32-bit ARM names its model so", "Processor : ARMv7 rev 3\nprocessor : 0\nprocessor : 1\n",
       2},
      {"upper case counts", "PROCESSOR : 0\nProcessor:1\n", 2},
      {"s390 has other lines", "# processors    : 2\nprocessor 0: version = FF,  machine = 2064\n",
       0},
      {"a number that goes on", "processor : 0x1\nprocessor : 1.5\nprocessor : 1 2\n", 0},
      {"only what follows the first colon", "processor : a : 0\n", 0},
      {"no colon, nothing behind it", "processor 0\nprocessor :\nprocessor :  \nprocessor", 0},
      {"a line that does not begin with it", " processor : 0\nmyprocessor : 1\n", 0},
      {"lines that end with CR LF", "processor : 0\r\nprocessor : 1 \r\n", 2},
      {"a last line without its end", "processor : 0\nprocessor : 1", 2},
      {"a number over 64 bits", "processor : 99999999999999999999\n", 0},
      {"nothing", "", 0},
  };
  (void)state;
  check_counts(mw_host_parse_cpuinfo, examples, COUNT(examples));
}

static void stat_counts_the_lines_of_single_cpus(void **state)
{
  static const struct count_example examples[] = {
      {"two CPUs and their sum", "cpu  10 0 20\ncpu0 5 0 10\ncpu1 5 0 10\nintr 99\n", 2},
      {"four bytes are enough", "cpu0", 1},
      {"every digit", "cpu8 1\ncpu9 1\ncpu10 1\n", 3},
      {"the sum alone", "cpu  10 0 20\n", 0},
      {"other words", "cpufreq 1\ncpu\nxcpu0 1\nCPU0 1\ncpu/1\ncpu:1\n", 0},
      {"nothing", "", 0},
  };
  (void)state;
  check_counts(mw_host_parse_stat_cpus, examples, COUNT(examples));
}

static void a_cpu_list_is_ranges_in_ascending_order(void **state)
{
  static const struct count_example examples[] = {
      {"one CPU", "0\n", 1},
      {"one range", "0-3\n", 4},
      {"ranges and numbers", "0-3,8,10-11\n", 7},
      {"neighbours", "0,1,2-3\n", 4},
      {"no line end", "0-1", 2},
      {"the largest", "0-65535\n", 65536},
      {"one over the largest", "0-65536\n", 0},
      {"32 bits full", "0-4294967295\n", 0},
      {"64 bits and more", "0-18446744073709551616\n", 0},
      {"a reversed range", "3-0\n", 0},
      {"a CPU twice", "0-3,2-5\n", 0},
      {"not ascending", "4,0-3\n", 0},
      {"no number", "a-b\n", 0},
      {"a sign", "-1\n", 0},
      {"an open range", "0-\n", 0},
      {"two hyphens", "0-1-2\n", 0},
      {"an empty part", "0,,1\n", 0},
      {"a comma at the end", "0,\n", 0},
      {"blanks", "0 - 1\n", 0},
      {"a second line", "0-1\n2-3\n", 0},
      {"an empty line", "\n", 0},
      {"nothing", "", 0},
  };
  (void)state;
  check_counts(mw_host_parse_cpu_list, examples, COUNT(examples));
}

static void binary_garbage_counts_nothing(void **state)
{
  static const char garbage[] = "\0\xff\x7f\0ELF\n\0\0cpu\0\n\nprocess\0r: 0\n,-,\xfe\n\0";
  struct mw_slice text = bare_copy(garbage, sizeof garbage);
  (void)state;

  assert_int_equal(0, mw_host_parse_cpuinfo(text.data, text.len_bytes));
  assert_int_equal(0, mw_host_parse_stat_cpus(text.data, text.len_bytes));
  assert_int_equal(0, mw_host_parse_cpu_list(text.data, text.len_bytes));
  bare_free(text);
}

/* Returns @p count times @p line, for free(3). */
static char *repeated(const char *line, size_t count)
{
  size_t line_bytes = strlen(line);
  char *text = malloc(line_bytes * count + 1);
  assert_non_null(text);
  for (size_t i = 0; i < count; i++)
    memcpy(text + i * line_bytes, line, line_bytes);
  text[line_bytes * count] = '\0';
  return text;
}

static void more_cpus_than_linux_supports_count_as_none(void **state)
{
  static const char line[] = "processor:0\n";
  char *text = repeated(line, MW_HOST_CPUS_MAX + 1);
  size_t line_bytes = strlen(line);
  (void)state;

  assert_int_equal(MW_HOST_CPUS_MAX, mw_host_parse_cpuinfo(text, MW_HOST_CPUS_MAX * line_bytes));
  assert_int_equal(0, mw_host_parse_cpuinfo(text, (MW_HOST_CPUS_MAX + 1) * line_bytes));
  free(text);
}

static void memory_total_is_kilobytes_in_bytes(void **state)
{
  static const struct {
    const char *name, *text;
    int rc;
    uint64_t bytes;
  } examples[] = {
      {"first line", "MemTotal:       16384256 kB\nMemFree: 1 kB\n", 0, UINT64_C(16777478144)},
      {"a later line", "MemFree: 1 kB\nMemTotal: 2 kB\n", 0, 2048},
      {"the most that fits", "MemTotal: 18014398509481983 kB\n", 0, UINT64_MAX - 1023},
      {"one more than fits", "MemTotal: 18014398509481984 kB\n", -EBADMSG, 0},
      {"zero", "MemTotal: 0 kB\n", -EBADMSG, 0},
      {"another unit", "MemTotal: 2 MB\n", -EBADMSG, 0},
      {"cut before the unit", "MemTotal: 2", -EBADMSG, 0},
      {"a negative number", "MemTotal: -2 kB\n", -EBADMSG, 0},
      {"another key", "MemTotalX: 2 kB\nMemFree: 1 kB\n", -EBADMSG, 0},
      {"nothing", "", -EBADMSG, 0},
  };
  (void)state;

  for (size_t i = 0; i < COUNT(examples); i++) {
    struct mw_slice text = bare_copy(examples[i].text, strlen(examples[i].text));
    uint64_t bytes = 0;
    int rc = mw_host_parse_memory_total(text, &bytes, NULL);
    if (rc != examples[i].rc || bytes != examples[i].bytes)
      fail_msg("%s: %d, %llu", examples[i].name, rc, (unsigned long long)bytes);
    bare_free(text);
  }
}

static void boot_time_is_the_number_behind_btime(void **state)
{
  static const struct {
    const char *name, *text;
    int rc;
    int64_t seconds;
  } examples[] = {
      {"an ordinary host", "cpu  1\nintr 5 5\nbtime 1723456789\nprocesses 3\n", 0, 1723456789},
      {"a board without a clock", "btime 0\n", 0, 0},
      {"before 1970", "btime -1\n", -EBADMSG, -7},
      {"no number", "btime soon\n", -EBADMSG, -7},
      {"no such line", "cpu  1\nxbtime 5\n", -EBADMSG, -7},
      {"nothing behind it", "btime\n", -EBADMSG, -7},
      {"the end of the calendar", "btime 253402300799\n", 0, 253402300799},
      {"a year that no calendar prints", "btime 253402300800\n", -EBADMSG, -7},
  };
  (void)state;

  for (size_t i = 0; i < COUNT(examples); i++) {
    struct mw_slice text = bare_copy(examples[i].text, strlen(examples[i].text));
    int64_t seconds = -7;
    int rc = mw_host_parse_boot_time(text, &seconds, NULL);
    if (rc != examples[i].rc || seconds != examples[i].seconds)
      fail_msg("%s: %d, %lld", examples[i].name, rc, (long long)seconds);
    bare_free(text);
  }
}

struct name_example {
  const char *name, *text, *expected; /* NULL: refused */
};

static void check_names(int (*parse)(struct mw_slice text, char name[static MW_HOST_NAME_BYTES],
                                     struct mw_error *err),
                        const struct name_example *examples, size_t examples_count)
{
  for (size_t i = 0; i < examples_count; i++) {
    struct mw_slice text = bare_copy(examples[i].text, strlen(examples[i].text));
    char name[MW_HOST_NAME_BYTES] = "untouched";
    const char *expected = examples[i].expected ? examples[i].expected : "untouched";
    int rc = parse(text, name, NULL);
    if (rc != (examples[i].expected ? 0 : -EBADMSG) || strcmp(name, expected) != 0)
      fail_msg("%s: %d, \"%s\"", examples[i].name, rc, name);
    bare_free(text);
  }
}

static void a_name_is_the_first_line_that_says_something(void **state)
{
  static const struct name_example examples[] = {
      {"one line", "node-7.example\n", "node-7.example"},
      {"blanks around it", " \tnode-7 \t\r\n", "node-7"},
      {"comments and empty lines before it", "# set by us\n\nnode-7\nother\n", "node-7"},
      {"only a comment", "# set by us\n", NULL},
      {"only blanks", " \t\n\n", NULL},
      {"an escape sequence", "node\x1b[31m\n", NULL},
      {"not ASCII",
       "n\xc3\xb6"
       "de\n",
       NULL},
      {"nothing", "", NULL},
  };
  (void)state;
  check_names(mw_host_parse_name, examples, COUNT(examples));
}

static void a_name_fits_into_its_room_or_is_refused(void **state)
{
  char *text = repeated("x", MW_HOST_NAME_BYTES);
  char name[MW_HOST_NAME_BYTES];
  struct mw_error err;
  (void)state;

  assert_int_equal(0, mw_host_parse_name((struct mw_slice){text, 255}, name, &err));
  assert_int_equal(255, strlen(name));
  assert_int_equal(-EBADMSG, mw_host_parse_name((struct mw_slice){text, 256}, name, &err));
  assert_non_null(strstr(err.text, "at most 255 printable characters: \"xxx"));
  free(text);
}

static void a_release_is_the_third_word_of_the_version(void **state)
{
  static const struct name_example examples[] = {
      {"Debian's", "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)\n",
       "6.1.0-18-amd64"},
      {"cut", "Linux version", NULL},
      {"another text", "FreeBSD is 14.0\n", NULL},
      {"nothing", "", NULL},
  };
  (void)state;
  check_names(mw_host_parse_version, examples, COUNT(examples));
}

static void a_product_uuid_is_the_firmwares_own(void **state)
{
  static const struct name_example examples[] = {
      {"upper case", "4C4C4544-0039-4A10-8052-B7C04F4E5231\n",
       "4C4C4544-0039-4A10-8052-B7C04F4E5231"},
      {"all zero", "00000000-0000-0000-0000-000000000000\n", NULL},
      {"all F", "FFFFFFFF-FFFF-FFFF-FFFF-ffffffffffff\n", NULL},
      {"blank", "  \n", NULL},
  };
  (void)state;
  check_names(mw_host_parse_product_uuid, examples, COUNT(examples));
}

static void a_machine_id_is_32_digits(void **state)
{
  static const struct name_example examples[] = {
      {"one line", "0123456789abcdef0123456789abcdef\n", "0123456789abcdef0123456789abcdef"},
      {"before the first boot", "uninitialized\n", NULL},
      {"too short", "0123456789abcdef\n", NULL},
      {"too long", "0123456789abcdef0123456789abcdef0\n", NULL},
      {"another digit", "0123456789abcdef0123456789abcdeg\n", NULL},
      {"empty", "", NULL},
  };
  (void)state;
  check_names(mw_host_parse_machine_id, examples, COUNT(examples));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cpuinfo_counts_lines_with_a_processor_number),
      cmocka_unit_test(stat_counts_the_lines_of_single_cpus),
      cmocka_unit_test(a_cpu_list_is_ranges_in_ascending_order),
      cmocka_unit_test(binary_garbage_counts_nothing),
      cmocka_unit_test(more_cpus_than_linux_supports_count_as_none),
      cmocka_unit_test(memory_total_is_kilobytes_in_bytes),
      cmocka_unit_test(boot_time_is_the_number_behind_btime),
      cmocka_unit_test(a_name_is_the_first_line_that_says_something),
      cmocka_unit_test(a_name_fits_into_its_room_or_is_refused),
      cmocka_unit_test(a_release_is_the_third_word_of_the_version),
      cmocka_unit_test(a_product_uuid_is_the_firmwares_own),
      cmocka_unit_test(a_machine_id_is_32_digits),
  };
  return cmocka_run_group_tests_name("host/parsers", tests, NULL, NULL);
}
