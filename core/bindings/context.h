/**
 * @file context.h
 * What the modules of one host share: its roots, its facts, its cgroups, its cache, its inventory.
 *
 * The program makes one and gives it to every script's state. In plain luajit the first require
 * makes one for this host, and moonwatch.open{host_root=...} makes others. The parts are opened
 * when they are first asked for, so a script that wants the CPU count needs no cgroups.
 *
 * Thread-safety: a context may be shared by all threads.
 */
#ifndef MW_CONTEXT_H
#define MW_CONTEXT_H

#include <lua.h>
#include <stdbool.h>

#include "bindings/http_access.h"
#include "bindings/kubelet_access.h"
#include "inventory/inventory.h"
#include "moonwatch/cgroup.h"
#include "moonwatch/clock.h"
#include "moonwatch/host.h"
#include "moonwatch/http.h"
#include "moonwatch/proc.h"
#include "moonwatch/stats.h"
#include "moonwatch/store.h"

struct mw_context;

/** The store, in the state directory. */
#define MW_CONTEXT_STORE_DIR "store"

struct mw_context_config {
  const char *host_root; /**< NULL: "/"; copied */
  const char *proc_root; /**< NULL: "proc" below host_root; copied */
  const char *state_dir; /**< its "store" is what scripts keep; NULL: nothing is kept; copied */
  const struct mw_clock *clock;                  /**< NULL: the system's */
  uint32_t kept_files_max;                       /**< of cgroups and /proc together; 0: default */
  const struct mw_http_access *http;             /**< NULL: nothing has a name; borrowed */
  const struct mw_kubelet_config *kubelet;       /**< NULL: nothing is configured; copied */
  bool may_start_threads;                        /**< for numbers of a kubelet */
  void (*on_read)(void *data, const char *path); /**< as in struct mw_cgroups_config */
  void *on_read_data;
};

struct mw_context *mw_context_new(const struct mw_context_config *config, struct mw_error *err);
void mw_context_free(struct mw_context *context); /**< accepts NULL; no state may use it any more */

/* Borrowed: valid as long as the context. */
const struct mw_clock *mw_context_clock(struct mw_context *context);
const char *mw_context_host_root(struct mw_context *context);
struct mw_host *mw_context_host(struct mw_context *context);
struct mw_kubelet_access *mw_context_kubelet(struct mw_context *context);
struct mw_inventory *mw_context_inventory(struct mw_context *context);

/** To tell a check that has no container to look at from one that looks at something else. */
void mw_context_note_inventory_wanted(struct mw_context *context);
bool mw_context_inventory_wanted(struct mw_context *context);

/** Opened at the first call. @return NULL with @p err filled; the next call tries again. */
struct mw_cgroups *mw_context_cgroups(struct mw_context *context, struct mw_error *err);
struct mw_proc *mw_context_proc(struct mw_context *context, struct mw_error *err);
struct mw_stats *mw_context_stats(struct mw_context *context, struct mw_error *err);

/** Likewise; -ENOENT: there is no state directory. A store that is damaged is set aside. */
struct mw_store *mw_context_store(struct mw_context *context, struct mw_error *err);

/** What it holds, for status; what was not opened yet counts as nothing. */
struct mw_context_usage {
  size_t kept_files, kept_files_max;        /**< of cgroups and /proc together */
  uint32_t figures_failed[MW_FIGURE_COUNT]; /**< see mw_cgroups_count_failed */
  struct mw_stats_presence presence;
};

void mw_context_usage(struct mw_context *context, struct mw_context_usage *out);

/** What scripts may name when they ask over HTTP; never NULL. */
const struct mw_http_access *mw_context_http_access(struct mw_context *context);

/** Once in each pass, when the sources have spoken: let go of what is too old, and of what belongs
 *  to containers that are gone. */
void mw_context_sweep(struct mw_context *context);

/** What was wrong with files of containers; at most MW_PROBLEMS_MAX, the first ones. */
#define MW_PROBLEMS_MAX 64

struct mw_problems {
  uint64_t dropped_count; /**< those that found no room */
  size_t count;
  char *texts[MW_PROBLEMS_MAX];
};

/** Move the problems since the last call into @p out, which the caller deinits. */
void mw_context_take_problems(struct mw_context *context, struct mw_problems *out);
void mw_problems_deinit(struct mw_problems *problems);

/* ---- In a Lua state ---- */

/** Put @p context, which outlives the state, into the registry of @p L for all its modules. */
void mw_lua_set_context(lua_State *L, struct mw_context *context);

/** The context of the binding's function that runs: its first upvalue. Raises when it is closed. */
struct mw_context *mw_lua_context(lua_State *L);

/** The HTTP client of this state and context, made at the first call, likewise from the first
 *  upvalue. It is freed with the state. @return NULL with @p err filled; raises when it is closed.
 */
struct mw_http *mw_lua_http(lua_State *L, struct mw_error *err);

#endif
