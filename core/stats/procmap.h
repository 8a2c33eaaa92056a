/**
 * @file procmap.h
 * The processes of all containers at once, from /proc/PID/cgroup of every process: for where
 * cgroup.procs does not tell.
 * Thread-safety: a map may be shared by all threads; who comes during a walk waits for its end.
 */
#ifndef MW_STATS_PROCMAP_H
#define MW_STATS_PROCMAP_H

#include "moonwatch/stats.h"

struct mw_procmap;

/** What a map needs is borrowed and outlives it; nothing is walked yet. NULL: out of memory. */
struct mw_procmap *mw_procmap_new(struct mw_proc *proc, const struct mw_clock *clock,
                                  mw_cgroup_recognizer *const *recognizers, struct mw_error *err);
void mw_procmap_free(struct mw_procmap *map); /**< accepts NULL */

/**
 * The processes of container @p id, ascending, by a walk that is at most @p max_age_ms old (0 or
 * less: a new one), and when that was. A walk that fails leaves the last one to answer.
 * @return 0; -ENOENT: no process is in it; -ENOMEM; -errno of the first walk.
 */
int mw_procmap_find(struct mw_procmap *map, const char *id, int64_t max_age_ms, struct mw_pids *out,
                    int64_t *read_ns, struct mw_error *err);

/** Forget a walk that is older than @p max_age_ms. */
void mw_procmap_sweep(struct mw_procmap *map, int64_t max_age_ms);

#endif
