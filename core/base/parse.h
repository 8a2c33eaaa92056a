/**
 * @file parse.h
 * Numbers from text that need not end with '\0': whole, in range, or refused.
 * Thread-safety: no state.
 */
#ifndef MW_PARSE_H
#define MW_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "moonwatch/slice.h"

/** All of @p text as a decimal number of digits only; false (and @p out untouched) otherwise. */
bool mw_parse_u64(struct mw_slice text, uint64_t *out);

/** As mw_parse_u64, with an optional leading '-'. */
bool mw_parse_i64(struct mw_slice text, int64_t *out);

/**
 * Cut the next line off @p rest, without its LF or CR LF.
 * @return false when nothing is left.
 */
bool mw_slice_next_line(struct mw_slice *rest, struct mw_slice *line);

/** Cut the next word (no blanks or tabs) off @p rest; false when none is left. */
bool mw_slice_next_word(struct mw_slice *rest, struct mw_slice *word);

bool mw_slice_equal(struct mw_slice slice, const char *text);

#endif
