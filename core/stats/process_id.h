/**
 * @file process_id.h
 * Which container a process is in, by its /proc/PID/cgroup.
 * Thread-safety: no state.
 */
#ifndef MW_STATS_PROCESS_ID_H
#define MW_STATS_PROCESS_ID_H

#include "moonwatch/stats.h"

/**
 * @p text is room to work in.
 * @return 0; -ENOENT: there is no such process, or it is in no container; what reading gave.
 */
int mw_process_id_read(struct mw_proc *proc, mw_cgroup_recognizer *const *recognizers, int32_t pid,
                       char text[static MW_PROC_CGROUP_TEXT_BYTES],
                       char id[static MW_CGROUP_ID_BYTES], struct mw_error *err);

#endif
