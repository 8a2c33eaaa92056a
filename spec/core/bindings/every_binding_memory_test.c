/* Every function of every module, with memory that ends at the n-th allocation, for every n: Lua's
 * in one test, the C library's in the other. Afterwards the same call works, so no lock is held; no
 * descriptor is left over, and the address checker finds bytes and references that are. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "bindings/bindings.h"
#include "bindings/context.h"
#include "failing_state.h"
#include "support/failing_malloc.h"
#include "support/tmptree.h"

/* Calls with something to do: ID and PID are a container of the recorded host, and a process of it.
 * "M" is the module. A line for each function, or the test says which one is missing. */
static const struct call {
  const char *module, *function, *text;
} calls[] = {
    {"cgroup", "containers", "return M.containers()"},
    {"cgroup", "controllers", "return M.controllers()"},
    {"cgroup", "figures", "return M.figures()"},
    {"cgroup", "problems", "return M.problems()"},
    {"cgroup", "read", "return M.read(ID)"},
    {"cgroup", "refresh", "return M.refresh()"},
    {"cgroup", "usage", "return M.usage()"},
    {"cgroup", "walk", "return M.walk()"},
    {"host", "boot_time_s", "return M.boot_time_s()"},
    {"host", "container_host_type", "return M.container_host_type()"},
    {"host", "cpu_count", "return M.cpu_count()"},
    {"host", "hostname", "return M.hostname()"},
    {"host", "kernel_release", "return M.kernel_release()"},
    {"host", "memory_total_bytes", "return M.memory_total_bytes()"},
    {"host", "system_info", "return M.system_info()"},
    {"http", "get",
     "return M.get('https://api.example/moved', { redirects_max = 1, credentials = 'api', "
     "headers = { A = 'b', C = 'd' } })"},
    {"http", "post", "return M.post('https://api.example/things', 'text', { timeout_s = 5 })"},
    {"http", "request",
     "return M.request('PUT', 'https://api.example/things', { body = 'text', unix_socket = 'd' })"},
    {"inventory", "containers", "return M.containers()"},
    {"inventory", "generation", "return M.generation()"},
    {"inventory", "pods", "return M.pods()"},
    {"inventory", "replace",
     "return M.replace('s', { { id = 'a', labels = { k = 'v' }, pod_uid = 'p' } }, "
     "{ pods = { { uid = 'p', name = 'n' } }, priority = 3 })"},
    {"inventory", "sources", "return M.sources()"},
    {"json", "constant", "return M.encode(M.constant { a = { 1, 'b' } })"},
    {"json", "decode", "return M.decode '{\"a\": [1, \"b\", null, {\"c\": 1e3}]}'"},
    {"json", "encode", "return M.encode { a = { 1, 'b', { c = 1.5 } } }"},
    {"json", "list", "return M.list {}"},
    {"kubelet", "pods", "return M.pods()"},
    {"log", "debug", "return M.debug('%s', 'text')"},
    {"log", "error", "return M.error('%s', 'text')"},
    {"log", "info", "return M.info('%s', 'text')"},
    {"log", "warn", "return M.warn('%s', 'text')"},
    {"regex", "compile",
     "local r = M.compile '(?i)a[bc]+d'; if not r then return nil, 'no regex' end; "
     "return r:matches 'xABCD'"},
    {"script", "new",
     "local s = M.new {}; local v, e = s:eval('return { 1 }'); s:close(); "
     "return v, e"},
    {"stats", "container", "return M.container({ id = ID }, 0, {}, M.figures { 'cpu_total_ns' })"},
    {"stats", "epochs", "return M.follow({ id = ID }, M.epochs(M.follow { id = ID }))"},
    {"stats", "figures", "return M.figures { 'cpu_total_ns', 'memory_usage_bytes' }"},
    {"stats", "follow", "return M.follow({ id = ID, runtime = 'docker' }, M.follow { id = ID })"},
    {"stats", "id_of_inode", "return M.id_of_inode 'ffffffffffff' or 'none'"},
    {"stats", "id_of_pid", "return M.id_of_pid(PID)"},
    {"stats", "interfaces", "return M.interfaces({ id = ID }, 0)"},
    {"stats", "io_devices", "return M.io_devices({ id = ID }, 0)"},
    {"stats", "network", "return M.network({ id = ID }, 0, {})"},
    {"stats", "network_namespace", "return M.network_namespace(M.follow { id = ID }) or 'none'"},
    {"stats", "network_values", "return M.network_values(M.follow { id = ID }, 0)"},
    {"stats", "own_id", "return M.own_id() or 'none'"},
    {"stats", "processes", "return M.processes({ id = ID }, 0)"},
    {"stats", "usage", "return M.usage()"},
    {"stats", "values", "return M.values(M.follow { id = ID }, 0, M.figures { 'cpu_total_ns' })"},
    {"store", "delete", "M.put('k', 'v'); return M.delete('k')"},
    {"store", "each", "M.put('k', 'v'); for k, v in assert(M.each()) do return k, v end"},
    {"store", "get", "M.put('k', 'v'); return M.get('k') or 'none'"},
    {"store", "put", "return M.put('k', ('v'):rep(5000))"},
    {"store", "stats", "return M.stats()"},
};
#define CALLS_COUNT (sizeof calls / sizeof calls[0])

static const struct module {
  const char *name;
  lua_CFunction open;
} modules[] = {
    {"cgroup", luaopen_moonwatch_cgroup}, {"host", luaopen_moonwatch_host},
    {"http", luaopen_moonwatch_http},     {"inventory", luaopen_moonwatch_inventory},
    {"json", luaopen_moonwatch_json},     {"kubelet", luaopen_moonwatch_kubelet},
    {"log", luaopen_moonwatch_log},       {"regex", luaopen_moonwatch_regex},
    {"script", luaopen_moonwatch_script}, {"stats", luaopen_moonwatch_stats},
    {"store", luaopen_moonwatch_store},
};
#define MODULES_COUNT (sizeof modules / sizeof modules[0])

#define HOST_ROOT "spec/fixtures/kubelet-1.20-v1"
#define RECORDED_ID "a79e4d54edc2fff604f4066ad599c396d2760f7e87fbcd376c8af527b63b3865"
#define RECORDED_PID 10073

static char state_dir[TMPTREE_ROOT_BYTES];

struct fixture {
  struct failing_state state;
  struct mw_context *context;
};

static int descriptors_count(void)
{
  DIR *directory = opendir("/proc/self/fd");
  int count = 0;

  assert_non_null(directory);
  while (readdir(directory))
    count++;
  closedir(directory);
  return count;
}

static lua_CFunction opener_of(const char *module)
{
  for (size_t i = 0; i < MODULES_COUNT; i++)
    if (strcmp(modules[i].name, module) == 0)
      return modules[i].open;
  fail_msg("no module %s", module);
  return NULL;
}

/* The globals M, ID and PID, and the call as a function on the stack. */
static void prepare(lua_State *L, const struct call *call)
{
  lua_settop(L, 0);
  lua_pushcfunction(L, opener_of(call->module));
  lua_call(L, 0, 1);
  lua_setglobal(L, "M");
  lua_pushliteral(L, RECORDED_ID);
  lua_setglobal(L, "ID");
  lua_pushinteger(L, RECORDED_PID);
  lua_setglobal(L, "PID");
  assert_int_equal(0, luaL_loadstring(L, call->text));
}

static void open_fixture(struct fixture *fixture)
{
  static const struct mw_http_access access = {
      .identities = {{"api", {.token_file = "spec/fixtures/http-answers/things.json"}}},
      .identities_count = 1,
      .sockets = {{"d", "/run/d.sock"}},
      .sockets_count = 1,
      .recorded_dir = "spec/fixtures/http-answers",
  };
  static const struct mw_kubelet_config kubelet = {
      .url = "https://127.0.0.1:10250", .recorded_dir = "spec/fixtures/kubelet-1.20-answers"};
  struct mw_context_config config = {
      .host_root = HOST_ROOT, .http = &access, .kubelet = &kubelet, .state_dir = state_dir};
  struct mw_error err;

  fixture->context = mw_context_new(&config, &err);
  assert_non_null(fixture->context);
  assert_true(failing_state_open(&fixture->state));
  mw_lua_set_context(fixture->state.L, fixture->context);
}

static void close_fixture(struct fixture *fixture)
{
  lua_close(fixture->state.L);
  mw_context_free(fixture->context);
}

static void works(struct fixture *fixture, const struct call *call)
{
  lua_State *L = fixture->state.L;

  prepare(L, call);
  if (lua_pcall(L, 0, LUA_MULTRET, 0) != 0)
    fail_msg("%s.%s: %s", call->module, call->function, lua_tostring(L, -1));
  /* nil and a message is a failure; some functions return nothing */
  if (lua_gettop(L) >= 2 && lua_isnil(L, 1))
    fail_msg("%s.%s: %s", call->module, call->function, lua_tostring(L, 2));
}

static void lua_may_run_out_of_memory(const struct call *call)
{
  int descriptors = descriptors_count(), rc = LUA_ERRMEM;

  for (long n = 0; rc != 0; n++) {
    struct fixture fixture;
    open_fixture(&fixture);
    prepare(fixture.state.L, call);
    rc = failing_state_call(&fixture.state, 0, 0, n);
    works(&fixture, call);
    lua_gc(fixture.state.L, LUA_GCCOLLECT, 0);
    close_fixture(&fixture);
  }
  assert_int_equal(descriptors, descriptors_count());
}

/* A failure is nil and a message, or an answer with less in it: never a crash. */
static void the_core_may_run_out_of_memory(const struct call *call)
{
  int descriptors = descriptors_count();

  /* Of these the first alone: LuaJIT crashes when memory ends inside of lua_newstate, and stats
   * asks a collector that failed no more for a while. */
  bool first_alone = strcmp(call->module, "script") == 0 || strcmp(call->module, "stats") == 0;
  bool reached = true;

  for (long n = 1; reached; n++) {
    struct fixture fixture;
    open_fixture(&fixture);
    prepare(fixture.state.L, call);
    allocations_total = 0;
    failing_allocation = n;
    lua_pcall(fixture.state.L, 0, 0, 0);
    failing_allocation = 0;
    reached = allocations_total >= n && !first_alone;
    works(&fixture, call);
    close_fixture(&fixture);
  }
  assert_int_equal(descriptors, descriptors_count());
}

static void every_call_survives_lua_without_memory(void **unused)
{
  (void)unused;
  for (size_t i = 0; i < CALLS_COUNT; i++)
    lua_may_run_out_of_memory(&calls[i]);
}

static void every_call_survives_the_core_without_memory(void **unused)
{
  (void)unused;
  for (size_t i = 0; i < CALLS_COUNT; i++)
    the_core_may_run_out_of_memory(&calls[i]);
}

static bool has_a_call(const char *module, const char *function)
{
  for (size_t i = 0; i < CALLS_COUNT; i++)
    if (strcmp(calls[i].module, module) == 0 && strcmp(calls[i].function, function) == 0)
      return true;
  return false;
}

static void no_function_is_left_out(void **unused)
{
  struct fixture fixture;

  (void)unused;
  open_fixture(&fixture);
  lua_State *L = fixture.state.L;
  for (size_t i = 0; i < MODULES_COUNT; i++) {
    lua_settop(L, 0);
    lua_pushcfunction(L, modules[i].open);
    lua_call(L, 0, 1);
    for (lua_pushnil(L); lua_next(L, 1); lua_pop(L, 1))
      if (lua_isfunction(L, -1) && !has_a_call(modules[i].name, lua_tostring(L, -2)))
        fail_msg("%s.%s has no call here", modules[i].name, lua_tostring(L, -2));
  }
  close_fixture(&fixture);
}

static int set_up(void **unused)
{
  (void)unused;
  snprintf(state_dir, sizeof state_dir, "%s", "/dev/shm/moonwatch-test.XXXXXX");
  if (!mkdtemp(state_dir)) /* where memory is no folder, each write waits for the disk */
    tmptree_make(state_dir);
  mw_log_configure(&(struct mw_log_config){.level = MW_LOG_ERROR, .fd = 1});
  return 0;
}

static int tear_down(void **unused)
{
  (void)unused;
  tmptree_remove(state_dir);
  return 0;
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_function_is_left_out),
      cmocka_unit_test(every_call_survives_lua_without_memory),
      cmocka_unit_test(every_call_survives_the_core_without_memory),
  };

  return cmocka_run_group_tests(tests, set_up, tear_down);
}
