#include "script/script.h"

#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <luajit.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/trusted.h"
#include "moonwatch/clock.h"
#include "script/internal.h"

#define RESERVE_BYTES 4096
#define FILES_MAX_BYTES ((size_t)128 << 10)
#define LEFTOVERS_MIN_BYTES ((size_t)64 << 10)
#define WHOLE_CYCLES 2 /* the first one may have begun before */
#define STEP_KIB 256   /* some milliseconds, at most */
#define TRIM_MIN_BYTES ((size_t)1 << 20)
#define TIDY_AFTER_DEADLINE_NS (20 * MW_NS_PER_MS)
/* LuaJIT crashes when lua_newstate itself runs out, near 10 KB: neither may the ceiling be below
 * that, nor the system have less. */
#define MEMORY_MIN_BYTES 32768
#define SPARE_BYTES 65536

/* ---- Life cycle ---- */

static int set_up(lua_State *L)
{
  const struct mw_script_config *config = lua_touserdata(L, 1);

  /* Compiled loops never look at hooks, so nothing would stop them. */
  luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
  mw_owner_register(L, &mw_script_of(L)->owner);
  mw_sandbox_open(L);
  if (config->prepare)
    config->prepare(L, config->prepare_data);
  return 0;
}

static int open_state(struct mw_script *script, const struct mw_script_config *config,
                      struct mw_error *err)
{
  if (script->alloc.max_bytes < MEMORY_MIN_BYTES)
    return mw_error_set(err, ENOMEM, "%zu bytes are too few for a Lua state",
                        script->alloc.max_bytes);
  script->alloc.spare = malloc(SPARE_BYTES);
  if (script->alloc.spare)
    script->L = lua_newstate(mw_alloc_resize, &script->alloc);
  free(script->alloc.spare);
  script->alloc.spare = NULL;
  if (!script->L)
    return mw_error_set(err, ENOMEM, "cannot make a Lua state: out of memory");
  mw_deadline_init(&script->deadline, script->L);
  return mw_script_call(script, set_up, (void *)(uintptr_t)config, 0, err);
}

struct mw_script *mw_script_new(const struct mw_script_config *config, struct mw_error *err)
{
  struct mw_script *script = calloc(1, sizeof *script);

  if (script)
    script->name = strdup(config->name ? config->name : "script");
  if (!script || !script->name) {
    mw_error_set(err, ENOMEM, "cannot make a script: out of memory");
    goto fail;
  }
  script->alloc.max_bytes =
      config->memory_max_bytes > 0 ? config->memory_max_bytes : MW_SCRIPT_MEMORY_DEFAULT_BYTES;
  script->alloc.reserve_bytes = RESERVE_BYTES;
  script->modules = config->modules;
  script->module_dirs = config->module_dirs;
  script->trusted_only = config->trusted_only;
  mw_owner_take(&script->owner);
  mw_buf_init(&script->source, MW_SCRIPT_SOURCE_MAX_BYTES);
  mw_buf_init(&script->files, FILES_MAX_BYTES);
  if (open_state(script, config, err) < 0)
    goto fail;
  return script;

fail:
  mw_script_free(script);
  return NULL;
}

void mw_script_free(struct mw_script *script)
{
  if (!script)
    return;
  if (script->L)
    lua_close(script->L);
  mw_deadline_deinit(&script->deadline);
  mw_buf_deinit(&script->source);
  mw_buf_deinit(&script->files);
  free(script->name);
  free(script);
}

void mw_script_limit_cpu(struct mw_script *script, int64_t cpu_ms)
{
  mw_deadline_limit_cpu(&script->deadline, cpu_ms);
}

enum mw_stop mw_script_stopped_by(const struct mw_script *script)
{
  return (enum mw_stop)script->deadline.stop;
}

void mw_script_interrupt(pthread_t thread)
{
  mw_deadline_interrupt(thread);
}

void mw_script_own(struct mw_script *script)
{
  mw_owner_take(&script->owner);
}

size_t mw_script_memory_bytes(const struct mw_script *script)
{
  return script->alloc.used_bytes;
}

bool mw_script_is_over_memory(const struct mw_script *script)
{
  return script->alloc.refused && !script->alloc.starved;
}

size_t mw_script_memory_peak_bytes(const struct mw_script *script)
{
  return script->alloc.peak_bytes;
}

/* ---- Calls ---- */

struct call {
  lua_CFunction function;
  void *argument;
  int status;
  char text[MW_ERROR_TEXT_BYTES];
};

/* The text of the error on top, without its middle when it is too long: coroutine.wrap puts a
 * place in front for every coroutine that it passes, and the cause stands behind them.
 *
 * Only a string is looked at: to convert anything else would run the script's __tostring, with
 * nothing to stop it, and might run out of memory. */
static void copy_text(struct call *call, lua_State *L)
{
  static const char omission[] = " ... ";
  const size_t half_bytes = sizeof call->text / 2;
  size_t len_bytes;

  if (lua_type(L, -1) != LUA_TSTRING) {
    snprintf(call->text, sizeof call->text, "no message");
    return;
  }
  const char *text = lua_tolstring(L, -1, &len_bytes);
  snprintf(call->text, sizeof call->text, "%s", text);
  if (len_bytes >= sizeof call->text) {
    const char *tail = text + len_bytes - half_bytes + sizeof omission;
    snprintf(call->text + half_bytes, half_bytes, "%s%s", omission, tail);
  }
}

/* The frames of the host below the script say nothing to its author. */
static size_t without_host_frames(const char *text, size_t len_bytes)
{
  static const char frame[] = "\n\t[C]: at 0x";

  for (;;) {
    const char *line = memrchr(text, '\n', len_bytes);
    if (!line || strncmp(line, frame, sizeof frame - 1) != 0)
      return len_bytes;
    len_bytes = (size_t)(line - text);
  }
}

static int add_traceback(lua_State *L)
{
  size_t len_bytes;

  if (!lua_isstring(L, 1)) {
    lua_pushfstring(L, "error value is %s, not text",
                    lua_isnil(L, 1) ? "nil" : lua_typename(L, lua_type(L, 1)));
    lua_replace(L, 1);
  }
  luaL_traceback(L, L, lua_tostring(L, 1), 1);
  const char *text = lua_tolstring(L, -1, &len_bytes);
  lua_pushlstring(L, text, without_host_frames(text, len_bytes));
  return 1;
}

/*
 * Lua's collector goes on only while a script allocates. One that builds large tables once, and
 * then has little to do, would keep its garbage for ever; so much of it is collected when a call
 * ends, for as long as the call may go on. What became free in large amounts goes back to the
 * system.
 */
static void collect_leftovers(lua_State *L)
{
  struct mw_script *script = mw_script_of(L);
  size_t before_bytes = script->alloc.used_bytes;

  if (before_bytes <= script->collect_above_bytes)
    return;
  for (int cycles = 0; cycles < WHOLE_CYCLES && !script->deadline.expired;)
    cycles += lua_gc(L, LUA_GCSTEP, STEP_KIB);
  size_t live_bytes = script->alloc.used_bytes;
  script->collect_above_bytes = live_bytes + live_bytes / 4 + LEFTOVERS_MIN_BYTES;
  if (before_bytes > live_bytes && before_bytes - live_bytes >= TRIM_MIN_BYTES)
    malloc_trim(0);
}

/* Pushing functions allocates, so even that is done under protection. */
static int call_with_traceback(lua_State *L)
{
  struct call *call = lua_touserdata(L, 1);

  lua_pushcfunction(L, add_traceback);
  lua_pushcfunction(L, call->function);
  lua_pushlightuserdata(L, call->argument);
  call->status = lua_pcall(L, 1, 0, 2);
  if (call->status != 0)
    copy_text(call, L);
  else
    collect_leftovers(L);
  return 0;
}

static bool is_half_full(const struct mw_script *script)
{
  return script->alloc.used_bytes > script->alloc.max_bytes / 2;
}

static int collect_garbage(lua_State *L)
{
  lua_gc(L, LUA_GCCOLLECT, 0);
  return 0;
}

/* A collection of all takes a tenth of a second for some ten megabytes, and the host has waited for
 * the script long enough. What is left is collected while the next call allocates. */
static int collect_for_a_while(lua_State *L)
{
  const struct mw_script *script = mw_script_of(L);
  const struct mw_clock *clock = mw_clock_system();
  int64_t end_ns = mw_clock_monotonic_ns(clock) + TIDY_AFTER_DEADLINE_NS;

  while (is_half_full(script) && mw_clock_monotonic_ns(clock) < end_ns)
    for (int i = 0; i < 64; i++) /* some microseconds each */
      lua_gc(L, LUA_GCSTEP, 0);
  return 0;
}

/* Memory may also run out in a coroutine, in a module, or while a traceback is made; the error
 * then arrives as a common one. */
static bool ran_out_of_memory(const struct mw_script *script, const struct call *call)
{
  return call->status == LUA_ERRMEM ||
         (script->alloc.refused &&
          (call->status == LUA_ERRERR || strstr(call->text, "not enough memory")));
}

static int describe(const struct mw_script *script, const struct call *call, bool deadline_raised,
                    struct mw_error *err)
{
  if (deadline_raised) {
    bool told = strstr(call->text, script->deadline.phrase) != NULL; /* else: swallowed */
    return mw_error_set(err, ETIME, "%s", told ? call->text : script->deadline.message);
  }
  if (call->status == 0)
    return 0;
  if (ran_out_of_memory(script, call) && script->alloc.starved)
    return mw_error_set(err, ENOMEM, "out of memory: %s", call->text);
  if (ran_out_of_memory(script, call))
    return mw_error_set(err, ENOMEM, "memory limit of %zu bytes reached: %s",
                        script->alloc.max_bytes, call->text);
  return mw_error_set(err, ECANCELED, "%s", call->text);
}

/* What a script that failed has let go would stand in the way of its next call. The call that
 * protects the collector needs a little memory itself. */
static void tidy_up(struct mw_script *script, bool deadline_raised)
{
  if (!is_half_full(script))
    return;
  script->alloc.reserve_bytes = 0;
  if (lua_cpcall(script->L, deadline_raised ? collect_for_a_while : collect_garbage, NULL) != 0)
    lua_pop(script->L, 1);
  script->alloc.reserve_bytes = RESERVE_BYTES;
}

int mw_script_call(struct mw_script *script, lua_CFunction function, void *argument,
                   int64_t timeout_ms, struct mw_error *err)
{
  struct call call; /* not zeroed whole: the text is long, and calls are many */

  mw_owner_check(&script->owner, NULL, "mw_script_call");
  if (script->stack_base)
    return mw_error_set(err, EBUSY, "script %s is running: calls do not nest", script->name);
  int rc = mw_deadline_arm(&script->deadline, timeout_ms, err);
  if (rc < 0)
    return rc;

  call.function = function;
  call.argument = argument;
  call.status = 0;
  call.text[0] = '\0';
  script->stack_base = __builtin_frame_address(0);
  script->alloc.refused = script->alloc.starved = false;
  int top = lua_gettop(script->L);
  int status = lua_cpcall(script->L, call_with_traceback, &call);
  bool deadline_raised = mw_deadline_disarm(&script->deadline);
  if (status != 0) {
    call.status = status;
    copy_text(&call, script->L);
  }
  lua_settop(script->L, top);
  rc = describe(script, &call, deadline_raised, err);
  if (rc < 0)
    tidy_up(script, deadline_raised);
  script->stack_base = NULL;
  return rc;
}

int64_t mw_script_left_ms(void)
{
  return mw_deadline_left_ms();
}

void mw_script_check_stack(lua_State *L, int level)
{
  const char *base = mw_script_of(L)->stack_base;
  const char *here = __builtin_frame_address(0);

  if (base && base - here > MW_SCRIPT_STACK_BYTES) {
    luaL_where(L, level);
    lua_pushliteral(L, "stack overflow: calls through library functions are nested too deeply");
    lua_concat(L, 2);
    lua_error(L);
  }
}

/* ---- Files ---- */

const char *mw_script_file(const struct mw_script *script, size_t index)
{
  const char *path = script->files.data;

  if (index >= script->files_count)
    return NULL;
  while (index-- > 0)
    path += strlen(path) + 1;
  return path;
}

/* That one finds no room costs a reload, at most. */
void mw_script_note_file(struct mw_script *script, const char *path)
{
  for (size_t i = 0; i < script->files_count; i++)
    if (strcmp(mw_script_file(script, i), path) == 0)
      return;
  if (script->files_count < MW_SCRIPT_FILES_MAX &&
      mw_buf_append(&script->files, path, strlen(path) + 1, NULL) == 0)
    script->files_count++;
}

/* ---- The deadline, for functions of the host ---- */

const volatile sig_atomic_t *mw_script_stop_flag(lua_State *L)
{
  static const volatile sig_atomic_t never;
  void *alloc;

  if (lua_getallocf(L, &alloc) != mw_alloc_resize)
    return &never;
  return &mw_script_of(L)->deadline.expired;
}

int mw_script_stop(lua_State *L)
{
  return mw_deadline_raise(&mw_script_of(L)->deadline, L);
}

/* ---- Loading ---- */

struct load {
  const char *chunk_name;
  const char *text;
  size_t len_bytes;
  int rc;
  struct mw_error *err;
};

static const char table_key; /* its address is the key in the registry */

static void push_table_key(lua_State *L)
{
  lua_pushlightuserdata(L, (void *)(uintptr_t)&table_key);
}

int mw_script_compile(lua_State *L, const char *name, const char *text, size_t len_bytes)
{
  if (len_bytes > 0 && text[0] == LUA_SIGNATURE[0]) {
    lua_pushfstring(L, "%s: is bytecode; only source text is loaded", name);
    return LUA_ERRSYNTAX;
  }
  lua_pushfstring(L, "@%s", name);
  int status = luaL_loadbufferx(L, text, len_bytes, lua_tostring(L, -1), "t");
  lua_remove(L, -2);
  return status;
}

static int load_and_run(lua_State *L)
{
  struct load *load = lua_touserdata(L, 1);
  int status = mw_script_compile(L, load->chunk_name, load->text, load->len_bytes);

  if (status == LUA_ERRSYNTAX) {
    load->rc = mw_error_set(load->err, EINVAL, "%s", lua_tostring(L, -1));
    return 0;
  }
  if (status != 0)
    return lua_error(L);
  lua_call(L, 0, 1);
  if (!lua_istable(L, -1)) {
    load->rc = mw_error_set(load->err, EINVAL, "%s: has to return a table, not %s",
                            load->chunk_name, luaL_typename(L, -1));
    return 0;
  }
  push_table_key(L);
  lua_insert(L, -2);
  lua_rawset(L, LUA_REGISTRYINDEX);
  return 0;
}

int mw_script_load_text(struct mw_script *script, const char *chunk_name, const char *text,
                        size_t len_bytes, int64_t timeout_ms, struct mw_error *err)
{
  struct load load = {
      .chunk_name = chunk_name, .text = text, .len_bytes = len_bytes, .rc = 0, .err = err};
  int rc = mw_script_call(script, load_and_run, &load, timeout_ms, err);

  return rc < 0 ? rc : load.rc;
}

int mw_script_read_source(const struct mw_script *script, const char *path, struct mw_buf *out,
                          struct mw_error *err)
{
  if (!script->trusted_only)
    return mw_file_read(AT_FDCWD, path, out, err);
  MW_AUTO_CLOSE int fd = mw_trusted_open(path, err);
  return fd < 0 ? fd : mw_file_read_fd(fd, path, out, err);
}

int mw_script_load_file(struct mw_script *script, const char *path, int64_t timeout_ms,
                        struct mw_error *err)
{
  MW_AUTO_BUF text; /* not script->source, which a require in the file would replace */

  mw_buf_init(&text, MW_SCRIPT_SOURCE_MAX_BYTES);
  mw_script_note_file(script, path);
  int rc = mw_script_read_source(script, path, &text, err);
  if (rc < 0)
    return rc;
  return mw_script_load_text(script, path, text.data, text.len_bytes, timeout_ms, err);
}

void mw_script_push_table(struct mw_script *script)
{
  push_table_key(script->L);
  lua_rawget(script->L, LUA_REGISTRYINDEX);
}
