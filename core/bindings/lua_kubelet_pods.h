/** @file lua_kubelet_pods.h  A kubelet's pods as tables of Lua, see scripts/meta/kubelet.lua. */
#ifndef MW_LUA_KUBELET_PODS_H
#define MW_LUA_KUBELET_PODS_H

#include <lua.h>

#include "moonwatch/kubelet_pods.h"

/** Push the list; raises only when Lua is out of memory. */
void mw_lua_push_kubelet_pods(lua_State *L, const struct mw_kubelet_pods *pods);

#endif
