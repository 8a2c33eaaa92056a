/* Plain data from one state to another, and bytes that are none. */
#include "script/plain.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script/script.h"

#define MAX_BYTES 65536

struct fixture {
  struct mw_script *from, *to;
  struct mw_buf data;
  struct mw_error err;
  const char *text; /* of Lua */
  int rc;
};

static int set_up(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);
  struct mw_script_config config = {.name = "plain"};

  f->from = mw_script_new(&config, &f->err);
  f->to = mw_script_new(&config, &f->err);
  assert_true(f->from && f->to);
  mw_buf_init(&f->data, MAX_BYTES);
  *state = f;
  return 0;
}

static int tear_down(void **state)
{
  struct fixture *f = *state;

  mw_script_free(f->from);
  mw_script_free(f->to);
  mw_buf_deinit(&f->data);
  free(f);
  return 0;
}

static int pack(lua_State *L)
{
  struct fixture *f = lua_touserdata(L, 1);

  mw_script_push_table(f->from);
  lua_getfield(L, -1, "value");
  f->rc = mw_plain_pack(L, &f->data, &f->err);
  return 0;
}

static int unpack(lua_State *L)
{
  struct fixture *f = lua_touserdata(L, 1);
  int top = lua_gettop(L);

  mw_script_push_table(f->to);
  f->rc = mw_plain_unpack(L, f->data.data, f->data.len_bytes, &f->err);
  assert_int_equal(top + (f->rc == 0 ? 2 : 1), lua_gettop(L));
  if (f->rc == 0)
    lua_setfield(L, -2, "value");
  return 0;
}

static int call(lua_State *L)
{
  struct fixture *f = lua_touserdata(L, 1);

  mw_script_push_table(f->to);
  lua_getfield(L, -1, "look");
  lua_getfield(L, -2, "value");
  lua_call(L, 1, 0);
  return 0;
}

static int step(struct fixture *f, struct mw_script *script, lua_CFunction function)
{
  f->rc = 0;
  int rc = mw_script_call(script, function, f, 2000, &f->err);
  return rc < 0 ? rc : f->rc;
}

/* A script whose table is { @p before @p text @p behind }. */
static void load(struct fixture *f, struct mw_script *script, const char *before, const char *text,
                 const char *behind)
{
  char whole[1024];

  assert_true(snprintf(whole, sizeof whole, "return { %s%s%s }", before, text, behind) <
              (int)sizeof whole);
  if (mw_script_load_text(script, "plain.lua", whole, strlen(whole), 2000, &f->err) < 0)
    fail_msg("%s: %s", whole, f->err.text);
}

static int pack_value(struct fixture *f, const char *value)
{
  mw_buf_clear(&f->data);
  load(f, f->from, "value = ", value, "");
  return step(f, f->from, pack);
}

static void values_arrive_as_they_were(void **state)
{
  static const struct {
    const char *value, *look;
  } examples[] = {
      {"nil", "assert(v == nil)"},
      {"true", "assert(v == true)"},
      {"false", "assert(v == false)"},
      {"0.1", "assert(v == 0.1)"},
      {"0/0", "assert(v ~= v)"},
      {"-1/0", "assert(v == -1/0)"},
      {"-0.0", "assert(1/v == -1/0)"},
      {"2^53", "assert(v == 2^53)"},
      {"'a\\0\\255'", "assert(v == 'a\\0\\255' and #v == 3)"},
      {"''", "assert(v == '')"},
      {"{}", "assert(next(v) == nil)"},
      {"{ [1] = 'n', ['1'] = 's' }", "assert(v[1] == 'n' and v['1'] == 's')"},
      {"{ [0] = 'a', [-1] = 'b', [1.5] = 'c', [2^40] = 'd', 'e' }",
       "assert(v[0] == 'a' and v[-1] == 'b' and v[1.5] == 'c' and v[2^40] == 'd' and v[1] == 'e')"},
      {"{ 1, nil, 3 }", "assert(v[1] == 1 and v[2] == nil and v[3] == 3)"},
      {"{ [true] = 1, [false] = 2, [1/0] = 3 }",
       "assert(v[true] == 1 and v[false] == 2 and v[1/0] == 3)"},
      {"{ { {} }, a = { b = {} } }", "assert(next(v[1][1]) == nil and next(v.a.b) == nil)"},
      {"setmetatable({ 1 }, { __index = error, __len = error, __pairs = error })",
       "assert(v[1] == 1 and v[2] == nil)"},
      {"(function() local t = {} for i = 0, 20 do t[2^i] = i end return t end)()",
       "for i = 0, 20 do assert(v[2^i] == i) end"},
      {"(function() local t = {} local u = t for i = 1, 31 do u.t = {} u = u.t end return t end)()",
       "for i = 1, 31 do v = assert(v.t) end assert(v.t == nil)"},
  };
  struct fixture *f = *state;

  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    assert_int_equal(0, pack_value(f, examples[i].value));
    load(f, f->to, "look = function(v) ", examples[i].look, " end");
    if (step(f, f->to, unpack) < 0 || step(f, f->to, call) < 0)
      fail_msg("%s: %s", examples[i].value, f->err.text);
  }
}

static void what_is_not_plain_is_refused(void **state)
{
  static const struct {
    const char *value;
    int code;
  } examples[] = {
      {"print", EINVAL},
      {"coroutine.create(print)", EINVAL},
      {"{ { print } }", EINVAL},
      {"{ [print] = 1 }", EINVAL},
      {"{ [{}] = print }", EINVAL},
      {"1LL", EINVAL},
      {"(function() local t = {} t[1] = t return t end)()", EINVAL},
      {"(function() local t = {} t[t] = t return t end)()", EINVAL},
      {"('x'):rep(65536)", EMSGSIZE},
      {"(function() local t = {} for i = 1, 1e5 do t[i] = true end return t end)()", EMSGSIZE},
  };
  struct fixture *f = *state;

  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    int rc = pack_value(f, examples[i].value);
    if (rc != -examples[i].code)
      fail_msg("%s: %d", examples[i].value, rc);
  }
}

static void assert_refused(struct fixture *f)
{
  int rc = step(f, f->to, unpack);
  if (rc != -EBADMSG)
    fail_msg("%zu bytes: %d", f->data.len_bytes, rc);
}

static void bytes_that_are_cut_or_go_on_are_refused(void **state)
{
  struct fixture *f = *state;

  assert_int_equal(0, pack_value(f, "{ 1, 'abc', { true }, [5] = 1, a = false }"));
  load(f, f->to, "", "", "");
  size_t whole_bytes = f->data.len_bytes;
  for (f->data.len_bytes = 0; f->data.len_bytes < whole_bytes; f->data.len_bytes++)
    assert_refused(f);
  assert_int_equal(0, step(f, f->to, unpack));
  mw_buf_append(&f->data, "0", 1, NULL);
  assert_refused(f);
}

static void keys_that_no_table_has_are_refused(void **state)
{
  static const char nan_key[] = "{\0\0\0\0n\0\0\0\0\0\0\xf8\x7ft}", nil_key[] = "{\0\0\0\0"
                                                                                "0t}";
  struct fixture *f = *state;

  load(f, f->to, "", "", "");
  mw_buf_append(&f->data, nan_key, sizeof nan_key - 1, NULL);
  assert_refused(f);
  mw_buf_clear(&f->data);
  mw_buf_append(&f->data, nil_key, sizeof nil_key - 1, NULL);
  assert_refused(f);
}

static void tables_beyond_the_depth_are_refused(void **state)
{
  struct fixture *f = *state;

  load(f, f->to, "", "", "");
  for (int i = 0; i <= MW_PLAIN_DEPTH_MAX; i++)
    mw_buf_append(&f->data, "{\1\0\0\0", 5, NULL);
  mw_buf_append(&f->data, "t", 1, NULL);
  for (int i = 0; i <= MW_PLAIN_DEPTH_MAX; i++)
    mw_buf_append(&f->data, "}", 1, NULL);
  assert_refused(f);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      CASE(values_arrive_as_they_were),
      CASE(what_is_not_plain_is_refused),
      CASE(bytes_that_are_cut_or_go_on_are_refused),
      CASE(keys_that_no_table_has_are_refused),
      CASE(tables_beyond_the_depth_are_refused),
  };
  return cmocka_run_group_tests_name("script: plain data", tests, NULL, NULL);
}
