/* The oldest messages leave the file: those that nobody needs, that are too old, or that are in the
 * way of newer ones. */
#include <errno.h>

#include "moonwatch/clock.h"
#include "queue/disk.h"

/* Each transaction that deletes writes pages, so it deletes some at once. */
#define GROUP_COUNT 64
#define GROUP_BYTES ((size_t)256 << 10)
#define GROUP_WAIT_NS (30 * MW_NS_PER_S)
#define DELETES_MAX 4096 /* in one transaction */

static bool is_old(const MDB_val *value, int64_t now_ns, int64_t age_ns)
{
  int64_t at_ns = mw_record_emitted_at_ns(value->mv_data, value->mv_size);

  return at_ns < now_ns - age_ns;
}

static bool may_go(const struct mw_disk_commit *commit, const MDB_val *key, const MDB_val *value)
{
  if (mw_record_number(key->mv_data, key->mv_size) < commit->passed &&
      (commit->keep_ns == 0 || is_old(value, commit->now_wall_ns, commit->keep_ns)))
    return true;
  return commit->max_age_ns > 0 && is_old(value, commit->now_wall_ns, commit->max_age_ns);
}

static bool is_due(const struct mw_disk *disk)
{
  return mw_clock_monotonic_ns(mw_clock_system()) - disk->last_delete_ns >= GROUP_WAIT_NS;
}

/* @return a code of LMDB. */
static int is_worth_it(const struct mw_disk *disk, MDB_txn *txn,
                       const struct mw_disk_commit *commit, bool *out)
{
  size_t count = 0, bytes = 0;
  MDB_cursor *cursor;
  MDB_val key, value;
  int code = mdb_cursor_open(txn, disk->databases[MW_DISK_MESSAGES], &cursor);

  if (code)
    return code;
  while (count < GROUP_COUNT && bytes < GROUP_BYTES &&
         (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0 &&
         may_go(commit, &key, &value)) {
    count++;
    bytes += value.mv_size;
  }
  mdb_cursor_close(cursor);
  *out = count == GROUP_COUNT || bytes >= GROUP_BYTES ||
         (count > 0 && (commit->state.is_clean || is_due(disk)));
  return code == MDB_NOTFOUND ? 0 : code;
}

bool mw_disk_wants_delete(const struct mw_disk *disk, const struct mw_disk_commit *commit)
{
  bool wants = false;
  MDB_txn *txn;

  if (disk->content.first == disk->content.end ||
      mdb_txn_begin(disk->env, NULL, MDB_RDONLY, &txn) != 0)
    return false;
  int code = is_worth_it(disk, txn, commit, &wants);
  mdb_txn_abort(txn);
  return code == 0 && wants;
}

int mw_disk_delete_old(struct mw_disk *disk, MDB_txn *txn, const struct mw_disk_commit *commit)
{
  bool is_worth = false;
  MDB_cursor *cursor;
  MDB_val key, value;
  int code = is_worth_it(disk, txn, commit, &is_worth);

  if (code || !is_worth)
    return code;
  if ((code = mdb_cursor_open(txn, disk->databases[MW_DISK_MESSAGES], &cursor)))
    return code;
  for (int i = 0; i < DELETES_MAX; i++) {
    code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    if (code || !may_go(commit, &key, &value) || (code = mdb_cursor_del(cursor, 0)))
      break;
  }
  mdb_cursor_close(cursor);
  disk->last_delete_ns = mw_clock_monotonic_ns(mw_clock_system());
  return code == MDB_NOTFOUND ? 0 : code;
}

/* ---- Room ---- */

/* @return a code of LMDB; MDB_NOTFOUND: there is nothing to be deleted. */
static int delete_bytes(struct mw_disk *disk, MDB_txn *txn, uint64_t bytes)
{
  uint64_t before_bytes = 0, used_bytes = 0;
  MDB_cursor *cursor;
  MDB_val key, value;
  int code = mw_disk_used(disk, txn, &before_bytes), deleted = 0;

  if (code || (code = mdb_cursor_open(txn, disk->databases[MW_DISK_MESSAGES], &cursor)))
    return code;
  used_bytes = before_bytes;
  while (code == 0 && deleted < DELETES_MAX && used_bytes + bytes > before_bytes) {
    if ((code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) ||
        (code = mdb_cursor_del(cursor, 0)))
      break;
    deleted++;
    code = mw_disk_used(disk, txn, &used_bytes);
  }
  mdb_cursor_close(cursor);
  return code == MDB_NOTFOUND && deleted > 0 ? 0 : code;
}

int mw_disk_make_room(struct mw_disk *disk, uint64_t needed_bytes, struct mw_error *err)
{
  MDB_txn *txn;
  int code = mdb_txn_begin(disk->env, NULL, 0, &txn);

  if (code)
    return mw_disk_error(disk, "write to", code, err);
  code = delete_bytes(disk, txn, needed_bytes);
  if (code == 0)
    code = mdb_txn_commit(txn);
  else
    mdb_txn_abort(txn);
  if (code == MDB_NOTFOUND)
    return mw_error_set(err, EFBIG, "the file of the queue in %s is too small for what is in it",
                        disk->dir);
  if (code == MDB_MAP_FULL) /* even deleting needs a few pages */
    return mw_disk_set_map(disk, disk->map_bytes + disk->map_bytes / 8, err);
  return code ? mw_disk_error(disk, "write to", code, err) : 0;
}
