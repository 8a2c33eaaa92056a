/* What a file of the queue holds. */
#include <errno.h>
#include <string.h>

#include "queue/disk.h"

/* ---- The state ---- */

static int load_state(struct mw_disk *disk, MDB_txn *txn)
{
  MDB_val key = mw_disk_key_of(MW_DISK_STATE_KEY), value;
  int code = mdb_get(txn, disk->databases[MW_DISK_STATE], &key, &value);

  disk->content.state = (struct mw_queue_state){.next_number = 1, .is_clean = true};
  if (code == MDB_NOTFOUND)
    return 0;
  if (code == 0 && mw_state_decode(value.mv_data, value.mv_size, &disk->content.state) < 0)
    disk->content.state = (struct mw_queue_state){.next_number = 1};
  return code;
}

/* Numbers go on behind the last message whose number can be believed. */
static int find_end(struct mw_disk *disk, MDB_txn *txn)
{
  struct mw_queue_state *state = &disk->content.state;
  struct mw_record record;
  MDB_cursor *cursor;
  MDB_val key, value;
  uint64_t last = 0;
  int code = mdb_cursor_open(txn, disk->databases[MW_DISK_MESSAGES], &cursor);

  if (code)
    return code;
  while ((code = mdb_cursor_get(cursor, &key, &value, MDB_LAST)) == 0) {
    last = mw_record_number(key.mv_data, key.mv_size);
    if (mw_record_parse(last, value.mv_data, value.mv_size, &record) == 0)
      break;
    state->damaged_total++;
    if ((code = mdb_cursor_del(cursor, 0)))
      break;
  }
  mdb_cursor_close(cursor);
  if (code == 0 && last >= state->next_number)
    state->next_number = last + 1;
  return code == MDB_NOTFOUND ? 0 : code;
}

/* ---- Cursors ---- */

static void add_place(struct mw_disk_content *content, const MDB_val *key, const MDB_val *value)
{
  struct mw_queue_place place;
  int rc = mw_place_decode(key->mv_data, key->mv_size, value->mv_data, value->mv_size, &place);

  if (rc == -EINVAL || content->places_count == MW_QUEUE_CURSORS_MAX)
    return;
  if (rc < 0) /* nobody knows where it was: all once more */
    place.next = content->first;
  if (place.next > content->state.next_number)
    place.next = content->state.next_number;
  content->places[content->places_count++] = place;
}

static int load_places(struct mw_disk *disk, MDB_txn *txn)
{
  MDB_cursor *cursor;
  MDB_val key, value;
  int code = mdb_cursor_open(txn, disk->databases[MW_DISK_CURSORS], &cursor);

  if (code)
    return code;
  disk->content.places_count = 0;
  while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
    add_place(&disk->content, &key, &value);
  mdb_cursor_close(cursor);
  return code == MDB_NOTFOUND ? 0 : code;
}

/* ---- Figures ---- */

static int number_at(struct mw_disk *disk, MDB_txn *txn, MDB_cursor_op where, uint64_t *out)
{
  MDB_cursor *cursor;
  MDB_val key, value;
  int code = mdb_cursor_open(txn, disk->databases[MW_DISK_MESSAGES], &cursor);

  if (code)
    return code;
  code = mdb_cursor_get(cursor, &key, &value, where);
  mdb_cursor_close(cursor);
  *out = code == 0 ? mw_record_number(key.mv_data, key.mv_size) : 0;
  return code == MDB_NOTFOUND ? 0 : code;
}

int mw_disk_pages(const MDB_dbi databases[static MW_DISK_DATABASES], MDB_txn *txn, uint64_t *pages)
{
  *pages = 2; /* of meta data */
  for (MDB_dbi i = 0; i < 2 + MW_DISK_DATABASES; i++) {
    MDB_stat stat; /* the first two are LMDB's own: free pages, and names */
    int code = mdb_stat(txn, i < 2 ? i : databases[i - 2], &stat);
    if (code)
      return code;
    *pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
  }
  return 0;
}

int mw_disk_used(const struct mw_disk *disk, MDB_txn *txn, uint64_t *used_bytes)
{
  int code = mw_disk_pages(disk->databases, txn, used_bytes);

  *used_bytes *= disk->page_bytes;
  return code;
}

int mw_disk_measure(struct mw_disk *disk, MDB_txn *txn)
{
  struct mw_disk_content *content = &disk->content;
  uint64_t first = 0, last = 0;
  MDB_envinfo info;
  int code = number_at(disk, txn, MDB_FIRST, &first);

  if (code == 0)
    code = number_at(disk, txn, MDB_LAST, &last);
  if (code == 0)
    code = mw_disk_used(disk, txn, &content->used_bytes);
  if (code == 0)
    code = mdb_env_info(disk->env, &info);
  if (code)
    return code;
  content->first = first;
  content->end = last > 0 ? last + 1 : first;
  content->size_bytes = ((uint64_t)info.me_last_pgno + 1) * disk->page_bytes;
  return 0;
}

int mw_disk_load(struct mw_disk *disk, MDB_txn *txn)
{
  int code = load_state(disk, txn);

  if (code == 0)
    code = find_end(disk, txn);
  if (code == 0)
    code = mw_disk_measure(disk, txn);
  return code ? code : load_places(disk, txn);
}
