/**
 * @file buf.h
 * A growing string of bytes that is born with a ceiling, so that hostile input cannot exhaust
 * memory.
 *
 * Always holds: len_bytes <= capacity_bytes <= max_bytes + 1, and data[len_bytes] is '\0' once
 * anything was reserved. A buffer that is cleared keeps its memory for the next use.
 * Thread-safety: none; a buffer belongs to one thread at a time.
 */
#ifndef MW_BUF_H
#define MW_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "moonwatch/error.h"

struct mw_buf {
  char *data; /**< NULL until something was reserved */
  size_t len_bytes;
  size_t capacity_bytes;
  size_t max_bytes;
};

/* Life cycle */
void mw_buf_init(struct mw_buf *buf, size_t max_bytes);
void mw_buf_deinit(struct mw_buf *buf); /**< accepts a zeroed buffer; usable again after init */
void mw_buf_clear(struct mw_buf *buf);

/* Content. All return 0, -EMSGSIZE past the ceiling, or -ENOMEM; the content is then unchanged. */

/** Make room for @p extra_bytes behind the content (and a '\0'). */
int mw_buf_reserve(struct mw_buf *buf, size_t extra_bytes, struct mw_error *err);
int mw_buf_append(struct mw_buf *buf, const void *bytes, size_t len_bytes, struct mw_error *err);
int mw_buf_append_text(struct mw_buf *buf, const char *text, struct mw_error *err);
int mw_buf_printf(struct mw_buf *buf, struct mw_error *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define MW_AUTO_BUF __attribute__((cleanup(mw_buf_deinit))) struct mw_buf

#endif
