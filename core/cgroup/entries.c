/*
 * The containers that are known, by id: each at one place, the best of those where it was seen.
 */
#include <stdlib.h>
#include <string.h>

#include "cgroup/internal.h"

struct mw_cgroup_entry *mw_entry_find(struct mw_cgroups *cgroups, const char *id)
{
  struct mw_cgroup_entry *entry;

  HASH_FIND_STR(cgroups->entries, id, entry);
  return entry;
}

void mw_entry_unlink(struct mw_cgroup_entry *entry)
{
  if (entry->directory)
    entry->directory->entry = NULL;
  entry->directory = NULL;
}

void mw_entry_free(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry)
{
  mw_entry_unlink(entry);
  mw_reader_forget(cgroups, entry);
  mw_cgroup_sample_deinit(&entry->limits);
  free(entry->path);
  free(entry);
  cgroups->entries_version = mw_place_new_version();
}

void mw_entry_remove(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry)
{
  /* the other directory of the same id, if there is one, takes over */
  cgroups->walk_due |= cgroups->has_duplicates || entry->is_elsewhere;
  HASH_DEL(cgroups->entries, entry);
  mw_entry_free(cgroups, entry);
  cgroups->generation++;
}

void mw_entry_drop(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry)
{
  cgroups->walk_due = true;
  mw_entry_remove(cgroups, entry);
}

static struct mw_cgroup_entry *entry_add(struct mw_cgroups *cgroups,
                                         const struct mw_cgroup_container *found)
{
  struct mw_cgroup_entry *entry = calloc(1, sizeof *entry);

  if (!entry)
    return NULL;
  entry->found = *found;
  for (size_t i = 0; i < MW_PLAN_MAX; i++)
    entry->fds[i] = -1;
  HASH_ADD_STR(cgroups->entries, found.id, entry);
  if (!entry->hh.tbl) {
    free(entry);
    return NULL;
  }
  return entry;
}

/* Of two directories with one id the upper one counts, then the one that sorts first. */
static bool is_better_path(const char *path, const char *other)
{
  size_t path_bytes = strlen(path), other_bytes = strlen(other);
  return path_bytes != other_bytes ? path_bytes < other_bytes : strcmp(path, other) < 0;
}

static bool entry_place(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry,
                        uint8_t hierarchy, const char *path, uint64_t inode,
                        const struct mw_cgroup_container *found)
{
  char *copy = strdup(path);

  if (!copy)
    return false;
  mw_entry_unlink(entry);
  mw_reader_forget(cgroups, entry);
  free(entry->path);
  entry->found = *found; /* another path may name another runtime */
  entry->path = copy;
  entry->found.path = copy;
  entry->found.inode = inode;
  entry->hierarchy = hierarchy;
  cgroups->generation++;
  return true;
}

/* Does a container that this walk saw at the entry's place stay there, though it is here too? Of
 * two hierarchies the first that is walked names it, whichever is seen first. */
static bool keeps_place(struct mw_cgroups *cgroups, struct mw_cgroup_entry *entry,
                        uint8_t hierarchy, const char *path)
{
  if (entry->hierarchy != hierarchy) {
    entry->is_elsewhere = true;
    return entry->hierarchy < hierarchy;
  }
  if (strcmp(entry->path, path) == 0)
    return false;
  cgroups->has_duplicates = true;
  return !is_better_path(path, entry->path);
}

void mw_entry_see(struct mw_cgroups *cgroups, uint8_t hierarchy, const char *path, uint64_t inode,
                  const struct mw_cgroup_container *found)
{
  struct mw_cgroup_entry *entry = mw_entry_find(cgroups, found->id);

  if (!entry && !(entry = entry_add(cgroups, found))) {
    cgroups->walk_due = true; /* out of memory: found by the next walk */
    return;
  }
  if (entry->path && entry->walk == cgroups->walk && keeps_place(cgroups, entry, hierarchy, path))
    return;
  if (entry->walk != cgroups->walk)
    entry->is_elsewhere = false;
  entry->walk = cgroups->walk;
  if (entry->path && entry->hierarchy == hierarchy && strcmp(entry->path, path) == 0 &&
      entry->found.inode == inode)
    return;
  if (!entry_place(cgroups, entry, hierarchy, path, inode, found)) {
    mw_entry_remove(cgroups, entry);
    cgroups->walk_due = true;
  }
}
