/**
 * @file allocations.h
 * Counts what the agent's own C code takes from the heap, and what Lua takes, apart.
 *
 * The linker replaces the calls (-Wl,--wrap) in the static libraries of the agent; what a shared
 * library takes by itself is not seen.
 * Thread-safety: none; a benchmark has one thread.
 */
#ifndef BENCH_ALLOCATIONS_H
#define BENCH_ALLOCATIONS_H

#include <stdint.h>

struct bench_allocations {
  uint64_t c_total;
  uint64_t lua_total;
};

/** Since the program started. */
struct bench_allocations bench_allocations_now(void);

#endif
