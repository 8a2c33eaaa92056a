/**
 * @file sort.h
 * qsort that can be stopped.
 * Thread-safety: none needed; all state is in the arguments.
 */
#ifndef MW_SORT_H
#define MW_SORT_H

#include <signal.h>
#include <stddef.h>

/**
 * Sort @p count items of @p item_bytes each as @p compare says, as qsort(3) does.
 * @p stop: looked at every few thousand comparisons; a flag that a signal sets ends the sorting.
 * @return 0; -ECANCELED: *stop was set, and the items are in no order; -ENOMEM: for more than some
 * thousands of items room for as many again is needed.
 */
int mw_sort(void *items, size_t count, size_t item_bytes,
            int (*compare)(const void *, const void *), const volatile sig_atomic_t *stop);

#endif
