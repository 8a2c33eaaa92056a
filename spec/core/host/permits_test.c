/* What a process may see: of a recording, of this machine, and without any right. */
#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "moonwatch/host.h"
#include "support/tmptree.h"

#define NOBODY 65534

static struct mw_host_permits permits_below(const char *host_root)
{
  struct mw_host *host = mw_host_new(&(struct mw_host_config){.host_root = host_root}, NULL);
  struct mw_host_permits permits;

  assert_non_null(host);
  mw_host_permits(host, &permits);
  mw_host_free(host);
  return permits;
}

static void write_below(const char *root, const char *name, const char *text)
{
  char path[TMPTREE_PATH_BYTES];

  snprintf(path, sizeof path, "%s/%s", root, name);
  tmptree_write(path, text);
}

static void a_recording_says_nothing_of_this_process(void **state)
{
  char root[TMPTREE_ROOT_BYTES];
  (void)state;

  tmptree_make(root);
  write_below(root, "proc/1/stat", "1 (init) S\n");
  write_below(root, "proc/2/comm", "kthreadd\n");
  write_below(root, "proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
  write_below(root, "proc/sys/fs/inotify/max_user_watches", "8192\n");
  struct mw_host_permits permits = permits_below(root);
  tmptree_remove(root);

  assert_false(permits.is_live);
  assert_int_equal(MW_PERMIT_UNKNOWN, permits.sees_host_processes);
  assert_int_equal(MW_PERMIT_UNKNOWN, permits.sees_foreign_processes);
  assert_int_equal(MW_PERMIT_UNKNOWN, permits.follows_foreign_links);
  assert_int_equal(MW_PERMIT_UNKNOWN, permits.in_host_cgroup_namespace);
  assert_int_equal(MW_PERMIT_YES, permits.pressure);
  assert_int_equal(8192, permits.inotify_watches_max);
  assert_int_equal(0, permits.inotify_instances_max);
}

static void pressure_that_is_off_is_a_file_that_cannot_be_read(void **state)
{
  char root[TMPTREE_ROOT_BYTES];
  (void)state;

  tmptree_make(root);
  write_below(root, "proc/pressure/cpu", "");
  assert_int_equal(MW_PERMIT_NO, permits_below(root).pressure);
  tmptree_remove(root);
  assert_int_equal(MW_PERMIT_NO, permits_below("/nonexistent").pressure);
}

static void this_machine_is_live(void **state)
{
  struct mw_host_permits permits = permits_below("/");
  struct rlimit files;
  (void)state;

  assert_true(permits.is_live);
  assert_true(permits.capabilities_known);
  assert_int_not_equal(MW_PERMIT_UNKNOWN, permits.sees_foreign_processes);
  assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &files));
  assert_int_equal(files.rlim_cur, permits.descriptors_max);
}

/* In a child, for there is no way back. */
static int exit_code_of_nobody(void)
{
  pid_t child = fork();
  int status;

  if (child == 0) {
    if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
      _exit(99);
    struct mw_host_permits permits = permits_below("/");
    _exit(permits.capabilities_known && permits.capabilities == 0 &&
                  permits.follows_foreign_links == MW_PERMIT_NO
              ? 0
              : 1);
  }
  assert_int_equal(child, waitpid(child, &status, 0));
  return WEXITSTATUS(status);
}

static void nobody_has_no_capability_and_follows_no_link_of_root(void **state)
{
  (void)state;

  if (geteuid() != 0)
    skip(); /* who is not root cannot become nobody */
  assert_true(permits_below("/").capabilities >> CAP_SETUID & 1);
  assert_int_equal(0, exit_code_of_nobody());
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_recording_says_nothing_of_this_process),
      cmocka_unit_test(pressure_that_is_off_is_a_file_that_cannot_be_read),
      cmocka_unit_test(this_machine_is_live),
      cmocka_unit_test(nobody_has_no_capability_and_follows_no_link_of_root),
  };
  return cmocka_run_group_tests_name("host/permits", tests, NULL, NULL);
}
