/**
 * @file outlet.h
 * Writing to descriptors that others read, or do not: pipes, terminals, sockets, files. poll(2)
 * calls a terminal writable that has room for one byte, and another thread may fill a pipe between
 * poll(2) and write(2); what is here does not wait for either.
 * Thread-safety: none is needed.
 */
#ifndef MW_OUTLET_H
#define MW_OUTLET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "moonwatch/error.h"

/**
 * A descriptor of its own for the pipe or terminal that @p fd is: one that never blocks, while
 * others who share @p fd keep theirs as it is.
 * @return what to close, or -1: there is no need, or no right to open it; use @p fd.
 */
int mw_outlet_open(int fd);

/**
 * Write the beginning of @p data: at most what a pipe with room takes at once; to a file, all.
 * @param deadline_ns of the monotonic clock; when it has passed what can be written at once is.
 * @return how much, or -errno: -ETIMEDOUT: nobody takes it; -EPIPE: nobody ever will.
 */
ssize_t mw_outlet_write(int fd, const void *data, size_t len_bytes, int64_t deadline_ns,
                        struct mw_error *err);

#endif
