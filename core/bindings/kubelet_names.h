/**
 * @file kubelet_names.h
 * Which container a kubelet means by a pod's uid and a name: as the inventory says, at one moment.
 * Thread-safety: a lookup belongs to one thread; the inventory may be in use by others.
 */
#ifndef MW_KUBELET_NAMES_H
#define MW_KUBELET_NAMES_H

#include "inventory/inventory.h"
#include "moonwatch/stats.h"

/**
 * Of several containers of one name in a pod the one that runs is meant, else the one that was
 * started last. @p inventory is a struct mw_inventory. @return 0 or -ENOMEM.
 */
int mw_kubelet_names_look(void *inventory, struct mw_kubelet_lookup *out, struct mw_error *err);

void mw_kubelet_names_end(void *inventory, struct mw_kubelet_lookup *lookup);

#endif
