/**
 * @file internal.h
 * What the parts of core/script share; nobody else includes it.
 */
#ifndef MW_SCRIPT_INTERNAL_H
#define MW_SCRIPT_INTERNAL_H

#include <lauxlib.h>
#include <lua.h>

#include "base/buf.h"
#include "script/alloc.h"
#include "script/deadline.h"
#include "script/owner.h"
#include "script/script.h"

struct mw_script {
  struct mw_alloc alloc; /**< first: Lua hands its address back, see mw_script_of */
  struct mw_deadline deadline;
  lua_State *L;
  struct mw_owner owner;
  char *name;
  const struct mw_script_module *modules;
  const char *const *module_dirs;
  bool trusted_only;
  const char *stack_base; /**< a place in the frame of mw_script_call; NULL: no call is going on */
  size_t collect_above_bytes; /**< what a call leaves beyond this is collected, see script.c */
  struct mw_buf source;       /**< of the file being loaded: here a Lua error cannot leak it */
  struct mw_buf files;        /**< paths, each ends with a '\0' */
  size_t files_count;
};

/** Remember a file that was read or looked for. */
void mw_script_note_file(struct mw_script *script, const char *path);

/** The script that @p L (the state or one of its coroutines) belongs to. */
static inline struct mw_script *mw_script_of(lua_State *L)
{
  void *alloc;

  lua_getallocf(L, &alloc);
  return alloc;
}

/** For C functions that loop: raise when the deadline has passed. */
static inline void mw_script_check_deadline(lua_State *L)
{
  struct mw_deadline *deadline = &mw_script_of(L)->deadline;

  if (deadline->expired)
    mw_deadline_raise(deadline, L);
}

/**
 * For C functions that call back into Lua: raise when recursion through them has used up
 * MW_SCRIPT_STACK_BYTES of the thread's stack, which LuaJIT does not watch.
 * @p level: whose line the message names, as in luaL_where.
 */
void mw_script_check_stack(lua_State *L, int level);

/** Read a file of the script, when it may be one. @return as mw_file_read, or mw_trusted_open. */
int mw_script_read_source(const struct mw_script *script, const char *path, struct mw_buf *out,
                          struct mw_error *err);

/**
 * Compile source text; messages name it @p name. As lua_load: leaves a function or a message.
 * Bytecode is a syntax error.
 */
int mw_script_compile(lua_State *L, const char *name, const char *text, size_t len_bytes);

/** Make the allow-list the globals of @p L, with what replaces the stock functions. Raises. */
void mw_sandbox_open(lua_State *L);

/** string.find, match, gmatch and gsub. */
extern const luaL_Reg mw_sandbox_string_functions[];

/** Push the function require, with a table of loaded modules of its own. Raises. */
void mw_sandbox_push_require(lua_State *L);

#endif
