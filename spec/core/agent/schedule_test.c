#include "agent/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define S MW_NS_PER_S
#define MS MW_NS_PER_MS

static struct mw_schedule starting_at(const char *name, double interval_s, int64_t start_ns)
{
  struct mw_schedule schedule;

  mw_schedule_init(&schedule, name, interval_s, start_ns);
  return schedule;
}

static void the_first_run_comes_within_an_interval(void **state)
{
  (void)state;
  for (int i = 0; i < 100; i++) {
    char name[16];
    snprintf(name, sizeof name, "check%d", i);
    int64_t first_ns = starting_at(name, 2, 1000 * S).due_ns;
    assert_in_range(first_ns, 1000 * S, 1002 * S - 1);
    first_ns = starting_at(name, 3600, 1000 * S).due_ns;
    assert_in_range(first_ns, 1000 * S, 1010 * S - 1);
  }
}

static void names_spread_the_runs_and_keep_their_place(void **state)
{
  int in_quarter[4] = {0};

  (void)state;
  for (int i = 0; i < 100; i++) {
    char name[16];
    snprintf(name, sizeof name, "check%d", i);
    int64_t phase_ns = starting_at(name, 2, 0).due_ns;
    assert_int_equal(starting_at(name, 2, 77 * S).due_ns, 77 * S + phase_ns);
    in_quarter[phase_ns / (S / 2)]++;
  }
  for (int i = 0; i < 4; i++)
    assert_in_range(in_quarter[i], 10, 40);
}

static void runs_that_end_late_do_not_move_the_grid(void **state)
{
  struct mw_schedule schedule = starting_at("a", 2, 0);
  int64_t first_ns = schedule.due_ns;

  (void)state;
  for (int64_t i = 0; i < 1000; i++) {
    assert_int_equal(schedule.due_ns, first_ns + i * 2 * S);
    assert_int_equal(mw_schedule_advance(&schedule, schedule.due_ns + i * MS), 0);
  }
}

static void what_comes_due_during_a_run_is_skipped_and_counted(void **state)
{
  static const struct {
    int64_t takes_ms;
    uint64_t skipped;
    int64_t next_s;
  } examples[] = {{0, 0, 2},    {1999, 0, 2}, {2000, 1, 4},
                  {2001, 1, 4}, {4100, 2, 6}, {86400000, 43200, 86402}};

  (void)state;
  for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
    struct mw_schedule schedule = starting_at("a", 2, 0);
    int64_t first_ns = schedule.due_ns;
    assert_int_equal(mw_schedule_advance(&schedule, first_ns + examples[i].takes_ms * MS),
                     examples[i].skipped);
    assert_int_equal(schedule.due_ns, first_ns + examples[i].next_s * S);
  }
}

static void a_hurried_run_is_one_more(void **state)
{
  struct mw_schedule schedule = starting_at("a", 2, 0);
  int64_t first_ns = schedule.due_ns;

  (void)state;
  /* before the first point of the grid */
  mw_schedule_hurry(&schedule, first_ns - 5 * MS);
  assert_int_equal(schedule.due_ns, first_ns - 5 * MS);
  assert_int_equal(mw_schedule_advance(&schedule, first_ns - 1 * MS), 0);
  assert_int_equal(schedule.due_ns, first_ns);
  /* over the first point */
  mw_schedule_hurry(&schedule, first_ns - 5 * MS);
  assert_int_equal(mw_schedule_advance(&schedule, first_ns + 1), 1);
  assert_int_equal(schedule.due_ns, first_ns + 2 * S);
  /* between two points */
  mw_schedule_hurry(&schedule, first_ns + 1 * S);
  assert_int_equal(mw_schedule_advance(&schedule, first_ns + 1 * S), 0);
  assert_int_equal(schedule.due_ns, first_ns + 2 * S);
  /* a run that is due is not made later */
  mw_schedule_hurry(&schedule, first_ns + 3 * S);
  assert_int_equal(schedule.due_ns, first_ns + 2 * S);
}

static void the_same_interval_again_changes_nothing(void **state)
{
  struct mw_schedule schedule = starting_at("a", 2, 0);
  int64_t first_ns = schedule.due_ns;

  (void)state;
  mw_schedule_set_interval(&schedule, "a", 2, first_ns + S);
  assert_int_equal(schedule.due_ns, first_ns);
  mw_schedule_set_interval(&schedule, "a", 4, 100 * S);
  assert_int_equal(schedule.interval_ns, 4 * S);
  assert_in_range(schedule.due_ns, 100 * S, 104 * S - 1);
}

static void pauses_grow_up_to_an_hour_and_end_with_a_good_run(void **state)
{
  struct mw_penalty penalty = {0};

  (void)state;
  for (int round = 0; round < 2; round++) {
    assert_int_equal(mw_penalty_offend_ns(&penalty), 0);
    assert_int_equal(mw_penalty_offend_ns(&penalty), 0);
    assert_int_equal(mw_penalty_offend_ns(&penalty), 10 * S);
    assert_int_equal(mw_penalty_offend_ns(&penalty), 20 * S);
    for (int i = 0; i < 100; i++)
      mw_penalty_offend_ns(&penalty);
    assert_int_equal(mw_penalty_offend_ns(&penalty), 3600 * S);
    mw_penalty_forgive(&penalty);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_run_comes_within_an_interval),
      cmocka_unit_test(names_spread_the_runs_and_keep_their_place),
      cmocka_unit_test(runs_that_end_late_do_not_move_the_grid),
      cmocka_unit_test(what_comes_due_during_a_run_is_skipped_and_counted),
      cmocka_unit_test(a_hurried_run_is_one_more),
      cmocka_unit_test(the_same_interval_again_changes_nothing),
      cmocka_unit_test(pauses_grow_up_to_an_hour_and_end_with_a_good_run),
  };
  return cmocka_run_group_tests_name("agent/schedule", tests, NULL, NULL);
}
