/* The globals of a script: an allow-list of the stock library, and what replaces the rest of it.
 *
 * What is left out can reach outside (io, os, debug, package, ffi), load bytecode (load, dump), or
 * hang where no hook runs: newproxy makes finalizers, a stock xpcall runs its handler inside the
 * hook, stock table.insert counts up from any position, stock patterns backtrack without end. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "script/internal.h"

struct library {
  const char *name; /* NULL: the globals themselves */
  const char *const *functions;
};

static const char *const base_names[] = {
    "_VERSION",     "assert",   "error",    "getmetatable", "ipairs", "next",
    "pairs",        "pcall",    "select",   "rawequal",     "rawget", "rawset",
    "setmetatable", "tonumber", "tostring", "type",         "unpack", NULL};
static const char *const coroutine_names[] = {"create", "isyieldable", "resume", "running",
                                              "status", "wrap",        "yield",  NULL};
static const char *const math_names[] = {
    "abs",        "acos", "asin",  "atan", "atan2", "ceil", "cos",   "cosh",
    "deg",        "exp",  "floor", "fmod", "frexp", "huge", "ldexp", "log",
    "log10",      "max",  "min",   "modf", "pi",    "pow",  "rad",   "random",
    "randomseed", "sin",  "sinh",  "sqrt", "tan",   "tanh", NULL};
static const char *const os_names[] = {"clock", "date", "difftime", "time", NULL};
static const char *const string_names[] = {"byte", "char",    "format", "len",   "lower",
                                           "rep",  "reverse", "sub",    "upper", NULL};
static const char *const table_names[] = {"concat", "maxn", "move", "remove", "sort", NULL};

static const struct library libraries[] = {
    {"coroutine", coroutine_names}, {"math", math_names},   {"os", os_names},
    {"string", string_names},       {"table", table_names},
};

/* ---- Replacements ---- */

/* collectgarbage("count") alone: stopping the collector would only hit the ceiling sooner. */
static int count_garbage(lua_State *L)
{
  const char *what = luaL_optstring(L, 1, "collect");

  if (strcmp(what, "count") != 0)
    return luaL_error(L, "collectgarbage offers only \"count\" to scripts");
  lua_pushnumber(L, lua_gc(L, LUA_GCCOUNT, 0) + lua_gc(L, LUA_GCCOUNTB, 0) / 1024.0);
  return 1;
}

/* print goes to the log, under the script's name. */
static int print_to_log(lua_State *L)
{
  int count = lua_gettop(L);

  if (!mw_log_enabled(MW_LOG_INFO))
    return 0;
  mw_script_check_stack(L, 1);
  luaL_checkstack(L, 2 * count + 2, "too many values to print");
  for (int i = 1; i <= count; i++) {
    if (i > 1)
      lua_pushliteral(L, "\t");
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, i);
    lua_call(L, 1, 1);
    if (!lua_isstring(L, -1))
      return luaL_error(L, "'tostring' must return a string to 'print'");
  }
  lua_concat(L, count > 0 ? 2 * count - 1 : 0);
  mw_log(MW_LOG_INFO, mw_script_of(L)->name, "%s", lua_tostring(L, -1));
  return 0;
}

/* The stock one moves values for as long as it takes to get from #t down to any position. */
static int table_insert(lua_State *L)
{
  int count = lua_gettop(L);

  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_argcheck(L, count == 2 || count == 3, 2, "a value, or a position and a value expected");
  lua_Integer last = (lua_Integer)lua_objlen(L, 1) + 1;
  lua_Integer position = count == 3 ? luaL_checkinteger(L, 2) : last;
  luaL_argcheck(L, position >= 1 && position <= INT32_MAX, 2, "position out of bounds");
  for (; last > position; last--) {
    mw_script_check_deadline(L);
    lua_rawgeti(L, 1, (int)last - 1);
    lua_rawseti(L, 1, (int)last);
  }
  lua_rawseti(L, 1, (int)position);
  return 0;
}

static int check_stack(lua_State *L)
{
  mw_script_check_stack(L, 2); /* level 1 is the replacement */
  return 0;
}

/* In Lua, because a hook interrupts it, and because stock functions that are called in tail
 * position still blame the script's own line for wrong arguments.
 *
 * check() guards the stock functions that call back into Lua: see mw_script_check_stack. */
static const char replacements[] =
    "local globals, check = ...\n"
    "local pcall, select, type, error = globals.pcall, globals.select, globals.type, "
    "globals.error\n"
    "local create_wrap, resume = globals.coroutine.wrap, globals.coroutine.resume\n"
    "local format, sort = globals.string.format, globals.table.sort\n"
    "local date, time = globals.os.date, globals.os.time\n"
    "\n"
    "local function handled(handler, ok, ...)\n"
    "  if ok then return true, ... end\n"
    "  return false, (select(2, pcall(handler, ...)))\n"
    "end\n"
    "function globals.xpcall(f, handler, ...) return handled(handler, pcall(f, ...)) end\n"
    "\n"
    "local function less_than(a, b) return a < b end\n"
    "function globals.table.sort(t, less) check() return sort(t, less or less_than) end\n"
    "\n"
    "function globals.string.format(...) check() return format(...) end\n"
    "\n"
    "function globals.coroutine.resume(...) check() return resume(...) end\n"
    "function globals.coroutine.wrap(f)\n"
    "  if type(f) ~= 'function' then\n"
    "    error(\"bad argument #1 to 'wrap' (function expected, got \" .. type(f) .. ')', 2)\n"
    "  end\n"
    "  local run = create_wrap(f)\n"
    "  return function(...) check() return run(...) end\n"
    "end\n"
    "\n"
    "function globals.os.time(t) check() return time(t) end\n"
    "function globals.os.date(text, at)\n"
    "  if type(text) == 'string' and #text > 256 then\n"
    "    error(\"bad argument #1 to 'date' (longer than 256 bytes)\", 2)\n"
    "  end\n"
    "  return date(text, at)\n"
    "end\n";

static void add_replacements(lua_State *L, int globals)
{
  lua_pushcfunction(L, count_garbage);
  lua_setfield(L, globals, "collectgarbage");
  lua_getfield(L, globals, "tostring");
  lua_pushcclosure(L, print_to_log, 1);
  lua_setfield(L, globals, "print");
  mw_sandbox_push_require(L);
  lua_setfield(L, globals, "require");

  lua_getfield(L, globals, "table");
  lua_pushcfunction(L, table_insert);
  lua_setfield(L, -2, "insert");
  lua_getfield(L, globals, "string");
  luaL_register(L, NULL, mw_sandbox_string_functions);
  lua_pop(L, 2);

  if (luaL_loadbufferx(L, replacements, sizeof replacements - 1, "=sandbox", "t") != 0)
    lua_error(L);
  lua_pushvalue(L, globals);
  lua_pushcfunction(L, check_stack);
  lua_call(L, 2, 0);
}

/* ---- The allow-list ---- */

static void open_stock_libraries(lua_State *L)
{
  static const luaL_Reg stock[] = {
      {"", luaopen_base},
      {LUA_MATHLIBNAME, luaopen_math},
      {LUA_OSLIBNAME, luaopen_os},
      {LUA_STRLIBNAME, luaopen_string},
      {LUA_TABLIBNAME, luaopen_table},
  };

  for (size_t i = 0; i < sizeof stock / sizeof stock[0]; i++) {
    lua_pushcfunction(L, stock[i].func);
    lua_pushstring(L, stock[i].name);
    lua_call(L, 1, 0);
  }
}

/* Copy the named fields of the table at @p from into the one on top. */
static void copy_fields(lua_State *L, int from, const char *const *names)
{
  for (; *names; names++) {
    lua_getfield(L, from, *names);
    lua_setfield(L, -2, *names);
  }
}

/* ("x"):find must be ours too, and getmetatable("") must give nothing away. */
static void lock_string_metatable(lua_State *L, int globals)
{
  lua_pushliteral(L, "");
  lua_getmetatable(L, -1);
  lua_getfield(L, globals, "string");
  lua_setfield(L, -2, "__index");
  lua_pushliteral(L, "locked");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 2);
}

void mw_sandbox_open(lua_State *L)
{
  open_stock_libraries(L);
  lua_newtable(L);
  int globals = lua_gettop(L);
  copy_fields(L, LUA_GLOBALSINDEX, base_names);
  for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
    lua_getglobal(L, libraries[i].name);
    lua_newtable(L);
    copy_fields(L, globals + 1, libraries[i].functions);
    lua_setfield(L, globals, libraries[i].name);
    lua_settop(L, globals);
  }
  lua_pushvalue(L, globals);
  lua_setfield(L, globals, "_G");
  add_replacements(L, globals);
  lock_string_metatable(L, globals);
  lua_replace(L, LUA_GLOBALSINDEX);
}
