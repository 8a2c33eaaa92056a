/* A configuration file: opened when it can be trusted, evaluated in a state of its own, and its
 * table looked through, key by key. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config_internal.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "base/trusted.h"
#include "script/owner.h"
#include "script/script.h"
#include "json/number.h"

#define DEPTH_MAX 8 /* deeper than any key */

/* A file never waits: CPU time bounds it, and on a machine that is busy this is generous. */
#define WALL_MS 60000

struct reading {
  struct mw_config *config;
  const char *const *environment;
  struct mw_script *script;
  const char *prefix; /* of its keys: "", or "scripts.NAME" */
  const char *chunk_name;
  struct mw_config_place place;
  struct mw_config_lines lines;
  const void *open[DEPTH_MAX]; /* the tables that are being looked through */
  size_t depth;
};

/* ---- env "NAME" ---- */

static int env(lua_State *L)
{
  const struct reading *reading = lua_touserdata(L, lua_upvalueindex(1));
  const char *name = luaL_checkstring(L, 1);
  size_t bytes = strlen(name);

  luaL_argcheck(L, bytes > 0 && !strchr(name, '='), 1, "not the name of a variable");
  for (const char *const *entry = reading->environment; entry && *entry; entry++) {
    if (strncmp(*entry, name, bytes) == 0 && (*entry)[bytes] == '=') {
      lua_pushstring(L, *entry + bytes + 1);
      return 1;
    }
  }
  lua_pushnil(L);
  return 1;
}

/* env comes, require goes: what a configuration says stands in it alone. */
static void set_globals(lua_State *L, void *data)
{
  lua_pushlightuserdata(L, data);
  mw_push_binding(L, "config", "env", env, 1);
  lua_setglobal(L, "env");
  lua_pushnil(L);
  lua_setglobal(L, "require");
}

/* ---- Values ---- */

static struct mw_config_place place_of(const struct reading *reading, const char *path)
{
  struct mw_config_place place = reading->place;
  size_t prefix_bytes = strlen(reading->prefix);

  if (strncmp(path, reading->prefix, prefix_bytes) == 0)
    path += prefix_bytes + (prefix_bytes > 0 && path[prefix_bytes] == '.');
  place.line = mw_config_lines_find(&reading->lines, path);
  return place;
}

/* What is at the top, in words. */
static const char *found(lua_State *L, char out[static MW_TEXT_QUOTED_BYTES])
{
  size_t bytes;

  switch (lua_type(L, -1)) {
  case LUA_TSTRING:
    (void)lua_tolstring(L, -1, &bytes);
    return mw_text_quote((struct mw_slice){lua_tostring(L, -1), bytes}, out);
  case LUA_TNUMBER:
    snprintf(out, MW_TEXT_QUOTED_BYTES, "%.15g", lua_tonumber(L, -1));
    return lua_tonumber(L, -1) == lua_tonumber(L, -1) ? out : "NaN, which is no number";
  case LUA_TBOOLEAN:
    return lua_toboolean(L, -1) ? "true" : "false";
  case LUA_TTABLE:
    return lua_objlen(L, -1) > 0 ? "a list" : "a table";
  default:
    snprintf(out, MW_TEXT_QUOTED_BYTES, "a %s", luaL_typename(L, -1));
    return out;
  }
}

static void unexpected(struct reading *reading, lua_State *L, const struct mw_config_key *key,
                       const char *path)
{
  char what[MW_CONFIG_EXPECTED_BYTES], quoted[MW_TEXT_QUOTED_BYTES];
  const struct mw_config_place place = place_of(reading, path);

  mw_config_mistake(reading->config, &place, path, NULL, "expected %s, found %s",
                    mw_config_expected(key, what), found(L, quoted));
}

/* Keep the text on top. A NUL inside would cut it short. */
static const char *keep_top(struct reading *reading, lua_State *L)
{
  size_t bytes;
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &bytes) : NULL;

  if (!text || strlen(text) != bytes)
    return NULL;
  return mw_config_keep_slice(reading->config, (struct mw_slice){text, bytes});
}

static bool keep_text(struct reading *reading, lua_State *L, struct mw_config_value *value)
{
  const char **texts = mw_config_keep(reading->config, sizeof *texts);
  const char *text = keep_top(reading, L);

  if (!texts || !text)
    return false;
  texts[0] = text;
  value->texts = texts;
  value->texts_count = 1;
  return true;
}

/* Entries 1 to n of the table on top, each a text, and nothing else. */
static bool keep_list(struct reading *reading, lua_State *L, struct mw_config_value *value)
{
  size_t count = lua_istable(L, -1) ? lua_objlen(L, -1) : 0, entries = 0;

  if (!lua_istable(L, -1) || count > MW_CONFIG_VALUES_MAX)
    return false;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    entries++;
  const char **texts = mw_config_keep(reading->config, (count + 1) * sizeof *texts);
  if (!texts || entries != count)
    return false;
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -1, (int)i + 1);
    texts[i] = keep_top(reading, L);
    lua_pop(L, 1);
    if (!texts[i])
      return false;
  }
  value->texts = texts;
  value->texts_count = count;
  return true;
}

/* An option: whatever it is, as long as it can be one. */
static bool take_any(struct reading *reading, lua_State *L, struct mw_config_value *value)
{
  switch (lua_type(L, -1)) {
  case LUA_TNUMBER:
    value->type = MW_CONFIG_NUMBER;
    value->number = lua_tonumber(L, -1);
    return value->number - value->number == 0; /* neither NaN nor infinite */
  case LUA_TBOOLEAN:
    value->type = MW_CONFIG_BOOLEAN;
    value->number = lua_toboolean(L, -1);
    return true;
  case LUA_TSTRING:
    value->type = MW_CONFIG_TEXT;
    return keep_text(reading, L, value);
  default:
    value->type = MW_CONFIG_NAMES;
    return keep_list(reading, L, value);
  }
}

/* Does the value on top have the type of its key? Then take it. */
static bool take(struct reading *reading, lua_State *L, struct mw_config_value *value)
{
  switch (value->key->type) {
  case MW_CONFIG_INTEGER:
  case MW_CONFIG_NUMBER:
    value->number = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    return lua_type(L, -1) == LUA_TNUMBER;
  case MW_CONFIG_BOOLEAN:
    value->number = lua_toboolean(L, -1);
    return lua_isboolean(L, -1);
  case MW_CONFIG_NAMES:
  case MW_CONFIG_PATHS:
    return keep_list(reading, L, value);
  case MW_CONFIG_ANY:
    return take_any(reading, L, value);
  case MW_CONFIG_TEXT:
  case MW_CONFIG_PATH:
  case MW_CONFIG_URL:
  case MW_CONFIG_CHOICE:
    break;
  }
  return keep_text(reading, L, value);
}

static void take_value(struct reading *reading, lua_State *L, const struct mw_config_key *key,
                       const char *path)
{
  const struct mw_config_place place = place_of(reading, path);
  struct mw_config_value value = {.path = path,
                                  .key = key,
                                  .type = key->type,
                                  .origin = MW_CONFIG_FILE,
                                  .place = place.name,
                                  .line = place.line};

  if (take(reading, L, &value))
    mw_config_put_checked(reading->config, &value);
  else if (!reading->config->out_of_memory)
    unexpected(reading, L, key, path);
}

/* ---- Tables ---- */

static void take_table(struct reading *reading, lua_State *L, const char *path);

static void unknown_key(struct reading *reading, const char *path)
{
  char meant[MW_CONFIG_PATH_BYTES];
  const struct mw_config_place place = place_of(reading, path);

  mw_config_mistake(reading->config, &place, path, mw_config_key_suggest(path, meant),
                    "there is no such key");
}

/* The value on top, of a key that is spelt well. */
static void take_entry(struct reading *reading, lua_State *L, const char *path)
{
  const struct mw_config_place place = place_of(reading, path);
  char quoted[MW_TEXT_QUOTED_BYTES];
  bool is_table;
  const struct mw_config_key *key = mw_config_key_find(path, &is_table);

  if (!*reading->prefix && strcmp(path, "scripts") == 0)
    mw_config_mistake(reading->config, &place, path, NULL,
                      "is not for this file: conf.d/NAME.lua has the keys of a script");
  else if (key)
    take_value(reading, L, key, path);
  else if (!is_table)
    unknown_key(reading, path);
  else if (!lua_istable(L, -1))
    mw_config_mistake(reading->config, &place, path, NULL, "expected a table, found %s",
                      found(L, quoted));
  else
    take_table(reading, L, path);
}

/* The path of the key below the value on top; false: it is none, and that was told. */
static bool path_of_key(struct reading *reading, lua_State *L, const char *table,
                        char out[static MW_CONFIG_PATH_BYTES])
{
  const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
  const struct mw_config_place place = place_of(reading, table);
  char quoted[MW_TEXT_QUOTED_BYTES];

  if (name && strlen(name) == lua_objlen(L, -2) && mw_config_is_name(name) &&
      snprintf(out, MW_CONFIG_PATH_BYTES, "%s%s%s", table, *table ? "." : "", name) <
          MW_CONFIG_PATH_BYTES)
    return true;
  lua_pushvalue(L, -2);
  mw_config_mistake(reading->config, &place, *table ? table : NULL, NULL,
                    "has a key that is no name: %s", found(L, quoted));
  lua_pop(L, 1);
  return false;
}

static bool is_inside_itself(const struct reading *reading, const void *table)
{
  for (size_t i = 0; i < reading->depth; i++)
    if (reading->open[i] == table)
      return true;
  return false;
}

/* The table on top, whose keys are below @p path. */
static void take_table(struct reading *reading, lua_State *L, const char *path)
{
  char below[MW_CONFIG_PATH_BYTES];
  const struct mw_config_place place = place_of(reading, path);
  const void *table = lua_topointer(L, -1);

  if (reading->depth == DEPTH_MAX || is_inside_itself(reading, table)) {
    mw_config_mistake(reading->config, &place, path, NULL, "is a table that it lies in itself");
    return;
  }
  luaL_checkstack(L, 4, "configuration");
  reading->open[reading->depth++] = table;
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1))
    if (path_of_key(reading, L, path, below))
      take_entry(reading, L, below);
  reading->depth--;
}

static int look_through(lua_State *L)
{
  struct reading *reading = lua_touserdata(L, 1);

  mw_script_push_table(reading->script);
  take_table(reading, L, reading->prefix);
  return 0;
}

/* ---- The file ---- */

void mw_config_tell_lua(struct mw_config *config, const struct mw_config_place *place,
                        const char *chunk_name, struct mw_error *err)
{
  struct mw_config_place here = *place;
  size_t name_bytes = strlen(chunk_name);
  const char *text = err->text;
  char *end;

  err->text[strcspn(err->text, "\n")] = '\0';
  if (strncmp(text, chunk_name, name_bytes) == 0 && text[name_bytes] == ':') {
    unsigned long line = strtoul(text + name_bytes + 1, &end, 10);
    bool has_line = end > text + name_bytes + 1 && *end == ':';
    here.line = has_line ? (unsigned)line : 0;
    text = has_line ? end + 1 : text + name_bytes + 1;
    text += strspn(text, " ");
  }
  mw_config_mistake(config, &here, NULL, NULL, "%s", text);
}

static void evaluate(struct reading *reading, const struct mw_buf *source)
{
  struct mw_script_config script_config = {.name = reading->chunk_name,
                                           .memory_max_bytes = MW_CONFIG_MEMORY_MAX_BYTES,
                                           .prepare = set_globals,
                                           .prepare_data = reading};
  struct mw_error err;

  reading->script = mw_script_new(&script_config, &err);
  if (reading->script)
    mw_script_limit_cpu(reading->script, reading->config->cpu_ms);
  if (!reading->script ||
      mw_script_load_text(reading->script, reading->chunk_name, source->data, source->len_bytes,
                          WALL_MS, &err) < 0 ||
      mw_script_call(reading->script, look_through, reading, WALL_MS, &err) < 0)
    mw_config_tell_lua(reading->config, &reading->place, reading->chunk_name, &err);
  mw_script_free(reading->script);
}

void mw_config_read_file(struct mw_config *config, const char *path, const char *prefix,
                         const char *const *environment)
{
  const char *slash = strrchr(path, '/');
  struct reading reading = {.config = config,
                            .environment = environment,
                            .prefix = prefix,
                            .chunk_name = slash ? slash + 1 : path,
                            .place = {MW_CONFIG_FILE, mw_config_keep_text(config, path), 0}};
  struct mw_error err;
  MW_AUTO_BUF source;
  MW_AUTO_CLOSE int fd = mw_trusted_open(path, &err);

  mw_buf_init(&source, MW_SCRIPT_SOURCE_MAX_BYTES);
  if (!reading.place.name)
    return;
  if (fd < 0 || mw_file_read_fd(fd, path, &source, &err) < 0) {
    mw_config_mistake(config, &reading.place, NULL, NULL, "%s", err.text);
    return;
  }
  config->files_count++;
  mw_config_lines_scan(&reading.lines, (struct mw_slice){source.data, source.len_bytes});
  config->out_of_memory |= reading.lines.out_of_memory;
  evaluate(&reading, &source);
  mw_config_lines_deinit(&reading.lines);
}
