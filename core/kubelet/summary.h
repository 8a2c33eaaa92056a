/**
 * @file summary.h
 * The tables of the summary, for its reader and for tests. What is promised is in
 * moonwatch/kubelet_summary.h. Thread-safety: constant.
 */
#ifndef MW_KUBELET_SUMMARY_TABLES_H
#define MW_KUBELET_SUMMARY_TABLES_H

#include "kubelet/decoder.h"
#include "moonwatch/kubelet_summary.h"

/** Of a struct mw_kubelet_summary. */
extern const struct mw_shape mw_kubelet_summary_shape;

#endif
