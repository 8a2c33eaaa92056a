/* The client when memory runs out at the n-th allocation, for every n: it says so, and the next
 * question is answered, without a pause. Linked as support/failing_malloc.h says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "moonwatch/kubelet.h"
#include "support/failing_malloc.h"
#include "support/tmptree.h"

#define ENOUGH 100000

static char token_file[TMPTREE_PATH_BYTES], dir[TMPTREE_ROOT_BYTES];

static const struct mw_kubelet_config config = {.url = "https://127.0.0.1:10250",
                                                .token_file = token_file,
                                                .recorded_dir =
                                                    "spec/fixtures/kubelet-1.20-answers"};

static int write_token(void **state)
{
  (void)state;
  tmptree_make(dir);
  snprintf(token_file, sizeof token_file, "%s/token", dir);
  tmptree_write(token_file, "abc\n");
  return 0;
}

static int remove_token(void **state)
{
  (void)state;
  tmptree_remove(dir);
  return 0;
}

static int ask_pods(struct mw_kubelet *kubelet, struct mw_error *err)
{
  struct mw_kubelet_pods *pods = NULL;
  int rc = mw_kubelet_pods(kubelet, INT64_MAX, &pods, err);

  assert_int_equal(rc == 0, pods != NULL);
  mw_kubelet_pods_free(pods);
  return rc;
}

static void a_new_client_says_so(void **state)
{
  struct mw_kubelet *kubelet = NULL;
  struct mw_error err = {0};
  long n = 1;

  (void)state;
  for (; !kubelet; n++) {
    assert_true(n < ENOUGH);
    allocations_total = 0;
    failing_allocation = n;
    kubelet = mw_kubelet_new(&config, &err);
    failing_allocation = 0;
    if (!kubelet)
      assert_int_equal(err.code, ENOMEM);
  }
  assert_true(n > 3);
  mw_kubelet_free(kubelet);
}

static void a_question_says_so_and_the_next_is_answered(void **state)
{
  int rc = -1;
  long n = 1;

  (void)state;
  for (; rc != 0; n++) {
    struct mw_kubelet *kubelet = mw_kubelet_new(&config, NULL);
    struct mw_error err = {0};
    assert_non_null(kubelet);
    assert_true(n < ENOUGH);
    allocations_total = 0;
    failing_allocation = n;
    rc = ask_pods(kubelet, &err);
    failing_allocation = 0;
    if (rc != 0)
      assert_int_equal(rc, -ENOMEM);
    if (ask_pods(kubelet, &err) != 0)
      fail_msg("allocation %ld: %s", n, err.text);
    mw_kubelet_free(kubelet);
  }
  assert_true(n > 3);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_new_client_says_so),
      cmocka_unit_test(a_question_says_so_and_the_next_is_answered),
  };

  return cmocka_run_group_tests(tests, write_token, remove_token);
}
