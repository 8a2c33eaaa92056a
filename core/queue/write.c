/* One transaction of the file: messages, cursors, the state. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmdb/codes.h"
#include "queue/disk.h"

#define TRIES 6
#define READER_CHECK_COMMITS 128

/* ---- Within a transaction: all return a code of LMDB ---- */

static int put_message(struct mw_disk *disk, MDB_txn *txn, const struct mw_message *message)
{
  uint8_t number[MW_RECORD_KEY_BYTES];
  struct mw_slice record;

  mw_record_key(message->number, number);
  if (mw_record_encode(&disk->encoder, message, &record) < 0)
    return ENOMEM;
  MDB_val key = {.mv_data = number, .mv_size = sizeof number};
  MDB_val value = {.mv_data = (void *)(uintptr_t)record.data, .mv_size = record.len_bytes};
  return mdb_put(txn, disk->databases[MW_DISK_MESSAGES], &key, &value, MDB_APPEND);
}

static const struct mw_queue_place *find_place(const struct mw_queue_place *places, size_t count,
                                               const char *name)
{
  for (size_t i = 0; i < count; i++)
    if (strcmp(places[i].name, name) == 0)
      return &places[i];
  return NULL;
}

static bool is_same(const struct mw_queue_place *a, const struct mw_queue_place *b)
{
  return b && a->next == b->next && a->delivered_total == b->delivered_total &&
         a->dropped_total == b->dropped_total && a->set_aside_total == b->set_aside_total;
}

static int put_places(struct mw_disk *disk, MDB_txn *txn, const struct mw_disk_commit *commit)
{
  const struct mw_disk_content *old = &disk->content;
  MDB_dbi cursors = disk->databases[MW_DISK_CURSORS];
  int code = 0;

  for (size_t i = 0; code == 0 && i < old->places_count; i++) {
    MDB_val key = mw_disk_key_of(old->places[i].name);
    if (!find_place(commit->places, commit->places_count, old->places[i].name))
      code = mdb_del(txn, cursors, &key, NULL);
    code = code == MDB_NOTFOUND ? 0 : code;
  }
  for (size_t i = 0; code == 0 && i < commit->places_count; i++) {
    const struct mw_queue_place *place = &commit->places[i];
    uint8_t record[MW_PLACE_RECORD_BYTES];
    MDB_val key = mw_disk_key_of(place->name),
            value = {.mv_data = record, .mv_size = sizeof record};
    if (is_same(place, find_place(old->places, old->places_count, place->name)))
      continue;
    mw_place_encode(place, record);
    code = mdb_put(txn, cursors, &key, &value, 0);
  }
  return code;
}

static int put_state(struct mw_disk *disk, MDB_txn *txn, const struct mw_queue_state *state)
{
  uint8_t record[MW_STATE_RECORD_BYTES];
  MDB_val key = mw_disk_key_of(MW_DISK_STATE_KEY),
          value = {.mv_data = record, .mv_size = sizeof record};

  mw_state_encode(state, record);
  return mdb_put(txn, disk->databases[MW_DISK_STATE], &key, &value, 0);
}

static int write_all(struct mw_disk *disk, MDB_txn *txn, const struct mw_disk_commit *commit)
{
  int code = mw_disk_delete_old(disk, txn, commit);

  for (size_t i = 0; code == 0 && i < commit->nodes_count; i++)
    code = put_message(disk, txn, &commit->nodes[i]->message);
  if (code == 0)
    code = put_places(disk, txn, commit);
  return code ? code : put_state(disk, txn, &commit->state);
}

/* ---- The transaction ---- */

/* As the kernel counts what this thread, which is always the same, has handed to write(2) and the
 * like. To open that file costs as much as it does to write some messages. */
static uint64_t written_so_far(struct mw_disk *disk)
{
  char text[256];

  if (disk->written_fd < 0)
    disk->written_fd = open("/proc/thread-self/io", O_RDONLY | O_CLOEXEC);
  ssize_t got = disk->written_fd < 0 ? -1 : pread(disk->written_fd, text, sizeof text - 1, 0);

  if (got <= 0)
    return 0;
  text[got] = '\0';
  const char *at = strstr(text, "wchar: ");
  return at ? strtoull(at + 7, NULL, 10) : 0;
}

/* @p over_bytes: so much too large the file would be. @return a code of LMDB; MDB_MAP_FULL, too,
 * where the bound is reached. */
static int commit_once(struct mw_disk *disk, const struct mw_disk_commit *commit,
                       uint64_t *over_bytes)
{
  uint64_t used_bytes = 0, before_bytes = disk->content.used_bytes;
  MDB_txn *txn;
  int code = mdb_txn_begin(disk->env, NULL, 0, &txn);

  *over_bytes = 0;
  if (code)
    return code;
  code = write_all(disk, txn, commit);
  if (code == 0)
    code = mw_disk_used(disk, txn, &used_bytes);
  if (code == 0 && used_bytes > disk->bound_bytes && used_bytes > before_bytes) {
    *over_bytes = used_bytes - disk->bound_bytes;
    code = MDB_MAP_FULL;
  }
  if (code == 0)
    return mdb_txn_commit(txn);
  mdb_txn_abort(txn);
  return code;
}

/* Pages that one transaction frees can be used by the one after the next. */
static int pass_one(struct mw_disk *disk)
{
  MDB_txn *txn;
  int code = mdb_txn_begin(disk->env, NULL, 0, &txn);

  if (code == 0 && (code = put_state(disk, txn, &disk->content.state)) == 0)
    return mdb_txn_commit(txn);
  if (code == 0)
    mdb_txn_abort(txn);
  return code;
}

static int make_room(struct mw_disk *disk, uint64_t over_bytes, int tries, struct mw_error *err)
{
  uint64_t slack_bytes = disk->bound_bytes / 16;
  int dead, rc;

  if (over_bytes > 0) /* so much that it is not needed each time */
    return mw_disk_make_room(disk, over_bytes + slack_bytes, err);
  mdb_reader_check(disk->env, &dead);
  rc = tries < 3 ? mw_disk_make_room(disk, slack_bytes, err)
                 : mw_disk_set_map(disk, disk->map_bytes + disk->map_bytes / 4, err);
  if (rc == -EFBIG && disk->map_bytes < 2 * disk->bound_bytes)
    rc = mw_disk_set_map(disk, disk->map_bytes + disk->map_bytes / 4, err);
  if (rc == 0)
    pass_one(disk);
  return rc;
}

static int measure(struct mw_disk *disk, const struct mw_disk_commit *commit)
{
  MDB_txn *txn;
  int code = mdb_txn_begin(disk->env, NULL, MDB_RDONLY, &txn);

  if (commit) {
    disk->content.state = commit->state;
    disk->content.places_count = commit->places_count;
    memcpy(disk->content.places, commit->places, commit->places_count * sizeof *commit->places);
  }
  if (code)
    return code;
  code = mw_disk_measure(disk, txn);
  mdb_txn_abort(txn);
  return code;
}

static void check_readers(struct mw_disk *disk)
{
  int dead;

  if (disk->commits_until_reader_check-- > 0)
    return;
  mdb_reader_check(disk->env, &dead);
  disk->commits_until_reader_check = READER_CHECK_COMMITS;
}

/* LMDB says so when it could not write a meta page, or finds what cannot be. */
static bool is_broken(int code)
{
  return code == MDB_PANIC || mw_lmdb_errno(code) == EBADMSG;
}

static int commit_making_room(struct mw_disk *disk, const struct mw_disk_commit *commit,
                              struct mw_error *err)
{
  uint64_t over_bytes = 0;
  int code = MDB_MAP_FULL;

  for (int i = 0; code == MDB_MAP_FULL && i < TRIES; i++) {
    if ((code = commit_once(disk, commit, &over_bytes)) != MDB_MAP_FULL)
      break;
    int rc = make_room(disk, over_bytes, i, err);
    measure(disk, NULL);
    if (rc < 0)
      return rc;
  }
  disk->is_broken = is_broken(code);
  return code ? mw_disk_error(disk, "write to", code, err) : 0;
}

int mw_disk_commit(struct mw_disk *disk, const struct mw_disk_commit *commit, struct mw_error *err)
{
  uint64_t before_bytes = written_so_far(disk);

  check_readers(disk);
  int rc = mw_disk_fit_map(disk, err);
  if (rc == 0)
    rc = commit_making_room(disk, commit, err);
  disk->written_bytes_total += written_so_far(disk) - before_bytes;
  if (rc < 0)
    return rc;
  disk->commits_total++;
  int code = measure(disk, commit);
  return code ? mw_disk_error(disk, "read", code, err) : 0;
}
