/* moonwatch.script for plain luajit: runs text in a sandbox like the agent's, for tests. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/lua_log.h"
#include "bindings/lua_util.h"
#include "script/plain.h"

#define SCRIPT_TYPE "moonwatch.script"
#define RESULT_MAX_BYTES ((size_t)64 << 20)
#define MODULE_DIRS_MAX 16
#define TIMEOUT_MAX_MS 1e15

struct script_box {
  struct mw_script *script;
  struct mw_context *context; /* NULL: the modules make one of their own for this host */
  int64_t timeout_ms;
  char *module_dirs[MODULE_DIRS_MAX + 1];
};

static struct script_box *check_script(lua_State *L)
{
  struct script_box *box = luaL_checkudata(L, 1, SCRIPT_TYPE);
  luaL_argcheck(L, box->script, 1, "the script is closed");
  return box;
}

static int script_close(lua_State *L) /* also __gc */
{
  struct script_box *box = luaL_checkudata(L, 1, SCRIPT_TYPE);

  mw_script_free(box->script);
  mw_context_free(box->context); /* after the state whose modules use it */
  for (size_t i = 0; i < MODULE_DIRS_MAX; i++)
    free(box->module_dirs[i]);
  *box = (struct script_box){0};
  return 0;
}

/* ---- eval ---- */

struct eval {
  const char *chunk_name;
  const char *text;
  size_t len_bytes;
  struct mw_buf *result;
  int rc;
  struct mw_error err;
};

static int run_eval(lua_State *L)
{
  struct eval *eval = lua_touserdata(L, 1);

  lua_pushfstring(L, "@%s", eval->chunk_name);
  int status = luaL_loadbufferx(L, eval->text, eval->len_bytes, lua_tostring(L, -1), "t");
  if (status == LUA_ERRSYNTAX) {
    eval->rc = mw_error_set(&eval->err, EINVAL, "%s", lua_tostring(L, -1));
    return 0;
  }
  if (status != 0)
    return lua_error(L);
  lua_call(L, 0, 1);
  eval->rc = mw_plain_pack(L, eval->result, &eval->err);
  if (eval->rc < 0)
    mw_error_prefix(&eval->err, "a result");
  return 0;
}

static int result_gc(lua_State *L)
{
  mw_buf_deinit(lua_touserdata(L, 1));
  return 0;
}

/* A result of its own for each call, and another look at the script: a finalizer that runs while
 * this allocates may call eval as well, or close. */
static int script_eval(lua_State *L)
{
  struct eval eval = {0};

  check_script(L);
  eval.text = luaL_checklstring(L, 2, &eval.len_bytes);
  eval.chunk_name = lua_isnoneornil(L, 3) ? "eval" : mw_lua_check_cstring(L, 3);
  lua_Number timeout_ms = luaL_optnumber(L, 4, -1);
  luaL_argcheck(L, timeout_ms >= -1 && timeout_ms <= TIMEOUT_MAX_MS, 4, "timeout_ms");
  eval.result = mw_lua_push_box(L, sizeof *eval.result, result_gc);
  mw_buf_init(eval.result, RESULT_MAX_BYTES);
  struct script_box *box = check_script(L);
  int rc = mw_script_call(box->script, run_eval, &eval,
                          timeout_ms < 0 ? box->timeout_ms : (int64_t)timeout_ms, &eval.err);
  if (rc < 0 || eval.rc < 0)
    return mw_lua_fail(L, &eval.err);
  rc = mw_plain_unpack(L, eval.result->data, eval.result->len_bytes, &eval.err);
  return rc < 0 ? mw_lua_fail(L, &eval.err) : 1;
}

static int script_memory_bytes(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)mw_script_memory_bytes(check_script(L)->script));
  return 1;
}

static int script_memory_peak_bytes(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)mw_script_memory_peak_bytes(check_script(L)->script));
  return 1;
}

/* ---- new ---- */

static void push_class(lua_State *L)
{
  static const luaL_Reg methods[] = {
      {"close", script_close},
      {"eval", script_eval},
      {"memory_bytes", script_memory_bytes},
      {"memory_peak_bytes", script_memory_peak_bytes},
      {NULL, NULL},
  };

  /* filled each time: memory may have run out half-way through the first time */
  luaL_newmetatable(L, SCRIPT_TYPE);
  lua_newtable(L);
  mw_lua_add_functions(L, "script", methods);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, script_close);
  lua_setfield(L, -2, "__gc");
  lua_pushliteral(L, "locked");
  lua_setfield(L, -2, "__metatable");
}

/* An empty box first, filled second: whatever raises on the way, it is freed. */
static struct script_box *push_box(lua_State *L)
{
  struct script_box *box = lua_newuserdata(L, sizeof *box);

  *box = (struct script_box){0};
  push_class(L);
  lua_setmetatable(L, -2);
  return box;
}

static void read_module_dirs(lua_State *L, struct script_box *box)
{
  lua_getfield(L, 1, "module_dirs");
  if (!lua_isnil(L, -1)) {
    luaL_checktype(L, -1, LUA_TTABLE);
    size_t count = lua_objlen(L, -1);
    luaL_argcheck(L, count <= MODULE_DIRS_MAX, 1, "too many module_dirs");
    for (size_t i = 0; i < count; i++) {
      lua_rawgeti(L, -1, (int)i + 1);
      box->module_dirs[i] = strdup(mw_lua_check_cstring(L, -1));
      if (!box->module_dirs[i])
        luaL_error(L, "out of memory");
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

struct owner {
  struct mw_context *context;
  const char *name;
};

static void use_owner(lua_State *L, void *data)
{
  const struct owner *owner = data;

  if (owner->context)
    mw_lua_set_context(L, owner->context);
  mw_lua_log_set_component(L, owner->name);
}

static lua_Number number_option(lua_State *L, const char *key)
{
  lua_getfield(L, 1, key);
  lua_Number value = luaL_optnumber(L, -1, 0);
  luaL_argcheck(L, value >= 0 && value <= TIMEOUT_MAX_MS, 1, key);
  lua_pop(L, 1);
  return value;
}

/* The strings stay on the stack, so that they live as long as the call. */
static const char *text_option(lua_State *L, const char *key, const char *otherwise)
{
  lua_getfield(L, 1, key);
  return lua_isnil(L, -1) ? otherwise : mw_lua_check_cstring(L, -1);
}

static int script_new(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  const char *host_root = text_option(L, "host_root", NULL);
  const char *state_dir = text_option(L, "state_dir", NULL);
  const char *name = text_option(L, "name", "script");
  struct script_box *box = push_box(L);
  struct mw_error err;

  read_module_dirs(L, box);
  box->timeout_ms = (int64_t)number_option(L, "timeout_ms");
  struct mw_script_config config = {
      .name = name,
      .memory_max_bytes = (size_t)number_option(L, "memory_max_bytes"),
      .modules = mw_lua_sandbox_modules,
      .module_dirs = (const char *const *)box->module_dirs,
      .prepare = use_owner,
  };
  if (host_root || state_dir) {
    struct mw_context_config roots = {.host_root = host_root, .state_dir = state_dir};
    box->context = mw_context_new(&roots, &err);
    if (!box->context)
      return mw_lua_fail(L, &err);
  }
  struct owner owner = {box->context, name};
  config.prepare_data = &owner;
  box->script = mw_script_new(&config, &err);
  return box->script ? 1 : mw_lua_fail(L, &err);
}

const luaL_Reg mw_lua_script_functions[] = {{"new", script_new}, {NULL, NULL}};
