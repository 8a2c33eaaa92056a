/* The collector of the kubelet: one stats summary has the numbers of all containers. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "stats/kubelet_readings.h"
#include "stats/kubelet_table.h"
#include "stats/refresh.h"

#define TIMEOUT_DEFAULT_MS 10000
#define REFRESH_WAIT_DEFAULT_MS 1000
#define RETENTION_DEFAULT_MS 30000

#define PRIORITY 2
#define KINDS (1U << MW_STATS_CONTAINER | 1U << MW_STATS_NETWORK)

struct mw_stats_kubelet_source {
  struct mw_stats_kubelet_config config;
  struct mw_refresh *refresh;
  pthread_mutex_t mutex; /* guards all below; never held while the kubelet is asked */
  struct mw_kubelet_table table;
  bool has_answered; /* or failed */
  int64_t answered_ns;
  struct mw_error failure; /* of the last request; code 0: it succeeded */
};

/* ---- A request ---- */

struct storing {
  struct mw_stats_kubelet_source *source;
  int64_t now_ns;
};

static int store(void *data, const char *id, const struct mw_cgroup_sample *figures,
                 const struct mw_network_sample *network, struct mw_error *err)
{
  const struct storing *storing = data;

  return mw_kubelet_table_store(&storing->source->table, id, figures, network, storing->now_ns,
                                err);
}

static int store_all(struct mw_stats_kubelet_source *source,
                     const struct mw_kubelet_summary *summary,
                     const struct mw_kubelet_moment *complete, struct mw_error *err)
{
  const struct mw_stats_kubelet_config *config = &source->config;
  struct storing storing = {.source = source, .now_ns = complete->monotonic_ns};
  struct mw_kubelet_lookup lookup = {0};

  int rc = config->look(config->data, &lookup, err);
  if (rc < 0)
    return rc;
  pthread_mutex_lock(&source->mutex);
  rc = mw_kubelet_each_reading(summary, &lookup, complete, store, &storing, err);
  pthread_mutex_unlock(&source->mutex);
  if (config->look_end)
    config->look_end(config->data, &lookup);
  return rc;
}

/* A failure is as old as its end, like numbers: else a slow kubelet would be asked again by
 * everybody. */
static void note_answer(struct mw_stats_kubelet_source *source, int rc,
                        const struct mw_error *failure)
{
  pthread_mutex_lock(&source->mutex);
  source->has_answered = true;
  source->answered_ns = mw_clock_monotonic_ns(source->config.clock);
  source->failure.code = 0;
  if (rc < 0)
    mw_error_set(&source->failure, -rc, "%s", failure->text);
  pthread_mutex_unlock(&source->mutex);
}

static void ask_kubelet(void *data)
{
  struct mw_stats_kubelet_source *source = data;
  const struct mw_clock *clock = source->config.clock;
  struct mw_error failure = {.code = EIO, .text = "the kubelet gave no summary"};

  struct mw_kubelet_summary *summary =
      source->config.fetch(source->config.data, source->config.timeout_ms, &failure);
  int rc = summary ? 0 : -failure.code;
  if (summary) {
    const struct mw_kubelet_moment complete = {.wall_ns = mw_clock_wall_ns(clock),
                                               .monotonic_ns = mw_clock_monotonic_ns(clock)};
    rc = store_all(source, summary, &complete, &failure);
  }
  mw_kubelet_summary_free(summary);
  note_answer(source, rc, &failure);
}

static void cancel(void *data)
{
  const struct mw_stats_kubelet_config *config = &((struct mw_stats_kubelet_source *)data)->config;

  if (config->cancel)
    config->cancel(config->data);
}

/* ---- A reading ---- */

static bool is_fresh(const struct mw_stats_kubelet_source *source, int64_t stored_ns,
                     int64_t max_age_ms)
{
  int64_t age_ns = mw_clock_monotonic_ns(source->config.clock) - stored_ns;

  return max_age_ms > 0 &&
         (max_age_ms > INT64_MAX / MW_NS_PER_MS || age_ns <= max_age_ms * MW_NS_PER_MS);
}

/* What is known without a request. @return 1: the reading is in @p out, 0: the kubelet is to be
 * asked, or a negative errno. With the mutex held. */
static int look_up(struct mw_stats_kubelet_source *source, const char *id, int64_t max_age_ms,
                   struct mw_kubelet_known *out, struct mw_error *err)
{
  bool is_known = mw_kubelet_table_find(&source->table, id, out);

  if (is_known && is_fresh(source, out->stored_ns, max_age_ms))
    return 1;
  if (!source->has_answered || !is_fresh(source, source->answered_ns, max_age_ms))
    return 0;
  if (source->failure.code != 0)
    return mw_error_set(err, source->failure.code, "%s", source->failure.text);
  return mw_error_set(err, ENOENT, "the kubelet has no numbers of container %s", id);
}

/* What a request has brought, or what there is while it is on its way. */
static int look_up_after(struct mw_stats_kubelet_source *source, const char *id, int wait_rc,
                         struct mw_kubelet_known *out, struct mw_error *err)
{
  bool is_known = mw_kubelet_table_find(&source->table, id, out);

  if (wait_rc < 0 && !(wait_rc == -ETIMEDOUT && is_known))
    return wait_rc;
  if (wait_rc == 0 && source->failure.code != 0)
    return mw_error_set(err, source->failure.code, "%s", source->failure.text);
  return is_known ? 1 : mw_error_set(err, ENOENT, "the kubelet has no numbers of container %s", id);
}

/* Locks the mutex, which the caller unlocks. @return 0, or a negative errno. */
static int find(struct mw_stats_kubelet_source *source, const struct mw_stats_request *request,
                struct mw_kubelet_known *out, struct mw_error *err)
{
  const char *id = request->container.id;

  pthread_mutex_lock(&source->mutex);
  int rc = look_up(source, id, request->max_age_ms, out, err);
  if (rc == 0) {
    pthread_mutex_unlock(&source->mutex);
    int wait_rc = mw_refresh_wait(source->refresh, request->deadline_ns, err);
    pthread_mutex_lock(&source->mutex);
    rc = look_up_after(source, id, wait_rc, out, err);
  }
  return rc < 0 ? rc : 0;
}

static int read_container(void *data, const struct mw_stats_request *request,
                          struct mw_cgroup_sample *out, struct mw_error *err)
{
  struct mw_stats_kubelet_source *source = data;
  struct mw_kubelet_known known;

  int rc = find(source, request, &known, err);
  if (rc == 0)
    rc = mw_cgroup_sample_copy(out, known.figures, err);
  pthread_mutex_unlock(&source->mutex);
  return rc;
}

static int read_network(void *data, const struct mw_stats_request *request,
                        struct mw_network_sample *out, struct mw_error *err)
{
  struct mw_stats_kubelet_source *source = data;
  struct mw_kubelet_known known;

  int rc = find(source, request, &known, err);
  if (rc == 0)
    rc = mw_network_sample_copy(out, known.network, err);
  pthread_mutex_unlock(&source->mutex);
  return rc;
}

static void sweep(void *data)
{
  struct mw_stats_kubelet_source *source = data;
  int64_t retention_ns = source->config.retention_ms * MW_NS_PER_MS;

  pthread_mutex_lock(&source->mutex);
  mw_kubelet_table_sweep(&source->table,
                         mw_clock_monotonic_ns(source->config.clock) - retention_ns);
  pthread_mutex_unlock(&source->mutex);
}

/* ---- The object ---- */

static void set_defaults(struct mw_stats_kubelet_config *config)
{
  if (!config->clock)
    config->clock = mw_clock_system();
  if (config->timeout_ms <= 0)
    config->timeout_ms = TIMEOUT_DEFAULT_MS;
  if (config->refresh_wait_ms <= 0)
    config->refresh_wait_ms = REFRESH_WAIT_DEFAULT_MS;
  if (config->retention_ms <= 0)
    config->retention_ms = RETENTION_DEFAULT_MS;
}

struct mw_stats_kubelet_source *
mw_stats_kubelet_source_new(const struct mw_stats_kubelet_config *config, struct mw_error *err)
{
  if (!config->fetch || !config->look) {
    mw_error_set(err, EINVAL, "a source of a kubelet's numbers needs fetch and look");
    return NULL;
  }
  struct mw_stats_kubelet_source *source = calloc(1, sizeof *source);
  if (!source) {
    mw_error_set(err, ENOMEM, "out of memory for a source of a kubelet's numbers");
    return NULL;
  }
  source->config = *config;
  set_defaults(&source->config);
  pthread_mutex_init(&source->mutex, NULL);
  const struct mw_refresh_config refresh = {.what = "the kubelet's summary",
                                            .data = source,
                                            .job = ask_kubelet,
                                            .cancel = cancel,
                                            .later_wait_ns =
                                                source->config.refresh_wait_ms * MW_NS_PER_MS,
                                            .without_thread = config->without_thread};
  source->refresh = mw_refresh_new(&refresh, err);
  if (source->refresh)
    return source;
  mw_stats_kubelet_source_free(source);
  return NULL;
}

void mw_stats_kubelet_source_free(struct mw_stats_kubelet_source *source)
{
  if (!source)
    return;
  mw_refresh_free(source->refresh);
  mw_kubelet_table_deinit(&source->table);
  pthread_mutex_destroy(&source->mutex);
  free(source);
}

/* Containers that nobody said the runtime of may be the kubelet's; those of other runtimes are not.
 */
struct mw_stats_collector mw_stats_kubelet_collector(struct mw_stats_kubelet_source *source)
{
  static const struct mw_stats_offer offers[] = {
      {.runtime = "", .kinds = KINDS, .priority = PRIORITY},
      {.runtime = "containerd", .kinds = KINDS, .priority = PRIORITY},
      {.runtime = "cri-o", .kinds = KINDS, .priority = PRIORITY},
      {.runtime = "docker", .kinds = KINDS, .priority = PRIORITY},
  };

  return (struct mw_stats_collector){.name = "kubelet",
                                     .data = source,
                                     .offers = offers,
                                     .offers_count = sizeof offers / sizeof *offers,
                                     .container = read_container,
                                     .network = read_network,
                                     .sweep = sweep};
}
