/**
 * @file tree.h
 * One B+tree of a file, page by page, for pages.c. Every page is in one place only, each node
 * within its page, keys in order, the counts of the tree what they are said to be.
 */
#ifndef MW_LMDB_TREE_H
#define MW_LMDB_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lmdb/head.h"

/** Of the trees that LMDB itself can walk, 32; 2 entries a page make 2^16 of these. */
#define MW_TREE_DEPTH_MAX 16

struct mw_tree_file {
  int fd;
  const char *name;
  struct mw_error *err;
  uint32_t page_bytes;
  uint64_t last_page;
  uint64_t pages_count;              /* whole ones, in the file */
  uint8_t *in_use;                   /* a bit for each of them; owned */
  uint8_t *pages[MW_TREE_DEPTH_MAX]; /* one for each level; owned */
  uint8_t *covered;                  /* a byte for each byte of a page; owned */
};

int mw_tree_file_init(struct mw_tree_file *file); /**< allocates; the rest is set */
void mw_tree_file_deinit(struct mw_tree_file *file);

/** @return -EBADMSG, "NAME is damaged: WHAT". */
int mw_tree_damaged(struct mw_tree_file *file, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

struct mw_tree_record {
  const uint8_t *key;
  size_t key_bytes;
  const uint8_t *value; /* NULL when it is on pages of its own */
  size_t value_bytes;
  unsigned flags;
  uint64_t value_page; /* of its first page, when it has pages of its own */
};

struct mw_tree {
  struct mw_tree_file *file;
  struct mw_mdb_database database; /* what it is said to be */
  const char *what;                /* "values" */
  bool integer_keys;
  int (*visit)(struct mw_tree *tree, const struct mw_tree_record *record); /* or NULL */
  void *visit_data;
  struct mw_mdb_database counted; /* what it turns out to be */
};

int mw_tree_check(struct mw_tree *tree);

/** A visitor: the record is a list of pages, none in use, each there once. */
int mw_tree_check_free_pages(struct mw_tree *tree, const struct mw_tree_record *record);

#endif
