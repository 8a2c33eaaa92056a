#include "base/sort.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* An odd size, so that no step is right by chance. */
struct item {
  uint16_t parts[3];
};

static volatile sig_atomic_t stop;
static size_t comparisons, stop_after; /* 0: never */

static uint32_t number_of(const struct item *item)
{
  return (uint32_t)item->parts[0] << 16 | item->parts[1];
}

static int compare(const void *left, const void *right)
{
  uint32_t a = number_of(left), b = number_of(right);

  if (++comparisons == stop_after)
    stop = 1;
  return (a > b) - (a < b);
}

static struct item *new_items(size_t count, uint32_t (*number)(size_t i))
{
  struct item *items = malloc(count * sizeof *items + 1);

  assert_non_null(items);
  for (size_t i = 0; i < count; i++) {
    uint32_t n = number(i);
    items[i] = (struct item){{(uint16_t)(n >> 16), (uint16_t)n, (uint16_t)(n * 7)}};
  }
  stop = 0;
  comparisons = stop_after = 0;
  return items;
}

static uint32_t scrambled(size_t i)
{
  return (uint32_t)i * UINT32_C(2654435761);
}

static uint32_t falling(size_t i)
{
  return UINT32_MAX - (uint32_t)i;
}

static uint32_t alike(size_t i)
{
  return (uint32_t)(i % 3);
}

/* In order, each with its third part, and the same in sum: nothing lost, nothing twice. */
static void is_sorted(const struct item *items, size_t count, uint32_t (*number)(size_t i))
{
  uint64_t sum = 0, expected = 0;

  for (size_t i = 0; i < count; i++) {
    assert_true(i == 0 || number_of(&items[i - 1]) <= number_of(&items[i]));
    assert_int_equal(items[i].parts[2], (uint16_t)(number_of(&items[i]) * 7));
    sum += number_of(&items[i]);
    expected += number(i);
  }
  assert_int_equal(sum, expected);
}

static void it_sorts_any_number_of_items(void **state)
{
  static const size_t counts[] = {0, 1, 2, 4095, 4096, 4097, 8192, 8193, 12288, 20000, 65536};
  uint32_t (*const numbers[])(size_t) = {scrambled, falling, alike};

  (void)state;
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
    for (size_t j = 0; j < 3; j++) {
      struct item *items = new_items(counts[i], numbers[j]);
      assert_int_equal(mw_sort(items, counts[i], sizeof *items, compare, &stop), 0);
      is_sorted(items, counts[i], numbers[j]);
      free(items);
    }
}

static void it_stops_soon_wherever_it_is(void **state)
{
  const size_t count = 40000;
  struct item *items = new_items(count, scrambled);

  (void)state;
  assert_int_equal(mw_sort(items, count, sizeof *items, compare, &stop), 0);
  size_t all = comparisons;
  free(items);
  for (size_t after = 1; after < all - 8192; after += all / 37) {
    items = new_items(count, scrambled);
    stop_after = after;
    assert_int_equal(mw_sort(items, count, sizeof *items, compare, &stop), -ECANCELED);
    assert_true(comparisons < after + 65536);
    free(items);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_sorts_any_number_of_items),
      cmocka_unit_test(it_stops_soon_wherever_it_is),
  };

  return cmocka_run_group_tests_name("base/sort", tests, NULL, NULL);
}
