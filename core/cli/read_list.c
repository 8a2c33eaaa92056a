#include "cli/read_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

struct mw_read_list_path {
  UT_hash_handle hh;
  char text[];
};

void mw_read_list_add(void *data, const char *path)
{
  struct mw_read_list *list = data;
  struct mw_read_list_path *known;
  size_t path_bytes = strlen(path);

  if (!list->recording)
    return;
  HASH_FIND(hh, list->paths, path, path_bytes, known);
  if (known)
    return;
  struct mw_read_list_path *added = malloc(sizeof *added + path_bytes + 1);
  if (!added)
    return;
  memcpy(added->text, path, path_bytes + 1);
  HASH_ADD_KEYPTR(hh, list->paths, added->text, path_bytes, added);
  if (!added->hh.tbl)
    free(added);
}

void mw_read_list_print(const struct mw_read_list *list)
{
  for (const struct mw_read_list_path *path = list->paths; path; path = path->hh.next)
    puts(path->text);
}

void mw_read_list_deinit(struct mw_read_list *list)
{
  struct mw_read_list_path *path, *next;

  HASH_ITER(hh, list->paths, path, next)
  {
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): loses track of what is in the table */
    HASH_DEL(list->paths, path);
    free(path);
  }
}
