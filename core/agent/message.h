/** @file message.h  What a check gives out, and the numbers that tie messages of one run together.
 */
#ifndef MW_MESSAGE_H
#define MW_MESSAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "moonwatch/error.h"
#include "moonwatch/queue.h"

#define MW_MESSAGE_SCHEMA 1

/**
 * Where messages go. What @p message points to is valid during the call.
 * @return 0, or -errno with @p err filled: the script's emit then fails with it.
 */
typedef int mw_message_emit(void *data, const struct mw_message *message, struct mw_error *err);

/** One counter for all checks of a process: the messages of one run share a number. */
struct mw_group_ids {
  _Atomic uint32_t last;
};

/** The first number given out is @p first. */
void mw_group_ids_init(struct mw_group_ids *ids, int32_t first);

/** The next number; after 2^31 - 1 comes -2^31. */
int32_t mw_group_ids_next(struct mw_group_ids *ids);

#endif
