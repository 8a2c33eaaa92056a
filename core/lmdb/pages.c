#include "lmdb/pages.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lmdb/tree.h"

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

/* What stands in the main database: the names and places of ours, and nothing else. */
struct found {
  const struct mw_lmdb_kind *kind;
  bool is_there[MW_LMDB_DATABASES_MAX];
  struct mw_mdb_database databases[MW_LMDB_DATABASES_MAX];
};

static bool is_name(const struct mw_tree_record *record, const char *name)
{
  return record->key_bytes == strlen(name) && memcmp(record->key, name, record->key_bytes) == 0;
}

static int note_database(struct mw_tree *tree, const struct mw_tree_record *record)
{
  struct found *found = tree->visit_data;
  struct mw_tree_file *file = tree->file;
  const char *prefix = found->kind->name_prefix;
  size_t prefix_bytes = strlen(prefix), i = 0;

  if (record->flags != MW_MDB_SUB_DATABASE || record->value_bytes != sizeof *found->databases ||
      record->key_bytes <= prefix_bytes || memcmp(record->key, prefix, prefix_bytes) != 0)
    return mw_error_set(file->err, EBADMSG, "%s is an LMDB file of another program", file->name);
  while (found->kind->databases[i] && !is_name(record, found->kind->databases[i]))
    i++;
  if (!found->kind->databases[i])
    return mw_error_set(file->err, EPROTO,
                        "%s was written by a newer moonwatch (%.*s); install that one, or move the "
                        "file away",
                        file->name, (int)record->key_bytes, (const char *)record->key);
  memcpy(&found->databases[i], record->value, sizeof *found->databases);
  found->is_there[i] = true;
  return 0;
}

static int check_one(struct mw_tree_file *file, const struct mw_mdb_database *database)
{
  struct mw_tree values = {.file = file, .database = *database, .what = "values"};

  if (database->flags != 0)
    return mw_tree_damaged(file, "its values are kept in a way that is not known");
  return mw_tree_check(&values);
}

static int check_values(struct mw_tree_file *file, const struct mw_lmdb_kind *kind,
                        const struct mw_mdb_database *main)
{
  struct found found = {.kind = kind};
  struct mw_tree names = {.file = file,
                          .database = *main,
                          .what = "names",
                          .visit = note_database,
                          .visit_data = &found};

  if (main->flags != 0)
    return mw_error_set(file->err, EBADMSG, "%s is an LMDB file of another program", file->name);
  int rc = mw_tree_check(&names);
  for (size_t i = 0; rc == 0 && i < MW_LMDB_DATABASES_MAX; i++)
    if (found.is_there[i])
      rc = check_one(file, &found.databases[i]);
  return rc;
}

static int check_state(struct mw_tree_file *file, const struct mw_lmdb_kind *kind,
                       const struct mw_mdb_meta *meta)
{
  int rc = check_values(file, kind, &meta->databases[MW_MDB_MAIN]);

  /* Free pages last: none of them may be in use. */
  return rc < 0 ? rc : check_free(file, &meta->databases[MW_MDB_FREE]);
}

int mw_lmdb_check_pages(int fd, const char *name, const struct mw_lmdb_kind *kind,
                        uint64_t transaction, struct mw_error *err)
{
  struct mw_mdb_meta metas[2] = {0};
  int rc = mw_lmdb_read_metas(fd, name, kind, metas, err);

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
    rc = check_state(&file, kind, meta);
  mw_tree_file_deinit(&file);
  return rc;
}
