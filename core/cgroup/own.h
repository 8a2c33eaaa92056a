/**
 * @file own.h
 * The container that this process runs in: the parts of the search.
 * Thread-safety: no state, but for the object that is searched, which is called without its mutex.
 */
#ifndef MW_CGROUP_OWN_H
#define MW_CGROUP_OWN_H

#include "base/parse.h"
#include "moonwatch/cgroup.h"

/**
 * The container whose files are mounted over those of this one, as runtimes do with
 * /etc/hostname, in the text of /proc/self/mountinfo.
 * @return false: none.
 */
bool mw_own_id_in_mountinfo(mw_cgroup_recognizer *const *recognizers, struct mw_slice text,
                            char id[static MW_CGROUP_ID_BYTES]);

/** Where this process learns of itself. */
struct mw_own_places {
  const char *self;   /**< "/proc/self" */
  const char *mounts; /**< its own cgroup mounts are at or below: "/sys" */
};

int mw_own_id_find(struct mw_cgroups *cgroups, const struct mw_own_places *places,
                   char id[static MW_CGROUP_ID_BYTES], struct mw_error *err);

#endif
