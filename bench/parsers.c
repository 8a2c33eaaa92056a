#include "parsers.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdlib.h>
#include <yajl/yajl_parse.h>

#include "moonwatch/kubelet_pods.h"
#include "moonwatch/kubelet_summary.h"

#define PIECE_BYTES ((size_t)16 << 10)

struct bench_parsers {
  lua_State *lua;
  int decode; /* a reference to cjson.decode */
};

struct bench_parsers *bench_parsers_new(struct mw_error *err)
{
  struct bench_parsers *parsers = calloc(1, sizeof *parsers);

  if (parsers)
    parsers->lua = luaL_newstate();
  if (!parsers || !parsers->lua) {
    mw_error_set(err, ENOMEM, "out of memory for a Lua state");
    bench_parsers_free(parsers);
    return NULL;
  }
  luaL_openlibs(parsers->lua);
  if (luaL_dostring(parsers->lua, "return require('cjson').decode") != 0) {
    mw_error_set(err, ENOENT, "lua-cjson is not there (apt-get install lua-cjson): %.300s",
                 lua_tostring(parsers->lua, -1));
    bench_parsers_free(parsers);
    return NULL;
  }
  parsers->decode = luaL_ref(parsers->lua, LUA_REGISTRYINDEX);
  return parsers;
}

void bench_parsers_free(struct bench_parsers *parsers)
{
  if (!parsers)
    return;
  if (parsers->lua)
    lua_close(parsers->lua);
  free(parsers);
}

/* The next piece of @p rest, as a copy would come from a socket. */
static bool next_piece(struct mw_slice *rest, struct mw_slice *piece)
{
  *piece = *rest;
  if (piece->len_bytes > PIECE_BYTES)
    piece->len_bytes = PIECE_BYTES;
  rest->data += piece->len_bytes;
  rest->len_bytes -= piece->len_bytes;
  return piece->len_bytes > 0;
}

/* ---- Ours ---- */

static int count_is(size_t count, size_t pods, struct mw_error *err)
{
  return count == pods ? 0 : mw_error_set(err, EPROTO, "%zu pods, not %zu", count, pods);
}

static int parse_summary(size_t pods, struct mw_slice text, size_t *bytes, struct mw_error *err)
{
  struct mw_kubelet_summary_reader *reader = mw_kubelet_summary_reader_new(NULL, err);
  struct mw_slice piece;
  int rc = reader ? 0 : -err->code;

  while (rc == 0 && next_piece(&text, &piece))
    rc = mw_kubelet_summary_reader_feed(reader, piece.data, piece.len_bytes, err);
  struct mw_kubelet_summary *summary = rc == 0 ? mw_kubelet_summary_reader_take(reader, err) : NULL;
  mw_kubelet_summary_reader_free(reader);
  if (!summary)
    return -err->code;
  *bytes = mw_kubelet_summary_bytes(summary);
  rc = count_is(summary->oddities.count == 0 ? summary->pods_count : 0, pods, err);
  mw_kubelet_summary_free(summary);
  return rc;
}

static int parse_pods(size_t pods, struct mw_slice text, size_t *bytes, struct mw_error *err)
{
  struct mw_kubelet_pods_reader *reader =
      mw_kubelet_pods_reader_new(&(struct mw_kubelet_pods_config){0}, err);
  struct mw_slice piece;
  int rc = reader ? 0 : -err->code;

  while (rc == 0 && next_piece(&text, &piece))
    rc = mw_kubelet_pods_reader_feed(reader, piece.data, piece.len_bytes, err);
  struct mw_kubelet_pods *list = rc == 0 ? mw_kubelet_pods_reader_take(reader, err) : NULL;
  mw_kubelet_pods_reader_free(reader);
  if (!list)
    return -err->code;
  *bytes = mw_kubelet_pods_bytes(list);
  rc = count_is(list->oddities.count == 0 ? list->count : 0, pods, err);
  mw_kubelet_pods_free(list);
  return rc;
}

/* ---- yajl ---- */

static int ignore(void *context)
{
  (void)context;
  return 1;
}

static int ignore_boolean(void *context, int value)
{
  (void)context;
  (void)value;
  return 1;
}

static int ignore_number(void *context, const char *text, size_t len_bytes)
{
  (void)context;
  (void)text;
  (void)len_bytes;
  return 1;
}

static int ignore_text(void *context, const unsigned char *text, size_t len_bytes)
{
  (void)context;
  (void)text;
  (void)len_bytes;
  return 1;
}

static int parse_with_yajl(struct mw_slice text, struct mw_error *err)
{
  static const yajl_callbacks callbacks = {.yajl_null = ignore,
                                           .yajl_boolean = ignore_boolean,
                                           .yajl_number = ignore_number,
                                           .yajl_string = ignore_text,
                                           .yajl_start_map = ignore,
                                           .yajl_map_key = ignore_text,
                                           .yajl_end_map = ignore,
                                           .yajl_start_array = ignore,
                                           .yajl_end_array = ignore};
  yajl_handle yajl = yajl_alloc(&callbacks, NULL, NULL);
  struct mw_slice piece;
  yajl_status status = yajl ? yajl_status_ok : yajl_status_error;

  while (status == yajl_status_ok && next_piece(&text, &piece))
    status = yajl_parse(yajl, (const unsigned char *)piece.data, piece.len_bytes);
  if (status == yajl_status_ok)
    status = yajl_complete_parse(yajl);
  if (yajl)
    yajl_free(yajl);
  return status == yajl_status_ok ? 0 : mw_error_set(err, EPROTO, "yajl does not like it");
}

/* ---- lua-cjson ---- */

/* Tables live until they are collected, which is part of what they cost. */
static int parse_with_cjson(struct bench_parsers *parsers, struct mw_slice text,
                            struct mw_error *err)
{
  lua_State *L = parsers->lua;

  lua_rawgeti(L, LUA_REGISTRYINDEX, parsers->decode);
  lua_pushlstring(L, text.data, text.len_bytes);
  int status = lua_pcall(L, 1, 1, 0);
  if (status != 0)
    mw_error_set(err, EPROTO, "%.300s", lua_tostring(L, -1));
  lua_settop(L, 0);
  lua_gc(L, LUA_GCCOLLECT, 0);
  return status == 0 ? 0 : -EPROTO;
}

int bench_parse(struct bench_parsers *parsers, enum bench_parser parser,
                enum bench_document document, size_t pods, struct mw_slice text,
                size_t *result_bytes, struct mw_error *err)
{
  size_t bytes = 0;
  int rc;

  if (parser == BENCH_YAJL)
    rc = parse_with_yajl(text, err);
  else if (parser == BENCH_CJSON)
    rc = parse_with_cjson(parsers, text, err);
  else if (document == BENCH_SUMMARY)
    rc = parse_summary(pods, text, &bytes, err);
  else
    rc = parse_pods(pods, text, &bytes, err);
  if (result_bytes)
    *result_bytes = bytes;
  return rc;
}
