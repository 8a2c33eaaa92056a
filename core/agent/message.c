#include "agent/message.h"

void mw_group_ids_init(struct mw_group_ids *ids, int32_t first)
{
  atomic_init(&ids->last, (uint32_t)first - 1);
}

int32_t mw_group_ids_next(struct mw_group_ids *ids)
{
  return (int32_t)(atomic_fetch_add_explicit(&ids->last, 1, memory_order_relaxed) + 1);
}
