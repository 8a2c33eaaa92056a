/* Records: a checksum of key and value, then the value. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/text.h"
#include "store/internal.h"

#define PAGES_FOR_A_KEY 40 /* that deleting it may copy or join: some for each level, twice */
#define PAGES_AT_LEAST UINT64_C(64)

static MDB_val as_val(struct mw_store_bytes bytes)
{
  return (MDB_val){.mv_data = (void *)(uintptr_t)bytes.data, .mv_size = bytes.len_bytes};
}

static struct mw_store_bytes as_bytes(MDB_val val)
{
  return (struct mw_store_bytes){.data = val.mv_data, .len_bytes = val.mv_size};
}

int mw_store_check_key(struct mw_store_bytes key, struct mw_error *err)
{
  if (key.len_bytes == 0)
    return mw_error_set(err, EINVAL, "a key is empty");
  if (key.len_bytes > MW_STORE_KEY_MAX_BYTES)
    return mw_error_set(err, EINVAL, "a key is too long: it has %zu bytes, at most %d are possible",
                        key.len_bytes, MW_STORE_KEY_MAX_BYTES);
  return 0;
}

static uint32_t checksum_of(struct mw_store_bytes key, const void *value, size_t value_bytes)
{
  return mw_crc32c(mw_crc32c(0, key.data, key.len_bytes), value, value_bytes);
}

/* The value in @p record, whose end is known to be behind its checksum. */
static int open_record(struct mw_store *store, struct mw_store_bytes key, MDB_val record,
                       struct mw_store_bytes *out, struct mw_error *err)
{
  char quoted[MW_TEXT_QUOTED_BYTES];
  uint32_t checksum = 0;

  if (record.mv_size >= MW_STORE_CHECKSUM_BYTES) {
    const char *value = (const char *)record.mv_data + MW_STORE_CHECKSUM_BYTES;
    size_t value_bytes = record.mv_size - MW_STORE_CHECKSUM_BYTES;
    memcpy(&checksum, record.mv_data, sizeof checksum);
    if (checksum == checksum_of(key, value, value_bytes)) {
      *out = (struct mw_store_bytes){value, value_bytes};
      return 1;
    }
  }
  return mw_error_set(
      err, EBADMSG, "what is stored in %s under %s has changed on the disk; delete or replace it",
      store->dir, mw_text_quote((struct mw_slice){key.data, key.len_bytes}, quoted));
}

int mw_store_find(struct mw_store *store, MDB_txn *txn, struct mw_store_bytes key,
                  struct mw_store_bytes *out, struct mw_error *err)
{
  MDB_val mdb_key = as_val(key), record;
  int code = mdb_get(txn, store->values, &mdb_key, &record);

  if (code == MDB_NOTFOUND)
    return 0;
  return code ? mw_store_lmdb_error(store, "read", code, err)
              : open_record(store, key, record, out, err);
}

int mw_store_find_length(struct mw_store *store, MDB_txn *txn, struct mw_store_bytes key,
                         size_t *len_bytes, struct mw_error *err)
{
  MDB_val mdb_key = as_val(key), record;
  int code = mdb_get(txn, store->values, &mdb_key, &record);

  if (code == MDB_NOTFOUND)
    return 0;
  if (code)
    return mw_store_lmdb_error(store, "read", code, err);
  *len_bytes =
      record.mv_size > MW_STORE_CHECKSUM_BYTES ? record.mv_size - MW_STORE_CHECKSUM_BYTES : 0;
  return 1;
}

int mw_store_insert(struct mw_store *store, MDB_txn *txn, struct mw_store_bytes key,
                    struct mw_store_bytes value, struct mw_error *err)
{
  MDB_val mdb_key = as_val(key), record = {.mv_size = MW_STORE_CHECKSUM_BYTES + value.len_bytes};
  uint32_t checksum = checksum_of(key, value.data, value.len_bytes);
  int code = mdb_put(txn, store->values, &mdb_key, &record, MDB_RESERVE);

  if (code)
    return mw_store_lmdb_error(store, "write to", code, err);
  memcpy(record.mv_data, &checksum, sizeof checksum);
  if (value.len_bytes > 0)
    memcpy((char *)record.mv_data + MW_STORE_CHECKSUM_BYTES, value.data, value.len_bytes);
  return 0;
}

/* ---- Copies ---- */

void mw_store_value_deinit(struct mw_store_value *value)
{
  free(value->data);
  *value = (struct mw_store_value){0};
}

int mw_store_value_set(struct mw_store_value *out, const void *bytes, size_t len_bytes,
                       struct mw_error *err)
{
  if (len_bytes + 1 > out->capacity_bytes) {
    void *data = realloc(out->data, len_bytes + 1);
    if (!data)
      return mw_error_set(err, ENOMEM, "out of memory for a value of %zu bytes", len_bytes);
    out->data = data;
    out->capacity_bytes = len_bytes + 1;
  }
  if (len_bytes > 0)
    memcpy(out->data, bytes, len_bytes);
  ((char *)out->data)[len_bytes] = '\0';
  out->len_bytes = len_bytes;
  return 0;
}

/* ---- Put and get ---- */

struct record_step {
  struct mw_store *store; /* first: see forget_used */
  struct mw_store_bytes key, value;
  struct mw_store_value *out;
};

/* Who writes past the spaces leaves what they use unknown. */
static void forget_used(void *data)
{
  mw_store_used_free(*(struct mw_store **)data);
}

static int put_step(MDB_txn *txn, void *data, struct mw_error *err)
{
  const struct record_step *step = data;

  return mw_store_insert(step->store, txn, step->key, step->value, err);
}

int mw_store_put(struct mw_store *store, struct mw_store_bytes key, struct mw_store_bytes value,
                 struct mw_error *err)
{
  struct record_step step = {.store = store, .key = key, .value = value};
  int rc = mw_store_check_key(key, err);

  if (rc < 0)
    return rc;
  if (value.len_bytes > MW_STORE_VALUE_MAX_BYTES)
    return mw_error_set(err, EMSGSIZE, "a value is too large: %zu bytes, at most %zu are possible",
                        value.len_bytes, MW_STORE_VALUE_MAX_BYTES);
  return mw_store_write(store, 0, put_step, forget_used, &step, err);
}

static int get_step(MDB_txn *txn, void *data, struct mw_error *err)
{
  const struct record_step *step = data;
  struct mw_store_bytes value = {0};
  int rc = mw_store_find(step->store, txn, step->key, &value, err);

  if (rc <= 0)
    return rc;
  rc = mw_store_value_set(step->out, value.data, value.len_bytes, err);
  return rc < 0 ? rc : 1;
}

int mw_store_get(struct mw_store *store, struct mw_store_bytes key, struct mw_store_value *out,
                 struct mw_error *err)
{
  struct record_step step = {.store = store, .key = key, .out = out};
  int rc = mw_store_check_key(key, err);

  return rc < 0 ? rc : mw_store_read(store, get_step, &step, err);
}

/* ---- Delete ---- */

struct delete_step {
  struct mw_store *store; /* first: see forget_used */
  const struct mw_store_bytes *keys;
  size_t count;
  mw_store_visit *visit;
  void *data;
  size_t visited_count; /* a transaction that is repeated calls nobody twice */
  struct mw_store_value copy;
};

/* The pointer to a value dies with its deletion, so that the callback gets a copy. */
static int copy_value(struct delete_step *step, MDB_txn *txn, struct mw_store_bytes key,
                      struct mw_store_bytes *out, struct mw_error *err)
{
  struct mw_store_bytes value = {0};
  int rc = mw_store_find(step->store, txn, key, &value, err);

  if (rc == -EBADMSG)
    return 0;
  if (rc <= 0)
    return rc;
  rc = mw_store_value_set(&step->copy, value.data, value.len_bytes, err);
  *out = (struct mw_store_bytes){step->copy.data, step->copy.len_bytes};
  return rc < 0 ? rc : 1;
}

static int delete_one(struct delete_step *step, MDB_txn *txn, size_t i, struct mw_error *err)
{
  struct mw_store_bytes key = step->keys[i], value = {0};
  bool wanted = step->visit && i >= step->visited_count;
  MDB_val mdb_key = as_val(key);
  int found = wanted ? copy_value(step, txn, key, &value, err) : 0;

  if (found < 0)
    return found;
  int code = mdb_del(txn, step->store->values, &mdb_key, NULL);
  if (code && code != MDB_NOTFOUND)
    return mw_store_lmdb_error(step->store, "delete from", code, err);
  if (!wanted)
    return 0;
  step->visited_count++;
  return mw_store_call(step->store, step->visit, step->data, key, found ? &value : NULL, err);
}

static int delete_step(MDB_txn *txn, void *data, struct mw_error *err)
{
  struct delete_step *step = data;
  int rc = 0;

  for (size_t i = 0; rc >= 0 && i < step->count; i++)
    rc = delete_one(step, txn, i, err);
  return rc < 0 ? rc : 0;
}

uint64_t mw_store_delete_headroom(const struct mw_store *store, size_t count)
{
  return (PAGES_AT_LEAST + count * (uint64_t)PAGES_FOR_A_KEY) * store->page_bytes;
}

int mw_store_delete(struct mw_store *store, const struct mw_store_bytes *keys, size_t count,
                    mw_store_visit *visit, void *data, struct mw_error *err)
{
  struct delete_step step = {
      .store = store, .keys = keys, .count = count, .visit = visit, .data = data};

  for (size_t i = 0; i < count; i++)
    if (mw_store_check_key(keys[i], err) < 0)
      return -EINVAL;
  int rc = mw_store_write(store, mw_store_delete_headroom(store, count), delete_step, forget_used,
                          &step, err);
  mw_store_value_deinit(&step.copy);
  return rc;
}

static int clear_step(MDB_txn *txn, void *data, struct mw_error *err)
{
  const struct record_step *step = data;
  int code = mdb_drop(txn, step->store->values, 0);

  return code ? mw_store_lmdb_error(step->store, "clear", code, err) : 0;
}

int mw_store_clear(struct mw_store *store, struct mw_error *err)
{
  /* For the list of all the pages that become free, which has 8 bytes for each. */
  uint64_t headroom_bytes = PAGES_AT_LEAST * store->page_bytes + store->config.max_bytes / 256;

  struct record_step step = {.store = store};

  return mw_store_write(store, headroom_bytes, clear_step, forget_used, &step, err);
}

/* ---- Walks ---- */

static bool begins_with(MDB_val key, struct mw_store_bytes prefix)
{
  return key.mv_size >= prefix.len_bytes &&
         (prefix.len_bytes == 0 || memcmp(key.mv_data, prefix.data, prefix.len_bytes) == 0);
}

/* The first record at @p from or behind it (empty: the first of all). */
static int seek(MDB_cursor *cursor, struct mw_store_bytes from, MDB_val *key, MDB_val *record)
{
  if (from.len_bytes == 0)
    return mdb_cursor_get(cursor, key, record, MDB_FIRST);
  *key = as_val(from);
  return mdb_cursor_get(cursor, key, record, MDB_SET_RANGE);
}

static int visit_record(struct mw_store *store, MDB_val key, MDB_val record, bool damaged_too,
                        mw_store_visit *visit, void *data, struct mw_error *err)
{
  struct mw_store_bytes value = {0};
  int rc = open_record(store, as_bytes(key), record, &value, err);

  if (rc < 0 && !damaged_too)
    return rc;
  return mw_store_call(store, visit, data, as_bytes(key), rc > 0 ? &value : NULL, err);
}

int mw_store_walk(struct mw_store *store, MDB_txn *txn, struct mw_store_bytes prefix,
                  bool damaged_too, mw_store_visit *visit, void *data, struct mw_error *err)
{
  MDB_cursor *cursor;
  MDB_val key, record;
  int rc = 0, code = mdb_cursor_open(txn, store->values, &cursor);

  if (code)
    return mw_store_lmdb_error(store, "read", code, err);
  code = seek(cursor, prefix, &key, &record);
  while (code == 0 && rc >= 0 && begins_with(key, prefix)) {
    rc = visit_record(store, key, record, damaged_too, visit, data, err);
    if (rc >= 0)
      code = mdb_cursor_get(cursor, &key, &record, MDB_NEXT);
  }
  mdb_cursor_close(cursor);
  if (rc >= 0 && code && code != MDB_NOTFOUND)
    return mw_store_lmdb_error(store, "read", code, err);
  return rc < 0 ? rc : 0;
}

struct walk_step {
  struct mw_store *store;
  struct mw_store_bytes prefix, after;
  bool damaged_too;
  mw_store_visit *visit;
  void *data;
  struct mw_store_value *key, *value;
};

static int walk_step(MDB_txn *txn, void *data, struct mw_error *err)
{
  const struct walk_step *step = data;

  return mw_store_walk(step->store, txn, step->prefix, step->damaged_too, step->visit, step->data,
                       err);
}

int mw_store_each(struct mw_store *store, struct mw_store_bytes prefix, mw_store_visit *visit,
                  void *data, struct mw_error *err)
{
  struct walk_step step = {.store = store, .prefix = prefix, .visit = visit, .data = data};

  return mw_store_read(store, walk_step, &step, err);
}

/* The first behind @p after that begins with the prefix. */
static int seek_next(MDB_cursor *cursor, const struct walk_step *step, MDB_val *key,
                     MDB_val *record)
{
  bool after = step->after.len_bytes > 0;
  int code = seek(cursor, after ? step->after : step->prefix, key, record);

  if (code == 0 && after && key->mv_size == step->after.len_bytes &&
      memcmp(key->mv_data, step->after.data, key->mv_size) == 0)
    code = mdb_cursor_get(cursor, key, record, MDB_NEXT);
  return code == 0 && !begins_with(*key, step->prefix) ? MDB_NOTFOUND : code;
}

static int next_step(MDB_txn *txn, void *data, struct mw_error *err)
{
  const struct walk_step *step = data;
  struct mw_store_bytes value = {0};
  MDB_cursor *cursor;
  MDB_val key, record;
  int code = mdb_cursor_open(txn, step->store->values, &cursor);

  if (code)
    return mw_store_lmdb_error(step->store, "read", code, err);
  code = seek_next(cursor, step, &key, &record);
  mdb_cursor_close(cursor); /* what it found belongs to the transaction */
  if (code)
    return code == MDB_NOTFOUND ? 0 : mw_store_lmdb_error(step->store, "read", code, err);
  int rc = open_record(step->store, as_bytes(key), record, &value, err);
  if (rc < 0 || (rc = mw_store_value_set(step->value, value.data, value.len_bytes, err)) < 0)
    return rc;
  rc = mw_store_value_set(step->key, key.mv_data, key.mv_size, err);
  return rc < 0 ? rc : 1;
}

int mw_store_next(struct mw_store *store, struct mw_store_bytes prefix, struct mw_store_bytes after,
                  struct mw_store_value *key, struct mw_store_value *value, struct mw_error *err)
{
  struct walk_step step = {
      .store = store, .prefix = prefix, .after = after, .key = key, .value = value};

  return mw_store_read(store, next_step, &step, err);
}

struct check {
  struct mw_store_report report;
  mw_store_visit *damaged;
  void *data;
};

static int check_one(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                     struct mw_error *err)
{
  struct check *check = data;

  check->report.entries_count++;
  if (value)
    return 0;
  check->report.damaged_count++;
  return check->damaged ? check->damaged(check->data, key, NULL, err) : 0;
}

int mw_store_check(struct mw_store *store, mw_store_visit *damaged, void *data,
                   struct mw_store_report *out, struct mw_error *err)
{
  struct check check = {.damaged = damaged, .data = data};
  struct walk_step step = {.store = store, .damaged_too = true, .visit = check_one, .data = &check};
  int rc = mw_store_read(store, walk_step, &step, err);

  if (rc == 0)
    *out = check.report;
  return rc;
}
