/**
 * @file failing_malloc.h
 * An allocator that fails once, at the n-th allocation, for a test that tries every n.
 *
 * Include it in the test's only file, and link with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=strdup
 * Thread-safety: none.
 */
#ifndef FAILING_MALLOC_H
#define FAILING_MALLOC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
char *__wrap_strdup(const char *text);

static atomic_long allocations_total;  /* since it was set to 0 */
static atomic_long failing_allocation; /* which one fails; 0: none */

/* realloc never fails: states of Lua take their memory by it, and lua_newstate would crash. */
static bool realloc_is_spared;

static inline bool allocation_fails(void)
{
  return ++allocations_total == failing_allocation;
}

void *__wrap_malloc(size_t size)
{
  return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
  return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
  return !realloc_is_spared && allocation_fails() ? NULL : __real_realloc(old, size);
}

/* These two of the C library would call its own malloc, past the wrapper. */

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
  return allocation_fails() ? NULL : __real_realloc(old, count * size);
}

char *__wrap_strdup(const char *text)
{
  char *copy = allocation_fails() ? NULL : __real_malloc(strlen(text) + 1);
  return copy ? strcpy(copy, text) : NULL;
}

#endif
