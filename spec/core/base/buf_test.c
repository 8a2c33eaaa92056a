#include "base/buf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A checker would otherwise end the program where malloc has to say no. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
  return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
  return "allocator_may_return_null=1";
}

static void grows_with_its_content(void **state)
{
  MW_AUTO_BUF buf;
  (void)state;

  mw_buf_init(&buf, 5000);
  for (int i = 0; i < 500; i++)
    assert_int_equal(0, mw_buf_append_text(&buf, "0123456789", NULL));
  assert_int_equal(5000, buf.len_bytes);
  assert_int_equal('\0', buf.data[5000]);
  assert_memory_equal("0123456789", buf.data + 4990, 10);
  assert_in_range(buf.capacity_bytes, 5001, 5001);
}

static void refuses_a_byte_past_its_ceiling_and_stays_as_it_was(void **state)
{
  struct mw_error err;
  MW_AUTO_BUF buf;
  (void)state;

  mw_buf_init(&buf, 4);
  assert_int_equal(0, mw_buf_append(&buf, "abcd", 4, &err));
  assert_int_equal(-EMSGSIZE, mw_buf_append(&buf, "e", 1, &err));
  assert_string_equal("larger than the limit of 4 bytes", err.text);
  assert_int_equal(-EMSGSIZE, mw_buf_printf(&buf, NULL, "%d", 5));
  assert_int_equal(-EMSGSIZE, mw_buf_reserve(&buf, SIZE_MAX, NULL));
  assert_string_equal("abcd", buf.data);
  assert_int_equal(4, buf.len_bytes);
}

static void holds_nothing_at_a_ceiling_of_zero(void **state)
{
  MW_AUTO_BUF buf;
  (void)state;

  mw_buf_init(&buf, 0);
  assert_int_equal(0, mw_buf_append(&buf, NULL, 0, NULL));
  assert_string_equal("", buf.data);
  assert_int_equal(-EMSGSIZE, mw_buf_append(&buf, "x", 1, NULL));
}

static void says_when_memory_runs_out_and_stays_as_it_was(void **state)
{
  struct mw_error err;
  MW_AUTO_BUF buf;
  (void)state;

  mw_buf_init(&buf, SIZE_MAX / 4);
  mw_buf_append_text(&buf, "kept", NULL);
  assert_int_equal(-ENOMEM, mw_buf_reserve(&buf, SIZE_MAX / 8, &err));
  assert_string_equal("kept", buf.data);
  assert_int_equal(0, mw_buf_append_text(&buf, " on", NULL));
  assert_string_equal("kept on", buf.data);
}

static void printf_appends_formatted_text(void **state)
{
  MW_AUTO_BUF buf;
  (void)state;

  mw_buf_init(&buf, 1000);
  assert_int_equal(0, mw_buf_printf(&buf, NULL, "%s=%d", "a", 1));
  assert_int_equal(0, mw_buf_printf(&buf, NULL, ",%300d", 2));
  assert_int_equal(304, buf.len_bytes);
  assert_memory_equal("a=1, ", buf.data, 5);
}

static void append_takes_bytes_that_are_no_text(void **state)
{
  MW_AUTO_BUF buf;
  (void)state;

  mw_buf_init(&buf, 10);
  assert_int_equal(0, mw_buf_append(&buf, "a\0b", 3, NULL));
  assert_int_equal(3, buf.len_bytes);
  assert_memory_equal("a\0b", buf.data, 4);
}

static void clear_keeps_the_memory(void **state)
{
  MW_AUTO_BUF buf;
  (void)state;

  mw_buf_init(&buf, 10);
  mw_buf_clear(&buf);
  assert_null(buf.data);
  mw_buf_append_text(&buf, "text", NULL);
  const char *memory = buf.data;
  mw_buf_clear(&buf);
  assert_int_equal(0, buf.len_bytes);
  assert_string_equal("", buf.data);
  assert_ptr_equal(memory, buf.data);
}

static void deinit_accepts_a_zeroed_buffer_and_a_second_time(void **state)
{
  struct mw_buf buf = {0};
  (void)state;

  mw_buf_deinit(&buf);
  mw_buf_init(&buf, 10);
  mw_buf_append_text(&buf, "text", NULL);
  mw_buf_deinit(&buf);
  mw_buf_deinit(&buf);
  assert_null(buf.data);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(grows_with_its_content),
      cmocka_unit_test(refuses_a_byte_past_its_ceiling_and_stays_as_it_was),
      cmocka_unit_test(holds_nothing_at_a_ceiling_of_zero),
      cmocka_unit_test(says_when_memory_runs_out_and_stays_as_it_was),
      cmocka_unit_test(printf_appends_formatted_text),
      cmocka_unit_test(append_takes_bytes_that_are_no_text),
      cmocka_unit_test(clear_keeps_the_memory),
      cmocka_unit_test(deinit_accepts_a_zeroed_buffer_and_a_second_time),
  };
  return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
