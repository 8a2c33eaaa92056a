#include "moonwatch/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "lmdb/pages.h"
#include "store/internal.h"

#define MAP_MIN_BYTES (UINT64_C(64) << 10)
#define CHECK_TRIES 100

static const struct mw_lmdb_kind kind = {.what = "store",
                                         .look_with = "moonwatch store list",
                                         .name_prefix = MW_STORE_DATABASE_PREFIX,
                                         .databases = {MW_STORE_DATABASE}};

/* ---- The configuration ---- */

static int set_bounds(struct mw_store *store, struct mw_error *err)
{
  struct mw_store_config *config = &store->config;

  if (config->max_bytes == 0)
    config->max_bytes = MW_STORE_MAX_DEFAULT_BYTES;
  if (config->map_bytes == 0)
    config->map_bytes = MW_STORE_MAP_DEFAULT_BYTES;
  if (config->map_bytes > config->max_bytes)
    config->map_bytes = config->max_bytes;
  if (config->wait_ms <= 0)
    config->wait_ms = MW_STORE_WAIT_DEFAULT_MS;
  if (config->max_bytes < MAP_MIN_BYTES || config->max_bytes > MW_STORE_MAX_BYTES)
    return mw_error_set(err, EINVAL, "a store may grow to %llu bytes at least, %llu at most",
                        (unsigned long long)MAP_MIN_BYTES, (unsigned long long)MW_STORE_MAX_BYTES);
  if (config->map_bytes < MAP_MIN_BYTES)
    config->map_bytes = MAP_MIN_BYTES;
  return 0;
}

static struct mw_store *new_store(const struct mw_store_config *config, struct mw_error *err)
{
  struct mw_store *store = calloc(1, sizeof *store);

  if (!store) {
    mw_error_set(err, ENOMEM, "out of memory for a store");
    return NULL;
  }
  store->config = *config;
  store->files.lock_fd = -1;
  store->pid = getpid();
  mw_lmdb_gate_init(&store->gate, MW_STORE_WAIT_DEFAULT_MS);
  store->dir = strdup(config->dir);
  if (!store->dir || asprintf(&store->data_path, "%s/" MW_LMDB_DATA_FILE, config->dir) < 0) {
    store->data_path = NULL;
    mw_error_set(err, ENOMEM, "out of memory for a store");
    mw_store_free(store);
    return NULL;
  }
  store->config.dir = store->dir;
  return store;
}

/* ---- The file, before LMDB sees it ---- */

/* @return a descriptor; -ENOENT: there is no file yet. */
static int open_data(const struct mw_store *store, struct mw_error *err)
{
  int rc = mw_lmdb_check_file(store->data_path, err);

  if (rc < 0)
    return rc;
  int fd = open(store->data_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  return fd >= 0 ? fd
                 : mw_error_set(err, errno, "cannot open %s: %s%s", store->data_path,
                                strerror(errno), mw_lmdb_advice(errno));
}

/* @return 0 and how much of the map is used; -ENOENT: there is no file, or an empty one. */
static int look_at_head(const struct mw_store *store, uint64_t *used_bytes, struct mw_error *err)
{
  struct mw_lmdb_head head;
  MW_AUTO_CLOSE int fd = open_data(store, err);
  int rc = fd < 0 ? fd : mw_lmdb_read_head(fd, store->data_path, &kind, &head, err);

  if (rc == -ENODATA)
    return -ENOENT;
  if (rc == 0)
    *used_bytes = (head.last_page + 1) * head.page_bytes;
  return rc;
}

/* ---- The environment ---- */

static int open_env(struct mw_store *store, uint64_t used_bytes, struct mw_error *err)
{
  unsigned flags = MDB_NOTLS | (store->config.read_only ? MDB_RDONLY : 0);
  uint64_t map_bytes = store->config.map_bytes > used_bytes ? store->config.map_bytes : used_bytes;
  int code = mdb_env_create(&store->env);
  MDB_envinfo info;
  MDB_stat stat;

  if (code)
    return mw_store_lmdb_error(store, "open", code, err);
  if ((code = mdb_env_set_maxdbs(store->env, 1)) ||
      (code = mdb_env_set_mapsize(store->env, map_bytes)) ||
      (code = mdb_env_open(store->env, store->dir, flags, 0600)) ||
      (code = mdb_env_info(store->env, &info)) || (code = mdb_env_stat(store->env, &stat)))
    return mw_store_lmdb_error(store, "open", code, err);
  store->map_bytes = info.me_mapsize;
  store->page_bytes = stat.ms_psize;
  return 0;
}

static int check_pages_step(MDB_txn *txn, void *data, struct mw_error *err)
{
  const struct mw_store *store = data;
  MW_AUTO_CLOSE int fd = open_data(store, err);

  return fd < 0 ? fd : mw_lmdb_check_pages(fd, store->data_path, &kind, mdb_txn_id(txn), err);
}

/* A transaction keeps the pages of its state as they are, but not the meta page, which is gone when
 * others have written twice since: then a newer state is looked at. */
static int check_pages(struct mw_store *store, struct mw_error *err)
{
  int rc = -EAGAIN;

  for (int i = 0; rc == -EAGAIN && i < CHECK_TRIES; i++)
    rc = mw_store_read(store, check_pages_step, store, err);
  return rc;
}

static int open_database(struct mw_store *store, struct mw_error *err)
{
  bool read_only = store->config.read_only;
  MDB_txn *txn;
  int code = mdb_txn_begin(store->env, NULL, read_only ? MDB_RDONLY : 0, &txn);

  if (code)
    return mw_store_lmdb_error(store, "open", code, err);
  code = mdb_dbi_open(txn, MW_STORE_DATABASE, read_only ? 0 : MDB_CREATE, &store->values);
  if (code == 0)
    code = mdb_txn_commit(txn); /* only what is committed stays open */
  else
    mdb_txn_abort(txn);
  if (code == MDB_NOTFOUND)
    return mw_error_set(err, ENOENT, "there is no store in %s yet", store->dir);
  return code ? mw_store_lmdb_error(store, "open", code, err) : 0;
}

static int open_existing(struct mw_store *store, struct mw_error *err)
{
  uint64_t used_bytes = 0;
  int rc = look_at_head(store, &used_bytes, err), dead;

  if (rc == -ENOENT && store->config.read_only)
    return mw_error_set(err, ENOENT, "there is no store in %s yet", store->dir);
  if (rc < 0 && rc != -ENOENT)
    return rc;
  rc = open_env(store, used_bytes, err);
  if (rc == 0 && !store->config.read_only)
    mdb_reader_check(store->env, &dead);
  if (rc == 0)
    rc = check_pages(store, err);
  return rc < 0 ? rc : open_database(store, err);
}

/* ---- What is damaged ---- */

static int set_aside(struct mw_store *store, struct mw_error *err)
{
  MW_AUTO_FREE char *aside = NULL;

  mdb_env_close(store->env); /* accepts NULL */
  store->env = NULL;
  if (asprintf(&aside, "%s.damaged", store->data_path) < 0) {
    aside = NULL;
    return mw_error_set(err, ENOMEM, "out of memory for a path");
  }
  if (rename(store->data_path, aside) < 0)
    return mw_error_set(err, errno, "cannot rename %s: %s%s", store->data_path, strerror(errno),
                        mw_lmdb_advice(errno));
  return 0;
}

static int open_files(struct mw_store *store, struct mw_error *err)
{
  int rc = open_existing(store, err);

  if (rc != -EBADMSG)
    return rc;
  if (store->config.read_only || !store->config.set_damaged_aside) {
    if (err)
      snprintf(err->text + strlen(err->text), sizeof err->text - strlen(err->text),
               "; move it away to begin with an empty store");
    return rc;
  }
  store->set_aside_why = strdup(err->text);
  if (!store->set_aside_why)
    return mw_error_set(err, ENOMEM, "out of memory for a message");
  rc = set_aside(store, err);
  return rc < 0 ? rc : open_existing(store, err);
}

/* ---- Open and close ---- */

static int take_dir(struct mw_store *store, struct mw_error *err)
{
  bool read_only = store->config.read_only;
  int rc = read_only ? 0 : mw_lmdb_make_dir(&kind, store->dir, err);

  if (rc < 0 || (rc = mw_lmdb_check_dir(store->dir, err)) < 0)
    return rc;
  return mw_lmdb_take_files(&store->files, &kind, store->dir, read_only, err);
}

struct mw_store *mw_store_open(const struct mw_store_config *config, struct mw_error *err)
{
  struct mw_store *store = new_store(config, err);
  struct mw_error own;

  err = err ? err : &own; /* open_files looks at it */
  if (!store)
    return NULL;
  if (set_bounds(store, err) < 0 || take_dir(store, err) < 0 || open_files(store, err) < 0) {
    mw_store_free(store);
    return NULL;
  }
  store->gate.wait_ms = store->config.wait_ms;
  return store;
}

static void close_env(struct mw_store *store)
{
  mdb_env_close(store->env);
  store->env = NULL;
  mw_store_used_free(store);
  mw_lmdb_release_files(&store->files);
}

static int check_not_inside(struct mw_store *store, struct mw_error *err)
{
  return mw_store_is_inside(store) ? mw_error_set(err, EDEADLK,
                                                  "the store in %s is closed in a callback of its "
                                                  "own",
                                                  store->dir)
                                   : 0;
}

int mw_store_close(struct mw_store *store, struct mw_error *err)
{
  int rc = check_not_inside(store, err);

  if (rc == 0 && mw_lmdb_gate_close(&store->gate))
    close_env(store);
  return rc;
}

void mw_store_free(struct mw_store *store)
{
  if (!store)
    return;
  if (mw_lmdb_gate_close(&store->gate))
    close_env(store);
  mw_lmdb_gate_deinit(&store->gate);
  free(store->set_aside_why);
  free(store->data_path);
  free(store->dir);
  free(store);
}

int mw_store_destroy(struct mw_store *store, struct mw_error *err)
{
  int rc = check_not_inside(store, err);

  if (rc < 0)
    return rc;
  if (store->config.read_only)
    return mw_error_set(err, EROFS, "the store in %s is open for reading only", store->dir);
  if (!mw_lmdb_gate_close(&store->gate))
    return mw_error_set(err, EBADF, "the store in %s is closed", store->dir);
  mdb_env_close(store->env);
  store->env = NULL;
  rc = mw_lmdb_remove_files(store->dir, err); /* with the lock: nobody opens it in between */
  close_env(store);
  return rc;
}

const char *mw_store_set_aside_why(const struct mw_store *store)
{
  return store->set_aside_why;
}

/* ---- Figures ---- */

struct stats_step {
  struct mw_store *store;
  struct mw_store_stats *out;
};

static int stats_step(MDB_txn *txn, void *data, struct mw_error *err)
{
  const struct stats_step *step = data;
  MDB_envinfo info;
  MDB_stat stat;
  int code = mdb_stat(txn, step->store->values, &stat);

  if (code || (code = mdb_env_info(step->store->env, &info)))
    return mw_store_lmdb_error(step->store, "read", code, err);
  *step->out = (struct mw_store_stats){
      .entries_count = stat.ms_entries,
      .size_bytes = ((uint64_t)info.me_last_pgno + 1) * step->store->page_bytes,
      .map_bytes = info.me_mapsize,
      .max_bytes = step->store->config.max_bytes,
  };
  return 0;
}

int mw_store_stats(struct mw_store *store, struct mw_store_stats *out, struct mw_error *err)
{
  struct stats_step step = {store, out};

  return mw_store_read(store, stats_step, &step, err);
}
