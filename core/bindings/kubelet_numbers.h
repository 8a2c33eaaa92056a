/**
 * @file kubelet_numbers.h
 * The kubelet's numbers for the statistics of a host: a client of their own, since the one that
 * scripts share may be waited for, and the names that the inventory knows.
 * Thread-safety: as a struct mw_stats_collector.
 */
#ifndef MW_KUBELET_NUMBERS_H
#define MW_KUBELET_NUMBERS_H

#include "bindings/kubelet_access.h"
#include "inventory/inventory.h"
#include "moonwatch/stats.h"

struct mw_kubelet_numbers;

struct mw_kubelet_numbers_config {
  struct mw_kubelet_access *access; /* all borrowed, and outliving the numbers */
  struct mw_inventory *inventory;
  const struct mw_clock *clock; /* NULL: the system's */
  bool without_thread;          /* as in struct mw_stats_kubelet_config */
};

/** @return NULL with -ENOMEM in @p err. What is wrong with the configuration is told when numbers
 * are asked for. */
struct mw_kubelet_numbers *mw_kubelet_numbers_new(const struct mw_kubelet_numbers_config *config,
                                                  struct mw_error *err);
void mw_kubelet_numbers_free(struct mw_kubelet_numbers *numbers); /**< accepts NULL */

/** As mw_stats_kubelet_collector. */
struct mw_stats_collector mw_kubelet_numbers_collector(struct mw_kubelet_numbers *numbers);

#endif
