/** @file store_fixture.h  A store in a temporary folder, and short words for its calls. Behind
 *  <cmocka.h>. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "moonwatch/store.h"
#include "support/tmptree.h"

struct fixture {
  char root[TMPTREE_ROOT_BYTES];
  char dir[TMPTREE_ROOT_BYTES + 16];
  struct mw_store *store;
  struct mw_error err;
};

static inline struct mw_store *open_with(struct fixture *fixture, struct mw_store_config config)
{
  config.dir = fixture->dir;
  return mw_store_open(&config, &fixture->err);
}

static inline void reopen(struct fixture *fixture)
{
  mw_store_free(fixture->store);
  fixture->store = open_with(fixture, (struct mw_store_config){0});
  if (!fixture->store)
    fail_msg("%s", fixture->err.text);
}

/* In memory where that is possible: each write waits for the disk, and there are thousands. */
static inline void make_root(char out[static TMPTREE_ROOT_BYTES])
{
  snprintf(out, TMPTREE_ROOT_BYTES, "%s", "/dev/shm/moonwatch-test.XXXXXX");
  if (!mkdtemp(out))
    tmptree_make(out);
}

static inline int set_up(void **state)
{
  static struct fixture fixture;

  fixture = (struct fixture){0};
  make_root(fixture.root);
  snprintf(fixture.dir, sizeof fixture.dir, "%s/a/store", fixture.root);
  reopen(&fixture);
  *state = &fixture;
  return 0;
}

static inline int tear_down(void **state)
{
  struct fixture *fixture = *state;

  mw_store_free(fixture->store);
  tmptree_remove(fixture->root);
  return 0;
}

static inline struct mw_store_bytes text(const char *text)
{
  return (struct mw_store_bytes){text, strlen(text)};
}

static inline void put(struct fixture *fixture, const char *key, const char *value)
{
  if (mw_store_put(fixture->store, text(key), text(value), &fixture->err) != 0)
    fail_msg("%s", fixture->err.text);
}

/** @p value NULL: nothing is there. */
static inline void expect(struct fixture *fixture, const char *key, const char *value)
{
  struct mw_store_value got = {0};
  int rc = mw_store_get(fixture->store, text(key), &got, &fixture->err);

  if (rc < 0)
    fail_msg("%s: %s", key, fixture->err.text);
  assert_int_equal(rc, value != NULL);
  if (value) {
    assert_int_equal(got.len_bytes, strlen(value));
    assert_memory_equal(got.data, value, got.len_bytes);
  }
  mw_store_value_deinit(&got);
}

static inline void says(const struct fixture *fixture, const char *piece)
{
  if (!strstr(fixture->err.text, piece))
    fail_msg("\"%s\" is not in \"%s\"", piece, fixture->err.text);
}

#endif
