/** @file sample.h  A reading while it is put together. */
#ifndef MW_CGROUP_SAMPLE_H
#define MW_CGROUP_SAMPLE_H

#include "moonwatch/cgroup.h"

/** Make @p sample empty; its memory stays. */
void mw_sample_clear(struct mw_cgroup_sample *sample);

#define MW_IO_DEVICES_MAX 4096 /* of one container */

/** The device of this number, added (sorted, without figures) when it is new; NULL: no room. */
struct mw_io_device *mw_sample_device(struct mw_cgroup_sample *sample, uint32_t major,
                                      uint32_t minor);

/** Add the figures and devices of @p from to @p to. @return 0 or -ENOMEM. */
int mw_sample_merge(struct mw_cgroup_sample *to, const struct mw_cgroup_sample *from);

/** Work out what is made of other figures, where all of its parts are there: the working set, and
 *  the kernel's memory of version 2. */
void mw_sample_derive_memory(struct mw_figures *figures);

#endif
