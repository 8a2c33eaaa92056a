/**
 * @file failing_state.h
 * A Lua state whose allocator fails from the n-th allocation on, for a test that tries every n:
 * what is acquired in a binding must be given back whatever is raised.
 */
#ifndef FAILING_STATE_H
#define FAILING_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdlib.h>

struct failing_state {
  lua_State *L;
  long left; /* allocations until they fail; negative: they never do */
};

static inline void *failing_state_alloc(void *data, void *old, size_t old_bytes, size_t new_bytes)
{
  struct failing_state *state = data;

  if (new_bytes == 0) {
    free(old);
    return NULL;
  }
  /* what gets smaller must not fail: Lua counts on it */
  if (new_bytes > old_bytes && state->left >= 0 && state->left-- <= 0) {
    state->left = 0;
    return NULL;
  }
  return realloc(old, new_bytes);
}

static inline bool failing_state_open(struct failing_state *state)
{
  state->left = -1;
  state->L = lua_newstate(failing_state_alloc, state);
  if (state->L)
    luaL_openlibs(state->L);
  return state->L;
}

/** Call what is on the stack with memory for @p allocations only. @return as lua_pcall. */
static inline int failing_state_call(struct failing_state *state, int args, int results,
                                     long allocations)
{
  state->left = allocations;
  int rc = lua_pcall(state->L, args, results, 0);
  state->left = -1;
  return rc;
}

#endif
