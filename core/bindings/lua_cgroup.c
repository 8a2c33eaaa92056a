/* moonwatch.cgroup for Lua: which containers there are, and what one of them has used. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/bindings.h"
#include "bindings/context.h"
#include "bindings/lua_sample.h"
#include "bindings/lua_util.h"

static struct mw_cgroups *own_cgroups(lua_State *L, struct mw_error *err)
{
  return mw_context_cgroups(mw_lua_context(L), err);
}

/* ---- Lists: copied under the lock of the cgroups, given to Lua without it ---- */

struct list {
  struct mw_cgroup_container *items;
  char **paths;
  size_t count, capacity;
  bool out_of_memory;
};

static int list_gc(lua_State *L)
{
  struct list *list = lua_touserdata(L, 1);

  for (size_t i = 0; i < list->count; i++)
    free(list->paths[i]);
  free(list->paths);
  free(list->items);
  *list = (struct list){0};
  return 0;
}

static bool list_grow(struct list *list)
{
  size_t capacity = list->capacity ? list->capacity * 2 : 64;
  struct mw_cgroup_container *items = reallocarray(list->items, capacity, sizeof *items);

  if (!items)
    return false;
  list->items = items;
  char **paths = reallocarray(list->paths, capacity, sizeof *paths);
  if (!paths)
    return false;
  list->paths = paths;
  list->capacity = capacity;
  return true;
}

static bool collect(void *data, const struct mw_cgroup_container *container)
{
  struct list *list = data;

  char *path = list->count < list->capacity || list_grow(list) ? strdup(container->path) : NULL;
  list->out_of_memory = path == NULL;
  if (!path)
    return false;
  list->items[list->count] = *container;
  list->paths[list->count++] = path;
  return true;
}

static void push_container(lua_State *L, const struct mw_cgroup_container *container,
                           const char *path)
{
  lua_createtable(L, 0, 7);
  mw_lua_set_text(L, "id", container->id);
  mw_lua_set_text(L, "runtime", container->runtime);
  mw_lua_set_text(L, "namespace", container->namespace_);
  mw_lua_set_text(L, "pod_uid", container->pod_uid);
  mw_lua_set_text(L, "path", path);
  mw_lua_push_inode(L, container->inode);
  lua_setfield(L, -2, "cgroup_inode");
  mw_lua_set_text(L, "state", "running"); /* a cgroup is there as long as the container runs */
}

static int cgroup_containers(lua_State *L)
{
  struct mw_error err;
  struct mw_cgroups *cgroups = own_cgroups(L, &err);
  struct list *list = mw_lua_push_box(L, sizeof *list, list_gc);

  if (!cgroups || mw_cgroups_each(cgroups, collect, list, &err) < 0)
    return mw_lua_fail(L, &err);
  if (list->out_of_memory) {
    mw_error_set(&err, ENOMEM, "out of memory for the list of containers");
    return mw_lua_fail(L, &err);
  }
  lua_createtable(L, (int)list->count, 0);
  for (size_t i = 0; i < list->count; i++) {
    push_container(L, &list->items[i], list->paths[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  return 1;
}

static int push_generation(lua_State *L,
                           int (*bring_up_to_date)(struct mw_cgroups *, struct mw_error *))
{
  struct mw_error err;
  struct mw_cgroups *cgroups = own_cgroups(L, &err);

  if (!cgroups || bring_up_to_date(cgroups, &err) < 0)
    return mw_lua_fail(L, &err);
  lua_pushnumber(L, (lua_Number)mw_cgroups_generation(cgroups));
  return 1;
}

static int cgroup_refresh(lua_State *L)
{
  return push_generation(L, mw_cgroups_refresh);
}

static int cgroup_walk(lua_State *L)
{
  return push_generation(L, mw_cgroups_walk);
}

/* ---- One container ---- */

static int cgroup_read(lua_State *L)
{
  const char *id = mw_lua_check_cstring(L, 1);
  struct mw_context *context = mw_lua_context(L);
  struct mw_error err;
  struct mw_cgroups *cgroups = own_cgroups(L, &err);
  struct mw_cgroup_sample *sample = &mw_lua_scratch(L)->container;

  if (!cgroups || mw_cgroups_read(cgroups, id, mw_host_cpu_count(mw_context_host(context)),
                                  MW_FIGURE_SET_ALL, sample, &err) < 0)
    return mw_lua_fail(L, &err);
  mw_lua_push_sample(L, MW_FIGURE_SET_ALL, sample);
  mw_lua_push_io_devices(L, sample);
  return 2;
}

/* ---- What is known about the host and the module ---- */

static int cgroup_controllers(lua_State *L)
{
  struct mw_error err;
  struct mw_cgroups *cgroups = own_cgroups(L, &err);

  if (!cgroups)
    return mw_lua_fail(L, &err);
  lua_newtable(L);
  for (int i = 0; i < MW_CONTROLLER_COUNT; i++) {
    struct mw_controller_info info;
    mw_cgroups_controller(cgroups, (enum mw_controller)i, &info);
    if (info.version == 0)
      continue;
    lua_createtable(L, 0, 2);
    mw_lua_set_number(L, "version", info.version);
    mw_lua_set_text(L, "mount_path", info.mount_path);
    lua_setfield(L, -2, mw_controller_name((enum mw_controller)i, 2));
  }
  return 1;
}

static void push_source(lua_State *L, const struct mw_figure_source *source)
{
  lua_createtable(L, 0, 7);
  mw_lua_set_number(L, "version", source->version);
  mw_lua_set_text(L, "controller", mw_controller_name(source->controller, source->version));
  mw_lua_set_text(L, "file", source->file);
  mw_lua_set_text(L, "key", source->key);
  mw_lua_set_number(L, "scale", (double)source->scale);
  mw_lua_set_boolean(L, "optional", source->optional);
  mw_lua_set_boolean(L, "of_pod", source->of_pod);
}

static int cgroup_figures(lua_State *L)
{
  struct mw_figure_source source;

  lua_createtable(L, MW_FIGURE_COUNT, 0);
  for (int i = 0; i < MW_FIGURE_COUNT; i++) {
    const struct mw_figure_info *info = mw_figure_info((enum mw_figure)i);
    lua_createtable(L, 0, 4);
    mw_lua_set_text(L, "name", info->name);
    mw_lua_set_text(L, "unit", info->unit);
    mw_lua_set_text(L, "text", info->text);
    lua_newtable(L);
    lua_setfield(L, -2, "sources");
    lua_rawseti(L, -2, i + 1);
  }
  for (size_t i = 0; mw_figure_source(i, &source); i++) {
    lua_rawgeti(L, -1, (int)source.figure + 1);
    lua_getfield(L, -1, "sources");
    push_source(L, &source);
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
    lua_pop(L, 2);
  }
  return 1;
}

static int cgroup_usage(lua_State *L)
{
  struct mw_error err;
  struct mw_cgroups *cgroups = own_cgroups(L, &err);
  struct mw_cgroups_usage usage;

  if (!cgroups)
    return mw_lua_fail(L, &err);
  mw_cgroups_usage(cgroups, &usage);
  lua_createtable(L, 0, 7);
  mw_lua_set_number(L, "containers", (double)usage.containers);
  mw_lua_set_number(L, "directories", (double)usage.directories);
  mw_lua_set_number(L, "inotify_watches", (double)usage.inotify_watches);
  mw_lua_set_number(L, "kept_files", (double)usage.kept_files);
  mw_lua_set_number(L, "kept_files_max", (double)usage.kept_files_max);
  mw_lua_set_number(L, "walks_total", (double)usage.walks_total);
  mw_lua_set_boolean(L, "inotify_trusted", usage.inotify_trusted);
  return 1;
}

static int problems_gc(lua_State *L)
{
  mw_problems_deinit(lua_touserdata(L, 1));
  return 0;
}

/* The problems since the last call; the box owns them while Lua may raise. */
static int cgroup_problems(lua_State *L)
{
  struct mw_context *context = mw_lua_context(L);
  struct mw_problems *problems = mw_lua_push_box(L, sizeof *problems, problems_gc);

  mw_context_take_problems(context, problems);
  lua_createtable(L, (int)problems->count, 0);
  for (size_t i = 0; i < problems->count; i++) {
    lua_pushstring(L, problems->texts[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_pushnumber(L, (lua_Number)problems->dropped_count);
  return 2;
}

const luaL_Reg mw_lua_cgroup_functions[] = {
    {"containers", cgroup_containers},
    {"controllers", cgroup_controllers},
    {"figures", cgroup_figures},
    {"problems", cgroup_problems},
    {"read", cgroup_read},
    {"refresh", cgroup_refresh},
    {"usage", cgroup_usage},
    {"walk", cgroup_walk},
    {NULL, NULL},
};
