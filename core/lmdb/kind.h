/** @file kind.h  What an LMDB file of ours is for, and what is in there. */
#ifndef MW_LMDB_KIND_H
#define MW_LMDB_KIND_H

#define MW_LMDB_DATABASES_MAX 4

struct mw_lmdb_kind {
  const char *what;        /**< "store", for messages */
  const char *look_with;   /**< the command that looks at it while another process writes */
  const char *name_prefix; /**< of all databases, of every version: "moonwatch-store-" */
  /** Whole names of this version's; what else has the prefix is of a newer one. Ends with NULL. */
  const char *databases[MW_LMDB_DATABASES_MAX + 1];
};

#endif
