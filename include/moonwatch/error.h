/**
 * @file error.h
 * Why something failed: a code for programs, one line of text for people.
 *
 * A function that can fail returns 0 or a negative errno value and takes a struct mw_error
 * last, which may be NULL. On success the error is untouched; on failure outputs are.
 * The text lives inside the struct, so an error needs no freeing and is never leaked when a
 * Lua error jumps over the C frame that holds it.
 * Thread-safety: no state; every function may be called from any thread.
 */
#ifndef MW_ERROR_H
#define MW_ERROR_H

#include "moonwatch/export.h"

/** Room for a sentence around a cgroup path of PATH_MAX bytes. */
#define MW_ERROR_TEXT_BYTES 4608

struct mw_error {
  int code;                       /**< An errno value; meaningful only after a failure. */
  char text[MW_ERROR_TEXT_BYTES]; /**< "cannot open /proc/stat: No such file or directory" */
};

/**
 * Fill @p err (may be NULL) and return -code: `return mw_error_set(err, EINVAL, ...)`.
 * Bytes that are not printable text are the caller's to quote; see base/text.h.
 */
MW_API int mw_error_set(struct mw_error *err, int code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Put @p fmt and ": " in front of the text that @p err (may be NULL) already has. */
MW_API void mw_error_prefix(struct mw_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
