/* Which hierarchies a mount table names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cgroup/mounts.h"

static struct mw_cgroup_mounts mounts; /* too large for the stack */

static void parse(const char *text, const char *prefix)
{
  mw_cgroup_mounts_parse((struct mw_slice){text, strlen(text)}, prefix, &mounts);
}

static void parse_fixture(const char *name, const char *prefix)
{
  char path[256];
  struct mw_buf text;
  struct mw_error err = {0};

  snprintf(path, sizeof path, "spec/fixtures/mounts/%s/mounts", name);
  mw_buf_init(&text, 1 << 20);
  if (mw_file_read(AT_FDCWD, path, &text, &err) < 0)
    fail_msg("%s", err.text);
  mw_cgroup_mounts_parse((struct mw_slice){text.data, text.len_bytes}, prefix, &mounts);
  mw_buf_deinit(&text);
}

/* names are "cpu memory": each is mounted at root/<name>, unless the name says "name=path". */
static void expect_mounts(const char *root, const char *names)
{
  char copy[1024], path[1024];
  size_t count = 0;

  snprintf(copy, sizeof copy, "%s", names);
  for (char *name = strtok(copy, " "); name; name = strtok(NULL, " "), count++) {
    char *target = strchr(name, '=');
    if (target)
      *target = '\0';
    snprintf(path, sizeof path, "%s%s%s", root, target && !target[1] ? "" : "/",
             target ? target + 1 : name);
    const char *found = mw_cgroup_mounts_find(&mounts, name);
    if (!found)
      fail_msg("no mount of %s", name);
    assert_string_equal(found, path);
  }
  assert_int_equal(mounts.count, count);
}

#define COMBINED                                                                                   \
  "blkio cpu=cpu,cpuacct cpuacct=cpu,cpuacct cpuset devices freezer hugetlb memory "               \
  "net_cls=net_cls,net_prio net_prio=net_cls,net_prio perf_event pids systemd"
/* "kubelet" is no controller, though it looks like one: harmless, nobody asks for it. */
#define APART                                                                                      \
  "blkio cpu cpuacct cpuset devices freezer hugetlb memory net_cls net_prio perf_event pids rdma " \
  "systemd kubelet=cpu/kubelet cgroupv2=unified"

static void finds_what_a_container_sees_of_a_version_1_host(void **state)
{
  (void)state;
  parse_fixture("container-cgroupv1", "/host");
  expect_mounts("/host/sys/fs/cgroup", COMBINED " rdma cgroupv2=unified");
}

static void finds_what_a_container_sees_of_a_version_2_host(void **state)
{
  (void)state;
  parse_fixture("container-cgroupv2", "/host");
  expect_mounts("/host/sys/fs/cgroup", "cgroupv2=");
}

static void finds_the_own_hierarchies_of_a_container(void **state)
{
  (void)state;
  parse_fixture("self-reader-cgroupv1", "/sys");
  expect_mounts("/sys/fs/cgroup", COMBINED);
  parse_fixture("self-reader-cgroupv2", "/sys");
  expect_mounts("/sys/fs/cgroup", "cgroupv2=");
}

static void keeps_the_shortest_of_several_mounts_in_docker_in_docker(void **state)
{
  (void)state;
  parse_fixture("dind-cgroupv1", "/host");
  expect_mounts("/host/sys/fs/cgroup", APART);
}

#define LINE(path, type) type " " path " " type " rw 0 0\n"

static void takes_the_shortest_path_of_a_controller_and_the_first_of_equal_length(void **state)
{
  (void)state;
  parse(LINE("/long/cpu", "cgroup") LINE("/a/cpu", "cgroup") LINE("/b/cpu", "cgroup"), "");
  expect_mounts("/a", "cpu");
}

static void takes_the_last_mount_of_version_2(void **state)
{
  (void)state;
  parse(LINE("/a", "cgroup2") LINE("/sys/fs/cgroup", "cgroup2"), "");
  expect_mounts("/sys/fs/cgroup", "cgroupv2=");
}

static void knows_both_versions_at_once(void **state)
{
  (void)state;
  parse(LINE("/c/cpu,cpuacct", "cgroup") LINE("/c/unified", "cgroup2"), "");
  expect_mounts("/c", "cpu=cpu,cpuacct cpuacct=cpu,cpuacct cgroupv2=unified");
}

static void leaves_out_what_is_not_below_the_prefix(void **state)
{
  (void)state;
  parse(LINE("/sys/fs/cgroup/cpu", "cgroup") LINE("/hostile/pids", "cgroup")
            LINE("/host/c/memory", "cgroup"),
        "/host");
  expect_mounts("/host/c", "memory");
}

static void understands_the_escapes_of_the_kernel(void **state)
{
  (void)state;
  parse("cgroup /a\\040b\\134c/cpu cgroup rw 0 0\n", "");
  expect_mounts("/a b\\c", "cpu");
}

static void passes_over_lines_that_are_none(void **state)
{
  (void)state;
  parse("\n\n   \ncgroup\ncgroup /cpu\ncgroup cpu cgroup rw\ncgroup /a\\000b/cpu cgroup rw\n"
        "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup /a/, cgroup rw\n\xff\xfe\x01\n"
        "cgroup /a/pids cgroup",
        "");
  expect_mounts("/a", "pids");
}

static void holds_no_more_names_than_it_has_room_for(void **state)
{
  char *text = NULL;
  size_t len_bytes;

  (void)state;
  FILE *file = open_memstream(&text, &len_bytes);
  for (int i = 0; i < 3 * MW_MOUNTS_MAX; i++)
    fprintf(file, "cgroup /c/name%d cgroup rw 0 0\n", i);
  fprintf(file, "cgroup /%0*d/cpu cgroup rw 0 0\n", PATH_MAX, 1);
  fclose(file);
  parse(text, "");
  free(text);
  assert_int_equal(mounts.count, MW_MOUNTS_MAX);
  assert_null(mw_cgroup_mounts_find(&mounts, "cpu"));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_a_container_sees_of_a_version_1_host),
      cmocka_unit_test(finds_what_a_container_sees_of_a_version_2_host),
      cmocka_unit_test(finds_the_own_hierarchies_of_a_container),
      cmocka_unit_test(keeps_the_shortest_of_several_mounts_in_docker_in_docker),
      cmocka_unit_test(takes_the_shortest_path_of_a_controller_and_the_first_of_equal_length),
      cmocka_unit_test(takes_the_last_mount_of_version_2),
      cmocka_unit_test(knows_both_versions_at_once),
      cmocka_unit_test(leaves_out_what_is_not_below_the_prefix),
      cmocka_unit_test(understands_the_escapes_of_the_kernel),
      cmocka_unit_test(passes_over_lines_that_are_none),
      cmocka_unit_test(holds_no_more_names_than_it_has_room_for),
  };

  return cmocka_run_group_tests_name("core/cgroup/mounts", tests, NULL, NULL);
}
