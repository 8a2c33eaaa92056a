/**
 * @file container_table.h
 * Messages of one run as tables for eyes: containers sorted by CPU, human units, "-" for what is
 * absent; columns that do not fit the terminal are left out, the least important first.
 */
#ifndef MW_CONTAINER_TABLE_H
#define MW_CONTAINER_TABLE_H

#include "agent/message.h"

struct mw_container_table;

struct mw_container_table *mw_container_table_new(struct mw_error *err);
void mw_container_table_free(struct mw_container_table *table); /**< accepts NULL */

/**
 * Take in a message. Containers in its "stats" become rows; a message without that list is kept as
 * a line of text. @return 0, or -errno: -EBADMSG is a body that is not JSON.
 */
int mw_container_table_add(struct mw_container_table *table, const struct mw_message *message,
                           struct mw_error *err);

/** Print what was taken in to standard output, for a terminal of @p columns (0: any width). */
void mw_container_table_print(struct mw_container_table *table, const char *title,
                              unsigned columns);

/** Make it empty for the next run. */
void mw_container_table_clear(struct mw_container_table *table);

#endif
