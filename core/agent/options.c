#include "agent/options.h"

#include <ctype.h>
#include <errno.h>
#include <lauxlib.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/suggest.h"

enum type { TYPE_INTEGER, TYPE_NUMBER, TYPE_BOOLEAN, TYPE_STRING, TYPE_STRINGS };

static const char *const type_names[] = {"integer", "number", "boolean", "string", "strings"};

struct declaration {
  const char *key;
  enum type type;
  double min, max; /* of a number itself, of the entries of a list */
};

static const char *const fields[] = {"type", "default", "min", "max", "doc"};

#define KNOWN_MAX_BYTES 1024
#define FIELDS (sizeof fields / sizeof fields[0])
#define TYPES (sizeof type_names / sizeof type_names[0])
#define WHITE_SPACE " \t\n\v\f\r"

/* Entries 1, 2, ... n, each a string, and nothing else. */
static bool is_list_of_strings(lua_State *L, int index)
{
  size_t count = 0;

  if (!lua_istable(L, index))
    return false;
  lua_pushvalue(L, index);
  for (size_t i = lua_objlen(L, -1); i > 0; i--) {
    lua_rawgeti(L, -1, (int)i);
    count += lua_type(L, -1) == LUA_TSTRING;
    lua_pop(L, 1);
  }
  bool fine = count == lua_objlen(L, -1);
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    count--; /* wraps where there is more than the list */
  lua_pop(L, 1);
  return fine && count == 0;
}

static bool has_type(lua_State *L, int index, enum type type)
{
  switch (type) {
  case TYPE_INTEGER:
    return has_type(L, index, TYPE_NUMBER) &&
           lua_tonumber(L, index) == floor(lua_tonumber(L, index));
  case TYPE_NUMBER:
    return lua_type(L, index) == LUA_TNUMBER && isfinite(lua_tonumber(L, index));
  case TYPE_BOOLEAN:
    return lua_isboolean(L, index);
  case TYPE_STRING:
    return lua_type(L, index) == LUA_TSTRING;
  case TYPE_STRINGS:
    return is_list_of_strings(L, index);
  }
  return false;
}

/* Push a field of the table on top of the stack. Raw: an __index of the script could raise, or
 * change the tables that are being looked through. */
static void push_field(lua_State *L, const char *name)
{
  lua_pushstring(L, name);
  lua_rawget(L, -2);
}

/* A bound of the declaration on top of the stack. */
static bool read_bound(lua_State *L, const char *name, double none, double *out)
{
  push_field(L, name);
  bool fine = lua_isnil(L, -1) || lua_type(L, -1) == LUA_TNUMBER;
  *out = lua_isnil(L, -1) ? none : lua_tonumber(L, -1);
  lua_pop(L, 1);
  return fine;
}

static int bad_declaration(const char *script, const char *key, const char *what,
                           struct mw_error *err)
{
  return mw_error_set(err, EBADMSG, "script %s: options.%s %s", script, key, what);
}

static bool read_type(lua_State *L, enum type *type)
{
  bool known = false;

  push_field(L, "type");
  for (size_t i = 0; i < TYPES && lua_type(L, -1) == LUA_TSTRING; i++) {
    if (strcmp(lua_tostring(L, -1), type_names[i]) == 0) {
      *type = (enum type)i;
      known = true;
    }
  }
  lua_pop(L, 1);
  return known;
}

/* A misspelt "max" would be a bound that does not hold. */
static int check_fields(lua_State *L, const char *script, const char *key, struct mw_error *err)
{
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";
    size_t i = 0;
    while (i < FIELDS && strcmp(name, fields[i]) != 0)
      i++;
    if (i == FIELDS)
      return mw_error_set(err, EBADMSG,
                          "script %s: options.%s has \"%s\", which is none of type, default, min, "
                          "max and doc",
                          script, key, name);
  }
  return 0;
}

/* What the bounds of a declaration are about: the value at @p index, or how long it is. */
static bool within_bounds(lua_State *L, int index, const struct declaration *declaration)
{
  double value;

  if (lua_type(L, index) == LUA_TNUMBER)
    value = lua_tonumber(L, index);
  else if (lua_istable(L, index))
    value = (double)lua_objlen(L, index);
  else
    return true;
  return value >= declaration->min && value <= declaration->max;
}

/* The default of the declaration on top of the stack. */
static int check_default(lua_State *L, const char *script, const struct declaration *declaration,
                         struct mw_error *err)
{
  push_field(L, "default");
  bool missing = lua_isnil(L, -1);
  bool typed = has_type(L, -1, declaration->type);
  bool within = within_bounds(L, -1, declaration);
  lua_pop(L, 1);
  if (missing)
    return bad_declaration(script, declaration->key, "has no default", err);
  if (!typed)
    return bad_declaration(script, declaration->key, "has a default that is not of its type", err);
  return within ? 0
                : bad_declaration(script, declaration->key, "has a default out of its bounds", err);
}

/* The declaration on top of the stack; it stays there. */
static int read_declaration(lua_State *L, const char *script, struct declaration *out,
                            struct mw_error *err)
{
  if (!lua_istable(L, -1))
    return bad_declaration(script, out->key, "is not a table with type, default and doc", err);
  int rc = check_fields(L, script, out->key, err);
  if (rc < 0)
    return rc;
  if (!read_type(L, &out->type))
    return bad_declaration(script, out->key,
                           "has no type: it is \"integer\", \"number\", \"boolean\", \"string\" or "
                           "\"strings\"",
                           err);
  if (!read_bound(L, "min", -HUGE_VAL, &out->min) || !read_bound(L, "max", HUGE_VAL, &out->max) ||
      !(out->min <= out->max))
    return bad_declaration(script, out->key, "has bounds (min, max) that are not numbers in order",
                           err);
  return check_default(L, script, out, err);
}

/* Push the default of the declaration on top of the stack. A list is copied: what a script does to
 * its options is not done to its declarations. */
static void push_default(lua_State *L)
{
  push_field(L, "default");
  if (!lua_istable(L, -1))
    return;
  int count = (int)lua_objlen(L, -1);
  lua_createtable(L, count, 0);
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, -2, i);
    lua_rawseti(L, -2, i);
  }
  lua_remove(L, -2);
}

/* Fill the table @p values with the defaults of the table @p declared. */
static int set_defaults(lua_State *L, int declared, int values, const char *script,
                        struct mw_error *err)
{
  for (lua_pushnil(L); lua_next(L, declared); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      return mw_error_set(err, EBADMSG, "script %s: options has a key that is not a name", script);
    struct declaration declaration = {.key = lua_tostring(L, -2)};
    int rc = read_declaration(L, script, &declaration, err);
    if (rc < 0)
      return rc;
    push_default(L);
    lua_pushvalue(L, -3);
    lua_insert(L, -2);
    lua_rawset(L, values);
  }
  return 0;
}

/* The first key by name that comes behind @p last (NULL: the first of all); NULL behind the end. */
static const char *next_key(lua_State *L, int declared, const char *last)
{
  const char *next = NULL;

  for (lua_pushnil(L); lua_next(L, declared); lua_pop(L, 1)) {
    const char *key = lua_tostring(L, -2);
    if ((!last || strcmp(key, last) > 0) && (!next || strcmp(key, next) < 0))
      next = key;
  }
  return next;
}

static int unknown_option(lua_State *L, int declared, const char *script, const char *key,
                          struct mw_error *err)
{
  struct mw_suggestion suggestion = {.wanted = key};
  MW_AUTO_BUF known; /* nothing below raises while it holds memory: the keys are strings */

  mw_buf_init(&known, KNOWN_MAX_BYTES);
  for (lua_pushnil(L); lua_next(L, declared); lua_pop(L, 1))
    mw_suggestion_consider(&suggestion, lua_tostring(L, -2));
  if (suggestion.closest)
    return mw_error_set(err, EINVAL, "script %s has no option \"%s\"; did you mean \"%s\"?", script,
                        key, suggestion.closest);
  for (const char *name = NULL; (name = next_key(L, declared, name));)
    mw_buf_printf(&known, NULL, "%s%s", known.len_bytes > 0 ? ", " : "", name);
  return mw_error_set(err, EINVAL, "script %s has no option \"%s\"; it has %s", script, key,
                      known.len_bytes > 0 ? known.data : "none at all");
}

static bool parse_boolean(const char *text, bool *out)
{
  *out = strcmp(text, "true") == 0;
  return *out || strcmp(text, "false") == 0;
}

/* Push the value of @p text, or nothing. */
static bool push_value(lua_State *L, const struct declaration *declaration, const char *text)
{
  bool truth;
  char *end;

  if (declaration->type == TYPE_STRING) {
    lua_pushstring(L, text);
    return true;
  }
  if (declaration->type == TYPE_BOOLEAN) {
    if (!parse_boolean(text, &truth))
      return false;
    lua_pushboolean(L, truth);
    return true;
  }
  double value = strtod(text, &end);
  if (end == text || isspace((unsigned char)*text) || *end != '\0' || !isfinite(value) ||
      (declaration->type == TYPE_INTEGER && value != floor(value)))
    return false;
  lua_pushnumber(L, value);
  return true;
}

/* Replace the value on top of the stack, which is out of bounds, by the default of the declaration
 * below it. */
static void use_default(lua_State *L, const struct declaration *declaration, const char *script,
                        const char *text)
{
  if (declaration->type == TYPE_STRINGS) {
    double count = (double)lua_objlen(L, -1);
    bool few = count < declaration->min;
    mw_log(MW_LOG_WARN, script, "option %s has %g words, %s %.14g: its default is used",
           declaration->key, count, few ? "below" : "above",
           few ? declaration->min : declaration->max);
    lua_pop(L, 1);
    push_default(L);
    return;
  }
  bool below = lua_tonumber(L, -1) < declaration->min;
  lua_pop(L, 1);
  push_default(L);
  mw_log(MW_LOG_WARN, script, "option %s = %s is %s %.14g: the default %.14g is used",
         declaration->key, text, below ? "below" : "above",
         below ? declaration->min : declaration->max, lua_tonumber(L, -1));
}

/* What an operator gave, in order; `at` is the one that is being set. */
struct given {
  const struct mw_option *options;
  size_t count, at;
};

static bool is_given_before(const struct given *given)
{
  for (size_t i = 0; i < given->at; i++)
    if (strcmp(given->options[i].key, given->options[given->at].key) == 0)
      return true;
  return false;
}

static bool is_given_again(const struct given *given)
{
  for (size_t i = given->at + 1; i < given->count; i++)
    if (strcmp(given->options[i].key, given->options[given->at].key) == 0)
      return true;
  return false;
}

/* Push the list of the option: empty the first time, for the default is replaced, and then with
 * the words of @p text behind what it has. */
static void push_longer_list(lua_State *L, int values, const struct given *given)
{
  const char *text = given->options[given->at].text;
  int count = 0;

  if (is_given_before(given)) {
    lua_getfield(L, values, given->options[given->at].key);
    count = (int)lua_objlen(L, -1);
  } else {
    lua_newtable(L);
  }
  for (text += strspn(text, WHITE_SPACE); *text; text += strspn(text, WHITE_SPACE)) {
    size_t word_bytes = strcspn(text, WHITE_SPACE);
    lua_pushlstring(L, text, word_bytes);
    lua_rawseti(L, -2, ++count);
    text += word_bytes;
  }
}

static int set_given(lua_State *L, int declared, int values, const char *script,
                     const struct given *given, struct mw_error *err)
{
  const struct mw_option *option = &given->options[given->at];
  struct declaration declaration = {.key = option->key};

  lua_pushstring(L, option->key);
  lua_rawget(L, declared);
  if (lua_isnil(L, -1))
    return unknown_option(L, declared, script, option->key, err);
  int rc = read_declaration(L, script, &declaration, err);
  if (rc < 0)
    return rc;
  if (declaration.type == TYPE_STRINGS)
    push_longer_list(L, values, given);
  else if (!push_value(L, &declaration, option->text))
    return mw_error_set(err, EINVAL, "option %s of script %s: \"%s\" is not %s %s", option->key,
                        script, option->text, declaration.type == TYPE_INTEGER ? "an" : "a",
                        type_names[declaration.type]);
  /* a list is complete with its last part */
  if (!within_bounds(L, -1, &declaration) &&
      (declaration.type != TYPE_STRINGS || !is_given_again(given)))
    use_default(L, &declaration, script, option->text);
  lua_setfield(L, values, option->key);
  lua_pop(L, 1);
  return 0;
}

int mw_options_push(lua_State *L, int declared, const char *script, const struct mw_option *given,
                    size_t given_count, struct mw_error *err)
{
  int top = lua_gettop(L), rc = 0;

  luaL_checkstack(L, 12, "options");
  lua_newtable(L);
  if (lua_isnil(L, declared)) {
    lua_newtable(L);
    declared = top + 2;
  } else if (!lua_istable(L, declared)) {
    rc = mw_error_set(err, EBADMSG, "script %s: options is not a table", script);
  }
  if (rc == 0)
    rc = set_defaults(L, declared, top + 1, script, err);
  struct given all = {given, given_count, 0};
  for (; rc == 0 && all.at < given_count; all.at++)
    rc = set_given(L, declared, top + 1, script, &all, err);
  lua_settop(L, rc == 0 ? top + 1 : top);
  return rc;
}
