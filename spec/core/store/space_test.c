/* The part of a store that a script has. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/space.h"
#include "store_fixture.h"

static struct mw_store_space space_of(struct fixture *fixture, const char *name, uint64_t max_bytes)
{
  struct mw_store_space space;

  assert_int_equal(mw_store_space_init(&space, fixture->store, name, max_bytes, NULL), 0);
  return space;
}

static void has(const struct mw_store_space *space, const char *key, const char *value)
{
  struct mw_store_value got = {0};

  assert_int_equal(mw_store_space_get(space, text(key), &got, NULL), value != NULL);
  if (value)
    assert_string_equal(got.data, value);
  mw_store_value_deinit(&got);
}

static uint64_t used(const struct mw_store_space *space)
{
  struct mw_store_space_stats stats;

  assert_int_equal(mw_store_space_stats(space, &stats, NULL), 0);
  return stats.used_bytes;
}

static void spaces_know_nothing_of_each_other(void **state)
{
  struct mw_store_space one = space_of(*state, "a", 1000), other = space_of(*state, "ab", 1000);
  struct mw_store_value key = {0}, value = {0};
  struct mw_store_bytes none = {0};

  assert_int_equal(mw_store_space_put(&one, text("k"), text("1"), NULL), 0);
  assert_int_equal(mw_store_space_put(&other, text("k"), text("2"), NULL), 0);
  has(&one, "k", "1");
  has(&other, "k", "2");
  assert_int_equal(mw_store_space_next(&one, none, none, &key, &value, NULL), 1);
  assert_string_equal(key.data, "k");
  assert_int_equal(mw_store_space_next(&one, none, text("k"), &key, &value, NULL), 0);
  assert_int_equal(mw_store_space_delete(&one, text("k"), NULL), 1);
  assert_int_equal(mw_store_space_delete(&one, text("k"), NULL), 0);
  has(&one, "k", NULL);
  has(&other, "k", "2");
  mw_store_value_deinit(&key);
  mw_store_value_deinit(&value);
}

static void is_bound_in_bytes(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_space space = space_of(fixture, "s", 2 * (MW_STORE_ENTRY_BYTES + 1 + 10));

  assert_int_equal(mw_store_space_put(&space, text("a"), text("0123456789"), NULL), 0);
  assert_int_equal(mw_store_space_put(&space, text("b"), text("0123456789"), NULL), 0);
  assert_int_equal(mw_store_space_put(&space, text("b"), text("0123456789+"), &fixture->err),
                   -EDQUOT);
  says(fixture, "the store of s is full: with this value it would use 151 bytes of the 150");
  assert_int_equal(mw_store_space_put(&space, text("b"), text("another 10"), NULL), 0);
  assert_int_equal(mw_store_space_put(&space, text("c"), text(""), &fixture->err), -EDQUOT);
  assert_int_equal(used(&space), 150);
  assert_int_equal(mw_store_space_delete(&space, text("a"), NULL), 1);
  assert_int_equal(mw_store_space_put(&space, text("c"), text(""), NULL), 0);
}

static void counts_again_what_others_changed(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_space space = space_of(fixture, "s", MW_STORE_ENTRY_BYTES + 2);

  assert_int_equal(mw_store_space_put(&space, text("a"), text("1"), NULL), 0);
  assert_int_equal(mw_store_space_put(&space, text("b"), text("1"), NULL), -EDQUOT);
  assert_int_equal(mw_store_clear(fixture->store, NULL), 0);
  assert_int_equal(mw_store_space_put(&space, text("b"), text("1"), NULL), 0);
  reopen(fixture);
  space = space_of(fixture, "s", MW_STORE_ENTRY_BYTES + 2);
  assert_int_equal(mw_store_space_put(&space, text("c"), text("1"), NULL), -EDQUOT);
}

static void counts_while_the_map_grows(void **state)
{
  static char value[60000];
  struct mw_store_space space = space_of(*state, "s", UINT64_C(1) << 30);
  uint64_t expected = 0;

  for (unsigned i = 0; i < 60; i++) {
    char key[8];
    snprintf(key, sizeof key, "%03u", i);
    assert_int_equal(
        mw_store_space_put(&space, text(key), (struct mw_store_bytes){value, sizeof value}, NULL),
        0);
    expected += MW_STORE_ENTRY_BYTES + 3 + sizeof value;
  }
  assert_int_equal(used(&space), expected);
  space.max_bytes = expected + MW_STORE_ENTRY_BYTES + 2;
  assert_int_equal(mw_store_space_put(&space, text("x"), text("12"), NULL), -EDQUOT);
  assert_int_equal(mw_store_space_put(&space, text("x"), text("1"), NULL), 0);
}

static void refuses_names_and_keys_that_do_not_fit(void **state)
{
  struct fixture *fixture = *state;
  struct mw_store_space space;
  char long_text[MW_STORE_SPACE_KEY_MAX_BYTES + 2];

  memset(long_text, 'n', sizeof long_text);
  long_text[MW_STORE_SPACE_NAME_MAX_BYTES + 1] = '\0';
  assert_int_equal(mw_store_space_init(&space, fixture->store, "", 1, NULL), -EINVAL);
  assert_int_equal(mw_store_space_init(&space, fixture->store, "a\nb", 1, NULL), -EINVAL);
  assert_int_equal(mw_store_space_init(&space, fixture->store, long_text, 1, NULL), -EINVAL);
  long_text[MW_STORE_SPACE_NAME_MAX_BYTES] = '\0';
  space = space_of(fixture, long_text, 10000);
  memset(long_text, 'k', sizeof long_text);
  long_text[MW_STORE_SPACE_KEY_MAX_BYTES + 1] = '\0';
  assert_int_equal(mw_store_space_put(&space, text(long_text), text("v"), &fixture->err), -EINVAL);
  says(fixture, "at most 446 are possible");
  long_text[MW_STORE_SPACE_KEY_MAX_BYTES] = '\0';
  assert_int_equal(mw_store_space_put(&space, text(long_text), text("v"), NULL), 0);
  has(&space, long_text, "v");
  assert_int_equal(mw_store_space_put(&space, text(""), text("v"), NULL), -EINVAL);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(spaces_know_nothing_of_each_other),      TEST(is_bound_in_bytes),
      TEST(counts_again_what_others_changed),       TEST(counts_while_the_map_grows),
      TEST(refuses_names_and_keys_that_do_not_fit),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
