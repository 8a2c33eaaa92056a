#include "bindings/http_access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bindings/lua_util.h"

#define KEYS "ca_file, cert_file, key_file, token_file and insecure_skip_verify"

/* ---- Names ---- */

static int check_name(const char *name, struct mw_error *err)
{
  static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  size_t len_bytes = strlen(name);

  if (len_bytes > 0 && len_bytes <= 64 && strspn(name, alphabet) == len_bytes)
    return 0;
  return mw_error_set(err, EINVAL, "a name has 1 to 64 letters, digits, _ and -, unlike \"%.64s\"",
                      name);
}

static struct mw_http_identity *find_identity(struct mw_http_access *access, const char *name)
{
  for (size_t i = 0; i < access->identities_count; i++)
    if (strcmp(access->identities[i].name, name) == 0)
      return &access->identities[i];
  return NULL;
}

static int check_room(size_t count, const char *what, struct mw_error *err)
{
  return count < MW_HTTP_ACCESS_MAX
             ? 0
             : mw_error_set(err, ENOSPC, "there are more than %d %s", MW_HTTP_ACCESS_MAX, what);
}

static struct mw_http_identity *identity_named(struct mw_http_access *access, const char *name,
                                               struct mw_error *err)
{
  struct mw_http_identity *identity = find_identity(access, name);

  if (identity)
    return identity;
  if (check_name(name, err) < 0 || check_room(access->identities_count, "credentials", err) < 0)
    return NULL;
  identity = &access->identities[access->identities_count++];
  *identity = (struct mw_http_identity){.name = name};
  return identity;
}

/* ---- Filling it ---- */

static int set_key(struct mw_http_credentials *credentials, const char *key, const char *value,
                   struct mw_error *err)
{
  const struct {
    const char *key;
    const char **file;
  } files[] = {
      {"ca_file", &credentials->ca_file},
      {"cert_file", &credentials->cert_file},
      {"key_file", &credentials->key_file},
      {"token_file", &credentials->token_file},
  };

  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    if (strcmp(files[i].key, key) == 0) {
      *files[i].file = value;
      return *value ? 0 : mw_error_set(err, EINVAL, "%s is empty", key);
    }
  if (strcmp(key, "insecure_skip_verify") != 0)
    return mw_error_set(err, EINVAL, "credentials have " KEYS ", not \"%.64s\"", key);
  credentials->insecure_skip_verify = strcmp(value, "true") == 0;
  if (!credentials->insecure_skip_verify && strcmp(value, "false") != 0)
    return mw_error_set(err, EINVAL, "%s is true or false, not \"%.64s\"", key, value);
  return 0;
}

int mw_http_access_set(struct mw_http_access *access, const char *name, const char *key,
                       const char *value, struct mw_error *err)
{
  struct mw_error why;
  struct mw_http_identity *identity = identity_named(access, name, &why);
  int rc = identity ? set_key(&identity->credentials, key, value, &why) : -why.code;

  return rc == 0 ? 0 : mw_error_set(err, why.code, "%s", why.text);
}

int mw_http_access_add_socket(struct mw_http_access *access, const char *name, const char *path,
                              struct mw_error *err)
{
  int rc = check_name(name, err);

  if (rc == 0)
    rc = check_room(access->sockets_count, "unix sockets", err);
  if (rc == 0 && *path != '/')
    rc = mw_error_set(err, EINVAL, "the path of a unix socket begins with /, unlike \"%.64s\"",
                      path);
  if (rc == 0)
    access->sockets[access->sockets_count++] = (struct mw_http_socket){name, path};
  return rc;
}

/* ---- Looking up ---- */

/* "; there are: docker, kubelet" */
static void list_name(char *list, size_t list_bytes, const char *name, bool first)
{
  size_t used = strlen(list);

  snprintf(list + used, list_bytes - used, "%s%s", first ? "; there are: " : ", ", name);
}

const struct mw_http_credentials *mw_http_access_credentials(const struct mw_http_access *access,
                                                             const char *name, struct mw_error *err)
{
  char known[MW_HTTP_ACCESS_MAX * 68] = "";

  for (size_t i = 0; i < access->identities_count; i++) {
    if (strcmp(access->identities[i].name, name) == 0)
      return &access->identities[i].credentials;
    list_name(known, sizeof known, access->identities[i].name, i == 0);
  }
  mw_error_set(err, ENOENT, "no credentials are named \"%.64s\"%s", name,
               *known ? known : "; none have a name here");
  return NULL;
}

const char *mw_http_access_socket(const struct mw_http_access *access, const char *name,
                                  struct mw_error *err)
{
  char known[MW_HTTP_ACCESS_MAX * 68] = "";

  for (size_t i = 0; i < access->sockets_count; i++) {
    if (strcmp(access->sockets[i].name, name) == 0)
      return access->sockets[i].path;
    list_name(known, sizeof known, access->sockets[i].name, i == 0);
  }
  mw_error_set(err, ENOENT, "no unix socket is named \"%.64s\"%s", name,
               *known ? known : "; none has a name here");
  return NULL;
}

/* ---- From Lua ---- */

/* The text on top of the stack, which the table at @p keep holds on to from now on. */
static const char *keep_text(lua_State *L, int keep, const char *what)
{
  if (lua_type(L, -1) != LUA_TSTRING)
    luaL_error(L, "%s is a %s, not a string", what, luaL_typename(L, -1));
  const char *text = lua_tostring(L, -1);
  if (strlen(text) != lua_objlen(L, -1))
    luaL_error(L, "%s contains a NUL byte", what);
  lua_pushvalue(L, -1);
  lua_rawseti(L, keep, (int)lua_objlen(L, keep) + 1);
  return text;
}

static void raise_if(lua_State *L, int rc, const struct mw_error *err)
{
  if (rc < 0)
    luaL_error(L, "%s", err->text);
}

/* Push the field's table; false: there is none, and nothing was pushed. */
static bool push_table(lua_State *L, int index, const char *key)
{
  lua_pushstring(L, key);
  lua_rawget(L, index);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return false;
  }
  if (!lua_istable(L, -1))
    luaL_error(L, "%s is a %s, not a table", key, luaL_typename(L, -1));
  return true;
}

/* One of credentials, whose table is on top of the stack. */
static void read_identity(lua_State *L, int keep, const char *name, struct mw_http_access *out)
{
  struct mw_error err;
  int table = lua_gettop(L);

  if (!identity_named(out, name, &err)) /* also where it says nothing */
    luaL_error(L, "%s", err.text);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    const char *key = keep_text(L, keep, "a key of credentials");
    lua_pop(L, 1);
    if (lua_isboolean(L, -1))
      raise_if(L, mw_http_access_set(out, name, key, lua_toboolean(L, -1) ? "true" : "false", &err),
               &err);
    else
      raise_if(L, mw_http_access_set(out, name, key, keep_text(L, keep, key), &err), &err);
  }
}

static void read_identities(lua_State *L, int index, int keep, struct mw_http_access *out)
{
  if (!push_table(L, index, "credentials"))
    return;
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    lua_pushvalue(L, -2);
    const char *name = keep_text(L, keep, "a name of credentials");
    lua_pop(L, 1);
    if (!lua_istable(L, -1))
      luaL_error(L, "credentials %s is a %s, not a table", name, luaL_typename(L, -1));
    read_identity(L, keep, name, out);
  }
  lua_pop(L, 1);
}

static void read_sockets(lua_State *L, int index, int keep, struct mw_http_access *out)
{
  struct mw_error err;

  if (!push_table(L, index, "unix_sockets"))
    return;
  int table = lua_gettop(L);
  for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
    const char *path = keep_text(L, keep, "the path of a unix socket");
    lua_pushvalue(L, -2);
    const char *name = keep_text(L, keep, "the name of a unix socket");
    lua_pop(L, 1);
    raise_if(L, mw_http_access_add_socket(out, name, path, &err), &err);
  }
  lua_pop(L, 1);
}

void mw_lua_read_http_access(lua_State *L, int index, int keeper, struct mw_http_access *out)
{
  int top = lua_gettop(L);

  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_setfenv(L, keeper);
  read_identities(L, index, top + 1, out);
  read_sockets(L, index, top + 1, out);
  lua_pushliteral(L, "http_answers");
  lua_rawget(L, index);
  if (!lua_isnil(L, -1))
    out->recorded_dir = keep_text(L, top + 1, "http_answers");
  lua_settop(L, top);
}
