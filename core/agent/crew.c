#include "agent/crew.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* What a run may take to come to its end by itself, once the agent is to end. */
#define MOMENT_NS (MW_NS_PER_S / 2)

struct mw_crew_script {
  struct mw_crew *crew;
  struct mw_crew_script *next; /* that leaves */
  struct mw_script_job job;
  struct mw_worker *worker;
  bool is_source;
  bool is_ready; /* guarded by the crew's mutex: nobody waits for it any more */
};

static int64_t now_ns(void)
{
  return mw_clock_monotonic_ns(mw_clock_system());
}

void mw_crew_init(struct mw_crew *crew, unsigned parallel_runs)
{
  *crew = (struct mw_crew){.began_ns = now_ns()};
  pthread_mutex_init(&crew->mutex, NULL);
  mw_gate_init(&crew->gate, parallel_runs);
  mw_group_ids_init(&crew->group_ids, 1);
}

void mw_crew_set_shared(struct mw_crew *crew, const struct mw_crew_shared *shared)
{
  crew->shared = *shared;
}

/* ---- Sources first ---- */

/* With the mutex held. */
static void release_all(struct mw_crew *crew)
{
  crew->released = true;
  for (size_t i = 0; i < crew->count; i++)
    mw_worker_release(crew->scripts[i]->worker);
}

/* With the mutex held: the last source to speak lets the others begin. */
static void release_in_time(struct mw_crew *crew)
{
  if (crew->begun && !crew->released && crew->silent == 0)
    release_all(crew);
}

/* A script is ready, or will never be: it goes. */
static void note_ready(void *data)
{
  struct mw_crew_script *script = data;
  struct mw_crew *crew = script->crew;

  pthread_mutex_lock(&crew->mutex);
  if (!script->is_ready) {
    script->is_ready = true;
    crew->unready--;
    crew->silent -= script->is_source;
    release_in_time(crew);
  }
  pthread_mutex_unlock(&crew->mutex);
}

void mw_crew_begin(struct mw_crew *crew)
{
  pthread_mutex_lock(&crew->mutex);
  crew->begun = true;
  release_in_time(crew);
  pthread_mutex_unlock(&crew->mutex);
}

bool mw_crew_is_ready(struct mw_crew *crew)
{
  pthread_mutex_lock(&crew->mutex);
  crew->ready |=
      (crew->begun && crew->unready == 0) || now_ns() - crew->began_ns > MW_CREW_PATIENCE_NS;
  bool is_ready = crew->ready;
  pthread_mutex_unlock(&crew->mutex);
  return is_ready;
}

/* ---- Coming ---- */

static void free_script(struct mw_crew_script *script)
{
  mw_worker_free(script->worker);
  mw_script_job_deinit(&script->job);
  free(script);
}

static const char *kind_of(const struct mw_crew_script *script)
{
  return script->is_source ? "source" : "check";
}

static struct mw_crew_script *new_script(struct mw_crew *crew, const struct mw_script_order *order)
{
  const struct mw_script_settings *settings = order->settings;
  struct mw_crew_script *script = calloc(1, sizeof *script);

  if (!script)
    return NULL;
  script->crew = crew;
  script->is_source = settings->kind == MW_SCRIPT_SOURCE;
  script->job = (struct mw_script_job){
      .context = crew->shared.context,
      .group_ids = &crew->group_ids,
      .queue = crew->shared.queue,
      .folders = crew->shared.folders,
      .slot = mw_running_slot(crew->shared.running, kind_of(script), settings->name),
      .on_ready = note_ready,
      .on_ready_data = script};
  mw_script_job_init(&script->job);
  mw_script_job_order(&script->job, order);
  return script;
}

static int start_worker(struct mw_crew_script *script, const char *name, struct mw_error *err)
{
  struct mw_crew *crew = script->crew;
  struct mw_worker_config config = {.kind = kind_of(script),
                                    .name = name,
                                    .ops = &mw_script_job_ops,
                                    .data = &script->job,
                                    .gate = &crew->gate,
                                    .slot = script->job.slot,
                                    .runs_at_once = script->is_source};

  pthread_mutex_lock(&crew->mutex); /* before its thread may say that it is ready */
  crew->unready++;
  crew->silent += script->is_source;
  pthread_mutex_unlock(&crew->mutex);
  script->worker = mw_worker_start(&config, err);
  if (script->worker)
    return 0;
  note_ready(script);
  return -err->code;
}

static void append(struct mw_crew *crew, struct mw_crew_script *script)
{
  pthread_mutex_lock(&crew->mutex);
  crew->scripts[crew->count++] = script;
  if (crew->released)
    mw_worker_release(script->worker);
  pthread_mutex_unlock(&crew->mutex);
}

int mw_crew_add(struct mw_crew *crew, const struct mw_script_order *order, struct mw_error *err)
{
  const char *name = order->settings->name;

  if (crew->count == MW_SETTINGS_SCRIPTS_MAX)
    return mw_error_set(err, E2BIG, "there are more than %d scripts", MW_SETTINGS_SCRIPTS_MAX);
  struct mw_crew_script *script = new_script(crew, order);
  if (!script)
    return mw_error_set(err, ENOMEM, "out of memory for the script %s", name);
  int rc = start_worker(script, name, err);
  if (rc < 0)
    free_script(script);
  else
    append(crew, script);
  return rc;
}

/* ---- Changing, and going ---- */

void mw_crew_change(struct mw_crew *crew, size_t index, const struct mw_script_order *order,
                    bool anew)
{
  mw_script_job_order(&crew->scripts[index]->job, order);
  if (anew)
    mw_worker_look(crew->scripts[index]->worker, true);
}

void mw_crew_remove(struct mw_crew *crew, size_t index)
{
  struct mw_crew_script *script = crew->scripts[index];

  pthread_mutex_lock(&crew->mutex);
  crew->count--;
  memmove(&crew->scripts[index], &crew->scripts[index + 1],
          (crew->count - index) * sizeof crew->scripts[0]);
  pthread_mutex_unlock(&crew->mutex);
  script->next = crew->leaving;
  crew->leaving = script;
  mw_worker_stop(script->worker);
  note_ready(script);
}

bool mw_crew_is_leaving(const struct mw_crew *crew, const char *name)
{
  for (const struct mw_crew_script *script = crew->leaving; script; script = script->next)
    if (strcmp(mw_worker_name(script->worker), name) == 0)
      return true;
  return false;
}

bool mw_crew_has_leaving(const struct mw_crew *crew)
{
  return crew->leaving != NULL;
}

static void let_go(struct mw_crew *crew, struct mw_crew_script *script)
{
  const char *name = mw_worker_name(script->worker);
  struct mw_inventory *inventory = mw_context_inventory(crew->shared.context);
  struct mw_error err;

  if (script->is_source && mw_inventory_forget(inventory, name, &err) < 0)
    mw_log(MW_LOG_WARN, name, "%s; its last list counts until it is too old", err.text);
  free_script(script);
}

void mw_crew_reap(struct mw_crew *crew)
{
  struct mw_crew_script **at = &crew->leaving;

  while (*at) {
    struct mw_crew_script *script = *at;
    if (!mw_worker_has_ended(script->worker)) {
      at = &script->next;
      continue;
    }
    *at = script->next;
    let_go(crew, script);
  }
}

/* ---- While it works ---- */

enum mw_watch_answer mw_crew_look(struct mw_crew *crew)
{
  enum mw_watch_answer answer = MW_WATCH_SAME;

  pthread_mutex_lock(&crew->mutex);
  if (!crew->released && now_ns() - crew->began_ns > MW_CREW_PATIENCE_NS)
    release_all(crew);
  pthread_mutex_unlock(&crew->mutex);
  for (size_t i = 0; i < crew->count; i++)
    if (mw_worker_look(crew->scripts[i]->worker, false) == MW_WATCH_UNSETTLED)
      answer = MW_WATCH_UNSETTLED;
  return answer;
}

void mw_crew_set_parallel_runs(struct mw_crew *crew, unsigned parallel_runs)
{
  mw_gate_set_places(&crew->gate, parallel_runs);
}

/* ---- The end ---- */

/* Those that leave already are among them. @return NULL: out of memory. */
static struct mw_worker **all_workers(const struct mw_crew *crew, size_t *count)
{
  size_t leaving = 0;

  for (const struct mw_crew_script *script = crew->leaving; script; script = script->next)
    leaving++;
  struct mw_worker **workers = calloc(crew->count + leaving + 1, sizeof(struct mw_worker *));
  *count = 0;
  if (!workers)
    return NULL;
  for (size_t i = 0; i < crew->count; i++)
    workers[(*count)++] = crew->scripts[i]->worker;
  for (const struct mw_crew_script *script = crew->leaving; script; script = script->next)
    workers[(*count)++] = script->worker;
  return workers;
}

static bool wait_for(struct mw_worker *const *workers, size_t count, int64_t deadline_ns)
{
  if (mw_workers_wait(workers, count, now_ns() + MOMENT_NS, deadline_ns))
    return true;
  for (size_t i = 0; i < count; i++)
    if (!mw_worker_has_ended(workers[i]))
      mw_log(MW_LOG_ERROR, mw_worker_name(workers[i]),
             "does not end: something that it waits for does not answer");
  return false;
}

/* Each may still tell the others something until all have ended. */
bool mw_crew_stop(struct mw_crew *crew, int64_t deadline_ns)
{
  size_t count;

  for (size_t i = 0; i < crew->count; i++)
    mw_worker_stop(crew->scripts[i]->worker);
  mw_gate_close(&crew->gate);
  struct mw_worker **workers = all_workers(crew, &count);
  if (!workers) {
    mw_log(MW_LOG_ERROR, "agent", "out of memory for the end of the scripts");
    return false;
  }
  bool all = wait_for(workers, count, deadline_ns);
  free(workers);
  return all;
}

void mw_crew_deinit(struct mw_crew *crew)
{
  for (struct mw_crew_script *script = crew->leaving, *next; script; script = next) {
    next = script->next;
    free_script(script);
  }
  for (size_t i = 0; i < crew->count; i++)
    free_script(crew->scripts[i]);
  mw_gate_deinit(&crew->gate);
  pthread_mutex_destroy(&crew->mutex);
}

/* ---- For others ---- */

size_t mw_crew_count(const struct mw_crew *crew)
{
  return crew->count;
}

struct mw_worker *mw_crew_worker(const struct mw_crew *crew, size_t index)
{
  return crew->scripts[index]->worker;
}

const struct mw_script_settings *mw_crew_settings(const struct mw_crew *crew, size_t index)
{
  return crew->scripts[index]->job.order.settings;
}

const char *const *mw_crew_script_dirs(const struct mw_crew *crew, size_t index)
{
  return crew->scripts[index]->job.order.script_dirs;
}
