/**
 * @file record.h
 * Facts that are kept: immutable, in one allocation, counted by those who hold them.
 * Thread-safety: a record may be shared by all threads.
 */
#ifndef MW_RECORD_H
#define MW_RECORD_H

#include <stdatomic.h>

#include "inventory/facts.h"

struct mw_record;

/** A copy of canonical facts. @return NULL when out of memory. */
struct mw_record *mw_record_new(const struct mw_facts_schema *schema, const void *facts);

/** Count one more holder. @return @p record. */
struct mw_record *mw_record_share(struct mw_record *record);
void mw_record_release(struct mw_record *record); /**< accepts NULL */

/** A struct mw_container or a struct mw_pod; borrowed. */
const void *mw_record_facts(const struct mw_record *record);

/** The memory that it takes. */
size_t mw_record_bytes(const struct mw_record *record);

/** Sorted by id, without the same id twice; counted like a record. */
struct mw_record_list {
  atomic_uint references;
  size_t count;
  struct mw_record *records[];
};

/** Empty. @return NULL when out of memory. */
struct mw_record_list *mw_record_list_new(size_t capacity);
struct mw_record_list *mw_record_list_share(struct mw_record_list *list);
void mw_record_list_release(struct mw_record_list *list); /**< accepts NULL; with its records */

/** The record of that id, borrowed, or NULL; @p list may be NULL. */
struct mw_record *mw_record_list_find(const struct mw_record_list *list, const char *id);

#endif
