#include "lmdb/tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

/* ---- The file ---- */

int mw_tree_damaged(struct mw_tree_file *file, const char *fmt, ...)
{
  char what[256];
  va_list args;

  va_start(args, fmt);
  vsnprintf(what, sizeof what, fmt, args);
  va_end(args);
  return mw_error_set(file->err, EBADMSG, "%s is damaged: %s", file->name, what);
}

int mw_tree_file_init(struct mw_tree_file *file)
{
  off_t size_bytes = lseek(file->fd, 0, SEEK_END);

  if (size_bytes < 0)
    return mw_error_set(file->err, errno, "cannot read %s: %s", file->name, strerror(errno));
  file->pages_count = (uint64_t)size_bytes / file->page_bytes;
  file->in_use = calloc(file->pages_count / 8 + 1, 1);
  file->covered = malloc(file->page_bytes);
  if (!file->in_use || !file->covered)
    return mw_error_set(file->err, ENOMEM, "out of memory for the pages of %s", file->name);
  return 0;
}

void mw_tree_file_deinit(struct mw_tree_file *file)
{
  for (size_t i = 0; i < MW_TREE_DEPTH_MAX; i++)
    free(file->pages[i]);
  free(file->in_use);
  free(file->covered);
}

/* Note that @p page is in use, or free, for the first time. */
static int claim(struct mw_tree_file *file, uint64_t page)
{
  if (page < 2 || page > file->last_page)
    return mw_tree_damaged(file, "there can be no page %llu", (unsigned long long)page);
  if (page >= file->pages_count)
    return 0;
  uint8_t bit = (uint8_t)(1u << (page & 7));
  if (file->in_use[page / 8] & bit)
    return mw_tree_damaged(file, "page %llu is used twice", (unsigned long long)page);
  file->in_use[page / 8] |= bit;
  return 0;
}

static int claim_and_need(struct mw_tree_file *file, uint64_t page)
{
  int rc = claim(file, page);

  if (rc == 0 && page >= file->pages_count)
    return mw_tree_damaged(file, "it is cut off before page %llu", (unsigned long long)page);
  return rc;
}

static int read_page(struct mw_tree_file *file, uint64_t number, unsigned level, uint8_t **out)
{
  int rc = claim_and_need(file, number);

  if (rc < 0)
    return rc;
  if (!file->pages[level] && !(file->pages[level] = malloc(file->page_bytes)))
    return mw_error_set(file->err, ENOMEM, "out of memory for a page of %s", file->name);
  *out = file->pages[level];
  return mw_lmdb_pread(file->fd, file->name, *out, file->page_bytes, number * file->page_bytes,
                       file->err);
}

/* ---- A page ---- */

struct page {
  const uint8_t *data;
  uint64_t number;
  struct mw_mdb_page head;
  bool is_leaf;
  unsigned nodes_count;
};

static int page_damaged(struct mw_tree *tree, const struct page *page, const char *what)
{
  return mw_tree_damaged(tree->file, "page %llu of its %s: %s", (unsigned long long)page->number,
                         tree->what, what);
}

static int check_head(struct mw_tree *tree, struct page *page, unsigned level)
{
  bool at_the_end = level + 1u == tree->database.depth;

  memcpy(&page->head, page->data, sizeof page->head);
  page->is_leaf = page->head.flags == MW_MDB_LEAF;
  if (page->head.number != page->number || (!page->is_leaf && page->head.flags != MW_MDB_BRANCH) ||
      page->is_leaf != at_the_end)
    return page_damaged(tree, page, "another page stands in its place");
  if (page->head.lower < MW_MDB_PAGE_HEAD_BYTES || page->head.lower % 2 != 0 ||
      page->head.lower > page->head.upper || page->head.upper > tree->file->page_bytes)
    return page_damaged(tree, page, "its free space is not within it");
  page->nodes_count = (unsigned)((page->head.lower - MW_MDB_PAGE_HEAD_BYTES) / 2);
  if (page->nodes_count < (page->is_leaf || tree->integer_keys ? 1u : 2u))
    return page_damaged(tree, page, "it has too few entries");
  return 0;
}

struct node {
  struct mw_mdb_node head;
  const uint8_t *key;
  size_t value_bytes; /* of a leaf */
  uint64_t child;     /* of a branch */
  size_t total_bytes; /* what it takes of its page */
};

static uint64_t child_of(const struct mw_mdb_node *head)
{
  uint64_t child = head->low | (uint64_t)head->high << 16;

  return sizeof(size_t) > 4 ? child | (uint64_t)head->flags << 32 : child;
}

/* The node @p i, whose head and key are within the page. */
static int read_node(struct mw_tree *tree, const struct page *page, unsigned i, struct node *out)
{
  uint32_t page_bytes = tree->file->page_bytes;
  uint16_t offset;

  memcpy(&offset, page->data + MW_MDB_PAGE_HEAD_BYTES + 2 * (size_t)i, sizeof offset);
  if (offset < page->head.upper || offset % 2 != 0 || offset + MW_MDB_NODE_HEAD_BYTES > page_bytes)
    return page_damaged(tree, page, "an entry is not within it");
  memcpy(&out->head, page->data + offset, sizeof out->head);
  out->key = page->data + offset + MW_MDB_NODE_HEAD_BYTES;
  out->value_bytes = out->head.low | (size_t)out->head.high << 16;
  out->child = child_of(&out->head);
  size_t inside_bytes = !page->is_leaf                      ? 0
                        : out->head.flags & MW_MDB_BIG_DATA ? sizeof(size_t)
                                                            : out->value_bytes;
  size_t total_bytes = MW_MDB_NODE_HEAD_BYTES + out->head.key_bytes + inside_bytes;
  out->total_bytes = (total_bytes + 1) & ~(size_t)1;
  if (out->total_bytes > page_bytes - offset)
    return page_damaged(tree, page, "an entry is not within it");
  return 0;
}

/* Nodes lie side by side, in any order, without gaps: LMDB moves them by what is left. */
static int check_cover(struct mw_tree *tree, const struct page *page)
{
  struct mw_tree_file *file = tree->file;
  size_t covered_bytes = 0;
  struct node node = {0};

  memset(file->covered, 0, file->page_bytes);
  for (unsigned i = 0; i < page->nodes_count; i++) {
    int rc = read_node(tree, page, i, &node);
    if (rc < 0)
      return rc;
    size_t start = (size_t)(node.key - page->data) - MW_MDB_NODE_HEAD_BYTES;
    if (memchr(file->covered + start, 1, node.total_bytes))
      return page_damaged(tree, page, "entries lie over each other");
    memset(file->covered + start, 1, node.total_bytes);
    covered_bytes += node.total_bytes;
  }
  if (covered_bytes != file->page_bytes - page->head.upper)
    return page_damaged(tree, page, "there are gaps between its entries");
  return 0;
}

/* ---- Keys ---- */

struct key {
  const uint8_t *data; /* NULL: no bound */
  size_t len_bytes;
};

static int compare(const struct mw_tree *tree, struct key a, struct key b)
{
  if (tree->integer_keys) {
    size_t x, y;
    memcpy(&x, a.data, sizeof x);
    memcpy(&y, b.data, sizeof y);
    return x < y ? -1 : x > y;
  }
  int order = memcmp(a.data, b.data, a.len_bytes < b.len_bytes ? a.len_bytes : b.len_bytes);
  return order != 0 ? order : a.len_bytes < b.len_bytes ? -1 : a.len_bytes > b.len_bytes;
}

/* @p key comes behind @p before (or is it, when @p same_too) and before @p behind. */
static int check_key(struct mw_tree *tree, const struct page *page, struct key key,
                     struct key before, bool same_too, struct key behind)
{
  if (tree->integer_keys ? key.len_bytes != sizeof(size_t)
                         : key.len_bytes < 1 || key.len_bytes > MW_MDB_KEY_MAX_BYTES)
    return page_damaged(tree, page, "a key is of an impossible length");
  if ((before.data && compare(tree, before, key) >= (same_too ? 1 : 0)) ||
      (behind.data && compare(tree, key, behind) >= 0))
    return page_damaged(tree, page, "its keys are not in their order");
  return 0;
}

/* ---- Leaves ---- */

static int check_overflow(struct mw_tree *tree, const struct page *page,
                          const struct mw_tree_record *record)
{
  struct mw_tree_file *file = tree->file;
  uint64_t needed = (MW_MDB_PAGE_HEAD_BYTES - 1 + record->value_bytes) / file->page_bytes + 1;
  struct mw_mdb_page head;

  if (record->value_page > file->last_page)
    return page_damaged(tree, page, "a value is on pages that are not there");
  int rc = mw_lmdb_pread(file->fd, file->name, &head, sizeof head,
                         record->value_page * file->page_bytes, file->err);
  if (rc < 0)
    return rc;
  if (head.number != record->value_page || head.flags != MW_MDB_OVERFLOW || head.pages < needed)
    return page_damaged(tree, page, "a value is not where it is said to be");
  for (uint64_t i = 0; rc == 0 && i < head.pages; i++)
    rc = claim_and_need(file, record->value_page + i);
  tree->counted.overflow_pages += head.pages;
  return rc;
}

static int check_record(struct mw_tree *tree, const struct page *page, const struct node *node)
{
  struct mw_tree_record record = {.key = node->key,
                                  .key_bytes = node->head.key_bytes,
                                  .value = node->key + node->head.key_bytes,
                                  .value_bytes = node->value_bytes,
                                  .flags = node->head.flags};
  int rc = 0;

  if (record.flags == MW_MDB_BIG_DATA) {
    size_t value_page;
    memcpy(&value_page, record.value, sizeof value_page);
    record.value_page = value_page;
    record.value = NULL;
    rc = check_overflow(tree, page, &record);
  } else if (record.flags != 0 && (record.flags != MW_MDB_SUB_DATABASE || !tree->visit)) {
    return page_damaged(tree, page, "an entry is of a kind that is not known");
  }
  tree->counted.entries++;
  return rc < 0 || !tree->visit ? rc : tree->visit(tree, &record);
}

static int check_leaf(struct mw_tree *tree, const struct page *page, struct key low,
                      struct key high)
{
  bool same_too = true;
  struct node node = {0};
  int rc = 0;

  tree->counted.leaf_pages++;
  for (unsigned i = 0; rc == 0 && i < page->nodes_count; i++) {
    rc = read_node(tree, page, i, &node);
    struct key key = {node.key, node.head.key_bytes};
    if (rc == 0)
      rc = check_key(tree, page, key, low, same_too, high);
    if (rc == 0)
      rc = check_record(tree, page, &node);
    low = key;
    same_too = false;
  }
  return rc;
}

/* ---- Branches ---- */

static int check_page(struct mw_tree *tree, uint64_t number, unsigned level, struct key low,
                      struct key high);

/* The bounds of child @p i: the key of the first node of a branch means nothing. */
static int read_bounds(struct mw_tree *tree, const struct page *page, unsigned i, struct key *low,
                       struct key *high)
{
  struct node node = {0};
  int rc = 0;

  if (i > 0) {
    rc = read_node(tree, page, i, &node);
    struct key key = {node.key, node.head.key_bytes};
    if (rc == 0)
      rc = check_key(tree, page, key, *low, true, *high);
    *low = key;
  }
  if (rc == 0 && i + 1 < page->nodes_count) {
    rc = read_node(tree, page, i + 1, &node);
    struct key key = {node.key, node.head.key_bytes};
    if (rc == 0)
      rc = check_key(tree, page, key, *low, i == 0, *high);
    *high = key;
  }
  return rc;
}

static int check_branch(struct mw_tree *tree, const struct page *page, unsigned level,
                        struct key low, struct key high)
{
  int rc = 0;

  tree->counted.branch_pages++;
  for (unsigned i = 0; rc == 0 && i < page->nodes_count; i++) {
    struct key child_low = low, child_high = high;
    struct node node = {0};
    rc = read_node(tree, page, i, &node);
    if (rc == 0)
      rc = read_bounds(tree, page, i, &child_low, &child_high);
    if (rc == 0)
      rc = check_page(tree, node.child, level + 1, child_low, child_high);
  }
  return rc;
}

/* Recursion: as deep as MW_TREE_DEPTH_MAX, since each level has to be nearer to the end. */
/* NOLINTNEXTLINE(misc-no-recursion) */
static int check_page(struct mw_tree *tree, uint64_t number, unsigned level, struct key low,
                      struct key high)
{
  struct page page = {.number = number};
  uint8_t *data = NULL;
  int rc = read_page(tree->file, number, level, &data);

  page.data = data;
  if (!data)
    return rc;
  if (rc == 0)
    rc = check_head(tree, &page, level);
  if (rc == 0)
    rc = check_cover(tree, &page);
  if (rc < 0)
    return rc;
  return page.is_leaf ? check_leaf(tree, &page, low, high)
                      : check_branch(tree, &page, level, low, high);
}

/* ---- The tree ---- */

static int check_counts(struct mw_tree *tree)
{
  const struct mw_mdb_database *said = &tree->database, *counted = &tree->counted;

  if (said->branch_pages != counted->branch_pages || said->leaf_pages != counted->leaf_pages ||
      said->overflow_pages != counted->overflow_pages || said->entries != counted->entries)
    return mw_tree_damaged(tree->file, "its %s are not as many as there should be", tree->what);
  return 0;
}

int mw_tree_check(struct mw_tree *tree)
{
  if (tree->database.root == MW_MDB_NO_PAGE) {
    if (tree->database.depth != 0)
      return mw_tree_damaged(tree->file, "its %s have no root", tree->what);
    return check_counts(tree);
  }
  if (tree->database.depth < 1 || tree->database.depth > MW_TREE_DEPTH_MAX)
    return mw_tree_damaged(tree->file, "the tree of its %s has an impossible depth", tree->what);
  int rc = check_page(tree, tree->database.root, 0, (struct key){0}, (struct key){0});
  return rc < 0 ? rc : check_counts(tree);
}

/* ---- Free pages ---- */

/* A count, then that many pages in descending order, and what LMDB had set aside for more. */
static int check_list(struct mw_tree_file *file, const uint8_t *list, size_t list_bytes)
{
  size_t count, page, above = SIZE_MAX;
  int rc = 0;

  memcpy(&count, list, sizeof count);
  if (count > list_bytes / sizeof count - 1)
    return mw_tree_damaged(file, "a list of free pages is longer than its record");
  for (size_t i = 1; rc == 0 && i <= count; i++) {
    memcpy(&page, list + i * sizeof page, sizeof page);
    if (page >= above)
      return mw_tree_damaged(file, "a list of free pages is not in its order");
    rc = claim(file, page);
    above = page;
  }
  return rc;
}

int mw_tree_check_free_pages(struct mw_tree *tree, const struct mw_tree_record *record)
{
  struct mw_tree_file *file = tree->file;
  MW_AUTO_FREE uint8_t *copy = NULL;

  if (record->flags == MW_MDB_SUB_DATABASE || record->value_bytes < sizeof(size_t) ||
      record->value_bytes % sizeof(size_t) != 0)
    return mw_tree_damaged(file, "a list of free pages is not one");
  if (record->value)
    return check_list(file, record->value, record->value_bytes);
  copy = malloc(record->value_bytes);
  if (!copy)
    return mw_error_set(file->err, ENOMEM, "out of memory for the free pages of %s", file->name);
  int rc = mw_lmdb_pread(file->fd, file->name, copy, record->value_bytes,
                         record->value_page * file->page_bytes + MW_MDB_PAGE_HEAD_BYTES, file->err);
  return rc < 0 ? rc : check_list(file, copy, record->value_bytes);
}
