/* The sandbox's pattern functions against the stock ones: same input, same answer.
 *
 * Input: a byte that chooses the function and the replacement, then subject and pattern with a
 * '\0' between them. Both are short, so that the stock functions, which nothing can stop, end. */
#include <assert.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/script.h"

#define SUBJECT_MAX_BYTES 24
#define PATTERN_MAX_BYTES 12

static const char prelude[] =
    "local find, match, gmatch, gsub = string.find, string.match, string.gmatch, string.gsub\n"
    "local function words(s, p)\n"
    "  local found = {}\n"
    "  for a, b in gmatch(s, p) do found[#found + 1] = tostring(a) .. ':' .. tostring(b) end\n"
    "  return #found .. ' ' .. table.concat(found, ' ')\n"
    "end\n"
    "local function bracket(a, b) return '<' .. tostring(a) .. tostring(b) .. '>' end\n"
    "local known = setmetatable({ a = 'A', b = false }, { __index = function(_, k)\n"
    "  return k ~= '' and type(k) == 'string' and k:rep(2) or nil end })\n"
    "local ways = {\n"
    "  find, match, words,\n"
    "  function(s, p, n) return find(s, p, n % 31 - 15) end,\n"
    "  function(s, p, n) return match(s, p, n % 31 - 15) end,\n"
    "  function(s, p, n) return find(s, p, n % 31 - 15, true) end,\n"
    "  function(s, p, n) return gsub(s, p, 'x', n % 5 - 1) end,\n"
    "  function(s, p) return gsub(s, p, '[%0%1]%%') end,\n"
    "  function(s, p) return gsub(s, p, s) end,\n"
    "  function(s, p) return gsub(s, p, bracket) end,\n"
    "  function(s, p) return gsub(s, p, known) end,\n"
    "}\n"
    "local pcall = pcall\n"
    "return function(how, s, p)\n"
    "  local t = { pcall(ways[how % #ways + 1], s, p, how) }\n"
    "  if not t[1] then return 'error' end\n"
    "  for i = 1, 40 do t[i] = tostring(t[i]) end\n"
    "  return table.concat(t, '|')\n"
    "end\n";

static lua_State *stock;
static struct mw_script *sandboxed;

struct question {
  int how;
  const char *subject, *pattern;
  size_t subject_bytes, pattern_bytes;
  char answer[65536];
  size_t answer_bytes;
};

static int ask(lua_State *L)
{
  struct question *question = lua_touserdata(L, 1);
  size_t len_bytes;

  lua_getfield(L, LUA_REGISTRYINDEX, "answer");
  lua_pushinteger(L, question->how);
  lua_pushlstring(L, question->subject, question->subject_bytes);
  lua_pushlstring(L, question->pattern, question->pattern_bytes);
  lua_call(L, 3, 1);
  const char *text = lua_tolstring(L, -1, &len_bytes);
  assert(len_bytes <= sizeof question->answer);
  memcpy(question->answer, text, len_bytes);
  question->answer_bytes = len_bytes;
  return 0;
}

static int remember_answer(lua_State *L)
{
  if (luaL_loadstring(L, prelude) != 0)
    return lua_error(L);
  lua_call(L, 0, 1);
  lua_setfield(L, LUA_REGISTRYINDEX, "answer");
  return 0;
}

static void open_states(void)
{
  stock = luaL_newstate();
  luaL_openlibs(stock);
  sandboxed = mw_script_new(&(struct mw_script_config){.name = "fuzz"}, NULL);
  assert(lua_cpcall(stock, remember_answer, NULL) == 0);
  assert(mw_script_call(sandboxed, remember_answer, NULL, 0, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len_bytes)
{
  static struct question ours, theirs;
  struct mw_error err;

  if (!stock)
    open_states();
  const uint8_t *separator = len_bytes > 1 ? memchr(data + 1, '\0', len_bytes - 1) : NULL;
  if (!separator)
    return 0;
  ours.how = data[0];
  ours.subject = (const char *)data + 1;
  ours.subject_bytes = (size_t)(separator - data) - 1;
  ours.pattern = (const char *)separator + 1;
  ours.pattern_bytes = len_bytes - ours.subject_bytes - 2;
  if (ours.subject_bytes > SUBJECT_MAX_BYTES || ours.pattern_bytes > PATTERN_MAX_BYTES ||
      memchr(ours.pattern, '\0', ours.pattern_bytes))
    return 0; /* to the stock functions a '\0' ends the pattern */
  theirs = ours;

  assert(lua_cpcall(stock, ask, &theirs) == 0);
  if (mw_script_call(sandboxed, ask, &ours, 1000, &err) < 0) {
    fprintf(stderr, "%s\n", err.text);
    abort();
  }
  if (ours.answer_bytes != theirs.answer_bytes ||
      memcmp(ours.answer, theirs.answer, ours.answer_bytes) != 0) {
    fprintf(stderr, "ours:   %.*s\ntheirs: %.*s\n", (int)ours.answer_bytes, ours.answer,
            (int)theirs.answer_bytes, theirs.answer);
    abort();
  }
  return 0;
}
