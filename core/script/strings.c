/* string.find, match, gmatch and gsub over script/pattern.h: they stop at the deadline. */
#include <lauxlib.h>
#include <stdint.h>
#include <string.h>

#include "script/internal.h"
#include "script/pattern.h"

/* ---- Matching for Lua ---- */

/* Point @p m at the subject and the pattern, strings at these places of the stack.
 * @return whether the pattern is anchored; the anchor is then left out, if @p anchors. */
static bool init_pattern(lua_State *L, struct mw_pattern *m, int subject, int pattern, bool anchors)
{
  size_t subject_bytes, pattern_bytes;

  m->subject = luaL_checklstring(L, subject, &subject_bytes);
  m->subject_end = m->subject + subject_bytes;
  m->pattern = luaL_checklstring(L, pattern, &pattern_bytes);
  m->pattern_end = m->pattern + pattern_bytes;
  m->stop = &mw_script_of(L)->deadline.expired;
  m->captures_count = 0;

  bool anchored = anchors && pattern_bytes > 0 && *m->pattern == '^';
  m->pattern += anchored;
  return anchored;
}

/* Raise unless matching came to an end in time: also after a match, for gsub goes on from one to
 * the next. @return whether it matched. */
static bool finish(lua_State *L, const struct mw_pattern *m, enum mw_pattern_outcome outcome)
{
  mw_script_check_deadline(L);
  if (outcome == MW_PATTERN_INVALID)
    luaL_error(L, "%s", m->problem);
  return outcome == MW_PATTERN_MATCH;
}

/* Push capture @p i, counted from 0; without any captures the first is the whole match. */
static void push_capture(lua_State *L, const struct mw_pattern *m, size_t i, const char *start,
                         const char *end)
{
  if (i == 0 && m->captures_count == 0) {
    lua_pushlstring(L, start, (size_t)(end - start));
    return;
  }
  if (i >= m->captures_count)
    luaL_error(L, "invalid capture index");
  const struct mw_capture *capture = &m->captures[i];
  switch (capture->state) {
  case MW_CAPTURE_OPEN:
    luaL_error(L, "unfinished capture");
    break;
  case MW_CAPTURE_POSITION:
    lua_pushinteger(L, capture->start - m->subject + 1);
    break;
  case MW_CAPTURE_TEXT:
    lua_pushlstring(L, capture->start, capture->len_bytes);
    break;
  }
}

static int push_captures(lua_State *L, const struct mw_pattern *m, const char *start,
                         const char *end)
{
  luaL_checkstack(L, MW_PATTERN_CAPTURES_MAX, "too many captures");
  for (size_t i = 0; i < m->captures_count; i++)
    push_capture(L, m, i, start, end);
  return (int)m->captures_count;
}

static int push_captures_or_match(lua_State *L, const struct mw_pattern *m, const char *start,
                                  const char *end)
{
  if (m->captures_count > 0)
    return push_captures(L, m, start, end);
  push_capture(L, m, 0, start, end);
  return 1;
}

/* ---- find and match ---- */

/* The place that argument 3 names: from 1 on, or from the end when it is negative. */
static const char *start_argument(lua_State *L, const struct mw_pattern *m)
{
  ptrdiff_t len_bytes = m->subject_end - m->subject;
  ptrdiff_t init = luaL_optinteger(L, 3, 1);

  if (init < 0)
    init = init < -len_bytes ? 1 : init + len_bytes + 1;
  if (init < 1)
    init = 1;
  return init > len_bytes ? m->subject_end : m->subject + init - 1;
}

static int push_range(lua_State *L, const struct mw_pattern *m, const char *start, const char *end)
{
  lua_pushinteger(L, start - m->subject + 1);
  lua_pushinteger(L, end - m->subject);
  return 2;
}

static int find_plain(lua_State *L, const char *text, size_t text_bytes, const struct mw_pattern *m,
                      const char *start)
{
  const char *found = memmem(start, (size_t)(m->subject_end - start), text, text_bytes);

  if (found)
    return push_range(L, m, found, found + text_bytes);
  lua_pushnil(L);
  return 1;
}

static int string_find(lua_State *L)
{
  struct mw_pattern m;
  const char *end;
  bool anchored = init_pattern(L, &m, 1, 2, true);
  const char *start = start_argument(L, &m);
  const char *text = m.pattern - anchored; /* with the anchor */
  size_t text_bytes = (size_t)(m.pattern_end - text);

  if (lua_toboolean(L, 4) || mw_pattern_is_plain(text, text_bytes))
    return find_plain(L, text, text_bytes, &m, start);
  if (finish(L, &m, mw_pattern_search(&m, anchored, &start, &end)))
    return push_range(L, &m, start, end) + push_captures(L, &m, start, end);
  lua_pushnil(L);
  return 1;
}

static int string_match(lua_State *L)
{
  struct mw_pattern m;
  const char *end;
  bool anchored = init_pattern(L, &m, 1, 2, true);
  const char *start = start_argument(L, &m);

  if (finish(L, &m, mw_pattern_search(&m, anchored, &start, &end)))
    return push_captures_or_match(L, &m, start, end);
  lua_pushnil(L);
  return 1;
}

/* ---- gmatch ---- */

/* Upvalues: subject, pattern, and where to go on, counted from 0. */
static int next_match(lua_State *L)
{
  struct mw_pattern m;
  const char *end;

  init_pattern(L, &m, lua_upvalueindex(1), lua_upvalueindex(2), false);
  const char *start = m.subject + lua_tointeger(L, lua_upvalueindex(3));
  if (start > m.subject_end || !finish(L, &m, mw_pattern_search(&m, false, &start, &end)))
    return 0;
  lua_pushinteger(L, end - m.subject + (end == start)); /* an empty match must not come again */
  lua_replace(L, lua_upvalueindex(3));
  return push_captures_or_match(L, &m, start, end);
}

static int string_gmatch(lua_State *L)
{
  luaL_checkstring(L, 1);
  luaL_checkstring(L, 2);
  lua_settop(L, 2);
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_match, 3);
  return 1;
}

/* ---- gsub ---- */

/* The text that gsub builds: at first on the C stack, then in memory that Lua counts and frees. */
struct text {
  lua_State *L;
  int slot; /* on the stack, keeps the memory alive */
  char *data;
  size_t len_bytes;
  size_t capacity_bytes;
  char first[512];
};

static void init_text(struct text *text, lua_State *L)
{
  lua_pushnil(L);
  text->L = L;
  text->slot = lua_gettop(L);
  text->data = text->first;
  text->len_bytes = 0;
  text->capacity_bytes = sizeof text->first;
}

static void append(struct text *text, const char *bytes, size_t len_bytes)
{
  if (len_bytes > text->capacity_bytes - text->len_bytes) {
    size_t capacity_bytes = 2 * text->capacity_bytes;
    if (capacity_bytes < text->len_bytes + len_bytes)
      capacity_bytes = text->len_bytes + len_bytes;
    char *data = lua_newuserdata(text->L, capacity_bytes);
    memcpy(data, text->data, text->len_bytes);
    lua_replace(text->L, text->slot);
    text->data = data;
    text->capacity_bytes = capacity_bytes;
  }
  memcpy(text->data + text->len_bytes, bytes, len_bytes);
  text->len_bytes += len_bytes;
}

static void append_top(struct text *text)
{
  size_t len_bytes;
  const char *bytes = lua_tolstring(text->L, -1, &len_bytes);

  append(text, bytes, len_bytes);
  lua_pop(text->L, 1);
}

/* A replacement text: %0 to %9 are captures, % before anything else is left out. */
static void append_template(struct text *text, const struct mw_pattern *m, const char *start,
                            const char *end)
{
  size_t len_bytes;
  const char *p = lua_tolstring(text->L, 3, &len_bytes);
  const char *template_end = p + len_bytes;

  while (p < template_end) {
    const char *escape = memchr(p, '%', (size_t)(template_end - p));
    if (!escape)
      break;
    append(text, p, (size_t)(escape - p));
    p = escape + 2;
    if (escape[1] == '0') {
      append(text, start, (size_t)(end - start));
    } else if (escape[1] >= '1' && escape[1] <= '9') {
      push_capture(text->L, m, (size_t)(escape[1] - '1'), start, end);
      append_top(text);
    } else {
      append(text, escape + 1, 1); /* at the very end that is '\0', as in the stock gsub */
    }
  }
  if (p < template_end)
    append(text, p, (size_t)(template_end - p));
}

/* What a table or function says; false and nil keep the match. */
static void append_looked_up(struct text *text, const struct mw_pattern *m, const char *start,
                             const char *end)
{
  lua_State *L = text->L;

  if (lua_istable(L, 3)) {
    push_capture(L, m, 0, start, end);
    lua_gettable(L, 3);
  } else {
    lua_pushvalue(L, 3);
    lua_call(L, push_captures_or_match(L, m, start, end), 1);
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    append(text, start, (size_t)(end - start));
    return;
  }
  if (!lua_isstring(L, -1))
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  append_top(text);
}

/* Replace up to @p count_max matches and append all of the subject. @return how many there were. */
static lua_Integer substitute(struct text *text, struct mw_pattern *m, bool anchored,
                              lua_Integer count_max)
{
  bool is_template = lua_type(text->L, 3) == LUA_TSTRING;
  const char *done = m->subject;
  lua_Integer count = 0;

  for (const char *from = m->subject; count < count_max;) {
    const char *start = from, *end;
    if (!finish(text->L, m, mw_pattern_search(m, anchored, &start, &end)))
      break;
    count++;
    append(text, done, (size_t)(start - done));
    if (is_template)
      append_template(text, m, start, end);
    else
      append_looked_up(text, m, start, end);
    done = end;
    if (anchored || (end == start && end == m->subject_end))
      break;
    from = end > start ? end : end + 1; /* after an empty match the next character stays */
  }
  append(text, done, (size_t)(m->subject_end - done));
  return count;
}

static int string_gsub(lua_State *L)
{
  struct mw_pattern m;
  struct text text;
  int type = lua_type(L, 3);
  bool anchored = init_pattern(L, &m, 1, 2, true);

  luaL_argcheck(
      L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TTABLE || type == LUA_TFUNCTION,
      3, "string/function/table expected");
  lua_Integer count_max = luaL_optinteger(L, 4, m.subject_end - m.subject + 1);
  if (type == LUA_TNUMBER)
    lua_tostring(L, 3);
  mw_script_check_stack(L, 1);
  lua_settop(L, 4);
  init_text(&text, L);
  lua_Integer count = substitute(&text, &m, anchored, count_max);
  if (count == 0)
    lua_pushvalue(L, 1);
  else
    lua_pushlstring(L, text.data, text.len_bytes);
  lua_pushinteger(L, count);
  return 2;
}

const luaL_Reg mw_sandbox_string_functions[] = {
    {"find", string_find}, {"gmatch", string_gmatch},
    {"gsub", string_gsub}, {"match", string_match},
    {NULL, NULL},
};
