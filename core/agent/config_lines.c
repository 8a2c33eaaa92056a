/* In which line of a Lua file a key stands. The source is scanned, not parsed: what lies between
 * the braces of table constructors, "name =" and "["name"] =". A key that is set otherwise has no
 * line, and where a key is written twice the last one counts, as it does for Lua. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config_internal.h"

#define ITEMS_MAX 8192
#define DEPTH_MAX 16

struct mw_config_line {
  char path[MW_CONFIG_PATH_BYTES];
  unsigned line;
};

struct scan {
  struct mw_config_lines *lines;
  const char *at, *end;
  unsigned line;
  unsigned depth;         /* of braces */
  char path[4096];        /* of the table that is open, with a '.' at its end */
  size_t ends[DEPTH_MAX]; /* of the path, before each brace */
  struct mw_slice key;    /* the last word, when it may be a key */
  unsigned key_line;
  bool key_is_set; /* the word was followed by '=' */
};

/* ---- Pieces of Lua ---- */

/* The level of the long bracket at the scan's place, or -1: 2 of "[==[". */
static int long_bracket(const struct scan *scan)
{
  const char *at = scan->at;
  int level = 0;

  if (at == scan->end || *at++ != '[')
    return -1;
  for (; at < scan->end && *at == '='; at++)
    level++;
  return at < scan->end && *at == '[' ? level : -1;
}

static void advance(struct scan *scan, size_t bytes)
{
  for (; bytes > 0 && scan->at < scan->end; bytes--, scan->at++)
    scan->line += *scan->at == '\n';
}

static void skip_long(struct scan *scan, int level)
{
  char close[64];
  size_t bytes = 0;

  if (level > (int)sizeof close - 3) { /* nobody writes that */
    scan->at = scan->end;
    return;
  }
  close[bytes++] = ']';
  memset(close + bytes, '=', (size_t)level);
  bytes += (size_t)level;
  close[bytes++] = ']';
  const char *found = memmem(scan->at, (size_t)(scan->end - scan->at), close, bytes);
  advance(scan, found ? (size_t)(found - scan->at) + bytes : (size_t)(scan->end - scan->at));
}

static void skip_comment(struct scan *scan)
{
  advance(scan, 2);
  int level = long_bracket(scan);
  if (level >= 0) {
    skip_long(scan, level);
    return;
  }
  while (scan->at < scan->end && *scan->at != '\n')
    scan->at++;
}

/* A text in quotes; what stands between them. */
static struct mw_slice skip_string(struct scan *scan)
{
  char quote = *scan->at;
  const char *first = scan->at + 1;

  advance(scan, 1);
  while (scan->at < scan->end && *scan->at != quote && *scan->at != '\n')
    advance(scan, *scan->at == '\\' ? 2 : 1);
  struct mw_slice text = {first, (size_t)(scan->at - first)};
  advance(scan, 1);
  return text;
}

static struct mw_slice take_word(struct scan *scan)
{
  const char *first = scan->at;

  while (scan->at < scan->end && (isalnum((unsigned char)*scan->at) || *scan->at == '_'))
    scan->at++;
  return (struct mw_slice){first, (size_t)(scan->at - first)};
}

/* ---- Keys and tables ---- */

static void add_line(struct scan *scan)
{
  struct mw_config_lines *lines = scan->lines;

  if (lines->count == lines->capacity) {
    size_t capacity = lines->capacity ? 2 * lines->capacity : 64;
    struct mw_config_line *items =
        capacity <= ITEMS_MAX ? reallocarray(lines->items, capacity, sizeof *items) : NULL;
    lines->out_of_memory |= !items && capacity <= ITEMS_MAX;
    if (!items)
      return;
    lines->items = items;
    lines->capacity = capacity;
  }
  struct mw_config_line *item = &lines->items[lines->count];
  int bytes = snprintf(item->path, sizeof item->path, "%s%.*s", scan->path,
                       (int)scan->key.len_bytes, scan->key.data);
  item->line = scan->key_line;
  lines->count += (size_t)bytes < sizeof item->path;
}

static void take_equals(struct scan *scan)
{
  bool compares = scan->at + 1 < scan->end && scan->at[1] == '=';

  advance(scan, compares ? 2 : 1);
  scan->key_is_set = !compares && scan->key.len_bytes > 0;
  if (scan->key_is_set && scan->depth > 0 && scan->depth < DEPTH_MAX)
    add_line(scan);
}

/* What is in braces without a key in front is an entry of a list, or an argument. */
static void open_brace(struct scan *scan)
{
  advance(scan, 1);
  if (scan->depth < DEPTH_MAX) {
    size_t used = strlen(scan->path);
    bool is_top = scan->depth == 0;
    struct mw_slice key = scan->key_is_set ? scan->key : (struct mw_slice){"?", 1};
    scan->ends[scan->depth] = used;
    if (!is_top && used + key.len_bytes + 2 < sizeof scan->path)
      sprintf(scan->path + used, "%.*s.", (int)key.len_bytes, key.data);
  }
  scan->depth++;
  scan->key_is_set = false;
  scan->key.len_bytes = 0;
}

static void close_brace(struct scan *scan)
{
  advance(scan, 1);
  if (scan->depth == 0)
    return;
  scan->depth--;
  if (scan->depth < DEPTH_MAX)
    scan->path[scan->ends[scan->depth]] = '\0';
}

/* One piece. A word stays the key while only blanks, brackets and '=' follow. */
static void take_piece(struct scan *scan)
{
  unsigned char c = (unsigned char)*scan->at;
  int level = long_bracket(scan);

  if (c == '-' && scan->at + 1 < scan->end && scan->at[1] == '-') {
    skip_comment(scan);
  } else if (isspace(c) || c == ']' || (c == '[' && level < 0)) {
    advance(scan, 1);
  } else if (c == '=') {
    take_equals(scan);
  } else if (c == '{') {
    open_brace(scan);
  } else if (c == '}') {
    close_brace(scan);
  } else {
    scan->key_is_set = false;
    scan->key_line = scan->line;
    scan->key.len_bytes = 0;
    if (level >= 0)
      skip_long(scan, level);
    else if (c == '"' || c == '\'')
      scan->key = skip_string(scan);
    else if (isalnum(c) || c == '_')
      scan->key = take_word(scan);
    else
      advance(scan, 1);
  }
}

void mw_config_lines_scan(struct mw_config_lines *lines, struct mw_slice source)
{
  struct scan scan = {
      .lines = lines, .at = source.data, .end = source.data + source.len_bytes, .line = 1};

  while (scan.at < scan.end)
    take_piece(&scan);
}

unsigned mw_config_lines_find(const struct mw_config_lines *lines, const char *path)
{
  for (size_t i = lines->count; i > 0; i--)
    if (strcmp(lines->items[i - 1].path, path) == 0)
      return lines->items[i - 1].line;
  return 0;
}

void mw_config_lines_deinit(struct mw_config_lines *lines)
{
  free(lines->items);
  *lines = (struct mw_config_lines){0};
}
