/**
 * @file parsers.h
 * The parsers that are held against each other, on the same bytes: ours, which makes structs; bare
 * yajl, whose callbacks do nothing; lua-cjson, which makes tables.
 *
 * The two that stream get pieces as they come from a socket. Thread-safety: none.
 */
#ifndef BENCH_PARSERS_H
#define BENCH_PARSERS_H

#include "base/parse.h"
#include "documents.h"

enum bench_parser { BENCH_YAJL, BENCH_OURS, BENCH_CJSON, BENCH_PARSER_COUNT };

struct bench_parsers;

/** @return NULL with -ENOMEM, or -ENOENT when lua-cjson is not installed, in @p err. */
struct bench_parsers *bench_parsers_new(struct mw_error *err);
void bench_parsers_free(struct bench_parsers *parsers); /**< accepts NULL */

/**
 * Parse @p text and throw the result away.
 * @param result_bytes what our result took; 0 for the others. May be NULL.
 * @return 0, or -errno; -EPROTO when not all of @p pods pods were found.
 */
int bench_parse(struct bench_parsers *parsers, enum bench_parser parser,
                enum bench_document document, size_t pods, struct mw_slice text,
                size_t *result_bytes, struct mw_error *err);

#endif
