/**
 * @file plain.h
 * Plain data on its way from one Lua state to another, as bytes in between: an error of either
 * state must never jump over C frames of the other.
 *
 * Plain are nil, booleans, numbers (NaN, infinities and -0 as they are), strings of any bytes, and
 * tables of these, at most MW_PLAIN_DEPTH_MAX in one another; so no table is inside of itself.
 * Metatables are neither asked nor kept. A table that is there twice becomes two.
 *
 * The bytes are for the process that made them: numbers are in its byte order.
 * Thread-safety: that of the state.
 */
#ifndef MW_PLAIN_H
#define MW_PLAIN_H

#include <lua.h>
#include <stddef.h>

#include "base/buf.h"
#include "moonwatch/error.h"

#define MW_PLAIN_DEPTH_MAX 32

/**
 * Append the value on top of the stack, which stays there. Raises for want of memory, and at the
 * deadline of a script.
 * @return 0; -EINVAL: it is not plain, and @p err says "plain data may not hold a function";
 * -EMSGSIZE: it is larger than the ceiling of @p out; -ENOMEM. @p out may then hold a part of it.
 */
int mw_plain_pack(lua_State *L, struct mw_buf *out, struct mw_error *err);

/**
 * Push what mw_plain_pack wrote. The bytes are not trusted. Raises for want of memory, and at the
 * deadline of a script.
 * @return 0, or -EBADMSG: they are not such data, and nothing was pushed.
 */
int mw_plain_unpack(lua_State *L, const char *bytes, size_t len_bytes, struct mw_error *err);

#endif
