#include "allocations.h"

#include <stdbool.h>
#include <stddef.h>

/* Names that the linker knows: __wrap_f is called in place of f, which is __real_f from then on. */
void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *block, size_t bytes);
void *__real_reallocarray(void *block, size_t count, size_t bytes);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t max_bytes);
void *__real_mw_alloc_resize(void *ud, void *block, size_t old_bytes, size_t new_bytes);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *block, size_t bytes);
void *__wrap_reallocarray(void *block, size_t count, size_t bytes);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max_bytes);
void *__wrap_mw_alloc_resize(void *ud, void *block, size_t old_bytes, size_t new_bytes);

static struct bench_allocations counts;
static bool for_lua; /* the allocator of a Lua state is at work */

static void count(void)
{
  if (for_lua)
    counts.lua_total++;
  else
    counts.c_total++;
}

void *__wrap_malloc(size_t bytes)
{
  count();
  return __real_malloc(bytes);
}

void *__wrap_calloc(size_t number, size_t bytes)
{
  count();
  return __real_calloc(number, bytes);
}

void *__wrap_realloc(void *block, size_t bytes)
{
  count();
  return __real_realloc(block, bytes);
}

void *__wrap_reallocarray(void *block, size_t number, size_t bytes)
{
  count();
  return __real_reallocarray(block, number, bytes);
}

char *__wrap_strdup(const char *text)
{
  count();
  return __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t max_bytes)
{
  count();
  return __real_strndup(text, max_bytes);
}

void *__wrap_mw_alloc_resize(void *ud, void *block, size_t old_bytes, size_t new_bytes)
{
  for_lua = true;
  void *moved = __real_mw_alloc_resize(ud, block, old_bytes, new_bytes);
  for_lua = false;
  return moved;
}

struct bench_allocations bench_allocations_now(void)
{
  return counts;
}
