/** @file store_print.h  Records of the store for people, for JSON, and as they are. */
#ifndef MW_STORE_PRINT_H
#define MW_STORE_PRINT_H

#include "cli/cli.h"
#include "moonwatch/store.h"

/** What a record's key stands for: the key of a script. */
struct mw_store_name {
  struct mw_store_bytes script; /**< empty: of no script */
  struct mw_store_bytes key;
};

struct mw_store_name mw_store_name_of(struct mw_store_bytes whole_key);

/** On one line: printable text as it is, "\\", "\n", "\t" and "\xNN" for the rest. At most
 *  @p bytes_max of it, then "..."; 0: all. */
void mw_store_print_escaped(struct mw_store_bytes bytes, size_t bytes_max);

/** One JSON object on a line; what is not UTF-8 is in "keyBase64" or "valueBase64" instead. */
int mw_store_print_json(const struct mw_store_name *name, struct mw_store_bytes value,
                        struct mw_error *err);

#endif
