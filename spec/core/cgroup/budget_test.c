/* How many descriptors may be kept, by what this process is allowed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "moonwatch/cgroup.h"

static void is_at_most_4096_and_half_of_the_limit_on_files(void **state)
{
  struct rlimit files, low;

  (void)state;
  assert_in_range(mw_cgroup_kept_files_default(), 0, 4096);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
  low = (struct rlimit){.rlim_cur = 100, .rlim_max = files.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
  uint32_t kept = mw_cgroup_kept_files_default();
  setrlimit(RLIMIT_NOFILE, &files);
  assert_int_equal(kept, 50);
}

static bool write_number(const char *folder, const char *file, long number)
{
  char path[256], text[32];

  snprintf(path, sizeof path, "%s/%s", folder, file);
  int fd = open(path, O_WRONLY);
  int len_bytes = snprintf(text, sizeof text, "%ld", number);
  bool done = fd >= 0 && write(fd, text, (size_t)len_bytes) == len_bytes;
  if (fd >= 0)
    close(fd);
  return done;
}

/* A child goes into a cgroup below one with the limit, and says what it may keep; -1: it cannot. */
static int kept_files_below(const char *folder)
{
  pid_t child = fork();
  int status;

  if (child == 0) {
    if (!write_number(folder, "cgroup.procs", getpid()))
      _exit(255);
    _exit(mw_cgroup_kept_files_default() == (20 << 20) / 8 / 4710 ? 0 : 1);
  }
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static void is_an_eighth_of_the_limit_on_memory(void **state)
{
  char outer[128], inner[160];
  int outcome = 255;

  (void)state;
  snprintf(outer, sizeof outer, "/sys/fs/cgroup/memory/mw-spec-%d", (int)getpid());
  snprintf(inner, sizeof inner, "%s/inner", outer);
  if (mkdir(outer, 0755) == 0 && mkdir(inner, 0755) == 0 &&
      write_number(outer, "memory.limit_in_bytes", 20 << 20))
    outcome = kept_files_below(inner);
  rmdir(inner);
  rmdir(outer);
  if (outcome == 255)
    skip(); /* no version 1 memory here, or no right to it */
  assert_int_equal(outcome, 0);
}

static void what_this_process_uses_is_the_number_of_its_own_cgroup(void **state)
{
  uint64_t bytes = 0;

  (void)state;
  if (!mw_cgroup_own_memory_bytes(&bytes))
    skip(); /* no memory controller is seen here */
  assert_true(bytes > 65536);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_at_most_4096_and_half_of_the_limit_on_files),
      cmocka_unit_test(is_an_eighth_of_the_limit_on_memory),
      cmocka_unit_test(what_this_process_uses_is_the_number_of_its_own_cgroup),
  };

  return cmocka_run_group_tests_name("core/cgroup/budget", tests, NULL, NULL);
}
