/* moonwatch.http for Lua: requests of scripts, see scripts/meta/http.lua.
 *
 * What arrives is kept in a box of its own, in C memory, and becomes Lua values when the request is
 * over: no Lua function is called while libcurl is at work. */
#include "bindings/lua_http.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/lua_util.h"

#define HEADERS_MAX 64
#define TIMEOUT_MAX_S 86400.0
#define BODY_DEFAULT_BYTES ((size_t)8 << 20) /* it is there twice, for a moment */
#define BODY_MAX_BYTES ((size_t)64 << 20)

/* A script that has so much left gets its answer, or its error, with some of that to spare. */
#define PART_OF_WHAT_IS_LEFT(ms) ((ms) - (ms) / 10)

/* ---- What arrives ---- */

struct arrival {
  struct mw_buf headers; /* name, '\0', value, '\0' */
  struct mw_buf body;
};

static int arrival_gc(lua_State *L)
{
  struct arrival *arrival = lua_touserdata(L, 1);

  mw_buf_deinit(&arrival->headers);
  mw_buf_deinit(&arrival->body);
  return 0;
}

static int take_header(void *data, const char *name, const char *value, struct mw_error *err)
{
  struct arrival *arrival = data;
  int rc = mw_buf_append(&arrival->headers, name, strlen(name) + 1, err);

  return rc < 0 ? rc : mw_buf_append(&arrival->headers, value, strlen(value) + 1, err);
}

static int take_body(void *data, const char *piece, size_t len_bytes, struct mw_error *err)
{
  struct arrival *arrival = data;

  return mw_buf_append(&arrival->body, piece, len_bytes, err);
}

/* ---- Options ---- */

static const char *const option_keys[] = {
    "body",    "body_max_bytes", "connect_timeout_s", "credentials",
    "headers", "redirects_max",  "timeout_s",         "unix_socket",
};
#define OPTIONS_COUNT (sizeof option_keys / sizeof option_keys[0])

/* A misspelt option would go unnoticed: timeout = 5 would wait for 30 s. */
static void check_keys(lua_State *L, int options)
{
  for (lua_pushnil(L); lua_next(L, options); lua_pop(L, 1)) {
    const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "a list";
    struct mw_suggestion suggestion = {.wanted = key};
    bool known = false;
    for (size_t i = 0; i < OPTIONS_COUNT; i++) {
      known = known || strcmp(key, option_keys[i]) == 0;
      mw_suggestion_consider(&suggestion, option_keys[i]);
    }
    if (!known && suggestion.closest)
      luaL_argerror(
          L, options,
          lua_pushfstring(L, "there is no option %s; did you mean %s?", key, suggestion.closest));
    if (!known)
      luaL_argerror(L, options, lua_pushfstring(L, "there is no option %s", key));
  }
}

/* A number from @p least to @p most; @p otherwise where there is none. */
static double number_option(lua_State *L, int options, const char *key, double least, double most,
                            double otherwise)
{
  lua_pushstring(L, key);
  lua_rawget(L, options);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return otherwise;
  }
  double value = lua_tonumber(L, -1);
  if (lua_type(L, -1) != LUA_TNUMBER || !(value >= least && value <= most))
    luaL_argerror(L, options,
                  lua_pushfstring(L, "%s is not a number from %f to %f", key, least, most));
  lua_pop(L, 1);
  return value;
}

static int by_bytes(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Leaves each line on the stack. In their order, so that the same request is the same bytes. */
static void read_headers(lua_State *L, int options, const char *lines[static HEADERS_MAX + 1])
{
  size_t count = 0;

  lua_pushliteral(L, "headers");
  lua_rawget(L, options);
  if (lua_isnil(L, -1))
    return;
  if (!lua_istable(L, -1))
    luaL_argerror(L, options,
                  lua_pushfstring(L, "headers is a %s, not a table", luaL_typename(L, -1)));
  int table = lua_gettop(L);
  luaL_checkstack(L, HEADERS_MAX + 8, "headers");
  for (lua_pushnil(L); lua_next(L, table);) {
    luaL_argcheck(L, count < HEADERS_MAX, options, "more than 64 headers");
    if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
      luaL_argerror(L, options, "headers are names with a text each");
    mw_lua_check_cstring(L, -2);
    mw_lua_check_cstring(L, -1);
    lua_pushfstring(L, "%s: %s", lua_tostring(L, -2), lua_tostring(L, -1));
    lines[count++] = lua_tostring(L, -1);
    lua_replace(L, -2); /* the line where the value was, */
    lua_insert(L, -2);  /* and below the name, which lua_next wants on top */
  }
  lines[count] = NULL;
  qsort(lines, count, sizeof lines[0], by_bytes);
}

static void refuse(lua_State *L, int arg, const struct mw_error *err)
{
  lua_pushstring(L, err->text);
  luaL_argerror(L, arg, lua_tostring(L, -1));
}

static void read_names(lua_State *L, int options, struct mw_http_request *request)
{
  const struct mw_http_access *access = mw_context_http_access(mw_lua_context(L));
  struct mw_error err;
  const char *name = mw_lua_text_field(L, options, "credentials");

  if (name && !(request->credentials = mw_http_access_credentials(access, name, &err)))
    refuse(L, options, &err);
  name = mw_lua_text_field(L, options, "unix_socket");
  if (name && !(request->unix_socket = mw_http_access_socket(access, name, &err)))
    refuse(L, options, &err);
}

static void read_options(lua_State *L, int options, struct mw_http_request *request,
                         const char *lines[static HEADERS_MAX + 1])
{
  request->body_max_bytes = BODY_DEFAULT_BYTES;
  if (lua_isnil(L, options))
    return;
  luaL_checktype(L, options, LUA_TTABLE);
  check_keys(L, options);
  request->timeout_ms =
      (int64_t)ceil(1000 * number_option(L, options, "timeout_s", 0.001, TIMEOUT_MAX_S, 0));
  request->connect_timeout_ms =
      (int64_t)ceil(1000 * number_option(L, options, "connect_timeout_s", 0.001, TIMEOUT_MAX_S, 0));
  request->body_max_bytes = (size_t)number_option(L, options, "body_max_bytes", 1, BODY_MAX_BYTES,
                                                  (double)BODY_DEFAULT_BYTES);
  request->redirects_max = (unsigned)number_option(L, options, "redirects_max", 0, 20, 0);
  read_names(L, options, request);
  read_headers(L, options, lines);
  if (lines[0])
    request->headers = lines;
}

static void push_body_option(lua_State *L, int options)
{
  lua_pushnil(L);
  if (!lua_istable(L, options))
    return;
  lua_pushliteral(L, "body");
  lua_rawget(L, options);
}

/* The body at @p index, or nil; it is any bytes. */
static void read_body(lua_State *L, int index, int arg, struct mw_http_request *request)
{
  if (lua_isnil(L, index))
    return;
  luaL_argcheck(L, lua_type(L, index) == LUA_TSTRING, arg, "the body is not a string");
  request->body = lua_tolstring(L, index, &request->body_bytes);
}

/* ---- Results ---- */

/* A field that comes more than once is one list, with commas, as RFC 9110 has it. */
static void push_headers(lua_State *L, const struct mw_buf *headers)
{
  const char *at = headers->data, *end = at + headers->len_bytes;

  lua_newtable(L);
  while (at < end) {
    const char *name = at, *value = name + strlen(name) + 1;
    lua_pushstring(L, name);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      lua_pushstring(L, value);
    } else {
      lua_pushfstring(L, "%s, %s", lua_tostring(L, -1), value);
      lua_remove(L, -2);
    }
    lua_rawset(L, -3);
    at = value + strlen(value) + 1;
  }
}

static void set_retry_after(lua_State *L, const struct mw_http_answer *answer)
{
  if (answer->retry_after_ms >= 0)
    mw_lua_set_number(L, "retry_after_s", (double)answer->retry_after_ms / 1000);
}

static int push_answer(lua_State *L, const struct mw_http_answer *answer,
                       const struct arrival *arrival)
{
  lua_createtable(L, 0, 5);
  mw_lua_set_number(L, "status", answer->status);
  if (answer->version > 0)
    mw_lua_set_number(L, "version", answer->version / 10.0);
  set_retry_after(L, answer);
  push_headers(L, &arrival->headers);
  lua_setfield(L, -2, "headers");
  lua_pushlstring(L, arrival->body.data ? arrival->body.data : "", arrival->body.len_bytes);
  lua_setfield(L, -2, "body");
  return 1;
}

static int push_failure(lua_State *L, const struct mw_http_answer *answer,
                        const struct mw_error *err)
{
  lua_pushnil(L);
  lua_pushstring(L, err->text);
  lua_createtable(L, 0, 5);
  mw_lua_set_number(L, "errno", err->code);
  lua_pushstring(L, mw_http_phase_name(answer->phase));
  lua_setfield(L, -2, "phase");
  if (answer->status > 0)
    mw_lua_set_number(L, "status", answer->status);
  mw_lua_set_text(L, "said", answer->said);
  set_retry_after(L, answer);
  return 3;
}

/* ---- The budget ---- */

static const char budget_key; /* its address is the key in the registry */

void mw_lua_set_http_budget(lua_State *L, struct mw_http_budget *budget)
{
  lua_pushlightuserdata(L, budget);
  mw_lua_register(L, &budget_key);
  lua_pop(L, 1);
}

static int spend(lua_State *L, struct mw_error *err)
{
  mw_lua_push_registered(L, &budget_key);
  struct mw_http_budget *budget = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (!budget)
    return 0;
  if (budget->used_count >= budget->max_count)
    return mw_error_set(err, EDQUOT,
                        "the run is over its budget of %" PRIu32
                        " HTTP requests (scripts.%s.budget.http_requests_count)",
                        budget->max_count, budget->script);
  budget->used_count++;
  return 0;
}

/* ---- Asking ---- */

/* No longer than the script may still run, and what it had left when it began to wait is over. */
static void shorten(struct mw_http_request *request)
{
  int64_t left_ms = mw_script_left_ms();

  if (left_ms == INT64_MAX)
    return;
  left_ms = PART_OF_WHAT_IS_LEFT(left_ms);
  if (left_ms < 1)
    left_ms = 1;
  if (request->timeout_ms <= 0 || request->timeout_ms > left_ms)
    request->timeout_ms = left_ms;
}

static int ask(lua_State *L, struct mw_http_request *request)
{
  struct mw_http_answer answer = {.retry_after_ms = -1, .phase = MW_HTTP_PHASE_REQUEST};
  struct mw_error err;
  struct arrival *arrival = mw_lua_push_box(L, sizeof *arrival, arrival_gc);
  const struct mw_http_sink sink = {.data = arrival, .header = take_header, .body = take_body};

  mw_buf_init(&arrival->headers, (size_t)1 << 20);
  mw_buf_init(&arrival->body, request->body_max_bytes);
  struct mw_http *http = mw_lua_http(L, &err);
  if (!http || spend(L, &err) < 0)
    return push_failure(L, &answer, &err);
  shorten(request);
  if (mw_http_ask(http, request, &sink, &answer, &err) < 0)
    return push_failure(L, &answer, &err);
  return push_answer(L, &answer, arrival);
}

/* get(url, options) */
static int http_get(lua_State *L)
{
  const char *lines[HEADERS_MAX + 1] = {NULL};
  struct mw_http_request request = {.url = mw_lua_check_cstring(L, 1)};

  lua_settop(L, 2);
  read_options(L, 2, &request, lines);
  push_body_option(L, 2);
  luaL_argcheck(L, lua_isnil(L, -1), 2, "a GET has no body; http.request sends one");
  return ask(L, &request);
}

/* post(url, body, options) */
static int http_post(lua_State *L)
{
  const char *lines[HEADERS_MAX + 1] = {NULL};
  struct mw_http_request request = {.method = "POST", .url = mw_lua_check_cstring(L, 1)};

  luaL_checktype(L, 2, LUA_TSTRING);
  lua_settop(L, 3);
  read_options(L, 3, &request, lines);
  push_body_option(L, 3);
  luaL_argcheck(L, lua_isnil(L, -1), 3, "the body is the second argument");
  read_body(L, 2, 2, &request);
  return ask(L, &request);
}

/* request(method, url, options) */
static int http_request(lua_State *L)
{
  const char *lines[HEADERS_MAX + 1] = {NULL};
  struct mw_http_request request = {.method = mw_lua_check_cstring(L, 1),
                                    .url = mw_lua_check_cstring(L, 2)};

  lua_settop(L, 3);
  read_options(L, 3, &request, lines);
  push_body_option(L, 3);
  read_body(L, lua_gettop(L), 3, &request);
  return ask(L, &request);
}

const luaL_Reg mw_lua_http_functions[] = {
    {"get", http_get},
    {"post", http_post},
    {"request", http_request},
    {NULL, NULL},
};
