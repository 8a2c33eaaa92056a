/* What does not fit into a map or a list of a container: what stays, and what the log says. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "inventory_support.h"

struct fixture {
  struct mw_clock_manual clock; /* of the log, which says the same only now and then */
  struct mw_inventory *inventory;
  int log_fd;
  char log[4096];
};

static int start(void **state)
{
  struct fixture *f = calloc(1, sizeof *f);

  f->inventory = mw_inventory_new(NULL, NULL);
  f->log_fd = memfd_create("log", 0);
  mw_clock_manual_init(&f->clock);
  mw_log_configure(
      &(struct mw_log_config){.level = MW_LOG_WARN, .fd = f->log_fd, .clock = &f->clock.clock});
  *state = f;
  return f->inventory && f->log_fd >= 0 ? 0 : -1;
}

static int finish(void **state)
{
  struct fixture *f = *state;

  mw_inventory_free(f->inventory);
  close(f->log_fd);
  free(f);
  return 0;
}

/* What was logged since the last call. */
static const char *log_of(struct fixture *f)
{
  ssize_t bytes = pread(f->log_fd, f->log, sizeof f->log - 1, 0);

  f->log[bytes > 0 ? bytes : 0] = '\0';
  assert_int_equal(ftruncate(f->log_fd, 0), 0);
  lseek(f->log_fd, 0, SEEK_SET);
  return f->log;
}

/* From now on the log says again what it said before. */
static void let_log_repeat(struct fixture *f)
{
  f->clock.now_monotonic_ns += 2 * MW_LOG_LIMIT_INTERVAL_NS;
}

static void assert_logged(struct fixture *f, const char *part)
{
  const char *log = log_of(f);

  if (!strstr(log, part))
    fail_msg("\"%s\" is not in \"%s\"", part, log);
}

/* Say @p container alone. @return a snapshot with it, to be released */
static struct mw_inventory_snapshot *keep(struct fixture *f, const struct mw_container *container)
{
  assert_int_equal(say(f->inventory, "docker", container, 1, NULL, 0, NULL), 0);
  return mw_inventory_acquire(f->inventory);
}

static char *text_of(size_t bytes)
{
  char *text = malloc(bytes + 1);

  assert_non_null(text);
  memset(text, 'x', bytes);
  text[bytes] = '\0';
  return text;
}

static void a_long_value_leaves_its_map_alone(void **state)
{
  struct fixture *f = *state;
  char *value = text_of(MW_INVENTORY_VALUE_MAX_BYTES + 1);
  char *key = text_of(MW_INVENTORY_TEXT_MAX_BYTES + 1);
  struct mw_inventory_pair labels[] = {{"long", value}, {key, "v"},     {"edge", value + 1},
                                       {NULL, "v"},     {"null", NULL}, {"a", ""}};

  struct mw_inventory_snapshot *snapshot =
      keep(f, &(struct mw_container){.id = "c1", .labels = {labels, 6}});
  const struct mw_container *kept = mw_inventory_snapshot_at(snapshot, 0)->container;
  assert_int_equal(kept->labels.count, 2);
  assert_string_equal(kept->labels.pairs[0].key, "a");
  assert_string_equal(kept->labels.pairs[1].key, "edge");
  assert_logged(f,
                "docker: too long or too many, and left out: labels \"long\" of container \"c1\" "
                "(4 such in this list)");
  mw_inventory_release(snapshot);
  free(value);
  free(key);
}

static void what_was_left_out_is_logged_when_the_container_is_news(void **state)
{
  struct fixture *f = *state;
  struct mw_inventory_pair env[] = {{"NUL", NULL}};
  struct mw_container container = {.id = "c1", .env = {env, 1}};

  mw_inventory_release(keep(f, &container));
  assert_logged(f, "env \"NUL\" of container \"c1\" (1 such");
  let_log_repeat(f);
  mw_inventory_release(keep(f, &container));
  assert_string_equal(log_of(f), "");
  container.state = "running";
  mw_inventory_release(keep(f, &container));
  assert_logged(f, "env \"NUL\" of container \"c1\" (1 such");
}

static void maps_and_lists_have_bounds(void **state)
{
  struct fixture *f = *state;
  enum { COUNT = 1030 };
  static char texts[COUNT][8];
  static struct mw_inventory_pair pairs[COUNT];
  static struct mw_inventory_port ports[COUNT];
  static const char *tags[COUNT];

  for (int i = 0; i < COUNT; i++) {
    snprintf(texts[i], sizeof texts[i], "%04d", COUNT - 1 - i);
    pairs[i] = (struct mw_inventory_pair){texts[i], texts[i]};
    tags[i] = texts[i];
    ports[i] = (struct mw_inventory_port){.number = (uint16_t)(COUNT - i), .protocol = "TCP"};
  }
  struct mw_container container = {
      .id = "c1", .env = {pairs, COUNT}, .tags = {tags, COUNT}, .ports = {ports, COUNT}};
  struct mw_pod pod = {.uid = "p", .owners = {pairs, COUNT}, .ips = {tags, COUNT}};
  assert_int_equal(say(f->inventory, "docker", &container, 1, &pod, 1, NULL), 0);
  struct mw_inventory_snapshot *snapshot = mw_inventory_acquire(f->inventory);
  const struct mw_container *kept = mw_inventory_snapshot_at(snapshot, 0)->container;
  const struct mw_pod *kept_pod = mw_inventory_snapshot_pod_at(snapshot, 0);
  assert_int_equal(kept->env.count, MW_INVENTORY_PAIRS_MAX);
  assert_string_equal(kept->env.pairs[511].key, "0511");
  assert_int_equal(kept->tags.count, MW_INVENTORY_PAIRS_MAX);
  assert_string_equal(kept->tags.texts[511], "0511");
  assert_int_equal(kept->ports.count, MW_INVENTORY_PORTS_MAX);
  assert_int_equal(kept->ports.ports[1023].number, 1024);
  assert_int_equal(kept_pod->owners.count, MW_INVENTORY_LIST_MAX);
  assert_string_equal(kept_pod->owners.pairs[0].key, "1029");
  assert_int_equal(kept_pod->ips.count, MW_INVENTORY_LIST_MAX);
  assert_logged(f, "(2974 such in this list)"); /* 2 * 518 + 6 + 2 * 966 */
  mw_inventory_release(snapshot);
}

static void merged_maps_have_the_same_bound(void **state)
{
  struct fixture *f = *state;
  enum { COUNT = 400 };
  static char texts[2 * COUNT][8];
  static struct mw_inventory_pair pairs[2 * COUNT];

  for (int i = 0; i < 2 * COUNT; i++) {
    snprintf(texts[i], sizeof texts[i], "%04d", i);
    pairs[i] = (struct mw_inventory_pair){texts[i], texts[i]};
  }
  struct mw_container first = {.id = "c1", .env = {pairs, COUNT}};
  struct mw_container second = {.id = "c1", .env = {pairs + COUNT, COUNT}};
  assert_int_equal(say(f->inventory, "podman", &second, 1, NULL, 0, NULL), 0);
  struct mw_inventory_snapshot *snapshot = keep(f, &first);
  const struct mw_container *kept = mw_inventory_snapshot_at(snapshot, 0)->container;
  assert_int_equal(kept->env.count, MW_INVENTORY_PAIRS_MAX);
  assert_string_equal(kept->env.pairs[511].value, "0511");
  mw_inventory_release(snapshot);
}

static void what_is_listed_twice_is_logged_once(void **state)
{
  struct fixture *f = *state;
  struct mw_container twice[] = {{.id = "a", .state = "1"}, {.id = "b"}, {.id = "a", .state = "2"}};

  assert_int_equal(say(f->inventory, "docker", twice, 3, NULL, 0, NULL), 0);
  assert_string_equal(summary_of(f->inventory), "a=1 b= ");
  assert_logged(f, "docker: listed twice, and the first one counts: container \"a\" (1 such)");
  let_log_repeat(f);
  assert_int_equal(say(f->inventory, "docker", twice, 3, NULL, 0, NULL), 0);
  assert_string_equal(log_of(f), "");
  assert_int_equal(say(f->inventory, "docker", twice, 2, NULL, 0, NULL), 0);
  assert_int_equal(say(f->inventory, "docker", twice, 3, NULL, 0, NULL), 0);
  assert_logged(f, "listed twice");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
  const struct CMUnitTest tests[] = {
      TEST(a_long_value_leaves_its_map_alone),
      TEST(what_was_left_out_is_logged_when_the_container_is_news),
      TEST(maps_and_lists_have_bounds),
      TEST(merged_maps_have_the_same_bound),
      TEST(what_is_listed_twice_is_logged_once),
  };

  return cmocka_run_group_tests_name("core/inventory: bounds of facts", tests, NULL, NULL);
}
