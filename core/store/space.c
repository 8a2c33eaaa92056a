#include "store/space.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/internal.h"

/* What a space uses, as far as it is known. Belongs to who writes. */
struct mw_store_used {
  UT_hash_handle hh;
  uint64_t bytes;
  bool known; /* not while it changes */
  char prefix[MW_STORE_SPACE_NAME_MAX_BYTES + 1];
};

int mw_store_space_init(struct mw_store_space *space, struct mw_store *store, const char *name,
                        uint64_t max_bytes, struct mw_error *err)
{
  size_t name_bytes = strlen(name);

  if (name_bytes < 1 || name_bytes > MW_STORE_SPACE_NAME_MAX_BYTES)
    return mw_error_set(err, EINVAL,
                        "a script whose name has %zu bytes cannot use the store: 1 to "
                        "%d are possible",
                        name_bytes, MW_STORE_SPACE_NAME_MAX_BYTES);
  for (size_t i = 0; i < name_bytes; i++)
    if ((unsigned char)name[i] < ' ')
      return mw_error_set(err, EINVAL,
                          "a script with a control character in its name cannot use "
                          "the store");
  *space = (struct mw_store_space){.store = store, .max_bytes = max_bytes};
  space->prefix_bytes = name_bytes + 1;
  memcpy(space->prefix, name, name_bytes + 1);
  return 0;
}

/* ---- Keys ---- */

struct whole_key {
  char data[MW_STORE_KEY_MAX_BYTES];
  size_t len_bytes;
};

static int make_key(const struct mw_store_space *space, struct mw_store_bytes key,
                    bool may_be_empty, struct whole_key *out, struct mw_error *err)
{
  if (key.len_bytes == 0 && !may_be_empty)
    return mw_error_set(err, EINVAL, "a key is empty");
  if (key.len_bytes > MW_STORE_SPACE_KEY_MAX_BYTES)
    return mw_error_set(err, EINVAL, "a key is too long: it has %zu bytes, at most %d are possible",
                        key.len_bytes, MW_STORE_SPACE_KEY_MAX_BYTES);
  memcpy(out->data, space->prefix, space->prefix_bytes);
  if (key.len_bytes > 0)
    memcpy(out->data + space->prefix_bytes, key.data, key.len_bytes);
  out->len_bytes = space->prefix_bytes + key.len_bytes;
  return 0;
}

static struct mw_store_bytes bytes_of(const struct whole_key *key)
{
  return (struct mw_store_bytes){key->data, key->len_bytes};
}

/* ---- What is used ---- */

void mw_store_used_free(struct mw_store *store)
{
  struct mw_store_used *used, *next = store->used;

  HASH_CLEAR(hh, store->used); /* the table, not what is in it */
  while ((used = next)) {
    next = used->hh.next;
    free(used);
  }
}

static uint64_t entry_bytes(size_t key_bytes, size_t value_bytes)
{
  return MW_STORE_ENTRY_BYTES + (uint64_t)key_bytes + value_bytes;
}

struct count {
  const struct mw_store_space *space;
  struct mw_store *store;
  MDB_txn *txn;
  struct mw_store_space_stats stats;
};

static int count_one(void *data, struct mw_store_bytes key, const struct mw_store_bytes *value,
                     struct mw_error *err)
{
  struct count *count = data;
  size_t value_bytes = value ? value->len_bytes : 0;
  int rc = value ? 1 : mw_store_find_length(count->store, count->txn, key, &value_bytes, err);

  count->stats.entries_count++;
  count->stats.used_bytes += entry_bytes(key.len_bytes - count->space->prefix_bytes, value_bytes);
  return rc < 0 ? rc : 0;
}

static int count_step(MDB_txn *txn, void *data, struct mw_error *err)
{
  struct count *count = data;
  const struct mw_store_space *space = count->space;

  count->txn = txn;
  return mw_store_walk(space->store, txn,
                       (struct mw_store_bytes){space->prefix, space->prefix_bytes}, true, count_one,
                       count, err);
}

int mw_store_space_stats(const struct mw_store_space *space, struct mw_store_space_stats *out,
                         struct mw_error *err)
{
  struct count count = {.space = space, .store = space->store};
  int rc = mw_store_read(space->store, count_step, &count, err);

  if (rc < 0)
    return rc;
  count.stats.max_bytes = space->max_bytes;
  *out = count.stats;
  return 0;
}

/* ---- Put and delete ---- */

struct change {
  const struct mw_store_space *space;
  struct whole_key key;
  struct mw_store_bytes value;
  bool deletes;
  struct mw_store_used *used; /* NULL: out of memory for it, or too many */
  uint64_t used_after_bytes;
};

static struct mw_store_used *find_used(const struct mw_store_space *space)
{
  struct mw_store *store = space->store;
  struct mw_store_used *used;

  HASH_FIND(hh, store->used, space->prefix, space->prefix_bytes, used);
  if (used || HASH_COUNT(store->used) >= MW_STORE_SPACES_MAX)
    return used;
  used = calloc(1, sizeof *used);
  if (!used)
    return NULL;
  memcpy(used->prefix, space->prefix, space->prefix_bytes);
  HASH_ADD_KEYPTR(hh, store->used, used->prefix, space->prefix_bytes, used);
  if (used->hh.tbl)
    return used;
  free(used); /* out of memory for the hash */
  return NULL;
}

/* It is counted once, and whenever nobody remembers. */
static int used_before(struct change *change, MDB_txn *txn, uint64_t *bytes, struct mw_error *err)
{
  struct count count = {.space = change->space, .store = change->space->store};

  change->used = find_used(change->space);
  if (change->used && change->used->known) {
    *bytes = change->used->bytes;
    return 0;
  }
  int rc = count_step(txn, &count, err);
  *bytes = count.stats.used_bytes;
  return rc;
}

static int refuse_full(const struct change *change, struct mw_error *err)
{
  return mw_error_set(
      err, EDQUOT,
      "the store of %s is full: with this value it would use %llu bytes of the %llu "
      "that a script may use; delete what is not needed",
      change->space->prefix, (unsigned long long)change->used_after_bytes,
      (unsigned long long)change->space->max_bytes);
}

static int change_record(struct change *change, MDB_txn *txn, struct mw_error *err)
{
  struct mw_store *store = change->space->store;
  struct mw_store_bytes key = bytes_of(&change->key);
  MDB_val mdb_key = {.mv_data = change->key.data, .mv_size = change->key.len_bytes};

  if (!change->deletes)
    return mw_store_insert(store, txn, key, change->value, err);
  int code = mdb_del(txn, store->values, &mdb_key, NULL);
  return code ? mw_store_lmdb_error(store, "delete from", code, err) : 0;
}

/* @return 1 when something was there, else 0. */
static int change_step(MDB_txn *txn, void *data, struct mw_error *err)
{
  struct change *change = data;
  size_t key_bytes = change->key.len_bytes - change->space->prefix_bytes, old_bytes = 0;
  uint64_t bytes = 0;
  int was_there =
      mw_store_find_length(change->space->store, txn, bytes_of(&change->key), &old_bytes, err);

  if (was_there < 0)
    return was_there;
  change->used = NULL;
  if (change->deletes && !was_there)
    return 0;
  int rc = used_before(change, txn, &bytes, err);
  if (rc < 0)
    return rc;
  bytes -= was_there ? entry_bytes(key_bytes, old_bytes) : 0;
  change->used_after_bytes =
      bytes + (change->deletes ? 0 : entry_bytes(key_bytes, change->value.len_bytes));
  if (!change->deletes && change->used_after_bytes > change->space->max_bytes)
    return refuse_full(change, err);
  if (change->used)
    change->used->known = false;
  rc = change_record(change, txn, err);
  return rc < 0 ? rc : was_there;
}

static void note_change(void *data)
{
  const struct change *change = data;

  if (!change->used)
    return;
  change->used->bytes = change->used_after_bytes;
  change->used->known = true;
}

int mw_store_space_put(const struct mw_store_space *space, struct mw_store_bytes key,
                       struct mw_store_bytes value, struct mw_error *err)
{
  struct change change = {.space = space, .value = value};
  int rc = make_key(space, key, false, &change.key, err);

  if (rc < 0)
    return rc;
  if (value.len_bytes > MW_STORE_VALUE_MAX_BYTES)
    return mw_error_set(err, EMSGSIZE, "a value is too large: %zu bytes, at most %zu are possible",
                        value.len_bytes, MW_STORE_VALUE_MAX_BYTES);
  rc = mw_store_write(space->store, 0, change_step, note_change, &change, err);
  return rc < 0 ? rc : 0;
}

int mw_store_space_delete(const struct mw_store_space *space, struct mw_store_bytes key,
                          struct mw_error *err)
{
  struct change change = {.space = space, .deletes = true};
  int rc = make_key(space, key, false, &change.key, err);

  return rc < 0 ? rc
                : mw_store_write(space->store, mw_store_delete_headroom(space->store, 1),
                                 change_step, note_change, &change, err);
}

/* ---- Get ---- */

int mw_store_space_get(const struct mw_store_space *space, struct mw_store_bytes key,
                       struct mw_store_value *out, struct mw_error *err)
{
  struct whole_key whole = {.len_bytes = 0};
  int rc = make_key(space, key, false, &whole, err);

  return rc < 0 ? rc : mw_store_get(space->store, bytes_of(&whole), out, err);
}

int mw_store_space_next(const struct mw_store_space *space, struct mw_store_bytes prefix,
                        struct mw_store_bytes after, struct mw_store_value *key,
                        struct mw_store_value *value, struct mw_error *err)
{
  struct whole_key whole_prefix = {.len_bytes = 0}, whole_after = {.len_bytes = 0};
  int rc = make_key(space, prefix, true, &whole_prefix, err);

  if (rc == 0 && after.len_bytes > 0)
    rc = make_key(space, after, false, &whole_after, err);
  if (rc < 0)
    return rc;
  rc =
      mw_store_next(space->store, bytes_of(&whole_prefix), bytes_of(&whole_after), key, value, err);
  if (rc <= 0)
    return rc;
  key->len_bytes -= space->prefix_bytes;
  memmove(key->data, (char *)key->data + space->prefix_bytes, key->len_bytes + 1);
  return rc;
}
