/* Files that were changed behind the queue's back, disks that do not take what is written, and
 * processes that are killed: no crash, no end, and nothing is delivered whose bytes changed. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include <lmdb.h>

#include "queue/internal.h"
#include "queue_fixture.h"

#define PAGE 4096
#define TRIALS_DEFAULT 20
#define BODIES 60
#define SOUND_MAX_BYTES ((size_t)2 << 20)

static uint8_t sound[SOUND_MAX_BYTES];
static size_t sound_bytes;

static void read_file(const struct fixture *fixture)
{
  int fd = open(fixture->path, O_RDONLY | O_CLOEXEC);
  ssize_t got = read(fd, sound, sizeof sound);

  close(fd);
  assert_true(got > 2 * PAGE && got < (ssize_t)sizeof sound);
  sound_bytes = (size_t)got;
}

static void write_file(const struct fixture *fixture, const uint8_t *bytes, size_t len_bytes)
{
  int fd = open(fixture->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  assert_int_equal(write(fd, bytes, len_bytes), len_bytes);
  close(fd);
}

/* A file with bodies of many sizes, that was closed in order, or was not. */
static void make_file(struct fixture *fixture, bool is_clean)
{
  int a = add_cursor(fixture, "a");

  for (uint64_t i = 1; i <= BODIES; i++)
    put_bodies(fixture, i, i, i * i * 5);
  EVENTUALLY(usage(fixture).committed_total == BODIES); /* what is had before is never written */
  take(fixture, a, 5);
  if (!is_clean)
    read_file(fixture);
  close_queue(fixture);
  if (is_clean)
    read_file(fixture);
}

/* Deliver all there is. @return how many; each is what it was, and behind the one before. */
static size_t deliver_all(struct fixture *fixture, uint64_t *first)
{
  int a = add_cursor(fixture, "a");
  struct mw_queue_batch batch;
  uint64_t last = 0;
  size_t count = 0;

  while (mw_queue_wait(fixture->queue, a, 0)) {
    mw_queue_take(fixture->queue, a, 0, 30000, &batch);
    for (size_t i = 0; i < batch.count; i++) {
      uint64_t number = number_of(batch.messages[i]);
      assert_true(number > last);
      if (last == 0 && first)
        *first = number;
      last = number;
    }
    count += batch.count;
    mw_queue_end(fixture->queue, a, &batch, batch.count);
  }
  mw_queue_leave_cursor(fixture->queue, a);
  return count;
}

static void set_reopening(struct mw_queue *queue, bool is_reopening)
{
  pthread_mutex_lock(&queue->mutex);
  queue->is_unreadable = is_reopening;
  queue->is_attached = !is_reopening;
  pthread_mutex_unlock(&queue->mutex);
}

/* Not every sink asks whether there is something before it takes it. */
static void nothing_is_lost_while_the_file_is_opened_anew(void **state)
{
  struct fixture *fixture = *state;
  struct mw_queue_batch batch;

  add_cursor(fixture, "a");
  put_bodies(fixture, 1, BODIES, 100);
  close_queue(fixture);
  fixture->config.flush_interval_ns = 3600 * MW_NS_PER_S;
  open_queue(fixture);
  int a = add_cursor(fixture, "a");
  assert_int_equal(cursor_usage(fixture, a).waiting, BODIES);
  set_reopening(fixture->queue, true);
  mw_queue_take(fixture->queue, a, 0, ANY_BYTES, &batch);
  assert_int_equal(batch.count, 0);
  mw_queue_end(fixture->queue, a, &batch, 0);
  assert_int_equal(cursor_usage(fixture, a).waiting, BODIES);
  set_reopening(fixture->queue, false);
  assert_int_equal(cursor_usage(fixture, a).dropped_total, 0);
  mw_queue_leave_cursor(fixture->queue, a);
  assert_int_equal(deliver_all(fixture, NULL), BODIES);
}

/* Open what is there now, deliver it, and go on with it. */
static void use(struct fixture *fixture, size_t *delivered, size_t *aside, uint64_t *damaged)
{
  fixture->told[0] = '\0';
  open_queue(fixture);
  size_t count = deliver_all(fixture, NULL);
  *delivered += count;
  *aside += has_told(fixture, ".damaged now");
  *damaged += usage(fixture).damaged_total;
  uint64_t committed = usage(fixture).committed_total;
  mw_queue_add_cursor(fixture->queue, "b", MW_QUEUE_FROM_END, NULL);
  put_bodies(fixture, 1001, 1010, 3000);
  EVENTUALLY(usage(fixture).committed_total == committed + 10);
  assert_int_equal(deliver_all(fixture, NULL) == 0, 0);
  close_queue(fixture);
}

static void damage_page(uint8_t *bytes, size_t *len_bytes, unsigned *seed)
{
  size_t page = (size_t)rand_r(seed) % (*len_bytes / PAGE);

  for (size_t i = 0; i < PAGE; i++)
    bytes[page * PAGE + i] = (uint8_t)rand_r(seed);
}

static void cut_off(uint8_t *bytes, size_t *len_bytes, unsigned *seed)
{
  (void)bytes;
  *len_bytes = (size_t)rand_r(seed) % *len_bytes;
}

static void flip_bit(uint8_t *bytes, size_t *len_bytes, unsigned *seed)
{
  size_t bit = (size_t)rand_r(seed) % (*len_bytes * 8);

  bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
}

/* tools/soak asks for more. */
static int trials(void)
{
  const char *text = getenv("MOONWATCH_TRIALS");
  return text ? atoi(text) : TRIALS_DEFAULT;
}

static void try_damage(struct fixture *fixture, bool is_clean,
                       void (*damage)(uint8_t *bytes, size_t *len_bytes, unsigned *seed))
{
  static uint8_t bytes[SOUND_MAX_BYTES];
  size_t delivered = 0, aside = 0;
  uint64_t damaged = 0;
  unsigned seed = 7;

  make_file(fixture, is_clean);
  for (int i = 0; i < trials(); i++) {
    size_t len_bytes = sound_bytes;
    memcpy(bytes, sound, sound_bytes);
    damage(bytes, &len_bytes, &seed);
    write_file(fixture, bytes, len_bytes);
    use(fixture, &delivered, &aside, &damaged);
  }
  print_message("%zu delivered, %zu set aside, %llu damaged\n", delivered, aside,
                (unsigned long long)damaged);
  assert_true(aside + damaged > 0);
}

static void a_page_of_noise(void **state)
{
  try_damage(*state, true, damage_page);
}

static void a_page_of_noise_after_a_crash(void **state)
{
  try_damage(*state, false, damage_page);
}

static void a_file_that_is_cut_off(void **state)
{
  try_damage(*state, true, cut_off);
}

static void a_file_that_is_cut_off_after_a_crash(void **state)
{
  try_damage(*state, false, cut_off);
}

static void a_bit_that_flipped(void **state)
{
  try_damage(*state, true, flip_bit);
}

static void a_bit_that_flipped_after_a_crash(void **state)
{
  try_damage(*state, false, flip_bit);
}

/* ---- Files that are none ---- */

static void garbage_is_moved_aside(void **state)
{
  struct fixture *fixture = *state;
  struct stat status;
  char aside[TMPTREE_PATH_BYTES];

  close_queue(fixture);
  memset(sound, 'x', 100000);
  write_file(fixture, sound, 100000);
  open_queue(fixture);
  told(fixture, "! ");
  told(fixture, "data.mdb is not a queue; it is ");
  snprintf(aside, sizeof aside, "%s.damaged", fixture->path);
  assert_int_equal(stat(aside, &status), 0);
  assert_int_equal(status.st_size, 100000);
  assert_true(usage(fixture).has_file);
  int a = add_cursor(fixture, "a");
  put_numbers(fixture, 1, 2);
  assert_string_equal(take(fixture, a, -1), "1 2");
}

/* With a database of the next version in it. */
static void make_newer(const struct fixture *fixture)
{
  MDB_env *env;
  MDB_txn *txn;
  MDB_dbi database;

  assert_int_equal(mdb_env_create(&env), 0);
  assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
  assert_int_equal(mdb_env_open(env, fixture->dir, 0, 0600), 0);
  assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
  assert_int_equal(mdb_dbi_open(txn, "moonwatch-queue-2-messages", MDB_CREATE, &database), 0);
  assert_int_equal(mdb_txn_commit(txn), 0);
  mdb_env_close(env);
}

static void a_file_of_a_newer_version_is_left_alone(void **state)
{
  struct fixture *fixture = *state;

  add_cursor(fixture, "a");
  put_bodies(fixture, 1, 30, 3000);
  close_queue(fixture);
  make_newer(fixture);
  read_file(fixture);
  open_queue(fixture);
  assert_false(usage(fixture).has_file);
  assert_non_null(strstr(usage(fixture).error, "written by a newer moonwatch"));
  told(fixture, "written by a newer moonwatch");
  int a = add_cursor(fixture, "a");
  put_numbers(fixture, 1, 2);
  assert_string_equal(take(fixture, a, -1), "1 2");
  pause_ms(30);
  assert_false(mw_queue_close(fixture->queue, in_seconds(10)));
  fixture->queue = NULL;
  static uint8_t before[SOUND_MAX_BYTES];
  size_t before_bytes = sound_bytes;
  memcpy(before, sound, sound_bytes);
  read_file(fixture);
  assert_int_equal(sound_bytes, before_bytes);
  assert_memory_equal(sound, before, sound_bytes);
}

/* ---- Disks that are away ---- */

static void a_directory_that_others_can_write_is_refused(void **state)
{
  struct fixture *fixture = *state;

  close_queue(fixture);
  chmod(fixture->dir, 0777);
  assert_null(mw_queue_open(&fixture->config, &fixture->err));
  assert_int_equal(fixture->err.code, EPERM);
}

/* Root may write everywhere, so the directory cannot be made: a file stands in its way. */
static void a_disk_that_comes_back_is_taken_up_again(void **state)
{
  struct fixture *fixture = *state;
  char way[TMPTREE_PATH_BYTES], aside[TMPTREE_PATH_BYTES + 8];
  int a = add_cursor(fixture, "a");

  put_numbers(fixture, 1, 5);
  assert_string_equal(take(fixture, a, 2), "1 2 3 4 5");
  close_queue(fixture);
  snprintf(way, sizeof way, "%s/a", fixture->root);
  snprintf(aside, sizeof aside, "%s.away", way);
  assert_int_equal(rename(way, aside), 0);
  tmptree_write(way, "in the way");

  open_queue(fixture);
  assert_false(usage(fixture).has_file);
  assert_string_not_equal(usage(fixture).error, "");
  told(fixture, "messages stay in memory meanwhile");
  a = add_cursor(fixture, "a");
  int b = add_cursor(fixture, "b");
  put_numbers(fixture, 6, 8);
  assert_string_equal(take(fixture, a, 2), "6 7 8");
  assert_int_equal(unlink(way), 0);
  assert_int_equal(rename(aside, way), 0);
  EVENTUALLY(usage(fixture).has_file);
  told(fixture, "is in use again");
  assert_string_equal(usage(fixture).error, "");
  put_numbers(fixture, 9, 9);
  /* what the file has comes first, and then what it has not delivered yet */
  assert_int_equal(cursor_usage(fixture, a).waiting, 5);
  assert_string_equal(take(fixture, a, -1), "3 4 5");
  assert_string_equal(take(fixture, a, -1), "8 9");
  assert_string_equal(take(fixture, b, -1), "6 7 8 9");
  assert_int_equal(cursor_usage(fixture, a).delivered_total, 9);
  assert_int_equal(cursor_usage(fixture, a).dropped_total, 0);
}

static void what_is_being_delivered_when_the_disk_comes_back_counts(void **state)
{
  struct fixture *fixture = *state;
  char way[TMPTREE_PATH_BYTES], aside[TMPTREE_PATH_BYTES + 8];
  struct mw_queue_batch batch;
  int a = add_cursor(fixture, "a");

  put_numbers(fixture, 1, 5);
  assert_string_equal(take(fixture, a, 2), "1 2 3 4 5");
  close_queue(fixture);
  snprintf(way, sizeof way, "%s/a", fixture->root);
  snprintf(aside, sizeof aside, "%s.away", way);
  assert_int_equal(rename(way, aside), 0);
  tmptree_write(way, "in the way");
  open_queue(fixture);
  a = add_cursor(fixture, "a");
  put_numbers(fixture, 6, 8);
  mw_queue_take(fixture->queue, a, 0, ANY_BYTES, &batch);
  assert_int_equal(batch.count, 3);
  assert_int_equal(unlink(way), 0);
  assert_int_equal(rename(aside, way), 0);
  EVENTUALLY(usage(fixture).has_file);
  assert_int_equal(batch.messages[0]->body.data[0], '6');
  mw_queue_end(fixture->queue, a, &batch, 2);
  assert_string_equal(take(fixture, a, -1), "3 4 5");
  assert_string_equal(take(fixture, a, -1), "8");
  assert_int_equal(cursor_usage(fixture, a).delivered_total, 8);
  assert_int_equal(cursor_usage(fixture, a).dropped_total, 0);
}

static void a_full_disk_stops_nothing(void **state)
{
  struct fixture *fixture = *state;

  close_queue(fixture);
  if (mount("none", fixture->root, "tmpfs", 0, "size=512k") < 0)
    skip();
  snprintf(fixture->dir, sizeof fixture->dir, "%s/queue", fixture->root);
  fixture->config.buffer_bytes = 400000;
  open_queue(fixture);
  int a = add_cursor(fixture, "a");
  for (uint64_t i = 1; i <= 400; i += 10) {
    put_bodies(fixture, i, i + 9, 5000);
    pause_ms(8);
  }
  assert_non_null(strstr(usage(fixture).error, "No space left"));
  mw_queue_leave_cursor(fixture->queue, a);
  size_t count = deliver_all(fixture, NULL);
  assert_true(count > 50); /* those in the file, and the newest */
  assert_int_equal(add_cursor(fixture, "a"), a);
  struct mw_queue_cursor after = cursor_usage(fixture, a);
  assert_int_equal(after.waiting, 0);
  assert_int_equal(after.delivered_total, count);
  assert_int_equal(after.delivered_total + after.dropped_total, 400);

  assert_int_equal(mount("none", fixture->root, "tmpfs", MS_REMOUNT, "size=8m"), 0);
  put_bodies(fixture, 401, 410, 5000);
  EVENTUALLY(!*usage(fixture).error);
  reopen(fixture);
  assert_int_equal(deliver_all(fixture, NULL), 10);
  close_queue(fixture);
  umount2(fixture->root, MNT_DETACH);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(a_page_of_noise),
      TEST(a_page_of_noise_after_a_crash),
      TEST(a_file_that_is_cut_off),
      TEST(a_file_that_is_cut_off_after_a_crash),
      TEST(a_bit_that_flipped),
      TEST(a_bit_that_flipped_after_a_crash),
      TEST(nothing_is_lost_while_the_file_is_opened_anew),
      TEST(garbage_is_moved_aside),
      TEST(a_file_of_a_newer_version_is_left_alone),
      TEST(a_directory_that_others_can_write_is_refused),
      TEST(a_disk_that_comes_back_is_taken_up_again),
      TEST(what_is_being_delivered_when_the_disk_comes_back_counts),
      TEST(a_full_disk_stops_nothing),
  };

  return cmocka_run_group_tests_name("queue/damage", tests, NULL, NULL);
}
