/* Transactions: begun behind the gate, repeated when the map has to grow. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "store/internal.h"

#define READER_CHECK_WRITES 1024
#define ADOPTIONS_MAX 16

/* Between this and INT_MIN there is no errno: marks that LMDB asks for a larger map. */
#define MAP_FULL INT_MIN

/* ---- Callbacks ---- */

/* The stores whose callbacks this thread is in. */
struct frame {
  const struct mw_store *store;
  const struct frame *outer;
};
static _Thread_local const struct frame *frames;

int mw_store_call(struct mw_store *store, mw_store_visit *visit, void *data,
                  struct mw_store_bytes key, const struct mw_store_bytes *value,
                  struct mw_error *err)
{
  struct frame frame = {store, frames};

  frames = &frame;
  int rc = visit(data, key, value, err);
  frames = frame.outer;
  return rc;
}

bool mw_store_is_inside(const struct mw_store *store)
{
  for (const struct frame *frame = frames; frame; frame = frame->outer)
    if (frame->store == store)
      return true;
  return false;
}

static int check_caller(const struct mw_store *store, struct mw_error *err)
{
  if (mw_store_is_inside(store))
    return mw_error_set(err, EDEADLK, "the store in %s is used in a callback of its own",
                        store->dir);
  if (getpid() != store->pid)
    return mw_error_set(err, EBADF, "the store in %s was opened before fork: open it again",
                        store->dir);
  return 0;
}

/* ---- Errors ---- */

int mw_store_lmdb_error(const struct mw_store *store, const char *action, int code,
                        struct mw_error *err)
{
  if (code == MDB_MAP_FULL)
    return MAP_FULL;
  if (code == EIO && mw_lmdb_is_disk_full(store->dir))
    code = ENOSPC;
  int number = mw_lmdb_errno(code);
  return mw_error_set(err, number, "cannot %s the store in %s: %s%s", action, store->dir,
                      mdb_strerror(code), mw_lmdb_advice(number));
}

static int gate_error(const struct mw_store *store, int rc, struct mw_error *err)
{
  if (rc == -EBADF)
    return mw_error_set(err, EBADF, "the store in %s is closed", store->dir);
  return mw_error_set(err, ETIMEDOUT, "the store in %s was busy for %lld ms; is its disk slow?",
                      store->dir, (long long)store->gate.wait_ms);
}

/* ---- The map ---- */

/* Nothing of this process is open. */
static int set_map(struct mw_store *store, uint64_t map_bytes, struct mw_error *err)
{
  int rc = mw_lmdb_gate_begin_move(&store->gate);
  if (rc < 0)
    return gate_error(store, rc, err);

  MDB_envinfo info;
  int code = mdb_env_set_mapsize(store->env, map_bytes);
  mdb_env_info(store->env, &info);
  store->map_bytes = info.me_mapsize;
  mw_lmdb_gate_end_move(&store->gate);
  return code ? mw_error_set(err, mw_lmdb_errno(code),
                             "cannot map %llu bytes for the store in %s: %s",
                             (unsigned long long)map_bytes, store->dir, mdb_strerror(code))
              : 0;
}

static uint64_t used_bytes(const struct mw_store *store)
{
  MDB_envinfo info;

  mdb_env_info(store->env, &info);
  return ((uint64_t)info.me_last_pgno + 1) * store->page_bytes;
}

static uint64_t whole_pages(const struct mw_store *store, uint64_t bytes)
{
  return (bytes + store->page_bytes - 1) / store->page_bytes * store->page_bytes;
}

/* What makes room may go beyond the bound; whatever comes next has to stay below it again, as far
 * as that is possible. */
static int prepare_map(struct mw_store *store, uint64_t headroom_bytes, struct mw_error *err)
{
  uint64_t max_bytes = whole_pages(store, store->config.max_bytes), used = used_bytes(store);

  if (headroom_bytes == 0)
    return store->map_bytes > max_bytes && store->map_bytes > used
               ? set_map(store, used > max_bytes ? used : max_bytes, err)
               : 0;
  if (used + headroom_bytes <= store->map_bytes)
    return 0;
  return set_map(store, whole_pages(store, used + headroom_bytes), err);
}

static int grow(struct mw_store *store, struct mw_error *err)
{
  uint64_t max_bytes = whole_pages(store, store->config.max_bytes);
  int dead = 0;

  /* Who died while it read keeps pages from being used again: there may be room without it. */
  if (mdb_reader_check(store->env, &dead) == 0 && dead > 0)
    return 0;
  if (store->map_bytes >= max_bytes)
    return mw_error_set(err, EFBIG,
                        "the store in %s is full: it may grow to %llu bytes; delete what is not "
                        "needed (its space can be used two writes later)",
                        store->dir, (unsigned long long)store->config.max_bytes);
  uint64_t wanted = store->map_bytes * 2;
  return set_map(store, wanted < max_bytes ? wanted : max_bytes, err);
}

/* ---- One transaction ---- */

static int begin(struct mw_store *store, unsigned flags, MDB_txn **txn, struct mw_error *err)
{
  for (int i = 0;; i++) {
    int rc = mw_lmdb_gate_enter(&store->gate);
    if (rc < 0)
      return gate_error(store, rc, err);
    int code = mdb_txn_begin(store->env, NULL, flags, txn);
    if (code == 0)
      return 0;
    mw_lmdb_gate_leave(&store->gate);
    if (code == MDB_READERS_FULL)
      return mw_error_set(err, EAGAIN, "too many read the store in %s at the same time",
                          store->dir);
    if (code != MDB_MAP_RESIZED || i == ADOPTIONS_MAX)
      return mw_store_lmdb_error(store, "use", code, err);
    if ((rc = set_map(store, 0, err)) < 0) /* another process made it larger */
      return rc;
  }
}

int mw_store_read(struct mw_store *store, mw_store_step *step, void *data, struct mw_error *err)
{
  MDB_txn *txn = NULL;
  int rc = check_caller(store, err);

  if (rc < 0 || (rc = begin(store, MDB_RDONLY, &txn, err)) < 0)
    return rc;
  rc = step(txn, data, err);
  mdb_txn_abort(txn);
  mw_lmdb_gate_leave(&store->gate);
  return rc;
}

static int write_once(struct mw_store *store, mw_store_step *step, void *data, struct mw_error *err)
{
  MDB_txn *txn = NULL;
  int rc = begin(store, 0, &txn, err);

  if (rc < 0)
    return rc;
  rc = step(txn, data, err);
  if (rc < 0) {
    mdb_txn_abort(txn);
  } else {
    int code = mdb_txn_commit(txn);
    if (code)
      rc = mw_store_lmdb_error(store, "write to", code, err);
  }
  mw_lmdb_gate_leave(&store->gate);
  return rc;
}

static void check_readers(struct mw_store *store)
{
  int dead;

  if (store->writes_until_reader_check-- > 0)
    return;
  mdb_reader_check(store->env, &dead);
  store->writes_until_reader_check = READER_CHECK_WRITES;
}

/* With the pen. */
static int write_growing(struct mw_store *store, uint64_t headroom_bytes, mw_store_step *step,
                         void *data, struct mw_error *err)
{
  int rc = prepare_map(store, headroom_bytes, err);

  if (rc < 0)
    return rc;
  check_readers(store);
  while ((rc = write_once(store, step, data, err)) == MAP_FULL)
    if ((rc = grow(store, err)) < 0)
      return rc;
  return rc;
}

int mw_store_write(struct mw_store *store, uint64_t headroom_bytes, mw_store_step *step,
                   void (*committed)(void *data), void *data, struct mw_error *err)
{
  int rc = check_caller(store, err);

  if (rc < 0)
    return rc;
  if (store->config.read_only)
    return mw_error_set(err, EROFS, "the store in %s is open for reading only", store->dir);
  rc = mw_lmdb_gate_take_pen(&store->gate);
  if (rc < 0)
    return gate_error(store, rc, err);
  rc = write_growing(store, headroom_bytes, step, data, err);
  if (rc >= 0 && committed)
    committed(data);
  mw_lmdb_gate_return_pen(&store->gate);
  return rc;
}
