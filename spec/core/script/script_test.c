/* What no spec can bring about: the C interface, and memory that runs out at any point. */
#include "script/script.h"

#include <errno.h>
#include <lauxlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "script/internal.h"

static struct mw_error err;

static struct mw_script *new_script(size_t memory_max_bytes)
{
  return mw_script_new(
      &(struct mw_script_config){.name = "test", .memory_max_bytes = memory_max_bytes}, &err);
}

static int load(struct mw_script *script, const char *text)
{
  return mw_script_load_text(script, "checks/test.lua", text, strlen(text), 10000, &err);
}

/* ---- Loading ---- */

static int read_answer(lua_State *L)
{
  int *answer = lua_touserdata(L, 1);

  mw_script_push_table(mw_script_of(L));
  if (lua_isnil(L, -1))
    return 0;
  lua_getfield(L, -1, "answer");
  *answer = (int)lua_tointeger(L, -1);
  return 0;
}

static int answer_of(struct mw_script *script)
{
  int answer = -1;

  assert_int_equal(mw_script_call(script, read_answer, &answer, 10000, &err), 0);
  return answer;
}

static void the_table_of_the_last_good_load_is_kept(void **state)
{
  struct mw_script *script = new_script(0);

  (void)state;
  assert_int_equal(answer_of(script), -1);
  assert_int_equal(load(script, "return { answer = 42 }"), 0);
  assert_int_equal(answer_of(script), 42);
  assert_int_equal(load(script, "return { answer = "), -EINVAL);
  assert_int_equal(load(script, "error 'no'"), -ECANCELED);
  assert_int_equal(answer_of(script), 42);
  assert_int_equal(load(script, "return { answer = 43 }"), 0);
  assert_int_equal(answer_of(script), 43);
  mw_script_free(script);
}

static void what_is_no_script_is_refused(void **state)
{
  struct mw_script *script = new_script(0);

  (void)state;
  assert_int_equal(load(script, "return 1"), -EINVAL);
  assert_string_equal(err.text, "checks/test.lua: has to return a table, not number");
  assert_int_equal(load(script, ""), -EINVAL);
  assert_int_equal(load(script, "\x1bLJ\x02"), -EINVAL);
  assert_string_equal(err.text, "checks/test.lua: is bytecode; only source text is loaded");
  assert_int_equal(mw_script_load_text(script, "x", "", 0, 0, NULL), -EINVAL);
  mw_script_free(script);
}

static void a_file_is_loaded_under_its_path(void **state)
{
  struct mw_script *script = new_script(0);
  char path[] = "/tmp/script_test.XXXXXX";
  int fd = mkstemp(path);
  static const char text[] = "return {\n  answer = nothing.here\n}";

  (void)state;
  assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
  close(fd);
  assert_int_equal(mw_script_load_file(script, path, 10000, &err), -ECANCELED);
  assert_non_null(strstr(err.text, path));
  assert_non_null(strstr(err.text, ":2: attempt to index global 'nothing'"));
  unlink(path);
  assert_int_equal(mw_script_load_file(script, path, 10000, &err), -ENOENT);
  mw_script_free(script);
}

/* ---- Calls ---- */

static int call_again(lua_State *L)
{
  *(int *)lua_touserdata(L, 1) = load(mw_script_of(L), "return {}");
  return 0;
}

static void calls_do_not_nest(void **state)
{
  struct mw_script *script = new_script(0);
  int rc = 0;

  (void)state;
  assert_int_equal(mw_script_call(script, call_again, &rc, 0, &err), 0);
  assert_int_equal(rc, -EBUSY);
  assert_int_equal(load(script, "return {}"), 0);
  mw_script_free(script);
}

static int leave_values(lua_State *L)
{
  lua_settop(L, 100);
  return 100;
}

static void a_call_leaves_nothing_on_the_stack(void **state)
{
  struct mw_script *script = new_script(0);

  (void)state;
  assert_int_equal(mw_script_call(script, leave_values, NULL, 0, &err), 0);
  assert_int_equal(load(script, "error {}"), -ECANCELED);
  assert_int_equal(lua_gettop(script->L), 0);
  mw_script_free(script);
}

static int build(lua_State *L)
{
  mw_script_push_table(mw_script_of(L));
  lua_getfield(L, -1, "build");
  lua_call(L, 0, 0);
  return 0;
}

static void a_call_leaves_little_garbage(void **state)
{
  const char *chunk = "local kept = {} for i = 1, 1000 do kept[i] = { i } end\n"
                      "return { build = function() local all = {}\n"
                      "for i = 1, 20000 do all[i] = { number = i } end end }";
  struct mw_script *script = new_script(0);

  (void)state;
  assert_int_equal(load(script, chunk), 0);
  size_t before_bytes = mw_script_memory_bytes(script);
  assert_int_equal(mw_script_call(script, build, NULL, 10000, &err), 0);
  assert_true(mw_script_memory_peak_bytes(script) > before_bytes + 1000000);
  assert_true(mw_script_memory_bytes(script) < before_bytes + before_bytes / 4 + 65536);
  mw_script_free(script);
}

static void fail_to_prepare(lua_State *L, void *data)
{
  luaL_error(L, "cannot prepare %s", (const char *)data);
}

static void an_error_of_prepare_is_passed_on(void **state)
{
  char what[] = "the registry";

  (void)state;
  assert_null(mw_script_new(
      &(struct mw_script_config){.prepare = fail_to_prepare, .prepare_data = what}, &err));
  assert_non_null(strstr(err.text, "cannot prepare the registry"));
  mw_script_free(NULL);
}

/* ---- Memory ---- */

/* Goes once through everything of ours that allocates. */
static const char busy[] =
    "local t = {}\n"
    "for i = 1, 50 do table.insert(t, ('x'):rep(i) .. i) end\n"
    "table.sort(t, function(a, b) return #a > #b end)\n"
    "local s = table.concat(t, ','):gsub('%d+', function(d) return '<' .. d .. '>' end)\n"
    "for k, v in s:gmatch('(x+)<(%d+)>') do t[k] = v end\n"
    "pcall(require, 'no.such.module')\n"
    "xpcall(error, function(e) return { e } end, 'x')\n"
    "for i in coroutine.wrap(function() for i = 1, 5 do coroutine.yield(i) end end) do t[i] = {} "
    "end\n"
    "print(string.format('%s %d', tostring(t), #t))\n"
    "assert(s:find('x<1>'))\n"
    "return { answer = #t }";

static void memory_may_run_out_at_any_allocation(void **state)
{
  bool ran_out = true;
  uint64_t n;

  (void)state;
  for (n = 1; ran_out; n++) {
    struct mw_script *script = new_script(0);
    script->alloc.fail_after = n;
    int rc = load(script, busy);
    ran_out = script->alloc.fail_after == 1;
    script->alloc.fail_after = 0;
    assert_true(rc == 0 || rc == -ENOMEM); /* 0: a pcall has caught it */
    assert_int_equal(load(script, "return { answer = 1 }"), 0);
    assert_int_equal(answer_of(script), 1);
    mw_script_free(script);
  }
  assert_true(n > 200);
}

static void any_ceiling_holds_from_the_first_byte_on(void **state)
{
  struct mw_script *script;
  bool worked = false;

  (void)state;
  for (size_t max_bytes = 256; !worked; max_bytes += 509) {
    script = new_script(max_bytes);
    if (!script) {
      assert_int_equal(err.code, ENOMEM);
      continue;
    }
    int rc = load(script, busy);
    worked = rc == 0;
    assert_true(worked || rc == -ENOMEM);
    assert_true(mw_script_memory_peak_bytes(script) <= max_bytes);
    mw_script_free(script);
  }
}

static void the_allocator_counts_every_byte(void **state)
{
  struct mw_alloc alloc = {.max_bytes = 100};

  (void)state;
  char *block = mw_alloc_resize(&alloc, NULL, 0, 60);
  assert_non_null(block);
  assert_null(mw_alloc_resize(&alloc, NULL, 0, 41));
  assert_true(alloc.refused);
  block = mw_alloc_resize(&alloc, block, 60, 100);
  assert_null(mw_alloc_resize(&alloc, block, 100, 101));
  block = mw_alloc_resize(&alloc, block, 100, 10);
  assert_int_equal(alloc.used_bytes, 10);
  assert_null(mw_alloc_resize(&alloc, block, 10, 0));
  assert_int_equal(alloc.used_bytes, 0);
  assert_int_equal(alloc.peak_bytes, 100);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_table_of_the_last_good_load_is_kept),
      cmocka_unit_test(what_is_no_script_is_refused),
      cmocka_unit_test(a_file_is_loaded_under_its_path),
      cmocka_unit_test(calls_do_not_nest),
      cmocka_unit_test(a_call_leaves_nothing_on_the_stack),
      cmocka_unit_test(a_call_leaves_little_garbage),
      cmocka_unit_test(an_error_of_prepare_is_passed_on),
      cmocka_unit_test(memory_may_run_out_at_any_allocation),
      cmocka_unit_test(any_ceiling_holds_from_the_first_byte_on),
      cmocka_unit_test(the_allocator_counts_every_byte),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
