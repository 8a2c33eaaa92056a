#include "base/place.h"

#include <stdatomic.h>

uint64_t mw_place_new_version(void)
{
  static atomic_uint_fast64_t last;

  return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}
