/**
 * @file mounts.h
 * The hierarchies that a mount table names.
 * Source: proc_pid_mounts(5); cgroups(7) for the kernel's names of controllers.
 */
#ifndef MW_CGROUP_MOUNTS_H
#define MW_CGROUP_MOUNTS_H

#include <limits.h>
#include <stddef.h>

#include "base/parse.h"
#include "moonwatch/error.h"

#define MW_MOUNTS_MAX 64

struct mw_cgroup_mount {
  char name[64]; /**< last element of the path, cut at commas: "cpu"; "cgroupv2" for version 2 */
  char path[PATH_MAX];
};

struct mw_cgroup_mounts {
  size_t count;
  struct mw_cgroup_mount mounts[MW_MOUNTS_MAX];
};

/**
 * Find the cgroup mounts at or below @p prefix ("" is everywhere) in the mount table @p text.
 * Of several mounts of one name the shortest path counts, of several of version 2 the last.
 * More than MW_MOUNTS_MAX names, or paths over PATH_MAX, are left out.
 */
void mw_cgroup_mounts_parse(struct mw_slice text, const char *prefix, struct mw_cgroup_mounts *out);

/** @return NULL when there is none of that name. */
const char *mw_cgroup_mounts_find(const struct mw_cgroup_mounts *mounts, const char *name);

#endif
