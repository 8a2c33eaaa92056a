/**
 * @file identify.h
 * The lines of /proc/PID/cgroup, "4:cpu,cpuacct:/docker/abc".
 * Source: cgroups(7).
 * Thread-safety: no state.
 */
#ifndef MW_CGROUP_IDENTIFY_H
#define MW_CGROUP_IDENTIFY_H

#include "base/parse.h"
#include "moonwatch/cgroup.h"

struct mw_cgroup_line {
  struct mw_slice controllers; /**< "cpu,cpuacct"; empty: version 2 */
  struct mw_slice path;        /**< may have colons, and start with "/.." in another namespace */
};

/** Cut the next line off @p text; those that are none are left out. @return false: none is left. */
bool mw_cgroup_line_next(struct mw_slice *text, struct mw_cgroup_line *out);

/** Is @p controller among those of the line? "" is version 2. */
bool mw_cgroup_line_names(const struct mw_cgroup_line *line, const char *controller);

/** The container that @p path names, its elements taken from right to left. */
bool mw_cgroup_identify_path(mw_cgroup_recognizer *const *recognizers, struct mw_slice path,
                             struct mw_cgroup_container *out);

#endif
