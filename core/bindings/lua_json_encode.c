/*
 * Lua values as JSON.
 *
 * Encoding is what every message pays for, hence two measures. Nothing is allocated in Lua between
 * the first key and the last byte (lua_next, lua_rawgeti and lua_rawseti never run the collector):
 * so no finalizer changes a table under our hands, and pointers into its strings hold. And since
 * messages repeat a few shapes of object, their keys are remembered, sorted and encoded
 * (json_shape.h).
 */
#include "bindings/lua_json.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/sort.h"
#include "base/text.h"
#include "bindings/json_shape.h"
#include "bindings/lua_util.h"
#include "script/script.h"
#include "json/writer.h"

static const char encoder_key; /* its address is the key in the registry */

/* ---- Encoder ---- */

#define KEPT_TEXT_BYTES ((size_t)1 << 20) /* larger memory is given back after use */
#define KEPT_MEMBERS 4096

struct value {
  int type; /* of Lua; LUA_TLIGHTUSERDATA is null */
  union {
    double number;
    bool boolean;
    struct mw_slice text; /* anchored by the table that it is in */
    int child;            /* a table: its index in the table of children */
  } as;
};

struct member {
  const void *id; /* of its key, as lua_topointer has it */
  struct value value;
  struct mw_slice key; /* filled in only where no shape is known */
};

/* One step of the way from the root to a value; an index of 0 means the key. */
struct step {
  struct mw_slice key;
  int index;
};

/* What the environment of the encoder's userdata has. */
enum { ENV_CHILDREN = 1, ENV_ANCHORS };

/* One for each state, a userdata. */
struct encoder {
  struct mw_buf text;     /* of json.encode */
  struct member *members; /* of all objects that are being written, the innermost last */
  size_t members_count;
  size_t members_capacity;
  struct mw_json_shapes shapes;
  int children_count;
  int children_peak;
  bool text_leaves; /* it is being given to Lua: a finalizer that encodes meanwhile makes another */

  /* During one call: */
  struct mw_json_writer writer;
  struct mw_error *err;
  const volatile sig_atomic_t *stop; /* set when the deadline of the script has passed */
  int children_index, anchors_index, texts_index; /* on the stack */
  const void *list_type, *constant_type;
  struct step path[MW_JSON_DEPTH_MAX + 1];
  unsigned depth; /* steps in path */
};

static void free_members(struct encoder *e)
{
  free(e->members);
  e->members = NULL;
  e->members_capacity = 0;
}

static void give_back_memory(struct encoder *e)
{
  if (e->members_capacity > KEPT_MEMBERS)
    free_members(e);
  if (e->text.capacity_bytes > KEPT_TEXT_BYTES)
    mw_buf_deinit(&e->text);
}

static int encoder_gc(lua_State *L)
{
  struct encoder *e = lua_touserdata(L, 1);

  mw_buf_deinit(&e->text);
  free_members(e);
  mw_json_shapes_deinit(&e->shapes);
  return 0;
}

/* Give the encoder on top of the stack an empty table at @p place of its environment. */
static void renew(lua_State *L, int place)
{
  lua_getfenv(L, -1);
  lua_newtable(L);
  lua_rawseti(L, -2, place);
  lua_pop(L, 1);
}

static struct encoder *push_encoder(lua_State *L)
{
  mw_lua_push_registered(L, &encoder_key);
  struct encoder *e = lua_touserdata(L, -1);
  if (e && !e->text_leaves)
    return e;

  lua_pop(L, 1);
  e = mw_lua_push_box(L, sizeof *e, encoder_gc);
  mw_buf_init(&e->text, MW_LUA_JSON_MAX_BYTES);
  lua_createtable(L, 2, 0);
  lua_setfenv(L, -2);
  renew(L, ENV_CHILDREN);
  renew(L, ENV_ANCHORS);
  mw_lua_register(L, &encoder_key);
  return e;
}

/* After a document with many tables in objects, or an error that jumped out of one. The encoder is
 * on top of the stack. */
static void reset_encoder(lua_State *L, struct encoder *e)
{
  if (e->children_count > 0 || e->children_peak > KEPT_MEMBERS)
    renew(L, ENV_CHILDREN);
  give_back_memory(e);
  mw_json_shapes_release(&e->shapes);
  mw_buf_clear(&e->text);
  e->children_count = e->children_peak = 0;
  e->members_count = 0;
  e->depth = 0;
}

/* ---- What cannot be encoded ---- */

static bool is_identifier(struct mw_slice text)
{
  for (size_t i = 0; i < text.len_bytes; i++)
    if (text.data[i] != '_' && !isalnum((unsigned char)text.data[i]))
      return false;
  return text.len_bytes > 0 && !isdigit((unsigned char)text.data[0]);
}

static void append_step(struct mw_buf *path, const struct step *step)
{
  char quoted[MW_TEXT_QUOTED_BYTES];

  if (step->index > 0)
    mw_buf_printf(path, NULL, "[%d]", step->index);
  else if (is_identifier(step->key))
    mw_buf_printf(path, NULL, "%s%.*s", path->len_bytes > 0 ? "." : "", (int)step->key.len_bytes,
                  step->key.data);
  else
    mw_buf_printf(path, NULL, "[%s]", mw_text_quote(step->key, quoted));
}

/* "cannot encode stats[3].id: a function" */
static int refuse(struct encoder *e, const char *why)
{
  MW_AUTO_BUF path;

  mw_buf_init(&path, 512); /* what is longer is left out */
  for (unsigned i = 0; i < e->depth; i++)
    append_step(&path, &e->path[i]);
  if (path.len_bytes == 0)
    return mw_error_set(e->err, EINVAL, "cannot encode %s", why);
  return mw_error_set(e->err, EINVAL, "cannot encode %s: %s", path.data, why);
}

static int refuse_type(struct encoder *e, lua_State *L, int type)
{
  char why[64];
  snprintf(why, sizeof why, "a %s", lua_typename(L, type));
  return refuse(e, why);
}

/* Tables may be in each other so often, or hold so little in so much memory, that a short document
 * takes for ever. */
static int check_deadline(struct encoder *e)
{
  return *e->stop ? mw_error_set(e->err, ETIME, "the deadline has passed") : 0;
}

static void enter(struct encoder *e, struct mw_slice key, int index)
{
  e->path[e->depth++] = (struct step){key, index};
}

static void leave(struct encoder *e)
{
  e->depth--;
}

/* ---- Values ---- */

static int write_table(struct encoder *e, lua_State *L);

/* Take the value on top of the stack, which stays. @return false when it has no JSON. */
static bool take_value(lua_State *L, struct value *out)
{
  out->type = lua_type(L, -1);
  switch (out->type) {
  case LUA_TNUMBER:
    out->as.number = lua_tonumber(L, -1);
    return true;
  case LUA_TSTRING:
    out->as.text.data = lua_tolstring(L, -1, &out->as.text.len_bytes);
    return true;
  case LUA_TBOOLEAN:
    out->as.boolean = lua_toboolean(L, -1);
    return true;
  case LUA_TTABLE: /* stays where it is */
    return true;
  case LUA_TLIGHTUSERDATA:
    return !lua_touserdata(L, -1);
  default:
    return false;
  }
}

static void write_scalar(struct encoder *e, const struct value *value)
{
  switch (value->type) {
  case LUA_TNUMBER:
    mw_json_write_double(&e->writer, value->as.number);
    break;
  case LUA_TSTRING:
    mw_json_write_slice(&e->writer, value->as.text);
    break;
  case LUA_TBOOLEAN:
    mw_json_write_bool(&e->writer, value->as.boolean);
    break;
  default:
    mw_json_write_null(&e->writer);
  }
}

/* Write the value on top of the stack, which stays. */
static int write_top(struct encoder *e, lua_State *L)
{
  struct value value;

  if (check_deadline(e) < 0)
    return -ETIME;
  if (!take_value(L, &value))
    return refuse_type(e, L, value.type);
  if (value.type == LUA_TTABLE)
    return write_table(e, L);
  write_scalar(e, &value);
  return e->writer.rc;
}

/* ---- Objects ---- */

/* What a table is marked as, by its metatable; NULL: it has none. */
static const void *type_of(lua_State *L, int index)
{
  if (!lua_getmetatable(L, index))
    return NULL;
  const void *type = lua_topointer(L, -1);
  lua_pop(L, 1);
  return type;
}

static struct mw_slice key_of(lua_State *L, int index)
{
  struct mw_slice key;

  key.data = lua_tolstring(L, index, &key.len_bytes);
  return key;
}

static struct member *add_member(struct encoder *e)
{
  if (e->members_count == e->members_capacity) {
    size_t capacity = e->members_capacity ? 2 * e->members_capacity : MW_JSON_SHAPE_MEMBERS_MAX;
    struct member *members = realloc(e->members, capacity * sizeof *members);
    if (!members)
      return NULL;
    e->members = members;
    e->members_capacity = capacity;
  }
  return &e->members[e->members_count++];
}

/*
 * Collect all members of the table below the key and the value on top of the stack (the first that
 * lua_next gave), and leave only the table. Tables among them go to the table of children.
 */
static int collect_members(struct encoder *e, lua_State *L, uint64_t *hash)
{
  do {
    if (check_deadline(e) < 0)
      return -ETIME;
    struct member *member = add_member(e);
    if (!member)
      return mw_error_set(e->err, ENOMEM, "out of memory for %zu members", e->members_count);
    member->id = lua_topointer(L, -2);
    *hash = mw_json_shape_hash(*hash, member->id);
    if (!take_value(L, &member->value)) {
      if (lua_type(L, -2) != LUA_TSTRING)
        return refuse(e, "a table whose keys are not all strings");
      enter(e, key_of(L, -2), 0);
      return refuse_type(e, L, member->value.type);
    }
    if (member->value.type == LUA_TTABLE) {
      member->value.as.child = ++e->children_count;
      lua_rawseti(L, e->children_index, e->children_count);
    } else {
      lua_pop(L, 1);
    }
  } while (lua_next(L, -2));
  return 0;
}

/* Look up the texts of the keys of the table on top of the stack, which are collected from @p first
 * on. Anchored at @p anchor_at and behind it they live on in the table of anchors; 0: they do not.
 */
static int collect_keys(struct encoder *e, lua_State *L, size_t first, int anchor_at)
{
  for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
    if (lua_type(L, -2) != LUA_TSTRING)
      return refuse(e, "a table whose keys are not all strings");
    if (check_deadline(e) < 0)
      return -ETIME;
    e->members[first++].key = key_of(L, -2);
    if (anchor_at > 0) {
      lua_pushvalue(L, -2);
      lua_rawseti(L, e->anchors_index, anchor_at++);
    }
  }
  return 0;
}

/* Write the table that was put away as @p child, which is under @p key. */
static int write_child(struct encoder *e, lua_State *L, struct mw_slice key, int child)
{
  enter(e, key, 0);
  lua_rawgeti(L, e->children_index, child);
  int rc = write_table(e, L); /* may move the members */
  lua_pop(L, 1);
  leave(e);
  return rc;
}

static void drop_children(struct encoder *e, lua_State *L, int first)
{
  if (e->children_count > e->children_peak)
    e->children_peak = e->children_count;
  for (; e->children_count > first; e->children_count--) {
    lua_pushnil(L);
    lua_rawseti(L, e->children_index, e->children_count);
  }
}

static int write_shaped_child(struct encoder *e, lua_State *L, int anchor, int child)
{
  lua_rawgeti(L, e->anchors_index, anchor);
  int rc = write_child(e, L, key_of(L, -1), child);
  lua_pop(L, 1);
  return rc;
}

/* Write the members from @p first on, whose keys @p shape knows. */
static int write_shaped(struct encoder *e, lua_State *L, size_t first, struct mw_json_shape *shape)
{
  int rc = 0;

  shape->users++; /* it stays while objects inside of this one look for theirs */
  for (size_t i = 0; i < shape->count && rc == 0; i++) {
    const struct value *value = &e->members[first + shape->order[i]].value;
    mw_json_write_encoded_key(&e->writer, mw_json_shape_key(shape, i));
    if (value->type == LUA_TTABLE)
      rc = write_shaped_child(e, L, shape->anchor + shape->order[i], value->as.child);
    else
      write_scalar(e, value);
  }
  shape->users--;
  return rc < 0 ? rc : e->writer.rc;
}

static int compare_members(const void *left, const void *right)
{
  return mw_json_compare_keys(((const struct member *)left)->key,
                              ((const struct member *)right)->key);
}

/* Write the members from @p first on, whose keys are too many, or too long, to be remembered. */
static int write_sorted(struct encoder *e, lua_State *L, size_t first)
{
  size_t count = e->members_count - first;
  int rc = mw_sort(e->members + first, count, sizeof *e->members, compare_members, e->stop);

  if (rc == -ENOMEM)
    return mw_error_set(e->err, ENOMEM, "out of memory for %zu members", count);
  for (size_t i = 0; i < count && (rc = check_deadline(e)) == 0; i++) {
    const struct member *member = &e->members[first + i];
    mw_json_write_key_slice(&e->writer, member->key);
    if (member->value.type != LUA_TTABLE)
      write_scalar(e, &member->value);
    else if ((rc = write_child(e, L, member->key, member->value.as.child)) < 0)
      break;
  }
  return rc < 0 ? rc : e->writer.rc;
}

/* The shape of the members from @p first on, of the table on top of the stack. @return 0 with NULL
 * where it is not worth remembering, and the keys are known then; or -errno. */
static int find_shape(struct encoder *e, lua_State *L, size_t first, uint64_t hash,
                      struct mw_json_shape **out)
{
  size_t count = e->members_count - first;
  size_t place;

  *out = mw_json_shapes_find(&e->shapes, hash, &e->members[first].id, sizeof *e->members, count);
  if (*out)
    return 0;
  bool has_place = mw_json_shapes_make_room(&e->shapes, hash, count, &place);
  int rc = collect_keys(e, L, first, has_place ? mw_json_shapes_anchor(place) : 0);
  if (rc < 0 || !has_place)
    return rc;
  *out = mw_json_shapes_add(&e->shapes, place, &e->members[first].id, &e->members[first].key,
                            sizeof *e->members, count);
  return 0;
}

/* The table, a key and its value are on the stack; the table stays. */
static int write_object(struct encoder *e, lua_State *L, const void *type)
{
  size_t first = e->members_count;
  int children_base = e->children_count;
  struct mw_json_shape *shape = NULL;
  uint64_t hash = 0;

  if (type == e->list_type)
    return refuse(e, "a list whose keys are not 1, 2, 3, ...");
  int rc = collect_members(e, L, &hash);
  if (rc == 0)
    rc = find_shape(e, L, first, hash, &shape);
  if (rc < 0)
    return rc;

  mw_json_begin_object(&e->writer);
  rc = shape ? write_shaped(e, L, first, shape) : write_sorted(e, L, first);
  if (rc < 0)
    return rc;
  mw_json_end_object(&e->writer);
  e->members_count = first;
  drop_children(e, L, children_base);
  return e->writer.rc;
}

/* ---- Lists ---- */

/* As write_object. A list has the keys 1 to n and no other, whatever the border that # found. */
static int write_list(struct encoder *e, lua_State *L)
{
  size_t count = lua_objlen(L, -3), found = 0;

  do {
    if (check_deadline(e) < 0)
      return -ETIME;
    double key = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
    if (lua_type(L, -2) != LUA_TNUMBER)
      return refuse(e, "a table whose keys are neither all strings nor 1, 2, 3, ...");
    if (!(key >= 1 && key <= (double)count && key == floor(key)))
      return refuse(e, "a list with gaps, or other numbers as keys (json.null fills a gap)");
    found++;
    lua_pop(L, 1);
  } while (lua_next(L, -2));
  if (found != count)
    return refuse(e, "a list with gaps (json.null fills a gap)");

  int rc = 0;
  mw_json_begin_array(&e->writer);
  for (int i = 1; i <= (int)count && rc == 0; i++) {
    enter(e, (struct mw_slice){0}, i);
    lua_rawgeti(L, -1, i);
    rc = write_top(e, L);
    lua_pop(L, 1);
    leave(e);
  }
  if (rc < 0)
    return rc;
  mw_json_end_array(&e->writer);
  return e->writer.rc;
}

/* @return false when the table on top of the stack is no constant after all: nobody has its text.
 */
static bool write_constant(struct encoder *e, lua_State *L)
{
  struct mw_slice text;

  lua_pushvalue(L, -1);
  lua_rawget(L, e->texts_index);
  text.data = lua_tolstring(L, -1, &text.len_bytes);
  if (text.data)
    mw_json_write_encoded(&e->writer, text);
  lua_pop(L, 1);
  return text.data;
}

/* Write the table on top of the stack. After a failure the stack may have more on it. */
static int write_table(struct encoder *e, lua_State *L)
{
  if (e->depth >= MW_JSON_DEPTH_MAX)
    return refuse(e, "a table nested too deep, or inside itself");
  if (check_deadline(e) < 0)
    return -ETIME;
  const void *type = type_of(L, -1);
  if (type && type == e->constant_type && write_constant(e, L))
    return e->writer.rc;
  lua_pushnil(L);
  if (lua_next(L, -2))
    return lua_type(L, -2) == LUA_TNUMBER ? write_list(e, L) : write_object(e, L, type);

  if (type == e->list_type) {
    mw_json_begin_array(&e->writer);
    mw_json_end_array(&e->writer);
  } else {
    mw_json_begin_object(&e->writer);
    mw_json_end_object(&e->writer);
  }
  return e->writer.rc;
}

/* ---- encode ---- */

/* Write the value at @p index of the stack. */
static int write_document(lua_State *L, struct encoder *e, int index, struct mw_buf *out,
                          struct mw_error *err)
{
  e->err = err;
  mw_json_writer_init(&e->writer, out, err);
  lua_pushvalue(L, index);
  int rc = write_top(e, L);
  return rc < 0 ? rc : mw_json_writer_finish(&e->writer);
}

/* Push what an encoder works with, and then set it up: until the last of these has allocated, a
 * finalizer may encode with the same one. */
static struct encoder *begin(lua_State *L)
{
  /* A level takes the table, a key and a value, and a little more to look at them. */
  luaL_checkstack(L, 3 * MW_JSON_DEPTH_MAX + LUA_MINSTACK, "for json");
  mw_lua_json_push_texts(L);
  mw_lua_json_push_constant_type(L);
  mw_lua_json_push_list_type(L);
  struct encoder *e = push_encoder(L);
  reset_encoder(L, e);
  e->stop = mw_script_stop_flag(L);
  e->list_type = lua_topointer(L, -2);
  e->constant_type = lua_topointer(L, -3);
  e->texts_index = lua_gettop(L) - 3;
  lua_getfenv(L, -1);
  lua_rawgeti(L, -1, ENV_CHILDREN);
  lua_rawgeti(L, -2, ENV_ANCHORS);
  e->anchors_index = lua_gettop(L);
  e->children_index = e->anchors_index - 1;
  return e;
}

int mw_lua_json_encode(lua_State *L, int index, struct mw_buf *out, struct mw_error *err)
{
  int top = lua_gettop(L);
  int absolute = index > 0 || index <= LUA_REGISTRYINDEX ? index : top + 1 + index;

  struct encoder *e = begin(L);
  int rc = write_document(L, e, absolute, out, err);
  give_back_memory(e);
  lua_settop(L, top);
  return rc;
}

int mw_lua_json_encode_function(lua_State *L)
{
  struct mw_error err;

  luaL_checkany(L, 1);
  struct encoder *e = begin(L);
  int rc = write_document(L, e, 1, &e->text, &err);
  if (rc == 0) {
    e->text_leaves = true;
    lua_pushlstring(L, e->text.data, e->text.len_bytes);
    e->text_leaves = false;
  }
  give_back_memory(e);
  if (rc == -ETIME)
    return mw_script_stop(L);
  if (rc == -EINVAL)
    return luaL_error(L, "%s", err.text);
  return rc < 0 ? mw_lua_fail(L, &err) : 1;
}
