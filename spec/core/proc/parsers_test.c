/* What the texts of /proc/PID mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc/parsers.h"

static struct mw_slice slice(const char *text)
{
  return (struct mw_slice){text, strlen(text)};
}

/* ---- stat ---- */

#define TO_THREADS " 1 77 77 0 -1 4194560 87 0 0 0 1 2 0 0 20 0 "

static void a_process_is_read_from_its_stat(void **state)
{
  static const struct {
    const char *text;
    struct mw_process process;
  } examples[] = {
      {"77 (sh) S" TO_THREADS "1 0 1234 8 9\n", {77, 1, 'S', 1, 1234}},
      {"77 (a b) R" TO_THREADS "12 0 5\n", {77, 1, 'R', 12, 5}},
      {"77 (x) Z 1 1 (y) D" TO_THREADS "3 0 9 1\n", {77, 1, 'D', 3, 9}},
      {"77 (a\nb) S" TO_THREADS "3 0 9 1\n", {77, 1, 'S', 3, 9}},
      {"77 (()))) T" TO_THREADS "3 0 9 1\n", {77, 1, 'T', 3, 9}},
      {"77 () Z" TO_THREADS "1 0 18446744073709551615 1\n", {77, 1, 'Z', 1, UINT64_MAX}},
      {"2147483647 (kthreadd) S 0 0 0 0 -1 2 0 0 0 0 0 0 0 0 20 0 1 0 2 0\n",
       {INT32_MAX, 0, 'S', 1, 2}},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    const struct mw_process *expected = &examples[i].process;
    struct mw_process process;
    struct mw_error err = {0};
    if (mw_proc_parse_stat(slice(examples[i].text), &process, &err) != 0)
      fail_msg("%s", err.text);
    assert_int_equal(process.pid, expected->pid);
    assert_int_equal(process.parent_pid, expected->parent_pid);
    assert_int_equal(process.state, expected->state);
    assert_int_equal(process.threads, expected->threads);
    assert_int_equal(process.start_ticks, expected->start_ticks);
  }
}

static void what_is_no_stat_is_refused(void **state)
{
  static const char *const examples[] = {
      "",
      "\n",
      "77",
      "77 sh S" TO_THREADS "1 0 1234 8\n",
      "77 (sh S" TO_THREADS "1 0 1234 8\n",
      "77 sh) S" TO_THREADS "1 0 1234 8\n",
      "(sh) S" TO_THREADS "1 0 1234 8\n",
      "x (sh) S" TO_THREADS "1 0 1234 8\n",
      "2147483648 (sh) S" TO_THREADS "1 0 1234 8\n",
      "77 (sh) SS" TO_THREADS "1 0 1234 8\n",
      "77 (sh) S -1 77 77 0 -1 4194560 87 0 0 0 1 2 0 0 20 0 1 0 1234 8\n",
      "77 (sh) S" TO_THREADS "-1 0 1234 8\n",
      "77 (sh) S" TO_THREADS "4294967296 0 1234 8\n",
      "77 (sh) S" TO_THREADS "1 0 -1 8\n",
      "77 (sh) S" TO_THREADS "1 0\n",
      "77 (sh) S" TO_THREADS "1 0 12", /* cut: it may have been 1234 */
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_process process = {.pid = -7};
    struct mw_error err = {0};
    if (mw_proc_parse_stat(slice(examples[i]), &process, &err) != -EBADMSG)
      fail_msg("taken: %s", examples[i]);
    assert_int_equal(process.pid, -7);
    assert_non_null(strstr(err.text, "not the status of a process: \""));
  }
}

/* ---- net/dev ---- */

#define HEADING                                                                                    \
  "Inter-|   Receive                                                |  Transmit\n"                 \
  " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop "  \
  "fifo colls carrier compressed\n"
#define LO "    lo:       7       1    0    0    0     0          0         0        7       1\n"
#define ALL ((1u << MW_NETWORK_FIGURE_COUNT) - 1)

static const char *describe(const struct mw_network_sample *sample)
{
  static char text[1024];
  size_t used = 0;

  text[0] = '\0';
  for (size_t i = 0; i < sample->interfaces_count; i++) {
    const struct mw_network_interface *one = &sample->interfaces[i];
    used += (size_t)snprintf(text + used, sizeof text - used, "%s %ju/%ju %ju/%ju, ", one->name,
                             (uintmax_t)one->rcvd_bytes, (uintmax_t)one->rcvd_packets,
                             (uintmax_t)one->sent_bytes, (uintmax_t)one->sent_packets);
  }
  snprintf(text + used, sizeof text - used, "sum %ju/%ju %ju/%ju present %x",
           (uintmax_t)sample->values[MW_NETWORK_RCVD_BYTES],
           (uintmax_t)sample->values[MW_NETWORK_RCVD_PACKETS],
           (uintmax_t)sample->values[MW_NETWORK_SENT_BYTES],
           (uintmax_t)sample->values[MW_NETWORK_SENT_PACKETS], sample->present);
  return text;
}

static void interfaces_are_read_and_summed(void **state)
{
  static const struct {
    const char *lines, *expected;
  } examples[] = {
      {"  eth0: 1345 10 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n" LO,
       "eth0 1345/10 0/0, sum 1345/10 0/0 present f"},
      {LO
       " eth0: 648 8 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n eth1: 1478 19 0 0 0 0 0 0 182 3 0 0 0 0 0 0\n",
       "eth0 648/8 0/0, eth1 1478/19 182/3, sum 2126/27 182/3 present f"},
      {" b: 1 1 0 0 0 0 0 0 1 1\n a: 2 2 0 0 0 0 0 0 2 2\n",
       "a 2/2 2/2, b 1/1 1/1, sum 3/3 3/3 present f"},
      {LO, "sum 0/0 0/0 present 0"},
      {"", "sum 0/0 0/0 present 0"},
      {"eth0:123 4 0 0 0 0 0 0 5 6 0 0 0 0 0 0\n", "eth0 123/4 5/6, sum 123/4 5/6 present f"},
      {"\teth0:\t123\t4 0 0 0 0 0 0 5 6", "eth0 123/4 5/6, sum 123/4 5/6 present f"},
      {" eth0 : 123 4 0 0 0 0 0 0 5 6\r\n", "eth0 123/4 5/6, sum 123/4 5/6 present f"},
      {" eth0 123 4 0 0 0 0 0 0 5 6\n", "eth0 123/4 5/6, sum 123/4 5/6 present f"},
      {" eth0: 123 4 0 0 0 0 0 0 5\n eth1: 1 1 0 0 0 0 0 0 1 1\n", /* too few fields */
       "eth1 1/1 1/1, sum 1/1 1/1 present f"},
      {" : 1 1 0 0 0 0 0 0 1 1\n\n \n eth0:\n", "sum 0/0 0/0 present 0"},
      {" interface-of-16b: 1 1 0 0 0 0 0 0 1 1\n interface-of-15: 2 2 0 0 0 0 0 0 2 2\n",
       "interface-of-15 2/2 2/2, sum 2/2 2/2 present f"},
      /* without one of its parts there is no sum */
      {" a: x 4 0 0 0 0 0 0 5 6\n b: 1 1 0 0 0 0 0 0 1 1\n",
       "a 0/4 5/6, b 1/1 1/1, sum 0/5 6/7 present e"},
      {" a: -1 +4 0 0 0 0 0 0 5.0 18446744073709551616\n", "a 0/0 0/0, sum 0/0 0/0 present 0"},
      {" a: 18446744073709551615 1 0 0 0 0 0 0 1 1\n b: 1 1 0 0 0 0 0 0 1 1\n",
       "a 18446744073709551615/1 1/1, b 1/1 1/1, sum 0/2 2/2 present e"},
      /* renamed while it was read */
      {" a: 1 1 0 0 0 0 0 0 1 1\n b: 5 5 0 0 0 0 0 0 5 5\n a: 1 1 0 0 0 0 0 0 1 1\n",
       "a 1/1 1/1, b 5/5 5/5, sum 6/6 6/6 present f"},
  };
  struct mw_network_sample sample = {0};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    char text[2048];
    snprintf(text, sizeof text, HEADING "%s", examples[i].lines);
    assert_int_equal(mw_proc_parse_net_dev(slice(text), &sample, NULL), 0);
    assert_string_equal(describe(&sample), examples[i].expected);
  }
  mw_network_sample_deinit(&sample);
}

static void an_interface_tells_which_of_its_figures_are_there(void **state)
{
  struct mw_network_sample sample = {0};

  (void)state;
  assert_int_equal(mw_proc_parse_net_dev(slice(HEADING " a: x 4 0 0 0 0 0 0 y 6\n"), &sample, NULL),
                   0);
  assert_int_equal(sample.interfaces[0].present,
                   1u << MW_NETWORK_RCVD_PACKETS | 1u << MW_NETWORK_SENT_PACKETS);
  mw_network_sample_deinit(&sample);
}

static void what_has_no_heading_is_refused_and_leaves_no_figures(void **state)
{
  static const char *const examples[] = {"", "\n", "Inter-| Receive\n", "Inter-|"};
  struct mw_network_sample sample = {0};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_error err = {0};
    sample = (struct mw_network_sample){.present = ALL, .values = {1, 2, 3, 4}};
    assert_int_equal(mw_proc_parse_net_dev(slice(examples[i]), &sample, &err), -EBADMSG);
    assert_string_equal(err.text, "invalid format");
    assert_string_equal(describe(&sample), "sum 0/0 0/0 present 0");
  }
}

static char *many_interfaces(size_t count)
{
  char *text = malloc(sizeof HEADING + count * 48), *end;

  assert_non_null(text);
  end = stpcpy(text, HEADING);
  for (size_t i = 0; i < count; i++)
    end += sprintf(end, "veth%zu: 2 1 0 0 0 0 0 0 4 3 0 0 0 0 0 0\n", count - i);
  return text;
}

static void thousands_of_interfaces_are_read_and_more_than_that_refused(void **state)
{
  struct mw_network_sample sample = {0};
  struct mw_error err = {0};
  char *text = many_interfaces(MW_NETWORK_INTERFACES_MAX);

  (void)state;
  assert_int_equal(mw_proc_parse_net_dev(slice(text), &sample, NULL), 0);
  assert_int_equal(sample.interfaces_count, MW_NETWORK_INTERFACES_MAX);
  assert_int_equal(sample.values[MW_NETWORK_RCVD_BYTES], 2 * MW_NETWORK_INTERFACES_MAX);
  for (size_t i = 1; i < sample.interfaces_count; i++)
    assert_true(strcmp(sample.interfaces[i - 1].name, sample.interfaces[i].name) < 0);
  free(text);
  text = many_interfaces(MW_NETWORK_INTERFACES_MAX + 1);
  assert_int_equal(mw_proc_parse_net_dev(slice(text), &sample, &err), -E2BIG);
  assert_string_equal(err.text, "more than 65536 network interfaces");
  assert_int_equal(sample.interfaces_count, 0);
  free(text);
  mw_network_sample_deinit(&sample);
}

static void a_copy_has_interfaces_of_its_own(void **state)
{
  struct mw_network_sample from = {.namespace_id = 7}, to = {0};

  (void)state;
  assert_int_equal(mw_network_sample_copy(&to, &from, NULL), 0);
  assert_int_equal(to.namespace_id, 7);
  assert_int_equal(mw_proc_parse_net_dev(slice(HEADING "a: 1 2 0 0 0 0 0 0 3 4\n"), &from, NULL),
                   0);
  assert_int_equal(mw_network_sample_copy(&to, &from, NULL), 0);
  from.interfaces[0].name[0] = 'z';
  assert_string_equal(describe(&to), "a 1/2 3/4, sum 1/2 3/4 present f");
  mw_network_sample_deinit(&from);
  mw_network_sample_deinit(&to);
}

/* ---- Namespaces ---- */

static void a_namespace_is_the_number_in_the_link(void **state)
{
  static const struct {
    const char *target;
    uint64_t id;
  } examples[] = {
      {"net:[4026531840]", 4026531840},
      {"net:[1]", 1},
      {"net:[]", 0},
      {"net:[12", 0},
      {"uts:[4026531838]", 0},
      {"net:[-1]", 0},
      {"net:[1]x", 0},
      {"", 0},
      {"net:[", 0},
      {"/run/netns/x", 0},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
    assert_int_equal(mw_proc_parse_namespace(slice(examples[i].target)), examples[i].id);
}

static void the_only_pid_is_told_where_there_is_just_one(void **state)
{
  static const struct {
    const char *status;
    int32_t pid;
  } examples[] = {
      {"Name:\tsh\nPid:\t12\nNSpid:\t12\nNSpgid:\t12\n", 12},
      {"Name:\tsh\nPid:\t12\nNSpid:\t12\t1\nNSpgid:\t12\t1\n", 0},
      {"Name:\tsh\nPid:\t12\n", 0},
      {"NSpid:\t\n", 0},
      {"NSpid:\tx\n", 0},
      {"NSpid:\t2147483648\n", 0},
      {"", 0},
  };

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++)
    assert_int_equal(mw_proc_parse_only_pid(slice(examples[i].status)), examples[i].pid);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_process_is_read_from_its_stat),
      cmocka_unit_test(what_is_no_stat_is_refused),
      cmocka_unit_test(interfaces_are_read_and_summed),
      cmocka_unit_test(an_interface_tells_which_of_its_figures_are_there),
      cmocka_unit_test(what_has_no_heading_is_refused_and_leaves_no_figures),
      cmocka_unit_test(thousands_of_interfaces_are_read_and_more_than_that_refused),
      cmocka_unit_test(a_copy_has_interfaces_of_its_own),
      cmocka_unit_test(a_namespace_is_the_number_in_the_link),
      cmocka_unit_test(the_only_pid_is_told_where_there_is_just_one),
  };

  return cmocka_run_group_tests_name("core/proc/parsers", tests, NULL, NULL);
}
