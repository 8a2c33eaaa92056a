/* Which collector is asked: priorities, probing, and questions that are tied to no runtime. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/stats/fakes.h"

#define S MW_NS_PER_S

struct fixture {
  struct mw_clock_manual clock;
  struct mw_stats *stats;
  struct fake fakes[5];
  struct mw_cgroup_sample out;
  char id[MW_CGROUP_ID_BYTES];
  struct mw_error err;
};

static int start(void **state)
{
  static struct fixture f;

  f = (struct fixture){0};
  mw_clock_manual_init(&f.clock);
  f.stats = mw_stats_new(&(struct mw_stats_config){.clock = &f.clock.clock}, NULL);
  *state = &f;
  return f.stats ? 0 : -1;
}

static int finish(void **state)
{
  struct fixture *f = *state;

  mw_stats_free(f->stats);
  mw_cgroup_sample_deinit(&f->out);
  return 0;
}

/* The fake at @p index, not added yet. */
static struct fake *fake(struct fixture *f, int index, const char *name, int priority)
{
  fake_init(&f->fakes[index], name, priority);
  return &f->fakes[index];
}

static void add(struct fixture *f, struct fake *fake)
{
  assert_int_equal(mw_stats_add_collector(f->stats, &fake->collector, &f->err), 0);
}

static void add_with_probe(struct fixture *f, struct fake *fake, int probe_code)
{
  fake->probe_code = probe_code;
  fake->collector.probe = fake_probe;
  fake->collector.offers = NULL;
  fake->collector.offers_count = 0;
  add(f, fake);
}

static int read_of(struct fixture *f, const char *runtime)
{
  return mw_stats_container(f->stats, &(struct mw_container_ref){.id = "c", .runtime = runtime}, 0,
                            MW_FIGURE_SET_ALL, &f->out, &f->err);
}

/* Who answers for a container of @p runtime; "" when nobody offers. */
static const char *answers(struct fixture *f, const char *runtime)
{
  int rc = read_of(f, runtime);

  assert_true(rc == 0 || rc == -ENOTSUP);
  return rc == 0 ? f->out.origin.collector : "";
}

static struct mw_stats_usage usage_of(struct fixture *f)
{
  struct mw_stats_usage usage;

  mw_stats_usage(f->stats, &usage);
  return usage;
}

/* ---- Priorities ---- */

static void the_lowest_priority_answers_whoever_came_first(void **state)
{
  struct fixture *f = *state;

  add(f, fake(f, 0, "worse", 2));
  assert_string_equal(answers(f, "docker"), "worse");
  add(f, fake(f, 1, "better", 1));
  assert_string_equal(answers(f, "docker"), "better");
  add(f, fake(f, 2, "worst", 3));
  assert_string_equal(answers(f, "docker"), "better");
  assert_int_equal(f->fakes[2].readings, 0);
}

static void of_equal_priorities_the_name_decides(void **state)
{
  struct fixture *f = *state;

  add(f, fake(f, 0, "b", 0));
  add(f, fake(f, 1, "a", 0));
  add(f, fake(f, 2, "c", 0));
  assert_string_equal(answers(f, NULL), "a");
}

static void an_offer_is_for_its_runtime_and_its_kinds(void **state)
{
  struct fixture *f = *state;
  const struct mw_container_ref ref = {.id = "c", .runtime = "docker"};
  struct mw_network_sample network = {0};
  struct fake *docker = fake(f, 0, "docker", 0);

  docker->offers[0].runtime = "docker";
  docker->offers[0].kinds = 1U << MW_STATS_CONTAINER;
  add(f, docker);
  add(f, fake(f, 1, "all", 5));
  assert_string_equal(answers(f, "docker"), "docker");
  assert_string_equal(answers(f, "dockerd"), "all");
  assert_string_equal(answers(f, NULL), "all");
  assert_int_equal(mw_stats_network(f->stats, &ref, 0, &network, NULL), 0);
  assert_string_equal(network.origin.collector, "all");
}

static void the_best_of_several_offers_that_fit_counts(void **state)
{
  struct fixture *f = *state;
  struct fake *both = fake(f, 0, "both", 5);

  both->offers[1] = (struct mw_stats_offer){"docker", ALL_KINDS, 1};
  both->offers[2] = (struct mw_stats_offer){"docker", ALL_KINDS, 3};
  both->collector.offers_count = 3;
  add(f, both);
  add(f, fake(f, 1, "other", 2));
  assert_string_equal(answers(f, "docker"), "both");
  assert_string_equal(answers(f, "cri-o"), "other");
}

static void what_nobody_offers_is_not_supported(void **state)
{
  struct fixture *f = *state;
  struct fake *pending = fake(f, 0, "kubelet", 0);

  assert_int_equal(read_of(f, NULL), -ENOTSUP);
  assert_string_equal(f->err.text, "no collector offers figures of such containers");
  add_with_probe(f, pending, ECONNREFUSED);
  assert_int_equal(read_of(f, "cri-o"), -ENOTSUP);
  assert_int_equal(f->err.code, ENOTSUP);
  assert_string_equal(f->err.text,
                      "no collector offers figures of cri-o containers (kubelet is not "
                      "ready: kubelet is not there)");
}

static void what_makes_no_sense_is_not_added(void **state)
{
  static const char *const names[MW_STATS_COLLECTORS_MAX] = {"b", "c", "d", "e", "f", "g", "h", "i",
                                                             "j", "k", "l", "m", "n", "o", "p"};
  struct fixture *f = *state;
  struct fake *one = fake(f, 0, NULL, 0);

  assert_int_equal(mw_stats_add_collector(f->stats, &one->collector, NULL), -EINVAL);
  one->collector.name = "";
  assert_int_equal(mw_stats_add_collector(f->stats, &one->collector, NULL), -EINVAL);
  one->collector.name = "a";
  one->collector.network = NULL;
  assert_int_equal(mw_stats_add_collector(f->stats, &one->collector, &f->err), -EINVAL);
  assert_string_equal(f->err.text,
                      "collector a offers network figures without a function for them");
  one->offers[0].kinds = 1U << MW_STATS_CONTAINER;
  add(f, one);
  assert_int_equal(mw_stats_add_collector(f->stats, &one->collector, NULL), -EEXIST);
  for (int i = 0; i < MW_STATS_COLLECTORS_MAX - 1; i++) {
    one->collector.name = names[i];
    add(f, one);
  }
  one->collector.name = "z";
  assert_int_equal(mw_stats_add_collector(f->stats, &one->collector, NULL), -ENOSPC);
  assert_int_equal(usage_of(f).collectors, MW_STATS_COLLECTORS_MAX);
}

/* ---- Probing ---- */

static void expect_answers(struct fixture *f, const char *docker, const char *containerd,
                           const char *cri_o, size_t pending)
{
  assert_string_equal(answers(f, "docker"), docker);
  assert_string_equal(answers(f, "containerd"), containerd);
  assert_string_equal(answers(f, "cri-o"), cri_o);
  assert_int_equal(usage_of(f).collectors_pending, pending);
}

static void offer_runtime(struct fake *fake, const char *runtime, int priority)
{
  fake->offers[0] = (struct mw_stats_offer){runtime, ALL_KINDS, priority};
}

static void collectors_come_round_by_round(void **state)
{
  struct fixture *f = *state;
  struct fake *d1 = fake(f, 0, "d1", 0), *d3 = fake(f, 2, "d3", 0), *d4 = fake(f, 3, "d4", 0);

  offer_runtime(d1, "docker", 10);
  d1->offers[1] = (struct mw_stats_offer){"containerd", ALL_KINDS, 10};
  d1->offers[2] = (struct mw_stats_offer){"cri-o", ALL_KINDS, 10};
  d1->probe_offers = 3;
  offer_runtime(d3, "cri-o", 9);
  offer_runtime(d4, "docker", 8);
  add_with_probe(f, d1, 0);
  add_with_probe(f, fake(f, 1, "d2", 0), ENOTSUP);
  add_with_probe(f, d3, EAGAIN);
  expect_answers(f, "d1", "d1", "d1", 1);
  f->clock.now_monotonic_ns += 2 * S;
  expect_answers(f, "d1", "d1", "d1", 1);
  d3->probe_code = 0;
  f->clock.now_monotonic_ns += 2 * S;
  expect_answers(f, "d1", "d1", "d3", 0);
  add_with_probe(f, d4, 0);
  expect_answers(f, "d4", "d1", "d3", 0);
  assert_int_equal(d1->probes, 1);
  assert_int_equal(f->fakes[1].probes, 1);
  assert_int_equal(d3->probes, 3);
}

static void not_yet_is_asked_again_every_two_seconds(void **state)
{
  struct fixture *f = *state;
  struct fake *late = fake(f, 0, "late", 0);

  add_with_probe(f, late, EAGAIN);
  for (unsigned i = 1; i <= 10; i++) {
    read_of(f, NULL);
    read_of(f, NULL);
    assert_int_equal(late->probes, i);
    f->clock.now_monotonic_ns += 2 * S - 1;
    read_of(f, NULL);
    assert_int_equal(late->probes, i);
    f->clock.now_monotonic_ns += 1;
  }
}

/* The time from one probe to the next, found to the second, rounded up. */
static int64_t seconds_to_next_probe(struct fixture *f, const struct fake *fake)
{
  unsigned before = fake->probes;
  int64_t seconds = 0;

  for (; fake->probes == before; seconds++) {
    f->clock.now_monotonic_ns += S;
    read_of(f, NULL);
    assert_true(seconds < 100);
  }
  return seconds;
}

static void a_failing_probe_is_tried_ever_later(void **state)
{
  static const int most_s[] = {4, 8, 16, 32, 60, 60, 60};
  struct fixture *f = *state;
  struct fake *failing = fake(f, 0, "failing", 0);
  bool differs = false;

  add_with_probe(f, failing, ECONNREFUSED);
  read_of(f, NULL);
  assert_int_equal(failing->probes, 1);
  for (size_t i = 0; i < sizeof most_s / sizeof most_s[0]; i++) {
    int64_t seconds = seconds_to_next_probe(f, failing);
    assert_in_range(seconds, most_s[i] / 2, most_s[i]);
    differs |= seconds != most_s[i];
  }
  assert_true(differs);         /* a part of it is random */
  failing->probe_code = EAGAIN; /* it is back, and not ready yet: no reason to be slow any more */
  seconds_to_next_probe(f, failing);
  assert_int_equal(seconds_to_next_probe(f, failing), 2);
  failing->probe_code = ECONNREFUSED;
  seconds_to_next_probe(f, failing);
  assert_in_range(seconds_to_next_probe(f, failing), 2, 4);
}

static void offers_of_a_probe_are_checked_too(void **state)
{
  struct fixture *f = *state;
  struct fake *wrong = fake(f, 0, "wrong", 0);

  wrong->collector.container = NULL;
  add_with_probe(f, wrong, 0);
  assert_int_equal(read_of(f, NULL), -ENOTSUP);
  assert_int_equal(usage_of(f).collectors, 0);
  assert_non_null(strstr(f->err.text, "without a function"));
}

static void a_failure_is_not_kept_when_a_collector_becomes_ready(void **state)
{
  const struct mw_container_ref ref = {.id = "c"};
  struct fixture *f = *state;

  assert_int_equal(read_of(f, NULL), -ENOTSUP);
  assert_int_equal(mw_stats_container(f->stats, &ref, INT64_MAX, MW_FIGURE_SET_ALL, &f->out, NULL),
                   -ENOTSUP);
  assert_int_equal(usage_of(f).hits_total, 1);
  add(f, fake(f, 0, "new", 0));
  assert_int_equal(mw_stats_container(f->stats, &ref, INT64_MAX, MW_FIGURE_SET_ALL, &f->out, NULL),
                   0);
}

/* ---- Which container is it? ---- */

static const char *id_of_pid(struct fixture *f, int32_t pid, int expected_rc)
{
  f->id[0] = '\0';
  assert_int_equal(mw_stats_id_of_pid(f->stats, pid, f->id, &f->err), expected_rc);
  return f->id;
}

static void collectors_are_asked_for_an_id_by_priority_until_one_knows(void **state)
{
  struct fixture *f = *state;
  struct fake *p0 = fake(f, 0, "p0", 0), *p1 = fake(f, 1, "p1", 1), *p2 = fake(f, 2, "p2", 2);

  p0->id = "foo1", p0->id_pid = 1;
  p1->id = "foo2", p1->id_pid = 2;
  p2->code = EIO;
  add(f, p1);
  add(f, p0);
  assert_string_equal(id_of_pid(f, 1, 0), "foo1");
  assert_int_equal(p1->questions, 0);
  assert_string_equal(id_of_pid(f, 2, 0), "foo2");
  id_of_pid(f, 3, -ENOENT);
  assert_string_equal(f->err.text, "in no container that is known");
  add(f, p2);
  assert_string_equal(id_of_pid(f, 1, 0), "foo1");
  assert_string_equal(id_of_pid(f, 2, 0), "foo2");
  id_of_pid(f, 3, -EIO);
  assert_string_equal(f->err.text, "p2 says no");
}

static void a_failure_does_not_end_the_search_for_an_id(void **state)
{
  struct fixture *f = *state;
  struct fake *failing = fake(f, 0, "failing", 0), *knows = fake(f, 2, "knows", 2);

  failing->code = EIO;
  knows->id = "foo", knows->id_pid = 1;
  add(f, failing);
  add(f, fake(f, 1, "ignorant", 1));
  add(f, knows);
  assert_string_equal(id_of_pid(f, 1, 0), "foo");
  id_of_pid(f, 2, -EIO);
  assert_string_equal(f->err.text, "failing says no"); /* not that of the last, who knows none */
  assert_int_equal(mw_stats_id_of_inode(f->stats, knows->base, f->id, NULL), 0);
  assert_int_equal(mw_stats_id_of_inode(f->stats, 7, f->id, NULL), -EIO);
}

static void who_cannot_tell_is_passed_over(void **state)
{
  struct fixture *f = *state;
  struct fake *mute = fake(f, 0, "mute", 0);

  mute->collector.id_of_pid = NULL;
  mute->collector.id_of_inode = NULL;
  mute->collector.own_id = NULL;
  mute->collector.sweep = NULL;
  add(f, mute);
  assert_int_equal(mw_stats_id_of_pid(f->stats, 1, f->id, NULL), -ENOENT);
  assert_int_equal(mw_stats_id_of_inode(f->stats, 1, f->id, NULL), -ENOENT);
  assert_int_equal(mw_stats_own_id(f->stats, f->id, NULL), -ENOENT);
  mw_stats_sweep(f->stats);
}

static void who_has_no_readings_may_know_an_id(void **state)
{
  struct fixture *f = *state;
  struct fake *one = fake(f, 0, "one", 0);

  one->offers[0].kinds = 0;
  one->id = "foo", one->id_pid = 1;
  add(f, one);
  assert_string_equal(id_of_pid(f, 1, 0), "foo");
  assert_int_equal(read_of(f, NULL), -ENOTSUP);
}

static void the_own_id_is_kept_for_ever(void **state)
{
  struct fixture *f = *state;
  struct fake *one = fake(f, 0, "one", 0);

  add(f, one);
  assert_int_equal(mw_stats_own_id(f->stats, f->id, NULL), -ENOENT);
  one->id = "me";
  assert_int_equal(mw_stats_own_id(f->stats, f->id, NULL), 0);
  one->id = "somebody else";
  f->clock.now_monotonic_ns += 1000000 * S;
  f->id[0] = '\0';
  assert_int_equal(mw_stats_own_id(f->stats, f->id, NULL), 0);
  assert_string_equal(f->id, "me");
  assert_int_equal(one->questions, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)
  const struct CMUnitTest tests[] = {
      TEST(the_lowest_priority_answers_whoever_came_first),
      TEST(of_equal_priorities_the_name_decides),
      TEST(an_offer_is_for_its_runtime_and_its_kinds),
      TEST(the_best_of_several_offers_that_fit_counts),
      TEST(what_nobody_offers_is_not_supported),
      TEST(what_makes_no_sense_is_not_added),
      TEST(collectors_come_round_by_round),
      TEST(not_yet_is_asked_again_every_two_seconds),
      TEST(a_failing_probe_is_tried_ever_later),
      TEST(offers_of_a_probe_are_checked_too),
      TEST(a_failure_is_not_kept_when_a_collector_becomes_ready),
      TEST(collectors_are_asked_for_an_id_by_priority_until_one_knows),
      TEST(a_failure_does_not_end_the_search_for_an_id),
      TEST(who_cannot_tell_is_passed_over),
      TEST(who_has_no_readings_may_know_an_id),
      TEST(the_own_id_is_kept_for_ever),
  };

  return cmocka_run_group_tests_name("core/stats: collectors", tests, NULL, NULL);
}
