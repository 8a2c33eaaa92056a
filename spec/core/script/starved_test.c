/* A system that has no memory left when a state is made: an error, never a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "script/script.h"

#define LEFT_MAX_BYTES ((size_t)160 << 10)
#define STEP_BYTES ((size_t)2 << 10)

/* Take all that there is, from large blocks to small ones. */
static void take_all_memory(void)
{
  const struct rlimit none = {.rlim_cur = 0, .rlim_max = RLIM_INFINITY};

  setrlimit(RLIMIT_AS, &none);
  for (size_t bytes = (size_t)1 << 20; bytes >= 16; bytes /= 2)
    while (malloc(bytes))
      ;
}

static void make_a_state_with(size_t left_bytes)
{
  const struct mw_script_config config = {.name = "starved"};
  void *left = malloc(left_bytes);

  take_all_memory();
  free(left);
  mw_script_free(mw_script_new(&config, NULL));
  _exit(0);
}

static void never_crashes_however_little_is_left(void **state)
{
  (void)state;
#ifdef __SANITIZE_ADDRESS__ /* its own memory would end, too */
  skip();
#endif
  for (size_t bytes = 1; bytes < LEFT_MAX_BYTES; bytes += STEP_BYTES) {
    int status;
    pid_t child = fork();
    if (child == 0)
      make_a_state_with(bytes);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status))
      fail_msg("with %zu bytes left: signal %d", bytes, WTERMSIG(status));
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(never_crashes_however_little_is_left)};

  return cmocka_run_group_tests_name("script/starved", tests, NULL, NULL);
}
