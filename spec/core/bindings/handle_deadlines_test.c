/* Deadlines that strike while handles of shipped modules are made and collected: LuaJIT puts its
 * hook mask aside while a finalizer runs, and a deadline must not get lost there.
 *
 * MOONWATCH_DEADLINES   how many, on one state (300); tools/soak has 50,000 */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "moonwatch/clock.h"
#include "script/internal.h"

#define HOST_ROOT "spec/fixtures/kubelet-1.20-v1"
#define MEMORY_MAX_BYTES ((size_t)16 << 20)
#define OVERTIME_MAX_NS (50 * MW_NS_PER_MS)

/* regex.compile gives a handle; json.decode, cgroup.containers and cgroup.problems make one inside
 * each call. */
static const char modules_text[] = "json = require 'moonwatch.json'\n"
                                   "regex = require 'moonwatch.regex'\n"
                                   "cgroup = require 'moonwatch.cgroup'\n"
                                   "return {}";

static const char *const loops[] = {
    "while true do regex.compile 'a(b|c)*d' end",
    "while true do pcall(regex.compile, '[a-z]+') end",
    "local function f() while true do regex.compile '(?i)x' end end while true do pcall(f) end",
    "while true do json.decode '{\"a\": [1, 2, {\"b\": null}]}' end",
    "while true do json.decode '[1, 2' regex.compile '(' end",
    "while true do cgroup.containers() end",
    "while true do cgroup.problems() pcall(cgroup.containers) end",
    "while true do coroutine.wrap(function() while true do regex.compile 'c+' end end)() end",
    "local kept = {} while true do kept[#kept % 100 + 1] = regex.compile('k' .. #kept % 100) end",
    "while true do ('abc'):gsub('%a', function(c) return tostring(regex.compile(c)) end) end",
};
#define LOOPS_COUNT (sizeof loops / sizeof loops[0])

static void use_context(lua_State *L, void *context)
{
  mw_lua_set_context(L, context);
}

static int run(struct mw_script *script, const char *text, int64_t timeout_ms, struct mw_error *err)
{
  return mw_script_load_text(script, "loop", text, strlen(text), timeout_ms, err);
}

static int collect(lua_State *L)
{
  lua_gc(L, LUA_GCCOLLECT, 0);
  lua_gc(L, LUA_GCCOLLECT, 0); /* the first one calls finalizers, the second one frees */
  return 0;
}

static size_t memory_after_collection(struct mw_script *script)
{
  assert_int_equal(mw_script_call(script, collect, NULL, 0, NULL), 0);
  return mw_script_memory_bytes(script);
}

static int64_t thread_cpu_ns(void)
{
  struct timespec spent;

  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return spent.tv_sec * MW_NS_PER_S + spent.tv_nsec;
}

static void is_stopped(struct mw_script *script, const char *text, int64_t timeout_ms)
{
  struct mw_error err;
  int64_t from_ns = thread_cpu_ns();
  int rc = run(script, text, timeout_ms, &err);
  int64_t spent_ns = thread_cpu_ns() - from_ns;

  if (rc != -ETIME)
    fail_msg("%s: returned %d: %s", text, rc, rc < 0 ? err.text : "no error");
  if (spent_ns > timeout_ms * MW_NS_PER_MS + OVERTIME_MAX_NS)
    fail_msg("%s: took %lld us of CPU time", text, (long long)(spent_ns / 1000));
  assert_null(lua_gethook(script->L));
}

static long deadlines_count(void)
{
  const char *text = getenv("MOONWATCH_DEADLINES");
  long count = text ? strtol(text, NULL, 10) : 300;

  assert_true(count > 0);
  return count;
}

#define STATE_GROWTH_MAX_BYTES 4096
#define HEAP_GROWTH_MAX_BYTES (256 << 10) /* malloc counts what waits in its caches as used */

static void every_deadline_on_one_state_strikes(void **unused)
{
  struct mw_context *context =
      mw_context_new(&(struct mw_context_config){.host_root = HOST_ROOT}, NULL);
  struct mw_script *script =
      mw_script_new(&(struct mw_script_config){.name = "handles",
                                               .memory_max_bytes = MEMORY_MAX_BYTES,
                                               .modules = mw_lua_sandbox_modules,
                                               .prepare = use_context,
                                               .prepare_data = context},
                    NULL);
  long count = deadlines_count();

  (void)unused;
  assert_non_null(script);
  assert_int_equal(run(script, modules_text, 0, NULL), 0);
  for (size_t i = 0; i < LOOPS_COUNT; i++)
    is_stopped(script, loops[i], 5);
  size_t state_bytes = memory_after_collection(script), heap_bytes = mallinfo2().uordblks;

  for (long i = 0; i < count; i++)
    is_stopped(script, loops[(size_t)i % LOOPS_COUNT], 1 + i / (long)LOOPS_COUNT % 2);

  assert_in_range(memory_after_collection(script), 1, state_bytes + STATE_GROWTH_MAX_BYTES);
  assert_in_range(mallinfo2().uordblks, 0, heap_bytes + HEAP_GROWTH_MAX_BYTES);
  assert_true(mw_script_memory_peak_bytes(script) <= MEMORY_MAX_BYTES);
  /* nothing is counted that is not there, and everything still works */
  assert_int_equal(
      run(script,
          "local kept = {} for i = 1, 4096 do kept[i] = assert(regex.compile('k')) end "
          "assert(not regex.compile('k')) assert(kept[7]:matches('k')) "
          "return { assert(json.decode '[1]') }",
          0, NULL),
      0);
  mw_script_free(script);
  mw_context_free(context);
}

int main(void)
{
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_deadline_on_one_state_strikes)};

  return cmocka_run_group_tests_name("bindings/handle_deadlines", tests, NULL, NULL);
}
