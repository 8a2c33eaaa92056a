/**
 * @file options.h
 * The options that a script declares, and the values that an operator gives them.
 *
 *   options = { max_per_message = { type = "integer", default = 100, min = 1, max = 10000,
 *                                   doc = "containers in one message" } }
 *
 * Types: "integer", "number", "boolean", "string", and "strings", a list of words: each text that
 * is given adds its words, split at white space, and the first one replaces the default. Bounds are
 * those of a number, or of how many words a list has.
 *
 * Thread-safety: that of the Lua state.
 */
#ifndef MW_OPTIONS_H
#define MW_OPTIONS_H

#include <lua.h>
#include <stddef.h>

#include "moonwatch/error.h"

/** "max_per_message=50" of a command line, already cut. */
struct mw_option {
  const char *key;
  const char *text;
};

/**
 * Push a table with a value for each option that the table at @p declared (nil: none) declares:
 * its default (of a list: a copy), or what @p given says. A number out of bounds, and a list that
 * is too short or too long, becomes the default, with a warning in the log. To be called protected;
 * raises only when Lua is out of memory.
 * @return 0; -EINVAL: an unknown key, or a text that is not of the declared type;
 * -EBADMSG: the declaration itself is wrong. On failure nothing is pushed.
 */
int mw_options_push(lua_State *L, int declared, const char *script, const struct mw_option *given,
                    size_t given_count, struct mw_error *err);

#endif
