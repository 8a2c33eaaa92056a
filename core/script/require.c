/* The script's own require: C modules that the host names, Lua files below the host's folders. */
#include <ctype.h>
#include <errno.h>
#include <lauxlib.h>
#include <string.h>

#include "script/internal.h"

#define LOADED lua_upvalueindex(1) /* name to value; to false while the module is being loaded */

/* Letters, digits, underscores and single dots: a name cannot leave the folder. */
static bool is_module_name(const char *name, size_t len_bytes)
{
  if (len_bytes == 0 || len_bytes > 128 || name[len_bytes - 1] == '.')
    return false;
  for (size_t i = 0; i < len_bytes; i++) {
    unsigned char c = (unsigned char)name[i];
    bool part_ends = c == '.' && i > 0 && name[i - 1] != '.';
    if (!part_ends && !isalnum(c) && c != '_')
      return false;
  }
  return true;
}

static lua_CFunction find_host_module(const struct mw_script *script, const char *name)
{
  for (const struct mw_script_module *module = script->modules; module && module->name; module++)
    if (strcmp(module->name, name) == 0)
      return module->open;
  return NULL;
}

/* Push the compiled file; raise when there is one but it cannot be used.
 * @return false, with nothing pushed, when there is no such file. */
static bool push_file(lua_State *L, const char *dir, const char *short_path)
{
  struct mw_script *script = mw_script_of(L);
  struct mw_error err;

  const char *path = lua_pushfstring(L, "%s/%s", dir, short_path);
  mw_script_note_file(script, path);
  int rc = mw_script_read_source(script, path, &script->source, &err);
  lua_pop(L, 1);
  if (rc == -ENOENT || rc == -ENOTDIR)
    return false;
  if (rc < 0)
    luaL_error(L, "%s", err.text);
  int status = mw_script_compile(L, short_path, script->source.data, script->source.len_bytes);
  mw_buf_clear(&script->source);
  if (status != 0)
    lua_error(L);
  return true;
}

/* Push the function that makes the module, or raise with all that was tried. */
static void push_loader(lua_State *L, const char *name)
{
  const struct mw_script *script = mw_script_of(L);
  lua_CFunction open = find_host_module(script, name);

  if (open) {
    lua_pushcfunction(L, open);
    return;
  }
  const char *short_path = lua_pushfstring(L, "%s.lua", luaL_gsub(L, name, ".", "/"));
  luaL_where(L, 1);
  lua_pushfstring(L, "module '%s' not found:\n\tno module of moonwatch has this name", name);
  lua_concat(L, 2);
  for (const char *const *dir = script->module_dirs; dir && *dir; dir++) {
    if (push_file(L, *dir, short_path))
      return;
    lua_pushfstring(L, "\n\tno file %s/%s", *dir, short_path);
    lua_concat(L, 2);
  }
  lua_error(L);
}

/* Run the loader on top; on failure the name must be free again, hence the protected call. */
static void run_loader(lua_State *L, const char *name)
{
  lua_pushboolean(L, false);
  lua_setfield(L, LOADED, name);
  lua_pushstring(L, name);
  if (lua_pcall(L, 1, 1, 0) != 0) {
    lua_pushnil(L);
    lua_setfield(L, LOADED, name);
    lua_error(L);
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    lua_pushboolean(L, true);
  }
  lua_pushvalue(L, -1);
  lua_setfield(L, LOADED, name);
}

static int require(lua_State *L)
{
  size_t len_bytes;
  const char *name = luaL_checklstring(L, 1, &len_bytes);

  luaL_argcheck(L, is_module_name(name, len_bytes), 1,
                "a module's name has letters, digits, underscores and single dots");
  lua_getfield(L, LOADED, name);
  if (lua_toboolean(L, -1))
    return 1;
  if (lua_isboolean(L, -1))
    return luaL_error(L, "module '%s' requires itself, directly or through others", name);
  mw_script_check_stack(L, 1);
  push_loader(L, name);
  run_loader(L, name);
  return 1;
}

void mw_sandbox_push_require(lua_State *L)
{
  lua_newtable(L);
  lua_pushcclosure(L, require, 1);
}
