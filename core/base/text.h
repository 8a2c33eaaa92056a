/**
 * @file text.h
 * Bytes from outside, made fit for people and for JSON: always valid UTF-8, never a control
 * character, however wrong the input is.
 * Source: RFC 3629 (UTF-8), RFC 8259 section 7 (strings).
 * Thread-safety: no state.
 */
#ifndef MW_TEXT_H
#define MW_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/parse.h"

/**
 * Length in bytes of the valid UTF-8 sequence at the start of @p text (1 to 4), or 0 when there
 * is none: a stray or cut sequence, an overlong form, a surrogate, a code point over U+10FFFF.
 */
size_t mw_utf8_sequence_bytes(struct mw_slice text);

/** Is all of @p text such sequences? */
bool mw_utf8_is_valid(struct mw_slice text);

/**
 * Append @p text as a JSON string in quotes. What is not UTF-8 becomes U+FFFD, a byte at a time.
 * @return 0, -EMSGSIZE or -ENOMEM; the buffer may then hold a part of the string.
 */
int mw_text_append_json(struct mw_buf *buf, struct mw_slice text, struct mw_error *err);

/** Room for a quoted excerpt of MW_TEXT_EXCERPT_BYTES bytes of input. */
#define MW_TEXT_EXCERPT_BYTES 48
#define MW_TEXT_QUOTED_BYTES (MW_TEXT_EXCERPT_BYTES * 4 + 8)

/**
 * Quote @p text for a message: in double quotes, unprintable bytes as \\xNN, at most
 * MW_TEXT_EXCERPT_BYTES bytes of it and then "...". @return @p out.
 */
const char *mw_text_quote(struct mw_slice text, char out[static MW_TEXT_QUOTED_BYTES]);

#endif
