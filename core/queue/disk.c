#include "queue/disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmdb/codes.h"
#include "moonwatch/clock.h"
#include "queue/verify.h"

#define PREFIX "moonwatch-queue-"
#define GATE_WAIT_MS 10000

const struct mw_lmdb_kind mw_queue_kind = {
    .what = "queue",
    .look_with = "moonwatch tail",
    .name_prefix = PREFIX,
    .databases = {PREFIX "1-messages", PREFIX "1-cursors", PREFIX "1-state"}};

/* ---- Errors ---- */

int mw_disk_error(const struct mw_disk *disk, const char *action, int code, struct mw_error *err)
{
  if (code == EIO && mw_lmdb_is_disk_full(disk->dir))
    code = ENOSPC;
  int number = mw_lmdb_errno(code);
  return mw_error_set(err, number, "cannot %s the queue in %s: %s%s", action, disk->dir,
                      mdb_strerror(code), mw_lmdb_advice(number));
}

/* ---- Open ---- */

int mw_disk_init(struct mw_disk *disk, const char *dir, enum mw_queue_durability durability,
                 uint64_t bound_bytes, struct mw_error *err)
{
  *disk = (struct mw_disk){.durability = durability,
                           .bound_bytes = bound_bytes,
                           .files = {.lock_fd = -1},
                           .written_fd = -1};
  mw_lmdb_gate_init(&disk->gate, GATE_WAIT_MS);
  if (snprintf(disk->dir, sizeof disk->dir, "%s", dir) >= (int)sizeof disk->dir)
    return mw_error_set(err, ENAMETOOLONG, "the path %.100s... is too long", dir);
  snprintf(disk->path, sizeof disk->path, "%s/" MW_LMDB_DATA_FILE, disk->dir);
  return 0;
}

/* The directory, once. */
static int take(struct mw_disk *disk, struct mw_error *err)
{
  int rc = mw_lmdb_make_dir(&mw_queue_kind, disk->dir, err);

  if (rc < 0 || disk->files.lock_fd >= 0)
    return rc;
  rc = mw_lmdb_check_dir(disk->dir, err);
  disk->is_refused = rc == -EPERM;
  if (rc < 0)
    return rc;
  rc = mw_lmdb_take_files(&disk->files, &mw_queue_kind, disk->dir, false, err);
  disk->is_refused = rc == -EBUSY;
  if (rc < 0)
    mw_lmdb_release_files(&disk->files);
  return rc;
}

static uint64_t map_for(const struct mw_disk *disk)
{
  uint64_t bytes = disk->bound_bytes + disk->bound_bytes / 8 + 64 * (uint64_t)disk->page_bytes;

  return bytes / disk->page_bytes * disk->page_bytes;
}

static unsigned env_flags(const struct mw_disk *disk)
{
  return MDB_NOTLS | (disk->durability == MW_QUEUE_LAZY      ? MDB_NOMETASYNC
                      : disk->durability == MW_QUEUE_NO_SYNC ? MDB_NOSYNC
                                                             : 0);
}

static int open_env(struct mw_disk *disk)
{
  MDB_stat stat;
  MDB_envinfo info;
  int dead, code = mdb_env_create(&disk->env);

  if (code)
    return code;
  disk->page_bytes = (uint32_t)sysconf(_SC_PAGESIZE);
  if ((code = mdb_env_set_maxdbs(disk->env, MW_DISK_DATABASES)) ||
      (code = mdb_env_set_mapsize(disk->env, map_for(disk))) ||
      (code = mdb_env_open(disk->env, disk->dir, env_flags(disk), 0600)) ||
      (code = mdb_env_stat(disk->env, &stat)) || (code = mdb_env_info(disk->env, &info)))
    return code;
  disk->page_bytes = stat.ms_psize;
  disk->map_bytes = info.me_mapsize;
  return mdb_reader_check(disk->env, &dead);
}

static int open_databases(struct mw_disk *disk)
{
  MDB_txn *txn;
  int code = mdb_txn_begin(disk->env, NULL, 0, &txn);

  if (code)
    return code;
  for (int i = 0; code == 0 && i < MW_DISK_DATABASES; i++)
    code = mdb_dbi_open(txn, mw_queue_kind.databases[i], MDB_CREATE, &disk->databases[i]);
  if (code == 0)
    code = mw_disk_load(disk, txn);
  if (code == 0)
    return mdb_txn_commit(txn);
  mdb_txn_abort(txn);
  return code;
}

/* Readers look at the handle inside the gate only. */
static int open_checked(struct mw_disk *disk, struct mw_error *err)
{
  if (mw_lmdb_gate_begin_move(&disk->gate) < 0)
    return mw_error_set(err, EAGAIN, "the queue in %s is busy", disk->dir);
  int code = open_env(disk);
  if (code == 0)
    code = open_databases(disk);
  if (code) {
    mdb_env_close(disk->env); /* accepts NULL */
    disk->env = NULL;
  }
  mw_lmdb_gate_end_move(&disk->gate);
  return code ? mw_disk_error(disk, "open", code, err) : 0;
}

int mw_disk_open(struct mw_disk *disk, bool in_child, struct mw_error *err)
{
  int rc = take(disk, err);

  if (rc < 0)
    return rc;
  rc = in_child ? mw_queue_verify(disk->dir, disk->path, disk->files.lock_fd, err)
                : mw_queue_verify_pages(disk->path, err);
  disk->is_refused = rc == -EPERM;
  if (rc == 0 || rc == -ENOENT)
    rc = open_checked(disk, err);
  return rc;
}

void mw_disk_close(struct mw_disk *disk)
{
  if (!disk->env)
    return;
  while (mw_lmdb_gate_begin_move(&disk->gate) == -ETIMEDOUT) /* reads are short */
    ;
  mdb_env_close(disk->env);
  disk->env = NULL;
  mw_lmdb_gate_end_move(&disk->gate);
}

void mw_disk_deinit(struct mw_disk *disk)
{
  mw_disk_close(disk);
  mw_lmdb_release_files(&disk->files);
  mw_lmdb_gate_deinit(&disk->gate);
  mw_encoder_deinit(&disk->encoder);
  mw_decompressor_free(disk->decompressor);
  if (disk->written_fd >= 0)
    close(disk->written_fd);
}

int mw_disk_set_aside(struct mw_disk *disk, struct mw_error *err)
{
  char aside[sizeof disk->path + 16];

  snprintf(aside, sizeof aside, "%s.damaged", disk->path);
  if (rename(disk->path, aside) < 0)
    return mw_error_set(err, errno, "cannot rename %s: %s%s", disk->path, strerror(errno),
                        mw_lmdb_advice(errno));
  return 0;
}

/* ---- Reading ---- */

/* @return 0 with a transaction, inside the gate; -EBADF: it is closed; -errno. */
static int begin_read(struct mw_disk *disk, MDB_txn **txn, struct mw_error *err)
{
  int rc = mw_lmdb_gate_enter(&disk->gate);

  if (rc < 0)
    return mw_error_set(err, EAGAIN, "the queue in %s is busy", disk->dir);
  if (!disk->env)
    rc = mw_error_set(err, EBADF, "the queue in %s is closed", disk->dir);
  int code = rc < 0 ? 0 : mdb_txn_begin(disk->env, NULL, MDB_RDONLY, txn);
  if (code)
    rc = mw_disk_error(disk, "read", code, err);
  if (rc < 0)
    mw_lmdb_gate_leave(&disk->gate);
  return rc;
}

static void end_read(struct mw_disk *disk, MDB_txn *txn)
{
  mdb_txn_abort(txn);
  mw_lmdb_gate_leave(&disk->gate);
}

/* @return 1: go on; 0: it is full; -errno. */
static int add_record(struct mw_disk_read *out, void **decompressor, uint64_t number,
                      const MDB_val *value, size_t *bytes, size_t max_bytes)
{
  struct mw_node *node = NULL;
  int rc = mw_record_decode(decompressor, number, value->mv_data, value->mv_size, &node);

  if (rc == -EBADMSG) {
    if (out->damaged_count == MW_DISK_DAMAGED_MAX)
      return 0;
    out->damaged[out->damaged_count++] = number;
  }
  if (rc < 0)
    return rc == -EBADMSG ? 1 : rc;
  *bytes += node->message.body.len_bytes;
  if (out->count > 0 && *bytes > max_bytes) {
    free(node);
    return 0;
  }
  out->nodes[out->count++] = node;
  return 1;
}

static int read_records(MDB_cursor *cursor, uint64_t from, uint64_t to, size_t max_count,
                        size_t max_bytes, void **decompressor, struct mw_disk_read *out)
{
  uint8_t first_key[MW_RECORD_KEY_BYTES];
  MDB_val key = {.mv_data = first_key, .mv_size = sizeof first_key}, value;
  size_t bytes = 0;

  mw_record_key(from, first_key);
  int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  while (code == 0) {
    uint64_t number = mw_record_number(key.mv_data, key.mv_size);
    if (number >= to || out->count == max_count)
      break;
    int rc = add_record(out, decompressor, number, &value, &bytes, max_bytes);
    if (rc <= 0)
      return rc;
    out->reached = number + 1;
    code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  }
  if (out->count < max_count && (code == 0 || code == MDB_NOTFOUND))
    out->reached = to;
  return code == 0 || code == MDB_NOTFOUND ? 0 : -mw_lmdb_errno(code);
}

int mw_disk_read(struct mw_disk *disk, uint64_t from, uint64_t to, size_t max_count,
                 size_t max_bytes, struct mw_disk_read *out, struct mw_error *err)
{
  MDB_txn *txn = NULL;
  MDB_cursor *cursor = NULL;
  int rc = begin_read(disk, &txn, err);

  out->count = out->damaged_count = 0;
  out->reached = from;
  if (rc < 0)
    return rc;
  void *decompressor = atomic_exchange(&disk->decompressor, NULL);
  int code = mdb_cursor_open(txn, disk->databases[MW_DISK_MESSAGES], &cursor);
  rc = code ? -mw_lmdb_errno(code)
            : read_records(cursor, from, to, max_count, max_bytes, &decompressor, out);
  mdb_cursor_close(cursor);
  end_read(disk, txn);
  mw_decompressor_free(atomic_exchange(&disk->decompressor, decompressor));
  if (rc < 0 && out->count > 0) /* the failure comes again, when these are delivered */
    return 0;
  return rc < 0 ? mw_error_set(err, -rc, "cannot read the queue in %s: %s", disk->dir,
                               mdb_strerror(-rc))
                : 0;
}

int64_t mw_disk_emitted_at_ns(struct mw_disk *disk, uint64_t number)
{
  uint8_t first_key[MW_RECORD_KEY_BYTES];
  MDB_val key = {.mv_data = first_key, .mv_size = sizeof first_key}, value;
  MDB_cursor *cursor;
  MDB_txn *txn = NULL;
  int64_t at_ns = 0;

  if (begin_read(disk, &txn, NULL) < 0)
    return 0;
  mw_record_key(number, first_key);
  if (mdb_cursor_open(txn, disk->databases[MW_DISK_MESSAGES], &cursor) == 0) {
    if (mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE) == 0)
      at_ns = mw_record_emitted_at_ns(value.mv_data, value.mv_size);
    mdb_cursor_close(cursor);
  }
  end_read(disk, txn);
  return at_ns;
}

/* ---- The map ---- */

int mw_disk_set_map(struct mw_disk *disk, uint64_t map_bytes, struct mw_error *err)
{
  MDB_envinfo info;
  int rc = mw_lmdb_gate_begin_move(&disk->gate);

  if (rc < 0)
    return mw_error_set(err, ETIMEDOUT, "the queue in %s is read without end", disk->dir);
  int code = mdb_env_set_mapsize(disk->env, map_bytes);
  mdb_env_info(disk->env, &info);
  disk->map_bytes = info.me_mapsize;
  mw_lmdb_gate_end_move(&disk->gate);
  return code ? mw_disk_error(disk, "map", code, err) : 0;
}

int mw_disk_fit_map(struct mw_disk *disk, struct mw_error *err)
{
  return map_for(disk) > disk->map_bytes ? mw_disk_set_map(disk, map_for(disk), err) : 0;
}
