/**
 * @file sample.h
 * The making of a struct mw_network_sample.
 * Thread-safety: none; a sample belongs to one thread at a time.
 */
#ifndef MW_PROC_SAMPLE_H
#define MW_PROC_SAMPLE_H

#include "moonwatch/proc.h"

/** Without interfaces and figures; keeps its memory and all else. */
void mw_network_sample_clear(struct mw_network_sample *sample);

/** @return 0, -ENOMEM, or -E2BIG past MW_NETWORK_INTERFACES_MAX. */
int mw_network_sample_add(struct mw_network_sample *sample,
                          const struct mw_network_interface *interface, struct mw_error *err);

/** Sort the interfaces, each name once, and make the sums. */
void mw_network_sample_sum(struct mw_network_sample *sample);

#endif
