#include "bindings/lua_facts.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/text.h"
#include "bindings/lua_util.h"
#include "script/script.h"

/* ---- To Lua ---- */

static void push_map(lua_State *L, const struct mw_inventory_map *map)
{
  lua_createtable(L, 0, (int)map->count);
  for (size_t i = 0; i < map->count; i++) {
    lua_pushstring(L, map->pairs[i].value);
    lua_setfield(L, -2, map->pairs[i].key);
  }
}

static void push_owners(lua_State *L, const struct mw_inventory_map *owners)
{
  lua_createtable(L, (int)owners->count, 0);
  for (size_t i = 0; i < owners->count; i++) {
    lua_createtable(L, 0, 2);
    mw_lua_set_text(L, "kind", owners->pairs[i].key);
    mw_lua_set_text(L, "name", owners->pairs[i].value);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static void push_texts(lua_State *L, const struct mw_inventory_texts *list)
{
  lua_createtable(L, (int)list->count, 0);
  for (size_t i = 0; i < list->count; i++) {
    lua_pushstring(L, list->texts[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static void push_ports(lua_State *L, const struct mw_inventory_ports *list)
{
  lua_createtable(L, (int)list->count, 0);
  for (size_t i = 0; i < list->count; i++) {
    const struct mw_inventory_port *port = &list->ports[i];
    lua_createtable(L, 0, 4);
    mw_lua_set_number(L, "port", port->number);
    mw_lua_set_text(L, "protocol", port->protocol);
    mw_lua_set_text(L, "name", port->name);
    if (port->host_number != 0)
      mw_lua_set_number(L, "host_port", port->host_number);
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static bool is_known(enum mw_fact_type type, const void *value)
{
  switch (type) {
  case MW_FACT_TEXT:
  case MW_FACT_STATE:
    return **(const char *const *)value != '\0';
  case MW_FACT_SECONDS:
    return *(const int64_t *)value != 0;
  case MW_FACT_NUMBER:
    return ((const struct mw_inventory_number *)value)->known;
  case MW_FACT_ANSWER:
    return *(const enum mw_inventory_answer *)value != MW_ANSWER_UNKNOWN;
  case MW_FACT_MAP:
  case MW_FACT_OWNERS:
    return ((const struct mw_inventory_map *)value)->count > 0;
  case MW_FACT_SET:
  case MW_FACT_LIST:
    return ((const struct mw_inventory_texts *)value)->count > 0;
  case MW_FACT_PORTS:
    return ((const struct mw_inventory_ports *)value)->count > 0;
  }
  return false;
}

static void push_value(lua_State *L, enum mw_fact_type type, const void *value)
{
  switch (type) {
  case MW_FACT_TEXT:
  case MW_FACT_STATE:
    lua_pushstring(L, *(const char *const *)value);
    break;
  case MW_FACT_SECONDS:
    lua_pushnumber(L, (lua_Number) * (const int64_t *)value);
    break;
  case MW_FACT_NUMBER:
    lua_pushnumber(L, ((const struct mw_inventory_number *)value)->value);
    break;
  case MW_FACT_ANSWER:
    lua_pushboolean(L, *(const enum mw_inventory_answer *)value == MW_ANSWER_YES);
    break;
  case MW_FACT_MAP:
    push_map(L, value);
    break;
  case MW_FACT_OWNERS:
    push_owners(L, value);
    break;
  case MW_FACT_SET:
  case MW_FACT_LIST:
    push_texts(L, value);
    break;
  case MW_FACT_PORTS:
    push_ports(L, value);
    break;
  }
}

void mw_lua_push_facts(lua_State *L, const struct mw_facts_schema *schema, const void *facts,
                       int more_count)
{
  const void *values[MW_FACTS_MAX];

  for (size_t i = 0; i < schema->count; i++) {
    const void *value = mw_const_fact_of(&schema->facts[i], facts);
    values[i] = is_known(schema->facts[i].type, value) ? value : NULL;
    more_count += values[i] != NULL;
  }
  lua_createtable(L, 0, more_count);
  for (size_t i = 0; i < schema->count; i++) {
    if (!values[i])
      continue;
    push_value(L, schema->facts[i].type, values[i]);
    lua_setfield(L, -2, schema->facts[i].name);
  }
}

/* ---- From Lua ---- */

/* Keys of the tables in lists, behind those of the schema. */
enum element_key { KEY_PORT, KEY_PROTOCOL, KEY_NAME, KEY_HOST_PORT, KEY_KIND, KEYS_COUNT };

static const char *const element_keys[KEYS_COUNT] = {"port", "protocol", "name", "host_port",
                                                     "kind"};

/* The fact that is read: what it is called in messages. */
struct place {
  const struct mw_lua_facts_reader *reader;
  const struct mw_fact *fact;
  size_t number;
};

void mw_lua_facts_reader_init(lua_State *L, struct mw_lua_facts_reader *reader,
                              const struct mw_facts_schema *schema, struct mw_scratch *scratch,
                              struct mw_error *err)
{
  luaL_checkstack(L, MW_FACTS_MAX + KEYS_COUNT + 16, "a list of containers");
  *reader = (struct mw_lua_facts_reader){.schema = schema,
                                         .first_key = lua_gettop(L) + 1,
                                         .scratch = scratch,
                                         .stop = mw_script_stop_flag(L),
                                         .err = err};
  for (size_t i = 0; i < schema->count; i++)
    lua_pushstring(L, schema->facts[i].name);
  for (int i = 0; i < KEYS_COUNT; i++)
    lua_pushstring(L, element_keys[i]);
}

/* "container 2: labels" and @p what, for example " is not a table". */
static int refuse(const struct place *place, const char *what)
{
  return mw_error_set(place->reader->err, EINVAL, "%s %zu: %s %s", place->reader->schema->noun,
                      place->number, place->fact->name, what);
}

static int refuse_element(const struct place *place, size_t index, const char *what)
{
  return mw_error_set(place->reader->err, EINVAL, "%s %zu: %s: element %zu %s",
                      place->reader->schema->noun, place->number, place->fact->name, index, what);
}

static int refuse_value(const struct place *place, const char *key)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  mw_text_quote((struct mw_slice){key, strlen(key)}, quoted);
  return mw_error_set(place->reader->err, EINVAL, "%s %zu: %s: the value of %s is not a string",
                      place->reader->schema->noun, place->number, place->fact->name, quoted);
}

/* @return NULL when out of memory, with the error set */
static void *array_for(const struct place *place, size_t count, size_t size_bytes)
{
  void *array = mw_scratch_array(place->reader->scratch, count, size_bytes);

  if (!array)
    mw_error_set(place->reader->err, ENOMEM, "%s %zu: out of memory for its %s",
                 place->reader->schema->noun, place->number, place->fact->name);
  return array;
}

/* A table may be in a list so often, or hold so little in so much memory, that a list takes for
 * ever; long texts count as well. */
static int check_deadline(const struct place *place)
{
  return *place->reader->stop ? mw_error_set(place->reader->err, ETIME, "the deadline has passed")
                              : 0;
}

/* The string at @p index, which the inventory leaves out when C would take it for a shorter one. */
static const char *whole_text(lua_State *L, int index)
{
  size_t len_bytes;
  const char *text = lua_tolstring(L, index, &len_bytes);

  return strlen(text) == len_bytes ? text : NULL;
}

static int read_text(lua_State *L, const struct place *place, const char **out)
{
  if (lua_type(L, -1) != LUA_TSTRING)
    return refuse(place, "is not a string");
  *out = whole_text(L, -1);
  return *out ? 0 : refuse(place, "contains a NUL byte");
}

#define SECONDS_MAX 9007199254740992.0 /* 2^53: whole in Lua */

static int read_seconds(lua_State *L, const struct place *place, int64_t *out)
{
  if (lua_type(L, -1) != LUA_TNUMBER)
    return refuse(place, "is not a number");
  lua_Number seconds = lua_tonumber(L, -1);
  if (!(fabs(seconds) <= SECONDS_MAX))
    return refuse(place, "is not a time");
  *out = (int64_t)seconds;
  return 0;
}

static int read_number(lua_State *L, const struct place *place, struct mw_inventory_number *out)
{
  if (lua_type(L, -1) != LUA_TNUMBER)
    return refuse(place, "is not a number");
  *out = (struct mw_inventory_number){.value = lua_tonumber(L, -1), .known = true};
  return 0;
}

static int read_answer(lua_State *L, const struct place *place, enum mw_inventory_answer *out)
{
  if (!lua_isboolean(L, -1))
    return refuse(place, "is not a boolean");
  *out = lua_toboolean(L, -1) ? MW_ANSWER_YES : MW_ANSWER_NO;
  return 0;
}

static int read_map(lua_State *L, const struct place *place, struct mw_inventory_map *out)
{
  int table = lua_gettop(L);
  size_t count = 0;

  if (!lua_istable(L, table))
    return refuse(place, "is not a table");
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
    count++;
  struct mw_inventory_pair *pairs = array_for(place, count, sizeof *pairs);
  if (!pairs)
    return -ENOMEM;
  *out = (struct mw_inventory_map){.pairs = pairs};
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    if (check_deadline(place) < 0)
      return -ETIME;
    if (lua_type(L, -2) != LUA_TSTRING)
      return refuse(place, "has a key that is not a string");
    if (lua_type(L, -1) != LUA_TSTRING)
      return refuse_value(place, lua_tostring(L, -2));
    pairs[out->count++] =
        (struct mw_inventory_pair){.key = whole_text(L, -2), .value = whole_text(L, -1)};
  }
  return 0;
}

/* The number of elements of the list on top of the stack. @return false with the error set */
static bool read_length(lua_State *L, const struct place *place, size_t *out)
{
  *out = lua_istable(L, -1) ? lua_objlen(L, -1) : 0;
  if (lua_istable(L, -1) && mw_lua_is_list(L, lua_gettop(L), *out))
    return true;
  refuse(place, "is not a list");
  return false;
}

static int read_texts(lua_State *L, const struct place *place, struct mw_inventory_texts *out)
{
  size_t count;

  if (!read_length(L, place, &count))
    return -EINVAL;
  const char **texts = array_for(place, count, sizeof *texts);
  if (!texts)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++) {
    if (check_deadline(place) < 0)
      return -ETIME;
    lua_rawgeti(L, -1, (int)i + 1);
    if (lua_type(L, -1) != LUA_TSTRING)
      return refuse_element(place, i + 1, "is not a string");
    texts[i] = whole_text(L, -1);
    lua_pop(L, 1);
  }
  *out = (struct mw_inventory_texts){texts, count};
  return 0;
}

/* Push a field of the element on top of the stack. */
static void push_field(lua_State *L, const struct place *place, enum element_key key)
{
  lua_pushvalue(L, place->reader->first_key + (int)place->reader->schema->count + (int)key);
  lua_rawget(L, -2);
}

/* A text of the element on top of the stack; "" when there is none. @return false: not a string */
static bool text_field(lua_State *L, const struct place *place, enum element_key key,
                       const char **out)
{
  push_field(L, place, key);
  bool absent = lua_isnil(L, -1), fine = absent || lua_type(L, -1) == LUA_TSTRING;
  *out = fine && !absent ? whole_text(L, -1) : "";
  lua_pop(L, 1);
  return fine;
}

/* A port number of the element on top of the stack; 0 when there is none. */
static bool port_field(lua_State *L, const struct place *place, enum element_key key, uint16_t *out)
{
  push_field(L, place, key);
  bool absent = lua_isnil(L, -1);
  lua_Number number = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
  lua_pop(L, 1);
  bool fine = absent || (number >= 0 && number <= UINT16_MAX && number == floor(number));
  *out = fine && !absent ? (uint16_t)number : 0;
  return fine;
}

static const char *read_owner(lua_State *L, const struct place *place,
                              struct mw_inventory_pair *owner)
{
  if (!lua_istable(L, -1))
    return "is not a table";
  if (!text_field(L, place, KEY_KIND, &owner->key))
    return "has a kind that is not a string";
  return text_field(L, place, KEY_NAME, &owner->value) ? NULL : "has a name that is not a string";
}

static const char *read_port(lua_State *L, const struct place *place,
                             struct mw_inventory_port *port)
{
  if (!lua_istable(L, -1))
    return "is not a table";
  if (!port_field(L, place, KEY_PORT, &port->number) || port->number == 0)
    return "has a port that is not from 1 to 65535";
  if (!port_field(L, place, KEY_HOST_PORT, &port->host_number))
    return "has a host_port that is not from 0 to 65535";
  if (!text_field(L, place, KEY_PROTOCOL, &port->protocol))
    return "has a protocol that is not a string";
  return text_field(L, place, KEY_NAME, &port->name) ? NULL : "has a name that is not a string";
}

static int read_owners(lua_State *L, const struct place *place, struct mw_inventory_map *out)
{
  size_t count;

  if (!read_length(L, place, &count))
    return -EINVAL;
  struct mw_inventory_pair *owners = array_for(place, count, sizeof *owners);
  if (!owners)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++) {
    if (check_deadline(place) < 0)
      return -ETIME;
    lua_rawgeti(L, -1, (int)i + 1);
    const char *wrong = read_owner(L, place, &owners[i]);
    if (wrong)
      return refuse_element(place, i + 1, wrong);
    lua_pop(L, 1);
  }
  *out = (struct mw_inventory_map){owners, count};
  return 0;
}

static int read_ports(lua_State *L, const struct place *place, struct mw_inventory_ports *out)
{
  size_t count;

  if (!read_length(L, place, &count))
    return -EINVAL;
  struct mw_inventory_port *ports = array_for(place, count, sizeof *ports);
  if (!ports)
    return -ENOMEM;
  for (size_t i = 0; i < count; i++) {
    if (check_deadline(place) < 0)
      return -ETIME;
    lua_rawgeti(L, -1, (int)i + 1);
    const char *wrong = read_port(L, place, &ports[i]);
    if (wrong)
      return refuse_element(place, i + 1, wrong);
    lua_pop(L, 1);
  }
  *out = (struct mw_inventory_ports){ports, count};
  return 0;
}

static int read_value(lua_State *L, const struct place *place, void *value)
{
  switch (place->fact->type) {
  case MW_FACT_TEXT:
  case MW_FACT_STATE:
    return read_text(L, place, value);
  case MW_FACT_SECONDS:
    return read_seconds(L, place, value);
  case MW_FACT_NUMBER:
    return read_number(L, place, value);
  case MW_FACT_ANSWER:
    return read_answer(L, place, value);
  case MW_FACT_MAP:
    return read_map(L, place, value);
  case MW_FACT_OWNERS:
    return read_owners(L, place, value);
  case MW_FACT_SET:
  case MW_FACT_LIST:
    return read_texts(L, place, value);
  case MW_FACT_PORTS:
    return read_ports(L, place, value);
  }
  return 0;
}

int mw_lua_facts_read(lua_State *L, const struct mw_lua_facts_reader *reader, size_t number,
                      void *facts)
{
  const struct mw_facts_schema *schema = reader->schema;
  struct place place = {.reader = reader, .number = number};
  int top = lua_gettop(L), rc = 0;

  memset(facts, 0, schema->size_bytes);
  if (!lua_istable(L, top))
    return mw_error_set(reader->err, EINVAL, "%s %zu is not a table", schema->noun, number);
  for (size_t i = 0; rc == 0 && i < schema->count; i++) {
    if (check_deadline(&place) < 0)
      return -ETIME;
    place.fact = &schema->facts[i];
    lua_pushvalue(L, reader->first_key + (int)i);
    lua_rawget(L, top);
    if (!lua_isnil(L, -1))
      rc = read_value(L, &place, mw_fact_of(place.fact, facts));
    else if (i == 0)
      rc = refuse(&place, "is missing");
    lua_settop(L, top);
  }
  return rc;
}
