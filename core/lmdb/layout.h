/** @file layout.h  What LMDB 0.9 writes, in the byte order and the word size of the machine. */
#ifndef MW_LMDB_LAYOUT_H
#define MW_LMDB_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

#define MW_MDB_MAGIC 0xBEEFC0DEu
#define MW_MDB_DATA_VERSION 1u

#define MW_MDB_PAGE_MAX_BYTES 65536u
#define MW_MDB_PAGE_MIN_BYTES 512u
#define MW_MDB_KEY_MAX_BYTES 511u
#define MW_MDB_NO_PAGE SIZE_MAX
#define MW_MDB_INTEGER_KEYS 0x08u /* of the database of free pages */

/* mp_flags: any other bit never reaches the disk. */
#define MW_MDB_BRANCH 0x01u
#define MW_MDB_LEAF 0x02u
#define MW_MDB_OVERFLOW 0x04u
#define MW_MDB_META 0x08u

/* mn_flags of a leaf */
#define MW_MDB_BIG_DATA 0x01u
#define MW_MDB_SUB_DATABASE 0x02u

struct mw_mdb_page {
  size_t number;
  uint16_t unused;
  uint16_t flags;
  union {
    struct {
      uint16_t lower, upper; /* of the free space in the middle */
    };
    uint32_t pages; /* of an overflow: how many in a row */
  };
};
#define MW_MDB_PAGE_HEAD_BYTES sizeof(struct mw_mdb_page)

struct mw_mdb_node {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  uint16_t low, high;
#else
  uint16_t high, low;
#endif
  uint16_t flags;
  uint16_t key_bytes;
};
#define MW_MDB_NODE_HEAD_BYTES sizeof(struct mw_mdb_node)

struct mw_mdb_database {
  uint32_t page_bytes; /* of the first in a meta page; else unused */
  uint16_t flags;
  uint16_t depth;
  size_t branch_pages, leaf_pages, overflow_pages;
  size_t entries;
  size_t root;
};

enum { MW_MDB_FREE, MW_MDB_MAIN };

struct mw_mdb_meta {
  uint32_t magic;
  uint32_t version;
  void *address;
  size_t map_bytes;
  struct mw_mdb_database databases[2];
  size_t last_page;
  size_t transaction;
};

#endif
