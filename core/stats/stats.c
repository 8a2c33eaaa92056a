#include "moonwatch/stats.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "stats/cache.h"
#include "stats/collectors.h"
#include "stats/deadline.h"

#define RETENTION_DEFAULT_MS 30000
#define WAIT_MAX_DEFAULT_MS 10000
#define ENTRIES_MAX_DEFAULT 100000

struct mw_stats {
  struct mw_stats_collectors collectors;
  struct mw_stats_cache *cache;
  int64_t wait_max_ns;
  pthread_mutex_t own_id_mutex;
  char own_id[MW_CGROUP_ID_BYTES]; /* "": not found yet */
};

/* ---- Life cycle ---- */

static int64_t ms_to_ns(int64_t ms)
{
  return ms > INT64_MAX / MW_NS_PER_MS ? INT64_MAX : ms * MW_NS_PER_MS;
}

struct mw_stats *mw_stats_new(const struct mw_stats_config *config, struct mw_error *err)
{
  struct mw_stats *stats = calloc(1, sizeof *stats);

  if (!stats) {
    mw_error_set(err, ENOMEM, "out of memory for statistics");
    return NULL;
  }
  const struct mw_clock *clock = config->clock ? config->clock : mw_clock_system();
  stats->wait_max_ns =
      ms_to_ns(config->wait_max_ms > 0 ? config->wait_max_ms : WAIT_MAX_DEFAULT_MS);
  mw_stats_collectors_init(&stats->collectors, clock);
  pthread_mutex_init(&stats->own_id_mutex, NULL);
  struct mw_stats_cache_config cache_config = {
      .fetch = mw_stats_ask,
      .fetch_data = &stats->collectors,
      .generation = &stats->collectors.generation,
      .clock = clock,
      .retention_ns =
          ms_to_ns(config->retention_ms > 0 ? config->retention_ms : RETENTION_DEFAULT_MS),
      .wait_max_ns = stats->wait_max_ns,
      .entries_max = config->entries_max > 0 ? config->entries_max : ENTRIES_MAX_DEFAULT};
  stats->cache = mw_stats_cache_new(&cache_config, err);
  if (!stats->cache) {
    mw_stats_free(stats);
    return NULL;
  }
  return stats;
}

void mw_stats_free(struct mw_stats *stats)
{
  if (!stats)
    return;
  mw_stats_cache_free(stats->cache);
  mw_stats_collectors_deinit(&stats->collectors);
  pthread_mutex_destroy(&stats->own_id_mutex);
  free(stats);
}

int mw_stats_add_collector(struct mw_stats *stats, const struct mw_stats_collector *collector,
                           struct mw_error *err)
{
  return mw_stats_collectors_add(&stats->collectors, collector, err);
}

/* ---- Readings ---- */

int mw_stats_container(struct mw_stats *stats, const struct mw_container_ref *ref,
                       int64_t max_age_ms, mw_figure_set wanted, struct mw_cgroup_sample *out,
                       struct mw_error *err)
{
  struct mw_stats_request request = {.container = *ref, .max_age_ms = max_age_ms, .wanted = wanted};

  return mw_stats_cache_get(stats->cache, MW_STATS_CONTAINER, &request, out, err);
}

int mw_stats_network(struct mw_stats *stats, const struct mw_container_ref *ref, int64_t max_age_ms,
                     struct mw_network_sample *out, struct mw_error *err)
{
  struct mw_stats_request request = {
      .container = *ref, .max_age_ms = max_age_ms, .wanted = MW_FIGURE_SET_ALL};

  return mw_stats_cache_get(stats->cache, MW_STATS_NETWORK, &request, out, err);
}

int mw_stats_processes(struct mw_stats *stats, const struct mw_container_ref *ref,
                       int64_t max_age_ms, struct mw_process_sample *out, struct mw_error *err)
{
  struct mw_stats_request request = {
      .container = *ref, .max_age_ms = max_age_ms, .wanted = MW_FIGURE_SET_ALL};

  return mw_stats_cache_get(stats->cache, MW_STATS_PROCESSES, &request, out, err);
}

void mw_stats_sweep(struct mw_stats *stats)
{
  struct mw_stats_route route;

  mw_stats_cache_sweep(stats->cache);
  mw_stats_collectors_all(&stats->collectors, &route);
  for (size_t i = 0; i < route.count; i++)
    if (route.collectors[i]->sweep)
      route.collectors[i]->sweep(route.collectors[i]->data);
}

void mw_stats_usage(struct mw_stats *stats, struct mw_stats_usage *out)
{
  mw_stats_cache_usage(stats->cache, out);
  mw_stats_collectors_usage(&stats->collectors, out);
}

void mw_stats_presence(struct mw_stats *stats, struct mw_stats_presence *out)
{
  mw_stats_cache_presence(stats->cache, out);
}

/* ---- Which container is it? ---- */

static int ask_id_of_pid(const struct mw_stats_collector *collector, const void *pid,
                         char id[static MW_CGROUP_ID_BYTES], struct mw_error *err)
{
  return collector->id_of_pid
             ? collector->id_of_pid(collector->data, *(const int32_t *)pid, id, err)
             : -ENOENT;
}

static int ask_id_of_inode(const struct mw_stats_collector *collector, const void *inode,
                           char id[static MW_CGROUP_ID_BYTES], struct mw_error *err)
{
  return collector->id_of_inode
             ? collector->id_of_inode(collector->data, *(const uint64_t *)inode, id, err)
             : -ENOENT;
}

static int ask_own_id(const struct mw_stats_collector *collector, const void *about,
                      char id[static MW_CGROUP_ID_BYTES], struct mw_error *err)
{
  (void)about;
  return collector->own_id ? collector->own_id(collector->data, id, err) : -ENOENT;
}

int mw_stats_id_of_pid(struct mw_stats *stats, int32_t pid, char id[static MW_CGROUP_ID_BYTES],
                       struct mw_error *err)
{
  return mw_stats_ask_everyone(&stats->collectors, ask_id_of_pid, &pid,
                               mw_deadline_after(stats->wait_max_ns), id, err);
}

int mw_stats_id_of_inode(struct mw_stats *stats, uint64_t inode, char id[static MW_CGROUP_ID_BYTES],
                         struct mw_error *err)
{
  return mw_stats_ask_everyone(&stats->collectors, ask_id_of_inode, &inode,
                               mw_deadline_after(stats->wait_max_ns), id, err);
}

static bool own_id_is_known(struct mw_stats *stats, char id[static MW_CGROUP_ID_BYTES])
{
  pthread_mutex_lock(&stats->own_id_mutex);
  bool known = stats->own_id[0] != '\0';
  if (known)
    memcpy(id, stats->own_id, MW_CGROUP_ID_BYTES);
  pthread_mutex_unlock(&stats->own_id_mutex);
  return known;
}

int mw_stats_own_id(struct mw_stats *stats, char id[static MW_CGROUP_ID_BYTES],
                    struct mw_error *err)
{
  if (own_id_is_known(stats, id))
    return 0;
  int rc = mw_stats_ask_everyone(&stats->collectors, ask_own_id, NULL,
                                 mw_deadline_after(stats->wait_max_ns), id, err);
  if (rc < 0)
    return rc;
  pthread_mutex_lock(&stats->own_id_mutex);
  memcpy(stats->own_id, id, MW_CGROUP_ID_BYTES);
  pthread_mutex_unlock(&stats->own_id_mutex);
  return 0;
}
