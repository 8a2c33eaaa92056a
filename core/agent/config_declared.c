#include "agent/config_declared.h"

#include <ctype.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config_internal.h"
#include "base/text.h"

#define WHITE_SPACE " \t\n\v\f\r"

/* One option, declared: that it is well declared was looked at before. */
struct declared {
  char type[16];
  double min, max;
};

static double bound(lua_State *L, int index, const char *name, double none)
{
  lua_pushstring(L, name);
  lua_rawget(L, index);
  double value = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : none;
  lua_pop(L, 1);
  return value;
}

/* Of the declaration at @p index. */
static struct declared read_declared(lua_State *L, int index)
{
  struct declared declared = {.min = bound(L, index, "min", -HUGE_VAL),
                              .max = bound(L, index, "max", HUGE_VAL)};

  lua_pushliteral(L, "type");
  lua_rawget(L, index);
  snprintf(declared.type, sizeof declared.type, "%s", lua_tostring(L, -1));
  lua_pop(L, 1);
  return declared;
}

static bool is_type(const struct declared *declared, const char *type)
{
  return strcmp(declared->type, type) == 0;
}

/* ---- In words ---- */

static void append_bounds(const struct declared *declared, char *out, size_t out_bytes)
{
  if (isfinite(declared->min))
    snprintf(out + strlen(out), out_bytes - strlen(out), " from %.15g", declared->min);
  if (isfinite(declared->max))
    snprintf(out + strlen(out), out_bytes - strlen(out), "%s %.15g",
             isfinite(declared->min) ? " to" : " up to", declared->max);
}

static void expected(const struct declared *declared, char *out, size_t out_bytes)
{
  if (is_type(declared, "boolean")) {
    snprintf(out, out_bytes, "true or false");
  } else if (is_type(declared, "string")) {
    snprintf(out, out_bytes, "a text");
  } else {
    snprintf(out, out_bytes, "%s",
             is_type(declared, "integer")  ? "a whole number"
             : is_type(declared, "number") ? "a number"
                                           : "a list of words");
    if (is_type(declared, "strings") && (isfinite(declared->min) || isfinite(declared->max)))
      snprintf(out, out_bytes, "a list of words, their count");
    append_bounds(declared, out, out_bytes);
  }
}

/* What was written, unless nobody should see it. */
static void found(const struct mw_config_value *value, char out[static MW_TEXT_QUOTED_BYTES])
{
  const char *text = value->texts_count > 0 ? value->texts[0] : "";

  if (value->type == MW_CONFIG_NUMBER)
    snprintf(out, MW_TEXT_QUOTED_BYTES, "%.15g", value->number);
  else if (value->type == MW_CONFIG_BOOLEAN)
    snprintf(out, MW_TEXT_QUOTED_BYTES, "%s", value->number > 0 ? "true" : "false");
  else if (value->type == MW_CONFIG_NAMES || value->texts_count > 1)
    snprintf(out, MW_TEXT_QUOTED_BYTES, "a list of %zu", value->texts_count);
  else if (mw_config_is_secret(value))
    snprintf(out, MW_TEXT_QUOTED_BYTES, "a text");
  else
    mw_text_quote((struct mw_slice){text, strlen(text)}, out);
}

static void unexpected(struct mw_config *config, const struct mw_config_value *value,
                       const struct declared *declared)
{
  const struct mw_config_place place = mw_config_place_of(value);
  char wanted[128], text[MW_TEXT_QUOTED_BYTES];

  expected(declared, wanted, sizeof wanted);
  found(value, text);
  mw_config_mistake(config, &place, value->path, NULL, "expected %s, found %s", wanted, text);
}

/* ---- Does it fit? ---- */

static bool number_of(const struct mw_config_value *value, double *out)
{
  char *end;

  *out = value->number;
  if (value->type == MW_CONFIG_NUMBER)
    return true;
  if (value->type != MW_CONFIG_ANY || value->texts_count == 0)
    return false;
  const char *text = value->texts[value->texts_count - 1];
  *out = strtod(text, &end);
  return end != text && *end == '\0' && !isspace((unsigned char)*text) && isfinite(*out);
}

static bool is_boolean(const struct mw_config_value *value)
{
  const char *text = value->texts_count > 0 ? value->texts[value->texts_count - 1] : "";

  return value->type == MW_CONFIG_BOOLEAN ||
         (value->type == MW_CONFIG_ANY &&
          (strcmp(text, "true") == 0 || strcmp(text, "false") == 0));
}

static bool within(double number, const struct declared *declared)
{
  return number >= declared->min && number <= declared->max;
}

static size_t count_words(const char *text)
{
  size_t count = 0;

  for (text += strspn(text, WHITE_SPACE); *text; text += strspn(text, WHITE_SPACE)) {
    text += strcspn(text, WHITE_SPACE);
    count++;
  }
  return count;
}

/* Each entry becomes a text that is cut into words: one with a blank inside would be two. */
static bool check_entries(struct mw_config *config, const struct mw_config_value *value)
{
  const struct mw_config_place place = mw_config_place_of(value);
  char quoted[MW_TEXT_QUOTED_BYTES];

  for (size_t i = 0; value->type == MW_CONFIG_NAMES && i < value->texts_count; i++) {
    const char *text = value->texts[i];
    if (*text && !text[strcspn(text, WHITE_SPACE)])
      continue;
    mw_config_mistake(config, &place, value->path, NULL,
                      "has the entry %s: an entry is a word without blanks (in a regular "
                      "expression write \\s)",
                      mw_text_quote((struct mw_slice){text, strlen(text)}, quoted));
    return false;
  }
  return true;
}

static bool fits(const struct mw_config_value *value, const struct declared *declared)
{
  double number;
  size_t words = 0;

  if (is_type(declared, "boolean"))
    return is_boolean(value);
  if (is_type(declared, "string"))
    return value->type == MW_CONFIG_TEXT || value->type == MW_CONFIG_ANY;
  if (!is_type(declared, "strings"))
    return number_of(value, &number) && within(number, declared) &&
           (is_type(declared, "number") || number == floor(number));
  for (size_t i = 0; i < value->texts_count; i++)
    words += count_words(value->texts[i]);
  return value->type != MW_CONFIG_NUMBER && value->type != MW_CONFIG_BOOLEAN &&
         within((double)words, declared);
}

/* ---- All of them ---- */

static void unknown_option(lua_State *L, int options, struct mw_config *config,
                           const struct mw_config_value *value)
{
  const struct mw_config_place place = mw_config_place_of(value);
  const char *key = strrchr(value->path, '.') + 1;
  struct mw_suggestion suggestion = {.wanted = key};
  char meant[MW_CONFIG_PATH_BYTES];

  for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1))
    mw_suggestion_consider(&suggestion, lua_tostring(L, -2));
  if (suggestion.closest)
    snprintf(meant, sizeof meant, "%.*s%s", (int)(key - value->path), value->path,
             suggestion.closest);
  mw_config_mistake(config, &place, value->path, suggestion.closest ? meant : NULL,
                    "the script has no such option");
}

static void check_option(lua_State *L, int options, struct mw_config *config,
                         const struct mw_config_value *value)
{
  lua_pushstring(L, strrchr(value->path, '.') + 1);
  lua_rawget(L, options);
  if (lua_isnil(L, -1)) {
    unknown_option(L, options, config, value);
  } else {
    const struct declared declared = read_declared(L, lua_gettop(L));
    if (check_entries(config, value) && !fits(value, &declared))
      unexpected(config, value, &declared);
  }
  lua_pop(L, 1);
}

/* The default on top as a value. */
static bool take_default(lua_State *L, struct mw_config *config, struct mw_config_value *value)
{
  bool is_list = lua_istable(L, -1);
  size_t count = is_list ? lua_objlen(L, -1) : lua_type(L, -1) == LUA_TSTRING;
  const char **texts = mw_config_keep(config, (count + 1) * sizeof *texts);

  value->type = is_list                           ? MW_CONFIG_NAMES
                : lua_type(L, -1) == LUA_TSTRING  ? MW_CONFIG_TEXT
                : lua_type(L, -1) == LUA_TBOOLEAN ? MW_CONFIG_BOOLEAN
                                                  : MW_CONFIG_NUMBER;
  value->number = lua_isboolean(L, -1) ? lua_toboolean(L, -1) : lua_tonumber(L, -1);
  for (size_t i = 0; texts && i < count; i++) {
    if (is_list)
      lua_rawgeti(L, -1, (int)i + 1);
    texts[i] = mw_config_keep_text(config, lua_tostring(L, -1));
    lua_pop(L, is_list);
    if (!texts[i])
      return false;
  }
  value->texts = texts;
  value->texts_count = count;
  return texts && !config->out_of_memory;
}

/* Put in the value on top under @p path, when nobody else has said anything. */
static void put_default(lua_State *L, struct mw_config *config, const char *path)
{
  bool is_table;
  struct mw_config_value value = {.path = path, .key = mw_config_key_find(path, &is_table)};

  if (value.key && !mw_config_get(config, path) && take_default(L, config, &value) &&
      (value.path = mw_config_keep_text(config, path)))
    mw_config_put(config, &value);
}

/* @p values: the defaults by name. */
static void put_defaults(lua_State *L, int values, struct mw_config *config, const char *name)
{
  char path[MW_CONFIG_PATH_BYTES];

  for (lua_pushnil(L); lua_next(L, values); lua_pop(L, 1))
    if (snprintf(path, sizeof path, "scripts.%s.options.%s", name, lua_tostring(L, -2)) <
        (int)sizeof path)
      put_default(L, config, path);
}

/* A field of the script's own table that the configuration may overrule. */
static void put_field(lua_State *L, int table, struct mw_config *config, const char *name,
                      const char *field)
{
  char path[MW_CONFIG_PATH_BYTES];

  snprintf(path, sizeof path, "scripts.%s.%s", name, field);
  lua_pushstring(L, field);
  lua_rawget(L, table);
  if (lua_type(L, -1) == LUA_TNUMBER)
    put_default(L, config, path);
  lua_pop(L, 1);
}

static void tell_declaration(struct mw_config *config, const char *path, const struct mw_error *err)
{
  const struct mw_config_place place = {MW_CONFIG_FILE, mw_config_keep_text(config, path), 0};

  if (place.name)
    mw_config_mistake(config, &place, NULL, NULL, "%s", err->text);
}

void mw_config_check_declared(lua_State *L, struct mw_config *config, const char *name,
                              const char *path)
{
  static const char *const of_sinks[] = {"batch_messages", "batch_bytes", "max_age_s"};
  int table = lua_gettop(L), options = table + 1, values = table + 2;
  char prefix[MW_CONFIG_PATH_BYTES];
  struct mw_error err;

  luaL_checkstack(L, 12, "options");
  lua_pushliteral(L, "options");
  lua_rawget(L, table);
  if (mw_options_push(L, options, name, NULL, 0, &err) < 0) {
    tell_declaration(config, path, &err);
    return;
  }
  if (lua_isnil(L, options)) {
    lua_newtable(L);
    lua_replace(L, options);
  }
  size_t bytes = (size_t)snprintf(prefix, sizeof prefix, "scripts.%s.options.", name);
  for (size_t i = 0; i < config->values_count; i++)
    if (strncmp(config->values[i].path, prefix, bytes) == 0)
      check_option(L, options, config, &config->values[i]);
  put_defaults(L, values, config, name);
  put_field(L, table, config, name, "interval_s");
  if (mw_config_kind_of(config, name) == MW_SCRIPT_SOURCE)
    put_field(L, table, config, name, "priority");
  if (mw_config_kind_of(config, name) == MW_SCRIPT_SINK)
    for (size_t i = 0; i < sizeof of_sinks / sizeof of_sinks[0]; i++)
      put_field(L, table, config, name, of_sinks[i]);
}
