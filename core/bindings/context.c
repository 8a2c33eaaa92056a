#include "bindings/context.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bindings/kubelet_numbers.h"

struct mw_context {
  char *host_root, *proc_root, *state_dir;
  struct mw_context_config config;
  struct mw_host *host;
  struct mw_inventory *inventory;
  struct mw_kubelet_access *kubelet;
  atomic_bool inventory_wanted;

  pthread_mutex_t mutex; /* guards what is opened late */
  struct mw_cgroups *cgroups;
  struct mw_proc *proc;
  struct mw_stats *stats;
  struct mw_stats_cgroup_source *stats_source;
  struct mw_kubelet_numbers *kubelet_numbers;
  struct mw_store *store;

  pthread_mutex_t problems_mutex;
  struct mw_problems problems;
  struct mw_log_limit problems_limit;
};

static char *copy_text(const char *text)
{
  return text ? strdup(text) : NULL;
}

static struct mw_kubelet_access *open_kubelet(const struct mw_context *context,
                                              const struct mw_context_config *config,
                                              struct mw_error *err)
{
  struct mw_kubelet_config kubelet = {0};

  if (config->kubelet)
    kubelet = *config->kubelet;
  if (!kubelet.recorded_dir && config->http)
    kubelet.recorded_dir = config->http->recorded_dir;
  if (!kubelet.clock)
    kubelet.clock = config->clock;
  return mw_kubelet_access_new(&kubelet, context->host_root, err);
}

struct mw_context *mw_context_new(const struct mw_context_config *config, struct mw_error *err)
{
  struct mw_context *context = calloc(1, sizeof *context);

  if (!context) {
    mw_error_set(err, ENOMEM, "out of memory for a context");
    return NULL;
  }
  pthread_mutex_init(&context->mutex, NULL);
  pthread_mutex_init(&context->problems_mutex, NULL);
  context->config = *config;
  /* the caller's; copies follow */
  context->config.host_root = context->config.proc_root = context->config.state_dir = NULL;
  context->config.kubelet = NULL;
  context->host_root = copy_text(config->host_root ? config->host_root : "/");
  context->proc_root = copy_text(config->proc_root);
  context->state_dir = copy_text(config->state_dir);
  if (!context->host_root || (config->proc_root && !context->proc_root) ||
      (config->state_dir && !context->state_dir)) {
    mw_error_set(err, ENOMEM, "out of memory for a context");
    goto fail;
  }
  struct mw_host_config host_config = {.host_root = context->host_root,
                                       .proc_root = context->proc_root};
  context->host = mw_host_new(&host_config, err);
  if (!context->host)
    goto fail;
  context->inventory = mw_inventory_new(config->clock, err);
  if (!context->inventory)
    goto fail;
  context->kubelet = open_kubelet(context, config, err);
  if (!context->kubelet)
    goto fail;
  return context;

fail:
  mw_context_free(context);
  return NULL;
}

void mw_context_free(struct mw_context *context)
{
  if (!context)
    return;
  mw_store_free(context->store);
  mw_stats_free(context->stats);
  mw_stats_cgroup_source_free(context->stats_source);
  mw_kubelet_numbers_free(context->kubelet_numbers);
  mw_proc_close(context->proc);
  mw_cgroups_close(context->cgroups);
  mw_kubelet_access_free(context->kubelet);
  mw_inventory_free(context->inventory);
  mw_host_free(context->host);
  mw_problems_deinit(&context->problems);
  pthread_mutex_destroy(&context->problems_mutex);
  pthread_mutex_destroy(&context->mutex);
  free(context->host_root);
  free(context->proc_root);
  free(context->state_dir);
  free(context);
}

const struct mw_clock *mw_context_clock(struct mw_context *context)
{
  return context->config.clock ? context->config.clock : mw_clock_system();
}

const char *mw_context_host_root(struct mw_context *context)
{
  return context->host_root;
}

struct mw_host *mw_context_host(struct mw_context *context)
{
  return context->host;
}

const struct mw_http_access *mw_context_http_access(struct mw_context *context)
{
  static const struct mw_http_access nothing;

  return context->config.http ? context->config.http : &nothing;
}

struct mw_kubelet_access *mw_context_kubelet(struct mw_context *context)
{
  return context->kubelet;
}

struct mw_inventory *mw_context_inventory(struct mw_context *context)
{
  return context->inventory;
}

void mw_context_note_inventory_wanted(struct mw_context *context)
{
  atomic_store_explicit(&context->inventory_wanted, true, memory_order_relaxed);
}

bool mw_context_inventory_wanted(struct mw_context *context)
{
  return atomic_load_explicit(&context->inventory_wanted, memory_order_relaxed);
}

/* ---- Problems ---- */

static void keep_problem(struct mw_problems *problems, const char *text)
{
  char *copy = problems->count < MW_PROBLEMS_MAX ? strdup(text) : NULL;

  if (copy)
    problems->texts[problems->count++] = copy;
  else
    problems->dropped_count++;
}

/* The collection goes on without a file that is missing; what is wrong with one that is there
 * is worth a line now and then. Called with the mutex of the cgroups held. */
static void note_problem(void *data, const char *id, const struct mw_error *problem)
{
  struct mw_context *context = data;

  pthread_mutex_lock(&context->problems_mutex);
  keep_problem(&context->problems, problem->text);
  if (problem->code == ENOENT)
    mw_log(MW_LOG_DEBUG, "cgroup", "%s", problem->text);
  else
    mw_log_limited(&context->problems_limit, MW_LOG_WARN, "cgroup", "%s%s%s", id, *id ? ": " : "",
                   problem->text);
  pthread_mutex_unlock(&context->problems_mutex);
}

void mw_context_take_problems(struct mw_context *context, struct mw_problems *out)
{
  pthread_mutex_lock(&context->problems_mutex);
  *out = context->problems;
  context->problems = (struct mw_problems){0};
  pthread_mutex_unlock(&context->problems_mutex);
}

void mw_problems_deinit(struct mw_problems *problems)
{
  for (size_t i = 0; i < problems->count; i++)
    free(problems->texts[i]);
  *problems = (struct mw_problems){0};
}

/* ---- What is opened late ---- */

static void forward_read(void *data, const char *path)
{
  struct mw_context *context = data;

  context->config.on_read(context->config.on_read_data, path);
}

/* A network namespace saves more than a cgroup file for each descriptor, and there are fewer. */
#define PROC_SHARE 4

static uint32_t kept_files_max(const struct mw_context *context)
{
  return context->config.kept_files_max > 0 ? context->config.kept_files_max
                                            : mw_cgroup_kept_files_default();
}

/* All with the mutex held. */

static struct mw_cgroups *open_cgroups(struct mw_context *context, struct mw_error *err)
{
  if (context->cgroups)
    return context->cgroups;
  uint32_t files = kept_files_max(context);
  struct mw_cgroups_config config = {
      .host_root = context->host_root,
      .proc_root = context->proc_root,
      .clock = context->config.clock,
      .kept_files_max = files - files / PROC_SHARE,
      .on_read = context->config.on_read ? forward_read : NULL,
      .on_problem = note_problem,
      .callback_data = context,
  };
  context->cgroups = mw_cgroups_open(&config, err);
  return context->cgroups;
}

static struct mw_proc *open_proc(struct mw_context *context, struct mw_error *err)
{
  if (context->proc)
    return context->proc;
  uint32_t files = kept_files_max(context) / PROC_SHARE;
  struct mw_proc_config config = {
      .host_root = context->host_root,
      .proc_root = context->proc_root,
      .clock = context->config.clock,
      .kept_files_max = files > 0 ? files : 1, /* 0 would be the default */
      .on_read = context->config.on_read ? forward_read : NULL,
      .callback_data = context,
  };
  context->proc = mw_proc_open(&config, err);
  return context->proc;
}

static struct mw_stats_cgroup_source *open_stats_source(struct mw_context *context,
                                                        struct mw_error *err)
{
  if (context->stats_source)
    return context->stats_source;
  if (!open_cgroups(context, err) || !open_proc(context, err))
    return NULL;
  struct mw_stats_cgroup_config config = {.cgroups = context->cgroups,
                                          .proc = context->proc,
                                          .host = context->host,
                                          .clock = context->config.clock};
  context->stats_source = mw_stats_cgroup_source_new(&config, err);
  return context->stats_source;
}

static int add_cgroup_numbers(struct mw_context *context, struct mw_stats *stats,
                              struct mw_error *err)
{
  struct mw_stats_collector collector = mw_stats_cgroup_collector(context->stats_source);

  return mw_stats_add_collector(stats, &collector, err);
}

/* Recorded answers come at once, and the same run is to give the same. */
static int add_kubelet_numbers(struct mw_context *context, struct mw_stats *stats,
                               struct mw_error *err)
{
  const struct mw_kubelet_numbers_config config = {
      .access = context->kubelet,
      .inventory = context->inventory,
      .clock = context->config.clock,
      .without_thread =
          !context->config.may_start_threads || mw_kubelet_access_is_recorded(context->kubelet)};

  if (!mw_kubelet_access_is_configured(context->kubelet))
    return 0;
  if (!context->kubelet_numbers)
    context->kubelet_numbers = mw_kubelet_numbers_new(&config, err);
  if (!context->kubelet_numbers)
    return -ENOMEM;
  struct mw_stats_collector collector = mw_kubelet_numbers_collector(context->kubelet_numbers);
  return mw_stats_add_collector(stats, &collector, err);
}

/* Where no cgroup can be seen the kubelet may have numbers all the same. */
static struct mw_stats *open_stats(struct mw_context *context, struct mw_error *err)
{
  struct mw_stats_config config = {.clock = context->config.clock};

  if (context->stats)
    return context->stats;
  bool has_cgroups = open_stats_source(context, err) != NULL;
  if (!has_cgroups && !mw_kubelet_access_is_configured(context->kubelet))
    return NULL;
  struct mw_stats *stats = mw_stats_new(&config, err);
  if (stats && ((has_cgroups && add_cgroup_numbers(context, stats, err) < 0) ||
                add_kubelet_numbers(context, stats, err) < 0)) {
    mw_stats_free(stats);
    return NULL;
  }
  context->stats = stats;
  return stats;
}

static struct mw_store *open_store(struct mw_context *context, struct mw_error *err)
{
  char dir[PATH_MAX];
  struct mw_store_config config = {.dir = dir, .set_damaged_aside = true};

  if (context->store)
    return context->store;
  if (!context->state_dir) {
    mw_error_set(err, ENOENT, "no state directory: give --state-dir");
    return NULL;
  }
  if (snprintf(dir, sizeof dir, "%s/" MW_CONTEXT_STORE_DIR, context->state_dir) >=
      (int)sizeof dir) {
    mw_error_set(err, ENAMETOOLONG, "the path of the state directory is too long");
    return NULL;
  }
  context->store = mw_store_open(&config, err);
  if (context->store && mw_store_set_aside_why(context->store))
    mw_log(MW_LOG_ERROR, "store",
           "%s; it was renamed to data.mdb.damaged, and scripts begin with an empty store",
           mw_store_set_aside_why(context->store));
  return context->store;
}

struct mw_cgroups *mw_context_cgroups(struct mw_context *context, struct mw_error *err)
{
  pthread_mutex_lock(&context->mutex);
  struct mw_cgroups *cgroups = open_cgroups(context, err);
  pthread_mutex_unlock(&context->mutex);
  return cgroups;
}

struct mw_proc *mw_context_proc(struct mw_context *context, struct mw_error *err)
{
  pthread_mutex_lock(&context->mutex);
  struct mw_proc *proc = open_proc(context, err);
  pthread_mutex_unlock(&context->mutex);
  return proc;
}

struct mw_stats *mw_context_stats(struct mw_context *context, struct mw_error *err)
{
  pthread_mutex_lock(&context->mutex);
  struct mw_stats *stats = open_stats(context, err);
  pthread_mutex_unlock(&context->mutex);
  return stats;
}

struct mw_store *mw_context_store(struct mw_context *context, struct mw_error *err)
{
  pthread_mutex_lock(&context->mutex);
  struct mw_store *store = open_store(context, err);
  pthread_mutex_unlock(&context->mutex);
  return store;
}

void mw_context_usage(struct mw_context *context, struct mw_context_usage *out)
{
  struct mw_cgroups_usage cgroups_usage;
  struct mw_proc_usage proc_usage;

  *out = (struct mw_context_usage){0};
  pthread_mutex_lock(&context->mutex);
  struct mw_cgroups *cgroups = context->cgroups;
  struct mw_proc *proc = context->proc;
  struct mw_stats *stats = context->stats;
  pthread_mutex_unlock(&context->mutex);
  if (cgroups) {
    mw_cgroups_usage(cgroups, &cgroups_usage);
    mw_cgroups_count_failed(cgroups, out->figures_failed);
    out->kept_files += cgroups_usage.kept_files;
    out->kept_files_max += cgroups_usage.kept_files_max;
  }
  if (proc) {
    mw_proc_usage(proc, &proc_usage);
    out->kept_files += proc_usage.kept_files;
    out->kept_files_max += proc_usage.kept_files_max;
  }
  if (stats)
    mw_stats_presence(stats, &out->presence);
}

void mw_context_sweep(struct mw_context *context)
{
  pthread_mutex_lock(&context->mutex);
  struct mw_stats *stats = context->stats;
  pthread_mutex_unlock(&context->mutex);
  mw_inventory_sweep(context->inventory);
  if (stats)
    mw_stats_sweep(stats);
}
