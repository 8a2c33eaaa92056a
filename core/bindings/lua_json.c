/* moonwatch.json for Lua: all but encode, which is in lua_json_encode.c. */
#include "bindings/lua_json.h"

#include <errno.h>
#include <stdint.h>

#include "bindings/bindings.h"
#include "bindings/lua_util.h"
#include "script/script.h"
#include "json/reader.h"

#define WHOLE_MAX (INT64_C(1) << 53) /* up to here a double holds every whole number */

/* ---- decode ---- */

/* Holds the reader, so that it is freed when a Lua error jumps out of an event. */
struct reader_box {
  struct mw_json_reader *reader;
};

struct decoder {
  lua_State *L;
  int list_type_index;               /* on the stack */
  const volatile sig_atomic_t *stop; /* set when the deadline of the script has passed */
  unsigned depth;
  struct level {
    bool is_list;
    int count; /* of a list */
  } levels[MW_JSON_READER_DEPTH_DEFAULT];
};

/* The value on top of the stack is whole: put it where it belongs. A document may have so many of
 * them that the deadline passes meanwhile. */
static int add_value(struct decoder *d, struct mw_error *err)
{
  struct level *level = d->depth > 0 ? &d->levels[d->depth - 1] : NULL;

  if (level && level->is_list)
    lua_rawseti(d->L, -2, ++level->count);
  else if (level)
    lua_rawset(d->L, -3);
  return *d->stop ? mw_error_set(err, ETIME, "the deadline has passed") : 0;
}

static int add_null(void *data, struct mw_error *err)
{
  struct decoder *d = data;

  lua_pushlightuserdata(d->L, NULL);
  return add_value(d, err);
}

static int add_boolean(void *data, bool value, struct mw_error *err)
{
  struct decoder *d = data;

  lua_pushboolean(d->L, value);
  return add_value(d, err);
}

/* A whole number without point or exponent whose digits a double might lose. */
static bool needs_text(const struct mw_json_number *number)
{
  if (number->kind == MW_JSON_I64)
    return number->value.i64 > WHOLE_MAX || number->value.i64 < -WHOLE_MAX;
  for (size_t i = 0; i < number->text.len_bytes; i++)
    if (strchr(".eE", number->text.data[i]))
      return false;
  return true;
}

static int add_number(void *data, const struct mw_json_number *number, struct mw_error *err)
{
  struct decoder *d = data;

  if (needs_text(number))
    lua_pushlstring(d->L, number->text.data, number->text.len_bytes);
  else if (number->kind == MW_JSON_I64)
    lua_pushnumber(d->L, (lua_Number)number->value.i64);
  else
    lua_pushnumber(d->L, number->value.f64);
  return add_value(d, err);
}

static int add_string(void *data, struct mw_slice text, struct mw_error *err)
{
  struct decoder *d = data;

  lua_pushlstring(d->L, text.data, text.len_bytes);
  return add_value(d, err);
}

static int push_key(void *data, struct mw_slice key, struct mw_error *err)
{
  struct decoder *d = data;

  (void)err;
  lua_pushlstring(d->L, key.data, key.len_bytes);
  return 0;
}

static int begin_table(struct decoder *d, bool is_list)
{
  lua_newtable(d->L);
  if (is_list) {
    lua_pushvalue(d->L, d->list_type_index);
    lua_setmetatable(d->L, -2);
  }
  d->levels[d->depth++] = (struct level){.is_list = is_list};
  return 0;
}

static int begin_object(void *data, struct mw_error *err)
{
  (void)err;
  return begin_table(data, false);
}

static int begin_list(void *data, struct mw_error *err)
{
  (void)err;
  return begin_table(data, true);
}

static int end_table(void *data, struct mw_error *err)
{
  struct decoder *d = data;

  d->depth--;
  return add_value(d, err);
}

static const struct mw_json_events decoder_events = {
    .null = add_null,
    .boolean = add_boolean,
    .number = add_number,
    .string = add_string,
    .begin_object = begin_object,
    .key = push_key,
    .end_object = end_table,
    .begin_array = begin_list,
    .end_array = end_table,
};

static int reader_gc(lua_State *L)
{
  struct reader_box *box = lua_touserdata(L, 1);

  mw_json_reader_free(box->reader);
  box->reader = NULL;
  return 0;
}

static int json_decode(lua_State *L)
{
  struct mw_slice text;
  struct decoder d = {.L = L, .stop = mw_script_stop_flag(L)};
  struct mw_error err;

  luaL_checktype(L, 1, LUA_TSTRING);
  text.data = lua_tolstring(L, 1, &text.len_bytes);
  /* A level takes a table and a key; the value on top of them takes two at most. */
  luaL_checkstack(L, 2 * MW_JSON_READER_DEPTH_DEFAULT + LUA_MINSTACK, "for json");
  struct reader_box *box = mw_lua_push_box(L, sizeof *box, reader_gc);
  mw_lua_json_push_list_type(L);
  d.list_type_index = lua_gettop(L);
  box->reader = mw_json_reader_new(
      &(struct mw_json_reader_config){.events = &decoder_events,
                                      .data = &d,
                                      .document_max_bytes = MW_LUA_JSON_MAX_BYTES,
                                      .string_max_bytes = MW_LUA_JSON_MAX_BYTES},
      &err);

  int rc = box->reader ? mw_json_reader_feed(box->reader, text, &err) : -err.code;
  if (rc == 0)
    rc = mw_json_reader_finish(box->reader, &err);
  mw_json_reader_free(box->reader);
  box->reader = NULL;
  if (rc == -ETIME)
    return mw_script_stop(L);
  return rc < 0 ? mw_lua_fail(L, &err) : 1;
}

/* ---- Types of tables ---- */

/* Their addresses are keys in the registry. */
static const char list_type_key, constant_type_key, texts_key;

/* Push the table that is registered under @p key, which at first is one with a single field. */
static void push_table(lua_State *L, const char *key, const char *field, const char *value)
{
  mw_lua_push_registered(L, key);
  if (!lua_isnil(L, -1))
    return;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
  mw_lua_register(L, key);
}

void mw_lua_json_push_list_type(lua_State *L)
{
  push_table(L, &list_type_key, "__metatable", "moonwatch.json.list");
}

void mw_lua_json_push_constant_type(lua_State *L)
{
  push_table(L, &constant_type_key, "__metatable", "moonwatch.json.constant");
}

/* It is its own metatable. */
void mw_lua_json_push_texts(lua_State *L)
{
  push_table(L, &texts_key, "__mode", "k");
  lua_pushvalue(L, -1);
  lua_setmetatable(L, -2);
}

/* Does the table at index 1 have the metatable that @p push_type pushes? */
static bool is_of_type(lua_State *L, void (*push_type)(lua_State *L))
{
  if (!lua_getmetatable(L, 1))
    return false;
  push_type(L);
  bool is_equal = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return is_equal;
}

static void check_no_metatable(lua_State *L)
{
  luaL_argcheck(L, !lua_getmetatable(L, 1), 1, "has a metatable of its own");
}

/* ---- list ---- */

/* list(t): from now on t is a list, also when it is empty. */
static int json_list(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (is_of_type(L, mw_lua_json_push_list_type))
    return 1;
  check_no_metatable(L);
  mw_lua_json_push_list_type(L);
  lua_setmetatable(L, 1);
  return 1;
}

/* ---- constant ---- */

/* constant(t): the text of t is made now, and not again. */
static int json_constant(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (is_of_type(L, mw_lua_json_push_constant_type))
    return 1;
  if (!is_of_type(L, mw_lua_json_push_list_type))
    check_no_metatable(L);
  mw_lua_json_push_texts(L);
  lua_pushvalue(L, 1);
  lua_pushcfunction(L, mw_lua_json_encode_function);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 3);
  if (lua_isnil(L, -3))
    return 3;
  lua_pop(L, 2);
  lua_rawset(L, 2);
  mw_lua_json_push_constant_type(L);
  lua_setmetatable(L, 1);
  lua_settop(L, 1);
  return 1;
}

const luaL_Reg mw_lua_json_functions[] = {
    {"constant", json_constant},
    {"decode", json_decode},
    {"encode", mw_lua_json_encode_function},
    {"list", json_list},
    {NULL, NULL},
};

void mw_lua_json_extend(lua_State *L)
{
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
}
