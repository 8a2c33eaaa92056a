#include "stats/procmap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "stats/process_id.h"

struct container {
  UT_hash_handle hh; /* by id */
  struct mw_pids pids;
  char id[MW_CGROUP_ID_BYTES];
};

struct mw_procmap {
  struct mw_proc *proc;
  const struct mw_clock *clock;
  mw_cgroup_recognizer *const *recognizers;
  pthread_mutex_t mutex; /* guards all below, and is held during a walk */
  bool walked;
  int64_t walked_ns;
  struct container *containers;
  char text[MW_PROC_CGROUP_TEXT_BYTES];
};

/* ---- Life cycle ---- */

struct mw_procmap *mw_procmap_new(struct mw_proc *proc, const struct mw_clock *clock,
                                  mw_cgroup_recognizer *const *recognizers, struct mw_error *err)
{
  struct mw_procmap *map = calloc(1, sizeof *map);

  if (!map) {
    mw_error_set(err, ENOMEM, "out of memory for a map of processes");
    return NULL;
  }
  map->proc = proc;
  map->clock = clock;
  map->recognizers = recognizers;
  pthread_mutex_init(&map->mutex, NULL);
  return map;
}

static void free_containers(struct container **containers)
{
  struct container *container, *next = *containers;

  HASH_CLEAR(hh, *containers); /* the table, not what is in it */
  while ((container = next)) {
    next = container->hh.next;
    mw_pids_deinit(&container->pids);
    free(container);
  }
}

static void forget(struct mw_procmap *map)
{
  free_containers(&map->containers);
  map->walked = false;
}

void mw_procmap_free(struct mw_procmap *map)
{
  if (!map)
    return;
  forget(map);
  pthread_mutex_destroy(&map->mutex);
  free(map);
}

/* ---- A walk ---- */

static struct container *find_or_add(struct container **containers, const char *id)
{
  struct container *container;

  HASH_FIND_STR(*containers, id, container);
  if (container)
    return container;
  container = calloc(1, sizeof *container);
  if (!container)
    return NULL;
  memcpy(container->id, id, sizeof container->id);
  HASH_ADD_STR(*containers, id, container);
  if (container->hh.tbl)
    return container;
  free(container);
  return NULL;
}

struct walk {
  struct mw_procmap *map;
  struct container *containers;
  struct mw_error *err;
  int rc;
};

/* A process that has ended meanwhile, or cannot be looked at, or is in no container, is left out; a
 * lack of this process's own would leave out all of them, and ends the walk. */
static bool see_process(void *data, int32_t pid)
{
  struct walk *walk = data;
  struct mw_procmap *map = walk->map;
  char id[MW_CGROUP_ID_BYTES];
  struct mw_error problem;

  int rc = mw_process_id_read(map->proc, map->recognizers, pid, map->text, id, &problem);
  if (rc == -EMFILE || rc == -ENFILE || rc == -ENOMEM) {
    walk->rc = mw_error_set(walk->err, -rc, "%s", problem.text);
    return false;
  }
  if (rc < 0)
    return true;
  struct container *container = find_or_add(&walk->containers, id);
  walk->rc = container ? mw_pids_append(&container->pids, pid, walk->err)
                       : mw_error_set(walk->err, ENOMEM, "out of memory for a map of processes");
  return walk->rc == 0;
}

static int walk_processes(struct mw_procmap *map, struct mw_error *err)
{
  struct walk walk = {.map = map, .err = err};

  int rc = mw_proc_each(map->proc, see_process, &walk, err);
  if (rc == 0)
    rc = walk.rc;
  if (rc < 0) {
    free_containers(&walk.containers);
    return rc;
  }
  free_containers(&map->containers);
  map->containers = walk.containers;
  map->walked = true;
  map->walked_ns = mw_clock_monotonic_ns(map->clock);
  return 0;
}

/* ---- What others ask for ---- */

static bool is_older(const struct mw_procmap *map, int64_t max_age_ms)
{
  int64_t age_ns = mw_clock_monotonic_ns(map->clock) - map->walked_ns;

  return max_age_ms <= 0 || (age_ns + MW_NS_PER_MS - 1) / MW_NS_PER_MS > max_age_ms;
}

static int find(struct mw_procmap *map, const char *id, int64_t max_age_ms, struct mw_pids *out,
                int64_t *read_ns, struct mw_error *err)
{
  struct container *container;

  if (!map->walked || is_older(map, max_age_ms)) {
    int rc = walk_processes(map, err);
    if (rc < 0 && !map->walked)
      return rc;
  }
  HASH_FIND_STR(map->containers, id, container);
  if (!container)
    return mw_error_set(err, ENOENT, "no process is in container %s", id);
  int rc = mw_pids_copy(out, &container->pids, err);
  if (rc == 0)
    *read_ns = map->walked_ns;
  return rc;
}

int mw_procmap_find(struct mw_procmap *map, const char *id, int64_t max_age_ms, struct mw_pids *out,
                    int64_t *read_ns, struct mw_error *err)
{
  pthread_mutex_lock(&map->mutex);
  int rc = find(map, id, max_age_ms, out, read_ns, err);
  pthread_mutex_unlock(&map->mutex);
  return rc;
}

void mw_procmap_sweep(struct mw_procmap *map, int64_t max_age_ms)
{
  pthread_mutex_lock(&map->mutex);
  if (map->walked && is_older(map, max_age_ms))
    forget(map);
  pthread_mutex_unlock(&map->mutex);
}
