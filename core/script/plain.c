#include "script/plain.h"

#include <errno.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "script/script.h"

/* What a value begins with. A table has its length, so many values (those of 1 to the length), then
 * keys and values by turns, and an end. */
enum mark {
  MARK_NIL = '0',
  MARK_TRUE = 't',
  MARK_FALSE = 'f',
  MARK_NUMBER = 'n', /* a double */
  MARK_STRING = 's', /* a uint32_t, and so many bytes */
  MARK_TABLE = '{',
  MARK_END = '}',
};

#define STACK_SLOTS 4 /* that one level of a table takes */

/* Tables may be large: the deadline of the script is looked at for each element. */
static void check_deadline(lua_State *L)
{
  if (*mw_script_stop_flag(L))
    mw_script_stop(L);
}

/* ---- From a state ---- */

static int pack(lua_State *L, struct mw_buf *out, int depth, struct mw_error *err);

static int pack_mark(struct mw_buf *out, enum mark mark, const void *bytes, size_t len_bytes,
                     struct mw_error *err)
{
  char byte = (char)mark;
  int rc = mw_buf_append(out, &byte, 1, err);

  return rc < 0 ? rc : mw_buf_append(out, bytes, len_bytes, err);
}

static int pack_number(lua_State *L, struct mw_buf *out, struct mw_error *err)
{
  lua_Number number = lua_tonumber(L, -1);

  return pack_mark(out, MARK_NUMBER, &number, sizeof number, err);
}

static int pack_string(lua_State *L, struct mw_buf *out, struct mw_error *err)
{
  size_t len_bytes;
  const char *text = lua_tolstring(L, -1, &len_bytes);

  if (len_bytes > out->max_bytes)
    return mw_error_set(err, EMSGSIZE, "a string of %zu bytes is larger than the ceiling of %zu",
                        len_bytes, out->max_bytes);
  uint32_t count = (uint32_t)len_bytes;
  int rc = pack_mark(out, MARK_STRING, &count, sizeof count, err);
  return rc < 0 ? rc : mw_buf_append(out, text, len_bytes, err);
}

/* Up to the first that is nil: lua_objlen may take any other for the last. */
static uint32_t count_list(lua_State *L)
{
  uint32_t count = 0;

  for (;; count++) {
    check_deadline(L);
    lua_rawgeti(L, -1, (int)count + 1);
    bool is_end = lua_isnil(L, -1) || count == INT32_MAX - 1;
    lua_pop(L, 1);
    if (is_end)
      return count;
  }
}

static int pack_list(lua_State *L, uint32_t count, struct mw_buf *out, int depth,
                     struct mw_error *err)
{
  int rc = 0;

  for (uint32_t i = 1; i <= count && rc == 0; i++) {
    lua_rawgeti(L, -1, (int)i);
    rc = pack(L, out, depth, err);
    lua_pop(L, 1);
  }
  return rc;
}

static bool is_in_list(lua_State *L, int index, uint32_t count)
{
  if (lua_type(L, index) != LUA_TNUMBER)
    return false;
  lua_Number key = lua_tonumber(L, index);
  return key >= 1 && key <= count && key == (lua_Number)(uint32_t)key;
}

/* The key and the value on top, which stay there. */
static int pack_pair(lua_State *L, struct mw_buf *out, int depth, struct mw_error *err)
{
  lua_pushvalue(L, -2);
  int rc = pack(L, out, depth, err);
  lua_pop(L, 1);
  return rc < 0 ? rc : pack(L, out, depth, err);
}

static int pack_pairs(lua_State *L, uint32_t count, struct mw_buf *out, int depth,
                      struct mw_error *err)
{
  int rc = 0;

  for (lua_pushnil(L); rc == 0 && lua_next(L, -2); lua_pop(L, 1))
    if (!is_in_list(L, -2, count))
      rc = pack_pair(L, out, depth, err);
  if (rc < 0)
    lua_pop(L, 1); /* the key */
  return rc;
}

static int pack_table(lua_State *L, struct mw_buf *out, int depth, struct mw_error *err)
{
  if (depth == MW_PLAIN_DEPTH_MAX)
    return mw_error_set(
        err, EINVAL,
        "plain data may not hold more than %d tables in one another, or a table itself", depth);
  luaL_checkstack(L, STACK_SLOTS, "plain data");
  uint32_t count = count_list(L);
  int rc = pack_mark(out, MARK_TABLE, &count, sizeof count, err);
  if (rc == 0)
    rc = pack_list(L, count, out, depth + 1, err);
  if (rc == 0)
    rc = pack_pairs(L, count, out, depth + 1, err);
  return rc < 0 ? rc : pack_mark(out, MARK_END, NULL, 0, err);
}

static int pack(lua_State *L, struct mw_buf *out, int depth, struct mw_error *err)
{
  check_deadline(L);
  switch (lua_type(L, -1)) {
  case LUA_TNIL:
    return pack_mark(out, MARK_NIL, NULL, 0, err);
  case LUA_TBOOLEAN:
    return pack_mark(out, lua_toboolean(L, -1) ? MARK_TRUE : MARK_FALSE, NULL, 0, err);
  case LUA_TNUMBER:
    return pack_number(L, out, err);
  case LUA_TSTRING:
    return pack_string(L, out, err);
  case LUA_TTABLE:
    return pack_table(L, out, depth, err);
  default:
    return mw_error_set(err, EINVAL, "plain data may not hold a %s", luaL_typename(L, -1));
  }
}

int mw_plain_pack(lua_State *L, struct mw_buf *out, struct mw_error *err)
{
  luaL_checkstack(L, STACK_SLOTS, "plain data");
  return pack(L, out, 0, err);
}

/* ---- Into a state ---- */

struct bytes {
  const char *at;
  size_t left_bytes;
};

static bool unpack(lua_State *L, struct bytes *from, int depth);

static bool take(struct bytes *from, void *out, size_t len_bytes)
{
  if (from->left_bytes < len_bytes)
    return false;
  memcpy(out, from->at, len_bytes);
  from->at += len_bytes;
  from->left_bytes -= len_bytes;
  return true;
}

static bool unpack_number(lua_State *L, struct bytes *from)
{
  lua_Number number;

  if (!take(from, &number, sizeof number))
    return false;
  lua_pushnumber(L, number);
  return true;
}

static bool unpack_string(lua_State *L, struct bytes *from)
{
  uint32_t len_bytes;

  if (!take(from, &len_bytes, sizeof len_bytes) || from->left_bytes < len_bytes)
    return false;
  lua_pushlstring(L, from->at, len_bytes);
  from->at += len_bytes;
  from->left_bytes -= len_bytes;
  return true;
}

/* Neither nil nor NaN can be one. */
static bool is_key(lua_State *L, int index)
{
  lua_Number number = lua_tonumber(L, index);

  return !lua_isnil(L, index) && (lua_type(L, index) != LUA_TNUMBER || number == number);
}

/* Into the table on top. */
static bool unpack_pairs(lua_State *L, struct bytes *from, int depth)
{
  while (from->left_bytes > 0 && *from->at != MARK_END) {
    if (!unpack(L, from, depth) || !is_key(L, -1) || !unpack(L, from, depth))
      return false;
    lua_rawset(L, -3);
  }
  char end;
  return take(from, &end, 1);
}

/* Each value takes a byte at least: that bounds the room that is made for them. */
static bool unpack_table(lua_State *L, struct bytes *from, int depth)
{
  uint32_t count;

  if (depth == MW_PLAIN_DEPTH_MAX || !take(from, &count, sizeof count) || count > from->left_bytes)
    return false;
  luaL_checkstack(L, STACK_SLOTS, "plain data");
  lua_createtable(L, (int)count, 0);
  for (uint32_t i = 1; i <= count; i++) {
    if (!unpack(L, from, depth + 1))
      return false;
    lua_rawseti(L, -2, (int)i);
  }
  return unpack_pairs(L, from, depth + 1);
}

/* Push a value. @return false: there is none, and something else may be on the stack. */
static bool unpack(lua_State *L, struct bytes *from, int depth)
{
  char mark;

  check_deadline(L);
  if (!take(from, &mark, 1))
    return false;
  switch (mark) {
  case MARK_NIL:
    lua_pushnil(L);
    return true;
  case MARK_TRUE:
  case MARK_FALSE:
    lua_pushboolean(L, mark == MARK_TRUE);
    return true;
  case MARK_NUMBER:
    return unpack_number(L, from);
  case MARK_STRING:
    return unpack_string(L, from);
  case MARK_TABLE:
    return unpack_table(L, from, depth);
  default:
    return false;
  }
}

int mw_plain_unpack(lua_State *L, const char *bytes, size_t len_bytes, struct mw_error *err)
{
  struct bytes from = {bytes, len_bytes};
  int top = lua_gettop(L);

  luaL_checkstack(L, STACK_SLOTS, "plain data");
  if (unpack(L, &from, 0) && from.left_bytes == 0)
    return 0;
  lua_settop(L, top);
  return mw_error_set(err, EBADMSG, "these %zu bytes are no plain data", len_bytes);
}
