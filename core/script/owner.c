#include "script/owner.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t mw_thread_mark(void)
{
  static atomic_uint_fast64_t marks_total;
  static _Thread_local uint64_t mark;

  if (mark == 0)
    mark = atomic_fetch_add(&marks_total, 1) + 1;
  return mark;
}

#ifndef MW_CHECK_THREADS

void mw_owner_take(struct mw_owner *owner)
{
  (void)owner;
}

void mw_owner_check(const struct mw_owner *owner, const char *module, const char *function)
{
  (void)owner;
  (void)module;
  (void)function;
}

void mw_owner_register(lua_State *L, struct mw_owner *owner)
{
  (void)L;
  (void)owner;
}

void mw_push_binding(lua_State *L, const char *module, const char *name, lua_CFunction function,
                     int upvalues_count)
{
  (void)module;
  (void)name;
  lua_pushcclosure(L, function, upvalues_count);
}

#else

void mw_owner_take(struct mw_owner *owner)
{
  *owner = (struct mw_owner){.thread_mark = mw_thread_mark(), .thread_id = gettid()};
  pthread_getname_np(pthread_self(), owner->thread_name, sizeof owner->thread_name);
}

void mw_owner_check(const struct mw_owner *owner, const char *module, const char *function)
{
  struct mw_owner caller;

  if (owner->thread_mark == mw_thread_mark())
    return;
  mw_owner_take(&caller);
  fprintf(stderr,
          "moonwatch: %s%s%s was called by thread %d (%s), but its Lua state belongs to thread %d "
          "(%s): a state is handed over by mw_script_own\n",
          module ? module : "", module ? "." : "", function, (int)caller.thread_id,
          caller.thread_name, (int)owner->thread_id, owner->thread_name);
  abort();
}

static const char owner_key; /* its address is the key in the registry */

static void push_owner_key(lua_State *L)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&owner_key);
}

void mw_owner_register(lua_State *L, struct mw_owner *owner)
{
  push_owner_key(L);
  lua_pushlightuserdata(L, owner);
  lua_rawset(L, LUA_REGISTRYINDEX);
}

/* The registered owner; a state that has none, as in plain luajit, belongs to who asks first. */
static const struct mw_owner *owner_of(lua_State *L)
{
  push_owner_key(L);
  lua_rawget(L, LUA_REGISTRYINDEX);
  struct mw_owner *owner = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (owner)
    return owner;
  push_owner_key(L);
  owner = lua_newuserdata(L, sizeof *owner);
  mw_owner_take(owner);
  lua_rawset(L, LUA_REGISTRYINDEX);
  return owner;
}

struct binding {
  lua_CFunction function;
  const char *module, *name;
  const struct mw_owner *owner; /* lives as long as the state */
};

/* Behind the upvalues of the function itself, which finds them where it would without the check. */
#define BINDING_UPVALUE (MW_BINDING_UPVALUES_MAX + 1)

static int call_checked(lua_State *L)
{
  const struct binding *binding = lua_touserdata(L, lua_upvalueindex(BINDING_UPVALUE));

  mw_owner_check(binding->owner, binding->module, binding->name);
  return binding->function(L);
}

void mw_push_binding(lua_State *L, const char *module, const char *name, lua_CFunction function,
                     int upvalues_count)
{
  for (; upvalues_count < MW_BINDING_UPVALUES_MAX; upvalues_count++)
    lua_pushnil(L);
  const struct mw_owner *owner = owner_of(L);
  struct binding *binding = lua_newuserdata(L, sizeof *binding);
  *binding = (struct binding){function, module, name, owner};
  lua_pushcclosure(L, call_checked, BINDING_UPVALUE);
}

#endif
