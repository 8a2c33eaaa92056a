#include "store/pages.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "store/internal.h"
#include "store/tree.h"

/* ---- The databases of the file ---- */

static int check_free(struct mw_tree_file *file, const struct mw_mdb_database *database)
{
  struct mw_tree tree = {
      .file = file, .database = *database, .what = "free pages", .visit = mw_tree_check_free_pages};

  if (database->flags != MW_MDB_INTEGER_KEYS)
    return mw_tree_damaged(file, "its free pages are kept in a way that is not known");
  tree.integer_keys = true;
  return mw_tree_check(&tree);
}

/* What stands in the main database: the name and place of ours, and nothing else. */
struct found {
  bool ours;
  struct mw_mdb_database database;
};

static int note_database(struct mw_tree *tree, const struct mw_tree_record *record)
{
  struct found *found = tree->visit_data;
  struct mw_tree_file *file = tree->file;
  size_t prefix_bytes = strlen(MW_STORE_DATABASE_PREFIX);

  if (record->flags != MW_MDB_SUB_DATABASE || record->value_bytes != sizeof found->database ||
      record->key_bytes <= prefix_bytes ||
      memcmp(record->key, MW_STORE_DATABASE_PREFIX, prefix_bytes) != 0)
    return mw_error_set(file->err, EBADMSG, "%s is an LMDB file of another program", file->name);
  if (record->key_bytes != strlen(MW_STORE_DATABASE) ||
      memcmp(record->key, MW_STORE_DATABASE, record->key_bytes) != 0)
    return mw_error_set(file->err, EPROTO,
                        "%s was written by a newer moonwatch (%.*s); install that one, or move the "
                        "file away",
                        file->name, (int)record->key_bytes, (const char *)record->key);
  memcpy(&found->database, record->value, sizeof found->database);
  found->ours = true;
  return 0;
}

static int check_values(struct mw_tree_file *file, const struct mw_mdb_database *main)
{
  struct found found = {0};
  struct mw_tree names = {.file = file,
                          .database = *main,
                          .what = "names",
                          .visit = note_database,
                          .visit_data = &found};

  if (main->flags != 0)
    return mw_error_set(file->err, EBADMSG, "%s is an LMDB file of another program", file->name);
  int rc = mw_tree_check(&names);
  if (rc < 0 || !found.ours)
    return rc;
  struct mw_tree values = {.file = file, .database = found.database, .what = "values"};
  if (found.database.flags != 0)
    return mw_tree_damaged(file, "its values are kept in a way that is not known");
  return mw_tree_check(&values);
}

static int check_state(struct mw_tree_file *file, const struct mw_mdb_meta *meta)
{
  int rc = check_values(file, &meta->databases[MW_MDB_MAIN]);

  /* Free pages last: none of them may be in use. */
  return rc < 0 ? rc : check_free(file, &meta->databases[MW_MDB_FREE]);
}

int mw_store_check_pages(int fd, const char *name, uint64_t transaction, struct mw_error *err)
{
  struct mw_mdb_meta metas[2] = {0};
  int rc = mw_store_read_metas(fd, name, metas, err);

  if (rc < 0)
    return rc;
  const struct mw_mdb_meta *meta = metas[0].transaction == transaction   ? &metas[0]
                                   : metas[1].transaction == transaction ? &metas[1]
                                                                         : NULL;
  if (!meta)
    return mw_error_set(err, EAGAIN, "%s is being written", name);
  struct mw_tree_file file = {.fd = fd,
                              .name = name,
                              .err = err,
                              .page_bytes = meta->databases[MW_MDB_FREE].page_bytes,
                              .last_page = meta->last_page};
  rc = mw_tree_file_init(&file);
  if (rc == 0)
    rc = check_state(&file, meta);
  mw_tree_file_deinit(&file);
  return rc;
}
