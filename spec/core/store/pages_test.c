/* Files that were damaged on purpose: what is opened can be read and written without harm. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_fixture.h"

#define FILE_MAX_BYTES ((size_t)4 << 20)

static uint64_t next_random(uint64_t *seed)
{
  *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *seed >> 33;
}

static void path_of(const struct fixture *fixture, char out[static TMPTREE_PATH_BYTES])
{
  snprintf(out, TMPTREE_PATH_BYTES, "%s/data.mdb", fixture->dir);
}

/* Puts and deletes of all sizes, in an order that only looks random. */
static void work(struct fixture *fixture, unsigned steps, uint64_t *seed)
{
  static char value[20000];

  for (unsigned i = 0; i < steps; i++) {
    char key[300];
    int key_bytes = snprintf(key, sizeof key, "%0*u", (int)(4 + next_random(seed) % 200),
                             (unsigned)(next_random(seed) % 300));
    struct mw_store_bytes bytes = {value, next_random(seed) % 4 == 0
                                              ? next_random(seed) % sizeof value
                                              : next_random(seed) % 200};
    struct mw_store_bytes key_of = {key, (size_t)key_bytes};
    int rc = next_random(seed) % 3 == 0
                 ? mw_store_delete(fixture->store, &key_of, 1, NULL, NULL, &fixture->err)
                 : mw_store_put(fixture->store, key_of, bytes, &fixture->err);
    if (rc < 0)
      fail_msg("%s", fixture->err.text);
  }
}

static void takes_every_file_that_is_sound(void **state)
{
  struct fixture *fixture = *state;
  uint64_t seed = 1;

  for (int i = 0; i < 30; i++) {
    work(fixture, 40, &seed);
    reopen(fixture); /* which looks at all pages */
  }
  assert_int_equal(mw_store_clear(fixture->store, NULL), 0);
  reopen(fixture);
  work(fixture, 10, &seed);
  reopen(fixture);
}

static size_t load(const char *path, char *out)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = read(fd, out, FILE_MAX_BYTES);

  close(fd);
  assert_true(got > 0 && got < (ssize_t)FILE_MAX_BYTES);
  return (size_t)got;
}

static void save(const char *path, const char *content, size_t len_bytes)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  assert_int_equal(write(fd, content, len_bytes), (ssize_t)len_bytes);
  close(fd);
}

static int ignore(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                  struct mw_error *err)
{
  (void)data, (void)key, (void)value, (void)err;
  return 0;
}

/* @return was it found to be damaged? Crashes and walks without end are what this test is for. */
static bool is_found(struct fixture *fixture)
{
  struct mw_store_report report = {0};

  fixture->store = open_with(fixture, (struct mw_store_config){0});
  if (!fixture->store)
    return true;
  bool found =
      mw_store_check(fixture->store, NULL, NULL, &report, NULL) < 0 || report.damaged_count > 0;
  mw_store_each(fixture->store, text(""), ignore, NULL, NULL);
  for (unsigned i = 0; i < 20; i++) {
    char key[16];
    snprintf(key, sizeof key, "%04u", i);
    struct mw_store_bytes key_of = text(key);
    mw_store_put(fixture->store, key_of, text("a value that is put behind the damage"), NULL);
    mw_store_delete(fixture->store, &key_of, 1, NULL, NULL, NULL);
  }
  mw_store_free(fixture->store);
  fixture->store = NULL;
  return found;
}

static void never_crashes_on_a_damaged_file(void **state)
{
  static char sound[FILE_MAX_BYTES], damaged[FILE_MAX_BYTES];
  struct fixture *fixture = *state;
  char path[TMPTREE_PATH_BYTES];
  uint64_t seed = 7;
  unsigned found_count = 0;

  work(fixture, 150, &seed);
  mw_store_free(fixture->store);
  fixture->store = NULL;
  path_of(fixture, path);
  size_t len_bytes = load(path, sound);
  for (unsigned i = 0; i < 400; i++) {
    memcpy(damaged, sound, len_bytes);
    size_t at = next_random(&seed) % len_bytes, run = i % 4 == 0 ? 4096 : 1;
    if (i % 4 == 1) /* where the structure is */
      at = at / 4096 * 4096 + next_random(&seed) % 256;
    for (size_t n = 0; n < run && at + n < len_bytes; n++)
      damaged[at + n] ^= (char)(run > 1 ? next_random(&seed) : 1u << next_random(&seed) % 8);
    save(path, damaged, len_bytes);
    found_count += is_found(fixture);
  }
  assert_true(found_count > 100); /* the others hit what is free */
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(takes_every_file_that_is_sound),
      TEST(never_crashes_on_a_damaged_file),
  };

  return cmocka_run_group_tests(tests, NULL, NULL);
}
