#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc32c.h"

typedef uint32_t checksum(uint32_t crc, const void *bytes, size_t len_bytes);

/* RFC 3720, appendix B.4. */
static void knows_the_examples(checksum *sum)
{
  uint8_t bytes[32] = {0};

  assert_int_equal(sum(0, bytes, 32), 0x8A9136AA);
  memset(bytes, 0xFF, 32);
  assert_int_equal(sum(0, bytes, 32), 0x62A8AB43);
  for (int i = 0; i < 32; i++)
    bytes[i] = (uint8_t)i;
  assert_int_equal(sum(0, bytes, 32), 0x46DD794E);
  for (int i = 0; i < 32; i++)
    bytes[i] = (uint8_t)(31 - i);
  assert_int_equal(sum(0, bytes, 32), 0x113FDB5C);
  assert_int_equal(sum(0, "123456789", 9), 0xE3069283);
  assert_int_equal(sum(0, "", 0), 0);
}

static void knows_the_examples_of_the_standard(void **unused)
{
  (void)unused;
  knows_the_examples(mw_crc32c);
  knows_the_examples(mw_crc32c_portable);
}

static void goes_on_where_it_stopped(void **unused)
{
  const char *text = "a text that is longer than three strides";
  size_t len_bytes = strlen(text);

  (void)unused;
  for (size_t cut = 0; cut <= len_bytes; cut++)
    assert_int_equal(mw_crc32c(mw_crc32c(0, text, cut), text + cut, len_bytes - cut),
                     mw_crc32c_portable(0, text, len_bytes));
}

/* So much is summed up in several lanes. */
static void agrees_with_the_portable_one_about_long_texts(void **unused)
{
  uint8_t bytes[2000];

  (void)unused;
  for (size_t i = 0; i < sizeof bytes; i++)
    bytes[i] = (uint8_t)(i * i + i / 7);
  for (size_t len_bytes = 0; len_bytes < sizeof bytes - 8; len_bytes++)
    assert_int_equal(mw_crc32c(7, bytes + len_bytes % 8, len_bytes),
                     mw_crc32c_portable(7, bytes + len_bytes % 8, len_bytes));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(knows_the_examples_of_the_standard),
      cmocka_unit_test(goes_on_where_it_stopped),
      cmocka_unit_test(agrees_with_the_portable_one_about_long_texts),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
