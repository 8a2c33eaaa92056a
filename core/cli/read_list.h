/** @file read_list.h  The files that were read, each once, in the order of their first reading. */
#ifndef MW_READ_LIST_H
#define MW_READ_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct mw_read_list {
  bool recording; /**< readings before it is set are not listed */
  struct mw_read_list_path *paths;
};

/** Pass it as on_read of a context, with the list as its data. */
void mw_read_list_add(void *list, const char *path);

/** Print one path a line. */
void mw_read_list_print(const struct mw_read_list *list);

void mw_read_list_deinit(struct mw_read_list *list);

#endif
