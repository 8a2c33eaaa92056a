#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_fixture.h"

/* ---- Records ---- */

static void gets_what_was_put(void **state)
{
  put(*state, "k", "v");
  expect(*state, "k", "v");
  expect(*state, "nothing-there", NULL);
}

static void keeps_an_empty_value_apart_from_none(void **state)
{
  put(*state, "k", "");
  expect(*state, "k", "");
}

static void replaces_a_value(void **state)
{
  put(*state, "k", "1");
  put(*state, "k", "a longer one");
  put(*state, "k", "2");
  expect(*state, "k", "2");
}

static void takes_any_bytes(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_bytes key = {"\0\xff", 2}, value = {"a\0b", 3};
  struct mw_store_value got = {0};

  assert_int_equal(mw_store_put(fixture->store, key, value, NULL), 0);
  assert_int_equal(mw_store_get(fixture->store, key, &got, NULL), 1);
  assert_int_equal(got.len_bytes, 3);
  assert_memory_equal(got.data, "a\0b", 3);
  mw_store_value_deinit(&got);
}

static void refuses_keys_that_are_empty_or_too_long(void **state)
{
  struct fixture *fixture = *state;
  char key[MW_STORE_KEY_MAX_BYTES + 1];
  struct mw_store_value got = {0};

  memset(key, 'k', sizeof key);
  assert_int_equal(mw_store_put(fixture->store, text(""), text("v"), &fixture->err), -EINVAL);
  says(fixture, "a key is empty");
  assert_int_equal(mw_store_put(fixture->store, (struct mw_store_bytes){key, 511}, text("v"), NULL),
                   0);
  assert_int_equal(
      mw_store_put(fixture->store, (struct mw_store_bytes){key, 512}, text("v"), &fixture->err),
      -EINVAL);
  says(fixture, "a key is too long: it has 512 bytes, at most 511");
  assert_int_equal(mw_store_get(fixture->store, (struct mw_store_bytes){key, 511}, &got, NULL), 1);
  assert_int_equal(mw_store_get(fixture->store, (struct mw_store_bytes){key, 512}, &got, NULL),
                   -EINVAL);
  mw_store_value_deinit(&got);
}

static void refuses_a_value_that_is_too_large(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_bytes huge = {"", MW_STORE_VALUE_MAX_BYTES + 1}; /* never looked at */

  assert_int_equal(mw_store_put(fixture->store, text("k"), huge, &fixture->err), -EMSGSIZE);
  expect(fixture, "k", NULL);
}

static void gives_copies(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_value got = {0};

  put(fixture, "k", "first");
  assert_int_equal(mw_store_get(fixture->store, text("k"), &got, NULL), 1);
  put(fixture, "k", "other");
  assert_memory_equal(got.data, "first", 5);
  mw_store_value_deinit(&got);
}

/* ---- Delete ---- */

struct seen {
  char text[256];
  unsigned count;
  unsigned fail_at; /* the call that fails, from 1; 0: none */
};

static int see(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
               struct mw_error *err)
{
  struct seen *seen = data;
  size_t used = strlen(seen->text);

  snprintf(seen->text + used, sizeof seen->text - used, "%.*s=%.*s ", (int)key.len_bytes,
           (const char *)key.data, value ? (int)value->len_bytes : 1,
           value ? (const char *)value->data : "-");
  return ++seen->count == seen->fail_at ? mw_error_set(err, ENOTTY, "the callback's own") : 0;
}

static void deletes_keys_in_their_order(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_bytes keys[] = {text("c"), text("zz"), text("a"), text("c")};
  struct seen seen = {0};

  put(fixture, "a", "1");
  put(fixture, "b", "2");
  put(fixture, "c", "3");
  assert_int_equal(mw_store_delete(fixture->store, keys, 4, see, &seen, NULL), 0);
  assert_string_equal(seen.text, "c=3 zz=- a=1 c=- ");
  expect(fixture, "a", NULL);
  expect(fixture, "b", "2");
  expect(fixture, "c", NULL);
}

static void deletes_nothing_when_a_callback_fails(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_bytes keys[] = {text("a"), text("b")};
  struct seen seen = {.fail_at = 2};

  put(fixture, "a", "1");
  put(fixture, "b", "2");
  assert_int_equal(mw_store_delete(fixture->store, keys, 2, see, &seen, &fixture->err), -ENOTTY);
  assert_string_equal(fixture->err.text, "the callback's own");
  assert_int_equal(seen.count, 2);
  expect(fixture, "a", "1");
  expect(fixture, "b", "2");
}

static void deletes_without_a_callback(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_bytes key = text("a");

  put(fixture, "a", "1");
  assert_int_equal(mw_store_delete(fixture->store, &key, 1, NULL, NULL, NULL), 0);
  expect(fixture, "a", NULL);
}

/* ---- Walks ---- */

static void walks_in_the_order_of_bytes(void **state)
{
  struct fixture *fixture = *state;
  struct seen all = {0}, some = {0}, stopped = {.fail_at = 2};

  put(fixture, "b", "1");
  put(fixture, "a", "2");
  put(fixture, "c", "3");
  put(fixture, "ba", "4");
  assert_int_equal(mw_store_each(fixture->store, text(""), see, &all, NULL), 0);
  assert_string_equal(all.text, "a=2 b=1 ba=4 c=3 ");
  assert_int_equal(mw_store_each(fixture->store, text("b"), see, &some, NULL), 0);
  assert_string_equal(some.text, "b=1 ba=4 ");
  assert_int_equal(mw_store_each(fixture->store, text(""), see, &stopped, &fixture->err), -ENOTTY);
  assert_int_equal(stopped.count, 2);
}

static void walks_one_by_one(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_value key = {0}, value = {0};
  struct mw_store_bytes none = {0};

  put(fixture, "b", "1");
  put(fixture, "ba", "2");
  put(fixture, "c", "3");
  assert_int_equal(mw_store_next(fixture->store, text("b"), none, &key, &value, NULL), 1);
  assert_string_equal(key.data, "b");
  assert_int_equal(mw_store_next(fixture->store, text("b"), text("b"), &key, &value, NULL), 1);
  assert_string_equal(key.data, "ba");
  assert_string_equal(value.data, "2");
  assert_int_equal(mw_store_next(fixture->store, text("b"), text("ba"), &key, &value, NULL), 0);
  assert_int_equal(mw_store_next(fixture->store, text(""), text("bb"), &key, &value, NULL), 1);
  assert_string_equal(key.data, "c");
  mw_store_value_deinit(&key);
  mw_store_value_deinit(&value);
}

static int use_again(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                     struct mw_error *err)
{
  struct fixture *fixture = data;
  struct mw_store_value got = {0};

  (void)value;
  assert_int_equal(mw_store_get(fixture->store, key, &got, err), -EDEADLK);
  assert_int_equal(mw_store_put(fixture->store, key, text("x"), err), -EDEADLK);
  assert_int_equal(mw_store_close(fixture->store, err), -EDEADLK);
  return 0;
}

static void refuses_to_be_used_in_its_own_callbacks(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_bytes key = text("a");

  put(fixture, "a", "1");
  assert_int_equal(mw_store_each(fixture->store, text(""), use_again, fixture, NULL), 0);
  assert_int_equal(mw_store_delete(fixture->store, &key, 1, use_again, fixture, NULL), 0);
  put(fixture, "a", "2"); /* outside of them it goes on */
}

/* ---- Its end ---- */

static void is_closed_once_and_for_all(void **state)
{
  struct fixture *fixture = *state;

  assert_int_equal(mw_store_close(fixture->store, NULL), 0);
  assert_int_equal(mw_store_close(fixture->store, NULL), 0);
  assert_int_equal(mw_store_put(fixture->store, text("k"), text("v"), &fixture->err), -EBADF);
  says(fixture, "is closed");
}

static void is_destroyed_with_its_directory(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_value got = {0};

  put(fixture, "k", "v");
  assert_int_equal(mw_store_destroy(fixture->store, &fixture->err), 0);
  assert_int_equal(access(fixture->dir, F_OK), -1);
  assert_int_equal(mw_store_put(fixture->store, text("k"), text("v"), NULL), -EBADF);
  assert_int_equal(mw_store_get(fixture->store, text("k"), &got, NULL), -EBADF);
  assert_int_equal(mw_store_close(fixture->store, NULL), 0);
}

static void is_cleared_and_goes_on(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_stats stats;

  put(fixture, "k", "v");
  assert_int_equal(mw_store_clear(fixture->store, NULL), 0);
  expect(fixture, "k", NULL);
  put(fixture, "l", "w");
  assert_int_equal(mw_store_stats(fixture->store, &stats, NULL), 0);
  assert_int_equal(stats.entries_count, 1);
}

static void remembers(void **state)
{
  put(*state, "k", "v");
  reopen(*state);
  expect(*state, "k", "v");
}

/* ---- Room ---- */

static char large[65536];

static int fill(struct fixture *fixture, unsigned values_count)
{
  int rc = 0;

  for (unsigned i = 0; rc == 0 && i < values_count; i++) {
    char key[16];
    snprintf(key, sizeof key, "%08u", i);
    rc = mw_store_put(fixture->store, text(key), (struct mw_store_bytes){large, sizeof large},
                      &fixture->err);
  }
  return rc;
}

static void grows(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_value got = {0};
  struct mw_store_stats stats;

  memset(large, 'x', sizeof large);
  assert_int_equal(fill(fixture, 64), 0);
  assert_int_equal(mw_store_stats(fixture->store, &stats, NULL), 0);
  assert_true(stats.map_bytes > MW_STORE_MAP_DEFAULT_BYTES);
  assert_int_equal(stats.entries_count, 64);
  assert_true(stats.size_bytes > 64 * sizeof large && stats.size_bytes <= stats.map_bytes);
  reopen(fixture);
  assert_int_equal(mw_store_get(fixture->store, text("00000063"), &got, NULL), 1);
  assert_memory_equal(got.data, large, sizeof large);
  mw_store_value_deinit(&got);
}

static void is_full_at_its_bound_and_not_for_ever(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_bytes keys[] = {text("00000000"), text("00000001"), text("00000002"),
                                  text("00000003")};

  mw_store_free(fixture->store);
  fixture->store = open_with(fixture, (struct mw_store_config){.max_bytes = 1 << 20});
  assert_int_equal(fill(fixture, 64), -EFBIG);
  says(fixture, "is full: it may grow to 1048576 bytes");
  put(fixture, "small", "fits"); /* what is smaller may still find room */
  for (int i = 0; i < 50; i++) {
    assert_int_equal(mw_store_delete(fixture->store, keys, 4, NULL, NULL, &fixture->err), 0);
    put(fixture, "small", "again");
    put(fixture, "small", "and again");
    assert_int_equal(fill(fixture, 2), 0); /* not all four: pages in a row are rare in a full one */
  }
  expect(fixture, "small", "and again");
}

static void refuses_bounds_that_make_no_sense(void **state)
{
  struct fixture *fixture = *state;

  mw_store_free(fixture->store);
  fixture->store = open_with(fixture, (struct mw_store_config){.max_bytes = 1});
  assert_null(fixture->store);
  assert_int_equal(fixture->err.code, EINVAL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(gets_what_was_put),
      TEST(keeps_an_empty_value_apart_from_none),
      TEST(replaces_a_value),
      TEST(takes_any_bytes),
      TEST(refuses_keys_that_are_empty_or_too_long),
      TEST(refuses_a_value_that_is_too_large),
      TEST(gives_copies),
      TEST(deletes_keys_in_their_order),
      TEST(deletes_nothing_when_a_callback_fails),
      TEST(deletes_without_a_callback),
      TEST(walks_in_the_order_of_bytes),
      TEST(walks_one_by_one),
      TEST(refuses_to_be_used_in_its_own_callbacks),
      TEST(is_closed_once_and_for_all),
      TEST(is_destroyed_with_its_directory),
      TEST(is_cleared_and_goes_on),
      TEST(remembers),
      TEST(grows),
      TEST(is_full_at_its_bound_and_not_for_ever),
      TEST(refuses_bounds_that_make_no_sense),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
