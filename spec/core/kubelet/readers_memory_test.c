/* Both readers when memory runs out at the n-th allocation, for every n.
 * Linked as support/failing_malloc.h says. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "support/failing_malloc.h"

#define ENOUGH 100000

/* yajl does not check for memory exhaustion, but takes all that it needs of it from its own
 * library, which is not wrapped. */
static int read_summary(const char *text, size_t len_bytes, struct mw_error *err)
{
  struct mw_kubelet_summary_reader *reader = mw_kubelet_summary_reader_new(NULL, err);
  int rc = reader ? mw_kubelet_summary_reader_feed(reader, text, len_bytes, err) : -err->code;
  struct mw_kubelet_summary *summary =
      reader ? mw_kubelet_summary_reader_take(reader, rc < 0 ? NULL : err) : NULL;

  assert_true(rc == 0 || !summary);
  mw_kubelet_summary_reader_free(reader);
  mw_kubelet_summary_free(summary);
  return summary ? 0 : -err->code;
}

static int read_pods(const char *text, size_t len_bytes, struct mw_error *err)
{
  struct mw_kubelet_pods_reader *reader =
      mw_kubelet_pods_reader_new(&(struct mw_kubelet_pods_config){0}, err);
  int rc = reader ? mw_kubelet_pods_reader_feed(reader, text, len_bytes, err) : -err->code;
  struct mw_kubelet_pods *pods =
      reader ? mw_kubelet_pods_reader_take(reader, rc < 0 ? NULL : err) : NULL;

  assert_true(rc == 0 || !pods);
  mw_kubelet_pods_reader_free(reader);
  mw_kubelet_pods_free(pods);
  return pods ? 0 : -err->code;
}

/* @return how many allocations there were before all went well. */
static long try_every_allocation(const char *text, size_t len_bytes,
                                 int (*read)(const char *, size_t, struct mw_error *))
{
  long n = 1;

  for (int rc = -ENOMEM; rc != 0; n++) {
    struct mw_error err = {0};
    assert_true(n < ENOUGH);
    allocations_total = 0;
    failing_allocation = n;
    rc = read(text, len_bytes, &err);
    bool reached = allocations_total >= n;
    failing_allocation = 0;
    assert_int_equal(rc, reached ? -ENOMEM : 0);
    if (reached)
      assert_non_null(strstr(err.text, "out of memory"));
  }
  return n - 2;
}

/* Reader, result, decoder, JSON reader, a part of the result. */
static void a_summary_says_that_there_is_no_memory(void **state)
{
  size_t len_bytes;
  char *text = fixture_text("kubelet-1.20-answers/stats_summary.json", &len_bytes);

  (void)state;
  assert_true(try_every_allocation(text, len_bytes, read_summary) >= 5);
  free(text);
}

/* The same, and an index. */
static void a_pod_list_says_that_there_is_no_memory(void **state)
{
  size_t len_bytes;
  char *text = fixture_text("kubelet-pods/podlist_1.8-2.json", &len_bytes);

  (void)state;
  assert_true(try_every_allocation(text, len_bytes, read_pods) >= 6);
  free(text);
}

/* Which is read by a reader of its own. */
static void an_owner_in_an_annotation_says_that_there_is_no_memory(void **state)
{
  static const char text[] = "{\"items\":[{\"metadata\":{\"annotations\":{"
                             "\"kubernetes.io/created-by\":\"{\\\"kind\\\":"
                             "\\\"SerializedReference\\\",\\\"reference\\\":{\\\"name\\\":"
                             "\\\"d\\\"}}\"}}}]}";

  (void)state;
  assert_true(try_every_allocation(text, sizeof text - 1, read_pods) >= 8);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_summary_says_that_there_is_no_memory),
      cmocka_unit_test(a_pod_list_says_that_there_is_no_memory),
      cmocka_unit_test(an_owner_in_an_annotation_says_that_there_is_no_memory),
  };

  return cmocka_run_group_tests_name("core/kubelet without memory", tests, NULL, NULL);
}
