/* Deliveries behind records of the queue's file that were damaged. */
#include "agent/delivery.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/queue/queue_fixture.h"

#define STEPS_MAX 1000

static void put_marked(struct fixture *f, int count)
{
  char body[64];

  for (int i = 1; i <= count; i++) {
    snprintf(body, sizeof body, "{\"marker\":\"message-%d\"}", i);
    const struct mw_message message = {.script = "demo",
                                       .kind = "metric",
                                       .schema = 1,
                                       .emitted_at_ns = MW_NS_PER_S,
                                       .body = {body, strlen(body)}};
    assert_int_equal(0, mw_queue_put(f->queue, &message, &f->err));
  }
}

/* Change a byte in each copy of the message in the file. */
static void damage(const struct fixture *f, const char *marker)
{
  static char bytes[1 << 20];
  int fd = open(f->path, O_RDWR | O_CLOEXEC);
  ssize_t got = read(fd, bytes, sizeof bytes);

  assert_true(got > 0);
  for (char *at = bytes; (at = memmem(at, (size_t)(bytes + got - at), marker, strlen(marker)));)
    *at = 'X';
  assert_int_equal(got, pwrite(fd, bytes, (size_t)got, 0));
  close(fd);
}

struct far_end {
  bool refuses;
  size_t count;
};

static int deliver(void *data, struct mw_queue_batch *batch, struct mw_verdict *verdict,
                   struct mw_error *why)
{
  struct far_end *end = data;

  if (end->refuses) {
    verdict->fault = MW_DELIVERY_BATCH;
    return mw_error_set(why, EIO, "no");
  }
  end->count += batch->count;
  return 0;
}

/* Five messages in the file, of which the first and the fourth are damaged, for @p end. */
static struct mw_delivery_status deliver_all(struct fixture *f, struct far_end *end,
                                             int64_t max_age_ns)
{
  struct mw_clock_manual clock;
  struct mw_delivery_status status;

  mw_queue_leave_cursor(f->queue, add_cursor(f, "far"));
  put_marked(f, 5);
  close_queue(f);
  damage(f, "message-1");
  damage(f, "message-4");
  open_queue(f);
  mw_clock_manual_init(&clock);
  clock.now_wall_ns = 1000 * MW_NS_PER_S;
  const struct mw_delivery_config config = {
      .name = "far", .queue = f->queue, .clock = &clock.clock};
  struct mw_delivery *delivery = mw_delivery_new(&config, &f->err);
  assert_non_null(delivery);
  mw_delivery_set_limits(delivery, &(struct mw_delivery_limits){.max_age_ns = max_age_ns});
  for (int i = 0; mw_delivery_try(delivery, deliver, end, &f->err) != MW_DELIVERY_IDLE; i++)
    assert_true(i < STEPS_MAX);
  mw_delivery_status(delivery, &status);
  mw_delivery_free(delivery);
  return status;
}

static void what_is_refused_is_passed(void **state)
{
  struct far_end end = {.refuses = true};
  struct mw_delivery_status status = deliver_all(*state, &end, 0);

  assert_int_equal(3, status.usage.set_aside_total);
  assert_int_equal(0, status.usage.delivered_total);
  assert_int_equal(2, status.usage.dropped_total);
  assert_int_equal(0, status.usage.waiting);
}

static void what_is_too_old_is_passed(void **state)
{
  struct far_end end = {0};
  struct mw_delivery_status status = deliver_all(*state, &end, MW_NS_PER_S);

  assert_int_equal(3, status.stale_total);
  assert_int_equal(0, status.usage.set_aside_total);
  assert_int_equal(0, status.usage.delivered_total);
  assert_int_equal(2, status.usage.dropped_total);
  assert_int_equal(0, end.count);
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_is_refused_is_passed, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_is_too_old_is_passed, set_up, tear_down),
  };

  return cmocka_run_group_tests_name("agent/delivery_damage", tests, NULL, NULL);
}
