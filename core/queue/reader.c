/* A file of the queue, read by another process than the one that writes it. Every call has a
 * transaction of its own, and copies: one that stayed open would keep pages from being used again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lmdb/codes.h"
#include "lmdb/pages.h"
#include "queue/disk.h"

#define TRIES 100

struct mw_queue_reader {
  char dir[PATH_MAX];
  char path[PATH_MAX + 16];
  MDB_env *env;
  MDB_dbi databases[MW_DISK_DATABASES];
  struct mw_lmdb_files files;
  struct mw_node *node; /* of the last call */
  void *decompressor;
};

static int lmdb_error(const struct mw_queue_reader *reader, int code, struct mw_error *err)
{
  int number = mw_lmdb_errno(code);

  return mw_error_set(err, number, "cannot read the queue in %s: %s%s", reader->dir,
                      mdb_strerror(code), mw_lmdb_advice(number));
}

/* ---- Transactions ---- */

static int begin(struct mw_queue_reader *reader, MDB_txn **txn)
{
  int code = mdb_txn_begin(reader->env, NULL, MDB_RDONLY, txn);

  for (int i = 0; code == MDB_MAP_RESIZED && i < TRIES; i++) { /* by who writes */
    code = mdb_env_set_mapsize(reader->env, 0);
    if (code == 0)
      code = mdb_txn_begin(reader->env, NULL, MDB_RDONLY, txn);
  }
  return code;
}

/* ---- Open ---- */

static int open_data(const struct mw_queue_reader *reader, struct mw_error *err)
{
  int rc = mw_lmdb_check_file(reader->path, err);

  if (rc < 0)
    return rc == -ENOENT ? mw_error_set(err, ENOENT, "there is no queue in %s", reader->dir) : rc;
  int fd = open(reader->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  return fd >= 0 ? fd
                 : mw_error_set(err, errno, "cannot open %s: %s%s", reader->path, strerror(errno),
                                mw_lmdb_advice(errno));
}

/* Before anything is mapped: are there meta pages? */
static int check_head(const struct mw_queue_reader *reader, struct mw_error *err)
{
  struct mw_lmdb_head head;
  MW_AUTO_CLOSE int fd = open_data(reader, err);
  int rc = fd < 0 ? fd : mw_lmdb_read_head(fd, reader->path, &mw_queue_kind, &head, err);

  return rc == -ENODATA ? mw_error_set(err, ENOENT, "there is no queue in %s yet", reader->dir)
                        : rc;
}

/* Who may not write the file of locks reads without them: each call is shorter than the two
 * commits after which its pages could be written over. */
static int open_env(struct mw_queue_reader *reader)
{
  static const unsigned flags[] = {MDB_RDONLY | MDB_NOTLS, MDB_RDONLY | MDB_NOTLS | MDB_NOLOCK};
  int code = EACCES;

  for (size_t i = 0; (code == EACCES || code == EROFS || code == EPERM) && i < 2; i++) {
    mdb_env_close(reader->env); /* accepts NULL */
    reader->env = NULL;
    if ((code = mdb_env_create(&reader->env)) ||
        (code = mdb_env_set_maxdbs(reader->env, MW_DISK_DATABASES)))
      return code;
    code = mdb_env_open(reader->env, reader->dir, flags[i], 0600);
  }
  return code;
}

/* In the transaction that keeps the pages as they are. */
static int check_pages_once(struct mw_queue_reader *reader, struct mw_error *err)
{
  MDB_txn *txn;
  int code = begin(reader, &txn);

  if (code)
    return lmdb_error(reader, code, err);
  MW_AUTO_CLOSE int fd = open_data(reader, err);
  int rc =
      fd < 0 ? fd : mw_lmdb_check_pages(fd, reader->path, &mw_queue_kind, mdb_txn_id(txn), err);
  mdb_txn_abort(txn);
  return rc;
}

static int check_pages(struct mw_queue_reader *reader, struct mw_error *err)
{
  int rc = -EAGAIN;

  for (int i = 0; rc == -EAGAIN && i < TRIES; i++)
    rc = check_pages_once(reader, err);
  return rc;
}

static int open_databases(struct mw_queue_reader *reader, struct mw_error *err)
{
  MDB_txn *txn;
  int code = begin(reader, &txn);

  if (code)
    return lmdb_error(reader, code, err);
  for (int i = 0; code == 0 && i < MW_DISK_DATABASES; i++)
    code = mdb_dbi_open(txn, mw_queue_kind.databases[i], 0, &reader->databases[i]);
  if (code == 0)
    code = mdb_txn_commit(txn); /* only what is committed stays open */
  else
    mdb_txn_abort(txn);
  if (code == MDB_NOTFOUND)
    return mw_error_set(err, ENOENT, "there is no queue in %s yet", reader->dir);
  return code ? lmdb_error(reader, code, err) : 0;
}

static int open_file(struct mw_queue_reader *reader, struct mw_error *err)
{
  int rc = check_head(reader, err);

  if (rc == 0)
    rc = mw_lmdb_take_files(&reader->files, &mw_queue_kind, reader->dir, true, err);
  if (rc < 0)
    return rc;
  int code = open_env(reader);
  if (code)
    return lmdb_error(reader, code, err);
  rc = check_pages(reader, err);
  return rc < 0 ? rc : open_databases(reader, err);
}

struct mw_queue_reader *mw_queue_reader_open(const char *dir, struct mw_error *err)
{
  struct mw_queue_reader *reader = calloc(1, sizeof *reader);

  if (!reader) {
    mw_error_set(err, ENOMEM, "out of memory for a reader of the queue");
    return NULL;
  }
  reader->files.lock_fd = -1;
  int rc = 0;
  if (snprintf(reader->dir, sizeof reader->dir, "%s", dir) >= (int)sizeof reader->dir)
    rc = mw_error_set(err, ENAMETOOLONG, "the path %.100s... is too long", dir);
  snprintf(reader->path, sizeof reader->path, "%s/" MW_LMDB_DATA_FILE, reader->dir);
  if (rc < 0 || open_file(reader, err) < 0) {
    mw_queue_reader_close(reader);
    return NULL;
  }
  return reader;
}

void mw_queue_reader_close(struct mw_queue_reader *reader)
{
  if (!reader)
    return;
  mdb_env_close(reader->env); /* accepts NULL */
  mw_lmdb_release_files(&reader->files);
  free(reader->node);
  mw_decompressor_free(reader->decompressor);
  free(reader);
}

/* ---- Messages ---- */

/* @return 1; 0; -EBADMSG; a positive code of LMDB is in @p code. */
static int find_next(struct mw_queue_reader *reader, MDB_cursor *cursor, uint64_t after,
                     int64_t since_ns, struct mw_message *out, int *code)
{
  uint8_t first_key[MW_RECORD_KEY_BYTES];
  MDB_val key = {.mv_data = first_key, .mv_size = sizeof first_key}, value;

  mw_record_key(after + 1, first_key);
  *code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  while (*code == 0 && mw_record_emitted_at_ns(value.mv_data, value.mv_size) < since_ns)
    *code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
  if (*code)
    return 0;
  uint64_t number = mw_record_number(key.mv_data, key.mv_size);
  *out = (struct mw_message){.number = number > after ? number : after + 1};
  int rc =
      mw_record_decode(&reader->decompressor, number, value.mv_data, value.mv_size, &reader->node);
  if (rc < 0)
    return rc;
  *out = reader->node->message;
  return 1;
}

int mw_queue_reader_next(struct mw_queue_reader *reader, uint64_t after, int64_t since_ns,
                         struct mw_message *out, struct mw_error *err)
{
  MDB_cursor *cursor = NULL;
  MDB_txn *txn;
  int rc = 0, code = begin(reader, &txn);

  free(reader->node);
  reader->node = NULL;
  if (code)
    return lmdb_error(reader, code, err);
  if (after == UINT64_MAX)
    code = MDB_NOTFOUND;
  else
    code = mdb_cursor_open(txn, reader->databases[MW_DISK_MESSAGES], &cursor);
  if (code == 0)
    rc = find_next(reader, cursor, after, since_ns, out, &code);
  mdb_cursor_close(cursor);
  mdb_txn_abort(txn);
  if (code && code != MDB_NOTFOUND)
    return lmdb_error(reader, code, err);
  if (rc == -EBADMSG)
    return mw_error_set(err, EBADMSG, "%s is damaged: the bytes of message %llu have changed",
                        reader->path, (unsigned long long)out->number);
  return rc < 0 ? mw_error_set(err, -rc, "out of memory for a message") : rc;
}

/* ---- Figures ---- */

/* All return a code of LMDB. */

static int sum_messages(MDB_cursor *cursor, struct mw_queue_file_stats *out)
{
  MDB_val key, value;
  int code;

  while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
    uint64_t number = mw_record_number(key.mv_data, key.mv_size);
    int64_t at_ns = mw_record_emitted_at_ns(value.mv_data, value.mv_size);
    if (out->messages_count++ == 0) {
      out->first_number = number;
      out->first_at_ns = at_ns;
    }
    out->end_number = number + 1;
    out->last_at_ns = at_ns;
    out->bodies_bytes += mw_record_body_bytes(value.mv_data, value.mv_size);
    out->stored_bytes += value.mv_size;
  }
  return code == MDB_NOTFOUND ? 0 : code;
}

/* @p messages: where to look for when its oldest one was emitted. */
static void add_cursor(const struct mw_queue_place *place, MDB_cursor *messages,
                       struct mw_queue_file_stats *out)
{
  struct mw_queue_cursor *cursor = &out->cursors[out->cursors_count++];
  uint8_t first_key[MW_RECORD_KEY_BYTES];
  MDB_val key = {.mv_data = first_key, .mv_size = sizeof first_key}, value;
  uint64_t next = place->next > out->first_number ? place->next : out->first_number;

  *cursor = (struct mw_queue_cursor){.delivered_total = place->delivered_total,
                                     .dropped_total = place->dropped_total + next - place->next,
                                     .set_aside_total = place->set_aside_total};
  memcpy(cursor->name, place->name, sizeof cursor->name);
  mw_record_key(next, first_key);
  if (next >= out->end_number)
    return;
  cursor->waiting = (size_t)(out->end_number - next);
  if (mdb_cursor_get(messages, &key, &value, MDB_SET_RANGE) == 0)
    cursor->oldest_at_ns = mw_record_emitted_at_ns(value.mv_data, value.mv_size);
}

static int add_cursors(MDB_cursor *cursors, MDB_cursor *messages, struct mw_queue_file_stats *out)
{
  struct mw_queue_place place;
  MDB_val key, value;
  int code;

  while ((code = mdb_cursor_get(cursors, &key, &value, MDB_NEXT)) == 0)
    if (mw_place_decode(key.mv_data, key.mv_size, value.mv_data, value.mv_size, &place) !=
            -EINVAL &&
        out->cursors_count < MW_QUEUE_CURSORS_MAX)
      add_cursor(&place, messages, out);
  return code == MDB_NOTFOUND ? 0 : code;
}

static int read_state(const struct mw_queue_reader *reader, MDB_txn *txn,
                      struct mw_queue_file_stats *out)
{
  MDB_val key = mw_disk_key_of(MW_DISK_STATE_KEY), value;
  struct mw_queue_state state;
  int code = mdb_get(txn, reader->databases[MW_DISK_STATE], &key, &value);

  if (code == 0 && mw_state_decode(value.mv_data, value.mv_size, &state) == 0) {
    out->is_clean = state.is_clean;
    if (out->end_number < state.next_number)
      out->end_number = state.next_number;
    if (out->messages_count == 0)
      out->first_number = out->end_number;
  }
  out->is_clean = out->is_clean || mw_lmdb_is_written(reader->dir);
  return code == MDB_NOTFOUND ? 0 : code;
}

static int read_pages(const struct mw_queue_reader *reader, MDB_txn *txn,
                      struct mw_queue_file_stats *out)
{
  MDB_envinfo info;
  int code = mw_disk_pages(reader->databases, txn, &out->used_bytes);

  if (code || (code = mdb_env_info(reader->env, &info)))
    return code;
  MDB_stat stat;
  mdb_env_stat(reader->env, &stat);
  out->used_bytes *= stat.ms_psize;
  out->size_bytes = ((uint64_t)info.me_last_pgno + 1) * stat.ms_psize;
  return 0;
}

static int read_stats(const struct mw_queue_reader *reader, MDB_txn *txn,
                      struct mw_queue_file_stats *out)
{
  MDB_cursor *messages = NULL, *cursors = NULL;
  int code = mdb_cursor_open(txn, reader->databases[MW_DISK_MESSAGES], &messages);

  if (code == 0)
    code = mdb_cursor_open(txn, reader->databases[MW_DISK_CURSORS], &cursors);
  if (code == 0)
    code = sum_messages(messages, out);
  if (code == 0)
    code = read_state(reader, txn, out);
  if (code == 0)
    code = add_cursors(cursors, messages, out);
  if (code == 0)
    code = read_pages(reader, txn, out);
  mdb_cursor_close(cursors);
  mdb_cursor_close(messages);
  return code;
}

int mw_queue_reader_stats(struct mw_queue_reader *reader, struct mw_queue_file_stats *out,
                          struct mw_error *err)
{
  struct mw_queue_file_stats stats = {0};
  MDB_txn *txn;
  int code = begin(reader, &txn);

  if (code == 0) {
    code = read_stats(reader, txn, &stats);
    mdb_txn_abort(txn);
  }
  if (code)
    return lmdb_error(reader, code, err);
  *out = stats;
  return 0;
}
