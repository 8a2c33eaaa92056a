/** @file lua_stats.h  What lua_stats.c and lua_follow.c, which are moonwatch.stats together, share.
 */
#ifndef MW_LUA_STATS_H
#define MW_LUA_STATS_H

#include <lua.h>

#include "moonwatch/stats.h"

/* Beside the figures, each has a place in the order of a set. */
#define MW_LUA_CPU_LIMIT_PERCENT MW_FIGURE_COUNT
#define MW_LUA_CPU_LIMIT_DEFAULTED (MW_FIGURE_COUNT + 1)
#define MW_LUA_FIGURES_MAX (MW_FIGURE_COUNT + 2)

/** What stats.figures() gave. */
struct mw_lua_figures {
  const char *mark;
  mw_figure_set wanted;
  uint8_t count;
  uint8_t order[MW_LUA_FIGURES_MAX]; /**< as they were named */
};

/* All raise. */
const struct mw_lua_figures *mw_lua_check_figures(lua_State *L, int arg);
int64_t mw_lua_check_age_ms(lua_State *L, int arg);
/** The texts stay on the stack. */
void mw_lua_check_ref(lua_State *L, int arg, struct mw_container_ref *out);

/* lua_follow.c */
int mw_lua_stats_epochs(lua_State *L);
int mw_lua_stats_follow(lua_State *L);
int mw_lua_stats_network_namespace(lua_State *L);
int mw_lua_stats_network_values(lua_State *L);
int mw_lua_stats_values(lua_State *L);

#endif
