/**
 * @file documents.h
 * What a kubelet of some pods would answer, made up: the members, sizes and orders of a real one's
 * answers, with two containers and three volumes to a pod, compact.
 * Thread-safety: no state.
 */
#ifndef BENCH_DOCUMENTS_H
#define BENCH_DOCUMENTS_H

#include "base/buf.h"

enum bench_document { BENCH_SUMMARY, BENCH_PODS, BENCH_DOCUMENT_COUNT };

#define BENCH_CONTAINERS_OF_POD 2

/** Append the document of @p pods pods to @p out. @return 0 or -errno. */
int bench_document_write(enum bench_document document, size_t pods, struct mw_buf *out,
                         struct mw_error *err);

#endif
