/* The writer as C uses it: exact integers, misuse, errors that stick, ceilings. */
#include "json/writer.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
  struct mw_json_writer w;
  struct mw_buf buf;
  struct mw_error err;
};

static int set_up(void **state)
{
  static struct fixture f;

  memset(&f, 0, sizeof f);
  mw_buf_init(&f.buf, 4096);
  mw_json_writer_init(&f.w, &f.buf, &f.err);
  *state = &f;
  return 0;
}

static int tear_down(void **state)
{
  mw_buf_deinit(&((struct fixture *)*state)->buf);
  return 0;
}

static void writes_everything_that_json_has(void **state)
{
  struct fixture *f = *state;

  mw_json_begin_object(&f->w);
  mw_json_write_key(&f->w, "list");
  mw_json_begin_array(&f->w);
  mw_json_write_u64(&f->w, UINT64_MAX);
  mw_json_write_i64(&f->w, INT64_MIN);
  mw_json_write_double(&f->w, 0.1);
  mw_json_write_double(&f->w, NAN);
  mw_json_write_bool(&f->w, true);
  mw_json_write_bool(&f->w, false);
  mw_json_write_null(&f->w);
  mw_json_begin_object(&f->w);
  mw_json_end_object(&f->w);
  mw_json_end_array(&f->w);
  mw_json_write_key_slice(&f->w, (struct mw_slice){"\0key", 2});
  mw_json_write_text(&f->w, "caf\xE9");
  mw_json_end_object(&f->w);

  assert_int_equal(0, mw_json_writer_finish(&f->w));
  assert_string_equal("{\"list\":[18446744073709551615,-9223372036854775808,0.1,null,true,false,"
                      "null,{}],\"\\u0000k\":\"caf\xEF\xBF\xBD\"}",
                      f->buf.data);
}

static void appends_to_what_the_buffer_holds(void **state)
{
  struct fixture *f = *state;

  mw_buf_append_text(&f->buf, "data: ", NULL);
  mw_json_write_u64(&f->w, 7);
  assert_int_equal(0, mw_json_writer_finish(&f->w));
  assert_string_equal("data: 7", f->buf.data);
}

static void value_for_a_key(struct mw_json_writer *w)
{
  mw_json_begin_object(w);
  mw_json_write_null(w);
}

static void key_in_a_list(struct mw_json_writer *w)
{
  mw_json_begin_array(w);
  mw_json_write_key(w, "k");
}

static void key_outside(struct mw_json_writer *w)
{
  mw_json_write_key(w, "k");
}

static void two_keys(struct mw_json_writer *w)
{
  mw_json_begin_object(w);
  mw_json_write_key(w, "a");
  mw_json_write_key(w, "b");
}

static void end_behind_a_key(struct mw_json_writer *w)
{
  mw_json_begin_object(w);
  mw_json_write_key(w, "a");
  mw_json_end_object(w);
}

static void end_of_another_kind(struct mw_json_writer *w)
{
  mw_json_begin_object(w);
  mw_json_end_array(w);
}

static void end_of_nothing(struct mw_json_writer *w)
{
  mw_json_end_array(w);
}

static void two_documents(struct mw_json_writer *w)
{
  mw_json_write_null(w);
  mw_json_begin_array(w);
  mw_json_end_array(w);
}

static void unfinished(struct mw_json_writer *w)
{
  mw_json_begin_array(w);
}

static void nothing(struct mw_json_writer *w)
{
  (void)w;
}

static void too_deep(struct mw_json_writer *w)
{
  for (int i = 0; i <= MW_JSON_DEPTH_MAX; i++)
    mw_json_begin_array(w);
  for (int i = 0; i <= MW_JSON_DEPTH_MAX; i++)
    mw_json_end_array(w);
}

static void refuses_calls_that_do_not_fit(void **state)
{
  static void (*const misuses[])(struct mw_json_writer *) = {
      value_for_a_key, key_in_a_list, key_outside, two_keys, end_behind_a_key, end_of_another_kind,
      end_of_nothing,  two_documents, unfinished,  nothing,  too_deep,
  };
  struct fixture *f = *state;

  for (size_t i = 0; i < sizeof misuses / sizeof misuses[0]; i++) {
    f->err.text[0] = '\0';
    mw_buf_clear(&f->buf);
    mw_json_writer_init(&f->w, &f->buf, &f->err);
    misuses[i](&f->w);
    assert_int_equal(-EINVAL, mw_json_writer_finish(&f->w));
    assert_string_not_equal("", f->err.text);
  }
}

static void nests_as_deep_as_it_says(void **state)
{
  struct fixture *f = *state;

  for (int i = 0; i < MW_JSON_DEPTH_MAX; i++) {
    mw_json_begin_object(&f->w);
    mw_json_write_key(&f->w, "k");
    if (i % 2)
      mw_json_write_null(&f->w);
    if (i % 2)
      mw_json_write_key(&f->w, "l");
  }
  mw_json_write_null(&f->w);
  for (int i = 0; i < MW_JSON_DEPTH_MAX; i++)
    mw_json_end_object(&f->w);
  assert_int_equal(0, mw_json_writer_finish(&f->w));
}

static void keeps_the_first_error(void **state)
{
  struct fixture *f = *state;

  mw_json_begin_array(&f->w);
  mw_json_write_key(&f->w, "k");
  mw_json_write_null(&f->w);
  mw_json_end_object(&f->w);
  mw_json_end_array(&f->w);
  assert_int_equal(-EINVAL, mw_json_writer_finish(&f->w));
  assert_string_equal("wrong use of the JSON writer: a key where a value belongs", f->err.text);
  assert_string_equal("[", f->buf.data);
}

/* Whatever the room, a document comes out whole or as -EMSGSIZE, and never past the ceiling. */
static void stops_at_the_ceiling_of_the_buffer(void **state)
{
  static const char expected[] = "{\"key\":[1.5,\"text\",\"\\n\",true]}";
  struct fixture *f = *state;

  for (size_t max_bytes = 0; max_bytes <= sizeof expected; max_bytes++) {
    mw_buf_deinit(&f->buf);
    mw_buf_init(&f->buf, max_bytes);
    mw_json_writer_init(&f->w, &f->buf, NULL);
    mw_json_begin_object(&f->w);
    mw_json_write_key(&f->w, "key");
    mw_json_begin_array(&f->w);
    mw_json_write_double(&f->w, 1.5);
    mw_json_write_text(&f->w, "text");
    mw_json_write_text(&f->w, "\n");
    mw_json_write_bool(&f->w, true);
    mw_json_end_array(&f->w);
    mw_json_end_object(&f->w);
    int rc = mw_json_writer_finish(&f->w);

    assert_true(f->buf.len_bytes <= max_bytes);
    if (max_bytes < sizeof expected - 1)
      assert_int_equal(-EMSGSIZE, rc);
    else if (max_bytes > sizeof expected - 1)
      assert_int_equal(0, rc);
    if (rc == 0)
      assert_string_equal(expected, f->buf.data);
  }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(writes_everything_that_json_has), TEST(appends_to_what_the_buffer_holds),
      TEST(refuses_calls_that_do_not_fit),   TEST(nests_as_deep_as_it_says),
      TEST(keeps_the_first_error),           TEST(stops_at_the_ceiling_of_the_buffer),
  };
  return cmocka_run_group_tests_name("json: writer", tests, NULL, NULL);
}
