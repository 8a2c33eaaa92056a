/** @file lua_facts.h  Containers and pods as tables of Lua: scripts/meta/inventory.lua has both. */
#ifndef MW_LUA_FACTS_H
#define MW_LUA_FACTS_H

#include <lua.h>
#include <signal.h>

#include "inventory/facts.h"

/** Push a table of what is known, with room for @p more_count fields besides. */
void mw_lua_push_facts(lua_State *L, const struct mw_facts_schema *schema, const void *facts,
                       int more_count);

/** Reads tables of one schema; lives while its keys are on the stack. */
struct mw_lua_facts_reader {
  const struct mw_facts_schema *schema;
  int first_key; /**< on the stack */
  struct mw_scratch *scratch;
  const volatile sig_atomic_t *stop; /**< set when the deadline of the script has passed */
  struct mw_error *err;
};

/**
 * Push the keys that @p reader needs, which the caller pops; raises only when Lua is out of memory.
 * @p scratch is where arrays go.
 */
void mw_lua_facts_reader_init(lua_State *L, struct mw_lua_facts_reader *reader,
                              const struct mw_facts_schema *schema, struct mw_scratch *scratch,
                              struct mw_error *err);

/**
 * Fill @p facts from the value on top of the stack, the @p number-th in its list. Texts are Lua's,
 * borrowed from the table. Never raises: nothing in here allocates in Lua, so no collection starts
 * and no finalizer of a script runs.
 * @return 0; -EINVAL: "container 2: labels is not a table"; -ENOMEM; -ETIME: the deadline of the
 * script has passed.
 */
int mw_lua_facts_read(lua_State *L, const struct mw_lua_facts_reader *reader, size_t number,
                      void *facts);

#endif
