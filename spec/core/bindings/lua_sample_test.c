/* Readings as Lua tables: which fields, which values, and what happens without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bindings/lua_sample.h"
#include "failing_state.h"

static struct failing_state state;

static int open_state(void **unused)
{
  (void)unused;
  return failing_state_open(&state) ? 0 : -1;
}

static int close_state(void **unused)
{
  (void)unused;
  lua_close(state.L);
  return 0;
}

static lua_Number number_at(int index, const char *key)
{
  lua_getfield(state.L, index, key);
  assert_int_equal(lua_type(state.L, -1), LUA_TNUMBER);
  lua_Number value = lua_tonumber(state.L, -1);
  lua_pop(state.L, 1);
  return value;
}

static int fields_at(int index)
{
  int count = 0;

  for (lua_pushnil(state.L); lua_next(state.L, index); lua_pop(state.L, 1))
    count++;
  return count;
}

static struct mw_cgroup_sample every_figure(void)
{
  struct mw_cgroup_sample sample = {.inode = 0xfedcba9876543210,
                                    .read_ns = 1500000000,
                                    .problems_count = 3,
                                    .cpu_limit_present = true,
                                    .cpu_limit_defaulted = true,
                                    .cpu_limit_percent = 150};

  for (int i = 0; i < MW_FIGURE_COUNT; i++)
    mw_figures_set(&sample.figures, (enum mw_figure)i, (uint64_t)i + 100);
  return sample;
}

static void a_row_has_each_figure_under_its_name(void **unused)
{
  const struct mw_cgroup_sample sample = every_figure();

  (void)unused;
  mw_lua_push_sample(state.L, MW_FIGURE_SET_ALL, &sample);
  for (int i = 0; i < MW_FIGURE_COUNT; i++)
    assert_int_equal(number_at(1, mw_figure_info((enum mw_figure)i)->name), i + 100);
  assert_int_equal(fields_at(1), MW_FIGURE_COUNT + 6);
}

static void a_row_says_what_it_was_read_from(void **unused)
{
  const struct mw_cgroup_sample sample = every_figure();

  (void)unused;
  mw_lua_push_sample(state.L, MW_FIGURE_SET_ALL, &sample);
  assert_true(number_at(1, "read_s") == 1.5);
  assert_true(number_at(1, "cpu_limit_percent") == 150);
  assert_int_equal(number_at(1, "problems_count"), 3);
  lua_getfield(state.L, 1, "cpu_limit_defaulted");
  assert_int_equal(lua_type(state.L, -1), LUA_TBOOLEAN);
  assert_true(lua_toboolean(state.L, -1));
  lua_getfield(state.L, 1, "cgroup_inode");
  assert_string_equal(lua_tostring(state.L, -1), "fedcba9876543210");
}

static void what_is_absent_is_no_field(void **unused)
{
  const struct mw_cgroup_sample sample = {0};

  (void)unused;
  mw_lua_push_sample(state.L, MW_FIGURE_SET_ALL, &sample);
  assert_int_equal(fields_at(1), 4); /* inode, identity, time, problems */
}

static void a_table_that_is_filled_again_loses_what_is_absent(void **unused)
{
  struct mw_cgroup_sample sample = every_figure();

  (void)unused;
  lua_newtable(state.L);
  mw_lua_refill_sample(state.L, 1, MW_FIGURE_SET_ALL, &sample);
  assert_true(lua_rawequal(state.L, 1, -1));
  assert_int_equal(fields_at(1), MW_FIGURE_COUNT + 6);

  sample.figures.present = 0;
  mw_figures_set(&sample.figures, MW_PIDS_LIMIT, 7);
  sample.cpu_limit_present = false;
  mw_lua_refill_sample(state.L, 1, MW_FIGURE_SET_ALL, &sample);
  assert_int_equal(fields_at(1), 5);
  assert_int_equal(number_at(1, "pids_limit"), 7);
}

static void a_table_has_only_the_figures_that_were_asked_for(void **unused)
{
  const mw_figure_set wanted = UINT64_C(1) << MW_CPU_TOTAL_NS | UINT64_C(1) << MW_PIDS_LIMIT;
  struct mw_cgroup_sample sample = every_figure();

  (void)unused;
  lua_newtable(state.L);
  mw_lua_refill_sample(state.L, 1, wanted, &sample);
  assert_int_equal(fields_at(1), 2 + 6);
  sample.figures.present &= ~(UINT64_C(1) << MW_PIDS_LIMIT);
  mw_lua_refill_sample(state.L, 1, wanted, &sample);
  assert_int_equal(fields_at(1), 1 + 6);
  assert_int_equal(number_at(1, "cpu_total_ns"), MW_CPU_TOTAL_NS + 100);
}

static const char *text_at(int index, const char *key)
{
  lua_getfield(state.L, index, key);
  const char *text = lua_tostring(state.L, -1); /* the table keeps it */
  lua_pop(state.L, 1);
  return text;
}

static void an_identity_names_those_whose_counters_they_are(void **unused)
{
  struct mw_cgroup_sample sample = {.inode = 255, .origin = {.collector = "cgroup"}};

  (void)unused;
  mw_lua_push_sample(state.L, MW_FIGURE_SET_ALL, &sample);
  assert_string_equal(text_at(1, "identity"), "00000000000000ff");
  sample.origin = (struct mw_origin){.collector = "kubelet"};
  mw_lua_push_sample(state.L, MW_FIGURE_SET_ALL, &sample);
  assert_string_equal(text_at(2, "identity"), "00000000000000ff/kubelet/");
  assert_string_equal(text_at(2, "cgroup_inode"), "00000000000000ff");
  sample.origin = (struct mw_origin){.collector = "cgroup", .gaps = "kubelet"};
  mw_lua_push_sample(state.L, MW_FIGURE_SET_ALL, &sample);
  assert_string_equal(text_at(3, "identity"), "00000000000000ff/cgroup/kubelet");
}

static struct mw_network_sample some_network(struct mw_network_interface *interfaces)
{
  struct mw_network_sample sample = {.read_ns = 2500000000,
                                     .origin = {.collector = "cgroup"},
                                     .namespace_id = 4026531840,
                                     .host_network = MW_HOST_NETWORK_YES,
                                     .present = (1u << MW_NETWORK_FIGURE_COUNT) - 1,
                                     .interfaces = interfaces,
                                     .interfaces_count = 2};

  for (uint64_t i = 0; i < MW_NETWORK_FIGURE_COUNT; i++)
    sample.values[i] = i + 10;
  interfaces[0] = (struct mw_network_interface){
      .name = "eth0", .rcvd_bytes = 1, .rcvd_packets = 2, .present = 3};
  interfaces[1] = (struct mw_network_interface){.name = "eth1"};
  return sample;
}

static void a_network_has_its_sums_and_whose_it_is(void **unused)
{
  struct mw_network_interface interfaces[2];
  struct mw_network_sample sample = some_network(interfaces);

  (void)unused;
  lua_newtable(state.L);
  mw_lua_fill_network(state.L, &sample);
  assert_int_equal(fields_at(1), 8);
  assert_int_equal(number_at(1, "network_rcvd_bytes"), MW_NETWORK_RCVD_BYTES + 10);
  assert_int_equal(number_at(1, "network_rcvd_packets_total"), MW_NETWORK_RCVD_PACKETS + 10);
  assert_int_equal(number_at(1, "network_sent_bytes"), MW_NETWORK_SENT_BYTES + 10);
  assert_int_equal(number_at(1, "network_sent_packets_total"), MW_NETWORK_SENT_PACKETS + 10);
  assert_true(number_at(1, "network_read_s") == 2.5);
  assert_string_equal(text_at(1, "network_namespace"), "00000000f0000000");
  lua_getfield(state.L, 1, "host_network");
  assert_int_equal(lua_type(state.L, -1), LUA_TBOOLEAN);
  assert_true(lua_toboolean(state.L, -1));
}

static void a_network_that_is_filled_again_loses_what_is_absent(void **unused)
{
  struct mw_network_interface interfaces[2];
  struct mw_network_sample sample = some_network(interfaces);

  (void)unused;
  lua_newtable(state.L);
  mw_lua_fill_network(state.L, &sample);
  sample.present = 1u << MW_NETWORK_SENT_BYTES;
  sample.namespace_id = 0;
  sample.host_network = MW_HOST_NETWORK_UNKNOWN;
  mw_lua_fill_network(state.L, &sample);
  assert_int_equal(fields_at(1), 3); /* one sum, time, identity */
}

static void interfaces_have_what_is_present(void **unused)
{
  struct mw_network_interface interfaces[2];
  const struct mw_network_sample sample = some_network(interfaces);

  (void)unused;
  mw_lua_push_interfaces(state.L, &sample);
  assert_int_equal(lua_objlen(state.L, 1), 2);
  lua_rawgeti(state.L, 1, 1);
  assert_int_equal(fields_at(2), 3);
  assert_int_equal(number_at(2, "rcvd_packets_total"), 2);
  lua_rawgeti(state.L, 1, 2);
  assert_int_equal(fields_at(3), 1);
}

static void processes_have_what_is_known_of_them(void **unused)
{
  int32_t pids[] = {3, 7};
  struct mw_process_sample sample = {.read_ns = 1000000000, .pids = {.pids = pids, .count = 2}};

  (void)unused;
  sample.totals = (struct mw_process_totals){.processes_count = 2, .zombies_count = 1};
  mw_lua_push_processes(state.L, &sample);
  assert_int_equal(fields_at(1), 3);
  sample.totals.zombies_present = true;
  sample.totals.threads_present = sample.totals.open_files_present = true;
  mw_lua_push_processes(state.L, &sample);
  assert_int_equal(fields_at(2), 6);
  lua_getfield(state.L, 2, "pids");
  assert_int_equal(lua_objlen(state.L, -1), 2);
}

static void devices_have_their_names_and_what_is_present(void **unused)
{
  struct mw_io_device devices[2] = {
      {.major = 8, .name = "sda", .present = (1u << MW_IO_DEVICE_FIGURE_COUNT) - 1},
      {.major = 8, .minor = 1}};
  const struct mw_cgroup_sample sample = {.devices = devices, .devices_count = 2};

  (void)unused;
  for (uint64_t i = 0; i < MW_IO_DEVICE_FIGURE_COUNT; i++)
    devices[0].values[i] = i;
  mw_lua_push_io_devices(state.L, &sample);
  assert_int_equal(lua_objlen(state.L, 1), 2);
  lua_rawgeti(state.L, 1, 1);
  assert_int_equal(fields_at(2), 11);
  assert_int_equal(number_at(2, "write_operations_total"), MW_IO_DEVICE_WRITE_OPERATIONS);
  assert_int_equal(number_at(2, "write_limit_operations_per_s"),
                   MW_IO_DEVICE_WRITE_LIMIT_OPERATIONS_PER_S);
  lua_rawgeti(state.L, 1, 2);
  assert_int_equal(fields_at(3), 2);
  assert_int_equal(number_at(3, "minor"), 1);
}

/* ---- Without memory ---- */

static int push_all(lua_State *L)
{
  struct mw_cgroup_sample *scratch = &mw_lua_scratch(L)->container;

  if (!scratch->devices) { /* what a reading would leave there */
    *scratch = every_figure();
    scratch->devices = calloc(1, sizeof *scratch->devices);
    scratch->devices_count = scratch->devices_capacity = 1;
  }
  mw_lua_push_sample(L, MW_FIGURE_SET_ALL, scratch);
  mw_lua_push_io_devices(L, scratch);
  return 0;
}

static void memory_may_end_anywhere(void **unused)
{
  int failures = 0, rc = 0;

  (void)unused;
  for (long n = 0;; n++) {
    close_state(NULL);
    open_state(NULL);
    lua_pushcfunction(state.L, push_all);
    rc = failing_state_call(&state, 0, 0, n);
    assert_true(rc == 0 || rc == LUA_ERRMEM);
    failures += rc == LUA_ERRMEM;
    lua_settop(state.L, 0);
    lua_pushcfunction(state.L, push_all);
    assert_int_equal(failing_state_call(&state, 0, 0, -1), 0);
    if (rc == 0)
      break;
  }
  assert_true(failures > 10);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_state, close_state)
  const struct CMUnitTest tests[] = {
      TEST(a_row_has_each_figure_under_its_name),
      TEST(a_row_says_what_it_was_read_from),
      TEST(what_is_absent_is_no_field),
      TEST(a_table_that_is_filled_again_loses_what_is_absent),
      TEST(a_table_has_only_the_figures_that_were_asked_for),
      TEST(an_identity_names_those_whose_counters_they_are),
      TEST(a_network_has_its_sums_and_whose_it_is),
      TEST(a_network_that_is_filled_again_loses_what_is_absent),
      TEST(interfaces_have_what_is_present),
      TEST(processes_have_what_is_known_of_them),
      TEST(devices_have_their_names_and_what_is_present),
      TEST(memory_may_end_anywhere),
  };

  return cmocka_run_group_tests_name("bindings/lua_sample", tests, NULL, NULL);
}
