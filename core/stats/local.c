/* The collector of this host: cgroups and /proc. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "stats/process_id.h"
#include "stats/procmap.h"

/* A walk costs some microseconds for each process of the host, so for finding any live process of a
 * container, which is checked when it is used, one has to do for all containers of a pass. */
#define WITNESS_WALK_MAX_AGE_MS 1000
/* What nobody asked for during this time is not worth its memory. */
#define WALK_RETENTION_MS 60000

struct mw_stats_cgroup_source {
  struct mw_stats_cgroup_config config;
  struct mw_procmap *processes; /* NULL: there is no proc */
};

/* ---- Processes ---- */

static bool leaves_out_hidden(const struct mw_stats_cgroup_source *source)
{
  struct mw_controller_info info;

  for (int i = 0; i < MW_CONTROLLER_COUNT; i++) {
    mw_cgroups_controller(source->config.cgroups, (enum mw_controller)i, &info);
    if (info.version == 1)
      return true;
  }
  return false;
}

/* As the kernel counts them, whoever can see them. @return 0; -ENODATA where it does not count;
 * -ENOMEM. */
static int count_tasks(struct mw_stats_cgroup_source *source, const char *id, uint64_t *tasks)
{
  struct mw_cgroup_sample sample = {0};
  uint32_t cpus = mw_host_cpu_count(source->config.host);

  int rc = mw_cgroups_read(source->config.cgroups, id, cpus, mw_figure_set_of(MW_PIDS_CURRENT),
                           &sample, NULL);
  bool known = rc == 0 && mw_figures_get(&sample.figures, MW_PIDS_CURRENT, tasks);
  mw_cgroup_sample_deinit(&sample);
  if (known)
    return 0;
  return rc == -ENOMEM ? rc : -ENODATA;
}

/* Does the list say how many there are, and who? It calls them what this process's own pid
 * namespace does; what cannot be seen from there is 0 in version 2, and left out in version 1. */
static bool tells(struct mw_stats_cgroup_source *source, const char *id, const struct mw_pids *pids)
{
  uint64_t tasks;

  if (pids->count > 0)
    return mw_proc_has_own_pids(source->config.proc);
  if (pids->hidden_count > 0)
    return false;
  return mw_proc_sees_all_pids(source->config.proc) || !leaves_out_hidden(source) ||
         (count_tasks(source, id, &tasks) == 0 && tasks == 0);
}

/* What the list says where nobody knows who is meant. @return 0, or -EACCES when it is empty, and
 * the container is not. */
static int count_alone(struct mw_stats_cgroup_source *source, const char *id, struct mw_pids *pids,
                       struct mw_error *err)
{
  uint64_t tasks = 0;

  pids->hidden_count += pids->count;
  pids->count = 0;
  if (pids->hidden_count > 0 || count_tasks(source, id, &tasks) < 0 || tasks == 0)
    return 0;
  return mw_error_set(err, EACCES,
                      "no process of container %s can be seen from this pid namespace: share the "
                      "host's, or mount its /proc and use --host-root",
                      id);
}

/* Where the map does not help either, what cgroup.procs said stands: how many are hidden, or why it
 * cannot be read. */
static int find_processes(struct mw_stats_cgroup_source *source, const char *id, int64_t max_age_ms,
                          struct mw_pids *out, int64_t *read_ns, struct mw_error *err)
{
  int rc = mw_cgroups_processes(source->config.cgroups, id, out, err);

  *read_ns = mw_clock_monotonic_ns(source->config.clock);
  if (rc == -ENOENT || rc == -ENOMEM || (rc == 0 && tells(source, id, out)))
    return rc;
  int map_rc = mw_procmap_find(source->processes, id, max_age_ms, out, read_ns, NULL);
  if (map_rc == -ENOMEM)
    return mw_error_set(err, ENOMEM, "out of memory for the processes of container %s", id);
  if (map_rc == 0 || rc < 0)
    return map_rc == 0 ? 0 : rc;
  return count_alone(source, id, out, err);
}

/* The kernel leaves a process that has ended out of cgroup.procs, and counts it until somebody has
 * waited for it. */
static int find_lack(struct mw_stats_cgroup_source *source, const char *id,
                     const struct mw_process_totals *totals, bool *lacks, struct mw_error *err)
{
  uint64_t tasks = 0;

  *lacks = false;
  if (!totals->threads_present)
    return 0;
  int rc = count_tasks(source, id, &tasks);
  if (rc == -ENOMEM)
    return mw_error_set(err, ENOMEM, "out of memory for the tasks of container %s", id);
  *lacks = rc == 0 && tasks > totals->threads_count;
  return 0;
}

static bool is_zombie(struct mw_proc *proc, int32_t pid)
{
  struct mw_process process;

  return mw_proc_process(proc, pid, &process, NULL) == 0 && process.state == 'Z';
}

/* Those of a container inside of this one are that one's. */
static int add_zombies(struct mw_stats_cgroup_source *source,
                       const struct mw_stats_request *request, struct mw_pids *out,
                       struct mw_error *err)
{
  struct mw_pids found = {0};
  int64_t read_ns;

  int rc = mw_procmap_find(source->processes, request->container.id, request->max_age_ms, &found,
                           &read_ns, err);
  for (size_t i = 0; rc == 0 && i < found.count; i++)
    if (is_zombie(source->config.proc, found.pids[i]))
      rc = mw_pids_append(out, found.pids[i], err);
  mw_pids_sort(out);
  mw_pids_deinit(&found);
  return rc == -ENOMEM ? rc : 0; /* what no walk finds stays unknown */
}

static int read_processes(void *data, const struct mw_stats_request *request,
                          struct mw_process_sample *out, struct mw_error *err)
{
  struct mw_stats_cgroup_source *source = data;
  bool lacks = false;

  int rc = find_processes(source, request->container.id, request->max_age_ms, &out->pids,
                          &out->read_ns, err);
  if (rc == 0)
    rc = mw_proc_totals(source->config.proc, &out->pids, &out->totals, err);
  if (rc == 0)
    rc = find_lack(source, request->container.id, &out->totals, &lacks, err);
  if (rc < 0 || !lacks)
    return rc;
  rc = add_zombies(source, request, &out->pids, err);
  return rc == 0 ? mw_proc_totals(source->config.proc, &out->pids, &out->totals, err) : rc;
}

/* ---- Network ---- */

struct witness_search {
  struct mw_stats_cgroup_source *source;
  const char *id;
};

static int find_witnesses(void *data, struct mw_pids *out, struct mw_error *err)
{
  const struct witness_search *search = data;
  int64_t read_ns;

  return find_processes(search->source, search->id, WITNESS_WALK_MAX_AGE_MS, out, &read_ns, err);
}

static int64_t age_ns(int64_t age_ms)
{
  if (age_ms <= 0)
    return 0;
  return age_ms > INT64_MAX / MW_NS_PER_MS ? INT64_MAX : age_ms * MW_NS_PER_MS;
}

static int read_network(void *data, const struct mw_stats_request *request,
                        struct mw_network_sample *out, struct mw_error *err)
{
  struct mw_stats_cgroup_source *source = data;
  struct witness_search search = {.source = source, .id = request->container.id};

  struct mw_container_places *places = request->container.places;

  return mw_proc_network_at(source->config.proc, places ? &places->network : NULL,
                            request->container.id, age_ns(request->max_age_ms), find_witnesses,
                            &search, out, err);
}

/* ---- The others ---- */

static int read_container(void *data, const struct mw_stats_request *request,
                          struct mw_cgroup_sample *out, struct mw_error *err)
{
  const struct mw_stats_cgroup_source *source = data;

  struct mw_container_places *places = request->container.places;

  return mw_cgroups_read_at(source->config.cgroups, places ? &places->cgroup : NULL,
                            request->container.id, mw_host_cpu_count(source->config.host),
                            request->wanted, out, err);
}

static int read_id_of_pid(void *data, int32_t pid, char id[static MW_CGROUP_ID_BYTES],
                          struct mw_error *err)
{
  const struct mw_stats_cgroup_config *config = &((struct mw_stats_cgroup_source *)data)->config;
  MW_AUTO_FREE char *text = malloc(MW_PROC_CGROUP_TEXT_BYTES);

  if (!text)
    return mw_error_set(err, ENOMEM, "out of memory for the cgroup of process %d", pid);
  return mw_process_id_read(config->proc, config->recognizers, pid, text, id, err);
}

static int find_id_of_inode(void *data, uint64_t inode, char id[static MW_CGROUP_ID_BYTES],
                            struct mw_error *err)
{
  const struct mw_stats_cgroup_source *source = data;

  return mw_cgroups_id_of_inode(source->config.cgroups, inode, id, err);
}

static int find_own_id(void *data, char id[static MW_CGROUP_ID_BYTES], struct mw_error *err)
{
  const struct mw_stats_cgroup_source *source = data;

  return mw_cgroups_own_container_id(source->config.cgroups, id, err);
}

static void sweep(void *data)
{
  struct mw_stats_cgroup_source *source = data;

  if (!source->processes)
    return;
  mw_proc_sweep(source->config.proc);
  mw_procmap_sweep(source->processes, WALK_RETENTION_MS);
}

/* ---- The object ---- */

struct mw_stats_cgroup_source *
mw_stats_cgroup_source_new(const struct mw_stats_cgroup_config *config, struct mw_error *err)
{
  struct mw_stats_cgroup_source *source = calloc(1, sizeof *source);

  if (!source) {
    mw_error_set(err, ENOMEM, "out of memory for a source of statistics");
    return NULL;
  }
  source->config = *config;
  if (!config->clock)
    source->config.clock = mw_clock_system();
  if (!config->proc)
    return source;
  source->processes = mw_procmap_new(config->proc, source->config.clock, config->recognizers, err);
  if (source->processes)
    return source;
  mw_stats_cgroup_source_free(source);
  return NULL;
}

void mw_stats_cgroup_source_free(struct mw_stats_cgroup_source *source)
{
  if (!source)
    return;
  mw_procmap_free(source->processes);
  free(source);
}

struct mw_stats_collector mw_stats_cgroup_collector(struct mw_stats_cgroup_source *source)
{
  static const struct mw_stats_offer all = {
      .kinds = 1U << MW_STATS_CONTAINER | 1U << MW_STATS_NETWORK | 1U << MW_STATS_PROCESSES};
  static const struct mw_stats_offer containers = {.kinds = 1U << MW_STATS_CONTAINER};
  bool has_proc = source->config.proc != NULL;

  return (struct mw_stats_collector){.name = "cgroup",
                                     .data = source,
                                     .offers = has_proc ? &all : &containers,
                                     .offers_count = 1,
                                     .container = read_container,
                                     .network = has_proc ? read_network : NULL,
                                     .processes = has_proc ? read_processes : NULL,
                                     .id_of_pid = has_proc ? read_id_of_pid : NULL,
                                     .id_of_inode = find_id_of_inode,
                                     .own_id = find_own_id,
                                     .sweep = sweep};
}
